// The functions of the C ABI: they choose among the instruction sets that were compiled in.
#include "pool.h"

#include <stddef.h>

#define POOL_DECLARE(ns)                                                                            \
    namespace ns {                                                                                 \
    int run(pool_call &call, int64_t *bytes);                                                      \
    int64_t state_bytes(const pool_call &call);                                                    \
    }
POOL_DECLARE(pool_base)
#if defined(POOL_MANY)
POOL_DECLARE(pool_v3)
POOL_DECLARE(pool_v4)
#endif

namespace {

#if defined(POOL_MANY)

void cpuid(unsigned leaf, unsigned part, unsigned out[4]) {
    __asm__("cpuid" : "=a"(out[0]), "=b"(out[1]), "=c"(out[2]), "=d"(out[3]) : "a"(leaf), "c"(part));
}

// Bits of XCR0: which registers the operating system saves.
unsigned saved_registers() {
    unsigned low, high;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

constexpr unsigned bit(int i) { return 1u << i; }
bool has(unsigned word, unsigned bits) { return (word & bits) == bits; }

int best_isa() {
    unsigned r[4];
    cpuid(0, 0, r);
    if (r[0] < 7)
        return 0;
    cpuid(1, 0, r);
    // FMA, SSE4.2, MOVBE, POPCNT, OSXSAVE, AVX, F16C
    if (!has(r[2], bit(12) | bit(20) | bit(22) | bit(23) | bit(27) | bit(28) | bit(29)))
        return 0;
    const unsigned saved = saved_registers();
    cpuid(7, 0, r);
    const unsigned features = r[1];
    cpuid(0x80000000u, 0, r);
    if (r[0] < 0x80000001u)
        return 0;
    cpuid(0x80000001u, 0, r);
    const bool lzcnt = has(r[2], bit(5));
    // BMI1, AVX2, BMI2
    if (!lzcnt || !has(saved, 6) || !has(features, bit(3) | bit(5) | bit(8)))
        return 0;
    // AVX512 F, DQ, CD, BW, VL
    if (has(saved, 0xe6) && has(features, bit(16) | bit(17) | bit(28) | bit(30) | bit(31)))
        return 2;
    return 1;
}

const int isa = best_isa();

#else
const int isa = 0;
#endif

int lowered = 2;

int chosen() { return isa < lowered ? isa : lowered; }

int run(pool_call &call, int64_t *bytes) {
#if defined(POOL_MANY)
    if (chosen() == 2)
        return pool_v4::run(call, bytes);
    if (chosen() == 1)
        return pool_v3::run(call, bytes);
#endif
    return pool_base::run(call, bytes);
}

} // namespace

extern "C" {

int pool_run(pool_call *call) {
    call->found = 0;
    return run(*call, nullptr);
}

int64_t pool_scratch(const pool_call *call) {
    pool_call copy = *call;
    int64_t bytes = 0;
    return run(copy, &bytes) == POOL_OK ? bytes : -1;
}

int64_t pool_state(const pool_call *call) {
#if defined(POOL_MANY)
    if (chosen() == 2)
        return pool_v4::state_bytes(*call);
    if (chosen() == 1)
        return pool_v3::state_bytes(*call);
#endif
    return pool_base::state_bytes(*call);
}

int pool_isa(int most) {
    lowered = most;
    return chosen();
}

int pool_layout(int64_t *numbers, int n) {
#define AXIS(member) offsetof(pool_axis, member)
#define WINDOWS(member) offsetof(pool_windows, member)
#define CALL(member) offsetof(pool_call, member)
    const size_t all[] = {
        POOL_VERSION, POOL_OPS, sizeof(pool_axis), sizeof(pool_windows), sizeof(pool_call),
        AXIS(count), AXIS(in_stride), AXIS(out_stride), AXIS(cell_coef), AXIS(window_coef),
        WINDOWS(n), WINDOWS(held), WINDOWS(stop), WINDOWS(out), WINDOWS(first), WINDOWS(total),
        WINDOWS(start), WINDOWS(step), WINDOWS(size), WINDOWS(dilation), WINDOWS(pad_before),
        WINDOWS(pad_after), WINDOWS(starts), WINDOWS(sizes), WINDOWS(in_stride),
        WINDOWS(out_stride), WINDOWS(cell_coef), WINDOWS(window_coef),
        CALL(op), CALL(in_type), CALL(out_type), CALL(fit), CALL(options), CALL(found), CALL(in),
        CALL(out), CALL(scratch), CALL(scratch_bytes), CALL(state), CALL(lead), CALL(spatial),
        CALL(inner), CALL(cell_base), CALL(window_base), CALL(divisor), CALL(nodata_float),
        CALL(nodata_int), CALL(fill_float), CALL(fill_int), CALL(least_num), CALL(least_den),
        CALL(p), CALL(q), CALL(bad_float), CALL(bad_high), CALL(bad_low), CALL(where),
    };
    const int count = sizeof all / sizeof *all;
    for (int i = 0; i < count && i < n; i++)
        numbers[i] = (int64_t)all[i];
    return count;
}

} // extern "C"
