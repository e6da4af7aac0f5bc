// Rows of cells of a block, as the walkers see them: side by side, of one type.
#pragma once

#include "convert.hpp"
#include "windows.hpp"

namespace POOL_NS {

// Scratch memory, handed out piece by piece; without a base it only counts.
struct Arena {
    char *base;
    int64_t used;
    char *take(int64_t bytes);
};

namespace {

inline int64_t distance(int64_t a, int64_t stride, int64_t b, int64_t other) {
    return a * stride + b * other;
}

} // namespace

// Channels that are folded side by side; more of them are taken in turns.
constexpr int64_t MOST_LANES = 8192;

// Where cells are, for one lead index.
class Rows {
  public:
    // most: the most cells of one row that are asked for at a time.
    void prepare(const pool_call &call, int cell, bool marks, int64_t most, Arena &arena);

    // Choose the lead index, and the columns and lanes that rows have from now on.
    void choose(int64_t lead0, int64_t lead1, int64_t first_column, int64_t columns,
                int64_t first_lane, int64_t lanes);

    // Cells of the row at depth d and height h; valid gets its marks where cells can be missing.
    // Good until MOST_ROWS other rows were asked for after the next call of start().
    const char *row(int64_t d, int64_t h, const uint8_t *&valid);
    void start();

    // From a column of cells to the next, in cells: rows in place have all lanes, whatever was
    // chosen. Marks have the chosen ones alone.
    int64_t pitch() const;

    // Where the row's first cell is, as the call counts cells; places() of each cell after that.
    int64_t place(int64_t d, int64_t h) const;
    const int64_t *places() const;
    void number_places(); // after choose, where places are wanted

    const pool_call &call() const;
    bool knows_type() const; // whether the kernel's cells can be made of the call's

  private:
    static constexpr int SLOTS = 3 * MOST_ROWS;
    const pool_call *call_;
    LoadCells load_;
    bool direct_, marks_;
    int64_t cell_size_, most_, batch_;
    const char *base_;
    Grid grid_;
    int64_t lead_place_, columns_, lanes_, first_column_, first_lane_;
    struct Slot {
        int64_t d, h, batch;
    };
    Slot slots_[SLOTS];
    int next_;
    char *cells_;
    uint8_t *valid_;
    int64_t *places_;
};

} // namespace POOL_NS
