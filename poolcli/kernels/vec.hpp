// Vectors of the compiler's own (gcc, clang), as wide as the instruction set that is compiled for,
// and states of accumulators made of them. No standard library, and nothing with external linkage.
#pragma once

#include "pool.h"

// One copy of everything for each instruction set; dispatch.cpp chooses among them.
#if !defined(POOL_ISA)
#define POOL_ISA 0
#endif
#if POOL_ISA == 2
#define POOL_NS pool_v4
#elif POOL_ISA == 1
#define POOL_NS pool_v3
#else
#define POOL_NS pool_base
#endif

namespace POOL_NS {
namespace {

using i8 = int8_t;
using u8 = uint8_t;
using i16 = int16_t;
using u16 = uint16_t;
using i32 = int32_t;
using u32 = uint32_t;
using i64 = int64_t;
using u64 = uint64_t;
using f32 = float;
using f64 = double;

// Where other instruction sets are there to choose, the baseline is for processors of before 2013,
// which get by with less: it takes a third of the time to build.
#if POOL_ISA == 0 && defined(POOL_MANY)
constexpr bool IS_LEAN = true;
#else
constexpr bool IS_LEAN = false;
#endif

constexpr int VECTOR_BYTES = POOL_ISA == 2 ? 64 : POOL_ISA == 1 ? 32 : 16;

template <class T, int N>
struct VectorOf {
    typedef T type __attribute__((vector_size(sizeof(T) * N)));
};
template <class T, int N>
using Vec = typename VectorOf<T, N>::type;

template <int N, class T>
inline Vec<T, N> read(const T *p) {
    Vec<T, N> v;
    __builtin_memcpy(&v, p, sizeof v);
    return v;
}

template <int N, class T>
inline void write(T *p, Vec<T, N> v) {
    __builtin_memcpy(p, &v, sizeof v);
}

template <class T, int N>
inline Vec<T, N> all(T x) {
    return Vec<T, N>{} + x; // of -0.0 it makes 0.0: see minus_zero
}

template <class T, int N, class From>
inline Vec<T, N> to(From v) {
    return __builtin_convertvector(v, Vec<T, N>);
}

// A mask (0 or -1 in each lane) as one for lanes of another type.
template <int BYTES>
struct IntOf;
template <> struct IntOf<1> { using type = i8; };
template <> struct IntOf<2> { using type = i16; };
template <> struct IntOf<4> { using type = i32; };
template <> struct IntOf<8> { using type = i64; };
template <class T, int N, class Mask>
inline Vec<typename IntOf<sizeof(T)>::type, N> mask_for(Mask mask) {
    return __builtin_convertvector(mask, Vec<typename IntOf<sizeof(T)>::type, N>);
}

// Keeps the compiler from merging what comes before with what comes after.
template <class V>
inline void settle(V &v) {
#if defined(__x86_64__)
    if constexpr (sizeof(V) >= 16)
        __asm__("" : "+x"(v));
#endif
    (void)v;
}

// What leaves every sum as it is: -0.0 + x is x for every x, and 0.0 + -0.0 is not.
template <class T, int N>
inline Vec<T, N> minus_zero() {
    return -Vec<T, N>{};
}

template <class T>
constexpr bool is_float = false;
template <>
constexpr bool is_float<f32> = true;
template <>
constexpr bool is_float<f64> = true;

template <class A, class B>
constexpr bool same = false;
template <class A>
constexpr bool same<A, A> = true;

template <class T>
constexpr int type_code = -1;
template <> constexpr int type_code<i8> = POOL_I8;
template <> constexpr int type_code<u8> = POOL_U8;
template <> constexpr int type_code<i16> = POOL_I16;
template <> constexpr int type_code<u16> = POOL_U16;
template <> constexpr int type_code<i32> = POOL_I32;
template <> constexpr int type_code<u32> = POOL_U32;
template <> constexpr int type_code<i64> = POOL_I64;
template <> constexpr int type_code<u64> = POOL_U64;
template <> constexpr int type_code<f32> = POOL_F32;
template <> constexpr int type_code<f64> = POOL_F64;

template <class T>
constexpr T lowest() {
    if constexpr (is_float<T>)
        return -T(__builtin_inf());
    else if constexpr (T(-1) > T(0))
        return 0;
    else
        return T(T(1) << (8 * sizeof(T) - 1));
}
template <class T>
constexpr T highest() {
    if constexpr (is_float<T>)
        return T(__builtin_inf());
    else
        return T(~lowest<T>());
}

// ---- States -----------------------------------------------------------------------------------
// The state of N accumulators side by side, made of parts: Acc<N, f64, f64> has .v and .rest.v.
// In memory each part is an array of its own; a Tile points to them.

template <int N, class... Parts>
struct Acc {};
template <int N, class T, class... Rest>
struct Acc<N, T, Rest...> {
    Vec<T, N> v;
    Acc<N, Rest...> rest;
};

} // namespace

constexpr int MOST_PARTS = 6;

struct Tile {
    char *part[MOST_PARTS];
};

namespace {

template <int Part, int N>
inline void read_parts(const Tile &, i64, Acc<N> &) {}
template <int Part, int N, class T, class... Rest>
inline void read_parts(const Tile &tile, i64 i, Acc<N, T, Rest...> &acc) {
    acc.v = read<N>(reinterpret_cast<const T *>(tile.part[Part]) + i);
    read_parts<Part + 1>(tile, i, acc.rest);
}

template <int Part, int N>
inline void write_parts(const Tile &, i64, const Acc<N> &) {}
template <int Part, int N, class T, class... Rest>
inline void write_parts(const Tile &tile, i64 i, const Acc<N, T, Rest...> &acc) {
    write<N>(reinterpret_cast<T *>(tile.part[Part]) + i, acc.v);
    write_parts<Part + 1>(tile, i, acc.rest);
}

template <class A>
inline A read_state(const Tile &tile, i64 i) {
    A acc;
    read_parts<0>(tile, i, acc);
    return acc;
}
template <class A>
inline void write_state(const Tile &tile, i64 i, const A &acc) {
    write_parts<0>(tile, i, acc);
}

// a where the mask is set, and b elsewhere.
template <int N>
inline Acc<N> choose(Vec<i64, N>, const Acc<N> &, const Acc<N> &) {
    return {};
}
template <int N, class T, class... Rest>
inline Acc<N, T, Rest...> choose(Vec<i64, N> mask, const Acc<N, T, Rest...> &a,
                                 const Acc<N, T, Rest...> &b) {
    return {mask_for<T, N>(mask) ? a.v : b.v, choose<N>(mask, a.rest, b.rest)};
}

template <class A>
struct StateOf {
    static constexpr int parts = 0, widest = 0;
    static constexpr void sizes(int *) {}
};
template <int N, class T, class... Rest>
struct StateOf<Acc<N, T, Rest...>> {
    using After = StateOf<Acc<N, Rest...>>;
    static constexpr int parts = 1 + After::parts;
    static constexpr int widest = int(sizeof(T)) > After::widest ? int(sizeof(T)) : After::widest;
    static constexpr void sizes(int *out) {
        *out = sizeof(T);
        After::sizes(out + 1);
    }
};

template <int N>
struct Lanes {
    static constexpr int value = N;
};

// The width of vectors for what is too short for N lanes: rows of small planes are.
template <int N>
constexpr int SHORT = N > 8 ? N / 4 : N > 2 ? N / 2 : 1;

// Do f(Lanes<N>, i) for all i < n: whole vectors, short ones, then one by one. The same for each i
// either way. Again: doing some i twice does no harm, so that the last ones may be in a vector, too.
// Written so that f is compiled once for each width.
template <int N, class F>
inline i64 each_of(i64 i, i64 n, F &f, bool again) {
    for (;;) {
        for (; i + N <= n; i += N)
            f(Lanes<N>{}, i);
        if (i == n || n < N || !again)
            return i;
        i = n - N;
    }
}
template <int N, class F>
inline void each(i64 n, F f, bool again = false) {
    i64 i = each_of<N>(0, n, f, again);
    if constexpr (SHORT<N> > 1)
        i = each_of<SHORT<N>>(i, n, f, again);
    if constexpr (N > 1)
        each_of<1>(i, n, f, false);
}
template <int N, class F>
inline void each_again(i64 n, F f) {
    each<N>(n, f, true);
}

// ---- Every other one --------------------------------------------------------------------------

template <int... I>
struct Indices {};
template <int N, int... I>
struct FirstIndices : FirstIndices<N - 1, N - 1, I...> {};
template <int... I>
struct FirstIndices<0, I...> {
    using type = Indices<I...>;
};

template <class V, int... I>
inline V every_other(V a, V b, Indices<I...>, int odd) {
    return odd ? __builtin_shufflevector(a, b, (2 * I + 1)...) : __builtin_shufflevector(a, b, (2 * I)...);
}
template <class V, int... I>
inline V after_first(V a, V b, Indices<I...>) {
    return __builtin_shufflevector(a, b, (I + 1)...);
}

// Of the 2 N states in a and b: numbers 0, 2, 4 ... or 1, 3, 5 ...
template <int ODD, int N>
inline Acc<N> every_other(const Acc<N> &, const Acc<N> &) {
    return {};
}
template <int ODD, int N, class T, class... Rest>
inline Acc<N, T, Rest...> every_other(const Acc<N, T, Rest...> &a, const Acc<N, T, Rest...> &b) {
    using Is = typename FirstIndices<N>::type;
    return {every_other(a.v, b.v, Is(), ODD), every_other<ODD>(a.rest, b.rest)};
}
// Numbers 1 ... N.
template <int N>
inline Acc<N> after_first(const Acc<N> &, const Acc<N> &) {
    return {};
}
template <int N, class T, class... Rest>
inline Acc<N, T, Rest...> after_first(const Acc<N, T, Rest...> &a, const Acc<N, T, Rest...> &b) {
    using Is = typename FirstIndices<N>::type;
    return {after_first(a.v, b.v, Is()), after_first(a.rest, b.rest)};
}

} // namespace
} // namespace POOL_NS
