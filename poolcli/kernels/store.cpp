// Storing: rows of results become the output's type, exactly, rounded or cut off. Nothing wraps.
#include "convert.hpp"

namespace POOL_NS {
namespace {

constexpr int CHUNK = 256;

// Half to even, by the rounding of additions; no library call on any machine.
inline f64 whole(f64 x) {
    const f64 magic = 4503599627370496.0; // 2**52
    const f64 size = x < 0 ? -x : x;
    if (!(size < magic))
        return x;
    const f64 rounded = (size + magic) - magic;
    return x < 0 ? -rounded : rounded;
}

// The nearest float16 of a float64, half to even.
inline u16 half_of(f64 x) {
    u64 bits;
    __builtin_memcpy(&bits, &x, 8);
    const u16 sign = u16(bits >> 48) & 0x8000;
    bits &= 0x7fffffffffffffff;
    if (bits > 0x7ff0000000000000)
        return 0x7e00; // NaN has one form
    const int exponent = int(bits >> 52) - 1023;
    if (exponent > 15)
        return sign | 0x7c00;
    if (exponent < -25)
        return sign;
    const int shift = exponent < -14 ? 42 + (-14 - exponent) : 42;
    const u64 digits = (bits & 0xfffffffffffff) | 0x10000000000000;
    u64 kept = digits >> shift;
    const u64 rest = digits & ((u64(1) << shift) - 1), middle = u64(1) << (shift - 1);
    kept += rest > middle || (rest == middle && (kept & 1));
    // A carry out of the digits is the next exponent, as it should be.
    return sign | u16(exponent < -14 ? kept : kept + (u64(exponent + 14) << 10));
}

// The same of a float32, by steps that the compiler can do side by side.
inline u16 half_of(f32 x) {
    u32 bits;
    __builtin_memcpy(&bits, &x, 4);
    const u32 sign = (bits >> 16) & 0x8000;
    bits &= 0x7fffffff;
    // Subnormal ones: the addition shifts their digits into place, and rounds.
    f32 small;
    __builtin_memcpy(&small, &bits, 4);
    small += 0.5f;
    u32 subnormal;
    __builtin_memcpy(&subnormal, &small, 4);
    subnormal -= 0x3f000000;
    const u32 normal = (bits - 0x38000000 + 0xfff + ((bits >> 13) & 1)) >> 13;
    const u32 finite = bits < 0x38800000 ? subnormal : normal;
    const u32 endless = bits > 0x7f800000 ? 0x7e00 : 0x7c00;
    const u32 half = bits >= 0x47800000 ? endless : finite;
    return u16(half | (half == 0x7e00 ? 0 : sign));
}

inline f64 float_of_half(u16 bits) {
    const int exponent = (bits >> 10) & 31;
    const f64 sign = bits & 0x8000 ? -1 : 1, digits = bits & 1023;
    if (exponent == 31)
        return digits ? __builtin_nan("") : sign * __builtin_inf();
    const u64 scale = u64(1023 + (exponent ? exponent : 1) - 25) << 52;
    f64 unit;
    __builtin_memcpy(&unit, &scale, 8);
    return sign * (exponent ? digits + 1024 : digits) * unit;
}


void refuse(pool_call &call, int why, f64 value) {
    if (!call.found)
        call.bad_float = value;
    call.found |= why;
}
void refuse(pool_call &call, int why, Wide value) {
    if (!call.found) {
        call.bad_float = f64(value.hi) * 18446744073709551616.0 + f64(value.lo);
        call.bad_high = value.hi;
        call.bad_low = value.lo;
    }
    call.found |= why;
}

inline Wide wide(i64 x) { return {u64(x), x < 0 ? -1 : 0}; }
inline Wide wide(u64 x) { return {x, 0}; }
inline Wide wide(Wide x) { return x; }
inline bool less(Wide a, Wide b) { return a.hi < b.hi || (a.hi == b.hi && a.lo < b.lo); }

// What an integer target holds; bool is a uint8 up to 1.
template <class To>
struct Range {
    bool is_bool;
    To low() const { return lowest<To>(); }
    To high() const { return is_bool ? To(1) : highest<To>(); }
    f64 past() const { return is_bool ? 2.0 : f64(highest<To>() / 2 + 1) * 2; } // high + 1, exactly
};

// ---- one result -------------------------------------------------------------------------------

template <class To>
inline To integer_of(pool_call &call, const Range<To> &range, f64 x) {
    if (x != x) {
        refuse(call, POOL_NAN, x);
        return 0;
    }
    const f64 rounded = whole(x);
    if (call.fit == POOL_EXACT && rounded != x) {
        refuse(call, POOL_INEXACT, x);
        return 0;
    }
    const bool below = rounded < f64(range.low()), above = rounded >= range.past();
    if ((below || above) && call.fit != POOL_CLIP)
        refuse(call, POOL_OUTSIDE, rounded);
    return below ? range.low() : above ? range.high() : To(rounded);
}

template <class To>
inline To integer_of(pool_call &call, const Range<To> &range, Wide x) {
    const bool below = less(x, wide(i64(range.low()))), above = less(wide(u64(range.high())), x);
    if ((below || above) && call.fit != POOL_CLIP)
        refuse(call, POOL_OUTSIDE, x);
    return below ? range.low() : above ? range.high() : To(x.lo);
}
template <class To>
inline To integer_of(pool_call &call, const Range<To> &range, i64 x) {
    return integer_of(call, range, wide(x));
}
template <class To>
inline To integer_of(pool_call &call, const Range<To> &range, u64 x) {
    return integer_of(call, range, wide(x));
}

// Whether all digits of an integer fit those of a float: 11, 24 or 53.
inline bool holds(Wide x, int digits) {
    if (x.hi < 0) {
        x.lo = ~x.lo + 1;
        x.hi = ~x.hi + (x.lo == 0);
    }
    if (x.hi != 0)
        return false; // no sum is so large that it should be a float
    if (x.lo == 0)
        return true;
    const int top = 64 - __builtin_clzll(x.lo), zeros = __builtin_ctzll(x.lo);
    return top - zeros <= digits;
}

inline f64 float_of(Wide x) {
    return x.hi == (x.lo >> 63 ? -1 : 0) ? f64(i64(x.lo)) : f64(x.hi) * 18446744073709551616.0 + f64(x.lo);
}

// ---- rows -------------------------------------------------------------------------------------

template <class To, class From>
void to_integers(pool_call &call, const From *from, To *to, i64 n) {
    const Range<To> range = {call.out_type == POOL_BOOL};
    for (i64 i = 0; i < n; i++)
        to[i] = integer_of(call, range, from[i]);
}

// Floats that are wider than the results' own type may not overflow on the way.
inline bool may_overflow(const pool_call &call) {
    const bool real = call.in_type == POOL_F16 || call.in_type == POOL_F32 || call.in_type == POOL_F64;
    return (real ? call.in_type : POOL_F64) <= call.out_type;
}

template <class To>
inline To float_to(f64 x);
template <>
inline f64 float_to<f64>(f64 x) { return x == x ? x : __builtin_nan(""); }
template <>
inline f32 float_to<f32>(f64 x) { return x == x ? f32(x) : __builtin_nanf(""); }
template <>
inline u16 float_to<u16>(f64 x) { return half_of(x); }
inline f64 back(f64 x) { return x; }
inline f64 back(f32 x) { return x; }
inline f64 back(u16 x) { return float_of_half(x); }

template <class To>
void to_floats(pool_call &call, const f64 *from, To *to, i64 n) {
    for (i64 i = 0; i < n; i++)
        to[i] = float_to<To>(from[i]);
    if (may_overflow(call))
        return;
    for (i64 i = 0; i < n; i++) {
        const f64 x = back(to[i]);
        if (x - x != 0 && from[i] - from[i] == 0)
            refuse(call, POOL_OVERFLOW, from[i]);
    }
}
template <class To, class From>
void to_floats(pool_call &call, const From *from, To *to, i64 n) {
    constexpr int digits = sizeof(To) == 8 ? 53 : sizeof(To) == 4 ? 24 : 11;
    for (i64 i = 0; i < n; i++) {
        to[i] = float_to<To>(float_of(wide(from[i])));
        const f64 x = back(to[i]);
        if (!holds(wide(from[i]), digits) || x - x != 0)
            refuse(call, POOL_INEXACT, wide(from[i]));
    }
}

template <class From>
void convert(pool_call &call, const From *from, void *to, i64 n) {
    switch (call.out_type) {
    case POOL_BOOL: case POOL_U8: return to_integers(call, from, static_cast<u8 *>(to), n);
    case POOL_I8: return to_integers(call, from, static_cast<i8 *>(to), n);
    case POOL_U16: return to_integers(call, from, static_cast<u16 *>(to), n);
    case POOL_I16: return to_integers(call, from, static_cast<i16 *>(to), n);
    case POOL_U32: return to_integers(call, from, static_cast<u32 *>(to), n);
    case POOL_I32: return to_integers(call, from, static_cast<i32 *>(to), n);
    case POOL_U64: return to_integers(call, from, static_cast<u64 *>(to), n);
    case POOL_I64: return to_integers(call, from, static_cast<i64 *>(to), n);
    case POOL_F16: return to_floats(call, from, static_cast<u16 *>(to), n);
    case POOL_F32: return to_floats(call, from, static_cast<f32 *>(to), n);
    case POOL_F64: return to_floats(call, from, static_cast<f64 *>(to), n);
    }
}

template <class From, class As>
void widen(const void *results, i64 first, i64 n, As *as) {
    auto from = static_cast<const From *>(results) + first;
    for (i64 i = 0; i < n; i++)
        as[i] = As(from[i]);
}

// Convert results first ... first + n - 1, at most CHUNK of them, by way of a wide type.
void convert_chunk(pool_call &call, int result, const void *results, i64 first, i64 n, void *to) {
    union {
        i64 whole[CHUNK];
        f64 real[CHUNK];
    } as;
    switch (result) {
    case POOL_I8: widen<i8>(results, first, n, as.whole); break;
    case POOL_U8: widen<u8>(results, first, n, as.whole); break;
    case POOL_I16: widen<i16>(results, first, n, as.whole); break;
    case POOL_U16: widen<u16>(results, first, n, as.whole); break;
    case POOL_I32: widen<i32>(results, first, n, as.whole); break;
    case POOL_U32: widen<u32>(results, first, n, as.whole); break;
    case POOL_F32:
        widen<f32>(results, first, n, as.real);
        return convert(call, as.real, to, n);
    case POOL_F64: return convert(call, static_cast<const f64 *>(results) + first, to, n);
    case POOL_I64: return convert(call, static_cast<const i64 *>(results) + first, to, n);
    case POOL_U64: return convert(call, static_cast<const u64 *>(results) + first, to, n);
    case WIDE: return convert(call, static_cast<const Wide *>(results) + first, to, n);
    }
    convert(call, as.whole, to, n);
}

void to_halves(const void *results, i64 first, i64 n, void *to) {
    auto from = static_cast<const f32 *>(results) + first;
    for (i64 i = 0; i < n; i++)
        static_cast<u16 *>(to)[i] = half_of(from[i]);
}

// NaN has one form, whichever operand's an addition has kept.
template <class T>
void one_nan(const void *results, i64 first, i64 n, void *to) {
    auto from = static_cast<const T *>(results) + first;
    for (i64 i = 0; i < n; i++)
        static_cast<T *>(to)[i] = from[i] == from[i] ? from[i] : T(__builtin_nan(""));
}

template <class T>
void scatter(const void *row, i64 first, i64 n, const Grid &grid, bool swap, char *out) {
    auto from = static_cast<const T *>(row);
    i64 column = first / grid.lanes, lane = first % grid.lanes;
    for (i64 i = 0; i < n; i++) {
        T x = from[i];
        if constexpr (sizeof(T) == 2)
            x = swap ? __builtin_bswap16(x) : x;
        else if constexpr (sizeof(T) == 4)
            x = swap ? __builtin_bswap32(x) : x;
        else if constexpr (sizeof(T) == 8)
            x = swap ? __builtin_bswap64(x) : x;
        __builtin_memcpy(out + column * grid.column_stride + lane * grid.lane_stride, &x, sizeof x);
        if (++lane == grid.lanes) {
            lane = 0;
            column++;
        }
    }
}

} // namespace

namespace {

bool is_own(const pool_call &call, int result) {
    return result == call.out_type ||
           (result == POOL_U8 && call.out_type == POOL_BOOL && call.in_type == POOL_BOOL);
}

// Whether results lie side by side in the output.
bool is_flat(const pool_call &call, const Grid &grid) {
    const i64 size = type_size(call.out_type);
    const bool swap = (call.options & POOL_SWAP_OUT) && size > 1;
    const bool runs = grid.lane_stride == size || grid.lanes == 1;
    u64 bits = reinterpret_cast<u64>(call.out) | u64(grid.column_stride);
    for (const pool_windows &w : call.spatial)
        bits |= w.out > 1 ? u64(w.out_stride) : 0;
    for (const pool_axis &axis : call.lead)
        bits |= axis.count > 1 ? u64(axis.out_stride) : 0;
    const bool aligned = (bits & u64(size - 1)) == 0;
    return runs && aligned && !swap && (grid.column_stride == grid.lanes * size || grid.columns == 1);
}

} // namespace

bool stores_directly(const pool_call &call, int result, const Grid &grid) {
    return is_own(call, result) && is_flat(call, grid);
}

void store_results(pool_call &call, int result, const void *results, const Grid &grid, char *out) {
    const i64 n = grid.columns * grid.lanes, size = type_size(call.out_type);
    const bool swap = (call.options & POOL_SWAP_OUT) && size > 1;
    const bool flat = is_flat(call, grid), own = is_own(call, result);
    alignas(64) char chunk[CHUNK * 8];
    for (i64 first = 0; first < n; first += CHUNK) {
        const i64 some = n - first < CHUNK ? n - first : CHUNK;
        char *to = flat ? out + first * size : chunk;
        if (own && result == POOL_F32)
            one_nan<f32>(results, first, some, to);
        else if (own && result == POOL_F64)
            one_nan<f64>(results, first, some, to);
        else if (own)
            __builtin_memcpy(to, static_cast<const char *>(results) + first * size, u64(some * size));
        else if (result == POOL_F32 && call.out_type == POOL_F16 && may_overflow(call))
            to_halves(results, first, some, to);
        else
            convert_chunk(call, result, results, first, some, to);
        if (flat)
            continue;
        switch (size) {
        case 1: scatter<u8>(to, first, some, grid, swap, out); break;
        case 2: scatter<u16>(to, first, some, grid, swap, out); break;
        case 4: scatter<u32>(to, first, some, grid, swap, out); break;
        case 8: scatter<u64>(to, first, some, grid, swap, out); break;
        }
    }
}

} // namespace POOL_NS
