/* ptx_warp.h - the state of a block while it runs: its warps, its shared memory, and what is known of each word. */
#ifndef GD_TESTS_PTX_WARP_H
#define GD_TESTS_PTX_WARP_H

#include "tests/ptx/ptx_ops.h"

typedef struct ptx_range {
    uint64_t address;
    size_t bytes;
    unsigned char *host;
    bool writable;
} ptx_range;

struct ptx_memory {
    ptx_range *ranges; /* in the order of addresses */
    size_t count, room;
};

/* The range in which the address lies; NULL if there is none. */
const ptx_range *ptx_range_of(const ptx_memory *memory, uint64_t address);

/* What is known of shared memory, for each two bytes of it.  An epoch is the time between two barriers.
 * wrote: 32 * epoch + warp of the last write, or ARRIVES between a cp.async and the wait for it; what is below `oldest`
 * was not written in this block.  read: 64 * epoch + warp of the last reads, or + SEVERAL. */
typedef struct ptx_shared {
    unsigned char *data;
    size_t bytes;
    uint32_t *wrote, *read;
    uint32_t epoch, oldest;
} ptx_shared;

enum { PTX_SEVERAL = 63 };

#define PTX_ARRIVES UINT32_MAX

void ptx_shared_begin(ptx_shared *s, size_t bytes); /* for all blocks of a thread */
void ptx_shared_end(ptx_shared *s);
void ptx_shared_block(ptx_shared *s); /* nothing is written */
void ptx_shared_barrier(ptx_shared *s);

/* A copy on its way. */
typedef struct ptx_copy {
    const unsigned char *from;
    uint32_t to, size, read, group, lane, line;
} ptx_copy;

/* Lanes that wait at a higher place until the others have come there. */
typedef struct ptx_group {
    uint32_t at, lanes;
} ptx_group;

typedef struct ptx_block {
    const ptx_entry_point *entry;
    const ptx_memory *memory;
    const ptx_launch *launch;
    ptx_shared shared;
    uint32_t id[3];
    unsigned char lane_order[PTX_LANES];
    ptx_error err;
} ptx_block;

struct ptx_warp {
    ptx_block *block;
    unsigned char *file; /* the registers */
    uint32_t *predicate;
    unsigned char *local; /* each lane's */
    unsigned index;
    uint32_t at, lanes; /* the operation, and the lanes that are there */
    uint32_t launched;  /* lanes that the warp began with */
    uint32_t next;      /* where lanes wait; the end if none does */
    ptx_group waiting[PTX_LANES];
    unsigned waiting_count; /* in descending order of `at` */
    const ptx_range *range; /* of the last access */
    ptx_copy *copies;
    size_t copy_count, copy_room;
    uint32_t group[PTX_LANES]; /* how many each lane has committed */
    uint64_t steps, budget;
    int64_t barrier;   /* at which it waits */
    bool ended, fresh; /* fresh: no row is filled */
    ptx_warp *next_idle;
};

/* Warps between launches: their register files are large, and constants stay in them. */
typedef struct ptx_pool ptx_pool;
ptx_pool *ptx_pool_open(void);
void ptx_pool_close(ptx_pool *pool);
ptx_warp *ptx_pool_take(ptx_pool *pool); /* NULL if there is none */
void ptx_pool_put(ptx_pool *pool, ptx_warp *warp);

/* Moves the lanes at this operation to the waiting ones, and goes on with those that are lowest. */
ptx_step ptx_regroup(ptx_warp *w);
void ptx_wait_at(ptx_warp *w, uint32_t at, uint32_t lanes);

/* Writes the error; returns PTX_FAULT. */
__attribute__((format(printf, 4, 5))) ptx_step ptx_fault(ptx_warp *w, const ptx_op *op, int lane, const char *format,
                                                         ...);

/* Why an access to shared memory, which is within bounds, is wrong. */
ptx_step ptx_shared_fault(ptx_warp *w, const ptx_op *op, int lane, uint32_t address, uint32_t bytes, bool write);

/* The same of an address that isn't within the space's bounds, or not aligned. */
ptx_step ptx_address_fault(ptx_warp *w, const ptx_op *op, int lane, uint64_t address, uint32_t bytes);

void ptx_add_copy(ptx_warp *w, const ptx_copy *copy);

#endif
