/* request.h - a request: its head and its answer (handler.c), and its body (body.c). */
#ifndef GD_SERVE_REQUEST_H
#define GD_SERVE_REQUEST_H

#include "serve/inside.h"

#include <stdatomic.h>

typedef struct sv_request {
    sv_exchange x;
    sv_server *server;
    struct MHD_Connection *connection;
    sv_watched *watched;
    char *path;
    const char *method; /* libmicrohttpd's */
    gd_buf body;
    size_t cost;       /* bytes that its values take */
    size_t received;   /* bytes of the body, ... */
    size_t held;       /* ... and those that were kept */
    bool refused;      /* the answer is there before the body */
    bool started;      /* the body has arrived, and it is counted among those under way */
    bool large;        /* it is read, and freed, aside: ... */
    sv_task task;      /* ... by this */
    atomic_bool ready; /* the scores, or the reason why there are none */
    bool close;        /* the connection ends with the answer */
    const char *allow; /* of 405 */
    gd_status rc;
    gd_error why;
    double began, asked, scored;
} sv_request;

/* Makes the answer, before the body is read. */
void sv_request_refuse(sv_request *r, int status, const char *sentence);
void sv_request_refuse_too_large(sv_request *r);

/* Takes a part of the body.  False: the connection has sent too much, and is closed without an answer. */
bool sv_request_take(sv_request *r, const char *data, size_t size);

/* Reads the body, which is there: makes items of it, or the answer.  False: that is done aside, and the connection is
 * suspended until then. */
bool sv_request_read(sv_request *r, bool has_body);

/* Frees the request, perhaps aside. */
void sv_request_free(sv_request *r);

#endif
