#include "order.hpp"

namespace POOL_NS {
namespace {

constexpr int DIGIT = 11; // bits
constexpr i64 BINS = 1 << DIGIT;

template <class K>
constexpr int digits_of = (8 * int(sizeof(K)) + DIGIT - 1) / DIGIT;

// By one digit after another from the lowest on; returns which of the two holds the keys at last.
template <class K>
int sort_keys(K *keys[2], u32 *cells[2], i64 n, u32 *counts) {
    constexpr int digits = digits_of<K>;
    __builtin_memset(counts, 0, u64(digits * BINS) * sizeof(u32));
    for (i64 i = 0; i < n; i++)
        for (int d = 0; d < digits; d++)
            counts[d * BINS + i64(keys[0][i] >> (d * DIGIT) & (BINS - 1))]++;
    int now = 0;
    for (int d = 0; d < digits; d++) {
        u32 *starts = counts + d * BINS, before = 0;
        if (n && starts[keys[now][0] >> (d * DIGIT) & (BINS - 1)] == u32(n))
            continue; // all have the same digit
        for (i64 bin = 0; bin < BINS; bin++) {
            const u32 some = starts[bin];
            starts[bin] = before;
            before += some;
        }
        for (i64 i = 0; i < n; i++) {
            const K key = keys[now][i];
            const u32 to = starts[key >> (d * DIGIT) & (BINS - 1)]++;
            keys[1 - now][to] = key;
            cells[1 - now][to] = cells[now][i];
        }
        now = 1 - now;
    }
    return now;
}

} // namespace

void prepare_order(Order &order, i64 most, bool wide, Arena &arena) {
    order.wide = wide;
    order.now = 0;
    order.n = 0;
    for (int i = 0; i < 2; i++) {
        order.keys[i] = arena.take(most * (wide ? 8 : 4));
        order.cells[i] = reinterpret_cast<u32 *>(arena.take(most * 4));
    }
    order.counts = reinterpret_cast<u32 *>(arena.take((wide ? digits_of<u64> : digits_of<u32>) * BINS * 4));
}

void sort_order(Order &order) {
    if (order.wide) {
        u64 *keys[2] = {reinterpret_cast<u64 *>(order.keys[0]), reinterpret_cast<u64 *>(order.keys[1])};
        order.now = sort_keys(keys, order.cells, order.n, order.counts);
    } else {
        u32 *keys[2] = {reinterpret_cast<u32 *>(order.keys[0]), reinterpret_cast<u32 *>(order.keys[1])};
        order.now = sort_keys(keys, order.cells, order.n, order.counts);
    }
}

} // namespace POOL_NS
