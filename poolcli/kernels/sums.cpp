// Sums and means of floats, within 2 ulp whatever the window size, and what is made of them.
//
// Float32 cells are added in float64, windows of up to four in float32; float64 cells as an
// unevaluated sum of two floats (Knuth's TwoSum, TAOCP 2, 4.2.2, keeps what rounding loses).
#include "ops.hpp"

namespace POOL_NS {
namespace {

template <class T, int N>
inline Vec<T, N> root(Vec<T, N> x) {
    for (int i = 0; i < N; i++)
        x[i] = sizeof(T) == 4 ? T(__builtin_sqrtf(f32(x[i]))) : T(__builtin_sqrt(f64(x[i])));
    return x;
}

// ---- floats -----------------------------------------------------------------------------------

// Sums in one float; A is what is added.
template <class T, class A, class R>
struct Plain {
    using Cell = T;
    using Result = R;
    template <int N>
    using State = Acc<N, A>;
    template <int N>
    static State<N> identity() {
        return {minus_zero<A, N>(), {}};
    }
    template <int N>
    static State<N> load(Vec<T, N> x) {
        return {to<A, N>(x), {}};
    }
    template <int N>
    static State<N> merge(State<N> a, State<N> b) {
        return {a.v + b.v, {}};
    }
};

// Doubles are scaled by this where a plain sum overflows; a power of two changes no digit.
constexpr f64 SMALLER = 0x1p-64;

// Sums as high + low: high is the rounded sum, low what rounding has lost so far.
template <bool Scaled>
struct Pair {
    using Cell = f64;
    using Result = f64;
    template <int N>
    using State = Acc<N, f64, f64>;
    template <int N>
    static State<N> identity() {
        return {minus_zero<f64, N>(), {Vec<f64, N>{}, {}}};
    }
    template <int N>
    static State<N> load(Vec<f64, N> x) {
        return {Scaled ? x * SMALLER : x, {Vec<f64, N>{}, {}}};
    }
    template <int N>
    static State<N> merge(State<N> a, State<N> b) {
        const Vec<f64, N> high = a.v + b.v, part = high - a.v;
        const Vec<f64, N> error = (a.v - (high - part)) + (b.v - part);
        return {high, {error + (a.rest.v + b.rest.v), {}}};
    }
    // An infinite sum has no meaningful error: it is what it is.
    template <int N>
    static Vec<f64, N> value(State<N> s) {
        return s.v - s.v == 0 ? s.v + s.rest.v : s.v;
    }
};

template <class Base>
struct SumOf : Base {
    static constexpr bool small = true;
    using Rows = Base;
    template <int N>
    static Vec<typename Base::Result, N> result(const Finish &, typename Base::template State<N> s) {
        return to<typename Base::Result, N>(s.v);
    }
};
template <bool Scaled>
struct SumOfPair : Pair<Scaled> {
    using Rows = Pair<Scaled>;
    template <int N>
    static Vec<f64, N> result(const Finish &, Acc<N, f64, f64> s) {
        const Vec<f64, N> sum = Pair<Scaled>::template value<N>(s);
        return Scaled ? sum / SMALLER : sum;
    }
};
template <class Base, class A>
struct MeanOf : Base {
    static constexpr bool small = true;
    using Rows = Base;
    using NormType = A;
    template <int N, bool Inverse>
    static Vec<typename Base::Result, N> result(const Finish &, typename Base::template State<N> s,
                                                Norm<N, A, Inverse> norm) {
        return to<typename Base::Result, N>(norm.divide(s.v));
    }
};
template <bool Scaled>
struct MeanOfPair : Pair<Scaled> {
    static constexpr bool small = true;
    using Rows = Pair<Scaled>;
    using NormType = f64;
    template <int N, bool Inverse>
    static Vec<f64, N> result(const Finish &, Acc<N, f64, f64> s, Norm<N, f64, Inverse> norm) {
        const Vec<f64, N> mean = norm.divide(Pair<Scaled>::template value<N>(s));
        return Scaled ? mean / SMALLER : mean;
    }
};

using Sum64 = SumOf<Plain<f32, f64, f32>>;
struct Mean64 : MeanOf<Plain<f32, f64, f32>, f64> {
    static constexpr bool inverse = true;
};
struct Sum32 : SumOf<Plain<f32, f32, f32>> {
    using Rescue = Sum64;
};
struct Mean32 : MeanOf<Plain<f32, f32, f32>, f32> {
    using Rescue = Mean64;
};
struct SumPair : SumOfPair<false> {
    using Rescue = SumOfPair<true>;
};
struct MeanPair : MeanOfPair<false> {
    using Rescue = MeanOfPair<true>;
};


// ---- root mean square, and a blend of max and mean --------------------------------------------

constexpr f64 SMALL_ROOT = 0x1p-530, BIG_ROOT = 0x1p530;

// Squares of float32 cells fit float64, where they are added.
struct Rms32 : Plain<f32, f64, f32> {
    static constexpr bool inverse = true;
    using NormType = f64;
    template <int N>
    static Acc<N, f64> load(Vec<f32, N> x) {
        const Vec<f64, N> wide = to<f64, N>(x);
        return {wide * wide, {}};
    }
    template <int N, bool Inverse>
    static Vec<f32, N> result(const Finish &, Acc<N, f64> s, Norm<N, f64, Inverse> norm) {
        return to<f32, N>(root<f64, N>(norm.divide(s.v)));
    }
};

// Those of float64 cells may be beyond its range: then cells are scaled, down (-1) or up (1).
template <int Scaled>
struct Rms64Of : Pair<false> {
    using NormType = f64;
    static constexpr f64 scale = Scaled < 0 ? SMALL_ROOT : Scaled > 0 ? BIG_ROOT : 1.0;
    template <int N>
    static Acc<N, f64, f64> load(Vec<f64, N> x) {
        const Vec<f64, N> scaled = x * scale;
        return {scaled * scaled, {Vec<f64, N>{}, {}}};
    }
    template <int N, bool Inverse>
    static Vec<f64, N> result(const Finish &, Acc<N, f64, f64> s, Norm<N, f64, Inverse> norm) {
        const Vec<f64, N> mean = norm.divide(Pair<false>::template value<N>(s));
        Vec<f64, N> rms = root<f64, N>(mean) / scale;
        // So small a sum has lost digits, or everything: as NaN it is left to the next scale.
        if constexpr (Scaled <= 0) {
            const Vec<f64, N> lost = all<f64, N>(__builtin_nan(""));
            rms = (s.v < 0x1p-960) & (s.v > -1) ? lost : rms;
        }
        return rms;
    }
};
struct Rms64Up : Rms64Of<1> {};
struct Rms64Down : Rms64Of<-1> {
    using Rescue = Rms64Up;
};
struct Rms64 : Rms64Of<0> {
    using Rescue = Rms64Down;
};

// alpha * max + (1 - alpha) * mean: p[0] is alpha; q[0] / q[1] is alpha as it was typed, by which
// whole numbers are weighed (0.3 as a float would miss the halves that are rounded next).
template <int N>
inline Vec<f64, N> blend(const Finish &how, Vec<f64, N> high, Vec<f64, N> mean) {
    const f64 alpha = how.call->p[0];
    // At the ends the other share is nothing, where 0 times an infinity would be NaN.
    if (alpha == 0 || alpha == 1)
        return alpha == 1 ? high : mean;
    if (how.call->in_type >= POOL_F16)
        return all<f64, N>(alpha) * high + all<f64, N>(1 - alpha) * mean;
    const f64 share = f64(how.call->q[0]), all_shares = f64(how.call->q[1]);
    return (high * share + mean * (all_shares - share)) / all_shares;
}

template <int N>
inline Vec<f64, N> larger(Vec<f64, N> a, Vec<f64, N> b) {
    const Vec<f64, N> r = b > a ? b : a;
    return b == b ? r : b;
}

struct Mixed32 {
    using Cell = f32;
    using Result = f32;
    using NormType = f64;
    template <int N>
    using State = Acc<N, f64, f64>;
    template <int N>
    static State<N> identity() {
        return {all<f64, N>(lowest<f64>()), {minus_zero<f64, N>(), {}}};
    }
    template <int N>
    static State<N> load(Vec<f32, N> x) {
        return {to<f64, N>(x), {to<f64, N>(x), {}}};
    }
    template <int N>
    static State<N> merge(State<N> a, State<N> b) {
        return {larger<N>(a.v, b.v), {a.rest.v + b.rest.v, {}}};
    }
    template <int N, bool Inverse>
    static Vec<f32, N> result(const Finish &how, State<N> s, Norm<N, f64, Inverse> norm) {
        return to<f32, N>(blend<N>(how, s.v, norm.divide(s.rest.v)));
    }
};

template <bool Scaled>
struct Mixed64Of {
    using Sum = Pair<Scaled>;
    using Cell = f64;
    using Result = f64;
    using NormType = f64;
    template <int N>
    using State = Acc<N, f64, f64, f64>;
    template <int N>
    static State<N> identity() {
        return {all<f64, N>(lowest<f64>()), Sum::template identity<N>()};
    }
    template <int N>
    static State<N> load(Vec<f64, N> x) {
        return {x, Sum::template load<N>(x)};
    }
    template <int N>
    static State<N> merge(State<N> a, State<N> b) {
        return {larger<N>(a.v, b.v), Sum::template merge<N>(a.rest, b.rest)};
    }
    template <int N, bool Inverse>
    static Vec<f64, N> result(const Finish &how, State<N> s, Norm<N, f64, Inverse> norm) {
        const Vec<f64, N> mean = norm.divide(Sum::template value<N>(s.rest));
        return blend<N>(how, s.v, Scaled ? mean / SMALLER : mean);
    }
};
struct Mixed64 : Mixed64Of<false> {
    using Rescue = Mixed64Of<true>;
};

// ---- choice ----------------------------------------------------------------------------------

const Kernel *floats(const pool_call &call, bool mean) {
    if (real_cell(call) == POOL_F64)
        return mean ? either<MeanPair>(call) : either<SumPair>(call);
    const bool exact = !(call.options & POOL_DIVISOR) || f64(f32(call.divisor)) == call.divisor;
    if (most_cells(call) > 4 || !exact)
        return mean ? either<Mean64>(call) : either<Sum64>(call);
    return mean ? either<Mean32>(call) : either<Sum32>(call);
}

} // namespace

const Kernel *sum_kernel(const pool_call &call) {
    const bool real = call.in_type >= POOL_F16, small = real_cell(call) == POOL_F32;
    switch (call.op) {
    case POOL_SUM: return real ? floats(call, false) : whole_sum_kernel(call);
    case POOL_AVG: return real ? floats(call, true) : whole_sum_kernel(call);
    case POOL_RMS: return small ? either<Rms32>(call) : either<Rms64>(call);
    case POOL_MIXED: return small ? either<Mixed32>(call) : either<Mixed64>(call);
    default: return nullptr;
    }
}

int run_sum(pool_call &call, i64 *bytes) {
    const Kernel *kernel = sum_kernel(call);
    return kernel ? walk_fold(call, *kernel, bytes) : int(POOL_UNKNOWN);
}

} // namespace POOL_NS
