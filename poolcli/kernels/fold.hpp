// The row functions of a kernel, made from an op's struct: see kernel.hpp.
#pragma once

#include "kernel.hpp"

namespace POOL_NS {
namespace {

// What averages divide by, for the N results of one step.
template <int N, class T, bool Inverse>
struct Norm {
    Vec<T, N> value;
    Vec<T, N> divide(Vec<T, N> x) const {
        if constexpr (Inverse)
            return x * value; // of a power of two the same to the bit; see inverts
        else
            return x / value;
    }
};

// Ops whose results have half the digits of what they divide multiply by the inverse: it is many
// times as fast, and what it loses is rounded away.
template <class Op, class = void>
constexpr bool inverts = false;
template <class Op>
constexpr bool inverts<Op, decltype(void(Op::inverse))> = true;

template <class Op>
using StateTraits = StateOf<typename Op::template State<1>>;

template <class Op>
constexpr int lanes_of() {
    constexpr int state = StateTraits<Op>::widest, cell = sizeof(typename Op::Cell);
    return VECTOR_BYTES / (state > cell ? state : cell);
}

template <class Op, class = void>
constexpr bool has_places = false;
template <class Op>
constexpr bool has_places<Op, decltype(void(Op::places))> = true;
template <class Op, class = void>
constexpr bool is_counted = false;
template <class Op>
constexpr bool is_counted<Op, decltype(void(Op::counted))> = true;
template <class Op, class = void>
constexpr bool is_picking = false;
template <class Op>
constexpr bool is_picking<Op, decltype(void(Op::picks))> = true;

template <class Op, class = void>
constexpr bool has_params = false;
template <class Op>
constexpr bool has_params<Op, decltype(void(Op::has_params))> = true;

template <class Op, int N>
inline typename Op::template State<N> load_cells(const RowSet &rows, int row, i64 i) {
    auto x = read<N>(reinterpret_cast<const typename Op::Cell *>(rows.cells[row]) + i);
    if constexpr (is_counted<Op>)
        return Op::template load<N>(x, rows, row, i);
    else if constexpr (has_places<Op>)
        return Op::template load<N>(x, read<N>(rows.places + i) + rows.place[row]);
    else if constexpr (has_params<Op>)
        return Op::template load<N>(x, *rows.call);
    else
        return Op::template load<N>(x);
}

template <class Op>
void fold_identity(const Tile &tile, i64 n) {
    each<lanes_of<Op>()>(n, [&](auto lanes, i64 i) {
        constexpr int N = decltype(lanes)::value;
        write_state(tile, i, Op::template identity<N>());
    });
}

// Fold COUNT rows, known when compiled, or 0 for as many as there are, after what in holds.
template <class Op, int COUNT>
void fold_rows(const Tile &out, const Tile *in, const RowSet &rows, i64 n) {
    each<lanes_of<Op>()>(n, [&](auto lanes, i64 i) {
        constexpr int N = decltype(lanes)::value;
        using S = typename Op::template State<N>;
        int row = COUNT || !in;
        S acc = row ? load_cells<Op, N>(rows, 0, i) : read_state<S>(*in, i);
        for (; row < (COUNT ? COUNT : rows.count); row++)
            acc = Op::template merge<N>(acc, load_cells<Op, N>(rows, row, i));
        write_state(out, i, acc);
    }, !in);
}

template <class Op>
void fold_any(const Tile &out, const Tile *in, const RowSet &rows, i64 n) {
    if constexpr (!is_counted<Op> && !has_places<Op> && !IS_LEAN) { // small windows as they are most often
        if (!in && rows.count == 2)
            return fold_rows<Op, 2>(out, nullptr, rows, n);
        if (!in && rows.count == 3)
            return fold_rows<Op, 3>(out, nullptr, rows, n);
    }
    fold_rows<Op, 0>(out, in, rows, n);
}

template <class Op>
void fold_merge(const Tile &out, const Tile &first, const Tile &second, i64 n) {
    each<lanes_of<Op>()>(n, [&](auto lanes, i64 i) {
        constexpr int N = decltype(lanes)::value;
        using S = typename Op::template State<N>;
        write_state(out, i, Op::template merge<N>(read_state<S>(first, i), read_state<S>(second, i)));
    });
}

template <class Op>
void fold_slide(const Tile &out, const Tile &in, int count, i64 shift, i64 n) {
    each<lanes_of<Op>()>(n, [&](auto lanes, i64 i) {
        constexpr int N = decltype(lanes)::value;
        using S = typename Op::template State<N>;
        S acc = read_state<S>(in, i);
        for (int k = 1; k < count; k++)
            acc = Op::template merge<N>(acc, read_state<S>(in, i + k * shift));
        write_state(out, i, acc);
    });
}

inline bool power_of_two(f64 x) {
    u64 bits;
    __builtin_memcpy(&bits, &x, sizeof bits);
    const u64 exponent = bits >> 52; // of a positive number
    return (bits << 12) == 0 && exponent > 64 && exponent < 1983;
}

template <class Op, bool Inverse, bool Same>
void finish_divided(const Finish &how, const Tile &tile, i64 n, typename Op::Result *results) {
    using T = typename Op::NormType;
    const T same = T(Inverse ? 1 / how.norm : how.norm);
    each<lanes_of<Op>()>(n, [&](auto lanes, i64 i) {
        constexpr int N = decltype(lanes)::value;
        using S = typename Op::template State<N>;
        Norm<N, T, Inverse> norm;
        if constexpr (Same)
            norm.value = all<T, N>(same);
        else
            norm.value = to<T, N>(Inverse ? 1 / read<N>(how.norms + i) : read<N>(how.norms + i));
        write<N>(results + i, Op::template result<N, Inverse>(how, read_state<S>(tile, i), norm));
    });
}

template <class Op, class = void>
constexpr bool has_norm = false;
template <class Op>
constexpr bool has_norm<Op, decltype(void(sizeof(typename Op::NormType)))> = true;
template <class Op, class = void>
constexpr bool has_rows = false;
template <class Op>
constexpr bool has_rows<Op, decltype(void(Op::finishes_rows))> = true;

template <class Op>
void fold_finish(const Finish &how, const Tile &tile, i64 n, void *to) {
    auto results = static_cast<typename Op::Result *>(to);
    if constexpr (has_rows<Op>) {
        Op::finish(how, tile, n, results);
    } else if constexpr (has_norm<Op>) {
        if (how.norms)
            finish_divided<Op, inverts<Op>, false>(how, tile, n, results);
        else if (inverts<Op> || power_of_two(how.norm))
            finish_divided<Op, true, true>(how, tile, n, results);
        else if constexpr (!inverts<Op>)
            finish_divided<Op, false, true>(how, tile, n, results);
    } else {
        each<lanes_of<Op>()>(n, [&](auto lanes, i64 i) {
            constexpr int N = decltype(lanes)::value;
            using S = typename Op::template State<N>;
            write<N>(results + i, Op::template result<N>(how, read_state<S>(tile, i)));
        });
    }
}

} // namespace
} // namespace POOL_NS
