// Sets of the numbers of a tile's cells, and how they follow a window.
#pragma once

#include "tiles.hpp"

namespace POOL_NS {
namespace {

inline int ones(u64 word) {
#if defined(__POPCNT__)
    return __builtin_popcountll(word);
#else // where it would be a library call
    word -= word >> 1 & 0x5555555555555555;
    word = (word & 0x3333333333333333) + (word >> 2 & 0x3333333333333333);
    return int(((word + (word >> 4)) & 0x0f0f0f0f0f0f0f0f) * 0x0101010101010101 >> 56);
#endif
}
inline int lowest_one(u64 word) { return __builtin_ctzll(word); }

// A set of ranks, one bit each. It knows how many are below a place, which follows the last rank
// that was asked for: that of the next window is near (Suomela 2014).
class RankSet {
  public:
    i64 count, nans;

    void prepare(i64 most, Arena &arena) {
        words_ = reinterpret_cast<u64 *>(arena.take((most / 64 + 2) * 8));
    }
    void start(i64 ranks, i64 first_nan) { // an empty set
        __builtin_memset(words_, 0, u64(ranks / 64 + 1) * 8);
        count = nans = at_ = below_ = 0;
        first_nan_ = first_nan;
    }
    void add(const u32 *ranks, i64 n) { change<1>(ranks, n); }
    void remove(const u32 *ranks, i64 n) { change<-1>(ranks, n); }

    // The k-th smallest; k < count.
    i64 find(i64 k) {
        while (below_ > k)
            below_ -= ones(words_[--at_]);
        for (i64 some; below_ + (some = ones(words_[at_])) <= k; at_++)
            below_ += some;
        u64 word = words_[at_];
        for (i64 skip = k - below_; skip; skip--)
            word &= word - 1;
        return at_ * 64 + lowest_one(word);
    }
    // The first from a rank on; there has to be one.
    i64 from(i64 rank) const {
        i64 at = rank / 64;
        u64 word = words_[at] & ~u64(0) << rank % 64;
        while (!word)
            word = words_[++at];
        return at * 64 + lowest_one(word);
    }

  private:
    u64 *words_;
    i64 at_, below_, first_nan_;

    template <int BY>
    void change(const u32 *ranks, i64 n) {
        u64 *words = words_;
        const u32 edge = u32(at_ * 64), first_nan = u32(first_nan_);
        u32 valid = 0, below = 0, lost = 0;
        for (i64 i = 0; i < n; i++) {
            const u32 rank = ranks[i];
            if (rank == MISSING)
                continue;
            words[rank / 64] ^= u64(1) << rank % 64;
            valid++;
            below += rank < edge;
            lost += rank >= first_nan;
        }
        count += BY * i64(valid);
        below_ += BY * i64(below);
        nans += BY * i64(lost);
    }
};

// How often each value occurs. Values are numbered; the largest counts of 64 neighbours are kept.
class CountSet {
  public:
    i64 count, nans;

    void prepare(i64 most, Arena &arena) {
        const i64 blocks = most / 64 + 2;
        counts_ = reinterpret_cast<u32 *>(arena.take(blocks * 64 * 4));
        largest_ = reinterpret_cast<u32 *>(arena.take(blocks * 4));
        stale_ = reinterpret_cast<u8 *>(arena.take(blocks));
    }
    void start(i64 values, i64 first_nan) {
        blocks_ = values / 64 + 1;
        __builtin_memset(counts_, 0, u64(blocks_ * 64 * 4));
        __builtin_memset(largest_, 0, u64(blocks_ * 4));
        __builtin_memset(stale_, 0, u64(blocks_));
        count = nans = 0;
        first_nan_ = first_nan;
    }
    void add(const u32 *values, i64 n) {
        u32 *counts = counts_, *largest = largest_;
        i64 valid = 0, lost = 0;
        for (i64 i = 0; i < n; i++) {
            const u32 value = values[i];
            if (value == MISSING)
                continue;
            const u32 now = ++counts[value], most = largest[value / 64];
            largest[value / 64] = now > most ? now : most;
            valid++;
            lost += value >= first_nan_;
        }
        count += valid;
        nans += lost;
    }
    void remove(const u32 *values, i64 n) {
        u32 *counts = counts_;
        const u32 *largest = largest_;
        i64 valid = 0, lost = 0;
        for (i64 i = 0; i < n; i++) {
            const u32 value = values[i];
            if (value == MISSING)
                continue;
            stale_[value / 64] |= counts[value]-- == largest[value / 64];
            valid++;
            lost += value >= first_nan_;
        }
        count -= valid;
        nans -= lost;
    }

    // The first of the most frequent values.
    i64 most_frequent() {
        i64 best = 0;
        for (i64 block = 0; block < blocks_; block++) {
            if (stale_[block])
                renew(block);
            best = largest_[block] > largest_[best] ? block : best;
        }
        i64 value = best * 64;
        while (counts_[value] != largest_[best])
            value++;
        return value;
    }

  private:
    u32 *counts_, *largest_;
    u8 *stale_;
    i64 blocks_, first_nan_;

    void renew(i64 block) {
        constexpr int N = VECTOR_BYTES / 4;
        Vec<u32, N> most = {};
        for (int i = 0; i < 64; i += N) {
            const Vec<u32, N> some = read<N>(counts_ + block * 64 + i);
            most = some > most ? some : most;
        }
        u32 largest = 0;
        for (int i = 0; i < N; i++)
            largest = most[i] > largest ? most[i] : largest;
        largest_[block] = largest;
        stale_[block] = 0;
    }
};

// A set that follows a window through a tile.
template <class Set>
class Slide {
  public:
    Slide(const Tiles &tiles, Set &set) : tiles_(tiles), set_(set), empty_(true) {}

    void go(const Box &to) {
        if (empty_ || 2 * overlap(now_, to) < volume(to)) {
            if (!empty_)
                remove(now_);
            add(to);
        } else {
            for (int a = 0; a < 3; a++)
                shift(a, to.low[a], to.high[a]);
        }
        now_ = to;
        empty_ = false;
    }
    static i64 volume(const Box &box) { return overlap(box, box); }

  private:
    const Tiles &tiles_;
    Set &set_;
    Box now_;
    bool empty_;

    static i64 overlap(const Box &a, const Box &b) {
        i64 cells = 1;
        for (int i = 0; i < 3; i++)
            cells *= most_of(0, least_of(a.high[i], b.high[i]) - most_of(a.low[i], b.low[i]));
        return cells;
    }

    // Move along one axis to a range that overlaps with what is covered now.
    void shift(int axis, i64 low, i64 high) {
        if (low == now_.low[axis] && high == now_.high[axis])
            return;
        Box part = now_;
        const auto between = [&](i64 from, i64 to) -> const Box & {
            part.low[axis] = from;
            part.high[axis] = to;
            return part;
        };
        remove(between(now_.low[axis], low));
        remove(between(high, now_.high[axis]));
        add(between(low, now_.low[axis]));
        add(between(now_.high[axis], high));
        now_.low[axis] = low;
        now_.high[axis] = high;
    }

    void add(const Box &box) {
        each_run(box, [&](const u32 *run, i64 n) { set_.add(run, n); });
    }
    void remove(const Box &box) {
        each_run(box, [&](const u32 *run, i64 n) { set_.remove(run, n); });
    }
    template <class F>
    void each_run(const Box &box, F f) const {
        const i64 n = box.high[1] - box.low[1];
        for (i64 w = box.low[2]; w < box.high[2] && n > 0; w++)
            for (i64 d = box.low[0]; d < box.high[0]; d++)
                f(tiles_.ranks + (w * tiles_.size[0] + d) * tiles_.size[1] + box.low[1], n);
    }
};

// f(set, window, box) for all windows of a tile, row after row to and fro; after each row row(d, h).
template <class Set, class Each, class Row>
void slide_through(const Tiles &tiles, Set &set, Each f, Row row) {
    Slide<Set> slide(tiles, set);
    bool back = false;
    for (i64 d = 0; d < tiles.windows[0]; d++)
        for (i64 h = 0; h < tiles.windows[1]; h++, back = !back) {
            for (i64 i = 0; i < tiles.windows[2]; i++) {
                const i64 w = back ? tiles.windows[2] - 1 - i : i;
                const Box box = tiles.box(d, h, w);
                slide.go(box);
                f(w, Slide<Set>::volume(box));
            }
            row(d, h);
        }
}

} // namespace
} // namespace POOL_NS
