// Runs every kernel over pseudo-random blocks and prints a digest of the results.
//
// Each buffer is exactly as large as the call says, so that under sanitizers (`make sanitize`) any
// reach past it shows. Strides are of any sign, addresses of any alignment; blocks are pooled whole,
// and where the op allows it in pieces as well, which has to give the same bytes. The digests are
// the same for all compilers, processors and instruction sets (`make digests`).
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

// Numbers are drawn in statements of their own: compilers differ in the order within one.
double random_real() {
    if (one_of(40))
        return one_of(2) ? 0.0 : -0.0;
    if (one_of(200))
        return one_of(2) ? __builtin_nan("") : one_of(2) ? __builtin_inf() : -__builtin_inf();
    const int64_t digits = int64_t(random_bits() >> 11);
    const double scale = one_of(30) ? 0x1p60 : 0x1p-50;
    return double(one_of(2) ? -digits : digits) * scale;
}

void put_cell(int type, char *to) {
    if (type == POOL_F64) {
        const double value = random_real();
        memcpy(to, &value, 8);
    } else if (type == POOL_F32) {
        const float value = float(random_real());
        memcpy(to, &value, 4);
    } else if (type == POOL_F16) {
        const uint16_t any = uint16_t(random_bits());
        const uint16_t value = one_of(50) ? any : any & 0xbfff; // below 2, and no NaN
        memcpy(to, &value, 2);
    } else {
        const uint64_t bits = random_bits();
        const uint64_t value = type == POOL_BOOL ? bits & 1 : bits >> random_below(60);
        memcpy(to, &value, size_t(SIZES[type]));
    }
}

// ---- buffers ----------------------------------------------------------------------------------

constexpr int64_t MOST_STATE = int64_t(1) << 26;
constexpr int AXES = 5; // a lead axis, three spatial ones, and the inner one

// Memory for lengths[0] by ... cells, and the strides there, none of it more than it takes.
struct Buffer {
    char *memory, *first;
    int64_t bytes, strides[AXES];

    void take(const int64_t *lengths, const int *order, int64_t size, bool repeats) {
        int64_t step = size, before = 0, after = size;
        for (int i = 0; i < AXES; i++) {
            const int axis = order[i];
            strides[axis] = step;
            step *= lengths[axis] + (one_of(4) ? random_below(2) : 0);
            if (one_of(5))
                strides[axis] = repeats && one_of(3) ? 0 : -strides[axis];
            const int64_t reach = (lengths[axis] - 1) * strides[axis];
            (reach < 0 ? before : after) += reach < 0 ? -reach : reach;
        }
        const int64_t shift = one_of(3) ? random_below(8) : 0; // nothing has to be aligned
        bytes = shift + before + after;
        memory = static_cast<char *>(calloc(size_t(bytes), 1));
        first = memory + shift + before;
    }
};

void shuffle(int *order) {
    for (int i = AXES - 1; i > 0; i--) {
        const int other = int(random_below(i + 1)), kept = order[i];
        order[i] = order[other];
        order[other] = kept;
    }
}

// ---- calls ------------------------------------------------------------------------------------

// Windows for an axis of up to `most` cells, which share it if wanted; false where one would have no
// cell.
bool set_windows(pool_windows &w, int64_t most, int64_t *starts, int64_t *sizes, bool shared) {
    memset(&w, 0, sizeof w);
    w.n = random_from(1, most);
    w.dilation = one_of(5) ? random_from(1, 3) : 1;
    if (one_of(5) || shared) { // adaptive
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
    call.fit = int32_t(random_below(3));
    call.fit = one_of(2) ? call.fit : int32_t(POOL_CLIP); // what is refused leaves little to see
    call.options = int32_t(random_bits()) & (POOL_SWAP_IN | POOL_SWAP_OUT);
    if (one_of(3))
        call.options |= is_float(call.in_type) && one_of(2) ? POOL_SKIP_NAN : POOL_NODATA;
    if (call.op == POOL_AVG || call.op == POOL_MIXED)
        call.options |= one_of(3) ? POOL_COUNT_PAD : one_of(4) ? POOL_DIVISOR : 0;
    const double divisors[] = {3, -4, 2.5, 1e30};
    call.divisor = divisors[random_below(4)];
    call.nodata_int = 1;
    call.fill_int = random_below(3) - 1;
    call.fill_float = one_of(2) ? __builtin_nan("") : double(call.fill_int);
    call.least_den = 4;
    call.least_num = random_below(5);
    call.q[1] = 2;
    call.q[0] = 1;
    call.p[0] = call.op == POOL_MIXED ? 0.5 : 3;
    call.p[1] = 1e-6;
    const double powers[] = {1, 2, 2.5, 3, 7, 100, __builtin_inf()};
    switch (call.op) {
    case POOL_QUANTILE: case POOL_ARGQUANTILE:
        call.q[1] = random_from(1, 5);
        call.q[0] = random_below(call.q[1] + 1);
        call.q[2] = random_below(5);
        break;
    case POOL_SAMPLE: case POOL_EXPECTED:
        call.q[0] = int64_t(random_bits());
        call.q[1] = random_below(3);
        break;
    case POOL_AREA: call.q[0] = random_below(2); break;
    case POOL_LP:
        call.p[0] = powers[random_below(7)];
        call.q[0] = call.p[0] < 1e300 && one_of(3);
        break;
    case POOL_GEM: call.p[0] = powers[random_below(6)]; break;
    case POOL_LSE: call.p[0] = one_of(2) ? -0.5 : 4; break;
    case POOL_VAR: case POOL_STD: call.q[0] = random_below(3); break;
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

uint64_t digest;
int pieces;

void add_to_digest(const char *bytes, int64_t n) {
    for (int64_t i = 0; i < n; i++)
        digest = (digest ^ uint8_t(bytes[i])) * 0x100000001b3u;
}

void give_up(const pool_call &call, const char *why, int64_t number) {
    printf("op %d, types %d and %d: %s (%lld)\n", call.op, call.in_type, call.out_type, why,
           static_cast<long long>(number));
    exit(1);
}

// Run the call with scratch of exactly as many bytes as it asks for.
void run(pool_call &call) {
    call.scratch_bytes = pool_scratch(&call);
    if (call.scratch_bytes < 0)
        give_up(call, "pieces without a kernel", call.scratch_bytes);
    call.scratch = malloc(size_t(call.scratch_bytes));
    memset(call.scratch, 0xa5, size_t(call.scratch_bytes));
    const int status = pool_run(&call);
    free(call.scratch);
    if (status != POOL_OK)
        give_up(call, "status", status);
}

int passes_of(const pool_call &call) {
    const bool place = call.op == POOL_ARGQUANTILE;
    if (!place && call.op != POOL_QUANTILE && call.op != POOL_MODE)
        return 1;
    const int bits = 8 * SIZES[call.in_type];
    return (is_float(call.in_type) && bits < 32 ? 2 : (bits + 15) / 16) + place;
}

// The same windows in pieces of their rows; false where they have to be whole.
bool pool_pieces(pool_call call, void *out) {
    pool_windows &d = call.spatial[0], &h = call.spatial[1];
    const pool_windows depths = d, heights = h;
    const int64_t rows = random_from(1, heights.stop - heights.held);
    const bool single = depths.stop - depths.held == 1 && rows == heights.stop - heights.held;
    if (call.op == POOL_BLUR || single || d.out > 1 || h.out > 1)
        return false;
    const int32_t options = call.options;
    const char *in = static_cast<const char *>(call.in);
    call.options |= POOL_UNFINISHED;
    const int64_t bytes = pool_state(&call);
    if (bytes < 0 || bytes > MOST_STATE)
        return false;
    call.state = malloc(size_t(bytes));
    memset(call.state, 0xa5, size_t(bytes));
    call.out = out;
    const int passes = passes_of(call);
    for (int pass = 0; pass < passes; pass++)
        for (d.held = depths.held; d.held < depths.stop; d.held++)
            for (h.held = heights.held; h.held < heights.stop; h.held += rows) {
                d.stop = d.held + 1;
                h.stop = h.held + rows < heights.stop ? h.held + rows : heights.stop;
                call.in = in + (d.held - depths.held) * d.in_stride + (h.held - heights.held) * h.in_stride;
                const bool first = !pass && d.held == depths.held && h.held == heights.held;
                const bool last = d.stop == depths.stop && h.stop == heights.stop;
                call.options = options | (first ? 0 : POOL_CONTINUES) | (last ? 0 : POOL_UNFINISHED);
                if (passes > 1)
                    call.q[3] = pass;
                run(call);
            }
    free(call.state);
    return true;
}

// Give the call cells and room for results; pool, and pool again in pieces.
void pool_block(pool_call &call) {
    int64_t in_lengths[AXES] = {call.lead[1].count}, out_lengths[AXES] = {call.lead[1].count};
    for (int i = 0; i < 3; i++) {
        in_lengths[1 + i] = call.spatial[i].stop - call.spatial[i].held;
        out_lengths[1 + i] = call.spatial[i].out;
    }
    in_lengths[4] = out_lengths[4] = call.inner.count;
    int order[AXES] = {4, 3, 2, 1, 0};
    if (one_of(3))
        shuffle(order);
    Buffer in, out;
    in.take(in_lengths, order, SIZES[call.in_type], true);
    out.take(out_lengths, order, SIZES[call.out_type], false);
    for (int64_t at = 0; at + SIZES[call.in_type] <= in.bytes; at += SIZES[call.in_type])
        put_cell(call.in_type, in.memory + at);
    call.lead[1].in_stride = in.strides[0];
    call.lead[1].out_stride = out.strides[0];
    for (int i = 0; i < 3; i++) {
        call.spatial[i].in_stride = in.strides[1 + i];
        call.spatial[i].out_stride = out.strides[1 + i];
    }
    call.inner.in_stride = in.strides[4];
    call.inner.out_stride = out.strides[4];
    call.in = in.first;
    call.out = out.first;
    run(call);
    if (!call.found || call.op == POOL_FIND_NAN) // what is refused may stand half-written
        add_to_digest(out.memory, out.bytes);
    add_to_digest(reinterpret_cast<const char *>(&call.found), sizeof call.found);
    char *again = static_cast<char *>(calloc(size_t(out.bytes), 1));
    if (!call.found && call.op != POOL_FIND_NAN && pool_pieces(call, again + (out.first - out.memory))) {
        pieces++;
        if (memcmp(again, out.memory, size_t(out.bytes)))
            give_up(call, "pieces give other bytes", pieces);
    }
    free(again);
    free(in.memory);
    free(out.memory);
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
    const int64_t most = spatial == 1 ? 70 : spatial == 2 ? (one_of(8) ? 70 : 30) : 9;
    for (int i = 0; i < 3; i++) {
        pool_windows &w = call.spatial[i];
        if (i >= 3 - spatial) {
            if (!set_windows(w, most, starts[i], sizes[i], op == POOL_AREA))
                return false;
        } else {
            w.n = w.stop = w.out = w.total = w.step = w.size = w.dilation = 1;
        }
        w.cell_coef = i == 2 ? 1 : 100 * (2 - i);
        w.window_coef = i == 2 ? 1 : 70 * (2 - i);
    }
    call.lead[0].count = one_of(6) ? 2 : 1;
    call.lead[1].count = random_from(1, 2);
    call.lead[0].cell_coef = call.lead[0].window_coef = 100000;
    call.lead[1].cell_coef = call.lead[1].window_coef = 10000;
    call.inner.count = one_of(2) ? 1 : one_of(8) ? random_from(1, 70) : random_from(1, 20);
    set_parameters(call);
    double *tables[3] = {};
    if (op == POOL_BLUR)
        set_weights(call, tables);
    const bool known = pool_scratch(&call) >= 0;
    if (known)
        pool_block(call);
    for (double *table : tables)
        free(table);
    return known;
}

} // namespace

int main(int count, char **arguments) {
    const int blocks = count > 1 ? atoi(arguments[1]) : 3000;
    const int wanted = count > 2 ? atoi(arguments[2]) : 2, isa = pool_isa(wanted);
    if (count > 2 && isa != wanted) {
        fprintf(stderr, "this processor or library lacks instruction set %d\n", wanted);
        return 2;
    }
    for (int op = 0; op < POOL_OPS; op++) {
        state = uint64_t(op) + 1;
        digest = 0xcbf29ce484222325u;
        pieces = 0;
        int done = 0;
        for (int i = 0; i < blocks; i++)
            done += one_block(op);
        printf("%d %d %d %016llx\n", op, done, pieces, static_cast<unsigned long long>(digest));
    }
    return 0;
}
