/* The C ABI of the kernels: one struct that says what to do with one block, one function to do it.
 *
 * Only C types. Python's side of this struct is engine/native.py, which checks every call before
 * it is made; nothing here checks shapes again. tests/native/test_native_layout.py holds the two
 * together by sizes and offsets.
 *
 * A block is seen as axes (lead..., spatial..., inner): up to two lead axes, always three spatial
 * axes D, H, W (those that an array lacks have one cell and one window), and one inner axis, which
 * is nearest in memory where there is one ("lanes": the channels of NHWC). Strides are in bytes
 * and may be anything, zero and negative included. Coordinates along spatial axes are absolute,
 * those of the whole array, for the order of every sum follows from them.
 */
#ifndef POOLCLI_POOL_H
#define POOLCLI_POOL_H

#include <stdint.h>

#if defined(_WIN32)
#define POOL_API __declspec(dllexport)
#else
#define POOL_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Change with any change of this file: a library of another version is refused when it is loaded. */
enum { POOL_VERSION = 1 };

/* Number types, in NumPy's order. */
enum pool_type {
    POOL_BOOL, POOL_I8, POOL_U8, POOL_I16, POOL_U16, POOL_I32, POOL_U32, POOL_I64, POOL_U64,
    POOL_F16, POOL_F32, POOL_F64, POOL_TYPES
};

/* Ops. A new one goes before POOL_OPS, and by the same name into OPS of engine/native.py. */
enum pool_op {
    POOL_MAX, POOL_MIN, POOL_RANGE, POOL_SUM, POOL_AVG, POOL_MIXED, POOL_RMS, POOL_SUBSAMPLE,
    POOL_ARGMAX, POOL_ARGMIN, POOL_FIND_NAN,
    POOL_QUANTILE, POOL_MODE, POOL_ARGQUANTILE,
    POOL_LP, POOL_GEM, POOL_SOFT, POOL_LSE, POOL_VAR, POOL_STD, POOL_BLUR,
    POOL_SAMPLE, POOL_EXPECTED, POOL_AREA, POOL_COUNT,
    POOL_OPS
};

/* How results enter an integer type: whole numbers only, rounded half to even, rounded and cut off. */
enum pool_fit { POOL_EXACT, POOL_ROUND, POOL_CLIP };

/* pool_call.options */
enum pool_option {
    POOL_SWAP_IN = 1,     /* cells are in the other byte order */
    POOL_SWAP_OUT = 2,    /* so are results */
    POOL_SKIP_NAN = 4,    /* NaN is missing */
    POOL_NODATA = 8,      /* cells that equal nodata are missing */
    POOL_COUNT_PAD = 16,  /* averages count explicit padding */
    POOL_DIVISOR = 32,    /* averages divide by divisor */
    POOL_CONTINUES = 64,  /* a piece of windows whose earlier rows are in state already */
    POOL_UNFINISHED = 128 /* more rows of these windows follow: leave them in state */
};

/* pool_call.found */
enum pool_found {
    POOL_OVERFLOW = 1, /* an integer result does not fit 64 bits, or a float one the target */
    POOL_INEXACT = 2,  /* a result that is no whole number, or one that the target cannot hold */
    POOL_OUTSIDE = 4,  /* a result outside the target's range */
    POOL_NAN = 8,      /* NaN for an integer target; of POOL_FIND_NAN: there is one, at where */
    POOL_NEGATIVE = 16 /* a cell that the op does not allow */
};

/* What pool_run returns. */
enum pool_status { POOL_OK, POOL_UNKNOWN, POOL_NO_ROOM };

/* An axis without windows. */
typedef struct pool_axis {
    int64_t count;
    int64_t in_stride, out_stride;
    int64_t cell_coef;   /* how far apart neighbours are as the call counts cells */
    int64_t window_coef; /* and as it counts windows */
} pool_axis;

/* A spatial axis with its windows: window i covers start + dilation * (0 ... size - 1). */
typedef struct pool_windows {
    int64_t n;                    /* cells of the whole axis; others are padding */
    int64_t held;                 /* the first cell that is in memory; in points to it */
    int64_t stop;                 /* one past the last */
    int64_t out;                  /* windows of this block */
    int64_t first;                /* the number of the first among all */
    int64_t total;                /* all windows of the axis */
    int64_t start, step;          /* of even windows; start is that of this block's first */
    int64_t size;                 /* of even windows, else the largest */
    int64_t dilation;
    int64_t pad_before, pad_after; /* explicit padding, which averages may count */
    const int64_t *starts;        /* of uneven windows: starts and sizes of this block's; else null */
    const int64_t *sizes;
    int64_t in_stride, out_stride;
    int64_t cell_coef, window_coef;
} pool_windows;

typedef struct pool_call {
    int32_t op, in_type, out_type, fit, options;
    int32_t found;               /* set: what went wrong, pool_found */
    const void *in;              /* the first cell in memory */
    void *out;                   /* the first result */
    void *scratch;               /* pool_scratch bytes, of one thread */
    int64_t scratch_bytes;
    void *state;                 /* pool_state bytes, for windows that come in pieces */
    pool_axis lead[2];
    pool_windows spatial[3];
    pool_axis inner;
    int64_t cell_base;           /* position of the cell at 0 of all axes of the block, 0 of spatial */
    int64_t window_base;         /* number of the block's first window */
    double divisor;
    double nodata_float;         /* the missing value, for float cells and for others */
    int64_t nodata_int;          /* (of uint64: its bits) */
    double fill_float;           /* what windows with too few cells give, of the op's own results */
    int64_t fill_int;
    int64_t least_num, least_den; /* too few: valid == 0 or valid * least_den < real * least_num */
    double p[4];                 /* parameters of the op, see README.md */
    int64_t q[4];
    double bad_float;            /* set with found: the first offender, as a float, */
    int64_t bad_high;            /* and as bad_high * 2**64 + bad_low where it is an integer */
    uint64_t bad_low;
    int64_t where[6];            /* set by POOL_FIND_NAN: its place along lead, spatial, inner */
} pool_call;

/* Do a block. Touches nothing but what the call points to. */
POOL_API int pool_run(pool_call *call);

/* Bytes of scratch, and of state, that the call needs; -1 for an op and types there are not. */
POOL_API int64_t pool_scratch(const pool_call *call);
POOL_API int64_t pool_state(const pool_call *call);

/* Use no instruction set beyond most: 0 baseline, 1 x86-64-v3, 2 x86-64-v4. Returns the one in use.
 * Not while another thread runs. */
POOL_API int pool_isa(int most);

/* Fills at most n numbers: the version, how many ops there are, sizeof each struct, offsets of each member of each struct
 * in order; returns how many there are. */
POOL_API int pool_layout(int64_t *numbers, int n);

#ifdef __cplusplus
}
#endif
#endif
