// Tiles of a kernel's states: memory for them, and where cells of them are.
#pragma once

#include "rows.hpp"

namespace POOL_NS {
namespace {

inline Tile shifted(const Kernel &kernel, const Tile &tile, i64 cells) {
    Tile to = tile;
    for (int part = 0; part < kernel.parts; part++)
        to.part[part] += cells * kernel.part_size[part];
    return to;
}

inline Tile take_tile(const Kernel &kernel, Arena &arena, i64 cells) {
    Tile tile = {};
    for (int part = 0; part < kernel.parts; part++)
        tile.part[part] = arena.take(cells * kernel.part_size[part]);
    return tile;
}

inline i64 state_bytes(const Kernel &kernel) {
    i64 bytes = 0;
    for (int part = 0; part < kernel.parts; part++)
        bytes += kernel.part_size[part];
    return bytes;
}

inline void copy_states(const Kernel &kernel, const Tile &out, const Tile &in, i64 n) {
    for (int part = 0; part < kernel.parts; part++)
        __builtin_memcpy(out.part[part], in.part[part], u64(n * kernel.part_size[part]));
}

} // namespace
} // namespace POOL_NS
