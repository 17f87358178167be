/* pool.h - a thread pool: one call splits a job into tasks, and returns when all are done. */
#ifndef GD_BASE_POOL_H
#define GD_BASE_POOL_H

#include "guerdon.h"

typedef struct gd_pool gd_pool;

/* Does task `index` of 0..count-1. `worker` is 0..threads-1: which scratch space to use. */
typedef void gd_task(void *context, size_t index, unsigned worker);

/* threads >= 1; the caller's thread is one of them, so a pool of 1 starts none. */
gd_status gd_pool_open(gd_pool **out, unsigned threads, gd_error *err);
void gd_pool_close(gd_pool *pool);
unsigned gd_pool_threads(const gd_pool *pool);

/* Runs count tasks in any order on all threads.  Inside a task denormals are flushed to zero (contract, section 1);
 * the caller's own setting is put back. Not reentrant. */
void gd_pool_run(gd_pool *pool, size_t count, gd_task *task, void *context);

/* Cores that this process may run on (its affinity mask). */
unsigned gd_cpu_count(void);

#endif
