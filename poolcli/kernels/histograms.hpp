// quantile and mode of cells of one byte in large overlapping windows: by histograms of columns,
// whose sum over a window changes by two of them from window to window, whatever its size
// (Perreault & Hebert 2007).
#pragma once

#include "ranks.hpp"

namespace POOL_NS {

// Whether the call is of that kind.
bool should_use_histograms(const pool_call &call);

int histogram_quantile(pool_call &call, int64_t *bytes);
int histogram_mode(pool_call &call, int64_t *bytes);

} // namespace POOL_NS
