/* handler.c - one request after the other, as libmicrohttpd hands them over: from its head to its answer. */
#include "serve/request.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "serve/framing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static const char *header(const sv_request *r, const char *name)
{
    return MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, name);
}

/* Whether more is announced than is accepted. */
static bool is_announced_too_large(const sv_request *r)
{
    const char *length = header(r, MHD_HTTP_HEADER_CONTENT_LENGTH);

    return length && strtoull(length, NULL, 10) > r->server->settings.max_body;
}

static bool is_plain(const char *encoding) { return !encoding || !strcasecmp(encoding, "identity"); }

/* A browser says from which site's page a request comes.  Without keys, any page that someone on this machine looks at
 * could use the model; with them, it has none to send. */
static bool is_of_another_site(const sv_request *r)
{
    const char *origin = header(r, MHD_HTTP_HEADER_ORIGIN), *host = header(r, MHD_HTTP_HEADER_HOST);
    const char *site = origin ? strstr(origin, "://") : NULL;

    return !r->server->keys.count && origin && (!site || !host || strcasecmp(site + 3, host) != 0);
}

static bool ends_with(const char *text, size_t len, const char *end)
{
    const size_t tail = strlen(end);

    return len > tail && !strncasecmp(text + len - tail, end, tail);
}

/* A page of anybody's site has its site's name for its host, whose address may have become ours since it was loaded
 * (DNS rebinding).  An address is nobody else's, and neither is a name of the local network. */
static bool is_of_any_name(const sv_request *r)
{
    const char *host = header(r, MHD_HTTP_HEADER_HOST);
    const size_t len = host ? strcspn(host, ":") : 0;

    if (r->server->keys.count || !header(r, MHD_HTTP_HEADER_ORIGIN) || !len || host[0] == '[' ||
        !memchr(host, '.', len))
        return false;
    return strspn(host, "0123456789.") < len && !ends_with(host, len, ".local") && !ends_with(host, len, ".localhost");
}

static void check_head(sv_request *r, const sv_route *route, const char *other, const char *version)
{
    bool has_end;
    const char *fault = sv_framing_fault(r->connection, version, &has_end);

    /* What comes behind a head that should have had a body is not taken for another request. */
    r->close = !has_end && !is_read(r->method);
    if (fault) {
        r->close = true;
        sv_request_refuse(r, 400, fault);
    } else if (!route && other) {
        r->allow = !strcmp(other, "GET") ? "GET, HEAD" : other;
        sv_request_refuse(r, 405, "the method is not one that this path takes");
    } else if (!route) {
        sv_request_refuse(r, 404, "there is nothing under this path; GET /openapi.json says what there is");
    } else if (!route->open && !sv_keys_allow(&r->server->keys, header(r, MHD_HTTP_HEADER_AUTHORIZATION))) {
        sv_request_refuse(r, 401, "a key is expected: Authorization: Bearer KEY");
    } else if (is_of_another_site(r)) {
        sv_request_refuse(r, 403,
                          "the request comes from a page of another site, which only a server with keys answers");
    } else if (is_of_any_name(r)) {
        sv_request_refuse(
            r, 403,
            "the page is of a site whose name could be anybody's: the server's address in its place, or a "
            "key, is expected");
    } else if (!is_plain(header(r, MHD_HTTP_HEADER_CONTENT_ENCODING))) {
        sv_request_refuse(r, 415, "the body is compressed, but plain JSON is expected");
    } else if (is_announced_too_large(r)) {
        sv_request_refuse_too_large(r);
    }
}

static sv_watched *watched_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

    return info ? info->socket_context : NULL;
}

static sv_request *begin(sv_server *server, struct MHD_Connection *connection, const char *path, const char *method,
                         const char *version)
{
    sv_request *r = gd_alloc_zero(1, sizeof *r);
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
    r->method = method;
    r->watched = watched_of(connection);
    r->began = gd_clock();
    sv_exchange_init(&r->x, &server->info, route ? route->dialect : &no_dialect, r->path);
    r->x.server = server;
    sv_watch_runs(server->watch, r->watched);
    check_head(r, route, other, version);
    return r;
}

/* ---- the scores ---- */

/* From the service's thread. The answer is written by libmicrohttpd's, so that the next batch can begin. */
static void on_done(void *context, gd_status rc, const gd_summary *summary, const gd_error *why)
{
    sv_request *r = context;

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

static void refuse_busy(sv_request *r, gd_status rc, const gd_error *err)
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
static void ask(sv_request *r)
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

static void write_answer(sv_request *r)
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

static void add_headers(const sv_request *r, struct MHD_Response *response)
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
static enum MHD_Result answer(sv_request *r)
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

/* Everything has arrived.  False: it is read aside. */
static bool start(sv_request *r, bool has_body)
{
    r->started = true;
    r->x.arrived = gd_clock();
    if (!enter(r->server)) {
        r->close = true;
        if (!r->refused)
            sv_request_refuse(r, 503, "the server is closing");
    }
    return r->refused || sv_request_read(r, has_body);
}

enum MHD_Result sv_handle(void *server, struct MHD_Connection *connection, const char *path, const char *method,
                          const char *version, const char *data, size_t *size, void **context)
{
    sv_request *r = *context;

    if (!r) {
        *context = r = begin(server, connection, path, method, version);
        if (!r)
            return MHD_NO;
        return r->refused && r->close ? answer(r) : MHD_YES;
    }
    if (*size) {
        const bool goes_on = sv_request_take(r, data, *size);

        *size = 0;
        return goes_on ? MHD_YES : MHD_NO;
    }
    if (!r->started && !start(r, !is_read(method)))
        return MHD_YES;
    sv_watch_runs(r->server->watch, r->watched);
    if (!r->refused && !r->ready && r->x.items.count) {
        ask(r);
        return MHD_YES;
    }
    if (!r->refused)
        write_answer(r);
    return answer(r);
}

/* The answer has gone, or the client has. */
void sv_handled(void *context, struct MHD_Connection *connection, void **of_request,
                enum MHD_RequestTerminationCode how)
{
    sv_request *r = *of_request;
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
    sv_request_free(r);
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
