// What ranks do to gathered cells before they sort them: find NaN, move missing cells to the end.
#pragma once

#include "gather.hpp"

namespace POOL_NS {
namespace {

// Whether any of n cells (whole vectors) is NaN.
template <class T>
bool any_nan(const T *x, i64 n) {
    if constexpr (is_float<T>) {
        constexpr int N = VECTOR_BYTES / sizeof(T);
        using Int = typename IntOf<sizeof(T)>::type;
        Vec<Int, N> any = {};
        for (i64 i = 0; i < n; i += N) {
            const Vec<T, N> v = read<N>(x + i);
            any |= v != v;
        }
        for (int i = 0; i < N; i++)
            if (any[i])
                return true;
    }
    return false;
}

// Which windows of a group hold a NaN that counts; returns whether any may.
template <class T>
bool find_nans(const Gathered &g, u8 *nan) {
    if constexpr (!is_float<T>)
        return false;
    auto x = reinterpret_cast<const T *>(g.values);
    if (!any_nan(x, g.cells * g.pitch))
        return false;
    for (i64 i = 0; i < g.n; i++)
        nan[i] = 0;
    for (i64 k = 0; k < g.cells; k++)
        for (i64 i = 0; i < g.n; i++) {
            const i64 at = k * g.pitch + i;
            nan[i] |= x[at] != x[at] && (!g.valid || g.valid[at]);
        }
    return true;
}

// Make every window one of all cells: missing cells and those up to all become the lowest value in
// the first lows[i] places of each window, and the highest in others.
template <class T>
void fill_up(const Gathered &g, i64 all_cells, const u32 *lows, u32 *seen) {
    auto x = reinterpret_cast<T *>(g.values);
    for (i64 i = 0; i < g.n; i++)
        seen[i] = 0;
    for (i64 k = g.valid ? 0 : g.cells; k < all_cells; k++)
        for (i64 i = 0; i < g.n; i++) {
            const i64 at = k * g.pitch + i;
            if (k >= g.cells || !g.valid[at])
                x[at] = seen[i]++ < lows[i] ? lowest<T>() : highest<T>();
        }
}

// The type whose cells are ranked: their own, but float32 of float16 and uint8 of bool.
inline int ranked_cell(const pool_call &call) {
    return call.in_type == POOL_F16 ? POOL_F32 : call.in_type == POOL_BOOL ? POOL_U8 : call.in_type;
}

// f(T{}) for the type of a code of ranked_cell.
template <class F>
inline int for_type(int code, F f) {
    switch (code) {
    case POOL_I8: return f(i8{});
    case POOL_U8: return f(u8{});
    case POOL_I16: return f(i16{});
    case POOL_U16: return f(u16{});
    case POOL_I32: return f(i32{});
    case POOL_U32: return f(u32{});
    case POOL_I64: return f(i64{});
    case POOL_U64: return f(u64{});
    case POOL_F32: return f(f32{});
    case POOL_F64: return f(f64{});
    default: return POOL_UNKNOWN;
    }
}

} // namespace
} // namespace POOL_NS
