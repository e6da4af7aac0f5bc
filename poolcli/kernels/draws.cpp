// Stochastic pooling, sample: a cell drawn with probability a / Σa (Zeiler & Fergus 2013).
//
// A draw follows from the seed and the number of the window alone: it is the first cell at which the
// running sum, in the order of the cells, passes u Σa, with u in [0, 1) from a keyed generator.
#include "gather.hpp"
#include "math.hpp"
#include "ops.hpp"

namespace POOL_NS {
namespace {

enum Negatives { REFUSE, RELU, SHIFT }; // q[1]

// Above this, sums of weights might not be finite.
constexpr f64 HUGE = 0x1p900, SMALLER = 0x1p-100;

// SplitMix64 (Steele, Lea & Flood 2014), applied to a counter.
constexpr u64 GOLDEN = 0x9E3779B97F4A7C15;
template <class Bits>
inline Bits mixed(Bits bits) {
    bits = (bits ^ (bits >> 30)) * u64(0xBF58476D1CE4E5B9);
    bits = (bits ^ (bits >> 27)) * u64(0x94D049BB133111EB);
    return bits ^ (bits >> 31);
}
template <int N>
inline Vec<f64, N> uniform(u64 start, Vec<i64, N> number) {
    const Vec<u64, N> counter = ((Vec<u64, N>)number + u64(1)) * GOLDEN;
    const Vec<u64, N> bits = mixed(counter + start);
    return to<f64, N>((Vec<i64, N>)(bits >> 11)) * 0x1p-53;
}

template <class T>
class Draws {
  public:
    int run(pool_call &call, i64 *bytes) {
        call_ = &call;
        negatives_ = Negatives(call.q[1]);
        start_ = mixed(u64(call.q[0]) + GOLDEN);
        Arena arena = {bytes ? nullptr : static_cast<char *>(call.scratch), 0};
        gather_.prepare(call, type_code<T>, gathered_windows(call, sizeof(T)), arena);
        const i64 most = gather_.most_windows();
        numbers_ = reinterpret_cast<i64 *>(arena.take(most * 8));
        counts_ = reinterpret_cast<i64 *>(arena.take(most * 8));
        results_ = reinterpret_cast<T *>(arena.take(most * i64(sizeof(T))));
        if (bytes)
            *bytes = arena.used;
        if (!gather_.knows_type())
            return POOL_UNKNOWN;
        if (bytes)
            return POOL_OK;
        if (arena.used > call.scratch_bytes)
            return POOL_NO_ROOM;
        for (gather_.start(); gather_.next();) {
            const Gathered &g = gather_.group();
            gather_.window_numbers(numbers_);
            each<VECTOR_BYTES / 8>(g.n, [&](auto lanes, i64 i) { draw<decltype(lanes)::value>(g, i); });
            count_valid(g, counts_);
            fill_short(call, type_code<T>, results_, g, counts_);
            store_results(call, type_code<T>, results_, g.grid, g.out);
        }
        return POOL_OK;
    }

  private:
    using Mask = typename IntOf<sizeof(T)>::type;
    pool_call *call_;
    Negatives negatives_;
    u64 start_;
    Gather gather_;
    i64 *numbers_, *counts_;
    T *results_;

    // Cell k of N windows as what is drawn; 0 where it is missing.
    template <int N>
    Vec<T, N> activation(const Gathered &g, i64 k, i64 i) const {
        const Vec<T, N> x = read<N>(reinterpret_cast<const T *>(g.values) + k * g.pitch + i);
        if (negatives_ != RELU || T(-1) > T(0))
            return x;
        return x < 0 ? Vec<T, N>{} : x;
    }
    template <int N>
    Vec<i64, N> valid(const Gathered &g, i64 k, i64 i) const {
        if (!g.valid)
            return Vec<i64, N>{} == 0;
        return to<i64, N>(read<N>(g.valid + k * g.pitch + i)) != 0;
    }

    template <int N>
    void draw(const Gathered &g, i64 i) {
        Vec<T, N> lowest = all<T, N>(highest<T>()), largest = {}, drawn = {};
        if (negatives_ != RELU) {
            for (i64 k = 0; k < g.cells; k++) {
                const Vec<T, N> x = activation<N>(g, k, i);
                const Vec<Mask, N> counts = mask_for<T, N>(valid<N>(g, k, i));
                lowest = counts & (x < lowest) ? x : lowest;
                largest = counts & (x > largest) ? x : largest;
            }
            if (negatives_ == REFUSE && T(-1) < T(0))
                for (int j = 0; j < N; j++)
                    if (lowest[j] < 0)
                        refuse(g, i + j, lowest[j]);
        }
        const bool shifts = negatives_ == SHIFT;
        const Vec<f64, N> from = shifts ? to<f64, N>(lowest) : Vec<f64, N>{};
        Vec<f64, N> total = {};
        for (i64 k = 0; k < g.cells; k++) {
            const Vec<T, N> x = activation<N>(g, k, i);
            const Vec<i64, N> counts = valid<N>(g, k, i);
            total = counts ? total + (to<f64, N>(x) - from) : total;
            drawn = mask_for<T, N>(counts) ? x : drawn; // the last, where none has any weight
        }
        const Vec<f64, N> threshold = uniform<N>(start_, read<N>(numbers_ + i)) * total;
        Vec<f64, N> running = {};
        for (i64 k = 0; k < g.cells; k++) {
            const Vec<T, N> x = activation<N>(g, k, i);
            const Vec<f64, N> weight = to<f64, N>(x) - from;
            const Vec<i64, N> counts = valid<N>(g, k, i) & (weight > 0);
            drawn = mask_for<T, N>(counts & (running <= threshold)) ? x : drawn;
            running = counts ? running + weight : running;
        }
        write<N>(results_ + i, drawn);
        if constexpr (is_float<T>) {
            for (int j = 0; j < N; j++)
                if (!(total[j] <= HUGE) || (shifts && (from[j] < -HUGE || f64(largest[j]) > HUGE)))
                    results_[i + j] = draw_far(g, i + j);
        }
    }

    // Unless the window's result is decided before: too few cells, or a NaN.
    void refuse(const Gathered &g, i64 i, T lowest) {
        i64 count = 0;
        for (i64 k = 0; k < g.cells; k++) {
            if (!valid<1>(g, k, i)[0])
                continue;
            const T x = activation<1>(g, k, i)[0];
            if (x != x)
                return;
            count++;
        }
        if (is_short(*call_, count, g.cells) || call_->found & POOL_NEGATIVE)
            return;
        call_->found |= POOL_NEGATIVE;
        call_->bad_float = f64(lowest);
        if constexpr (!is_float<T>) {
            call_->bad_high = -1;
            call_->bad_low = u64(lowest);
        }
    }

    // One window with NaN, infinities, or cells whose sum might be one.
    T draw_far(const Gathered &g, i64 i) const {
        f64 top = 0, least = __builtin_inf(), largest = 0;
        for (i64 k = 0; k < g.cells; k++) {
            if (!valid<1>(g, k, i)[0])
                continue;
            const f64 x = f64(activation<1>(g, k, i)[0]), size = x < 0 ? -x : x;
            if (x != x)
                return T(__builtin_nan(""));
            top = size > top ? size : top;
            least = x < least ? x : least;
            largest = x > largest ? x : largest;
        }
        if (largest == __builtin_inf())
            return T(largest);
        // Only the proportions of weights matter; and beside an infinity nothing else has a chance.
        const f64 scale = top > HUGE ? SMALLER : 1, from = negatives_ == SHIFT ? least * scale : 0;
        bool endless = false;
        for (i64 k = 0; k < g.cells; k++)
            endless = endless || weight_of(g, k, i, scale, from, false) == __builtin_inf();
        f64 total = 0, running = 0;
        T drawn = {};
        for (i64 k = g.cells - 1; k >= 0; k--)
            drawn = valid<1>(g, k, i)[0] ? activation<1>(g, k, i)[0] : drawn;
        for (i64 k = 0; k < g.cells; k++)
            total += weight_of(g, k, i, scale, from, endless);
        const f64 threshold = uniform<1>(start_, read<1>(numbers_ + i))[0] * total;
        for (i64 k = 0; k < g.cells; k++) {
            const f64 weight = weight_of(g, k, i, scale, from, endless);
            if (weight > 0 && running <= threshold)
                drawn = activation<1>(g, k, i)[0];
            running += weight;
        }
        return drawn;
    }
    f64 weight_of(const Gathered &g, i64 k, i64 i, f64 scale, f64 from, bool endless) const {
        if (!valid<1>(g, k, i)[0])
            return 0;
        const f64 weight = f64(activation<1>(g, k, i)[0]) * scale - from;
        return endless ? f64(weight == __builtin_inf()) : weight;
    }
};

template <class T>
int draw_all(pool_call &call, i64 *bytes) {
    Draws<T> draws;
    return draws.run(call, bytes);
}

} // namespace

int run_draws(pool_call &call, i64 *bytes) {
    switch (call.in_type) {
    case POOL_F64: return draw_all<f64>(call, bytes);
    case POOL_F32: case POOL_F16: return draw_all<f32>(call, bytes);
    case POOL_U64: return draw_all<u64>(call, bytes);
    default: return draw_all<i64>(call, bytes);
    }
}

} // namespace POOL_NS
