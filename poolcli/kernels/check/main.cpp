// Runs every kernel over pseudo-random blocks and prints a digest of the results.
//
// Under sanitizers (`make sanitize`) each buffer is exactly as large as the call says, so that any
// reach past it shows. The digest is the same for all compilers, processors and instruction sets.
// Arguments: how many blocks of each op (default 3000), and the instruction set, 0 to 2.
#include "../pool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

namespace {

uint64_t state = 1;

uint64_t random_bits() { // SplitMix64
    uint64_t z = (state += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}
int64_t random_below(int64_t n) { return int64_t(random_bits() % uint64_t(n)); }
int64_t random_from(int64_t low, int64_t high) { return low + random_below(high - low + 1); }
bool one_of(int n) { return random_below(n) == 0; }

constexpr int SIZES[] = {1, 1, 1, 2, 2, 4, 4, 8, 8, 2, 4, 8};

bool is_float(int type) { return type >= POOL_F16; }

void put_cell(int type, char *to) {
    const double x = one_of(40)  ? 0.0
                     : one_of(60) ? -0.0
                                  : double(int64_t(random_bits() >> 11)) * 0x1p-50 * (one_of(2) ? 1 : -1);
    const uint64_t nan = 0x7ff8000000000123u, inf = 0x7ff0000000000000u;
    double value = x;
    if (one_of(200))
        memcpy(&value, one_of(2) ? &nan : &inf, 8);
    if (type == POOL_F64) {
        memcpy(to, &value, 8);
    } else if (type == POOL_F32) {
        const float small = float(value);
        memcpy(to, &small, 4);
    } else if (type == POOL_F16) {
        const uint16_t half = uint16_t(random_bits()) & 0xbfff; // below 2, and no NaN
        memcpy(to, &half, 2);
    } else {
        const uint64_t bits = type == POOL_BOOL ? random_bits() & 1 : random_bits() >> random_below(60);
        memcpy(to, &bits, SIZES[type]);
    }
}

// Strides for lengths in some order of axes, from the nearest; each axis may be padded.
int64_t set_strides(const int64_t *lengths, const int *order, int axes, int64_t size, int64_t *strides) {
    int64_t step = size;
    for (int i = 0; i < axes; i++) {
        strides[order[i]] = step;
        step *= lengths[order[i]] + (one_of(4) ? random_below(2) : 0);
    }
    int64_t last = 0; // of the last byte
    for (int i = 0; i < axes; i++)
        last += (lengths[i] - 1) * strides[i];
    return last + size;
}

// Windows for an axis of up to `most` cells; false where one would have no cell.
bool set_windows(pool_windows &w, int64_t most, int64_t *starts, int64_t *sizes) {
    memset(&w, 0, sizeof w);
    w.n = random_from(1, most);
    w.dilation = one_of(5) ? random_from(1, 3) : 1;
    if (one_of(5)) { // adaptive
        w.dilation = 1;
        w.total = w.out = random_from(1, 2 * w.n);
        for (int64_t i = 0; i < w.out; i++) {
            starts[i] = i * w.n / w.out;
            sizes[i] = ((i + 1) * w.n + w.out - 1) / w.out - starts[i];
            w.size = w.size < sizes[i] ? sizes[i] : w.size;
        }
        w.step = w.size;
        w.starts = starts;
        w.sizes = sizes;
        w.stop = w.n;
        return true;
    }
    w.size = one_of(4) ? random_from(1, w.n) : random_from(1, 5);
    w.step = one_of(3) ? random_from(1, 9) : random_from(1, 2);
    const int64_t reach = (w.size - 1) * w.dilation + 1;
    w.pad_before = one_of(2) ? random_below(reach) : 0;
    w.pad_after = one_of(2) ? random_below(reach) : 0;
    const int64_t padded = w.n + w.pad_before + w.pad_after;
    if (padded < reach)
        return false;
    w.total = (padded - reach) / w.step + 1;
    if (w.total == 1)
        w.step = w.size;
    w.first = random_below(w.total);
    w.out = random_from(1, w.total - w.first);
    w.start = w.first * w.step - w.pad_before;
    for (int64_t i = 0; i < w.out; i++) {
        int64_t real = 0;
        for (int64_t k = 0; k < w.size; k++) {
            const int64_t cell = w.start + i * w.step + k * w.dilation;
            real += cell >= 0 && cell < w.n;
        }
        if (!real)
            return false;
    }
    const int64_t end = w.start + (w.out - 1) * w.step + reach;
    w.held = w.start > 0 ? w.start : 0;
    w.stop = end < w.n ? end : w.n;
    return true;
}

void set_parameters(pool_call &call) {
    call.fit = POOL_CLIP;
    call.options = int32_t(random_bits()) & (POOL_SWAP_IN | POOL_SWAP_OUT);
    if (one_of(3))
        call.options |= is_float(call.in_type) && one_of(2) ? POOL_SKIP_NAN : POOL_NODATA;
    if (call.op == POOL_AVG || call.op == POOL_MIXED)
        call.options |= one_of(3) ? POOL_COUNT_PAD : one_of(4) ? POOL_DIVISOR : 0;
    call.divisor = 3;
    call.nodata_int = 1;
    call.least_den = 4;
    call.least_num = random_below(5);
    call.q[1] = 2;
    call.q[0] = 1;
    call.p[0] = call.op == POOL_MIXED ? 0.5 : 3;
    call.p[1] = 1e-6;
    if (call.op == POOL_QUANTILE || call.op == POOL_ARGQUANTILE)
        call.q[2] = random_below(5);
    if (call.op == POOL_SAMPLE || call.op == POOL_EXPECTED)
        call.q[1] = random_from(1, 2); // relu, shift
    const double powers[] = {1, 2, 2.5, 3, 7, 100, __builtin_inf()};
    if (call.op == POOL_LP) {
        call.p[0] = powers[random_below(7)];
        call.q[0] = one_of(3);
    } else if (call.op == POOL_GEM) {
        call.p[0] = powers[random_below(6)];
    }
}

// Tables of weights for blur, which reads cells anywhere along mirrored axes.
void set_weights(pool_call &call, double **tables) {
    for (int i = 0; i < 3; i++) {
        pool_windows &w = call.spatial[i];
        w.held = 0;
        w.stop = w.n;
        const int64_t turn = w.n > 1 ? 2 * (w.n - 1) : 1;
        int64_t smallest = w.size, places = 1;
        while (places < w.size && places * w.dilation % turn)
            places++;
        for (int64_t k = 0; w.sizes && k < w.out; k++)
            smallest = w.sizes[k] < smallest ? w.sizes[k] : smallest;
        const int64_t count = (w.size - smallest + 1) * places;
        tables[i] = static_cast<double *>(malloc(size_t(count) * sizeof(double)));
        for (int64_t k = 0; k < count; k++)
            tables[i][k] = double(random_below(9)) / 8;
        call.q[i] = reinterpret_cast<int64_t>(tables[i]);
    }
}

uint64_t digest = 0xcbf29ce484222325u;

void add_to_digest(const char *bytes, int64_t n) {
    for (int64_t i = 0; i < n; i++)
        digest = (digest ^ uint8_t(bytes[i])) * 0x100000001b3u;
}

// One block; false where there is no kernel, or chance made no call.
bool one_block(int op) {
    static int64_t starts[3][200], sizes[3][200];
    pool_call call;
    memset(&call, 0, sizeof call);
    call.op = op;
    call.in_type = int32_t(random_below(POOL_TYPES));
    call.out_type = one_of(2) ? call.in_type : int32_t(random_below(POOL_TYPES));
    const int spatial = int(random_from(1, 3));
    const int64_t most = spatial == 1 ? 70 : spatial == 2 ? 30 : 9;
    for (int i = 0; i < 3; i++) {
        pool_windows &w = call.spatial[i];
        if (i >= 3 - spatial) {
            if (!set_windows(w, most, starts[i], sizes[i]))
                return false;
        } else {
            memset(&w, 0, sizeof w);
            w.n = w.stop = w.out = w.total = w.step = w.size = w.dilation = 1;
        }
        w.cell_coef = i == 2 ? 1 : 100 * (2 - i);
    }
    call.lead[0].count = 1;
    call.lead[1].count = random_from(1, 2);
    call.inner.count = one_of(2) ? 1 : random_from(1, 20);
    set_parameters(call);
    double *tables[3] = {};
    if (op == POOL_BLUR)
        set_weights(call, tables);
    int64_t in_lengths[5] = {call.lead[1].count}, out_lengths[5] = {call.lead[1].count};
    for (int i = 0; i < 3; i++) {
        in_lengths[1 + i] = call.spatial[i].stop - call.spatial[i].held;
        out_lengths[1 + i] = call.spatial[i].out;
    }
    in_lengths[4] = out_lengths[4] = call.inner.count;
    int order[5] = {4, 3, 2, 1, 0};
    if (one_of(3))
        for (int i = 4; i > 0; i--) {
            const int other = int(random_below(i + 1)), kept = order[i];
            order[i] = order[other];
            order[other] = kept;
        }
    int64_t in_strides[5], out_strides[5];
    const int64_t in_bytes = set_strides(in_lengths, order, 5, SIZES[call.in_type], in_strides);
    const int64_t out_bytes = set_strides(out_lengths, order, 5, SIZES[call.out_type], out_strides);
    call.lead[1].in_stride = in_strides[0];
    call.lead[1].out_stride = out_strides[0];
    for (int i = 0; i < 3; i++) {
        call.spatial[i].in_stride = in_strides[1 + i];
        call.spatial[i].out_stride = out_strides[1 + i];
    }
    call.inner.in_stride = in_strides[4];
    call.inner.out_stride = out_strides[4];
    call.scratch_bytes = pool_scratch(&call);
    if (call.scratch_bytes < 0) {
        for (double *table : tables)
            free(table);
        return false;
    }
    char *in = static_cast<char *>(malloc(size_t(in_bytes)));
    char *out = static_cast<char *>(calloc(size_t(out_bytes), 1));
    char *scratch = static_cast<char *>(aligned_alloc(64, size_t((call.scratch_bytes + 63) / 64 * 64)));
    memset(scratch, 0xa5, size_t(call.scratch_bytes));
    memset(in, 0, size_t(in_bytes));
    for (int64_t at = 0; at + SIZES[call.in_type] <= in_bytes; at += SIZES[call.in_type])
        put_cell(call.in_type, in + at);
    call.in = in;
    call.out = out;
    call.scratch = scratch;
    const int status = pool_run(&call);
    if (status != POOL_OK) {
        printf("op %d: status %d\n", op, status);
        exit(1);
    }
    if (!call.found || op == POOL_FIND_NAN) // what is refused may stand half-written
        add_to_digest(out, out_bytes);
    add_to_digest(reinterpret_cast<const char *>(&call.found), sizeof call.found);
    free(in);
    free(out);
    free(scratch);
    for (double *table : tables)
        free(table);
    return true;
}

} // namespace

int main(int count, char **arguments) {
    const int blocks = count > 1 ? atoi(arguments[1]) : 3000;
    const int isa = pool_isa(count > 2 ? atoi(arguments[2]) : 2);
    for (int op = 0; op < POOL_OPS; op++) {
        state = uint64_t(op) + 1;
        digest = 0xcbf29ce484222325u;
        int done = 0;
        for (int i = 0; i < blocks; i++)
            done += one_block(op);
        printf("%2d %5d %016llx\n", op, done, static_cast<unsigned long long>(digest));
    }
    fprintf(stderr, "instruction set %d\n", isa);
    return 0;
}
