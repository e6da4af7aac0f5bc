#include "medians.hpp"

#include "batcher.hpp"
#include "cells.hpp"

namespace POOL_NS {
namespace {

constexpr i64 TILE_BYTES = 24 << 10;

// Exchanges that the compiler unrolls: SORT sorts K wires, PAIR merges two sorted lists of K, and
// MIDDLE takes the median of K columns: of two pairs (or of none) and single ones.
enum What { SORT, PAIR, MIDDLE };

template <int K, What WHAT>
struct Plan {
    static constexpr int WIRES = WHAT == SORT ? K : WHAT == PAIR ? 2 * K : K * K;
    Step step[WIRES * 8] = {};
    int steps = 0;
    u8 order[WIRES] = {};

    constexpr Plan() {
        using List = Wires<WIRES>;
        bool needed[WIRES] = {};
        List list;
        if (WHAT == SORT) {
            list = sorted(columns(0, 1), step, steps);
        } else if (WHAT == PAIR) {
            list = merged(columns(0, 1), columns(1, 1), step, steps);
        } else if (K == 3) {
            list = merged(columns(0, 1), columns(1, 1), step, steps);
            list = merged(list, columns(2, 1), step, steps);
        } else {
            list = merged(columns(0, 2), columns(2, 2), step, steps);
            list = merged(list, columns(4, 1), step, steps);
        }
        for (int rank = 0; rank < WIRES; rank++) {
            order[rank] = list[rank];
            needed[list[rank]] = WHAT != MIDDLE || rank == WIRES / 2;
        }
        steps = pruned(step, steps, needed);
    }
    // The wires of count columns, which are in order.
    static constexpr Wires<WIRES> columns(int first, int count) {
        Wires<WIRES> list;
        for (int i = first * K; i < (first + count) * K; i++)
            list.add(u8(i));
        return list;
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
        const i64 lists = K == 3 ? K : 3 * K;
        outputs_ = least_of(w.out, most_of(K, TILE_BYTES / i64(sizeof(T)) / lists / lanes_));
        width_ = (outputs_ + K - 1) * lanes_;
        pitch_ = width_ + 64;
        rows_.prepare(call_, type_code<T>, false, width_, arena);
        columns_ = reinterpret_cast<T *>(arena.take(K * pitch_ * i64(sizeof(T))));
        pairs_ = reinterpret_cast<T *>(arena.take(2 * K * pitch_ * i64(sizeof(T))));
        results_ = reinterpret_cast<T *>(arena.take(pitch_ * i64(sizeof(T))));
        return finish_setup(call_, rows_.knows_type(), arena, bytes, [&] { all(); });
    }

  private:
    static constexpr int N = VECTOR_BYTES / sizeof(T);
    pool_call &call_;
    Rows rows_;
    i64 lanes_, outputs_, width_, pitch_;
    T *columns_, *pairs_, *results_; // sorted cells of columns, and of two columns

    void all() {
        const pool_call &call = call_;
        const pool_windows *axes = call.spatial;
        for (i64 i = 0; i < call.lead[0].count; i++)
            for (i64 j = 0; j < call.lead[1].count; j++)
                for (i64 w = 0; w < axes[2].out; w += outputs_) {
                    const i64 outputs = least_of(outputs_, axes[2].out - w);
                    rows_.choose(i, j, window_start(axes[2], w), outputs + K - 1, 0, lanes_);
                    for (i64 d = 0; d < axes[0].out; d++)
                        for (i64 h = 0; h < axes[1].out; h++) {
                            row(real_cells(axes[0], d).first, window_start(axes[1], h), outputs);
                            char *out = static_cast<char *>(call.out) +
                                        distance(i, call.lead[0].out_stride, j, call.lead[1].out_stride) +
                                        distance(d, axes[0].out_stride, h, axes[1].out_stride) +
                                        w * axes[2].out_stride;
                            const Grid grid = {outputs, lanes_, axes[2].out_stride, call.inner.out_stride};
                            store_results(call_, type_code<T>, results_, grid, out);
                        }
                }
    }

    void row(i64 d, i64 h, i64 outputs) {
        const T *rows[K];
        const i64 n = outputs * lanes_, width = n + (K - 1) * lanes_;
        rows_.start();
        for (int k = 0; k < K; k++) {
            const u8 *valid;
            rows[k] = reinterpret_cast<const T *>(rows_.row(d, h + k, valid));
        }
        const bool nans = sort_columns(rows, width);
        if (K == 5)
            merge_pairs(width - lanes_);
        const i64 pitch = pitch_, across = lanes_;
        each<N>(n, [&](auto lanes, i64 i) {
            constexpr int M = decltype(lanes)::value;
            Vec<T, M> v[K * K];
            unrolled<K * K>([&](auto at) __attribute__((always_inline)) {
                constexpr int k = decltype(at)::value, c = k / K, lists = K == 5 && c < 4 ? 2 : 1;
                const T *from = lists == 2 ? pairs_ : columns_;
                const int row = lists == 2 ? k % (2 * K) : k % K, shift = lists == 2 ? c / 2 * 2 : c;
                v[k] = read<M>(from + row * pitch + i + shift * across);
            });
            exchange<K, MIDDLE, 0>(v);
            write<M>(results_ + i, v[PLAN<K, MIDDLE>.order[K * K / 2]] + T(0)); // -0.0 becomes 0.0
        });
        for (i64 i = 0; nans && i < n; i++)
            for (int k = 0; k < K * K; k++) {
                const T x = rows[k / K][i + k % K * lanes_];
                results_[i] = x == x ? results_[i] : x;
            }
    }

    // Returns whether any cell is NaN.
    bool sort_columns(const T *const *rows, i64 width) {
        bool nans = false;
        Vec<typename IntOf<sizeof(T)>::type, N> any = {};
        each<N>(width, [&](auto lanes, i64 i) {
            constexpr int M = decltype(lanes)::value;
            Vec<T, M> v[K];
            unrolled<K>([&](auto at) __attribute__((always_inline)) {
                constexpr int k = decltype(at)::value;
                v[k] = read<M>(rows[k] + i);
                if constexpr (is_float<T> && M == N)
                    any |= v[k] != v[k];
                else if constexpr (is_float<T>)
                    nans |= v[k][0] != v[k][0];
            });
            exchange<K, SORT, 0>(v);
            unrolled<K>([&](auto at) __attribute__((always_inline)) {
                constexpr int k = decltype(at)::value;
                write<M>(columns_ + k * pitch_ + i, v[PLAN<K, SORT>.order[k]]);
            });
        });
        for (int i = 0; i < N; i++)
            nans |= any[i] != 0;
        return nans;
    }

    void merge_pairs(i64 width) {
        each<N>(width, [&](auto lanes, i64 i) {
            constexpr int M = decltype(lanes)::value;
            Vec<T, M> v[2 * K];
            unrolled<2 * K>([&](auto at) __attribute__((always_inline)) {
                constexpr int k = decltype(at)::value;
                v[k] = read<M>(columns_ + k % K * pitch_ + i + k / K * lanes_);
            });
            exchange<K, PAIR, 0>(v);
            unrolled<2 * K>([&](auto at) __attribute__((always_inline)) {
                constexpr int k = decltype(at)::value;
                write<M>(pairs_ + k * pitch_ + i, v[PLAN<K, PAIR>.order[k]]);
            });
        });
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
