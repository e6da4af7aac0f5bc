// Cells in, results out: the one place that knows byte order, strides and all number types.
#pragma once

#include "kernel.hpp"

namespace POOL_NS {

// A rectangle of cells or results: columns of lanes, with strides in bytes.
struct Grid {
    int64_t columns, lanes;
    int64_t column_stride, lane_stride;
};

// Read cells of a type as cells of another, side by side. Between types that hold all of them:
// own to own, bool and integers to int64, uint64, float64; floats to wider ones.
typedef void (*LoadCells)(const char *in, const Grid &grid, void *cells);
LoadCells find_load(int type, bool swap, int cell);

// 1 where a cell is valid and 0 where it is missing, by the call's options.
void mark_valid(const pool_call &call, const char *in, const Grid &grid, uint8_t *valid);

// Write results (a type code or WIDE) as the call's out_type, by its fit; reports to call.found.
void store_results(pool_call &call, int result, const void *results, const Grid &grid, char *out);

// Whether results of a type, NaN in its one form, may as well be written to the output at once.
bool stores_directly(const pool_call &call, int result, const Grid &grid);

int type_size(int type); // of WIDE, too

} // namespace POOL_NS
