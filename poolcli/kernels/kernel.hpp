// What a fold is to the walker: functions that work on rows of states, made from an op's struct.
//
// An op is a struct with
//     using Cell = f32;                                  what its rows hold when they are loaded
//     using Result = f32;                                what it gives
//     template <int N> using State = Acc<N, f64>;        of N accumulators side by side
//     template <int N> static State<N> identity();       the state of no cell at all
//     template <int N> static State<N> load(Vec<Cell, N>);       or (Vec<Cell, N>, Vec<i64, N> place)
//                                     with has_params = true:    (Vec<Cell, N>, const pool_call &)
//     template <int N> static State<N> merge(State<N> first, State<N> second);
//     template <int N> static Vec<Result, N> result(State<N>);   or (State<N>, Norm<N>), see below
// and fold_kernel<Op>() makes a Kernel of it. merge is called with the earlier cells first and in
// an order that follows from the windows alone (walk.cpp); identity changes no bit of a state.
#pragma once

#include "vec.hpp"

namespace POOL_NS {

// What wide results are made of: hi * 2**64 + lo.
struct Wide {
    uint64_t lo;
    int64_t hi;
};
enum { WIDE = POOL_TYPES }; // its type code, after those of pool_type

// Up to eight rows of n cells that are folded into a tile of n states, in order.
constexpr int MOST_ROWS = 8;
struct RowSet {
    int count;
    const char *cells[MOST_ROWS];              // n cells of the kernel's type each
    const uint8_t *valid[MOST_ROWS];           // of counted kernels: 0 where a cell is missing
    int64_t place[MOST_ROWS];                  // of kernels with places: of each row's first column
    const int64_t *places;                     // and of each cell after that
    const pool_call *call;                     // of kernels with parameters
};

// What finish knows: the divisors, and where to report what went wrong.
struct Finish {
    pool_call *call;
    const double *norms; // one for each result; null where all are the same
    double norm;
};

struct Kernel {
    int cell, result; // type codes
    bool divides;     // finish divides by what averages divide by
    bool counted;     // the first part of a state is an int64, the count of valid cells
    bool places;
    bool picks;       // a cell may count twice
    int parts;
    int part_size[MOST_PARTS];
    void (*identity)(const Tile &tile, int64_t n);
    // out = in, and then the rows; in is null where there is nothing yet
    void (*fold)(const Tile &out, const Tile *in, const RowSet &rows, int64_t n);
    void (*merge)(const Tile &out, const Tile &first, const Tile &second, int64_t n);
    // out[i] = in[i] + in[i + shift] + ... of count states
    void (*slide)(const Tile &out, const Tile &in, int count, int64_t shift, int64_t n);
    void (*finish)(const Finish &how, const Tile &tile, int64_t n, void *results);

    // Short cuts for small windows that are all alike; null where there are none.
    // slide and finish at once
    void (*slide_finish)(const Finish &how, const Tile &in, int count, int64_t shift, int64_t n,
                         void *results);
    // fold rows, take size (2 or 3) columns at each second one, and finish
    void (*halve)(const Finish &how, const RowSet &rows, int size, int64_t n, void *results);
    const Kernel *rescue; // for results that are not finite although they could be
};

} // namespace POOL_NS
