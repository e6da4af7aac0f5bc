// Which of a window's sorted cells a quantile is, and what lies between two of them.
#pragma once

#include "kernel.hpp"

namespace POOL_NS {
namespace {

enum Method { LINEAR, LOWER, HIGHER, NEAREST, MIDPOINT }; // q[2] of quantile and argquantile

// A place among sorted cells: rank low, and rest / den of the way to the next.
struct Position {
    i64 low;
    u64 rest, den;
    i64 high() const { return rest ? low + 1 : low; }
    f64 weight() const { return f64(rest) / f64(den); }
};

// a * b / den and what remains, for b <= den < 2**62; without a division of 128 bits, which would
// be a library call.
struct Share {
    u64 whole, rest;
};
inline Share share_of(u64 a, u64 b, u64 den) {
    u64 product;
    if (!__builtin_mul_overflow(a, b, &product))
        return {product / den, product % den};
    Share sum = {0, 0};
    for (int bit = 63; bit >= 0; bit--) {
        sum = {2 * sum.whole, 2 * sum.rest};
        if (sum.rest >= den)
            sum = {sum.whole + 1, sum.rest - den};
        if (!(a >> bit & 1))
            continue;
        sum.rest += b;
        if (sum.rest >= den)
            sum = {sum.whole + 1, sum.rest - den};
    }
    return sum;
}

// The positions of one quantile in windows of any count of cells.
class Quantile {
  public:
    explicit Quantile(const pool_call &call)
        : num_(u64(call.q[0])), den_(u64(call.q[1])), method_(int(call.q[2])) {
        for (i64 &count : counts_)
            count = -1;
    }

    // Whether a result is a cell, not something between two.
    bool picks() const { return method_ != LINEAR && method_ != MIDPOINT; }

    const Position &at(i64 count) {
        const int slot = int(count % SLOTS);
        if (counts_[slot] != count) {
            counts_[slot] = count;
            positions_[slot] = find(count);
        }
        return positions_[slot];
    }

  private:
    static constexpr int SLOTS = 64;
    u64 num_, den_;
    int method_;
    i64 counts_[SLOTS];
    Position positions_[SLOTS];

    Position find(i64 count) const {
        const Share at = share_of(u64(count > 0 ? count - 1 : 0), num_, den_);
        const i64 low = i64(at.whole);
        const bool middle = 2 * at.rest == den_;
        switch (method_) {
        case LOWER: return {low, 0, 1};
        case HIGHER: return {low + (at.rest > 0), 0, 1};
        case NEAREST: return {low + (middle ? low & 1 : 2 * at.rest > den_), 0, 1}; // ties to even
        case MIDPOINT: return {low, at.rest > 0, 2};
        default: return {low, at.rest, den_};
        }
    }
};

// ---- between two cells ------------------------------------------------------------------------

// Products of cells of up to 32 bits and of this are exact in float64.
constexpr u64 MOST_EXACT = u64(1) << 20;

template <class T>
inline f64 between(T low, T high, const Position &at) {
    const f64 a = f64(low), b = f64(high), weight = at.weight();
    if (low == high || !at.rest) // infinities, too
        return a;
    if constexpr (!is_float<T>)
        if (at.den < MOST_EXACT)
            return (a * f64(at.den - at.rest) + b * f64(at.rest)) / f64(at.den);
    return a * (1 - weight) + b * weight;
}

// Between integers of 64 bits: the whole number below, and what remains of at.den.
template <class T>
struct Exact {
    T whole;
    u64 rest;
};
template <class T>
inline Exact<T> between_exactly(T low, T high, const Position &at) {
    const Share share = share_of(u64(high) - u64(low), at.rest, at.den);
    return {T(u64(low) + share.whole), share.rest};
}

template <class T>
inline f64 real_of(const Exact<T> &x, u64 den) {
    constexpr T SMALL = T(1) << 52;
    const bool negative = x.whole < T(0);
    if (!x.rest || (negative ? x.whole > T(-SMALL) : x.whole < SMALL))
        return f64(x.whole) + f64(x.rest) / f64(den);
    if (negative ? x.whole > T(-SMALL) * 256 : x.whole < SMALL * 256) {
        const u64 quarters = 4 * x.rest / den, more = quarters * den != 4 * x.rest;
        return f64(T(x.whole * 4 + T(quarters | more))) / 4;
    }
    return f64(T(x.whole | T(1))); // far below the last digit
}
template <>
inline f64 between(i64 low, i64 high, const Position &at) {
    return real_of(between_exactly(low, high, at), at.den);
}
template <>
inline f64 between(u64 low, u64 high, const Position &at) {
    return real_of(between_exactly(low, high, at), at.den);
}

// The same as an integer, half to even where the call rounds; others are reported.
template <class T>
inline T between_rounded(pool_call &call, T low, T high, const Position &at) {
    const Exact<T> x = between_exactly(low, high, at);
    if (x.rest && call.fit == POOL_EXACT) {
        if (!call.found)
            call.bad_float = real_of(x, at.den);
        call.found |= POOL_INEXACT;
    }
    const u64 twice = 2 * x.rest;
    return T(x.whole + T(twice > at.den || (twice == at.den && (x.whole & 1))));
}

} // namespace
} // namespace POOL_NS
