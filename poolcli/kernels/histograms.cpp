#include "histograms.hpp"

#include "cells.hpp"
#include "keys.hpp"

namespace POOL_NS {
namespace {

constexpr i64 BINS = 256, COARSE = 16;
constexpr i64 COLUMNS = 640;        // of a strip, whose histograms stay in the cache
constexpr i64 MOST_CELLS = 0xffff;  // what a bin can count
constexpr i64 LEAST_CELLS = 100;    // networks are quicker for fewer
constexpr f64 LEAST_SHARED = 8;

// Counts of the cells of a column or a window by their keys, and of sixteen neighbouring keys.
struct Histogram {
    u16 bins[BINS];
    u16 coarse[COARSE];
    u16 count;
};

constexpr int N = VECTOR_BYTES / 2;

// to += from and to -= from; both halves are whole vectors of at most 32 counts.
inline void add(Histogram &to, const Histogram &from) {
    for (i64 i = 0; i < BINS; i += N)
        write<N>(to.bins + i, read<N>(to.bins + i) + read<N>(from.bins + i));
    for (i64 i = 0; i < COARSE; i += 8)
        write<8>(to.coarse + i, read<8>(to.coarse + i) + read<8>(from.coarse + i));
    to.count = u16(to.count + from.count);
}
inline void exchange(Histogram &to, const Histogram &out, const Histogram &in) {
    for (i64 i = 0; i < BINS; i += N)
        write<N>(to.bins + i, read<N>(to.bins + i) - read<N>(out.bins + i) + read<N>(in.bins + i));
    for (i64 i = 0; i < COARSE; i += 8)
        write<8>(to.coarse + i,
                 read<8>(to.coarse + i) - read<8>(out.coarse + i) + read<8>(in.coarse + i));
    to.count = u16(to.count - out.count + in.count);
}

// The key of a rank, and that of the next.
struct Keys {
    u8 low, high;
};
inline Keys find(const Histogram &histogram, i64 rank, bool next) {
    i64 part = 0, bin;
    for (; rank >= histogram.coarse[part]; part++)
        rank -= histogram.coarse[part];
    for (bin = part * (BINS / COARSE); rank >= histogram.bins[bin]; bin++)
        rank -= histogram.bins[bin];
    i64 high = bin;
    if (next && rank + 1 >= histogram.bins[bin])
        while (!histogram.bins[++high]) {
        }
    return {u8(bin), u8(high)};
}

inline u8 most_frequent(const Histogram &histogram) {
    Vec<u16, N> most = read<N>(histogram.bins);
    for (i64 i = N; i < BINS; i += N) {
        const Vec<u16, N> some = read<N>(histogram.bins + i);
        most = some > most ? some : most;
    }
    u16 largest = 0;
    for (int i = 0; i < N; i++)
        largest = most[i] > largest ? most[i] : largest;
    i64 bin = 0;
    while (histogram.bins[bin] != largest)
        bin++;
    return u8(bin);
}

template <class T>
class Histograms {
  public:
    Histograms(pool_call &call, bool mode) : call_(call), mode_(mode), quantile_(call) {}

    int run(i64 *bytes) {
        Arena arena = {bytes ? nullptr : static_cast<char *>(call_.scratch), 0};
        const pool_windows &w = call_.spatial[2];
        columns_ = least_of(w.n, most_of(COLUMNS, 2 * w.size));
        outputs_ = least_of(w.out, columns_);
        const bool marks = call_.options & (POOL_SKIP_NAN | POOL_NODATA);
        rows_.prepare(call_, type_code<T>, marks, columns_, arena);
        histograms_ = reinterpret_cast<Histogram *>(arena.take(columns_ * i64(sizeof(Histogram))));
        results_ = arena.take(outputs_ * 8);
        return finish_setup(call_, rows_.knows_type(), arena, bytes, [&] { all(); });
    }

  private:
    pool_call &call_;
    const bool mode_;
    Quantile quantile_;
    Rows rows_;
    Histogram *histograms_, window_;
    char *results_;
    i64 columns_, outputs_;
    i64 lead_[2], lane_;
    i64 from_, to_;        // the strip's windows,
    i64 first_, width_;    // and its columns
    Cells depths_, heights_; // whose rows the histograms hold

    void all() {
        const pool_call &call = call_;
        for (lead_[0] = 0; lead_[0] < call.lead[0].count; lead_[0]++)
            for (lead_[1] = 0; lead_[1] < call.lead[1].count; lead_[1]++)
                for (lane_ = 0; lane_ < call.inner.count; lane_++)
                    for (from_ = 0; from_ < call.spatial[2].out; from_ = to_)
                        strip();
    }

    void strip() {
        const pool_windows *axes = call_.spatial;
        first_ = real_cells(axes[2], from_).first;
        width_ = 0;
        for (to_ = from_; to_ < axes[2].out && to_ - from_ < outputs_; to_++) {
            const Cells cells = real_cells(axes[2], to_);
            if (to_ > from_ && cells.first + cells.count - first_ > columns_)
                break;
            width_ = most_of(width_, cells.first + cells.count - first_);
        }
        rows_.choose(lead_[0], lead_[1], first_, width_, lane_, 1);
        for (i64 d = 0; d < axes[0].out; d++) {
            depths_ = real_cells(axes[0], d);
            start_columns();
            for (i64 h = 0; h < axes[1].out; h++) {
                go_down(real_cells(axes[1], h));
                across(d, h);
            }
        }
    }

    // ---- down ---------------------------------------------------------------------------------

    void start_columns() {
        __builtin_memset(histograms_, 0, u64(width_) * sizeof(Histogram));
        heights_ = {0, 0};
    }

    void go_down(const Cells &to) {
        const i64 end = heights_.first + heights_.count;
        if (to.first >= end) {
            start_columns();
            heights_ = {to.first, 0};
        }
        for (i64 h = heights_.first; h < to.first; h++)
            take_row<false>(h);
        for (i64 h = heights_.first + heights_.count; h < to.first + to.count; h++)
            take_row<true>(h);
        heights_ = to;
    }

    template <bool ADD>
    void take_row(i64 h) {
        for (i64 i = 0; i < depths_.count; i++) {
            const u8 *valid;
            rows_.start();
            auto cells = reinterpret_cast<const T *>(rows_.row(depths_.first + i, h, valid));
            const i64 pitch = rows_.pitch();
            for (i64 x = 0; x < width_; x++) {
                if (valid && !valid[x])
                    continue;
                Histogram &column = histograms_[x];
                const u32 key = key_of(cells[x * pitch]);
                column.bins[key] = u16(column.bins[key] + (ADD ? 1 : -1));
                column.coarse[key / COARSE] = u16(column.coarse[key / COARSE] + (ADD ? 1 : -1));
                column.count = u16(column.count + (ADD ? 1 : -1));
            }
        }
    }

    // ---- across -------------------------------------------------------------------------------

    void across(i64 d, i64 h) {
        const pool_windows &w = call_.spatial[2];
        const QuantileResults<T> to = {call_, quantile_, results_};
        const int code = mode_ ? type_code<T> : to.code();
        Cells now = {0, 0};
        for (i64 i = from_; i < to_; i++) {
            const Cells next = real_cells(w, i);
            go_across(now, {next.first - first_, next.count});
            now = {next.first - first_, next.count};
            const i64 real = depths_.count * heights_.count * next.count;
            if (is_short(call_, window_.count, real))
                write_fill(call_, code, results_ + (i - from_) * type_size(code));
            else
                result(i - from_, to);
        }
        const pool_windows *axes = call_.spatial;
        char *out = static_cast<char *>(call_.out) + lane_ * call_.inner.out_stride +
                    distance(lead_[0], call_.lead[0].out_stride, lead_[1], call_.lead[1].out_stride) +
                    distance(d, axes[0].out_stride, h, axes[1].out_stride) + from_ * axes[2].out_stride;
        const Grid grid = {to_ - from_, 1, axes[2].out_stride, call_.inner.out_stride};
        store_results(call_, code, results_, grid, out);
    }

    void go_across(const Cells &now, const Cells &to) {
        i64 out = now.first, in = now.first + now.count;
        const i64 end = to.first + to.count;
        if (!now.count || to.first >= in) {
            __builtin_memset(&window_, 0, sizeof window_);
            out = in = to.first;
        }
        while (out < to.first && in < end)
            exchange(window_, histograms_[out++], histograms_[in++]);
        for (; in < end; in++)
            add(window_, histograms_[in]);
        static const Histogram nothing = {};
        for (; out < to.first; out++)
            exchange(window_, histograms_[out], nothing);
    }

    void result(i64 i, const QuantileResults<T> &to) {
        if (mode_) {
            reinterpret_cast<T *>(results_)[i] = cell_of<T>(most_frequent(window_));
            return;
        }
        const Position &at = quantile_.at(window_.count);
        const Keys keys = find(window_, at.low, at.rest);
        to.one(i, cell_of<T>(keys.low), cell_of<T>(keys.high), at, true);
    }
};

int run(pool_call &call, bool mode, i64 *bytes) {
    if (call.in_type == POOL_I8)
        return Histograms<i8>(call, mode).run(bytes);
    return Histograms<u8>(call, mode).run(bytes);
}

} // namespace

bool should_use_histograms(const pool_call &call) {
    const i64 cells = most_real_cells(call);
    bool close = type_size(call.in_type) == 1;
    for (const pool_windows &w : call.spatial)
        close = close && w.dilation == 1;
    return close && cells > LEAST_CELLS && cells <= MOST_CELLS && windows_of_a_cell(call) >= LEAST_SHARED;
}

int histogram_quantile(pool_call &call, i64 *bytes) { return run(call, false, bytes); }
int histogram_mode(pool_call &call, i64 *bytes) { return run(call, true, bytes); }

} // namespace POOL_NS
