// Ops that pick a cell by its value or place: max, min, range, subsample, and the winners' places.
#include "ops.hpp"

namespace POOL_NS {
namespace {

// NaN wins over every number, and of equal cells (zeros of both signs, say) the first.
template <bool BIG, class V>
inline V better(V a, V b) {
    V r = BIG ? (b > a ? b : a) : (b < a ? b : a);
    settle(r); // that is one instruction
    return b == b ? r : b;
}
template <bool BIG, class T>
constexpr T last_choice() {
    return BIG ? lowest<T>() : highest<T>();
}

template <class T, bool BIG>
struct Extreme {
    static constexpr bool picks = true, small = true;
    using Cell = T;
    using Result = T;
    template <int N>
    using State = Acc<N, T>;
    template <int N>
    static State<N> identity() {
        return {all<T, N>(last_choice<BIG, T>()), {}};
    }
    template <int N>
    static State<N> load(Vec<T, N> x) {
        return {x, {}};
    }
    template <int N>
    static State<N> merge(State<N> a, State<N> b) {
        if constexpr (is_float<T>)
            return {better<BIG>(a.v, b.v), {}};
        else
            return {BIG ? (b.v > a.v ? b.v : a.v) : (b.v < a.v ? b.v : a.v), {}};
    }
    template <int N>
    static Vec<T, N> result(const Finish &, State<N> s) {
        return s.v;
    }
};
template <class T>
using Max = Extreme<T, true>;
template <class T>
using Min = Extreme<T, false>;

template <class T>
struct Ends {
    static constexpr bool picks = true;
    using Cell = T;
    using Result = T;
    template <int N>
    using State = Acc<N, T, T>;
    template <int N>
    static State<N> identity() {
        return {all<T, N>(lowest<T>()), {all<T, N>(highest<T>()), {}}};
    }
    template <int N>
    static State<N> load(Vec<T, N> x) {
        return {x, {x, {}}};
    }
    template <int N>
    static State<N> merge(State<N> a, State<N> b) {
        return {Max<T>::template merge<N>({a.v, {}}, {b.v, {}}).v,
                {Min<T>::template merge<N>({a.rest.v, {}}, {b.rest.v, {}}).v, {}}};
    }
};

// The largest minus the smallest cell.
template <class T>
struct FloatRange : Ends<T> {
    template <int N>
    static Vec<T, N> result(const Finish &, Acc<N, T, T> s) {
        return s.v - s.rest.v;
    }
};

// The same of integers: exact modulo 2**64, and reported where 64 bits are too few.
template <class T>
struct WholeRange : Ends<T> {
    static constexpr bool finishes_rows = true;
    static void finish(const Finish &how, const Tile &tile, i64 n, T *results) {
        auto high = reinterpret_cast<const T *>(tile.part[0]);
        auto low = reinterpret_cast<const T *>(tile.part[1]);
        for (i64 i = 0; i < n; i++) {
            const u64 range = high[i] < low[i] ? 0 : u64(high[i]) - u64(low[i]); // 0 of no cell
            if (T(-1) < T(0) && range >> 63 && !how.call->found) {
                how.call->found |= POOL_OVERFLOW;
                how.call->bad_high = 0;
                how.call->bad_low = range;
                how.call->bad_float = f64(range);
            }
            results[i] = T(range);
        }
    }
};

// a == b, lane by lane. gcc 12 cannot compile it for single floats on aarch64.
template <class T, int N>
inline Vec<typename IntOf<sizeof(T)>::type, N> are_even(Vec<T, N> a, Vec<T, N> b) {
    if constexpr (N == 1)
        return Vec<typename IntOf<sizeof(T)>::type, N>{} - (a[0] == b[0]);
    else
        return a == b;
}

// The place of the largest or smallest cell; the first one on ties, the first NaN before all.
template <class T, bool BIG>
struct Winner {
    static constexpr bool picks = true, places = true;
    using Cell = T;
    using Result = i64;
    template <int N>
    using State = Acc<N, T, i64>;
    template <int N>
    static State<N> identity() {
        return {all<T, N>(last_choice<BIG, T>()), {all<i64, N>(highest<i64>()), {}}};
    }
    template <int N>
    static State<N> load(Vec<T, N> x, Vec<i64, N> place) {
        return {x, {place, {}}};
    }
    template <int N>
    static State<N> merge(State<N> a, State<N> b) {
        auto wins = BIG ? b.v > a.v : b.v < a.v;
        auto even = are_even<T, N>(b.v, a.v);
        if constexpr (is_float<T>) {
            auto nan_a = ~are_even<T, N>(a.v, a.v), nan_b = ~are_even<T, N>(b.v, b.v);
            wins = (wins | nan_b) & ~nan_a;
            even = even | (nan_a & nan_b);
        }
        const Vec<i64, N> take = mask_for<i64, N>(wins) |
                                 (mask_for<i64, N>(even) & (b.rest.v < a.rest.v));
        return {mask_for<T, N>(take) ? b.v : a.v, {take ? b.rest.v : a.rest.v, {}}};
    }
    template <int N>
    static Vec<i64, N> result(const Finish &, State<N> s) {
        return s.rest.v;
    }
};

// The value of the first cell.
template <class T>
struct First {
    static constexpr bool picks = true, places = true;
    using Cell = T;
    using Result = T;
    template <int N>
    using State = Acc<N, T, i64>;
    template <int N>
    static State<N> identity() {
        return {Vec<T, N>{}, {all<i64, N>(highest<i64>()), {}}};
    }
    template <int N>
    static State<N> load(Vec<T, N> x, Vec<i64, N> place) {
        return {x, {place, {}}};
    }
    template <int N>
    static State<N> merge(State<N> a, State<N> b) {
        const Vec<i64, N> take = b.rest.v < a.rest.v;
        return {mask_for<T, N>(take) ? b.v : a.v, {take ? b.rest.v : a.rest.v, {}}};
    }
    template <int N>
    static Vec<T, N> result(const Finish &, State<N> s) {
        return s.v;
    }
};

// Kernels for the cells' own type where one is worth its code; else for the widest of its kind.
template <template <class> class Op>
const Kernel *own(const pool_call &call) {
    if (can_miss(call))
        return nullptr;
    switch (call.in_type) {
    case POOL_BOOL: case POOL_U8: return &kernel<Op<u8>>;
    case POOL_I8: return &kernel<Op<i8>>;
    case POOL_U16: return &kernel<Op<u16>>;
    case POOL_I16: return &kernel<Op<i16>>;
    case POOL_U32: return &kernel<Op<u32>>;
    case POOL_I32: return &kernel<Op<i32>>;
    default: return nullptr;
    }
}
template <template <class> class Op>
const Kernel *widest(const pool_call &call) {
    switch (call.in_type) {
    case POOL_F16: case POOL_F32: return either<Op<f32>>(call);
    case POOL_F64: return either<Op<f64>>(call);
    case POOL_U64: return either<Op<u64>>(call);
    default: return either<Op<i64>>(call);
    }
}

template <class T>
using ArgMax = Winner<T, true>;
template <class T>
using ArgMin = Winner<T, false>;

template <template <class> class Op>
const Kernel *first_of(const Kernel *own, const pool_call &call) {
    return own ? own : widest<Op>(call);
}

const Kernel *range_kernel(const pool_call &call) {
    if (call.in_type >= POOL_F16) // in a wider float where that is wanted: nothing is lost
        return real_cell(call) == POOL_F32 ? either<FloatRange<f32>>(call) : either<FloatRange<f64>>(call);
    return call.in_type == POOL_U64 ? either<WholeRange<u64>>(call) : either<WholeRange<i64>>(call);
}

} // namespace

const Kernel *extreme_kernel(const pool_call &call) {
    switch (call.op) {
    case POOL_MAX: return first_of<Max>(own<Max>(call), call);
    case POOL_MIN: return first_of<Min>(own<Min>(call), call);
    case POOL_RANGE: return range_kernel(call);
    case POOL_ARGMAX: return widest<ArgMax>(call);
    case POOL_ARGMIN: return widest<ArgMin>(call);
    case POOL_SUBSAMPLE: return widest<First>(call);
    default: return nullptr;
    }
}

int run_extreme(pool_call &call, i64 *bytes) {
    const Kernel *kernel = extreme_kernel(call);
    return kernel ? walk_fold(call, *kernel, bytes) : int(POOL_UNKNOWN);
}

} // namespace POOL_NS
