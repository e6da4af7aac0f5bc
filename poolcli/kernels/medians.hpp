// Medians of 3 by 3 and 5 by 5 cells beside each other, without missing cells: in registers.
#pragma once

#include "ranks.hpp"

namespace POOL_NS {

// Whether the call has such windows.
bool has_small_medians(const pool_call &call);

// The windows that no edge clips by small medians, all others by other.
int small_medians(pool_call &call, int64_t *bytes, RunOp other);

} // namespace POOL_NS
