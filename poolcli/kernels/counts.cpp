// count: how many cells of a window are there. NaN is no number, and none of them.
#include "ops.hpp"

namespace POOL_NS {
namespace {

template <class T>
struct Count {
    using Cell = T;
    using Result = i64;
    template <int N>
    using State = Acc<N, i64>;
    template <int N>
    static State<N> identity() {
        return {Vec<i64, N>{}, {}};
    }
    template <int N>
    static State<N> load(Vec<T, N> x) {
        return {to<i64, N>(x == x) & 1, {}};
    }
    template <int N>
    static State<N> merge(State<N> a, State<N> b) {
        return {a.v + b.v, {}};
    }
    template <int N>
    static Vec<i64, N> result(const Finish &, State<N> s) {
        return s.v;
    }
};

} // namespace

const Kernel *count_kernel(const pool_call &call) {
    return real_cell(call) == POOL_F32 ? either<Count<f32>>(call) : either<Count<f64>>(call);
}
int run_count(pool_call &call, i64 *bytes) { return walk_fold(call, *count_kernel(call), bytes); }

} // namespace POOL_NS
