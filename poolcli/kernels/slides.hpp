// Large windows of ranks, as run_quantile, run_argquantile and run_mode hand them on.
#pragma once

#include "ranks.hpp"

namespace POOL_NS {

int slide_quantile(pool_call &call, int64_t *bytes);
int slide_argquantile(pool_call &call, int64_t *bytes);
int slide_mode(pool_call &call, int64_t *bytes);

} // namespace POOL_NS
