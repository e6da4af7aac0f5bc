// quantile and argquantile; of small windows by networks that sort gathered cells.
#include "cells.hpp"
#include "histograms.hpp"
#include "medians.hpp"
#include "network.hpp"
#include "passes.hpp"
#include "slides.hpp"

namespace POOL_NS {
namespace {

// A quantile of gathered windows. The network is that for windows of all cells; where a window has
// fewer it is filled up with the lowest and the highest value, so that its rank becomes the other's.
template <class T>
class Exchanged {
  public:
    explicit Exchanged(pool_call &call) : call_(call), quantile_(call), all_(most_real_cells(call)) {}

  protected:
    pool_call &call_;
    Quantile quantile_;
    const i64 all_; // cells
    Gather gather_;
    Network *network_;
    i64 *counts_;
    u32 *lows_, *seen_;
    u8 *nan_;
    char *results_;

    // copies: of each cell, with the cell.
    void prepare(int copies, Arena &arena) {
        gather_.prepare(call_, type_code<T>, gathered_windows(call_, copies * i64(sizeof(T))), arena);
        const i64 most = most_lanes();
        counts_ = reinterpret_cast<i64 *>(arena.take(most * 8));
        lows_ = reinterpret_cast<u32 *>(arena.take(most * 4));
        seen_ = reinterpret_cast<u32 *>(arena.take(most * 4));
        nan_ = reinterpret_cast<u8 *>(arena.take(most));
        results_ = arena.take(most * 8);
        network_ = reinterpret_cast<Network *>(arena.take(sizeof(Network)));
    }
    i64 most_lanes() const { return gather_.most_windows() + 64; }

    void build() {
        const i64 low = quantile_.at(all_).low;
        const i64 high = quantile_.picks() ? low : least_of(low + 1, all_ - 1);
        build_network(*network_, int(all_), int(low), int(high));
    }

    void fill(const Gathered &g) {
        count_valid(g, counts_);
        if (!g.valid && g.cells == all_)
            return;
        const i64 low = quantile_.at(all_).low;
        for (i64 i = 0; i < g.n; i++)
            lows_[i] = u32(low - quantile_.at(counts_[i]).low);
        fill_up<T>(g, all_, lows_, seen_);
    }
    // Where a cell of all windows is after the network.
    i64 lower(const Gathered &g) const { return network_->order[network_->low] * g.pitch; }
    i64 upper(const Gathered &g) const { return network_->order[network_->high] * g.pitch; }
};

template <class T>
class SmallQuantile : Exchanged<T> {
  public:
    using Exchanged<T>::Exchanged;

    int run(i64 *bytes) {
        Arena arena = {bytes ? nullptr : static_cast<char *>(this->call_.scratch), 0};
        this->prepare(1, arena);
        return finish_setup(this->call_, this->gather_.knows_type(), arena, bytes, [&] {
            this->build();
            for (this->gather_.start(); this->gather_.next();)
                group(this->gather_.group());
        });
    }

  private:
    void group(const Gathered &g) {
        pool_call &call = this->call_;
        Quantile &quantile = this->quantile_;
        const i64 *counts = this->counts_;
        auto x = reinterpret_cast<T *>(g.values);
        const bool nans = find_nans<T>(g, this->nan_);
        this->fill(g);
        run_network(*this->network_, x, g.pitch);
        const QuantileResults<T> to = {call, quantile, this->results_};
        const T *low = x + this->lower(g), *high = x + this->upper(g);
        if (!g.valid || quantile.picks())
            to.rows(low, high, quantile.at(g.cells), g.n);
        else
            for (i64 i = 0; i < g.n; i++)
                to.one(i, low[i], high[i], quantile.at(counts[i]), !is_short(call, counts[i], g.cells));
        for (i64 i = 0; nans && i < g.n; i++)
            if (this->nan_[i])
                to.nan(i);
        fill_short(call, to.code(), this->results_, g, counts);
        store_results(call, to.code(), this->results_, g.grid, g.out);
    }
};

// The first cell that has the value of the lower rank, or that is NaN.
template <class T>
class SmallPlaces : Exchanged<T> {
  public:
    using Exchanged<T>::Exchanged;

    int run(i64 *bytes) {
        Arena arena = {bytes ? nullptr : static_cast<char *>(this->call_.scratch), 0};
        this->prepare(2, arena);
        const i64 most = this->most_lanes();
        copy_ = reinterpret_cast<T *>(arena.take(this->all_ * most * i64(sizeof(T))));
        window_places_ = reinterpret_cast<i64 *>(arena.take(most * 8));
        cell_places_ = reinterpret_cast<i64 *>(arena.take(this->all_ * 8));
        return finish_setup(this->call_, this->gather_.knows_type(), arena, bytes, [&] {
            this->build();
            for (this->gather_.start(); this->gather_.next();)
                group(this->gather_.group());
        });
    }

  private:
    T *copy_;
    i64 *window_places_, *cell_places_;

    void group(const Gathered &g) {
        auto results = reinterpret_cast<i64 *>(this->results_);
        auto x = reinterpret_cast<T *>(g.values);
        const bool nans = find_nans<T>(g, this->nan_);
        __builtin_memcpy(copy_, x, u64(g.cells * g.pitch) * sizeof(T));
        this->fill(g);
        run_network(*this->network_, x, g.pitch);
        this->gather_.cell_places(cell_places_);
        this->gather_.window_places(window_places_);
        const T *middle = x + this->lower(g);
        for (i64 i = 0; i < g.n; i++) {
            const bool nan = nans && this->nan_[i];
            i64 k = 0;
            while (k + 1 < g.cells && !is_it(g, k * g.pitch + i, middle[i], nan))
                k++;
            results[i] = cell_places_[k] + window_places_[i];
        }
        fill_short(this->call_, POOL_I64, results, g, this->counts_);
        store_results(this->call_, POOL_I64, results, g.grid, g.out);
    }

    bool is_it(const Gathered &g, i64 at, T middle, bool nan) const {
        const T x = copy_[at];
        return (!g.valid || g.valid[at]) && (nan ? x != x : x == middle);
    }
};

} // namespace

namespace {

int exchange_quantile(pool_call &call, i64 *bytes) {
    return for_type(ranked_cell(call), [&](auto zero) {
        using T = decltype(zero);
        return SmallQuantile<T>(call).run(bytes);
    });
}

} // namespace

int run_quantile(pool_call &call, i64 *bytes) {
    if (should_count(call))
        return count_quantile(call, bytes);
    if (should_use_histograms(call))
        return histogram_quantile(call, bytes);
    if (!should_exchange(call, type_size(ranked_cell(call))))
        return slide_quantile(call, bytes);
    if (has_small_medians(call))
        return small_medians(call, bytes, exchange_quantile);
    return exchange_quantile(call, bytes);
}

int run_argquantile(pool_call &call, i64 *bytes) {
    if (should_count(call))
        return count_argquantile(call, bytes);
    if (!should_exchange(call, type_size(ranked_cell(call))))
        return slide_argquantile(call, bytes);
    return for_type(ranked_cell(call), [&](auto zero) {
        using T = decltype(zero);
        return SmallPlaces<T>(call).run(bytes);
    });
}

} // namespace POOL_NS
