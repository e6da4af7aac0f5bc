#include "passes.hpp"

#include "cells.hpp"
#include "keys.hpp"
#include "tiles.hpp"

namespace POOL_NS {
namespace {

constexpr int DIGIT = 16; // bits of a pass
constexpr i64 BINS = i64(1) << DIGIT;
constexpr i64 LANES = 8;        // windows of neighbouring lanes are counted together
constexpr i64 CHUNK = 4096;     // cells of a row that are read at a time
constexpr i64 WORTH = 1 << 14;  // cells of a window, for which tables are no loss

// What is known of one window: its two wanted ranks, and the upper bits of their keys.
struct Search {
    i64 count, nans;
    i64 rank[2]; // among the cells whose keys begin with the prefix
    u64 prefix[2];
    i64 place; // the first of the cells looked for
    i64 table[2][BINS];
};

enum Wanted { VALUES, PLACE, FREQUENT };

template <class T>
class Passes {
  public:
    Passes(pool_call &call, Wanted wanted) : call_(call), wanted_(wanted), quantile_(call) {}

    int run(i64 *bytes) {
        Arena arena = {bytes ? nullptr : static_cast<char *>(call_.scratch), 0};
        lanes_ = least_of(call_.inner.count, LANES);
        const pool_windows &w = call_.spatial[2];
        const i64 width = least_of(w.n, most_of(CHUNK / lanes_, w.dilation));
        columns_ = (width - 1) / w.dilation + 1;
        const bool marks = call_.options & (POOL_SKIP_NAN | POOL_NODATA);
        rows_.prepare(call_, type_code<T>, marks, width * lanes_, arena);
        results_ = arena.take(lanes_ * 8);
        if (!in_pieces())
            searches_ = reinterpret_cast<Search *>(arena.take(lanes_ * i64(sizeof(Search))));
        return finish_setup(call_, rows_.knows_type(), arena, bytes, [&] { all(); });
    }

  private:
    using K = Key<T>;
    static constexpr int BITS = key_bits<T>;
    static constexpr int PASSES = (BITS + DIGIT - 1) / DIGIT;

    pool_call &call_;
    const Wanted wanted_;
    Quantile quantile_;
    Rows rows_;
    Search *searches_; // of some lanes of one window
    char *results_;
    i64 lanes_, columns_;
    i64 lead_[2], window_[3], first_lane_, some_; // where we are

    bool in_pieces() const { return call_.options & (POOL_CONTINUES | POOL_UNFINISHED); }
    int passes() const { return PASSES + (wanted_ == PLACE); }
    static int shift_of(int pass) { return BITS > DIGIT ? BITS - DIGIT * (pass + 1) : 0; }

    void all() {
        const pool_call &call = call_;
        auto state = static_cast<Search *>(call.state);
        for (lead_[0] = 0; lead_[0] < call.lead[0].count; lead_[0]++)
            for (lead_[1] = 0; lead_[1] < call.lead[1].count; lead_[1]++)
                for (window_[0] = 0; window_[0] < call.spatial[0].out; window_[0]++)
                    for (window_[1] = 0; window_[1] < call.spatial[1].out; window_[1]++)
                        for (window_[2] = 0; window_[2] < call.spatial[2].out; window_[2]++)
                            for (first_lane_ = 0; first_lane_ < call.inner.count; first_lane_ += some_) {
                                some_ = least_of(lanes_, call.inner.count - first_lane_);
                                if (in_pieces())
                                    searches_ = state;
                                window();
                                state += some_;
                            }
    }

    void window() {
        const bool pieces = in_pieces();
        const int first = pieces ? int(call_.q[3]) : 0, last = pieces ? first : passes() - 1;
        for (int pass = first; pass <= last; pass++) {
            if (!pass && !(call_.options & POOL_CONTINUES))
                for (i64 i = 0; i < some_; i++)
                    begin(searches_[i]);
            scan(pass);
            if (call_.options & POOL_UNFINISHED)
                return;
            for (i64 i = 0; i < some_; i++)
                narrow(searches_[i], pass);
        }
        if (last == passes() - 1)
            store();
    }

    static void begin(Search &search) {
        search.count = search.nans = 0;
        search.place = -1;
        search.prefix[0] = search.prefix[1] = 0;
        __builtin_memset(search.table[0], 0, sizeof search.table[0]);
    }

    // ---- the cells of a window --------------------------------------------------------------------

    void scan(int pass) {
        const pool_windows *axes = call_.spatial;
        const Cells depths = real_cells(axes[0], window_[0]), heights = real_cells(axes[1], window_[1]);
        const Cells columns = real_cells(axes[2], window_[2]);
        for (i64 c = 0; c < columns.count; c += columns_) {
            const i64 n = least_of(columns_, columns.count - c);
            rows_.choose(lead_[0], lead_[1], columns.first + c * axes[2].dilation,
                         (n - 1) * axes[2].dilation + 1, first_lane_, some_);
            for (i64 a = 0; a < depths.count; a++)
                for (i64 b = 0; b < heights.count; b++) {
                    const i64 d = depths.first + a * axes[0].dilation;
                    const i64 h = heights.first + b * axes[1].dilation;
                    if (d >= axes[0].held && d < axes[0].stop && h >= axes[1].held && h < axes[1].stop)
                        row(pass, d, h, n); // else it belongs to another piece
                }
        }
    }

    void row(int pass, i64 d, i64 h, i64 n) {
        const u8 *valid;
        rows_.start();
        auto cells = reinterpret_cast<const T *>(rows_.row(d, h, valid));
        const i64 step = call_.spatial[2].dilation, pitch = rows_.pitch() * step;
        for (i64 lane = 0; lane < some_; lane++) {
            Search &search = searches_[lane];
            const u8 *marks = valid ? valid + lane : nullptr;
            if (pass == PASSES)
                find_place(search, cells + lane, pitch, marks, step * some_, n,
                           rows_.place(d, h) + lane * call_.inner.cell_coef);
            else if (marks)
                count<true>(search, pass, cells + lane, pitch, marks, step * some_, n);
            else
                count<false>(search, pass, cells + lane, pitch, marks, step * some_, n);
        }
    }

    template <bool MARKS>
    static void count(Search &search, int pass, const T *x, i64 pitch, const u8 *marks, i64 apart, i64 n) {
        const int shift = shift_of(pass);
        const bool two = search.prefix[0] != search.prefix[1];
        i64 valid = 0, nans = 0;
        for (i64 i = 0; i < n; i++) {
            if (MARKS && !marks[i * apart])
                continue;
            const T cell = x[i * pitch];
            valid++;
            if (cell != cell) {
                nans++;
                continue;
            }
            const u64 key = key_of(cell);
            const i64 bin = i64(key >> shift) & (BINS - 1);
            if (!pass) {
                search.table[0][bin]++;
                continue;
            }
            const u64 prefix = key >> shift >> DIGIT;
            if (prefix == search.prefix[0])
                search.table[0][bin]++;
            if (two && prefix == search.prefix[1])
                search.table[1][bin]++;
        }
        if (!pass) {
            search.count += valid;
            search.nans += nans;
        }
    }

    // The least place of a cell with the value, or of a NaN.
    void find_place(Search &search, const T *x, i64 pitch, const u8 *marks, i64 apart, i64 n, i64 place) const {
        const i64 step = call_.spatial[2].dilation * call_.spatial[2].cell_coef;
        for (i64 i = 0; i < n; i++) {
            const T cell = x[i * pitch];
            if (marks && !marks[i * apart])
                continue;
            if (search.nans ? cell != cell : key_of(cell) == search.prefix[0]) {
                const i64 here = place + i * step;
                if (search.place < 0 || here < search.place)
                    search.place = here;
                return;
            }
        }
    }

    // ---- between passes -----------------------------------------------------------------------

    void narrow(Search &search, int pass) {
        if (pass == PASSES)
            return;
        if (wanted_ == FREQUENT)
            return take_most_frequent(search);
        const i64 numbers = search.count - search.nans;
        if (!numbers)
            return;
        const bool two = pass && search.prefix[0] != search.prefix[1];
        if (!pass) {
            const Position &at = quantile_.at(search.nans ? numbers : search.count);
            search.rank[0] = at.low;
            search.rank[1] = at.high();
        }
        for (int i = 1; i >= 0; i--) {
            const i64 *table = search.table[two ? i : 0];
            i64 bin = 0;
            for (; search.rank[i] >= table[bin]; bin++)
                search.rank[i] -= table[bin];
            search.prefix[i] = search.prefix[i] << DIGIT | u64(bin);
        }
        __builtin_memset(search.table, 0, sizeof search.table);
    }

    static void take_most_frequent(Search &search) {
        i64 best = 0;
        for (i64 bin = 1; bin < BINS; bin++)
            best = search.table[0][bin] > search.table[0][best] ? bin : best;
        search.prefix[0] = search.prefix[1] = u64(best);
    }

    void store() {
        const QuantileResults<T> to = {call_, quantile_, results_};
        const pool_windows *axes = call_.spatial;
        i64 real = 1;
        for (int a = 0; a < 3; a++)
            real *= real_cells(axes[a], window_[a]).count;
        const int code = wanted_ == PLACE ? POOL_I64 : wanted_ == FREQUENT ? type_code<T> : to.code();
        for (i64 i = 0; i < some_; i++) {
            const Search &search = searches_[i];
            if (is_short(call_, search.count, real))
                write_fill(call_, code, results_ + i * type_size(code));
            else if (wanted_ == PLACE)
                reinterpret_cast<i64 *>(results_)[i] = search.place;
            else if (wanted_ == FREQUENT)
                reinterpret_cast<T *>(results_)[i] = cell_of<T>(K(search.prefix[0]));
            else if (search.nans)
                to.nan(i);
            else
                to.one(i, cell_of<T>(K(search.prefix[0])), cell_of<T>(K(search.prefix[1])),
                       quantile_.at(search.count), true);
        }
        char *out = static_cast<char *>(call_.out) + first_lane_ * call_.inner.out_stride +
                    distance(lead_[0], call_.lead[0].out_stride, lead_[1], call_.lead[1].out_stride);
        for (int a = 0; a < 3; a++)
            out += window_[a] * axes[a].out_stride;
        const Grid grid = {1, some_, 0, call_.inner.out_stride};
        store_results(call_, code, results_, grid, out);
    }
};

int run(pool_call &call, Wanted wanted, i64 *bytes) {
    return for_type(ranked_cell(call), [&](auto zero) {
        return Passes<decltype(zero)>(call, wanted).run(bytes);
    });
}

} // namespace

bool should_count(const pool_call &call) {
    if (call.options & (POOL_CONTINUES | POOL_UNFINISHED) || most_real_cells(call) > MOST_SLIDING)
        return true;
    return most_real_cells(call) >= WORTH && windows_of_a_cell(call) < 2;
}

int count_quantile(pool_call &call, i64 *bytes) { return run(call, VALUES, bytes); }
int count_argquantile(pool_call &call, i64 *bytes) { return run(call, PLACE, bytes); }
int count_mode(pool_call &call, i64 *bytes) { return run(call, FREQUENT, bytes); }

i64 counting_state(const pool_call &call) {
    if (call.op == POOL_MODE && type_size(ranked_cell(call)) > DIGIT / 8)
        return -1;
    i64 windows = call.lead[0].count * call.lead[1].count * call.inner.count;
    for (const pool_windows &w : call.spatial)
        windows *= w.out;
    return windows * i64(sizeof(Search));
}

} // namespace POOL_NS
