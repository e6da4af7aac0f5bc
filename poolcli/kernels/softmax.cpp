// Log-sum-exp, log(mean(exp(r x))) / r, and SoftPool, Σ x e^x / Σ e^x.
//
// States are merged relative to the larger of their largest values m, so that nothing overflows and
// windows of one value give it to the bit: the larger side's sums stay as they are, those of the
// other take the weight e^(difference).
#include "math.hpp"
#include "ops.hpp"

namespace POOL_NS {
namespace {

// How far b lies below a, or a below b: 0 for equal ones, infinities too.
template <int N>
inline Vec<f64, N> below(Vec<f64, N> a, Vec<f64, N> b) {
    const Vec<f64, N> between = b > a ? a - b : b - a;
    return a == b ? Vec<f64, N>{} : between;
}

// ---- soft -------------------------------------------------------------------------------------

// Sums of more numbers than there can be, each of them this times the largest, are finite.
constexpr f64 SMALLER = 0x1p-64;

// (m, Σe^(x-m), Σx e^(x-m)), the last times SMALLER if scaled.
template <class T, bool Scaled>
struct SoftOf {
    static constexpr bool small = true;
    using Cell = T;
    using Result = T;
    template <int N>
    using State = Acc<N, f64, f64, f64>;
    template <int N>
    static State<N> identity() {
        return {all<f64, N>(lowest<f64>()), {Vec<f64, N>{}, {minus_zero<f64, N>(), {}}}};
    }
    template <int N>
    static State<N> load(Vec<T, N> cell) {
        const Vec<f64, N> x = to<f64, N>(cell);
        return {x, {all<f64, N>(1.0), {Scaled ? x * SMALLER : x, {}}}};
    }
    template <int N>
    static State<N> merge(State<N> a, State<N> b) {
        const auto later = b.v > a.v;
        const Vec<f64, N> weight = exp_weight<T, N>(below<N>(a.v, b.v)).value;
        const Vec<f64, N> more = later ? b.rest.v : a.rest.v, less = later ? a.rest.v : b.rest.v;
        const Vec<f64, N> more_x = later ? b.rest.rest.v : a.rest.rest.v;
        const Vec<f64, N> less_x = later ? a.rest.rest.v : b.rest.rest.v;
        // -inf has the weight 0 and then counts nothing, where -inf times 0 would be NaN.
        const Vec<f64, N> weighed = weight == 0 ? minus_zero<f64, N>() : less_x * weight;
        return {larger_of<N>(a.v, b.v), {more + less * weight, {more_x + weighed, {}}}};
    }
    template <int N>
    static Vec<T, N> result(const Finish &, State<N> s) {
        // Plus 0: a window of -0.0 alone gives what it gives beside padding.
        Vec<f64, N> mean = s.rest.rest.v / s.rest.v + 0.0;
        if (Scaled) { // rounding may have gone past the largest float
            const f64 most = 0x1.fffffffffffffp1023 * SMALLER;
            mean = clamped<N>(mean, -most, most) / SMALLER;
        }
        const Vec<f64, N> size = magnitude<N>(s.v);
        return to<T, N>(size == __builtin_inf() ? s.v : mean);
    }
};
struct Soft64 : SoftOf<f64, false> {
    using Rescue = SoftOf<f64, true>;
};

// ---- lse --------------------------------------------------------------------------------------

// (m, l, Σx, n) with m the largest x and l the largest -x, or the other way round for negative r: the
// mean, but an infinite m as it is. It lies between the two, so that windows of one value give it to
// the bit. In sums of so much smaller numbers that they are finite if Scaled.
template <class T, bool Scaled>
struct MeanOf {
    static constexpr bool has_params = true;
    static constexpr f64 scale = Scaled ? 0x1p-64 : 1.0;
    using Cell = T;
    using Result = T;
    template <int N>
    using State = Acc<N, f64, f64, f64, f64>;
    template <int N>
    static State<N> identity() {
        const Vec<f64, N> least = all<f64, N>(lowest<f64>()), none = {};
        return {least, {least, {none, {none, {}}}}};
    }
    template <int N>
    static State<N> load(Vec<T, N> cell, const pool_call &call) {
        const Vec<f64, N> x = to<f64, N>(cell), m = call.p[0] < 0 ? -x : x;
        return {m, {-m, {x * scale, {all<f64, N>(1.0), {}}}}};
    }
    template <int N>
    static State<N> merge(State<N> a, State<N> b) {
        const Acc<N, f64, f64> &left = a.rest.rest, &right = b.rest.rest;
        return {larger_of<N>(a.v, b.v),
                {larger_of<N>(a.rest.v, b.rest.v),
                 {left.v + right.v, {left.rest.v + right.rest.v, {}}}}};
    }
    template <int N>
    static Vec<T, N> result(const Finish &how, State<N> s) {
        const bool turned = how.call->p[0] < 0;
        const Vec<f64, N> m = turned ? -s.v : s.v, l = turned ? s.rest.v : -s.rest.v;
        const Vec<f64, N> most = m > l ? m : l, least = m > l ? l : m;
        const Vec<f64, N> mean = s.rest.rest.v / s.rest.rest.rest.v / scale;
        Vec<f64, N> within = mean > most ? most : mean < least ? least : mean;
        if (!Scaled) // what has overflowed is left to the rescue
            within = mean - mean == 0 ? within : mean;
        return to<T, N>((magnitude<N>(m) == __builtin_inf() ? m : within) + 0.0);
    }
};
template <class T>
struct Mean : MeanOf<T, false> {
    using Rescue = MeanOf<T, true>;
};

// Of so small a t with |r| < 1 all digits may be lost: the result is the mean to its last one.
constexpr f64 VANISHING = 0x1p-60;

// (m, |r|, n, s = Σe^(|r|(x-m)), t = Σ(e^(|r|(x-m)) - 1)) of x, or of -x for negative r. t keeps the
// digits that s has not, where r is near 0 and all exponentials are near 1; s those that t has not,
// where a few of many cells are far above the others.
template <class T>
struct LogSumExp {
    static constexpr bool has_params = true, small = true;
    using Cell = T;
    using Result = T;
    using Rescue = Mean<T>;
    template <int N>
    using State = Acc<N, f64, f64, f64, f64, f64>;
    template <int N>
    static State<N> state(Vec<f64, N> m, Vec<f64, N> r, Vec<f64, N> n, Vec<f64, N> s, Vec<f64, N> t) {
        return {m, {r, {n, {s, {t, {}}}}}};
    }
    template <int N>
    static State<N> identity() {
        const Vec<f64, N> none = {};
        return state<N>(all<f64, N>(lowest<f64>()), none, none, none, none);
    }
    template <int N>
    static State<N> load(Vec<T, N> cell, const pool_call &call) {
        const f64 r = call.p[0];
        const Vec<f64, N> x = to<f64, N>(cell), one = all<f64, N>(1.0);
        return state<N>(r < 0 ? -x : x, all<f64, N>(r < 0 ? -r : r), one, one, Vec<f64, N>{});
    }
    template <int N>
    static State<N> merge(State<N> a, State<N> b) {
        const auto later = b.v > a.v;
        const Vec<f64, N> r = b.rest.v > a.rest.v ? b.rest.v : a.rest.v;
        const Weight<N> w = exp_weight<T, N>(r * below<N>(a.v, b.v));
        const Acc<N, f64, f64, f64> &left = a.rest.rest, &right = b.rest.rest;
        const Vec<f64, N> more = later ? right.rest.v : left.rest.v;
        const Vec<f64, N> less = later ? left.rest.v : right.rest.v;
        const Vec<f64, N> more_t = later ? right.rest.rest.v : left.rest.rest.v;
        const Vec<f64, N> less_t = later ? left.rest.rest.v : right.rest.rest.v;
        const Vec<f64, N> less_n = later ? left.v : right.v;
        return state<N>(larger_of<N>(a.v, b.v), r, left.v + right.v, more + less * w.value,
                        more_t + (less_t * w.value + less_n * w.less_one));
    }
    template <int N>
    static Vec<T, N> result(const Finish &how, State<N> state) {
        const Vec<f64, N> m = state.v, r = state.rest.v, n = state.rest.rest.v;
        const Vec<f64, N> s = state.rest.rest.rest.v, t = state.rest.rest.rest.rest.v;
        const Vec<f64, N> less = t / n;
        const Vec<f64, N> mean = less > -0.25 ? log_near_one<T, N>(less) : log<T, N>(s / n);
        Vec<f64, N> value = magnitude<N>(m) == __builtin_inf() ? m : m + mean / r;
        const Vec<f64, N> near = (magnitude<N>(m) < __builtin_inf()) & (magnitude<N>(t) < VANISHING) ? r : all<f64, N>(1.0);
        value = near < 1 ? all<f64, N>(__builtin_nan("")) : value; // left to the rescue
        return to<T, N>((how.call->p[0] < 0 ? -value : value) + 0.0); // plus 0: as soft does
    }
};

} // namespace

const Kernel *softmax_kernel(const pool_call &call) {
    const bool small = real_cell(call) == POOL_F32;
    if (call.op == POOL_LSE)
        return small ? either<LogSumExp<f32>>(call) : either<LogSumExp<f64>>(call);
    return small ? either<SoftOf<f32, false>>(call) : either<Soft64>(call);
}

int run_softmax(pool_call &call, i64 *bytes) {
    return walk_fold(call, *softmax_kernel(call), bytes);
}

} // namespace POOL_NS
