// mode; of small windows the longest run of equal cells after networks have sorted gathered ones.
#include "cells.hpp"
#include "histograms.hpp"
#include "network.hpp"
#include "passes.hpp"
#include "slides.hpp"
#include "tiles.hpp"

namespace POOL_NS {
namespace {

template <int BYTES>
struct CounterOf;
template <> struct CounterOf<1> { using type = u8; };
template <> struct CounterOf<2> { using type = u16; };
template <> struct CounterOf<4> { using type = u32; };
template <> struct CounterOf<8> { using type = u64; };
template <int BYTES>
using Counter = typename CounterOf<BYTES>::type;

template <class T>
class SmallMode {
  public:
    explicit SmallMode(pool_call &call) : call_(call), all_(most_real_cells(call)) {}

    int run(i64 *bytes) {
        Arena arena = {bytes ? nullptr : static_cast<char *>(call_.scratch), 0};
        gather_.prepare(call_, type_code<T>, gathered_windows(call_, sizeof(T)), arena);
        const i64 most = gather_.most_windows() + 64;
        counts_ = reinterpret_cast<i64 *>(arena.take(most * 8));
        few_ = reinterpret_cast<Count *>(arena.take(most * i64(sizeof(Count))));
        nan_ = reinterpret_cast<u8 *>(arena.take(most));
        lows_ = reinterpret_cast<u32 *>(arena.take(most * 4));
        seen_ = reinterpret_cast<u32 *>(arena.take(most * 4));
        results_ = reinterpret_cast<T *>(arena.take(most * i64(sizeof(T))));
        network_ = reinterpret_cast<Network *>(arena.take(sizeof(Network)));
        return finish_setup(call_, gather_.knows_type(), arena, bytes, [&] {
            build_network(*network_, int(all_), 0, int(all_) - 1);
            __builtin_memset(lows_, 0, u64(most) * 4); // what is filled up comes last
            for (gather_.start(); gather_.next();)
                group(gather_.group());
        });
    }

  private:
    using Count = Counter<sizeof(T)>; // of cells after the first
    pool_call &call_;
    const i64 all_; // cells
    Gather gather_;
    Network *network_;
    i64 *counts_;
    Count *few_;
    u32 *lows_, *seen_;
    u8 *nan_;
    T *results_;

    void group(const Gathered &g) {
        const bool nans = find_nans<T>(g, nan_);
        count_valid(g, counts_);
        if (g.valid || g.cells < all_)
            fill_up<T>(g, all_, lows_, seen_);
        run_network(*network_, reinterpret_cast<T *>(g.values), g.pitch);
        for (i64 i = 0; i < g.n; i++)
            few_[i] = Count(counts_[i] - 1);
        longest_runs(g, network_->order);
        for (i64 i = 0; nans && i < g.n; i++)
            if (nan_[i])
                results_[i] = T(__builtin_nan(""));
        fill_short(call_, type_code<T>, results_, g, counts_);
        store_results(call_, type_code<T>, results_, g.grid, g.out);
    }

    // The first of the longest runs is that of the smallest value.
    void longest_runs(const Gathered &g, const u8 *order) {
        constexpr int N = VECTOR_BYTES / sizeof(T);
        auto x = reinterpret_cast<const T *>(g.values);
        for (i64 i = 0; i < g.pitch; i += N) {
            const Vec<Count, N> final = read<N>(few_ + i); // rank that counts
            Vec<T, N> last = read<N>(x + order[0] * g.pitch + i), value = last;
            Vec<Count, N> run = {}, longest = {};
            for (int rank = 1; rank < g.cells; rank++) {
                const Vec<T, N> now = read<N>(x + order[rank] * g.pitch + i);
                run = now == last ? run + Count(1) : Vec<Count, N>{};
                const auto better = (run > longest) & (final >= Count(rank));
                longest = better ? run : longest;
                value = better ? now : value;
                last = now;
            }
            write<N>(results_ + i, value + T(0)); // -0.0 becomes 0.0
        }
    }
};

} // namespace

int run_mode(pool_call &call, i64 *bytes) {
    if (should_count(call) && counting_state(call) >= 0)
        return count_mode(call, bytes);
    if (call.options & (POOL_CONTINUES | POOL_UNFINISHED) || most_real_cells(call) >= i64(MISSING))
        return POOL_UNKNOWN;
    if (should_use_histograms(call))
        return histogram_mode(call, bytes);
    if (!should_exchange(call, type_size(ranked_cell(call))))
        return slide_mode(call, bytes);
    return for_type(ranked_cell(call), [&](auto zero) {
        using T = decltype(zero);
        return SmallMode<T>(call).run(bytes);
    });
}

} // namespace POOL_NS
