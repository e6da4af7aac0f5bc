// Which function does which op. A new op gets its line here, in place of null.
#include "ops.hpp"
#include "passes.hpp"

namespace POOL_NS {
namespace {

struct Entry {
    RunOp run;
    const Kernel *(*kernel)(const pool_call &call); // of ops that fold
    int64_t (*state)(const pool_call &call) = nullptr; // of others whose windows may come in pieces
};

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
};

} // namespace

// Do the call, or where bytes is not null only say how much scratch it needs.
int run(pool_call &call, int64_t *bytes) {
    if (call.op < 0 || call.op >= POOL_OPS || !TABLE[call.op].run)
        return POOL_UNKNOWN;
    return TABLE[call.op].run(call, bytes);
}

int64_t state_bytes(const pool_call &call) {
    if (call.op < 0 || call.op >= POOL_OPS)
        return -1;
    const Entry &entry = TABLE[call.op];
    if (!entry.kernel)
        return entry.state ? entry.state(call) : -1;
    const Kernel *kernel = entry.kernel(call);
    return kernel ? fold_state_bytes(call, *kernel) : -1;
}

} // namespace POOL_NS
