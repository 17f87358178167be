/* pool.h - a thread pool: one call splits a job into tasks, and returns when all are done. */
#ifndef GD_BASE_POOL_H
#define GD_BASE_POOL_H

#include "guerdon.h"

typedef struct gd_pool gd_pool;

/* Does task `index` of 0..count-1. `worker`, 0..threads-1, selects the scratch space to use. */
typedef void gd_task(void *context, size_t index, unsigned worker);

/* threads >= 1; the caller's thread is one of them, so a pool of 1 starts none. */
gd_status gd_pool_open(gd_pool **out, unsigned threads, gd_error *err);
void gd_pool_close(gd_pool *pool);
unsigned gd_pool_threads(const gd_pool *pool);

/* Runs count tasks in any order on all threads.  Inside a task, denormals are flushed to zero (doc/arithmetic.md,
 * section 1); the caller's own setting is restored. Not reentrant. */
void gd_pool_run(gd_pool *pool, size_t count, gd_task *task, void *context);

/* The same for tasks in `groups` groups of about equal size, 1 to GD_POOL_GROUPS: group g begins with task
 * g * count / groups.  A worker starts with its own group, the same in each call, and then helps the others: if a group
 * stands for the same rows in each call, their values stay in the cache of the worker's core.  (On a Zen 4 whose two
 * cores share no cache, products of 896 x 896 went from 0.85 of the peak to 0.95.) */
enum { GD_POOL_GROUPS = 16 };
void gd_pool_run_groups(gd_pool *pool, size_t groups, size_t count, gd_task *task, void *context);

/* The number of cores that this process may run on (its affinity mask). */
unsigned gd_cpu_count(void);

#endif
