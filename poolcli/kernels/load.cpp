// Loading: cells of any type, byte order and strides become rows of one type side by side.
#include "convert.hpp"

namespace POOL_NS {
namespace {

template <class T>
inline T swapped(T x) {
    if constexpr (sizeof(T) == 2) {
        return T(__builtin_bswap16(u16(x)));
    } else if constexpr (sizeof(T) == 4) {
        u32 bits;
        __builtin_memcpy(&bits, &x, 4);
        bits = __builtin_bswap32(bits);
        __builtin_memcpy(&x, &bits, 4);
    } else if constexpr (sizeof(T) == 8) {
        u64 bits;
        __builtin_memcpy(&bits, &x, 8);
        bits = __builtin_bswap64(bits);
        __builtin_memcpy(&x, &bits, 8);
    }
    return x;
}

struct Half {
    u16 bits;
};
struct Bool {
    u8 byte;
};

// Exact, by steps that the compiler can do side by side: the same on every machine.
inline f32 half_to_float(u16 half) {
    const u32 sign = u32(half & 0x8000) << 16, rest = u32(half & 0x7fff) << 13;
    const u32 exponent = rest & 0x0f800000;
    const u32 normal = rest + 0x38000000 + (exponent == 0x0f800000 ? 0x38000000 : 0); // inf and NaN
    const u32 shifted = rest + 0x38800000, magic = 0x38800000; // zero and subnormal numbers
    f32 small, base;
    __builtin_memcpy(&small, &shifted, 4);
    __builtin_memcpy(&base, &magic, 4);
    small -= base;
    u32 subnormal;
    __builtin_memcpy(&subnormal, &small, 4);
    const u32 bits = (exponent == 0 ? subnormal : normal) | sign;
    f32 value;
    __builtin_memcpy(&value, &bits, 4);
    return value;
}

template <class To, bool Swap, class From>
inline To value_of(From x) {
    return To(Swap ? swapped(x) : x);
}
template <class To, bool Swap>
inline To value_of(Half x) {
    return To(half_to_float(Swap ? __builtin_bswap16(x.bits) : x.bits));
}
template <class To, bool Swap>
inline To value_of(Bool x) {
    return To(x.byte != 0);
}

template <class From>
inline From at(const char *p) {
    From x;
    __builtin_memcpy(&x, p, sizeof x);
    return x;
}

template <class From, class To, bool Swap>
void load(const char *in, const Grid &grid, void *cells) {
    auto to = static_cast<To *>(cells);
    i64 columns = grid.columns, lanes = grid.lanes, stride = grid.column_stride;
    if (grid.lane_stride == i64(sizeof(From)) && stride == lanes * i64(sizeof(From))) {
        lanes *= columns; // one run
        columns = 1;
    }
    if (lanes == 1) {
        if (stride == i64(sizeof(From)))
            for (i64 i = 0; i < columns; i++)
                to[i] = value_of<To, Swap>(at<From>(in + i * i64(sizeof(From))));
        else
            for (i64 i = 0; i < columns; i++)
                to[i] = value_of<To, Swap>(at<From>(in + i * stride));
        return;
    }
    for (i64 column = 0; column < columns; column++, in += stride, to += lanes) {
        if (grid.lane_stride == i64(sizeof(From)))
            for (i64 i = 0; i < lanes; i++)
                to[i] = value_of<To, Swap>(at<From>(in + i * i64(sizeof(From))));
        else
            for (i64 i = 0; i < lanes; i++)
                to[i] = value_of<To, Swap>(at<From>(in + i * grid.lane_stride));
    }
}

template <class From, bool Swap>
LoadCells find_from(int own, int cell) {
    constexpr bool real = is_float<From> || same<From, Half>;
    if constexpr (!same<From, Half> && !same<From, Bool>) {
        if (cell == own)
            return load<From, From, Swap>;
    } else if constexpr (same<From, Bool>) {
        if (cell == POOL_U8)
            return load<From, u8, false>;
    }
    if constexpr (real && !same<From, f64>) {
        if (cell == POOL_F32)
            return load<From, f32, Swap>;
    }
    if (cell == POOL_F64)
        return load<From, f64, Swap>;
    if constexpr (!real && !same<From, u64>) {
        if (cell == POOL_I64)
            return load<From, i64, Swap>;
    }
    if constexpr (same<From, Bool> || same<From, u8> || same<From, u16> || same<From, u32>) {
        if (cell == POOL_U32)
            return load<From, u32, Swap>;
    } else if constexpr (same<From, i8> || same<From, i16>) {
        if (cell == POOL_I32)
            return load<From, i32, Swap>;
    }
    return nullptr;
}

template <bool Swap>
LoadCells find_typed(int type, int cell) {
    switch (type) {
    case POOL_BOOL: return find_from<Bool, Swap>(type, cell);
    case POOL_I8: return find_from<i8, Swap>(type, cell);
    case POOL_U8: return find_from<u8, Swap>(type, cell);
    case POOL_I16: return find_from<i16, Swap>(type, cell);
    case POOL_U16: return find_from<u16, Swap>(type, cell);
    case POOL_I32: return find_from<i32, Swap>(type, cell);
    case POOL_U32: return find_from<u32, Swap>(type, cell);
    case POOL_I64: return find_from<i64, Swap>(type, cell);
    case POOL_U64: return find_from<u64, Swap>(type, cell);
    case POOL_F16: return find_from<Half, Swap>(type, cell);
    case POOL_F32: return find_from<f32, Swap>(type, cell);
    case POOL_F64: return find_from<f64, Swap>(type, cell);
    default: return nullptr;
    }
}

// Cells are compared with nodata as what they are loaded as here.
template <class From, class As, bool Swap>
void mark(const pool_call &call, const char *in, const Grid &grid, u8 *valid) {
    const bool nodata = call.options & POOL_NODATA, skip = call.options & POOL_SKIP_NAN;
    As lost;
    if constexpr (is_float<As>)
        lost = As(call.nodata_float);
    else
        lost = As(call.nodata_int);
    for (i64 column = 0; column < grid.columns; column++)
        for (i64 lane = 0; lane < grid.lanes; lane++) {
            const char *cell = in + column * grid.column_stride + lane * grid.lane_stride;
            const As x = value_of<As, Swap>(at<From>(cell));
            *valid++ = !((nodata && x == lost) || (skip && x != x));
        }
}

template <bool Swap>
void mark_typed(const pool_call &call, const char *in, const Grid &grid, u8 *valid) {
    switch (call.in_type) {
    case POOL_BOOL: return mark<Bool, i64, Swap>(call, in, grid, valid);
    case POOL_I8: return mark<i8, i64, Swap>(call, in, grid, valid);
    case POOL_U8: return mark<u8, i64, Swap>(call, in, grid, valid);
    case POOL_I16: return mark<i16, i64, Swap>(call, in, grid, valid);
    case POOL_U16: return mark<u16, i64, Swap>(call, in, grid, valid);
    case POOL_I32: return mark<i32, i64, Swap>(call, in, grid, valid);
    case POOL_U32: return mark<u32, i64, Swap>(call, in, grid, valid);
    case POOL_I64: return mark<i64, i64, Swap>(call, in, grid, valid);
    case POOL_U64: return mark<u64, u64, Swap>(call, in, grid, valid);
    case POOL_F16: return mark<Half, f64, Swap>(call, in, grid, valid);
    case POOL_F32: return mark<f32, f64, Swap>(call, in, grid, valid);
    case POOL_F64: return mark<f64, f64, Swap>(call, in, grid, valid);
    }
}

} // namespace

LoadCells find_load(int type, bool swap, int cell) {
    return swap ? find_typed<true>(type, cell) : find_typed<false>(type, cell);
}

void mark_valid(const pool_call &call, const char *in, const Grid &grid, u8 *valid) {
    return call.options & POOL_SWAP_IN ? mark_typed<true>(call, in, grid, valid)
                                       : mark_typed<false>(call, in, grid, valid);
}

int type_size(int type) {
    constexpr int sizes[] = {1, 1, 1, 2, 2, 4, 4, 8, 8, 2, 4, 8, sizeof(Wide)};
    return sizes[type];
}

} // namespace POOL_NS
