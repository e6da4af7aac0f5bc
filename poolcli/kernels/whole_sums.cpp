// Sums and means of integers, exactly: in 16 or 32 bits where these hold any sum, in 64, or in two
// halves.
#include "ops.hpp"

namespace POOL_NS {
namespace {

// Exact sums in an integer type A that holds them.
template <class T, class A>
struct Whole {
    using Cell = T;
    template <int N>
    using State = Acc<N, A>;
    template <int N>
    static State<N> identity() {
        return {Vec<A, N>{}, {}};
    }
    template <int N>
    static State<N> load(Vec<T, N> x) {
        return {to<A, N>(x), {}};
    }
    template <int N>
    static State<N> merge(State<N> a, State<N> b) {
        return {a.v + b.v, {}};
    }
    static Wide sum(const Tile &tile, i64 i) {
        const A x = reinterpret_cast<const A *>(tile.part[0])[i];
        return {u64(x), x < 0 ? -1 : 0};
    }
};

// And of 64-bit cells x = high * 2**32 + low, or of more cells than 64 bits can count.
template <class T>
struct Halves {
    using Cell = T;
    template <int N>
    using State = Acc<N, i64, i64>;
    static constexpr i64 LOW = 0xffffffff;
    template <int N>
    static State<N> identity() {
        return {Vec<i64, N>{}, {Vec<i64, N>{}, {}}};
    }
    template <int N>
    static State<N> load(Vec<T, N> x) {
        return {to<i64, N>(x >> 32), {to<i64, N>(x) & LOW, {}}};
    }
    template <int N>
    static State<N> merge(State<N> a, State<N> b) {
        const Vec<i64, N> low = a.rest.v + b.rest.v;
        return {a.v + b.v + (low >> 32), {low & LOW, {}}};
    }
    static Wide sum(const Tile &tile, i64 i) {
        const i64 high = reinterpret_cast<const i64 *>(tile.part[0])[i];
        const i64 low = reinterpret_cast<const i64 *>(tile.part[1])[i];
        return {(u64(high) << 32) + u64(low), high >> 32};
    }
};

inline f64 float_of(Wide x) {
    return x.hi == (x.lo >> 63 ? -1 : 0) ? f64(i64(x.lo)) : f64(x.hi) * 0x1p64 + f64(x.lo);
}
inline bool fits(Wide x, bool is_unsigned) {
    return is_unsigned ? x.hi == 0 : x.hi == (x.lo >> 63 ? -1 : 0);
}
inline bool is_unsigned(int type) {
    return type == POOL_U8 || type == POOL_U16 || type == POOL_U32 || type == POOL_U64;
}

template <bool Signed>
struct Wider {
    using type = i64;
};
template <>
struct Wider<false> {
    using type = u64;
};

// The sum: NumPy's 64 bits, and where these are too few, a report.
template <class Base>
struct WholeSum;
template <class T, class A>
struct WholeSum<Whole<T, A>> : Whole<T, A> {
    static constexpr bool small = true;
    using Rows = Whole<T, A>;
    using Result = typename Wider<(A(-1) < A(0))>::type;
    template <int N>
    static Vec<Result, N> result(const Finish &, Acc<N, A> s) {
        return to<Result, N>(s.v);
    }
};
template <class T>
struct WholeSum<Halves<T>> : Halves<T> {
    using Base = Halves<T>;
    using Rows = Base;
    using Result = Wide;
    static constexpr bool finishes_rows = true;
    static void finish(const Finish &how, const Tile &tile, i64 n, Wide *results) {
        const bool none = is_unsigned(how.call->in_type);
        for (i64 i = 0; i < n; i++) {
            results[i] = Base::sum(tile, i);
            if (!fits(results[i], none) && !how.call->found) {
                how.call->found |= POOL_OVERFLOW;
                how.call->bad_float = float_of(results[i]);
                how.call->bad_high = results[i].hi;
                how.call->bad_low = results[i].lo;
            }
        }
    }
};

// The mean as a float64.
template <class Base>
struct WholeMean;
template <class T, class A>
struct WholeMean<Whole<T, A>> : Whole<T, A> {
    static constexpr bool small = true;
    using Rows = Whole<T, A>;
    using Result = f64;
    using NormType = f64;
    template <int N, bool Inverse>
    static Vec<f64, N> result(const Finish &, Acc<N, A> s, Norm<N, f64, Inverse> norm) {
        return norm.divide(to<f64, N>(s.v));
    }
};
template <class T>
struct WholeMean<Halves<T>> : Halves<T> {
    using Base = Halves<T>;
    using Rows = Base;
    using Result = f64;
    static constexpr bool finishes_rows = true;
    static void finish(const Finish &how, const Tile &tile, i64 n, f64 *results) {
        for (i64 i = 0; i < n; i++)
            results[i] = float_of(Base::sum(tile, i)) / (how.norms ? how.norms[i] : how.norm);
    }
};

// x / by for by > 0, rounded to -inf, and what is left: bit by bit, with no library's help.
inline Wide divide(Wide x, u64 by, u64 &rest) {
    const bool negative = x.hi < 0;
    if (negative) { // floor(x / by) = -1 - floor((-1 - x) / by)
        x.lo = ~x.lo;
        x.hi = ~x.hi;
    }
    Wide quotient = {0, 0};
    if (x.hi == 0) {
        quotient.lo = x.lo / by;
        rest = x.lo % by;
    } else {
        rest = 0;
        for (int bit = 127; bit >= 0; bit--) {
            const bool over = rest >> 63;
            rest = rest << 1 | (bit >= 64 ? u64(x.hi) >> (bit - 64) & 1 : x.lo >> bit & 1);
            if (over || rest >= by) {
                rest -= by;
                if (bit >= 64)
                    quotient.hi |= i64(u64(1) << (bit - 64));
                else
                    quotient.lo |= u64(1) << bit;
            }
        }
    }
    if (negative) {
        quotient.lo = ~quotient.lo;
        quotient.hi = ~quotient.hi;
        rest = by - 1 - rest;
    }
    return quotient;
}

// The mean as an integer, exactly or half to even; the divisor is a whole number of any sign.
template <class Base>
struct RoundMean : Base {
    using Rows = Base;
    using Result = Wide;
    static constexpr bool finishes_rows = true;
    static void finish(const Finish &how, const Tile &tile, i64 n, Wide *results) {
        for (i64 i = 0; i < n; i++) {
            const f64 norm = how.norms ? how.norms[i] : how.norm;
            if (norm == 0) { // no cell counts, and the result is filled in
                results[i] = {0, 0};
                continue;
            }
            Wide sum = Base::sum(tile, i);
            if (norm < 0)
                sum = {~sum.lo + 1, ~sum.hi + (sum.lo == 0)};
            const u64 by = u64(norm < 0 ? -norm : norm);
            u64 rest;
            Wide quotient = divide(sum, by, rest);
            if (rest && how.call->fit == POOL_EXACT && !how.call->found) {
                how.call->found |= POOL_INEXACT;
                how.call->bad_float = float_of(sum) / f64(by);
            }
            if (rest > by - rest || (rest == by - rest && (quotient.lo & 1))) {
                quotient.lo++;
                quotient.hi += quotient.lo == 0;
            }
            results[i] = quotient;
        }
    }
};

// The same for pictures: of up to 257 bytes, whose sums fit 16 bits.
struct ByteMean : Whole<u8, u16> {
    static constexpr bool small = true, finishes_rows = true;
    static constexpr f64 MOST = 256;
    using Rows = Whole<u8, u16>;
    using Result = u8;
    struct Context {
        u16 count;
        u32 inverse; // of 2**24: exact quotients of sums of up to 256 bytes
    };
    static Context context(const Finish &how) {
        const u32 count = u32(how.norm);
        return {u16(count), (1u << 24) / count + 1};
    }
    template <int N>
    static Vec<u8, N> result(const Context &by, Acc<N, u16> s) {
        const Vec<u16, N> floor = to<u16, N>((to<u32, N>(s.v) * by.inverse) >> 24);
        const Vec<u16, N> twice = (s.v - floor * by.count) * u16(2);
        const Vec<u16, N> up = Vec<u16, N>(twice > by.count) |
                               (Vec<u16, N>(twice == by.count) & -(floor & u16(1)));
        return to<u8, N>(floor - up);
    }
    static void finish(const Finish &how, const Tile &tile, i64 n, u8 *results) {
        Finish one = how;
        for (i64 i = 0; i < n; i++) {
            one.norm = how.norms ? how.norms[i] : how.norm;
            const Acc<1, u16> state = {read<1>(reinterpret_cast<const u16 *>(tile.part[0]) + i), {}};
            results[i] = result<1>(context(one), state)[0];
        }
    }
};

// ---- choice ----------------------------------------------------------------------------------

bool is_whole(f64 x) { return x < 0x1p62 && x > -0x1p62 && x == f64(i64(x)); }

// Windows of bytes that become bytes, rounded.
bool is_picture(const pool_call &call) {
    f64 places = 1; // explicit padding may count
    for (const pool_windows &w : call.spatial)
        places *= f64(w.size);
    return call.in_type == POOL_U8 && call.out_type == POOL_U8 && call.fit != POOL_EXACT &&
           !can_miss(call) && !(call.options & POOL_DIVISOR) && places <= ByteMean::MOST;
}

template <template <class> class Finished>
const Kernel *whole(const pool_call &call) {
    const f64 cells = most_cells(call);
    const bool missing = can_miss(call);
    switch (call.in_type) {
    case POOL_U64: return either<Finished<Halves<u64>>>(call);
    case POOL_BOOL: case POOL_U8:
        if (!missing && cells <= 0x1p24)
            return &kernel<Finished<Whole<u8, u32>>>;
        break;
    case POOL_U16:
        if (!missing && cells <= 0x1p16)
            return &kernel<Finished<Whole<u16, u32>>>;
        break;
    case POOL_I16:
        if (!missing && cells <= 0x1p15)
            return &kernel<Finished<Whole<i16, i32>>>;
        break;
    case POOL_I32:
        if (!missing && cells <= 0x1p31)
            return &kernel<Finished<Whole<i32, i64>>>;
        break;
    }
    if (call.in_type != POOL_I64 && cells <= 0x1p31)
        return either<Finished<Whole<i64, i64>>>(call);
    return either<Finished<Halves<i64>>>(call);
}

} // namespace

const Kernel *whole_sum_kernel(const pool_call &call) {
    if (call.op == POOL_SUM)
        return whole<WholeSum>(call);
    if (call.out_type >= POOL_F16)
        return whole<WholeMean>(call);
    // A divisor that is no whole number leaves no exact mean to round.
    if ((call.options & POOL_DIVISOR) && !is_whole(call.divisor))
        return whole<WholeMean>(call);
    return is_picture(call) ? &kernel<ByteMean> : whole<RoundMean>(call);
}

} // namespace POOL_NS
