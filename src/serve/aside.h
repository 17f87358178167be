/* aside.h - a thread for work that would keep other clients waiting: reading a large body, and freeing its values. */
#ifndef GD_SERVE_ASIDE_H
#define GD_SERVE_ASIDE_H

#include "guerdon.h"

/* Belongs to whoever has the work; it may be freed once run() has been called. */
typedef struct sv_task {
    void (*run)(struct sv_task *task);
    struct sv_task *next;
} sv_task;

typedef struct sv_aside sv_aside;

gd_status sv_aside_open(sv_aside **out, gd_error *err);

/* Tasks are done one after the other, in their order. From the end of sv_aside_stop() on, the caller does them. */
void sv_aside_do(sv_aside *aside, sv_task *task);

/* Does what there is to do, and ends the thread.  NULL is fine. */
void sv_aside_stop(sv_aside *aside);

/* It has been stopped.  NULL is fine. */
void sv_aside_free(sv_aside *aside);

#endif
