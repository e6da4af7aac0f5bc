// What the ways to a quantile have in common: how they begin, and what their results are.
#pragma once

#include "ops.hpp"
#include "quantiles.hpp"

namespace POOL_NS {
namespace {

// The end of every op's setting up: say how much scratch it wants, or check that and go.
template <class Go>
inline int finish_setup(const pool_call &call, bool knows_type, const Arena &arena, i64 *bytes, Go go) {
    if (bytes)
        *bytes = arena.used;
    if (!knows_type)
        return POOL_UNKNOWN;
    if (bytes)
        return POOL_OK;
    if (arena.used > call.scratch_bytes)
        return POOL_NO_ROOM;
    go();
    return POOL_OK;
}

// Results of quantiles: cells where the method picks one; else float64, or their own type again
// where integers of 64 bits go to an integer, for those between are not exact in float64.
template <class T>
struct QuantileResults {
    pool_call &call;
    const Quantile &quantile;
    char *results;

    bool exact() const { return !is_float<T> && sizeof(T) == 8 && call.out_type < POOL_F16; }
    int code() const { return quantile.picks() || exact() ? type_code<T> : POOL_F64; }

    // From the two sorted cells of each of n windows, whose position is the same.
    void rows(const T *low, const T *high, const Position &at, i64 n) const {
        if (quantile.picks()) {
            auto to = reinterpret_cast<T *>(results);
            each<VECTOR_BYTES / sizeof(T)>(n, [&](auto lanes, i64 i) {
                constexpr int N = decltype(lanes)::value;
                write<N>(to + i, read<N>(low + i) + T(0)); // -0.0 becomes 0.0
            });
        } else if (is_float<T> && (!at.rest || at.den == 2)) {
            auto to = reinterpret_cast<f64 *>(results);
            high = at.rest ? high : low;
            each<VECTOR_BYTES / 8>(n, [&](auto lanes, i64 i) {
                constexpr int N = decltype(lanes)::value;
                const auto a = to_wide<N>(low + i), b = to_wide<N>(high + i);
                write<N>(to + i, (a == b ? a : a * 0.5 + b * 0.5) + 0.0);
            });
        } else {
            for (i64 i = 0; i < n; i++)
                one(i, low[i], high[i], at, true);
        }
    }

    // enough: whether the window has cells enough for a result that counts.
    void one(i64 i, T low, T high, const Position &at, bool enough) const {
        if (quantile.picks())
            reinterpret_cast<T *>(results)[i] = low + T(0);
        else if (!exact())
            reinterpret_cast<f64 *>(results)[i] = between(low, high, at) + 0.0;
        else if constexpr (!is_float<T> && sizeof(T) == 8)
            reinterpret_cast<T *>(results)[i] = enough ? between_rounded(call, low, high, at) : low;
    }

    void nan(i64 i) const {
        if (code() == POOL_F64)
            reinterpret_cast<f64 *>(results)[i] = __builtin_nan("");
        else if constexpr (is_float<T>)
            reinterpret_cast<T *>(results)[i] = T(__builtin_nan(""));
    }

  private:
    template <int N>
    static Vec<f64, N> to_wide(const T *p) {
        return to<f64, N>(read<N>(p));
    }
};

} // namespace
} // namespace POOL_NS
