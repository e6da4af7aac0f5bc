// exp, log and powers: fixed sequences of additions, multiplications and divisions, the same to the
// bit on every processor. No fused multiply-add, no tables, no library.
//
// Numbers are float64 here. A type T says how near results must be: with f64 within 1 ulp; with f32
// within 2**-30, so that they are within 0.51 ulp once they are rounded to float32, by shorter series.
// Series are those of Taylor; products and sums that must keep more digits than one float has are
// those of Dekker 1971 and Knuth, TAOCP 2, 4.2.2.
#pragma once

#include "vec.hpp"

namespace POOL_NS {
namespace {

// A number as an unevaluated sum.
template <int N>
struct Two {
    Vec<f64, N> high, low;
};

template <int N>
inline Two<N> two_sum(Vec<f64, N> a, Vec<f64, N> b) {
    const Vec<f64, N> high = a + b, part = high - a;
    return {high, (a - (high - part)) + (b - part)};
}

// Of a that is the larger, or 0.
template <int N>
inline Two<N> quick_two_sum(Vec<f64, N> a, Vec<f64, N> b) {
    const Vec<f64, N> high = a + b;
    return {high, b - (high - a)};
}

// Of numbers up to 2**900 whose product has no digits below the smallest float.
template <int N>
inline Two<N> two_product(Vec<f64, N> a, Vec<f64, N> b) {
    const Vec<f64, N> a_far = a * 0x8000001p0, b_far = b * 0x8000001p0;
    const Vec<f64, N> a_high = a_far - (a_far - a), b_high = b_far - (b_far - b);
    const Vec<f64, N> a_low = a - a_high, b_low = b - b_high, high = a * b;
    return {high, ((a_high * b_high - high) + a_high * b_low + a_low * b_high) + a_low * b_low};
}

// c[0] + c[1] x + c[2] x^2 ..., as two sums, of even and of odd powers, that need not wait for one
// another.
template <int N, int COUNT>
inline Vec<f64, N> series(Vec<f64, N> x, const f64 (&c)[COUNT]) {
    const Vec<f64, N> square = x * x;
    Vec<f64, N> last = all<f64, N>(c[COUNT - 1]), before = all<f64, N>(c[COUNT - 2]);
    for (int i = COUNT - 3; i > 0; i -= 2) {
        last = last * square + c[i];
        before = before * square + c[i - 1];
    }
    if (COUNT % 2 == 0)
        return before + last * x;
    return (last * square + c[0]) + before * x;
}

// x where it is NaN or in low ... high, else the nearer of these.
template <int N>
inline Vec<f64, N> clamped(Vec<f64, N> x, f64 low, f64 high) {
    const Vec<f64, N> below = x > high ? all<f64, N>(high) : x;
    return below < low ? all<f64, N>(low) : below;
}

constexpr f64 LOG2_E = 0x1.71547652b82fep+0;
// The logarithm of 2: 32 digits, whose product with an exponent is exact, and the rest.
constexpr f64 LN2_HIGH = 0x1.62e42feep-1, LN2_LOW = 0x1.a39ef35793c76p-33;

// Adding this to a float of less than 2**51 rounds it to a whole number, half to even, whose last
// bits are then those of the sum.
constexpr f64 TO_WHOLE = 0x1.8p52;

// ---- exp --------------------------------------------------------------------------------------

constexpr f64 ONE_BY_FACTORIAL[] = { // from 2! on
    1.0 / 2, 1.0 / 6, 1.0 / 24, 1.0 / 120, 1.0 / 720, 1.0 / 5040, 1.0 / 40320, 1.0 / 362880,
    1.0 / 3628800, 1.0 / 39916800, 1.0 / 479001600, 1.0 / 6227020800,
};
constexpr f64 ONE_BY_FACTORIAL_SHORT[] = {
    1.0 / 2, 1.0 / 6, 1.0 / 24, 1.0 / 120, 1.0 / 720, 1.0 / 5040, 1.0 / 40320,
};

// e^x = 2^k (1 + growth.high + growth.low), of which growth.high is at most 0.36 in size.
template <int N>
struct Growth {
    Vec<f64, N> k;
    Two<N> growth;
};

// Of x + low between -2**19 and 2**19.
template <class T, int N>
inline Growth<N> grow(Vec<f64, N> x, Vec<f64, N> low) {
    const Vec<f64, N> k = (x * LOG2_E + TO_WHOLE) - TO_WHOLE;
    const Vec<f64, N> near = x - k * LN2_HIGH, rest = low - k * LN2_LOW;
    if constexpr (same<T, f32>) {
        const Vec<f64, N> r = near + rest;
        return {k, {r, r * r * series<N>(r, ONE_BY_FACTORIAL_SHORT)}};
    } else {
        const Two<N> r = two_sum<N>(near, rest);
        const Vec<f64, N> tail = r.high * r.high * series<N>(r.high, ONE_BY_FACTORIAL);
        return {k, {r.high, tail + (r.low + r.low * r.high)}};
    }
}

template <int N>
inline Vec<f64, N> one_more(Two<N> growth) {
    const Two<N> sum = quick_two_sum<N>(all<f64, N>(1.0), growth.high);
    return sum.high + (sum.low + growth.low);
}

// 2^k of whole k from -1022 to 1024, which gives inf.
template <int N>
inline Vec<f64, N> power_of_2(Vec<f64, N> k) {
    return (Vec<f64, N>)((Vec<i64, N>)(k + (TO_WHOLE + 1023)) << 52);
}

// e^(x + low), where low is less than half an ulp of x, or 0. Of float32 beyond 1e-307 ... 1e308,
// from where all is 0 and inf for it, near these.
template <class T, int N>
inline Vec<f64, N> exp_sum(Vec<f64, N> x, Vec<f64, N> low) {
    if constexpr (same<T, f32>) {
        const Growth<N> g = grow<T, N>(clamped<N>(x, -708, 709.5), low);
        return one_more<N>(g.growth) * power_of_2<N>(g.k); // 2^1024 is inf
    }
    const Vec<f64, N> within = clamped<N>(x, -746, 710); // beyond it is 0 or inf
    const Growth<N> g = grow<T, N>(within, within == x ? low : Vec<f64, N>{});
    // In two steps, for results next to the ends of the exponents.
    const Vec<f64, N> half = (g.k * 0.5 + TO_WHOLE) - TO_WHOLE;
    return one_more<N>(g.growth) * power_of_2<N>(half) * power_of_2<N>(g.k - half);
}
template <class T, int N>
inline Vec<f64, N> exp(Vec<f64, N> x) {
    return exp_sum<T, N>(x, Vec<f64, N>{});
}

// e^x and e^x - 1 of x <= 0; 0 and -1 from e^-700 on.
template <int N>
struct Weight {
    Vec<f64, N> value, less_one;
};
template <class T, int N>
inline Weight<N> exp_weight(Vec<f64, N> x) {
    const auto gone = x < -700;
    const Growth<N> g = grow<T, N>(gone ? all<f64, N>(-700.0) : x, Vec<f64, N>{});
    const Vec<f64, N> power = power_of_2<N>(g.k);
    const Vec<f64, N> value = one_more<N>(g.growth) * power;
    const Vec<f64, N> less = (power - 1) + power * (g.growth.high + g.growth.low);
    return {gone ? Vec<f64, N>{} : value, gone ? all<f64, N>(-1.0) : less};
}

// ---- log --------------------------------------------------------------------------------------

constexpr f64 ONE_BY_ODD[] = { // from 5 on
    1.0 / 5, 1.0 / 7, 1.0 / 9, 1.0 / 11, 1.0 / 13, 1.0 / 15, 1.0 / 17, 1.0 / 19, 1.0 / 21,
    1.0 / 23, 1.0 / 25, 1.0 / 27,
};
constexpr f64 ONE_BY_ODD_SHORT[] = {1.0 / 5, 1.0 / 7, 1.0 / 9, 1.0 / 11, 1.0 / 13};
constexpr f64 THIRD_HIGH = 1.0 / 3, THIRD_LOW = 0x1.5555555555555p-56;

// k ln 2 + ln(1 + f), where 1 + f lies between the roots of 1/2 and of 2. With s = f / (2 + f) it is
// k ln 2 + 2 (s + s^3 / 3 + s^5 / 5 ...).
template <class T, int N>
inline Two<N> log_parts(Vec<f64, N> f, Vec<f64, N> k) {
    const Vec<f64, N> base = f + 2;
    if constexpr (same<T, f32>) {
        const Vec<f64, N> s = f / base, square = s * s;
        const Vec<f64, N> tail = square * (THIRD_HIGH + square * series<N>(square, ONE_BY_ODD_SHORT));
        return {k * LN2_HIGH + (2 * s + (2 * s * tail + k * LN2_LOW)), Vec<f64, N>{}};
    } else {
        // s as two floats: the quotient, and what its product with the base lacks.
        const Vec<f64, N> base_low = f - (base - 2), quotient = f / base;
        const Two<N> back = two_product<N>(quotient, base);
        const Vec<f64, N> left = ((f - back.high) - back.low) - quotient * base_low;
        const Two<N> s = {quotient, left / base};
        Two<N> square = two_product<N>(s.high, s.high);
        square.low += 2 * s.high * s.low;
        const Vec<f64, N> more = square.high * series<N>(square.high, ONE_BY_ODD);
        Two<N> third = quick_two_sum<N>(all<f64, N>(THIRD_HIGH), more);
        third.low += THIRD_LOW;
        Two<N> tail = two_product<N>(square.high, third.high);
        tail.low += square.high * third.low + square.low * third.high;
        Two<N> cube = two_product<N>(s.high, tail.high);
        cube.low += s.high * tail.low + s.low * tail.high;
        Two<N> sum = quick_two_sum<N>(s.high, cube.high);
        sum.low += s.low + cube.low;
        Two<N> result = two_sum<N>(k * LN2_HIGH, 2 * sum.high);
        result.low += 2 * sum.low + k * LN2_LOW;
        return quick_two_sum<N>(result.high, result.low);
    }
}

// The logarithm of x > 0, finite.
template <class T, int N>
inline Two<N> log_two(Vec<f64, N> x) {
    const auto tiny = x < 0x1p-1022;
    const Vec<f64, N> normal = tiny ? x * 0x1p54 : x;
    // Exponents change at the root of 1/2.
    constexpr u64 ONE = 0x3ff0000000000000, ROOT = 0x3fe6a09e667f3bcd, TWO_52 = 0x4330000000000000;
    const Vec<u64, N> bits = (Vec<u64, N>)normal, exponent = (bits + (ONE - ROOT)) >> 52;
    const Vec<f64, N> one_f = (Vec<f64, N>)(bits - (exponent << 52) + ONE);
    const Vec<f64, N> number = (Vec<f64, N>)(exponent | TWO_52) - (0x1p52 + 1023);
    return log_parts<T, N>(one_f - 1, tiny ? number - 54 : number);
}

template <class T, int N>
inline Vec<f64, N> log(Vec<f64, N> x) {
    const Vec<f64, N> nan = all<f64, N>(__builtin_nan("")), inf = all<f64, N>(__builtin_inf());
    const Two<N> two = log_two<T, N>(x);
    const Vec<f64, N> inside = two.high + two.low;
    const Vec<f64, N> outside = x == 0 ? -inf : x == inf ? inf : nan;
    return (x > 0) & (x < inf) ? inside : outside;
}

// The logarithm of 1 + x, of -0.29 < x < 0.41.
template <class T, int N>
inline Vec<f64, N> log_near_one(Vec<f64, N> x) {
    const Two<N> two = log_parts<T, N>(x, Vec<f64, N>{});
    return two.high + two.low;
}

// ---- powers -----------------------------------------------------------------------------------

// x^y of x >= 0 and y > 0.
template <class T, int N>
inline Vec<f64, N> power(Vec<f64, N> x, Vec<f64, N> y) {
    const Vec<f64, N> inf = all<f64, N>(__builtin_inf());
    const Vec<f64, N> by = y > 0x1p70 ? all<f64, N>(0x1p70) : y; // which gives 0, 1 or inf as well
    const Two<N> log = log_two<T, N>(x);
    Vec<f64, N> inside;
    if constexpr (same<T, f32>) {
        inside = exp<T, N>(by * log.high);
    } else {
        const Two<N> product = two_product<N>(by, log.high);
        inside = exp_sum<T, N>(product.high, product.low + by * log.low);
    }
    // The ends are their own powers, and so is NaN.
    return (x > 0) & (x < inf) ? inside : x < 0 ? all<f64, N>(__builtin_nan("")) : x;
}

// The p-th root of x >= 0: nearer than x to the power of a rounded 1 / p.
template <class T, int N>
inline Vec<f64, N> root(Vec<f64, N> x, Vec<f64, N> p) {
    const Vec<f64, N> inf = all<f64, N>(__builtin_inf());
    const Two<N> log = log_two<T, N>(x);
    const Vec<f64, N> by = p > 0x1p900 ? all<f64, N>(0x1p900) : p, share = log.high / by;
    Vec<f64, N> inside;
    if constexpr (same<T, f32>) {
        inside = exp<T, N>(share);
    } else {
        const Two<N> back = two_product<N>(share, by);
        inside = exp_sum<T, N>(share, (((log.high - back.high) - back.low) + log.low) / by);
    }
    return (x > 0) & (x < inf) ? inside : x < 0 ? all<f64, N>(__builtin_nan("")) : x;
}

// x^n for whole n > 0, by squares and products.
template <int N>
inline Vec<f64, N> whole_power(Vec<f64, N> x, int n) {
    Vec<f64, N> result = n & 1 ? x : all<f64, N>(1.0);
    for (n >>= 1; n; n >>= 1) {
        x = x * x;
        if (n & 1)
            result = result * x;
    }
    return result;
}

// The cube root of x >= 2**-960, near enough for float32: a third of the exponent and digits, and two
// steps of Halley's, each of which makes three times as many digits right.
template <int N>
inline Vec<f64, N> near_cube_root(Vec<f64, N> x) {
    constexpr i64 TWO_52 = 0x4330000000000000;
    constexpr f64 SHARE = 682 - 0.033; // two thirds of the exponents' 1023, less the mean error
    const Vec<u64, N> top = (Vec<u64, N>)x >> 32;
    const Vec<f64, N> number = (Vec<f64, N>)((Vec<i64, N>)top | TWO_52) - 0x1p52;
    const Vec<f64, N> third = number * (1.0 / 3) + (TO_WHOLE + f64(i64(SHARE * 0x1p20)));
    Vec<f64, N> root = (Vec<f64, N>)((Vec<i64, N>)third << 32);
    for (int step = 0; step < 2; step++) {
        const Vec<f64, N> cube = root * root * root;
        root = root * ((cube + 2 * x) / (2 * cube + x));
    }
    const Vec<f64, N> end = x < 0 ? all<f64, N>(__builtin_nan("")) : x;
    return (x > 0) & (x < __builtin_inf()) ? root : end;
}

template <int N>
inline Vec<f64, N> square_root(Vec<f64, N> x) {
    for (int i = 0; i < N; i++)
        x[i] = __builtin_sqrt(x[i]);
    return x;
}

template <int N>
inline Vec<f64, N> magnitude(Vec<f64, N> x) {
    return (Vec<f64, N>)((Vec<i64, N>)x & 0x7fffffffffffffff);
}

// The larger of two, NaN where one is.
template <int N>
inline Vec<f64, N> larger_of(Vec<f64, N> a, Vec<f64, N> b) {
    const Vec<f64, N> larger = b > a ? b : a;
    return b == b ? larger : b;
}

// ---- sums -------------------------------------------------------------------------------------

// Sums of float64 terms made of cells T: plain for float32 cells; for float64 as high + low, where
// low is what rounding has lost so far.
template <class T, int N>
struct SumState {
    using type = Acc<N, f64>;
};
template <int N>
struct SumState<f64, N> {
    using type = Acc<N, f64, f64>;
};
template <class T, int N>
using Sum = typename SumState<T, N>::type;

template <class T, int N>
inline Sum<T, N> sum_of(Vec<f64, N> x) {
    if constexpr (same<T, f64>)
        return {x, {Vec<f64, N>{}, {}}};
    else
        return {x, {}};
}
template <class T, int N>
inline Sum<T, N> no_sum() {
    return sum_of<T, N>(minus_zero<f64, N>());
}
template <class T, int N>
inline Sum<T, N> add(Sum<T, N> a, Sum<T, N> b) {
    if constexpr (same<T, f64>) {
        const Two<N> sum = two_sum<N>(a.v, b.v);
        return {sum.high, {sum.low + (a.rest.v + b.rest.v), {}}};
    } else {
        return {a.v + b.v, {}};
    }
}
// An infinite sum has no meaningful error.
template <class T, int N>
inline Vec<f64, N> sum_value(Sum<T, N> s) {
    if constexpr (same<T, f64>)
        return s.v - s.v == 0 ? s.v + s.rest.v : s.v;
    else
        return s.v;
}

} // namespace
} // namespace POOL_NS
