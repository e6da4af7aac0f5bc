// Variance and standard deviation: about as near to the exact result as a mean is.
//
// Windows are merged as (count, mean, squared deviations), which does not cancel as a difference of
// sums does: Chan, Golub & LeVeque 1979, "Updating formulae and a pairwise algorithm". Narrow
// integers are summed exactly instead.
#include "math.hpp"
#include "ops.hpp"

namespace POOL_NS {
namespace {

constexpr f64 SCALE = 0x1p-530; // of cells whose squares float64 does not hold
constexpr f64 MOST_SQUARES = 0x1p30; // so many of 16-bit numbers are within 64 bits, and twice that

// Squared deviations over n - ddof, or its root; NaN where nothing is left to divide by.
template <int N>
inline Vec<f64, N> spread_of(const Finish &how, Vec<f64, N> squares, Vec<f64, N> n) {
    const i64 most = i64(1) << 60; // more than any window has
    const Vec<f64, N> rest = n - f64(least_of(how.call->q[0], most));
    const Vec<f64, N> variance = rest > 0 ? squares / rest : all<f64, N>(__builtin_nan(""));
    return how.call->op == POOL_STD ? square_root<N>(variance) : variance;
}

// 0, but NaN for an infinity.
template <int N>
inline Vec<f64, N> no_deviation(Vec<f64, N> x) {
    return magnitude<N>(x) * 0.0;
}

// Of float32 cells: (n, mean, squares) in float64, which has digits to spare.
struct Spread32 {
    static constexpr bool small = true;
    using Cell = f32;
    using Result = f32;
    template <int N>
    using State = Acc<N, f64, f64, f64>;
    template <int N>
    static State<N> identity() {
        return {Vec<f64, N>{}, {Vec<f64, N>{}, {Vec<f64, N>{}, {}}}};
    }
    template <int N>
    static State<N> load(Vec<f32, N> cell) {
        const Vec<f64, N> x = to<f64, N>(cell);
        return {all<f64, N>(1.0), {x, {no_deviation<N>(x), {}}}};
    }
    template <int N>
    static State<N> merge(State<N> a, State<N> b) {
        const Vec<f64, N> n = a.v + b.v, share = n > 0 ? b.v / n : n;
        const Vec<f64, N> step = b.rest.v - a.rest.v, mean = a.rest.v + step * share;
        const Vec<f64, N> between = step * (a.v * share) * step;
        return {n, {mean, {(a.rest.rest.v + b.rest.rest.v) + between, {}}}};
    }
    template <int N>
    static Vec<f32, N> result(const Finish &how, State<N> s) {
        return to<f32, N>(spread_of<N>(how, s.rest.rest.v, s.v));
    }
};

// Of other cells with mean and squares as high + low, so that a mean that is large beside the
// deviations takes none of their digits: (n, mean, mean low, squares, squares low).
template <class T, bool Scaled>
struct PairedSpread {
    using Cell = T;
    using Result = f64;
    template <int N>
    using State = Acc<N, f64, f64, f64, f64, f64>;
    template <int N>
    static State<N> state(Vec<f64, N> n, Two<N> mean, Two<N> squares) {
        return {n, {mean.high, {mean.low, {squares.high, {squares.low, {}}}}}};
    }
    template <int N>
    static State<N> identity() {
        const Vec<f64, N> none = {};
        return state<N>(none, {none, none}, {none, none});
    }
    template <int N>
    static State<N> load(Vec<T, N> x) {
        Two<N> mean = {to<f64, N>(x), Vec<f64, N>{}};
        if constexpr (!is_float<T>) // of up to 64 bits: two halves, as floats exact, and their sum
            mean = two_sum<N>(to<f64, N>(x >> 32) * 0x1p32, to<f64, N>(x & 0xffffffff));
        if constexpr (Scaled)
            mean.high = mean.high * SCALE;
        return state<N>(all<f64, N>(1.0), mean, {no_deviation<N>(mean.high), Vec<f64, N>{}});
    }
    template <int N>
    static State<N> merge(State<N> a, State<N> b) {
        const auto &mean_a = a.rest, &mean_b = b.rest;
        const auto &squares_a = a.rest.rest.rest, &squares_b = b.rest.rest.rest;
        const Vec<f64, N> n = a.v + b.v, share = n > 0 ? b.v / n : n;
        Two<N> step = two_sum<N>(mean_b.v, -mean_a.v);
        step.low += mean_b.rest.v - mean_a.rest.v;
        // From a to the common mean; all of it where a is empty.
        Two<N> mean = two_sum<N>(mean_a.v, step.high * share);
        mean.low += mean_a.rest.v + step.low * share;
        // Means that are almost equal leave a high part that is no larger than the low one.
        step = two_sum<N>(step.high, step.low);
        const Two<N> between = weighed_square<N>(step, a.v * b.v, n > 0 ? n : all<f64, N>(1.0));
        const Two<N> apart = two_sum<N>(squares_a.v, squares_b.v);
        Two<N> squares = two_sum<N>(apart.high, between.high);
        squares.low += apart.low + between.low + (squares_a.rest.v + squares_b.rest.v);
        return state<N>(n, mean, squares);
    }
    // step² counts / n, to nearly twice the digits of a float. A step that overflows when squared
    // makes NaN, which is left to the rescue.
    template <int N>
    static Two<N> weighed_square(Two<N> step, Vec<f64, N> counts, Vec<f64, N> n) {
        Two<N> square = two_product<N>(step.high, step.high);
        square.low += 2 * step.high * step.low;
        const Vec<f64, N> weight = counts / n;
        const Two<N> back = two_product<N>(weight, n);
        const Vec<f64, N> weight_low = ((counts - back.high) - back.low) / n;
        Two<N> product = two_product<N>(square.high, weight);
        product.low += square.high * weight_low + square.low * weight;
        return product;
    }
    template <int N>
    static Vec<f64, N> result(const Finish &how, State<N> s) {
        const auto &squares = s.rest.rest.rest;
        const Vec<f64, N> spread = spread_of<N>(how, squares.v + squares.rest.v, s.v);
        if constexpr (!Scaled)
            return spread;
        return spread / (how.call->op == POOL_STD ? SCALE : SCALE * SCALE);
    }
};
struct Spread64 : PairedSpread<f64, false> {
    using Rescue = PairedSpread<f64, true>;
};

// Of integers of up to 16 bits: (Σx, Σx²), exactly.
struct WholeSpread {
    static constexpr bool finishes_rows = true;
    using Cell = i64;
    using Result = f64;
    template <int N>
    using State = Acc<N, i64, i64>;
    template <int N>
    static State<N> identity() {
        return {Vec<i64, N>{}, {Vec<i64, N>{}, {}}};
    }
    template <int N>
    static State<N> load(Vec<i64, N> x) {
        return {x, {x * x, {}}};
    }
    template <int N>
    static State<N> merge(State<N> a, State<N> b) {
        return {a.v + b.v, {a.rest.v + b.rest.v, {}}};
    }
    // From the whole number m next to the mean, Σ(x - m)² = Σx² - m (Σx + r) with r = Σx - n m is
    // exact, and r² / n more than what it is from the mean.
    static void finish(const Finish &how, const Tile &tile, i64 n, f64 *results) {
        auto sums = reinterpret_cast<const i64 *>(tile.part[0]);
        auto squares = reinterpret_cast<const i64 *>(tile.part[1]);
        for (i64 i = 0; i < n; i++) {
            const f64 count = how.norms ? how.norms[i] : how.norm, some = count > 1 ? count : 1;
            const i64 near = i64((f64(sums[i]) / some + TO_WHOLE) - TO_WHOLE);
            const i64 rest = sums[i] - i64(some) * near;
            f64 around = f64(squares[i] - near * (sums[i] + rest));
            around -= f64(rest) * f64(rest) / some;
            results[i] = spread_of<1>(how, all<f64, 1>(around), all<f64, 1>(count))[0];
        }
    }
};

} // namespace

const Kernel *spread_kernel(const pool_call &call) {
    if (call.in_type == POOL_I64)
        return either<PairedSpread<i64, false>>(call);
    if (call.in_type == POOL_U64)
        return either<PairedSpread<u64, false>>(call);
    f64 most = 1;
    for (const pool_windows &w : call.spatial)
        most *= f64(least_of(w.size, w.n));
    if (call.in_type <= POOL_U16 && most <= MOST_SQUARES)
        return either<WholeSpread>(call);
    return real_cell(call) == POOL_F32 ? either<Spread32>(call) : either<Spread64>(call);
}

int run_spread(pool_call &call, i64 *bytes) {
    return walk_fold(call, *spread_kernel(call), bytes);
}

} // namespace POOL_NS
