#include "network.hpp"

#include "gather.hpp"

namespace POOL_NS {

void build_network(Network &network, int wires, int low, int high) {
    network.wires = wires;
    network.low = low;
    network.high = high;
    Wires<MOST_WIRES> list;
    for (int i = 0; i < wires; i++)
        list.add(u8(i));
    network.steps = 0;
    list = sorted(list, network.step, network.steps);
    bool needed[MOST_WIRES] = {};
    for (int rank = 0; rank < wires; rank++) {
        network.order[rank] = list[rank];
        needed[list[rank]] = rank >= low && rank <= high;
    }
    network.steps = pruned(network.step, network.steps, needed);
}

bool should_exchange(const pool_call &call, int cell_bytes) {
    const i64 cells = most_real_cells(call);
    if (cells > MOST_WIRES)
        return false;
    constexpr i64 most[] = {256, 256, 169, 100, 64}; // by bytes, where windows could slide
    return windows_of_a_cell(call) < 2 || cells <= most[cell_bytes / 2];
}

} // namespace POOL_NS
