/* body.c - the body of a request: how much of it is taken, and where it is read. */
#include "base/error.h"
#include "base/mem.h"
#include "serve/cost.h"
#include "serve/request.h"

#include <stddef.h>

/* A body that is too large is read to its end, so that the client sees the answer, but no further than this many times
 * the limit. */
enum { PATIENCE = 4 };

/* The bodies of all requests together, of those that wait for their scores as well, may have so many times the limit:
 * else a thousand clients, each within its own, could fill the memory. */
enum { BODIES = 16 };

/* A body of more bytes, of its text or of its values, takes more than a millisecond: it is read in a thread of its own,
 * so that other clients don't wait. */
enum { LARGE = 1 << 20 };

#define ALL_BODIES "the bodies of other requests take too much memory already"

void sv_request_refuse(sv_request *r, int status, const char *sentence)
{
    r->refused = true;
    (void)sv_refuse(&r->x, status, "%s", sentence);
}

void sv_request_refuse_too_large(sv_request *r)
{
    r->refused = true;
    r->close = true;
    (void)sv_refuse(&r->x, 413, "the body has more than %zu bytes, the most that is accepted",
                    r->server->settings.max_body);
}

static bool hold(sv_request *r, size_t size)
{
    sv_server *server = r->server;
    bool fits;

    (void)pthread_mutex_lock(&server->lock);
    fits = (server->held + size) / BODIES <= server->settings.max_body;
    if (fits)
        server->held += size;
    (void)pthread_mutex_unlock(&server->lock);
    if (fits)
        r->held += size;
    return fits;
}

bool sv_request_take(sv_request *r, const char *data, size_t size)
{
    const size_t most = r->server->settings.max_body;

    r->received += size;
    if (r->received > most) {
        if (!r->refused)
            sv_request_refuse_too_large(r);
        gd_buf_free(&r->body);
        return r->received / PATIENCE <= most;
    }
    if (!r->refused && !hold(r, size))
        sv_request_refuse(r, r->x.dialect->busy, ALL_BODIES);
    if (!r->refused)
        gd_buf_bytes(&r->body, data, size);
    return true;
}

/* The values of a body stay until its answer has gone, and a list of zeros is twenty times as large as its text. */
static bool hold_values(sv_request *r)
{
    const size_t whole = r->held + r->cost, most = r->server->settings.max_body;

    if (whole / BODIES > most)
        return sv_refuse(&r->x, 413,
                         "the body takes %zu bytes of memory with all its values, but only %d times --max-body, "
                         "%zu bytes, are accepted",
                         whole, BODIES, most);
    return hold(r, r->cost) || sv_refuse(&r->x, r->x.dialect->busy, "%s", ALL_BODIES);
}

static void count_values(sv_request *r) { r->cost = sv_cost_of_values(r->body.data, r->body.len); }

static bool parse(sv_request *r)
{
    gd_error err = { GD_OK, "" };
    gd_status rc;

    if (r->body.failed)
        return sv_refuse_memory(&r->x);
    if (!r->body.len)
        return sv_refuse(&r->x, 400, "the body is empty, but a JSON object is expected");
    if (!hold_values(r))
        return false;
    rc = gd_json_parse(&r->x.body, r->body.data, r->body.len, "the body", &err);
    gd_buf_free(&r->body);
    if (rc)
        return rc == GD_ENOMEM ? sv_refuse_memory(&r->x) : sv_refuse(&r->x, 400, "%s", err.text);
    if (!json_is_object(r->x.body))
        return sv_refuse(&r->x, 400, "the body is %s, but a JSON object is expected", gd_json_type_name(r->x.body));
    return true;
}

static void read_body(sv_request *r, bool has_body)
{
    if ((has_body && !parse(r)) || !sv_read(&r->x))
        r->refused = true;
}

static sv_request *request_of(sv_task *task) { return (void *)((char *)task - offsetof(sv_request, task)); }

/* A second signal ends the program at once: what still waits here then need not be read. */
static bool is_over(sv_server *server)
{
    bool over;

    (void)pthread_mutex_lock(&server->lock);
    over = !server->service;
    (void)pthread_mutex_unlock(&server->lock);
    return over;
}

static void read_large(sv_task *task)
{
    sv_request *r = request_of(task);

    if (r->body.len > LARGE)
        count_values(r);
    if (is_over(r->server))
        sv_request_refuse(r, 503, "the server is closing");
    else
        read_body(r, true);
    MHD_resume_connection(r->connection);
}

bool sv_request_read(sv_request *r, bool has_body)
{
    r->large = has_body && r->body.len > LARGE;
    if (has_body && !r->large) {
        count_values(r);
        r->large = r->cost > LARGE;
    }
    if (!r->large) {
        read_body(r, has_body);
        return true;
    }
    r->task.run = read_large;
    MHD_suspend_connection(r->connection);
    sv_watch_waits(r->server->watch, r->watched, SV_NO_TICKET);
    sv_aside_do(r->server->aside, &r->task);
    return false;
}

/* ---- the end ---- */

static void free_request(sv_request *r)
{
    sv_server *server = r->server;
    const size_t held = r->held;

    sv_exchange_free(&r->x);
    gd_buf_free(&r->body);
    gd_free(r->path);
    gd_free(r);
    (void)pthread_mutex_lock(&server->lock);
    server->held -= held;
    (void)pthread_mutex_unlock(&server->lock);
}

static void free_large(sv_task *task) { free_request(request_of(task)); }

void sv_request_free(sv_request *r)
{
    if (r->large) {
        r->task.run = free_large;
        sv_aside_do(r->server->aside, &r->task);
    } else {
        free_request(r);
    }
}
