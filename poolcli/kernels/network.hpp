// Networks: sorting few cells by minima and maxima alone, of many windows side by side.
#pragma once

#include "batcher.hpp"

namespace POOL_NS {

constexpr int MOST_WIRES = 256;
constexpr int MOST_STEPS = 3840; // of 256 wires: 3839

// Exchanges after which cells stand in order; wire r of order holds the cell of rank r. Those that
// no wanted rank needs are left out, and of others the half that is not needed.
struct Network {
    int wires, low, high; // ranks low ... high are wanted
    int steps;
    Step step[MOST_STEPS];
    uint8_t order[MOST_WIRES];
};

void build_network(Network &network, int wires, int low, int high);

// Whether a network is the best way to the ranks of the call's windows: it costs more the more
// cells there are, but many windows go through it at once.
bool should_exchange(const pool_call &call, int cell_bytes);

namespace {

// Orders the cells of pitch windows (whole vectors), cell k of which begin at values + k * pitch.
template <class T>
void run_network(const Network &network, T *values, i64 pitch) {
    constexpr int N = VECTOR_BYTES / sizeof(T);
    for (int s = 0; s < network.steps; s++) {
        const Step step = network.step[s];
        T *a = values + step.i * pitch, *b = values + step.j * pitch;
        if (step.least && step.largest)
            for (i64 i = 0; i < pitch; i += N) {
                const Vec<T, N> x = read<N>(a + i), y = read<N>(b + i);
                write<N>(a + i, x < y ? x : y);
                write<N>(b + i, x > y ? x : y);
            }
        else if (step.least)
            for (i64 i = 0; i < pitch; i += N) {
                const Vec<T, N> x = read<N>(a + i), y = read<N>(b + i);
                write<N>(a + i, x < y ? x : y);
            }
        else
            for (i64 i = 0; i < pitch; i += N) {
                const Vec<T, N> x = read<N>(a + i), y = read<N>(b + i);
                write<N>(b + i, x > y ? x : y);
            }
    }
}

} // namespace
} // namespace POOL_NS
