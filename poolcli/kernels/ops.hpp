// The ops of all files, as dispatch.cpp finds them.
#pragma once

#include "op_kernel.hpp"
#include "walk.hpp"

namespace POOL_NS {

int run_extreme(pool_call &call, int64_t *bytes); // max min range argmax argmin subsample
int run_sum(pool_call &call, int64_t *bytes);     // sum avg mixed rms
int run_find_nan(pool_call &call, int64_t *bytes);
int run_quantile(pool_call &call, int64_t *bytes);
int run_argquantile(pool_call &call, int64_t *bytes);
int run_mode(pool_call &call, int64_t *bytes);
int run_power(pool_call &call, int64_t *bytes);   // lp gem
int run_softmax(pool_call &call, int64_t *bytes); // soft lse
int run_spread(pool_call &call, int64_t *bytes);  // var std
int run_blur(pool_call &call, int64_t *bytes);
int run_area(pool_call &call, int64_t *bytes);
int run_count(pool_call &call, int64_t *bytes);
int run_draws(pool_call &call, int64_t *bytes);   // sample
int run_expected(pool_call &call, int64_t *bytes);

// The kernel that folds a call's op, where one does; null for others.
const Kernel *extreme_kernel(const pool_call &call);
const Kernel *sum_kernel(const pool_call &call);
const Kernel *whole_sum_kernel(const pool_call &call); // of integers
const Kernel *power_kernel(const pool_call &call);
const Kernel *softmax_kernel(const pool_call &call);
const Kernel *spread_kernel(const pool_call &call);
const Kernel *expected_kernel(const pool_call &call);
const Kernel *count_kernel(const pool_call &call);

namespace {

inline bool can_miss(const pool_call &call) {
    return call.options & (POOL_SKIP_NAN | POOL_NODATA);
}

// The float type that a real-valued op works in: its cells are loaded as this.
inline int real_cell(const pool_call &call) {
    const bool small = call.in_type == POOL_F16 || call.in_type == POOL_F32;
    return small && call.out_type != POOL_F64 ? POOL_F32 : POOL_F64;
}

// The most cells of a window, as far as it matters; padding does not count.
inline f64 most_cells(const pool_call &call) {
    f64 cells = 1;
    for (const pool_windows &w : call.spatial)
        cells *= f64(least_of(w.size, w.n));
    return cells;
}

template <class Op>
inline const Kernel *either(const pool_call &call) {
#if POOL_ISA == 2 // others are left to v3: see run.cpp
    (void)call;
    return &kernel<Op>;
#else
    return can_miss(call) ? &kernel<Counted<Op>> : &kernel<Op>;
#endif
}

} // namespace
} // namespace POOL_NS
