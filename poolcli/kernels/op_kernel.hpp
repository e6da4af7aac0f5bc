// The kernel of an op, and that of the same op where cells can be missing.
#pragma once

#include "short_cuts.hpp"

namespace POOL_NS {
namespace {

template <class Op>
constexpr bool divides = has_norm<Op> || has_rows<Op>;

template <class Op>
void finish_counted(const Finish &how, const Tile &tile, i64 n, void *to) {
    Tile inner = {};
    for (int part = 1; part < MOST_PARTS; part++)
        inner.part[part - 1] = tile.part[part];
    fold_finish<Op>(how, inner, n, to);
}

template <class T>
constexpr int result_code = type_code<T>;
template <>
constexpr int result_code<Wide> = WIDE;

// Ops that are worth a short cut for windows of 2 and 3 at steps of 2 say so.
template <class Op, class = void>
constexpr bool is_small = false;
template <class Op>
constexpr bool is_small<Op, decltype(void(Op::small))> = true;

// Ops that differ in their results alone name the one whose code they share for all else in Rows.
template <class Op, class = void>
struct RowsOf {
    using type = Op;
};
template <class Op>
struct RowsOf<Op, decltype(void(sizeof(typename Op::Rows)))> {
    using type = typename Op::Rows;
};

template <class Op>
constexpr Kernel fold_kernel(const Kernel *rescue = nullptr) {
    Kernel k = {};
    k.cell = type_code<typename Op::Cell>;
    k.counted = is_counted<Op>;
    k.picks = is_picking<Op>;
    k.parts = StateTraits<Op>::parts;
    StateTraits<Op>::sizes(k.part_size);
    using Rows = typename RowsOf<Op>::type;
    k.identity = fold_identity<Rows>;
    k.fold = fold_any<Rows>;
    k.merge = fold_merge<Rows>;
    k.slide = fold_slide<Rows>;
    if constexpr (is_counted<Op>) {
        k.result = result_code<typename Op::Inner::Result>;
        k.divides = divides<typename Op::Inner>;
        k.places = has_places<typename Op::Inner>;
        k.finish = finish_counted<typename Op::Inner>;
    } else {
        k.result = result_code<typename Op::Result>;
        k.divides = divides<Op>;
        k.places = has_places<Op>;
        if constexpr (!IS_LEAN && (has_context<Op> || (!has_rows<Op> && !has_places<Op>)))
            k.slide_finish = fold_slide_finish<Op>;
        if constexpr (!IS_LEAN && is_small<Op>)
            k.halve = fold_halve<Op>;
        k.finish = fold_finish<Op>;
    }
    k.rescue = rescue;
    return k;
}

// The kernel of an op; is_rescued in Op::Rescue.
template <class Op, class = void>
constexpr Kernel kernel = fold_kernel<Op>();
template <class Op>
constexpr Kernel kernel<Op, decltype(void(sizeof(typename Op::Rescue)))> =
    fold_kernel<Op>(&kernel<typename Op::Rescue>);

// The same op where cells can be missing: a state with the count of valid cells before it.
template <class Op>
struct Counted {
    static constexpr bool counted = true;
    using Inner = Op;
    using Rows = Counted<typename RowsOf<Op>::type>;
    using Cell = typename Op::Cell;
    template <int N, class S>
    struct With;
    template <int N, class... Parts>
    struct With<N, Acc<N, Parts...>> {
        using type = Acc<N, i64, Parts...>;
    };
    template <int N>
    using State = typename With<N, typename Op::template State<N>>::type;

    template <int N>
    static State<N> identity() {
        return {Vec<i64, N>{}, Op::template identity<N>()};
    }
    template <int N>
    static State<N> load(Vec<Cell, N> x, const RowSet &rows, int row, i64 i) {
        typename Op::template State<N> state;
        if constexpr (has_places<Op>)
            state = Op::template load<N>(x, read<N>(rows.places + i) + rows.place[row]);
        else if constexpr (has_params<Op>)
            state = Op::template load<N>(x, *rows.call);
        else
            state = Op::template load<N>(x);
        const Vec<i64, N> valid = to<i64, N>(read<N>(rows.valid[row] + i));
        return {valid, choose<N>(valid != 0, state, Op::template identity<N>())};
    }
    template <int N>
    static State<N> merge(State<N> a, State<N> b) {
        return {a.v + b.v, Op::template merge<N>(a.rest, b.rest)};
    }
};
template <class Op>
constexpr Kernel kernel<Counted<Op>, decltype(void(sizeof(typename Op::Rescue)))> =
    fold_kernel<Counted<Op>>(&kernel<Counted<typename Op::Rescue>>);

} // namespace
} // namespace POOL_NS
