/* guard.h - reading mapped files that may get shorter meanwhile.
 *
 * Touching a mapped page that its file no longer has, or that the disk cannot deliver, raises SIGBUS, which ends the
 * process.  Reading the files instead would cost a copy of every weight.  So there is a handler for SIGBUS between
 * gd_guard_enter() and gd_guard_leave(), around the library's own reads: if the page belongs to a range that was added,
 * zeros take the place of the whole range, the read continues, and `lost` says that its results are worthless.  A
 * SIGBUS of any other address goes to the handler that was there before.  Threads need no guard of their own. */
#ifndef GD_BASE_GUARD_H
#define GD_BASE_GUARD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/* A mapped range of whole pages. It must stay where it is while it is added. */
typedef struct gd_guarded {
    const unsigned char *data;
    size_t size;
    atomic_bool lost; /* zeros are there instead of the file, or are about to be */
    struct gd_guarded *_Atomic next;
} gd_guarded;

/* Add a range after mapping it; remove it before unmapping it, when no thread reads it any more. */
void gd_guard_add(gd_guarded *range);
void gd_guard_remove(gd_guarded *range);

/* May be nested, and called by several threads at once.  The calling thread's mask is left alone: a thread that blocks
 * SIGBUS is ended by one all the same, so threads of our own that read ranges call gd_guard_thread() first. */
void gd_guard_enter(void);
void gd_guard_leave(void);
void gd_guard_thread(void);

#endif
