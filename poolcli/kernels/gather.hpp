// The cells of windows side by side, for ops that have to see a window whole.
//
//     Gather gather;
//     gather.prepare(call, POOL_F32, gathered_windows(call, sizeof(f32)), arena);
//     ... the op's own scratch, and the checks that run_find_nan shows ...
//     for (gather.start(); gather.next();) {
//         const Gathered &g = gather.group();
//         for k < g.cells, i < g.n: cell k of window i is ((const f32 *)g.values)[k * g.pitch + i]
//         count_valid(g, counts); ... fill_short(call, result, results, g, counts);
//         store_results(call, result, results, g.grid, g.out);
//     }
//
// Padding is never there: all windows of a group have the same number of real cells, in the order
// of depth, height, width. Windows at an edge make groups of their own. Which windows are grouped
// depends on the block, so what an op gives for a window may not depend on its neighbours.
#pragma once

#include "rows.hpp"

namespace POOL_NS {

struct Gathered {
    int64_t d, h, w;       // the first window, as the block counts them
    int64_t columns;       // windows side by side along the last axis,
    int64_t lane, lanes;   // and of each so many lanes from this one on
    int64_t n;             // columns * lanes
    int64_t cells;         // of each window
    int64_t pitch;         // from a cell of the windows to the next: n, up to a whole vector
    char *values;          // the op may change them
    const uint8_t *valid;  // in the same order, 0 where a cell is missing; null where none can be
    Grid grid;             // where results go
    char *out;
};

class Gather {
  public:
    // windows: the most that a group has.
    void prepare(const pool_call &call, int cell, int64_t windows, Arena &arena);
    bool knows_type() const { return rows_.knows_type(); }
    int64_t most_windows() const { return windows_; }

    void start();
    bool next();
    const Gathered &group() const { return group_; }

    // The position of cell k of window i, as the call counts cells, is the sum of the two.
    void cell_places(int64_t *places) const;   // of each k < cells
    void window_places(int64_t *places) const; // of each i < n
    // The number of each window i < n, as the call counts windows.
    void window_numbers(int64_t *numbers) const;

  private:
    const pool_call *call_;
    Rows rows_;
    int cell_size_;
    int64_t windows_, lanes_, width_; // at most, of a group: windows, lanes, columns of cells
    int64_t *offsets_;                // columns, from the group's first cell to that of each window
    int64_t step_;                    // between them where they are even, else 0
    int64_t lead_[2], next_w_;
    int64_t first_, reach_; // columns of cells
    char *values_;
    uint8_t *valid_;
    Gathered group_;

    bool next_columns();
    void choose_columns();
    void gather();
    void place_results();
};

// The most cells of one window that are real.
int64_t most_real_cells(const pool_call &call);

// In how many windows a cell is, about.
double windows_of_a_cell(const pool_call &call);

// How many windows should make a group, whose cells take so many bytes each (with all that the op
// needs for a cell): as many as the cache holds, but some.
int64_t gathered_windows(const pool_call &call, int64_t cell_bytes);

// How many valid cells each window of a group has.
void count_valid(const Gathered &g, int64_t *counts);

// Whether a window of so many real cells has too few valid ones for a result.
bool is_short(const pool_call &call, int64_t valid, int64_t real);

// Write the call's fill as one result. result: a type code or WIDE.
void write_fill(const pool_call &call, int result, char *to);

// Replace the results of windows with too few valid cells by the call's fill.
void fill_short(const pool_call &call, int result, void *results, const Gathered &g,
                const int64_t *counts);

} // namespace POOL_NS
