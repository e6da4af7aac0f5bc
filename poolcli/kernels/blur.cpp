// Blur: the mean weighted by binomial coefficients. There is no padding: edges are mirrored.
//
// Weights are products of one for each axis, so cells are weighed and added downwards, a tile of
// columns at a time, and the columns' sums then across; always cell after cell in ascending order.
// The call has a table of weights for each axis (q[0 ... 2], addresses of float64): a row for each
// size from the largest down, of as many places as differ. An axis of n cells that is mirrored at
// both ends repeats after 2 (n - 1): larger windows are folded to one period by whoever made the
// table.
#include "math.hpp"
#include "ops.hpp"

namespace POOL_NS {
namespace {

constexpr i64 TILE = 2048; // columns times lanes that are summed at a time
constexpr i64 MOST_BLURRED = 512; // lanes

// Cells of one window along an axis, in ascending order, with their weights.
struct Taps {
    i64 count, *cells;
    f64 *weights;
};

class BlurAxis {
  public:
    void prepare(const pool_windows &w, i64 table, Arena &arena) {
        w_ = &w;
        table_ = reinterpret_cast<const f64 *>(table);
        turn_ = w.n > 1 ? 2 * (w.n - 1) : 1;
        i64 a = turn_, b = w.dilation;
        while (b) {
            const i64 rest = a % b;
            a = b;
            b = rest;
        }
        places_ = least_of(w.size, turn_ / a);
        const __int128 reach = __int128(w.size - 1) * w.dilation + 1;
        const i64 most = reach < w.n ? i64(reach) : w.n;
        taps_.cells = reinterpret_cast<i64 *>(arena.take(most * 8));
        taps_.weights = reinterpret_cast<f64 *>(arena.take(most * 8));
        sums_ = reinterpret_cast<f64 *>(arena.take(most * 8));
        used_ = reinterpret_cast<u8 *>(arena.take(most));
    }

    bool is_inside(i64 i) const {
        const i64 start = window_start(*w_, i), size = window_size(*w_, i);
        return start >= 0 && size <= w_->n && __int128(size - 1) * w_->dilation + start < w_->n;
    }
    const f64 *weights(i64 i) const { return table_ + (w_->size - window_size(*w_, i)) * places_; }

    const Taps &taps(i64 i) {
        const i64 count = least_of(window_size(*w_, i), places_);
        is_inside(i) ? list(i, count) : list_mirrored(i, count);
        return taps_;
    }

  private:
    const pool_windows *w_;
    const f64 *table_;
    i64 turn_, places_;
    Taps taps_;
    f64 *sums_;
    u8 *used_;

    void list(i64 i, i64 count) {
        taps_.count = count;
        for (i64 m = 0; m < count; m++) {
            taps_.cells[m] = window_start(*w_, i) + m * w_->dilation;
            taps_.weights[m] = weights(i)[m];
        }
    }

    // ... 2 1 | 0 1 2 ... n-1 | n-2 ...: what falls on the same cell is added.
    void list_mirrored(i64 i, i64 count) {
        i64 low = w_->n, high = -1;
        mirror(i, count, [&](i64, i64 cell) {
            low = least_of(low, cell);
            high = most_of(high, cell);
        });
        for (i64 x = 0; x <= high - low; x++) {
            sums_[x] = 0;
            used_[x] = 0;
        }
        mirror(i, count, [&](i64 m, i64 cell) {
            sums_[cell - low] += weights(i)[m];
            used_[cell - low] = 1;
        });
        taps_.count = 0;
        for (i64 x = 0; x <= high - low; x++)
            if (used_[x]) {
                taps_.cells[taps_.count] = low + x;
                taps_.weights[taps_.count++] = sums_[x];
            }
    }
    template <class F>
    void mirror(i64 i, i64 count, F f) const {
        const i64 start = window_start(*w_, i) % turn_, step = w_->dilation % turn_;
        i64 at = start < 0 ? start + turn_ : start;
        for (i64 m = 0; m < count; m++, at = at + step >= turn_ ? at + step - turn_ : at + step)
            f(m, w_->n > 1 ? least_of(at, turn_ - at) : 0);
    }
};

// Weighted sums, and where cells can be missing the weights and the count of those that are there.
struct Sums {
    f64 *values, *weights, *counts; // the last two null where no cell can be missing
    Sums from(i64 i) const {
        return {values + i, weights ? weights + i : nullptr, counts ? counts + i : nullptr};
    }
};
Sums take_sums(i64 n, bool marks, Arena &arena) {
    Sums sums;
    sums.values = reinterpret_cast<f64 *>(arena.take(n * 8));
    sums.weights = marks ? reinterpret_cast<f64 *>(arena.take(n * 8)) : nullptr;
    sums.counts = marks ? reinterpret_cast<f64 *>(arena.take(n * 8)) : nullptr;
    return sums;
}
void no_sums(const Sums &sums, i64 n) {
    for (i64 i = 0; i < n; i++)
        sums.values[i] = -0.0;
    for (i64 i = 0; sums.weights && i < n; i++)
        sums.weights[i] = sums.counts[i] = 0;
}

// An infinity counts even where its weight is less than any float.
template <int N>
inline Vec<f64, N> weighed(Vec<f64, N> x, f64 weight) {
    if (weight != 0)
        return x * weight;
    return x - x == 0 ? Vec<f64, N>{} : x;
}

struct WeighedRows {
    int count;
    const char *cells[MOST_ROWS];
    const u8 *valid[MOST_ROWS];
    f64 weight[MOST_ROWS];
};

template <class T, bool MARKS>
void add_rows(const Sums &sums, const WeighedRows &rows, i64 n) {
    each<VECTOR_BYTES / 8>(n, [&](auto lanes, i64 i) {
        constexpr int N = decltype(lanes)::value;
        Vec<f64, N> sum = read<N>(sums.values + i), weight = {}, count = {};
        if constexpr (MARKS) {
            weight = read<N>(sums.weights + i);
            count = read<N>(sums.counts + i);
        }
        for (int r = 0; r < rows.count; r++) {
            const auto x = to<f64, N>(read<N>(reinterpret_cast<const T *>(rows.cells[r]) + i));
            if constexpr (MARKS) {
                const auto valid = to<i64, N>(read<N>(rows.valid[r] + i)) != 0;
                sum = valid ? sum + weighed<N>(x, rows.weight[r]) : sum;
                weight = valid ? weight + rows.weight[r] : weight;
                count = valid ? count + 1 : count;
            } else {
                sum += weighed<N>(x, rows.weight[r]);
            }
        }
        write<N>(sums.values + i, sum);
        if constexpr (MARKS) {
            write<N>(sums.weights + i, weight);
            write<N>(sums.counts + i, count);
        }
    });
}

// out[i] += weight[m] * in[m][i]
void add_weighed(const Sums &out, const Sums &in, f64 weight, i64 n) {
    each<VECTOR_BYTES / 8>(n, [&](auto lanes, i64 i) {
        constexpr int N = decltype(lanes)::value;
        write<N>(out.values + i, read<N>(out.values + i) + weighed<N>(read<N>(in.values + i), weight));
        if (!out.weights)
            return;
        write<N>(out.weights + i, read<N>(out.weights + i) + read<N>(in.weights + i) * weight);
        write<N>(out.counts + i, read<N>(out.counts + i) + read<N>(in.counts + i));
    });
}

class Blur {
  public:
    int run(pool_call &call, i64 *bytes) {
        call_ = &call;
        cell_ = real_cell(call);
        marks_ = can_miss(call);
        const pool_windows &w = call.spatial[2];
        Arena arena = {bytes ? nullptr : static_cast<char *>(call.scratch), 0};
        for (int axis = 0; axis < 3; axis++)
            axes_[axis].prepare(call.spatial[axis], call.q[axis], arena);
        lanes_ = least_of(call.inner.count, MOST_BLURRED);
        // Columns of a tile, which whole windows should fit many times.
        const i64 some = most_of(TILE / lanes_, 1);
        const i64 reach = least_of(w.size, some) * least_of(w.dilation, some);
        columns_ = least_of(w.n, most_of(some, 4 * least_of(reach, 4 * some)));
        // Rows that are read where they stand have all lanes, of which columns here are a part.
        if (lanes_ < call.inner.count)
            columns_ = 1;
        rows_.prepare(call, cell_, marks_, columns_ * lanes_, arena);
        tile_ = take_sums(columns_ * lanes_, marks_, arena);
        apart_ = take_sums(2 * columns_ * lanes_, marks_, arena); // with gaps
        out_ = take_sums(columns_ * lanes_, marks_, arena);
        results_ = arena.take(columns_ * lanes_ * 8);
        if (bytes)
            *bytes = arena.used;
        if (!rows_.knows_type())
            return POOL_UNKNOWN;
        if (bytes)
            return POOL_OK;
        if (arena.used > call.scratch_bytes)
            return POOL_NO_ROOM;
        find_even();
        for (i64 i = 0; i < call.lead[0].count; i++)
            for (i64 j = 0; j < call.lead[1].count; j++)
                for (lane_ = 0; lane_ < call.inner.count; lane_ += lanes_)
                    plane(i, j, least_of(lanes_, call.inner.count - lane_));
        return POOL_OK;
    }

  private:
    pool_call *call_;
    int cell_;
    bool marks_;
    i64 lanes_, columns_, lane_, even_from_, even_to_;
    BlurAxis axes_[3];
    Rows rows_;
    Sums tile_, apart_, out_;
    char *results_;

    // Windows that are taken together: even ones inside the axis, several of which fit the tile.
    void find_even() {
        const pool_windows &w = call_->spatial[2];
        even_from_ = 0;
        while (even_from_ < w.out && !axes_[2].is_inside(even_from_))
            even_from_++;
        even_to_ = w.out;
        while (even_to_ > even_from_ && !axes_[2].is_inside(even_to_ - 1))
            even_to_--;
        const __int128 reach = __int128(w.size - 1) * w.dilation + 1;
        if (w.starts || reach + w.step > columns_)
            even_to_ = even_from_;
    }

    void plane(i64 i, i64 j, i64 lanes) {
        const pool_windows &w = call_->spatial[2];
        for (i64 at = 0; at < w.out;) {
            const bool even = at >= even_from_ && at < even_to_;
            i64 count = 1;
            if (even)
                count = least_of(even_to_ - at, (columns_ - (w.size - 1) * w.dilation - 1) / w.step + 1);
            if (even)
                rows_.choose(i, j, window_start(w, at), columns_of(count), lane_, lanes);
            for (i64 d = 0; d < call_->spatial[0].out; d++)
                for (i64 h = 0; h < call_->spatial[1].out; h++) {
                    even ? together(d, h, at, count, lanes) : one(i, j, d, h, at, lanes);
                    finish(i, j, d, h, at, count, lanes);
                }
            at += count;
        }
    }

    i64 columns_of(i64 even_windows) const {
        const pool_windows &w = call_->spatial[2];
        return (even_windows - 1) * w.step + (w.size - 1) * w.dilation + 1;
    }

    // The sums of the chosen columns, into the tile.
    void down(i64 d, i64 h, i64 n) {
        const Taps &depths = axes_[0].taps(d), &heights = axes_[1].taps(h);
        no_sums(tile_, n);
        WeighedRows rows;
        rows.count = 0;
        rows_.start();
        for (i64 a = 0; a < depths.count; a++)
            for (i64 b = 0; b < heights.count; b++) {
                rows.cells[rows.count] = rows_.row(depths.cells[a], heights.cells[b], rows.valid[rows.count]);
                rows.weight[rows.count] = depths.weights[a] * heights.weights[b];
                if (++rows.count == MOST_ROWS)
                    flush(rows, n);
            }
        flush(rows, n);
    }
    void flush(WeighedRows &rows, i64 n) {
        if (cell_ == POOL_F32)
            marks_ ? add_rows<f32, true>(tile_, rows, n) : add_rows<f32, false>(tile_, rows, n);
        else
            marks_ ? add_rows<f64, true>(tile_, rows, n) : add_rows<f64, false>(tile_, rows, n);
        rows.count = 0;
        rows_.start();
    }

    // One window, of any size: columns in chunks.
    void one(i64 i, i64 j, i64 d, i64 h, i64 at, i64 lanes) {
        const Taps &taps = axes_[2].taps(at);
        const i64 most = columns_;
        no_sums(out_, lanes);
        for (i64 m = 0; m < taps.count;) {
            const i64 first = taps.cells[m];
            i64 stop = m;
            while (stop < taps.count && taps.cells[stop] - first < most)
                stop++;
            const i64 columns = taps.cells[stop - 1] - first + 1;
            rows_.choose(i, j, first, columns, lane_, lanes);
            down(d, h, columns * lanes);
            for (; m < stop; m++)
                add_weighed(out_, tile_.from((taps.cells[m] - first) * lanes), taps.weights[m], lanes);
        }
    }

    // Even windows from at on. Columns are first sorted by their place in a step, so that those that
    // stand at one place of all windows lie side by side.
    void together(i64 d, i64 h, i64 at, i64 count, i64 lanes) {
        const pool_windows &w = call_->spatial[2];
        const i64 columns = columns_of(count), n = count * lanes;
        down(d, h, columns * lanes);
        const i64 step = least_of(w.step, columns), run = (columns + step - 1) / step;
        Sums in = tile_;
        if (step > 1) {
            in = apart_;
            sort_columns(tile_.values, in.values, columns, step, run, lanes);
            if (marks_) {
                sort_columns(tile_.weights, in.weights, columns, step, run, lanes);
                sort_columns(tile_.counts, in.counts, columns, step, run, lanes);
            }
        }
        no_sums(out_, n);
        const f64 *weights = axes_[2].weights(at);
        for (i64 m = 0; m < w.size; m++) {
            const i64 x = m * w.dilation;
            add_weighed(out_, in.from((x % step * run + x / step) * lanes), weights[m], n);
        }
    }
    static void sort_columns(const f64 *from, f64 *to, i64 columns, i64 step, i64 run, i64 lanes) {
        for (i64 place = 0; place < step; place++)
            for (i64 x = place, i = place * run; x < columns; x += step, i++)
                for (i64 lane = 0; lane < lanes; lane++)
                    to[i * lanes + lane] = from[x * lanes + lane];
    }

    void finish(i64 i, i64 j, i64 d, i64 h, i64 at, i64 count, i64 lanes) {
        pool_call &call = *call_;
        const pool_windows *axes = call.spatial;
        const i64 n = count * lanes;
        for (i64 k = 0; marks_ && k < n; k++)
            out_.values[k] = out_.values[k] / out_.weights[k];
        for (i64 k = 0; cell_ == POOL_F32 && k < n; k++)
            reinterpret_cast<f32 *>(results_)[k] = f32(out_.values[k]);
        if (cell_ == POOL_F64)
            __builtin_memcpy(results_, out_.values, u64(n * 8));
        if (marks_)
            fill_short(d, h, at, count, lanes);
        char *out = static_cast<char *>(call.out) +
                    distance(i, call.lead[0].out_stride, j, call.lead[1].out_stride) +
                    distance(d, axes[0].out_stride, h, axes[1].out_stride) +
                    distance(at, axes[2].out_stride, lane_, call.inner.out_stride);
        store_results(call, cell_, results_, {count, lanes, axes[2].out_stride, call.inner.out_stride}, out);
    }
    void fill_short(i64 d, i64 h, i64 at, i64 count, i64 lanes) {
        const pool_windows *axes = call_->spatial;
        const i64 real = real_cells(axes[0], d).count * real_cells(axes[1], h).count;
        for (i64 c = 0, k = 0; c < count; c++) {
            const f64 least = f64(real * real_cells(axes[2], at + c).count) * f64(call_->least_num);
            for (i64 lane = 0; lane < lanes; lane++, k++) {
                if (out_.counts[k] > 0 && out_.counts[k] * f64(call_->least_den) >= least)
                    continue;
                if (cell_ == POOL_F32)
                    reinterpret_cast<f32 *>(results_)[k] = f32(call_->fill_float);
                else
                    reinterpret_cast<f64 *>(results_)[k] = call_->fill_float;
            }
        }
    }
};

} // namespace

int run_blur(pool_call &call, i64 *bytes) {
    Blur blur;
    return blur.run(call, bytes);
}

} // namespace POOL_NS
