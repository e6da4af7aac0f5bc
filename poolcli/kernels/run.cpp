// Which function does which op. A new op gets its line here, in place of null.
#include "ops.hpp"

namespace POOL_NS {
namespace {

struct Entry {
    RunOp run;
    const Kernel *(*kernel)(const pool_call &call); // of ops that fold
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
    /* quantile */ {nullptr, nullptr},
    /* mode */ {nullptr, nullptr},
    /* argquantile */ {nullptr, nullptr},
    /* lp */ {nullptr, nullptr},
    /* gem */ {nullptr, nullptr},
    /* soft */ {nullptr, nullptr},
    /* lse */ {nullptr, nullptr},
    /* var */ {nullptr, nullptr},
    /* std */ {nullptr, nullptr},
    /* blur */ {nullptr, nullptr},
    /* sample */ {nullptr, nullptr},
    /* expected */ {nullptr, nullptr},
};

} // namespace

// Do the call, or where bytes is not null only say how much scratch it needs.
int run(pool_call &call, int64_t *bytes) {
    if (call.op < 0 || call.op >= POOL_OPS || !TABLE[call.op].run)
        return POOL_UNKNOWN;
    return TABLE[call.op].run(call, bytes);
}

int64_t state_bytes(const pool_call &call) {
    if (call.op < 0 || call.op >= POOL_OPS || !TABLE[call.op].kernel)
        return -1;
    const Kernel *kernel = TABLE[call.op].kernel(call);
    return kernel ? fold_state_bytes(call, *kernel) : -1;
}

} // namespace POOL_NS
