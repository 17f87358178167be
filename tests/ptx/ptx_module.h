/* ptx_module.h - PTX as it is run: one ptx_op per instruction.
 *
 * Every operand is a row of 32 lanes in a warp's register file.  That holds for registers, and also for constants and
 * special registers, whose rows are filled once: so an operation is one loop over lanes, with nothing to decide. */
#ifndef GD_TESTS_PTX_MODULE_H
#define GD_TESTS_PTX_MODULE_H

#include "tests/ptx/ptx.h"

enum { PTX_LANES = 32, PTX_ROW32 = 4 * PTX_LANES, PTX_ROW64 = 8 * PTX_LANES, PTX_VECTOR = 16 };

#define PTX_ALL 0xFFFFFFFFu

typedef enum ptx_space { PTX_GENERIC, PTX_GLOBAL, PTX_SHARED, PTX_LOCAL, PTX_PARAM } ptx_space;

/* A generic address is global, but for these windows. */
#define PTX_WINDOW 0x100000000ull
#define PTX_SHARED_WINDOW 0x7A0100000000ull
#define PTX_LOCAL_WINDOW 0x7A0200000000ull
#define PTX_PARAM_WINDOW 0x7A0300000000ull

/* What an instruction tells its warp. */
typedef enum ptx_step {
    PTX_NEXT,
    PTX_JUMP,    /* the lanes' places changed */
    PTX_BARRIER, /* the warp waits */
    PTX_END,
    PTX_FAULT
} ptx_step;

typedef struct ptx_warp ptx_warp;
typedef struct ptx_op ptx_op;
typedef ptx_step ptx_function(ptx_warp *warp, const ptx_op *op, uint32_t lanes);

/* One instruction.  d, a, b and c are rows, as byte offsets into the register file, or numbers of predicates. */
struct ptx_op {
    ptx_function *run;
    uint32_t guard; /* a predicate; PTX_TRUE if there is none */
    uint32_t flip;  /* all bits set: lanes run where the guard is false */
    uint32_t d, a, b, c;
    int64_t offset;   /* of an address; the target of a branch; whatever else is a number */
    const void *more; /* what the operation needs besides: one of the structs below */
    uint32_t code;    /* of ptx_code */
    uint32_t line;
};

/* ld and st; the address is a. */
typedef struct ptx_access {
    uint32_t row[4], width[4]; /* of the elements' registers, in bits */
    unsigned count, size;      /* elements, and bytes of each */
    ptx_space space;
    bool wide, extends; /* the address has 64 bits; elements are signed */
} ptx_access;

/* setp: p = a < b and other, q = not (a < b) and other. */
typedef struct ptx_compare {
    uint32_t q, other, flip;
    enum { PTX_ALONE, PTX_AND, PTX_OR, PTX_XOR } join;
} ptx_compare;

/* mov of a register to or from parts of it. */
typedef struct ptx_parts {
    uint32_t row[4];
    unsigned count, width; /* of a part; the whole has count * width */
} ptx_parts;

/* cvt among integers. */
typedef struct ptx_integers {
    unsigned from, to, from_row, to_row; /* bits */
    bool from_signed, to_signed;
} ptx_integers;

typedef struct ptx_shfl {
    enum { PTX_BFLY, PTX_IDX, PTX_UP, PTX_DOWN } mode;
    uint32_t clamp, members, within; /* rows, and the predicate that says whether the source is in range */
} ptx_shfl;

/* cp.async of size bytes to [a], from [b]; c: how many of them are read, the rest is zero. */
typedef struct ptx_cp_async {
    int64_t to_offset, from_offset;
    uint32_t size;
    bool to_wide;
} ptx_cp_async;

typedef struct ptx_matrices {
    uint32_t row[4];
    unsigned count;
    bool transposed, wide;
} ptx_matrices;

typedef struct ptx_mma {
    uint32_t d[4], a[4], b[2], c[4];
} ptx_mma;

typedef struct ptx_targets {
    size_t count;
    uint32_t op[];
} ptx_targets;

/* Predicates that every warp has. */
enum { PTX_TRUE = 0, PTX_FALSE = 1, PTX_PREDICATES = 2 };

/* A row that a warp finds filled. */
typedef enum ptx_source {
    PTX_CONSTANT,
    PTX_TID,
    PTX_CTAID,
    PTX_NTID,
    PTX_NCTAID,
    PTX_LANEID,
    PTX_WARPID,
    PTX_LANEMASK_LT,
    PTX_LANEMASK_LE,
    PTX_LANEMASK_EQ,
    PTX_LANEMASK_GE,
    PTX_LANEMASK_GT,
    PTX_DYNAMIC_BASE, /* where dynamic shared memory begins */
    PTX_DYNAMIC_SIZE,
    PTX_TOTAL_SIZE
} ptx_source;

typedef struct ptx_filled {
    ptx_source source;
    unsigned axis;
    bool wide;
    uint32_t row;
    uint64_t value;
} ptx_filled;

/* What an entry's operations point to. */
typedef struct ptx_allocation {
    struct ptx_allocation *next;
    max_align_t data[];
} ptx_allocation;

typedef struct ptx_entry_point {
    char *name;
    ptx_op *ops;
    size_t op_count;
    ptx_filled *filled;
    size_t filled_count;
    size_t file_bytes; /* of the register file */
    uint32_t predicates;
    size_t param_bytes, shared_bytes, shared_align, local_bytes;
    unsigned maxntid; /* 0: not said */
    ptx_allocation *allocations;
    const struct ptx_variant *variant;
    struct ptx_pool *pool;
} ptx_entry_point;

struct ptx_module {
    ptx_entry_point *entries;
    size_t entry_count;
};

#endif
