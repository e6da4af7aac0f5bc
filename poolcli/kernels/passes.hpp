// Giant windows of ranks: their cells are counted by 16 bits of their keys in each pass over them,
// so that a window takes no more memory than two tables, and can come in pieces.
//
// A first pass counts the upper bits, which tells in which of 65,536 bins a wanted rank lies; every
// further pass counts the next bits of the keys in that bin alone. A place takes one pass more.
// Windows in pieces: q[3] is the number of the pass; after its last piece (which is not
// POOL_UNFINISHED) the state is that of the next, and after the last pass there are results.
#pragma once

#include "ranks.hpp"

namespace POOL_NS {

// Whether windows should be counted: they are too large to slide, or share too little for it.
bool should_count(const pool_call &call);

int count_quantile(pool_call &call, int64_t *bytes);
int count_argquantile(pool_call &call, int64_t *bytes);
int count_mode(pool_call &call, int64_t *bytes); // of cells of up to 16 bits

// Bytes of state of windows in pieces; -1 for those that have to be whole.
int64_t counting_state(const pool_call &call);

} // namespace POOL_NS
