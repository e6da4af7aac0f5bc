// How the columns of a block are cut into strips whose states fit the cache.
#pragma once

#include "states.hpp"

namespace POOL_NS {
namespace {

constexpr i64 TILE_BYTES = 24 << 10; // of the states of a strip's columns
constexpr i64 INTERLEAVED = 16;
constexpr i64 MOST_SERIAL = 32; // columns of a window that are folded one after another

// Output columns w0 ... w1 - 1 of some lanes, which need the real columns x0 ... x1 - 1, before
// and after which there may be columns of padding. Whole: the windows are even, and no edge of the
// axis clips one, or padding makes up for it.
struct Strip {
    i64 w0, w1, before, x0, x1, after, lane0, lanes;
    bool whole;
    i64 outs() const { return (w1 - w0) * lanes; }
};

// How strips are cut; the same for the kernel and its rescue.
struct Cut {
    i64 lanes;   // at most, of a strip
    i64 outputs; // at most, times lanes
    i64 columns; // at most, times lanes
    bool chunks; // windows may be wider: they are taken in chunks of columns
    bool fills;  // windows that an edge clips get columns of no cell there
    i64 from, to; // the whole windows
};

inline i64 real_from(const pool_windows &w, i64 i) { return most_of(0, window_start(w, i)); }
inline i64 real_to(const pool_windows &w, i64 i) { return least_of(w.n, window_end(w, i)); }

// Whether small windows are halved, by a short cut that reads cells where they are.
inline bool halves(const pool_call &call, const Kernel &kernel) {
    const pool_windows &w = call.spatial[2];
    const bool small = (w.size == 2 || w.size == 3) && w.step == 2 && w.dilation == 1;
    return kernel.halve && small && call.inner.count == 1;
}

// Whether windows that an edge clips get columns of no cell there, and so are like all others: for
// small ones that costs less than strips of their own. No state changes by that.
inline bool fills_edges(const pool_call &call, const Kernel &kernel) {
    const pool_windows &w = call.spatial[2];
    return !w.starts && !shares_work(w) && (w.size - 1) * w.dilation < MOST_SERIAL &&
           !halves(call, kernel);
}

inline Cut cut_strips(const pool_call &call, const Kernel &kernel) {
    const pool_windows &w = call.spatial[2];
    Cut cut;
    cut.lanes = least_of(call.inner.count, MOST_LANES);
    cut.fills = fills_edges(call, kernel);
    const i64 cells = TILE_BYTES / state_bytes(kernel), columns = most_of(1, cells / cut.lanes);
    const i64 all = (w.size - 1) * w.dilation + 1, reach = shares_work(w) || cut.fills ? all : least_of(w.n, all);
    cut.chunks = false;
    i64 most = most_of(columns, 2 * INTERLEAVED);
    if (reach > most) {
        cut.chunks = !shares_work(w) && reach > 4 * most && w.dilation == 1;
        most = cut.chunks ? most / INTERLEAVED * INTERLEAVED : reach + (shares_work(w) ? reach / 2 : 0);
    }
    cut.columns = shares_work(w) ? most : least_of(most, cut.fills ? w.n + 2 * all : w.n);
    cut.outputs = least_of(w.out, most_of(cells / cut.lanes, 1));
    cut.from = cut.to = 0;
    if (shares_work(w) || cut.fills) {
        cut.to = w.out;
    } else if (!w.starts) {
        while (cut.from < w.out && real_cells(w, cut.from).count < w.size)
            cut.from++;
        cut.to = w.out;
        while (cut.to > cut.from && real_cells(w, cut.to - 1).count < w.size)
            cut.to--;
    }
    return cut;
}

// The strip that begins with window w0.
inline Strip next_strip(const pool_windows &w, const Cut &cut, i64 w0, i64 lane0, i64 lanes) {
    const bool whole = w0 >= cut.from && w0 < cut.to;
    i64 last = least_of(w.out, w0 + cut.outputs);
    if (w0 < cut.from)
        last = least_of(last, cut.from);
    else if (whole)
        last = least_of(last, cut.to);
    const i64 from = real_from(w, w0);
    i64 w1 = w0 + 1;
    if (whole)
        w1 = most_of(w1, least_of(last, w0 + (cut.columns - (w.size - 1) * w.dilation - 1) / w.step + 1));
    else
        while (w1 < last && real_to(w, w1) - from <= cut.columns)
            w1++;
    const i64 to = real_to(w, w1 - 1);
    Strip strip = {w0, w1, 0, from, to, 0, lane0, lanes, whole};
    if (shares_work(w) || cut.fills) {
        strip.before = from - window_start(w, w0);
        strip.after = window_end(w, w1 - 1) - to;
    }
    return strip;
}

} // namespace
} // namespace POOL_NS
