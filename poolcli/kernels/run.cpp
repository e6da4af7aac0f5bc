// Which function does which op. A new op gets its line here, in place of null.
#include "medians.hpp"
#include "ops.hpp"
#include "passes.hpp"

#if POOL_ISA == 2
namespace pool_v3 {
int run(pool_call &call, int64_t *bytes);
int64_t state_bytes(const pool_call &call);
} // namespace pool_v3
#endif

namespace POOL_NS {
namespace {

struct Entry {
    RunOp run;
    const Kernel *(*kernel)(const pool_call &call); // of ops that fold
    int64_t (*state)(const pool_call &call) = nullptr; // of others whose windows may come in pieces
};

#if POOL_ISA == 2

// The widest vectors are compiled for ops that gain by them, where no cell can be missing; all else
// is done by v3, with the same bytes as results.
const Entry *entry_of(const pool_call &call) {
    static constexpr Entry EXTREME = {run_extreme, extreme_kernel}, SUM = {run_sum, sum_kernel};
    static constexpr Entry POWER = {run_power, power_kernel}, SOFTMAX = {run_softmax, softmax_kernel};
    static constexpr Entry SPREAD = {run_spread, spread_kernel};
    static constexpr Entry MEDIAN = {[](pool_call &median, i64 *bytes) {
        return small_medians(median, bytes, pool_v3::run);
    }, nullptr};
    if (can_miss(call))
        return nullptr;
    const bool whole = !(call.options & (POOL_CONTINUES | POOL_UNFINISHED));
    switch (call.op) {
    case POOL_MAX: case POOL_MIN: case POOL_RANGE: case POOL_SUBSAMPLE: case POOL_ARGMAX: case POOL_ARGMIN:
        return &EXTREME;
    case POOL_SUM: case POOL_AVG: case POOL_MIXED: case POOL_RMS: return &SUM;
    case POOL_LP: case POOL_GEM: return &POWER;
    case POOL_SOFT: case POOL_LSE: return &SOFTMAX;
    case POOL_VAR: case POOL_STD: return &SPREAD;
    case POOL_QUANTILE: return whole && has_small_medians(call) ? &MEDIAN : nullptr;
    default: return nullptr;
    }
}
int run_other(pool_call &call, i64 *bytes) { return pool_v3::run(call, bytes); }
i64 other_state(const pool_call &call) { return pool_v3::state_bytes(call); }

#else

constexpr Entry TABLE[POOL_OPS] = {
    /* max */ {run_extreme, extreme_kernel},
    /* min */ {run_extreme, extreme_kernel},
    /* range */ {run_extreme, extreme_kernel},
    /* sum */ {run_sum, sum_kernel},
    /* avg */ {run_sum, sum_kernel},
    /* mixed */ {run_sum, sum_kernel},
    /* rms */ {run_sum, sum_kernel},
    /* subsample */ {run_extreme, extreme_kernel},
    /* argmax */ {run_extreme, extreme_kernel},
    /* argmin */ {run_extreme, extreme_kernel},
    /* find nan */ {run_find_nan, nullptr},
    /* quantile */ {run_quantile, nullptr, counting_state},
    /* mode */ {run_mode, nullptr, counting_state},
    /* argquantile */ {run_argquantile, nullptr, counting_state},
    /* lp */ {run_power, power_kernel},
    /* gem */ {run_power, power_kernel},
    /* soft */ {run_softmax, softmax_kernel},
    /* lse */ {run_softmax, softmax_kernel},
    /* var */ {run_spread, spread_kernel},
    /* std */ {run_spread, spread_kernel},
    /* blur */ {run_blur, nullptr},
    /* sample */ {run_draws, nullptr},
    /* expected */ {run_expected, expected_kernel},
    /* area */ {run_area, nullptr},
    /* count */ {run_count, count_kernel},
};

const Entry *entry_of(const pool_call &call) {
    return call.op < 0 || call.op >= POOL_OPS ? nullptr : &TABLE[call.op];
}
int run_other(pool_call &, i64 *) { return POOL_UNKNOWN; }
i64 other_state(const pool_call &) { return -1; }

#endif

} // namespace

// Do the call, or where bytes is not null only say how much scratch it needs.
int run(pool_call &call, int64_t *bytes) {
    const Entry *entry = entry_of(call);
    return entry ? entry->run(call, bytes) : run_other(call, bytes);
}

int64_t state_bytes(const pool_call &call) {
    const Entry *entry = entry_of(call);
    if (!entry)
        return other_state(call);
    if (!entry->kernel)
        return entry->state ? entry->state(call) : -1;
    const Kernel *kernel = entry->kernel(call);
    return kernel ? fold_state_bytes(call, *kernel) : -1;
}

} // namespace POOL_NS
