// What a fold is to the walker: functions that work on rows of states, made from an op's struct.
//
// An op is a struct with
//     using Cell = f32;                                  what its rows hold when they are loaded
//     using Result = f32;                                what it gives
//     template <int N> using State = Acc<N, f64>;        of N accumulators side by side
//     template <int N> static State<N> identity();       the state of no cell at all
//     template <int N> static State<N> load(Vec<Cell, N>);       or (Vec<Cell, N>, Vec<i64, N> place)
//     template <int N> static State<N> merge(State<N> first, State<N> second);
//     template <int N> static Vec<Result, N> result(State<N>);   or (State<N>, Norm<N>), see below
// and fold_kernel<Op>() makes a Kernel of it. merge is called with the earlier cells first and in
// an order that follows from the windows alone (walk.cpp); identity changes no bit of a state.
#pragma once

#include "vec.hpp"

namespace POOL_NS {

// What wide results are made of: hi * 2**64 + lo.
struct Wide {
    uint64_t lo;
    int64_t hi;
};
enum { WIDE = POOL_TYPES }; // its type code, after those of pool_type

// Up to eight rows of n cells that are folded into a tile of n states, in order.
constexpr int MOST_ROWS = 8;
struct RowSet {
    int count;
    const char *cells[MOST_ROWS];              // n cells of the kernel's type each
    const uint8_t *valid[MOST_ROWS];           // of counted kernels: 0 where a cell is missing
    int64_t place[MOST_ROWS];                  // of kernels with places: of each row's first column
    const int64_t *places;                     // and of each cell after that
};

// What finish knows: the divisors, and where to report what went wrong.
struct Finish {
    pool_call *call;
    const double *norms; // one for each result; null where all are the same
    double norm;
};

struct Kernel {
    int cell, result; // type codes
    bool divides;     // finish divides by what averages divide by
    bool counted;     // the first part of a state is an int64, the count of valid cells
    bool places;
    bool picks;       // a cell may count twice
    int parts;
    int part_size[MOST_PARTS];
    void (*identity)(const Tile &tile, int64_t n);
    // out = in, and then the rows; in is null where there is nothing yet
    void (*fold)(const Tile &out, const Tile *in, const RowSet &rows, int64_t n);
    void (*merge)(const Tile &out, const Tile &first, const Tile &second, int64_t n);
    // out[i] = in[i] + in[i + shift] + ... of count states
    void (*slide)(const Tile &out, const Tile &in, int count, int64_t shift, int64_t n);
    // Windows of columns that begin at in: out[i] is of first[i] and the count[i] - 1 after it.
    // A column is lanes states.
    void (*uneven)(const Tile &out, const Tile &in, const int32_t *first, const int32_t *count,
                   int64_t lanes, int64_t n);
    void (*finish)(const Finish &how, const Tile &tile, int64_t n, void *results);

    // Short cuts for small windows that are all alike; null where there are none.
    // slide and finish at once
    void (*slide_finish)(const Finish &how, const Tile &in, int count, int64_t shift, int64_t n,
                         void *results);
    // fold rows, take size (2 or 3) columns at each second one, and finish
    void (*halve)(const Finish &how, const RowSet &rows, int size, int64_t n, void *results);
    const Kernel *rescue; // for results that are not finite although they could be
};

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

template <class Op, int N>
inline typename Op::template State<N> load_cells(const RowSet &rows, int row, i64 i) {
    auto x = read<N>(reinterpret_cast<const typename Op::Cell *>(rows.cells[row]) + i);
    if constexpr (is_counted<Op>)
        return Op::template load<N>(x, rows, row, i);
    else if constexpr (has_places<Op>)
        return Op::template load<N>(x, read<N>(rows.places + i) + rows.place[row]);
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

// COUNT rows, known when compiled, or 0 for as many as there are.
template <class Op, int COUNT>
void fold_fresh(const Tile &out, const RowSet &rows, i64 n) {
    each_again<lanes_of<Op>()>(n, [&](auto lanes, i64 i) {
        constexpr int N = decltype(lanes)::value;
        auto acc = load_cells<Op, N>(rows, 0, i);
        for (int row = 1; row < (COUNT ? COUNT : rows.count); row++)
            acc = Op::template merge<N>(acc, load_cells<Op, N>(rows, row, i));
        write_state(out, i, acc);
    });
}

template <class Op>
void fold_any(const Tile &out, const Tile *in, const RowSet &rows, i64 n) {
    if (in)
        return each<lanes_of<Op>()>(n, [&](auto lanes, i64 i) {
            constexpr int N = decltype(lanes)::value;
            auto acc = read_state<typename Op::template State<N>>(*in, i);
            for (int row = 0; row < rows.count; row++)
                acc = Op::template merge<N>(acc, load_cells<Op, N>(rows, row, i));
            write_state(out, i, acc);
        });
    if constexpr (!is_counted<Op> && !has_places<Op>) { // small windows as they are most often
        if (rows.count == 2)
            return fold_fresh<Op, 2>(out, rows, n);
        if (rows.count == 3)
            return fold_fresh<Op, 3>(out, rows, n);
    }
    fold_fresh<Op, 0>(out, rows, n);
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

template <class Op>
void fold_uneven(const Tile &out, const Tile &in, const i32 *first, const i32 *count, i64 lanes, i64 n) {
    using S = typename Op::template State<1>;
    if (lanes == 1) {
        for (i64 i = 0; i < n; i++) {
            S acc = read_state<S>(in, first[i]);
            for (i32 k = 1; k < count[i]; k++)
                acc = Op::template merge<1>(acc, read_state<S>(in, first[i] + k));
            write_state(out, i, acc);
        }
        return;
    }
    Tile to = out, from = in;
    constexpr int parts = StateTraits<Op>::parts;
    int sizes[parts + 1];
    StateTraits<Op>::sizes(sizes);
    for (i64 i = 0; i < n; i++) {
        for (int part = 0; part < parts; part++) {
            from.part[part] = in.part[part] + first[i] * lanes * sizes[part];
            to.part[part] = out.part[part] + i * lanes * sizes[part];
        }
        fold_slide<Op>(to, from, count[i], lanes, lanes);
    }
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
            for (int j = 0; j < N; j++)
                norm.value[j] = T(Inverse ? 1 / how.norms[i + j] : how.norms[i + j]);
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

// ---- short cuts -------------------------------------------------------------------------------

template <class T, int N>
inline Vec<T, N> one_nan(Vec<T, N> x) {
    if constexpr (is_float<T>)
        return x == x ? x : all<T, N>(T(__builtin_nan("")));
    else
        return x;
}

// Do f(result) where result(how, state) finishes states that all have one divisor.
template <class Op, class F>
inline void with_norm(const Finish &how, F f) {
    if constexpr (has_norm<Op>) {
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
        if (n < MOST) {
            for (; i < n; i++)
                step(Lanes<1>{}, i);
            return;
        }
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
    k.uneven = fold_uneven<Rows>;
    if constexpr (is_counted<Op>) {
        k.result = result_code<typename Op::Inner::Result>;
        k.divides = divides<typename Op::Inner>;
        k.places = has_places<typename Op::Inner>;
        k.finish = finish_counted<typename Op::Inner>;
    } else {
        k.result = result_code<typename Op::Result>;
        k.divides = divides<Op>;
        k.places = has_places<Op>;
        if constexpr (!has_rows<Op> && !has_places<Op>)
            k.slide_finish = fold_slide_finish<Op>;
        if constexpr (is_small<Op>)
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
        else
            state = Op::template load<N>(x);
        const Vec<i64, N> valid = to<i64, N>(read<N>(rows.valid[row] + i));
        return {valid, choose<N>(valid != 0, state, Op::template identity<N>())};
    }
    template <int N>
    static State<N> merge(State<N> a, State<N> b) {
        return {a.v + b.v, Op::template merge<N>(a.rest, b.rest)};
    }

  private:
    template <int N>
    static Acc<N> choose(Vec<i64, N>, Acc<N>, Acc<N>) {
        return {};
    }
    template <int N, class T, class... Rest>
    static Acc<N, T, Rest...> choose(Vec<i64, N> where, Acc<N, T, Rest...> a, Acc<N, T, Rest...> b) {
        return {mask_for<T, N>(where) ? a.v : b.v, choose<N>(where, a.rest, b.rest)};
    }
};

} // namespace
} // namespace POOL_NS
