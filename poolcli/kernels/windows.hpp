// Which cells windows cover along one axis: the arithmetic of poolcli/windows.py once more.
#pragma once

#include "pool.h"

namespace POOL_NS {
namespace {

inline int64_t window_start(const pool_windows &w, int64_t i) {
    return w.starts ? w.starts[i] : w.start + i * w.step;
}
inline int64_t window_size(const pool_windows &w, int64_t i) {
    return w.sizes ? w.sizes[i] : w.size;
}
inline int64_t window_end(const pool_windows &w, int64_t i) {
    return window_start(w, i) + (window_size(w, i) - 1) * w.dilation + 1;
}

inline int64_t floor_div(int64_t a, int64_t b) { // b > 0
    return a >= 0 ? a / b : -((-a + b - 1) / b);
}

// The cells of window i that lie in low ... high - 1: first + dilation * (0 ... count - 1).
struct Cells {
    int64_t first, count;
};
inline Cells cells_within(const pool_windows &w, int64_t i, int64_t low, int64_t high) {
    const int64_t start = window_start(w, i), size = window_size(w, i);
    if (w.dilation == 1) { // as most are: without divisions
        const int64_t first = start < low ? low : start, end = start + size < high ? start + size : high;
        return {first, end > first ? end - first : 0};
    }
    const int64_t skip = start < low ? -floor_div(start - low, w.dilation) : 0;
    int64_t last = floor_div(high - 1 - start, w.dilation);
    if (last > size - 1)
        last = size - 1;
    return {start + skip * w.dilation, last >= skip ? last - skip + 1 : 0};
}
inline Cells real_cells(const pool_windows &w, int64_t i) {
    return cells_within(w, i, 0, w.n);
}
// How many cells are real or explicit padding.
inline int64_t padded_count(const pool_windows &w, int64_t i) {
    return cells_within(w, i, -w.pad_before, w.n + w.pad_after).count;
}

inline int64_t least_of(int64_t a, int64_t b) { return a < b ? a : b; }
inline int64_t most_of(int64_t a, int64_t b) { return a > b ? a : b; }

// Whether windows overlap so much that work should be shared between them. Follows from the whole
// axis, never from a block, as the order of sums depends on it.
inline bool shares_work(const pool_windows &w) {
    return !w.starts && w.dilation == 1 && w.total > 1 && w.size > 8 && w.size <= 2 * w.n &&
           2 * w.step <= w.size;
}

} // namespace
} // namespace POOL_NS
