/* handler.c - one request after the other, as libmicrohttpd hands them over: head, body, answer. */
#include "serve/inside.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "serve/cost.h"
#include "serve/framing.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A body that is too large is read to its end, so that the client sees the answer, but no further than this many times
 * the limit. */
enum { PATIENCE = 4 };

/* The bodies of all requests together, of those that wait for their scores as well, may have so many times the limit:
 * else a thousand clients, each within its own, could fill the memory. */
enum { BODIES = 16 };
#define ALL_BODIES "the bodies of other requests take too much memory already"

struct request {
    sv_exchange x;
    sv_server *server;
    struct MHD_Connection *connection;
    sv_watched *watched;
    char *path;
    gd_buf body;
    size_t received;   /* bytes of the body, ... */
    size_t held;       /* ... and those that were kept */
    bool refused;      /* the answer is there before the body */
    bool started;      /* the body has arrived, and it is counted among those under way */
    atomic_bool ready; /* the scores, or the reason why there are none */
    bool close;        /* the connection ends with the answer */
    const char *allow; /* of 405 */
    gd_status rc;
    gd_error why;
    double began, asked, scored;
};

/* What is not found, or not allowed, is said as most clients of such servers read it. */
static const sv_dialect no_dialect = { .name = "none", .busy = 503, .fail = sv_fail_openai };

/* ---- the head ---- */

static bool is_read(const char *method) { return !strcmp(method, "GET") || !strcmp(method, "HEAD"); }

static const sv_route *find_route(const char *method, const char *path, const char **other)
{
    const char *wanted = is_read(method) ? "GET" : method;

    *other = NULL;
    for (size_t i = 0; i < sv_route_count; i++)
        if (!strcmp(sv_routes[i].path, path)) {
            if (!strcmp(sv_routes[i].method, wanted))
                return &sv_routes[i];
            *other = sv_routes[i].method;
        }
    return NULL;
}

static const char *header(const struct request *r, const char *name)
{
    return MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, name);
}

static void refuse(struct request *r, int status, const char *sentence)
{
    r->refused = true;
    (void)sv_refuse(&r->x, status, "%s", sentence);
}

/* Whether more is announced than is accepted. */
static bool is_announced_too_large(const struct request *r)
{
    const char *length = header(r, MHD_HTTP_HEADER_CONTENT_LENGTH);

    return length && strtoull(length, NULL, 10) > r->server->settings.max_body;
}

static void refuse_too_large(struct request *r)
{
    r->refused = true;
    r->close = true;
    (void)sv_refuse(&r->x, 413, "the body has more than %zu bytes, the most that is accepted",
                    r->server->settings.max_body);
}

static bool is_plain(const char *encoding) { return !encoding || !strcasecmp(encoding, "identity"); }

/* A browser says from which site's page a request comes.  Without keys, any page that someone on this machine looks at
 * could use the model; with them, it has none to send. */
static bool is_of_another_site(const struct request *r)
{
    const char *origin = header(r, MHD_HTTP_HEADER_ORIGIN), *host = header(r, MHD_HTTP_HEADER_HOST);
    const char *site = origin ? strstr(origin, "://") : NULL;

    return !r->server->keys.count && origin && (!site || !host || strcasecmp(site + 3, host) != 0);
}

static void check_head(struct request *r, const sv_route *route, const char *other)
{
    const char *fault = sv_framing_fault(r->connection);

    if (fault) {
        r->close = true;
        refuse(r, 400, fault);
    } else if (!route && other) {
        r->allow = !strcmp(other, "GET") ? "GET, HEAD" : other;
        refuse(r, 405, "the method is not one that this path takes");
    } else if (!route) {
        refuse(r, 404, "there is nothing under this path; GET /openapi.json says what there is");
    } else if (!route->open && !sv_keys_allow(&r->server->keys, header(r, MHD_HTTP_HEADER_AUTHORIZATION))) {
        refuse(r, 401, "a key is expected: Authorization: Bearer KEY");
    } else if (is_of_another_site(r)) {
        refuse(r, 403, "the request comes from a page of another site, which only a server with keys answers");
    } else if (!is_plain(header(r, MHD_HTTP_HEADER_CONTENT_ENCODING))) {
        refuse(r, 415, "the body is compressed, but plain JSON is expected");
    } else if (is_announced_too_large(r)) {
        refuse_too_large(r);
    }
}

static sv_watched *watched_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

    return info ? info->socket_context : NULL;
}

static struct request *begin(sv_server *server, struct MHD_Connection *connection, const char *path, const char *method)
{
    struct request *r = gd_alloc_zero(1, sizeof *r);
    const char *other;
    const sv_route *route = find_route(method, path, &other);

    if (!r)
        return NULL;
    r->path = gd_strdup(path);
    if (!r->path) {
        gd_free(r);
        return NULL;
    }
    r->server = server;
    r->connection = connection;
    r->watched = watched_of(connection);
    r->began = gd_clock();
    sv_exchange_init(&r->x, &server->info, route ? route->dialect : &no_dialect, r->path);
    r->x.server = server;
    sv_watch_runs(server->watch, r->watched);
    check_head(r, route, other);
    return r;
}

/* ---- the body ---- */

/* One thread reads all bodies, so their sum needs no lock. */
static bool hold(struct request *r, size_t size)
{
    sv_server *server = r->server;

    if ((server->held + size) / BODIES > server->settings.max_body)
        return false;
    server->held += size;
    r->held += size;
    return true;
}

/* False: the connection has sent too much, and is closed without an answer. */
static bool take_body(struct request *r, const char *data, size_t size)
{
    const size_t most = r->server->settings.max_body;

    r->received += size;
    if (r->received > most) {
        if (!r->refused)
            refuse_too_large(r);
        gd_buf_free(&r->body);
        return r->received / PATIENCE <= most;
    }
    if (!r->refused && !hold(r, size))
        refuse(r, r->x.dialect->busy, ALL_BODIES);
    if (!r->refused)
        gd_buf_bytes(&r->body, data, size);
    return true;
}

/* The values of a body stay until its answer has gone, and a list of zeros is twenty times as large as its text. */
static bool hold_values(struct request *r, size_t cost)
{
    const size_t whole = r->held + cost, most = r->server->settings.max_body;

    if (whole / BODIES > most)
        return sv_refuse(&r->x, 413,
                         "the body takes %zu bytes of memory with all its values, but only %d times --max-body, "
                         "%zu bytes, are accepted",
                         whole, BODIES, most);
    return hold(r, cost) || sv_refuse(&r->x, r->x.dialect->busy, "%s", ALL_BODIES);
}

static bool parse(struct request *r)
{
    const size_t cost = sv_cost_of_values(r->body.data, r->body.len);
    gd_error err = { GD_OK, "" };
    gd_status rc;

    if (r->body.failed)
        return sv_refuse_memory(&r->x);
    if (!r->body.len)
        return sv_refuse(&r->x, 400, "the body is empty, but a JSON object is expected");
    rc = gd_json_parse(&r->x.body, r->body.data, r->body.len, "the body", &err);
    gd_buf_free(&r->body);
    if (rc)
        return rc == GD_ENOMEM ? sv_refuse_memory(&r->x) : sv_refuse(&r->x, 400, "%s", err.text);
    if (!json_is_object(r->x.body))
        return sv_refuse(&r->x, 400, "the body is %s, but a JSON object is expected", gd_json_type_name(r->x.body));
    return hold_values(r, cost);
}

/* ---- the scores ---- */

/* From the service's thread. The answer is written by libmicrohttpd's, so that the next batch can begin. */
static void on_done(void *context, gd_status rc, const gd_summary *summary, const gd_error *why)
{
    struct request *r = context;

    (void)summary;
    r->rc = rc;
    r->why = *why;
    r->scored = gd_clock();
    if (rc == GD_EIO || rc == GD_EDEVICE) {
        (void)pthread_mutex_lock(&r->server->lock);
        r->server->broken = true;
        (void)pthread_mutex_unlock(&r->server->lock);
    }
    r->ready = true;
    MHD_resume_connection(r->connection);
}

static void refuse_busy(struct request *r, gd_status rc, const gd_error *err)
{
    if (rc == GD_EBUSY)
        (void)sv_refuse(&r->x, r->x.dialect->busy, "%s", err->text);
    else if (rc == GD_EUSAGE)
        (void)sv_refuse(&r->x, 413, "%s", err->text);
    else if (rc == GD_EINTERRUPTED)
        (void)sv_refuse(&r->x, 503, "the server is closing");
    else
        (void)sv_refuse_memory(&r->x);
}

/* A server that closes has no service any more. */
static gd_status submit(sv_server *server, const gd_service_request *scoring, uint64_t *ticket, gd_error *err)
{
    gd_status rc = GD_EINTERRUPTED;

    (void)pthread_mutex_lock(&server->lock);
    if (server->service)
        rc = gd_service_submit(server->service, scoring, ticket, err);
    (void)pthread_mutex_unlock(&server->lock);
    return rc;
}

/* The connection is suspended first: the scores may be there before this returns. */
static void ask(struct request *r)
{
    gd_error err = { GD_OK, "" };
    gd_service_request scoring;
    uint64_t ticket = 0;
    gd_status rc;

    gd_service_request_init(&scoring);
    scoring.items = &r->x.items;
    scoring.done = on_done;
    scoring.context = r;
    scoring.times = &r->x.times;
    r->asked = gd_clock();
    MHD_suspend_connection(r->connection);
    rc = submit(r->server, &scoring, &ticket, &err);
    if (!rc) {
        sv_watch_waits(r->server->watch, r->watched, ticket);
        return;
    }
    refuse_busy(r, rc, &err);
    r->refused = true;
    r->ready = true;
    MHD_resume_connection(r->connection);
}

static void write_answer(struct request *r)
{
    if (r->rc == GD_OK || r->rc == GD_EITEM)
        r->x.dialect->write(&r->x);
    else if (r->rc == GD_EINTERRUPTED)
        (void)sv_refuse(&r->x, 503, "the request was cancelled: the client has gone, or the server is closing");
    else if (r->rc == GD_ENOMEM)
        (void)sv_refuse(&r->x, 503, "%s", r->why.text);
    else
        (void)sv_refuse(&r->x, 500, "%s", r->why.text);
}

/* ---- the answer ---- */

static void add_header(struct MHD_Response *response, const char *name, const char *value)
{
    (void)MHD_add_response_header(response, name, value);
}

static void add_headers(const struct request *r, struct MHD_Response *response)
{
    const int status = r->x.status;

    add_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, r->x.content_type);
    add_header(response, "X-Content-Type-Options", "nosniff");
    for (const sv_header *h = r->x.headers; h; h = h->next)
        add_header(response, h->name, h->value);
    if (r->x.policy)
        add_header(response, "Content-Security-Policy", r->x.policy);
    if (status == 429 || status == 503)
        add_header(response, MHD_HTTP_HEADER_RETRY_AFTER, "1");
    if (status == 401)
        add_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer");
    if (r->allow)
        add_header(response, MHD_HTTP_HEADER_ALLOW, r->allow);
    if (r->close)
        add_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
}

/* The answer belongs to the exchange, which lives until sv_handled(). */
static enum MHD_Result answer(struct request *r)
{
    struct MHD_Response *response;
    enum MHD_Result rc;

    if (r->x.answer.failed) {
        gd_buf_free(&r->x.answer);
        r->x.status = 503;
    }
    response = MHD_create_response_from_buffer(r->x.answer.len, r->x.answer.data, MHD_RESPMEM_PERSISTENT);
    if (!response)
        return MHD_NO;
    add_headers(r, response);
    rc = MHD_queue_response(r->connection, (unsigned)r->x.status, response);
    MHD_destroy_response(response);
    return rc;
}

/* Counts a request among those that the server's end waits for.  False: that end has begun. */
static bool enter(sv_server *server)
{
    bool open;

    (void)pthread_mutex_lock(&server->lock);
    open = !server->closing;
    server->under_way++;
    (void)pthread_mutex_unlock(&server->lock);
    return open;
}

/* Everything has arrived.  False: the answer waits for scores. */
static bool start(struct request *r, bool has_body)
{
    r->started = true;
    r->x.arrived = gd_clock();
    if (!enter(r->server)) {
        r->close = true;
        if (!r->refused)
            refuse(r, 503, "the server is closing");
    }
    if (r->refused || (has_body && !parse(r)) || !sv_read(&r->x))
        return true;
    if (r->x.items.count) {
        ask(r);
        return false;
    }
    r->x.dialect->write(&r->x);
    return true;
}

enum MHD_Result sv_handle(void *server, struct MHD_Connection *connection, const char *path, const char *method,
                          const char *version, const char *data, size_t *size, void **context)
{
    struct request *r = *context;

    (void)version;
    if (!r) {
        *context = r = begin(server, connection, path, method);
        if (!r)
            return MHD_NO;
        return r->refused && r->close ? answer(r) : MHD_YES;
    }
    if (*size) {
        const bool goes_on = take_body(r, data, *size);

        *size = 0;
        return goes_on ? MHD_YES : MHD_NO;
    }
    if (!r->started && !start(r, !is_read(method)))
        return MHD_YES;
    if (r->ready) {
        sv_watch_runs(r->server->watch, r->watched);
        if (!r->refused)
            write_answer(r);
    }
    return answer(r);
}

/* The answer has gone, or the client has. */
void sv_handled(void *context, struct MHD_Connection *connection, void **of_request,
                enum MHD_RequestTerminationCode how)
{
    struct request *r = *of_request;
    sv_server *server = context;

    (void)connection;
    if (!r)
        return;
    *of_request = NULL;
    if (how != MHD_REQUEST_TERMINATED_COMPLETED_OK && r->started)
        sv_metrics_gone(&server->metrics);
    sv_metrics_count(&server->metrics, r->x.dialect->name, r->x.status,
                     r->ready && !r->refused ? r->scored - r->asked : -1, gd_clock() - r->began);
    sv_watch_runs(server->watch, r->watched);
    if (r->started) {
        (void)pthread_mutex_lock(&server->lock);
        server->under_way--;
        (void)pthread_cond_signal(&server->fewer);
        (void)pthread_mutex_unlock(&server->lock);
    }
    server->held -= r->held;
    sv_exchange_free(&r->x);
    gd_buf_free(&r->body);
    gd_free(r->path);
    gd_free(r);
}

void sv_connected(void *context, struct MHD_Connection *connection, void **of_connection,
                  enum MHD_ConnectionNotificationCode what)
{
    sv_server *server = context;
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);

    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        sv_metrics_connection(&server->metrics, 1);
        *of_connection = info ? sv_watch_add(server->watch, info->connect_fd) : NULL;
    } else {
        sv_metrics_connection(&server->metrics, -1);
        sv_watch_drop(server->watch, *of_connection);
        *of_connection = NULL;
    }
}
