// Tiles of one lane whose cells are numbered in order of value: large windows are sets of such
// numbers, which change by a few from window to window.
//
// Of dilated windows a tile has those whose cells are of one residue class, so that every window of
// a tile is a box of neighbouring cells.
#pragma once

#include "order.hpp"

namespace POOL_NS {

// Windows of more cells than this are counted in passes instead, see passes.hpp.
constexpr int64_t MOST_SLIDING = int64_t(1) << 18;

constexpr uint32_t MISSING = ~uint32_t(0); // the number of a cell that does not count

// Cells of a tile, from low to high - 1 along each axis.
struct Box {
    int64_t low[3], high[3];
};

class Tiles {
  public:
    void prepare(const pool_call &call, int cell, Arena &arena);
    bool knows_type() const;
    int64_t most_cells() const; // of a tile
    int64_t most_windows() const; // of a row of a tile

    void start();
    bool next(); // load another tile, and put its cells in order

    // What is in the tile. Cell (d, h, w) is number w * size[0] * size[1] + d * size[1] + h.
    Order order;
    int64_t nans; // the rank of the first NaN: after all others
    int64_t size[3];
    uint32_t *ranks; // of each cell, or MISSING
    int64_t place(uint32_t cell) const; // as the call counts cells

    // Its windows.
    int64_t windows[3];
    Box box(int64_t d, int64_t h, int64_t w) const;
    char *results(int64_t d, int64_t h, Grid &grid) const; // of a row of windows

  private:
    // The windows of an axis whose cells are of one class: every so many.
    struct Class {
        int64_t period, number;
        int64_t first; // window of the tile, among those of the class
        int64_t low;   // first cell of the tile, among those of the class
        int64_t most;  // cells of a tile
        int64_t windows; // of a tile, at most
        struct Span {
            int64_t first, count;
        } *spans; // of the tile's windows: their cells in it
    };
    const pool_call *call_;
    Rows rows_;
    int cell_;
    int64_t most_, lead_[2], lane_;
    Class class_[3];
    bool fresh_;

    bool next_place();
    int64_t windows_of_class(int axis) const;
    Cells cells(int axis, int64_t window) const;
    void cut();
    void load();
};

} // namespace POOL_NS
