// The walkers: how a block is gone through for the ops of a kind.
#pragma once

#include "rows.hpp"

namespace POOL_NS {

// What an op is to dispatch.cpp. Where bytes is not null nothing is done: it is set to what the
// call needs of scratch. Returns a pool_status.
typedef int (*RunOp)(pool_call &call, int64_t *bytes);

// Fold all windows of the call with a kernel.
int walk_fold(pool_call &call, const Kernel &kernel, int64_t *bytes);

// Bytes of the states of windows that come in pieces.
int64_t fold_state_bytes(const pool_call &call, const Kernel &kernel);

} // namespace POOL_NS
