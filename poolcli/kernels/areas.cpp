// Area: means and sums of windows that cut cells, which then count by the part that lies inside.
//
// Of an axis of n cells that is shared between o windows each cell is cut into o parts, and every
// window has n of them (both divided by what they have in common): so weights are whole numbers,
// times a power of two that keeps sums from overflowing. Cells are weighed and added downwards, a tile
// of columns at a time, and the columns' sums then across, always cell after cell in ascending order.
// q[0]: 1 for the sum, in which a whole cell counts 1; 0 for the mean.
#include "math.hpp"
#include "ops.hpp"

namespace POOL_NS {
namespace {

constexpr i64 TILE = 2048; // columns times lanes that are summed at a time
constexpr f64 MOST_SPLIT = 0x1p900; // products of larger numbers keep no more than one float has
constexpr f64 MOST_EXACT = 0x1p36; // so many parts, times numbers of 16 bits, are whole float64

// Where windows lie along an axis, in parts of cells.
class AreaAxis {
  public:
    void prepare(const pool_windows &w) {
        w_ = &w;
        i64 a = w.n, b = w.total;
        while (b) {
            const i64 rest = a % b;
            a = b;
            b = rest;
        }
        window_ = w.n / a;
        cell_ = w.total / a;
        scale_ = 1;
        for (i64 most = window_; most > 1; most -= most / 2)
            scale_ /= 2;
    }
    f64 parts() const { return f64(window_); }
    f64 whole_window() const { return f64(window_) * scale_; }
    f64 whole_cell() const { return f64(cell_) * scale_; }

    f64 weight(i64 i, i64 cell) const {
        const __int128 start = __int128(w_->first + i) * window_, end = start + window_;
        const __int128 low = __int128(cell) * cell_, high = low + cell_;
        return f64(i64((high < end ? high : end) - (low > start ? low : start))) * scale_;
    }

  private:
    const pool_windows *w_;
    i64 window_, cell_;
    f64 scale_;
};

// Sums side by side: low has what high has no digits for, and weights are those of the cells that
// are there. Both are null where there is nothing of the kind.
struct Parts {
    f64 *high, *low, *weights;
    Parts from(i64 i) const {
        return {high + i, low ? low + i : nullptr, weights ? weights + i : nullptr};
    }
};
Parts take_parts(i64 n, bool lows, bool marks, Arena &arena) {
    Parts parts;
    parts.high = reinterpret_cast<f64 *>(arena.take(n * 8));
    parts.low = lows ? reinterpret_cast<f64 *>(arena.take(n * 8)) : nullptr;
    parts.weights = marks ? reinterpret_cast<f64 *>(arena.take(n * 8)) : nullptr;
    return parts;
}
void clear(const Parts &parts, i64 n) {
    for (i64 i = 0; i < n; i++)
        parts.high[i] = -0.0;
    for (i64 i = 0; parts.low && i < n; i++)
        parts.low[i] = 0;
    for (i64 i = 0; parts.weights && i < n; i++)
        parts.weights[i] = 0;
}

template <int N>
inline Two<N> product(Vec<f64, N> x, f64 weight) {
    const Two<N> both = two_product<N>(x, all<f64, N>(weight));
    const Vec<f64, N> size = magnitude<N>(both.high);
    return {both.high, size < MOST_SPLIT ? both.low : Vec<f64, N>{}};
}

struct RowsOfWeight {
    int count;
    const char *cells[MOST_ROWS];
    const u8 *valid[MOST_ROWS];
    f64 weight[MOST_ROWS];
};

template <class T, bool LOWS, bool MARKS>
void add_rows(const Parts &sums, const RowsOfWeight &rows, i64 n) {
    each<VECTOR_BYTES / 8>(n, [&](auto lanes, i64 i) {
        constexpr int N = decltype(lanes)::value;
        Vec<f64, N> high = read<N>(sums.high + i), low = {}, weight = {};
        if constexpr (LOWS)
            low = read<N>(sums.low + i);
        if constexpr (MARKS)
            weight = read<N>(sums.weights + i);
        for (int r = 0; r < rows.count; r++) {
            const auto x = to<f64, N>(read<N>(reinterpret_cast<const T *>(rows.cells[r]) + i));
            Vec<f64, N> next, rest = low;
            if constexpr (LOWS) {
                const Two<N> term = product<N>(x, rows.weight[r]), sum = two_sum<N>(high, term.high);
                next = sum.high;
                rest = low + (sum.low + term.low);
            } else {
                next = high + x * rows.weight[r];
            }
            if constexpr (MARKS) {
                const auto valid = to<i64, N>(read<N>(rows.valid[r] + i)) != 0;
                high = valid ? next : high;
                low = valid ? rest : low;
                weight = valid ? weight + rows.weight[r] : weight;
            } else {
                high = next;
                low = rest;
            }
        }
        write<N>(sums.high + i, high);
        if constexpr (LOWS)
            write<N>(sums.low + i, low);
        if constexpr (MARKS)
            write<N>(sums.weights + i, weight);
    });
}

// out[i] += weight * in[i]
void add_weighed(const Parts &out, const Parts &in, f64 weight, i64 n) {
    each<VECTOR_BYTES / 8>(n, [&](auto lanes, i64 i) {
        constexpr int N = decltype(lanes)::value;
        const Vec<f64, N> x = read<N>(in.high + i), high = read<N>(out.high + i);
        if (out.low) {
            const Two<N> term = product<N>(x, weight), sum = two_sum<N>(high, term.high);
            const Vec<f64, N> rest = term.low + read<N>(in.low + i) * weight;
            write<N>(out.high + i, sum.high);
            write<N>(out.low + i, read<N>(out.low + i) + (sum.low + rest));
        } else {
            write<N>(out.high + i, high + x * weight);
        }
        if (out.weights)
            write<N>(out.weights + i, read<N>(out.weights + i) + read<N>(in.weights + i) * weight);
    });
}

class Areas {
  public:
    int run(pool_call &call, i64 *bytes) {
        call_ = &call;
        cell_ = real_cell(call);
        marks_ = can_miss(call);
        const pool_windows &w = call.spatial[2];
        f64 parts = 1;
        for (int axis = 0; axis < 3; axis++) {
            axes_[axis].prepare(call.spatial[axis]);
            parts *= axes_[axis].parts();
        }
        // Sums of float32 and of small whole numbers lose nothing that their results would show.
        lows_ = cell_ == POOL_F64 && !(parts < MOST_EXACT && has_16_bits(call.in_type));
        // Rows that lie in memory as they are wanted have all their lanes.
        lanes_ = least_of(call.inner.count, MOST_LANES);
        columns_ = least_of(w.stop - w.held, most_of(TILE / lanes_, 1));
        Arena arena = {bytes ? nullptr : static_cast<char *>(call.scratch), 0};
        rows_.prepare(call, cell_, marks_, columns_ * lanes_, arena);
        tile_ = take_parts(columns_ * lanes_, lows_, marks_, arena);
        out_ = take_parts(w.out * lanes_, lows_, marks_, arena);
        results_ = arena.take(w.out * lanes_ * 8);
        if (bytes)
            *bytes = arena.used;
        if (!rows_.knows_type())
            return POOL_UNKNOWN;
        if (bytes)
            return POOL_OK;
        if (arena.used > call.scratch_bytes)
            return POOL_NO_ROOM;
        for (i64 i = 0; i < call.lead[0].count; i++)
            for (i64 j = 0; j < call.lead[1].count; j++)
                for (i64 lane = 0; lane < call.inner.count; lane += lanes_)
                    plane(i, j, lane, least_of(lanes_, call.inner.count - lane));
        return POOL_OK;
    }

  private:
    pool_call *call_;
    int cell_;
    bool marks_, lows_;
    i64 lanes_, columns_;
    AreaAxis axes_[3];
    Rows rows_;
    Parts tile_, out_;
    char *results_;

    static bool has_16_bits(int type) {
        return type == POOL_BOOL || type == POOL_I8 || type == POOL_U8 || type == POOL_I16 || type == POOL_U16;
    }

    void plane(i64 i, i64 j, i64 lane, i64 lanes) {
        const pool_windows *axes = call_->spatial;
        for (i64 d = 0; d < axes[0].out; d++)
            for (i64 h = 0; h < axes[1].out; h++) {
                windows(i, j, d, h, lane, lanes);
                finish(i, j, d, h, lane, lanes);
            }
    }

    // All windows of one row of them: a window goes on from tile to tile.
    void windows(i64 i, i64 j, i64 d, i64 h, i64 lane, i64 lanes) {
        const pool_windows &w = call_->spatial[2];
        clear(out_, w.out * lanes);
        const i64 stop = window_end(w, w.out - 1);
        i64 first = 0; // of the windows that reach into the tile
        for (i64 from = window_start(w, 0); from < stop; from += columns_) {
            const i64 to = least_of(from + columns_, stop);
            rows_.choose(i, j, from, to - from, lane, lanes);
            down(d, h, (to - from) * lanes);
            while (window_end(w, first) <= from)
                first++;
            for (i64 k = first; k < w.out && window_start(w, k) < to; k++)
                across(k, from, to, lanes);
        }
    }

    void across(i64 k, i64 from, i64 to, i64 lanes) {
        const pool_windows &w = call_->spatial[2];
        const i64 end = least_of(window_end(w, k), to);
        for (i64 cell = most_of(window_start(w, k), from); cell < end; cell++)
            add_weighed(out_.from(k * lanes), tile_.from((cell - from) * lanes), axes_[2].weight(k, cell), lanes);
    }

    // The sums of the chosen columns, into the tile.
    void down(i64 d, i64 h, i64 n) {
        const pool_windows *axes = call_->spatial;
        const Cells depths = real_cells(axes[0], d), heights = real_cells(axes[1], h);
        clear(tile_, n);
        RowsOfWeight rows;
        rows.count = 0;
        rows_.start();
        for (i64 a = depths.first; a < depths.first + depths.count; a++)
            for (i64 b = heights.first; b < heights.first + heights.count; b++) {
                rows.cells[rows.count] = rows_.row(a, b, rows.valid[rows.count]);
                rows.weight[rows.count] = axes_[0].weight(d, a) * axes_[1].weight(h, b);
                if (++rows.count == MOST_ROWS)
                    flush(rows, n);
            }
        flush(rows, n);
    }
    void flush(RowsOfWeight &rows, i64 n) {
        if (cell_ == POOL_F32)
            marks_ ? add_rows<f32, false, true>(tile_, rows, n) : add_rows<f32, false, false>(tile_, rows, n);
        else if (lows_)
            marks_ ? add_rows<f64, true, true>(tile_, rows, n) : add_rows<f64, true, false>(tile_, rows, n);
        else
            marks_ ? add_rows<f64, false, true>(tile_, rows, n) : add_rows<f64, false, false>(tile_, rows, n);
        rows.count = 0;
        rows_.start();
    }

    void finish(i64 i, i64 j, i64 d, i64 h, i64 lane, i64 lanes) {
        pool_call &call = *call_;
        const pool_windows *axes = call.spatial;
        f64 window = 1, cell = 1;
        for (const AreaAxis &axis : axes_) {
            window *= axis.whole_window();
            cell *= axis.whole_cell();
        }
        const i64 n = axes[2].out * lanes;
        const f64 least = window * f64(call.least_num);
        for (i64 k = 0; k < n; k++) {
            f64 sum = out_.high[k];
            if (lows_ && sum - sum == 0)
                sum += out_.low[k];
            const f64 there = marks_ ? out_.weights[k] : window;
            f64 result = sum / (call.q[0] ? cell : there);
            if (there == 0 || there * f64(call.least_den) < least)
                result = call.fill_float;
            if (cell_ == POOL_F32)
                reinterpret_cast<f32 *>(results_)[k] = f32(result);
            else
                reinterpret_cast<f64 *>(results_)[k] = result;
        }
        char *out = static_cast<char *>(call.out) +
                    distance(i, call.lead[0].out_stride, j, call.lead[1].out_stride) +
                    distance(d, axes[0].out_stride, h, axes[1].out_stride) + lane * call.inner.out_stride;
        store_results(call, cell_, results_, {axes[2].out, lanes, axes[2].out_stride, call.inner.out_stride}, out);
    }
};

} // namespace

int run_area(pool_call &call, i64 *bytes) {
    Areas areas;
    return areas.run(call, bytes);
}

} // namespace POOL_NS
