// Every so many groups of bytes of a row.
#pragma once

#include "vec.hpp"

namespace POOL_NS {
namespace {

template <int RUN>
void pick_runs(char *to, const char *from, i64 count, i64 step) {
    for (i64 i = 0; i < count; i++)
        __builtin_memcpy(to + i * RUN, from + i * step * RUN, RUN);
}
template <class T>
void pick_each(char *to, const char *from, i64 count, i64 step) { // neither has to be aligned
    for (i64 i = 0; i < count; i++) {
        T x;
        __builtin_memcpy(&x, from + i * step * i64(sizeof x), sizeof x);
        __builtin_memcpy(to + i * i64(sizeof x), &x, sizeof x);
    }
}

// Each second one of the pixels of three bytes: three of them at a time, while all is within both.
inline void pick_pixels(char *to, const char *from, i64 count) {
    i64 i = 0;
    for (; i + 6 <= count; i += 3) {
        const Vec<u8, 16> v = read<16>(reinterpret_cast<const u8 *>(from + 6 * i));
        const Vec<u8, 16> w =
            __builtin_shufflevector(v, v, 0, 1, 2, 6, 7, 8, 12, 13, 14, 0, 0, 0, 0, 0, 0, 0);
        write<16>(reinterpret_cast<u8 *>(to + 3 * i), w);
    }
    pick_runs<3>(to + 3 * i, from + 6 * i, count - i, 2);
}

// Groups of run bytes, each step-th of them.
inline void pick_groups(char *to, const char *from, i64 run, i64 count, i64 step) {
    if (run == 3 && step == 2)
        return pick_pixels(to, from, count);
    switch (run) {
    case 1: return step == 2 ? pick_each<u8>(to, from, count, 2) : pick_each<u8>(to, from, count, step);
    case 2: return step == 2 ? pick_each<u16>(to, from, count, 2) : pick_each<u16>(to, from, count, step);
    case 4: return step == 2 ? pick_each<u32>(to, from, count, 2) : pick_each<u32>(to, from, count, step);
    case 8: return pick_each<u64>(to, from, count, step);
    case 3: return pick_runs<3>(to, from, count, step);
    case 12: return pick_runs<12>(to, from, count, step);
    default:
        for (i64 i = 0; i < count; i++)
            __builtin_memcpy(to + i * run, from + i * step * run, u64(run));
    }
}

} // namespace
} // namespace POOL_NS
