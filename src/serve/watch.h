/* watch.h - watches connections: those whose request waits, for the client going away; all others, for their time. */
#ifndef GD_SERVE_WATCH_H
#define GD_SERVE_WATCH_H

#include "guerdon.h"

#include <stdint.h>

typedef struct sv_watch sv_watch;

/* One connection, from its first moment to its last. */
typedef struct sv_watched sv_watched;

/* gone: called from the watch's thread with the ticket of a request whose client has closed its connection, or its side
 * of it: what it asked for is not waited for any more. seconds: how long a request may take to arrive. */
gd_status sv_watch_open(sv_watch **out, size_t seconds, void (*gone)(void *context, uint64_t ticket), void *context,
                        gd_error *err);
void sv_watch_close(sv_watch *watch);

/* A connection has begun; NULL without memory, which the other functions take.  Its time runs. */
sv_watched *sv_watch_add(sv_watch *watch, int fd);
void sv_watch_drop(sv_watch *watch, sv_watched *one);

/* In place of a ticket, where nobody is told that the client has gone. */
#define SV_NO_TICKET UINT64_MAX

/* The request has arrived and waits under this ticket: the client's silence is right now. */
void sv_watch_waits(sv_watch *watch, sv_watched *one, uint64_t ticket);

/* The answer is there, or a new request is expected: its time runs anew. */
void sv_watch_runs(sv_watch *watch, sv_watched *one);

#endif
