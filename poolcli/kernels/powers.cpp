// Power sums and power means: lp (Σ|x|^p)^(1/p), gem (Σ max(x, eps)^p / n)^(1/p).
//
// Powers are added in float64. Where that overflows, or loses digits at the small end, although the
// result need not, sums are kept relative to the window's largest cell instead.
#include "math.hpp"
#include "ops.hpp"

namespace POOL_NS {
namespace {

// Below this, sums of powers are near the end of the exponents.
constexpr f64 VANISHING = 0x1p-960;
constexpr int MOST_PRODUCTS = 64; // larger powers are cheaper by logarithms

bool is_whole(f64 p) { return p >= 0x1p53 || p == f64(i64(p)); }
bool is_odd(f64 p) { return p < 0x1p53 && is_whole(p) && (i64(p) & 1); }
f64 by_log2(f64 x) { // its exponent
    u64 bits;
    __builtin_memcpy(&bits, &x, 8);
    return f64(int(bits >> 52 & 0x7ff) - 1023);
}

// Whether a cell's power can be so small that a sum of them loses digits.
bool can_vanish(const pool_call &call) {
    f64 least = 0;
    if (call.op == POOL_GEM)
        least = by_log2(call.p[1]);
    else if (call.in_type == POOL_F64)
        least = -1074;
    else if (call.in_type >= POOL_F16)
        least = -149;
    return least * call.p[0] < -950;
}

// x^p of x that may be negative, as C's pow.
template <class T, int N>
inline Vec<f64, N> signed_power(Vec<f64, N> x, f64 p) {
    const Vec<f64, N> size = power<T, N>(magnitude<N>(x), all<f64, N>(p));
    if (is_odd(p))
        return x < 0 ? -size : size;
    if (is_whole(p))
        return size;
    return (x < 0) & (x > -__builtin_inf()) ? all<f64, N>(__builtin_nan("")) : size;
}

template <int N>
inline Vec<f64, N> at_least(Vec<f64, N> x, f64 least) {
    return x < least ? all<f64, N>(least) : x;
}

struct Squares {
    template <class T, int N>
    static Vec<f64, N> raise(Vec<f64, N> x, const pool_call &) {
        return x * x;
    }
};
struct Cubes {
    template <class T, int N>
    static Vec<f64, N> raise(Vec<f64, N> x, const pool_call &call) {
        x = call.op == POOL_GEM ? at_least<N>(x, call.p[1]) : magnitude<N>(x);
        return x * x * x;
    }
};
struct Powers {
    template <class T, int N>
    static Vec<f64, N> raise(Vec<f64, N> x, const pool_call &call) {
        const f64 p = call.p[0];
        if (call.op == POOL_GEM)
            x = at_least<N>(x, call.p[1]);
        else if (!call.q[0])
            x = magnitude<N>(x);
        if (p <= MOST_PRODUCTS && is_whole(p))
            return whole_power<N>(x, int(p));
        return signed_power<T, N>(x, p);
    }
};

// (x)^(1/p) of a sum, which is negative for signed lp alone.
template <class T, int N>
inline Vec<f64, N> root_of(Vec<f64, N> x, f64 p) {
    if (p == 1)
        return x;
    if (p == 2)
        return square_root<N>(x);
    if (p == 4)
        return square_root<N>(square_root<N>(x));
    const Vec<f64, N> of = x == -__builtin_inf() ? -x : x == 0 ? Vec<f64, N>{} : x; // as C's pow
    if (same<T, f32> && p == 3) // no sum of float32's cubes is below 2**-450
        return near_cube_root<N>(of);
    return root<T, N>(of, all<f64, N>(p));
}

template <class T, class How>
struct PowerSums {
    static constexpr bool has_params = true, small = true;
    using Cell = T;
    using Result = T;
    template <int N>
    using State = Sum<T, N>;
    template <int N>
    static State<N> identity() {
        return no_sum<T, N>();
    }
    template <int N>
    static State<N> load(Vec<T, N> x, const pool_call &call) {
        return sum_of<T, N>(How::template raise<T, N>(to<f64, N>(x), call));
    }
    template <int N>
    static State<N> merge(State<N> a, State<N> b) {
        return add<T, N>(a, b);
    }
    // A sum that has lost digits, or everything, is as NaN left to the rescue.
    template <int N>
    static Vec<T, N> rooted(const Finish &how, Vec<f64, N> sum, Vec<f64, N> of) {
        Vec<f64, N> result = root_of<T, N>(of, how.call->p[0]);
        if (can_vanish(*how.call))
            result = sum < VANISHING ? all<f64, N>(__builtin_nan("")) : result;
        return to<T, N>(result);
    }
};

// ---- relative to the largest cell -------------------------------------------------------------

// (m, p, s): m is the largest magnitude and s the sum of (|x| / m)^p.
template <class T>
struct Relative {
    static constexpr bool has_params = true;
    using Cell = T;
    using Result = T;
    template <int N>
    using State = Acc<N, f64, f64, f64>;
    template <int N>
    static State<N> identity() {
        return {Vec<f64, N>{}, {Vec<f64, N>{}, {Vec<f64, N>{}, {}}}};
    }
    template <int N>
    static State<N> load(Vec<T, N> cell, const pool_call &call) {
        Vec<f64, N> x = to<f64, N>(cell);
        if (call.op == POOL_GEM)
            x = at_least<N>(x, call.p[1]);
        return {magnitude<N>(x), {all<f64, N>(call.p[0]), {all<f64, N>(1.0), {}}}};
    }
    template <int N>
    static State<N> merge(State<N> a, State<N> b) {
        const Vec<f64, N> largest = larger_of<N>(a.v, b.v), other = b.v > a.v ? a.v : b.v;
        const Vec<f64, N> p = b.rest.v > a.rest.v ? b.rest.v : a.rest.v;
        const Vec<f64, N> base = largest == 0 ? all<f64, N>(1.0) : largest;
        const Vec<f64, N> share = power<f64, N>(other / base, p);
        const Vec<f64, N> sum_a = a.rest.rest.v, sum_b = b.rest.rest.v;
        const Vec<f64, N> sum = b.v > a.v ? sum_b + sum_a * share : sum_a + sum_b * share;
        return {largest, {p, {sum, {}}}};
    }
    template <int N>
    static Vec<T, N> scaled(State<N> s, Vec<f64, N> of) {
        const Vec<f64, N> result = s.v * root<f64, N>(of, s.rest.v);
        return to<T, N>(s.v - s.v == 0 ? result : s.v);
    }
};

template <class T>
struct RelativeLp : Relative<T> {
    using Rows = Relative<T>;
    template <int N>
    static Vec<T, N> result(const Finish &, Acc<N, f64, f64, f64> s) {
        return Relative<T>::template scaled<N>(s, s.rest.rest.v);
    }
};
template <class T>
struct RelativeGem : Relative<T> {
    using Rows = Relative<T>;
    using NormType = f64;
    template <int N, bool Inverse>
    static Vec<T, N> result(const Finish &, Acc<N, f64, f64, f64> s, Norm<N, f64, Inverse> norm) {
        return Relative<T>::template scaled<N>(s, norm.divide(s.rest.rest.v));
    }
};

// ---- the ops ----------------------------------------------------------------------------------

template <class T, class How>
struct Lp : PowerSums<T, How> {
    using Rows = PowerSums<T, How>;
    using Rescue = RelativeLp<T>;
    template <int N>
    static Vec<T, N> result(const Finish &how, Sum<T, N> s) {
        const Vec<f64, N> sum = sum_value<T, N>(s);
        return Rows::template rooted<N>(how, sum, sum);
    }
};
// With the sign of x^p left in the sum nothing can be relative to the largest.
template <class T>
struct SignedLp : PowerSums<T, Powers> {
    using Rows = PowerSums<T, Powers>;
    template <int N>
    static Vec<T, N> result(const Finish &how, Sum<T, N> s) {
        return to<T, N>(root_of<T, N>(sum_value<T, N>(s), how.call->p[0]));
    }
};
template <class T, class How>
struct Gem : PowerSums<T, How> {
    using Rows = PowerSums<T, How>;
    using Rescue = RelativeGem<T>;
    using NormType = f64;
    template <int N, bool Inverse>
    static Vec<T, N> result(const Finish &how, Sum<T, N> s, Norm<N, f64, Inverse> norm) {
        const Vec<f64, N> sum = sum_value<T, N>(s);
        return Rows::template rooted<N>(how, sum, norm.divide(sum));
    }
};

// lp of p = inf.
template <class T>
struct Largest {
    static constexpr bool picks = true;
    using Cell = T;
    using Result = T;
    template <int N>
    using State = Acc<N, f64>;
    template <int N>
    static State<N> identity() {
        return {Vec<f64, N>{}, {}};
    }
    template <int N>
    static State<N> load(Vec<T, N> x) {
        return {magnitude<N>(to<f64, N>(x)), {}};
    }
    template <int N>
    static State<N> merge(State<N> a, State<N> b) {
        return {larger_of<N>(a.v, b.v), {}};
    }
    template <int N>
    static Vec<T, N> result(const Finish &, State<N> s) {
        return to<T, N>(s.v);
    }
};

template <class T>
const Kernel *kernel_of(const pool_call &call) {
    if (call.op == POOL_GEM)
        return call.p[0] == 3 ? either<Gem<T, Cubes>>(call) : either<Gem<T, Powers>>(call);
    if (call.p[0] == __builtin_inf())
        return either<Largest<T>>(call);
    if (call.p[0] == 2)
        return either<Lp<T, Squares>>(call);
    if (call.q[0])
        return either<SignedLp<T>>(call);
    return call.p[0] == 3 ? either<Lp<T, Cubes>>(call) : either<Lp<T, Powers>>(call);
}

} // namespace

const Kernel *power_kernel(const pool_call &call) {
    return real_cell(call) == POOL_F32 ? kernel_of<f32>(call) : kernel_of<f64>(call);
}

int run_power(pool_call &call, i64 *bytes) {
    return walk_fold(call, *power_kernel(call), bytes);
}

} // namespace POOL_NS
