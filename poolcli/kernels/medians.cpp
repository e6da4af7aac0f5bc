#include "medians.hpp"

#include "batcher.hpp"
#include "cells.hpp"

namespace POOL_NS {
namespace {

constexpr i64 TILE_BYTES = 24 << 10;

// Windows of K by K cells share what they have in common, all of it sorted:
//
//     runs   the K cells of a window in one row; of all K windows that have this row
//     pairs  two runs below each other, every second one; of windows of 5 by 5
//     cores  the K - 1 rows that a window and the next below have both: the ranks of these cells that
//            the median can have
//
// and the median lies between a core and the run above or below it.
enum What { RUN, PAIR, CORE };

// Exchanges that the compiler unrolls.
template <int K, What WHAT>
struct Plan {
    static constexpr int LISTS = WHAT == RUN ? 1 : WHAT == PAIR ? 2 : K - 1; // of K cells
    static constexpr int WIRES = LISTS * K;
    // All ranks, but of a core those that K cells more, below or above, can move to the middle.
    static constexpr int FIRST = WHAT == CORE ? K * K / 2 - K : 0, COUNT = WHAT == CORE ? K + 1 : WIRES;
    Step step[WIRES * 8] = {};
    int steps = 0;
    u8 order[WIRES] = {};

    constexpr Plan() {
        bool needed[WIRES] = {};
        Wires<WIRES> half[2], list;
        for (int i = 0; i < WIRES; i++)
            half[2 * i / WIRES].add(u8(i));
        if (WHAT == RUN) {
            for (int i = 0; i < WIRES; i++)
                list.add(u8(i));
            list = sorted(list, step, steps);
        } else {
            list = merged(half[0], half[1], step, steps);
        }
        for (int i = 0; i < COUNT; i++) {
            order[i] = list[FIRST + i];
            needed[order[i]] = true;
        }
        steps = pruned(step, steps, needed);
    }
};

template <int K, What WHAT>
constexpr Plan<K, WHAT> PLAN = {};

template <int K, What WHAT, int S, class V>
__attribute__((always_inline)) inline void exchange(V *v) {
    if constexpr (S < PLAN<K, WHAT>.steps) {
        constexpr Step step = PLAN<K, WHAT>.step[S];
        const V a = v[step.i], b = v[step.j];
        if constexpr (step.least)
            v[step.i] = a < b ? a : b;
        if constexpr (step.largest)
            v[step.j] = a > b ? a : b;
        exchange<K, WHAT, S + 1>(v);
    }
}

// f(Lanes<0>{}), f(Lanes<1>{}) ... for vectors that are to stay in registers: no index is known
// at run time only.
template <int COUNT, int I = 0, class F>
__attribute__((always_inline)) inline void unrolled(F f) {
    if constexpr (I < COUNT) {
        f(Lanes<I>{});
        unrolled<COUNT, I + 1>(f);
    }
}

template <class T, int K>
class Medians {
  public:
    explicit Medians(pool_call &call) : call_(call) {}

    int run(i64 *bytes) {
        Arena arena = {bytes ? nullptr : static_cast<char *>(call_.scratch), 0};
        lanes_ = call_.inner.count;
        const pool_windows &w = call_.spatial[2];
        constexpr i64 LISTS = K * (K + 1) + (K == 5 ? 4 * K : 0);
        outputs_ = least_of(w.out, most_of(K, TILE_BYTES / i64(sizeof(T)) / LISTS / lanes_));
        const i64 width = (outputs_ + K - 1) * lanes_;
        pitch_ = (outputs_ * lanes_ + N - 1) / N * N + N;
        rows_.prepare(call_, type_code<T>, false, width, arena);
        const auto take = [&](i64 cells) { return reinterpret_cast<T *>(arena.take(cells * i64(sizeof(T)))); };
        for (T *&run : runs_)
            run = take(K * pitch_);
        for (T *&pair : pairs_)
            pair = K == 5 ? take(2 * K * pitch_) : nullptr;
        results_ = take(2 * pitch_);
        cells_ = take(N + K * lanes_);
        return finish_setup(call_, rows_.knows_type(), arena, bytes, [&] {
            __builtin_memset(cells_, 0, u64(N + K * lanes_) * sizeof(T));
            all();
        });
    }

  private:
    static constexpr int N = VECTOR_BYTES / sizeof(T);
    using V = Vec<T, N>;
    pool_call &call_;
    Rows rows_;
    i64 lanes_, outputs_, pitch_;
    T *runs_[K + 1], *pairs_[2]; // in turns
    bool nans_[K + 1];           // whether the rows of runs_ have any
    T *results_;                 // of two rows
    T *cells_;                   // of a row that is shorter than a vector
    i64 n_;                      // results of a row of the strip

    void all() {
        const pool_call &call = call_;
        const pool_windows *axes = call.spatial;
        for (i64 i = 0; i < call.lead[0].count; i++)
            for (i64 j = 0; j < call.lead[1].count; j++)
                for (i64 w = 0; w < axes[2].out; w += outputs_) {
                    const i64 outputs = least_of(outputs_, axes[2].out - w);
                    rows_.choose(i, j, window_start(axes[2], w), outputs + K - 1, 0, lanes_);
                    n_ = outputs * lanes_;
                    for (i64 d = 0; d < axes[0].out; d++) {
                        char *out = static_cast<char *>(call.out) +
                                    distance(i, call.lead[0].out_stride, j, call.lead[1].out_stride) +
                                    distance(d, axes[0].out_stride, w, axes[2].out_stride);
                        go_down(real_cells(axes[0], d).first, outputs, out);
                    }
                }
    }

    void go_down(i64 d, i64 outputs, char *out) {
        const pool_windows &rows = call_.spatial[1];
        const Grid grid = {outputs, lanes_, call_.spatial[2].out_stride, call_.inner.out_stride};
        const bool direct = n_ >= N && stores_directly(call_, type_code<T>, grid);
        const i64 start = window_start(rows, 0);
        i64 runs = 0, pairs = 1; // the next of them, by the rows they begin with
        for (i64 h = 0; h < rows.out;) {
            const i64 row = h * rows.step / 2 * 2, first = h;
            T *to[2] = {}; // of windows that begin with this row and with the next
            for (; h < rows.out && h * rows.step - row < 2; h++)
                to[h * rows.step - row] = direct ? reinterpret_cast<T *>(out + h * rows.out_stride)
                                                 : results_ + (h - first) * pitch_;
            for (runs = most_of(runs, row); runs < row + K + (to[1] ? 1 : 0); runs++)
                sort_run(d, start, runs);
            if constexpr (K == 5)
                for (pairs = most_of(pairs, row + 1); pairs < row + K; pairs += 2)
                    merge_pair(pairs);
            find_medians(row, to);
            for (i64 i = first; i < h; i++) {
                const i64 at = i * rows.step;
                T *results = to[at - row];
                if (has_nans(at))
                    put_nans(d, start + at, results);
                if (!direct)
                    store_results(call_, type_code<T>, results, grid, out + i * rows.out_stride);
            }
        }
    }

    // Do f(i) for vectors that cover n cells; the last two may overlap.
    template <class F>
    static void each_vector(i64 n, F f) {
        const i64 last = most_of(0, n - N);
        for (i64 i = 0;; i = least_of(i + N, last)) {
            f(i);
            if (i == last)
                return;
        }
    }

    void sort_run(i64 d, i64 start, i64 row) {
        const u8 *valid;
        rows_.start();
        auto cells = reinterpret_cast<const T *>(rows_.row(d, start + row, valid));
        const i64 lanes = lanes_, pitch = pitch_, width = n_ + (K - 1) * lanes;
        if (n_ < N) { // a vector would reach past the last
            __builtin_memcpy(cells_, cells, u64(width) * sizeof(T));
            cells = cells_;
        }
        T *run = runs_[row % (K + 1)];
        each_vector(n_, [&](i64 i) {
            V v[K];
            unrolled<K>([&](auto k) __attribute__((always_inline)) {
                v[k.value] = read<N>(cells + i + k.value * lanes);
            });
            exchange<K, RUN, 0>(v);
            unrolled<K>([&](auto k) __attribute__((always_inline)) {
                write<N>(run + k.value * pitch + i, v[PLAN<K, RUN>.order[k.value]]);
            });
        });
        if constexpr (is_float<T>) {
            V lost = {}; // NaN where any cell is no number; where one is infinite, too
            each_vector(width, [&](i64 i) {
                const V x = read<N>(cells + i);
                lost += x - x;
            });
            nans_[row % (K + 1)] = any_nan<T>(reinterpret_cast<const T *>(&lost), N);
        }
    }

    void merge_pair(i64 h) {
        const T *above = runs_[h % (K + 1)], *below = runs_[(h + 1) % (K + 1)];
        T *pair = pairs_[h / 2 % 2];
        const i64 pitch = pitch_;
        each_vector(n_, [&](i64 i) {
            V v[2 * K];
            unrolled<K>([&](auto k) __attribute__((always_inline)) {
                v[k.value] = read<N>(above + k.value * pitch + i);
                v[K + k.value] = read<N>(below + k.value * pitch + i);
            });
            exchange<K, PAIR, 0>(v);
            unrolled<2 * K>([&](auto k) __attribute__((always_inline)) {
                write<N>(pair + k.value * pitch + i, v[PLAN<K, PAIR>.order[k.value]]);
            });
        });
    }

    // Of the windows that begin with a row, and with the next one, where they are wanted.
    void find_medians(i64 row, T *const *to) {
        constexpr int HALF = K * (K - 1) / 2;
        const T *above = runs_[row % (K + 1)], *below = runs_[(row + K) % (K + 1)];
        const T *first = K == 5 ? pairs_[row / 2 % 2] : runs_[(row + 1) % (K + 1)];
        const T *second = K == 5 ? pairs_[(row / 2 + 1) % 2] : runs_[(row + 2) % (K + 1)];
        T *upper = to[0], *lower = to[1];
        const i64 pitch = pitch_;
        each_vector(n_, [&](i64 i) {
            V v[2 * HALF];
            unrolled<HALF>([&](auto k) __attribute__((always_inline)) {
                v[k.value] = read<N>(first + k.value * pitch + i);
                v[HALF + k.value] = read<N>(second + k.value * pitch + i);
            });
            exchange<K, CORE, 0>(v);
            if (upper)
                write<N>(upper + i, median(v, above + i));
            if (lower)
                write<N>(lower + i, median(v, below + i));
        });
    }

    // That of a core and a run: the least of what is the largest of so many of the one and the rest
    // of the other.
    __attribute__((always_inline)) V median(const V *core, const T *run) const {
        V result = core[PLAN<K, CORE>.order[K]];
        unrolled<K>([&](auto k) __attribute__((always_inline)) {
            const V a = core[PLAN<K, CORE>.order[k.value]], b = read<N>(run + (K - 1 - k.value) * pitch_);
            const V larger = a > b ? a : b;
            result = larger < result ? larger : result;
        });
        return result + T(0); // -0.0 becomes 0.0
    }

    bool has_nans(i64 row) const {
        bool any = false;
        for (i64 k = 0; is_float<T> && k < K; k++)
            any |= nans_[(row + k) % (K + 1)];
        return any;
    }

    // NaN for windows that begin with this row and have any; nothing else changes.
    void put_nans(i64 d, i64 row, T *results) {
        const u8 *valid;
        for (int k = 0; k < K; k++) {
            rows_.start();
            auto cells = reinterpret_cast<const T *>(rows_.row(d, row + k, valid));
            for (i64 x = 0; x < K * lanes_; x += lanes_)
                for (i64 i = 0; i < n_; i++)
                    results[i] = cells[i + x] == cells[i + x] ? results[i] : T(__builtin_nan(""));
        }
    }
};

template <class T>
int run_sizes(pool_call &call, i64 *bytes) {
    return call.spatial[2].size == 3 ? Medians<T, 3>(call).run(bytes) : Medians<T, 5>(call).run(bytes);
}

int run_core(pool_call &call, i64 *bytes) {
    switch (ranked_cell(call)) {
    case POOL_F32: return run_sizes<f32>(call, bytes);
    case POOL_F64: return run_sizes<f64>(call, bytes);
    case POOL_U16: return run_sizes<u16>(call, bytes);
    default: return run_sizes<u8>(call, bytes);
    }
}

// The call for windows from ... to - 1 of an axis.
pool_call part_of(const pool_call &call, int axis, i64 from, i64 to) {
    pool_call part = call;
    pool_windows &w = part.spatial[axis];
    w.out = to - from;
    w.first += from;
    w.start += from * w.step;
    part.out = static_cast<char *>(part.out) + from * w.out_stride;
    part.window_base += from * w.window_coef;
    return part;
}

} // namespace

bool has_small_medians(const pool_call &call) {
    const pool_windows *axes = call.spatial;
    const int cell = ranked_cell(call);
    const bool known = cell == POOL_F32 || cell == POOL_F64 || cell == POOL_U16 || cell == POOL_U8;
    // What is no cell of the same type is float64 on its way, which is rounded where cells are not.
    const bool same = cell == POOL_F32 || cell == POOL_F64 || Quantile(call).picks() || call.out_type == POOL_F64;
    bool even = true;
    for (int a = 0; a < 3; a++)
        even = even && !axes[a].starts && axes[a].dilation == 1;
    const i64 size = axes[2].size;
    return known && same && even && 2 * call.q[0] == call.q[1] && axes[0].size == 1 && axes[1].size == size &&
           (size == 3 || size == 5) && axes[2].step == 1 && call.inner.count <= 64 &&
           !(call.options & (POOL_SKIP_NAN | POOL_NODATA));
}

int small_medians(pool_call &call, i64 *bytes, RunOp other) {
    if (bytes) {
        i64 most = 0;
        const int status = other(call, &most), core = run_core(call, bytes);
        *bytes = most_of(*bytes, most);
        return status ? status : core;
    }
    i64 from[3], to[3]; // of windows that no edge clips
    for (int a = 1; a < 3; a++) {
        const pool_windows &w = call.spatial[a];
        from[a] = 0;
        while (from[a] < w.out && window_start(w, from[a]) < 0)
            from[a]++;
        to[a] = w.out;
        while (to[a] > from[a] && window_end(w, to[a] - 1) > w.n)
            to[a]--;
    }
    int status = POOL_OK;
    const auto run = [&](RunOp op, pool_call part) {
        if (status)
            return;
        part.found = 0;
        status = op(part, nullptr);
        if (part.found && !call.found) {
            call.bad_float = part.bad_float;
            call.bad_high = part.bad_high;
            call.bad_low = part.bad_low;
        }
        call.found |= part.found;
    };
    const auto rows = [&](i64 low, i64 high) { return part_of(call, 1, low, high); };
    const i64 h = call.spatial[1].out, w = call.spatial[2].out;
    if (from[1] > 0)
        run(other, rows(0, from[1]));
    if (to[1] > from[1]) {
        const pool_call core = rows(from[1], to[1]);
        if (from[2] > 0)
            run(other, part_of(core, 2, 0, from[2]));
        if (to[2] > from[2])
            run(run_core, part_of(core, 2, from[2], to[2]));
        if (w > to[2])
            run(other, part_of(core, 2, to[2], w));
    }
    if (h > to[1])
        run(other, rows(to[1], h));
    return status;
}

} // namespace POOL_NS
