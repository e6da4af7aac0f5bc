// Where the first NaN is that some window holds, in the order of cells.
#include "ops.hpp"

namespace POOL_NS {
namespace {

template <class T>
bool any_nan(const char *cells, i64 n) {
    auto x = reinterpret_cast<const T *>(cells);
    bool found = false;
    for (i64 i = 0; i < n; i++)
        found |= x[i] != x[i];
    return found;
}
bool any_nan(int cell, const char *cells, i64 n) {
    return cell == POOL_F32 ? any_nan<f32>(cells, n) : any_nan<f64>(cells, n);
}

class NanSearch {
  public:
    int run(pool_call &call, i64 *bytes) {
        call_ = &call;
        cell_ = call.in_type == POOL_F64 ? POOL_F64 : POOL_F32;
        const pool_windows &w = call.spatial[2];
        Arena arena = {bytes ? nullptr : static_cast<char *>(call.scratch), 0};
        rows_.prepare(call, cell_, false, (w.stop - w.held) * call.inner.count, arena);
        if (bytes)
            *bytes = arena.used;
        if (!rows_.knows_type())
            return POOL_UNKNOWN;
        if (bytes)
            return POOL_OK;
        if (arena.used > call.scratch_bytes)
            return POOL_NO_ROOM;
        for (i64 i = 0; i < call.lead[0].count && !call.found; i++)
            for (i64 j = 0; j < call.lead[1].count && !call.found; j++)
                lead(i, j);
        return POOL_OK;
    }

  private:
    pool_call *call_;
    int cell_;
    Rows rows_;

    void lead(i64 i, i64 j) {
        pool_call &call = *call_;
        const pool_windows *axes = call.spatial;
        const i64 columns = axes[2].stop - axes[2].held;
        rows_.choose(i, j, axes[2].held, columns, 0, call.inner.count);
        bool any = false; // in a row at all, covered by a window or not
        for (i64 d = axes[0].held; d < axes[0].stop && !any; d++)
            for (i64 h = axes[1].held; h < axes[1].stop && !any; h++)
                any = any_nan(cell_, cells(d, h), columns * call.inner.count);
        if (!any)
            return;
        for (i64 d = axes[0].held; d < axes[0].stop; d++)
            for (i64 h = axes[1].held; covered(axes[0], d) && h < axes[1].stop; h++)
                if (covered(axes[1], h) && row(i, j, d, h))
                    return;
    }

    const char *cells(i64 d, i64 h) {
        const u8 *valid;
        rows_.start();
        return rows_.row(d, h, valid);
    }

    static bool covered(const pool_windows &w, i64 cell) {
        for (i64 i = 0; i < w.out; i++) {
            const i64 from = cell - window_start(w, i);
            if (from >= 0 && from % w.dilation == 0 && from / w.dilation < window_size(w, i))
                return true;
        }
        return false;
    }

    bool row(i64 i, i64 j, i64 d, i64 h) {
        pool_call &call = *call_;
        const pool_windows &w = call.spatial[2];
        const char *row = cells(d, h);
        for (i64 at = 0; at < (w.stop - w.held) * call.inner.count; at++) {
            const i64 column = w.held + at / call.inner.count, lane = at % call.inner.count;
            if (!any_nan(cell_, row + at * type_size(cell_), 1) || !covered(w, column))
                continue;
            const i64 where[6] = {i, j, d, h, column, lane};
            __builtin_memcpy(call.where, where, sizeof where);
            call.found |= POOL_NAN;
            return true;
        }
        return false;
    }
};

} // namespace

int run_find_nan(pool_call &call, i64 *bytes) {
    NanSearch search;
    return search.run(call, bytes);
}

} // namespace POOL_NS
