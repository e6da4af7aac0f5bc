// Stochastic pooling, expected: the mean of all draws, Σa² / Σa. Measured from the smallest cell m of
// the window (negatives = shift) it is Σ(x-m)x / Σ(x-m) = m + Σ(x-m)² / Σ(x-m).
#include "gather.hpp"
#include "math.hpp"
#include "ops.hpp"

namespace POOL_NS {
namespace {

enum Negatives { REFUSE, RELU, SHIFT }; // q[1]

// Below this, sums of squares are near the end of the exponents.
constexpr f64 VANISHING = 0x1p-960;

template <int N>
inline Vec<f64, N> positive(Vec<f64, N> x) {
    return x < 0 ? Vec<f64, N>{} : x;
}

// (m, Σa/m, Σ(a/m)²) with m the largest a, for any a that is a float.
template <class T>
struct RelativeExpectation {
    using Cell = T;
    using Result = T;
    template <int N>
    using State = Acc<N, f64, f64, f64>;
    template <int N>
    static State<N> identity() {
        return {Vec<f64, N>{}, {Vec<f64, N>{}, {Vec<f64, N>{}, {}}}};
    }
    template <int N>
    static State<N> load(Vec<T, N> x) {
        const Vec<f64, N> a = positive<N>(to<f64, N>(x));
        const Vec<f64, N> one = a > 0 ? all<f64, N>(1.0) : Vec<f64, N>{};
        return {a, {one, {one, {}}}};
    }
    template <int N>
    static State<N> merge(State<N> a, State<N> b) {
        const Vec<f64, N> largest = larger_of<N>(a.v, b.v);
        const Vec<f64, N> base = largest == 0 ? all<f64, N>(1.0) : largest;
        const Vec<f64, N> left = a.v / base, right = b.v / base;
        const Vec<f64, N> total = a.rest.v * left + b.rest.v * right;
        return {largest,
                {total, {a.rest.rest.v * left * left + b.rest.rest.v * right * right, {}}}};
    }
    template <int N>
    static Vec<T, N> result(const Finish &, State<N> s) {
        const Vec<f64, N> total = s.rest.v == 0 ? all<f64, N>(1.0) : s.rest.v;
        const Vec<f64, N> value = s.v * (s.rest.rest.v / total);
        return to<T, N>(s.v - s.v == 0 ? value : s.v);
    }
};

// The smallest cell, by which a negative one is found, Σa and Σa².
template <class T>
struct Expectation {
    static constexpr bool small = true;
    using Cell = T;
    using Result = T;
    using Rescue = RelativeExpectation<T>;
    template <int N>
    using State = Acc<N, f64, f64, f64>;
    template <int N>
    static State<N> identity() {
        return {all<f64, N>(highest<f64>()), {minus_zero<f64, N>(), {minus_zero<f64, N>(), {}}}};
    }
    template <int N>
    static State<N> load(Vec<T, N> cell) {
        const Vec<f64, N> x = to<f64, N>(cell), a = positive<N>(x);
        return {x, {a, {a * a, {}}}};
    }
    template <int N>
    static State<N> merge(State<N> a, State<N> b) {
        const Vec<f64, N> smallest = b.v < a.v ? b.v : a.v;
        return {smallest, {a.rest.v + b.rest.v, {a.rest.rest.v + b.rest.rest.v, {}}}};
    }
    template <int N>
    static Vec<T, N> result(const Finish &how, State<N> s) {
        if (how.call->q[1] == REFUSE)
            refuse<N>(*how.call, s.rest.v == s.rest.v ? s.v : all<f64, N>(0.0)); // NaN wins
        const Vec<f64, N> total = s.rest.v, squares = s.rest.rest.v;
        const Vec<f64, N> inf = all<f64, N>(__builtin_inf());
        Vec<f64, N> value = squares / (total == 0 ? all<f64, N>(1.0) : total);
        value = total == inf ? inf : value;
        // So small a sum has lost digits, or everything: as NaN it is left to the rescue.
        if (same<T, f64>)
            value = (squares < VANISHING) & (total > 0) ? all<f64, N>(__builtin_nan("")) : value;
        return to<T, N>(value);
    }

  private:
    template <int N>
    static void refuse(pool_call &call, Vec<f64, N> smallest) {
        for (int j = 0; j < N; j++)
            if (smallest[j] < 0 && !(call.found & POOL_NEGATIVE)) {
                call.found |= POOL_NEGATIVE;
                call.bad_float = smallest[j];
            }
    }
};

// ---- measured from the smallest cell ----------------------------------------------------------

// Cells above this are scaled, for differences of them might be infinite.
constexpr f64 HUGE = 0x1p900, SMALLER = 0x1p-100;

class ShiftedExpectation {
  public:
    int run(pool_call &call, i64 *bytes) {
        Arena arena = {bytes ? nullptr : static_cast<char *>(call.scratch), 0};
        gather_.prepare(call, POOL_F64, gathered_windows(call, sizeof(f64)), arena);
        const i64 most = gather_.most_windows();
        auto counts = reinterpret_cast<i64 *>(arena.take(most * 8));
        results_ = reinterpret_cast<f64 *>(arena.take(most * 8));
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
            each<VECTOR_BYTES / 8>(g.n, [&](auto lanes, i64 i) { mean<decltype(lanes)::value>(g, i); });
            count_valid(g, counts);
            fill_short(call, POOL_F64, results_, g, counts);
            store_results(call, POOL_F64, results_, g.grid, g.out);
        }
        return POOL_OK;
    }

  private:
    Gather gather_;
    f64 *results_;

    template <int N>
    static Vec<f64, N> cell(const Gathered &g, i64 k, i64 i, f64 missing) {
        const Vec<f64, N> x = read<N>(reinterpret_cast<const f64 *>(g.values) + k * g.pitch + i);
        if (!g.valid)
            return x;
        const Vec<i64, N> valid = to<i64, N>(read<N>(g.valid + k * g.pitch + i));
        return valid != 0 ? x : all<f64, N>(missing);
    }

    template <int N>
    void mean(const Gathered &g, i64 i) {
        const f64 inf = __builtin_inf();
        Vec<f64, N> low = all<f64, N>(inf), high = all<f64, N>(-inf);
        for (i64 k = 0; k < g.cells; k++) {
            low = -larger_of<N>(-low, -cell<N>(g, k, i, inf));
            high = larger_of<N>(high, cell<N>(g, k, i, -inf));
        }
        const auto far = (high > HUGE) | (low < -HUGE);
        const Vec<f64, N> scale = far ? all<f64, N>(SMALLER) : all<f64, N>(1.0);
        const Vec<f64, N> from = low * scale, reach = high * scale - from;
        const Vec<f64, N> unit = reach > 0 ? reach : all<f64, N>(1.0);
        Vec<f64, N> total = {}, squares = {};
        for (i64 k = 0; k < g.cells; k++) {
            const Vec<f64, N> x = cell<N>(g, k, i, -inf);
            const Vec<f64, N> share = x == -inf ? Vec<f64, N>{} : (x * scale - from) / unit;
            total += share;
            squares += share * share;
        }
        const Vec<f64, N> mean = (from + unit * (squares / total)) / scale;
        Vec<f64, N> result = total > 0 ? mean : low; // all cells are equal
        for (int j = 0; j < N; j++) // all finite cells are as far above -inf; of inf there is no more
            if (low[j] == -inf && high[j] > -inf && high[j] < inf)
                result[j] = mean_of_finite(g, i + j);
        result = low == low ? (high == inf ? high : result) : low;
        write<N>(results_ + i, result);
    }

    static f64 mean_of_finite(const Gathered &g, i64 i) {
        f64 n = 0, sum = 0;
        for (int pass = 0; pass < 2; pass++)
            for (i64 k = 0; k < g.cells; k++) {
                const f64 x = cell<1>(g, k, i, -__builtin_inf())[0];
                if (x - x != 0)
                    continue;
                if (pass)
                    sum += x / n; // each by itself, so that huge ones do not overflow
                else
                    n++;
            }
        return sum;
    }
};

} // namespace

// Of the shift there is none: it sees windows whole.
const Kernel *expected_kernel(const pool_call &call) {
    if (call.q[1] == SHIFT)
        return nullptr;
    return real_cell(call) == POOL_F32 ? either<Expectation<f32>>(call) : either<Expectation<f64>>(call);
}

int run_expected(pool_call &call, i64 *bytes) {
    if (const Kernel *kernel = expected_kernel(call))
        return walk_fold(call, *kernel, bytes);
    ShiftedExpectation expectation;
    return expectation.run(call, bytes);
}

} // namespace POOL_NS
