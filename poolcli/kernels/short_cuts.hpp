// Short cuts for small windows that are all alike: fewer passes, the same bytes.
#pragma once

#include "fold.hpp"

namespace POOL_NS {
namespace {

template <class T, int N>
inline Vec<T, N> one_nan(Vec<T, N> x) {
    if constexpr (is_float<T>)
        return x == x ? x : all<T, N>(T(__builtin_nan("")));
    else
        return x;
}

// An op that finishes rows one by one can be quicker where all have one divisor, by a context that
// it makes of that.
template <class Op, class = void>
constexpr bool has_context = false;
template <class Op>
constexpr bool has_context<Op, decltype(void(sizeof(typename Op::Context)))> = true;

// Do f(result) where result(how, state) finishes states that all have one divisor.
template <class Op, class F>
inline void with_norm(const Finish &how, F f) {
    if constexpr (has_context<Op>) {
        const auto context = Op::context(how);
        f([&](auto lanes, const auto &state) {
            return Op::template result<decltype(lanes)::value>(context, state);
        });
    } else if constexpr (has_norm<Op>) {
        using T = typename Op::NormType;
        const bool inverse = inverts<Op> || power_of_two(how.norm);
        const T norm = T(inverse ? 1 / how.norm : how.norm);
        if (inverse)
            f([&](auto lanes, const auto &state) {
                constexpr int N = decltype(lanes)::value;
                const Norm<N, T, true> by = {all<T, N>(norm)};
                return one_nan<typename Op::Result, N>(Op::template result<N>(how, state, by));
            });
        else if constexpr (!inverts<Op>)
            f([&](auto lanes, const auto &state) {
                constexpr int N = decltype(lanes)::value;
                const Norm<N, T, false> by = {all<T, N>(norm)};
                return one_nan<typename Op::Result, N>(Op::template result<N>(how, state, by));
            });
    } else {
        f([&](auto lanes, const auto &state) {
            constexpr int N = decltype(lanes)::value;
            return one_nan<typename Op::Result, N>(Op::template result<N>(how, state));
        });
    }
}

template <class Op>
void fold_slide_finish(const Finish &how, const Tile &in, int count, i64 shift, i64 n, void *to) {
    auto results = static_cast<typename Op::Result *>(to);
    with_norm<Op>(how, [&](auto finish) {
        each_again<lanes_of<Op>()>(n, [&](auto lanes, i64 i) {
            constexpr int N = decltype(lanes)::value;
            using S = typename Op::template State<N>;
            S acc = read_state<S>(in, i);
            for (int k = 1; k < count; k++)
                acc = Op::template merge<N>(acc, read_state<S>(in, i + k * shift));
            write<N>(results + i, finish(lanes, acc));
        });
    });
}

// The states of N columns from column x on.
template <class Op, int N>
inline typename Op::template State<N> column_states(const RowSet &rows, i64 x) {
    auto acc = load_cells<Op, N>(rows, 0, x);
    for (int row = 1; row < rows.count; row++)
        acc = Op::template merge<N>(acc, load_cells<Op, N>(rows, row, x));
    return acc;
}

template <class Op, int SIZE>
void halve_columns(const Finish &how, const RowSet &rows, i64 n, typename Op::Result *results) {
    constexpr int MOST = lanes_of<Op>();
    with_norm<Op>(how, [&](auto finish) {
        const auto step = [&](auto lanes, i64 i) {
            constexpr int N = decltype(lanes)::value;
            const auto a = column_states<Op, N>(rows, 2 * i), b = column_states<Op, N>(rows, 2 * i + N);
            auto acc = Op::template merge<N>(every_other<0>(a, b), every_other<1>(a, b));
            if constexpr (SIZE == 3) {
                const auto c = column_states<Op, N>(rows, 2 * i + 1);
                const auto d = column_states<Op, N>(rows, 2 * i + 1 + N);
                acc = Op::template merge<N>(acc, every_other<1>(c, d));
            }
            write<N>(results + i, finish(lanes, acc));
        };
        i64 i = 0;
        if constexpr (SIZE == 3) { // as long as the next columns are there, share their states
            if (n > 2 * MOST) {
                auto a = column_states<Op, MOST>(rows, 0), b = column_states<Op, MOST>(rows, MOST);
                auto even = every_other<0>(a, b);
                for (; i + 2 * MOST <= n; i += MOST) {
                    const auto odd = every_other<1>(a, b);
                    a = column_states<Op, MOST>(rows, 2 * (i + MOST));
                    b = column_states<Op, MOST>(rows, 2 * (i + MOST) + MOST);
                    const auto next = every_other<0>(a, b);
                    auto acc = Op::template merge<MOST>(even, odd);
                    acc = Op::template merge<MOST>(acc, after_first(even, next));
                    even = next;
                    write<MOST>(results + i, finish(Lanes<MOST>{}, acc));
                }
            }
        }
        if (n < MOST)
            return each_again<MOST>(n, step);
        for (; i + MOST <= n; i += MOST)
            step(Lanes<MOST>{}, i);
        if (i < n)
            step(Lanes<MOST>{}, n - MOST);
    });
}

template <class Op>
void fold_halve(const Finish &how, const RowSet &rows, int size, i64 n, void *to) {
    auto results = static_cast<typename Op::Result *>(to);
    if (size == 2)
        halve_columns<Op, 2>(how, rows, n, results);
    else
        halve_columns<Op, 3>(how, rows, n, results);
}

} // namespace
} // namespace POOL_NS
