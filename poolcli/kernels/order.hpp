// Cells in order: each is numbered by its rank among all of a tile.
#pragma once

#include "rows.hpp"

namespace POOL_NS {

// Two sets of keys with the numbers of their cells, of which one holds them.
struct Order {
    bool wide; // keys of 64 bits, else of 32
    int now;
    int64_t n;
    char *keys[2];
    uint32_t *cells[2], *counts;
};

void prepare_order(Order &order, int64_t most, bool wide, Arena &arena);

// Put the n keys that are in set 0 in order; equal ones stay as they are.
void sort_order(Order &order);

namespace {

inline u64 key_at(const Order &order, i64 rank) {
    const char *keys = order.keys[order.now];
    return order.wide ? reinterpret_cast<const u64 *>(keys)[rank] : reinterpret_cast<const u32 *>(keys)[rank];
}

} // namespace
} // namespace POOL_NS
