// quantile, argquantile and mode of large windows: sets of ranks that slide through tiles.
#include "slides.hpp"

#include "cells.hpp"
#include "keys.hpp"
#include "sets.hpp"

namespace POOL_NS {
namespace {

// What a row of windows of a tile has come to.
struct Found {
    i64 count, real, nans;
    i64 low, high; // ranks
};

template <class T>
void quantile_row(pool_call &call, Quantile &quantile, const Order &order, const Found *found, i64 n,
                  char *results) {
    const QuantileResults<T> to = {call, quantile, results};
    for (i64 i = 0; i < n; i++) {
        const Found &f = found[i];
        if (is_short(call, f.count, f.real))
            write_fill(call, to.code(), results + i * type_size(to.code()));
        else if (f.nans)
            to.nan(i);
        else
            to.one(i, cell_of<T>(Key<T>(key_at(order, f.low))), cell_of<T>(Key<T>(key_at(order, f.high))),
                   quantile.at(f.count), true);
    }
}

template <class T>
void mode_row(const pool_call &call, const Order &order, const Found *found, i64 n, T *results) {
    for (i64 i = 0; i < n; i++)
        if (is_short(call, found[i].count, found[i].real))
            write_fill(call, type_code<T>, reinterpret_cast<char *>(results + i));
        else if (found[i].nans)
            results[i] = T(__builtin_nan(""));
        else
            results[i] = cell_of<T>(Key<T>(key_at(order, found[i].low)));
}

// What the three have in common.
class Sliding {
  public:
    explicit Sliding(pool_call &call) : call_(call) {}

    template <class Set, class Go>
    int run(Set &set, i64 *bytes, Go go) {
        Arena arena = {bytes ? nullptr : static_cast<char *>(call_.scratch), 0};
        tiles_.prepare(call_, ranked_cell(call_), arena);
        set.prepare(tiles_.most_cells(), arena);
        found_ = reinterpret_cast<Found *>(arena.take(tiles_.most_windows() * i64(sizeof(Found))));
        results_ = arena.take(tiles_.most_windows() * 8);
        return finish_setup(call_, tiles_.knows_type(), arena, bytes, [&] {
            for (tiles_.start(); tiles_.next();)
                go();
        });
    }

  protected:
    pool_call &call_;
    Tiles tiles_;
    Found *found_;
    char *results_;

    void store(int code, i64 d, i64 h) {
        Grid grid;
        char *out = tiles_.results(d, h, grid);
        store_results(call_, code, results_, grid, out);
    }
};

class LargeQuantile : Sliding {
  public:
    explicit LargeQuantile(pool_call &call) : Sliding(call), quantile_(call) {}
    int run(i64 *bytes) {
        return Sliding::run(set_, bytes, [&] { tile(); });
    }

  private:
    Quantile quantile_;
    RankSet set_;

    void tile() {
        set_.start(tiles_.order.n, tiles_.nans);
        slide_through(
            tiles_, set_,
            [&](i64 w, i64 real) {
                found_[w] = {set_.count, real, set_.nans, 0, 0};
                if (!set_.count)
                    return;
                const Position &at = quantile_.at(set_.count);
                found_[w].low = found_[w].high = set_.find(at.low);
                if (at.rest)
                    found_[w].high = set_.from(found_[w].low + 1);
            },
            [&](i64 d, i64 h) { row(d, h); });
    }

    void row(i64 d, i64 h) {
        for_type(ranked_cell(call_), [&](auto zero) {
            using T = decltype(zero);
            quantile_row<T>(call_, quantile_, tiles_.order, found_, tiles_.windows[2], results_);
            store(QuantileResults<T>{call_, quantile_, results_}.code(), d, h);
            return 0;
        });
    }
};

class LargePlaces : Sliding {
  public:
    explicit LargePlaces(pool_call &call) : Sliding(call), quantile_(call) {}
    int run(i64 *bytes) {
        return Sliding::run(set_, bytes, [&] { tile(); });
    }

  private:
    Quantile quantile_;
    RankSet set_;

    void tile() {
        auto places = reinterpret_cast<i64 *>(results_);
        set_.start(tiles_.order.n, tiles_.nans);
        slide_through(
            tiles_, set_,
            [&](i64 w, i64 real) {
                if (is_short(call_, set_.count, real))
                    return write_fill(call_, POOL_I64, results_ + w * 8);
                const i64 middle = set_.nans ? tiles_.nans : set_.find(quantile_.at(set_.count).low);
                // Equal cells have ranks in the order of their places.
                const i64 rank = set_.from(set_.nans ? middle : first_equal(middle));
                places[w] = tiles_.place(tiles_.order.cells[tiles_.order.now][rank]);
            },
            [&](i64 d, i64 h) { store(POOL_I64, d, h); });
    }

    i64 first_equal(i64 rank) const {
        const u64 key = key_at(tiles_.order, rank);
        i64 low = 0, high = rank;
        while (low < high) {
            const i64 middle = (low + high) / 2;
            if (key_at(tiles_.order, middle) < key)
                low = middle + 1;
            else
                high = middle;
        }
        return low;
    }
};

class LargeMode : Sliding {
  public:
    explicit LargeMode(pool_call &call) : Sliding(call) {}
    int run(i64 *bytes) {
        return Sliding::run(set_, bytes, [&] { tile(); });
    }

  private:
    CountSet set_;
    u32 *first_ranks_;

    void tile() {
        number_values();
        slide_through(
            tiles_, set_,
            [&](i64 w, i64 real) {
                found_[w] = {set_.count, real, set_.nans, 0, 0};
                if (set_.count)
                    found_[w].low = first_ranks_[set_.most_frequent()];
            },
            [&](i64 d, i64 h) { row(d, h); });
    }

    // Cells get the number of their value in place of their rank.
    void number_values() {
        const Order &order = tiles_.order;
        const u32 *cells = order.cells[order.now];
        first_ranks_ = order.cells[1 - order.now]; // which nobody needs any more
        i64 values = 0, first_nan = -1;
        for (i64 rank = 0; rank < order.n; rank++) {
            if (!rank || key_at(order, rank) != key_at(order, rank - 1))
                first_ranks_[values++] = u32(rank);
            if (rank >= tiles_.nans && first_nan < 0)
                first_nan = values - 1;
            tiles_.ranks[cells[rank]] = u32(values - 1);
        }
        set_.start(values, first_nan < 0 ? values : first_nan);
    }

    void row(i64 d, i64 h) {
        for_type(ranked_cell(call_), [&](auto zero) {
            using T = decltype(zero);
            mode_row(call_, tiles_.order, found_, tiles_.windows[2], reinterpret_cast<T *>(results_));
            store(type_code<T>, d, h);
            return 0;
        });
    }
};

} // namespace

int slide_quantile(pool_call &call, i64 *bytes) { return LargeQuantile(call).run(bytes); }
int slide_argquantile(pool_call &call, i64 *bytes) { return LargePlaces(call).run(bytes); }
int slide_mode(pool_call &call, i64 *bytes) { return LargeMode(call).run(bytes); }

} // namespace POOL_NS
