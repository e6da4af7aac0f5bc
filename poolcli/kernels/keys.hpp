// Cells as unsigned integers in the same order: 32 bits of cells that have as many, else 64.
#pragma once

#include "kernel.hpp"

namespace POOL_NS {
namespace {

template <class T>
struct KeyOf {
    using type = u32;
};
template <> struct KeyOf<i64> { using type = u64; };
template <> struct KeyOf<u64> { using type = u64; };
template <> struct KeyOf<f64> { using type = u64; };
template <class T>
using Key = typename KeyOf<T>::type;

// Of NaN, after all others.
template <class K>
constexpr K NAN_KEY = K(~K(0));

template <class T>
inline Key<T> key_of(T x) {
    using K = Key<T>;
    constexpr int sign = 8 * sizeof(T) - 1;
    if constexpr (is_float<T>) {
        const T number = x + T(0); // -0.0 is 0.0
        K bits;
        __builtin_memcpy(&bits, &number, sizeof bits);
        if (x != x)
            return NAN_KEY<K>;
        return bits >> sign ? K(~bits) : K(bits | K(1) << sign);
    } else if constexpr (T(-1) < T(1)) {
        return K(K(i64(x)) + (K(1) << sign)); // from 0 on
    } else {
        return K(x);
    }
}

template <class T>
inline T cell_of(Key<T> key) {
    using K = Key<T>;
    constexpr int sign = 8 * sizeof(T) - 1;
    if constexpr (is_float<T>) {
        const K bits = key >> sign ? K(key ^ K(1) << sign) : K(~key);
        T x;
        __builtin_memcpy(&x, &bits, sizeof x);
        return key == NAN_KEY<K> ? T(__builtin_nan("")) : x;
    } else if constexpr (T(-1) < T(1)) {
        return T(K(key - (K(1) << sign)));
    } else {
        return T(key);
    }
}

// How many bits of a key can differ.
template <class T>
constexpr int key_bits = 8 * sizeof(T);

} // namespace
} // namespace POOL_NS
