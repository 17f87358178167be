/* ptx_pool.c - warps between launches. */
#include "tests/ptx/ptx_warp.h"

#include <pthread.h>
#include <stdlib.h>

struct ptx_pool {
    pthread_mutex_t lock;
    ptx_warp *idle;
};

ptx_pool *ptx_pool_open(void)
{
    ptx_pool *p = calloc(1, sizeof *p);

    if (!p || pthread_mutex_init(&p->lock, NULL) != 0)
        abort();
    return p;
}

void ptx_pool_close(ptx_pool *p)
{
    for (ptx_warp *w = p->idle, *next; w; w = next) {
        next = w->next_idle;
        free(w->file);
        free(w->predicate);
        free(w->local);
        free(w->copies);
        free(w);
    }
    (void)pthread_mutex_destroy(&p->lock);
    free(p);
}

ptx_warp *ptx_pool_take(ptx_pool *p)
{
    ptx_warp *w;

    (void)pthread_mutex_lock(&p->lock);
    w = p->idle;
    if (w)
        p->idle = w->next_idle;
    (void)pthread_mutex_unlock(&p->lock);
    return w;
}

void ptx_pool_put(ptx_pool *p, ptx_warp *w)
{
    (void)pthread_mutex_lock(&p->lock);
    w->next_idle = p->idle;
    p->idle = w;
    (void)pthread_mutex_unlock(&p->lock);
}
