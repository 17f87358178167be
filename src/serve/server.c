/* server.c - opening and closing the server. */
#include "serve/inside.h"

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "serve/listen.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { PEM_LIMIT = 1 << 20, HEAD_BYTES = 32 << 10, LOOK_MS = 50 };

static void on_gone(void *context, uint64_t ticket)
{
    sv_server *server = context;

    (void)pthread_mutex_lock(&server->lock);
    if (server->service)
        gd_service_cancel(server->service, ticket);
    (void)pthread_mutex_unlock(&server->lock);
}

/* From here on nobody else sees it. */
static void close_service(sv_server *server, bool drain)
{
    gd_service *service;

    (void)pthread_mutex_lock(&server->lock);
    service = server->service;
    server->service = NULL;
    (void)pthread_mutex_unlock(&server->lock);
    gd_service_close(service, drain);
}

static gd_status open_service(sv_server *server, gd_model *model, gd_error *err)
{
    gd_service_options how;

    gd_service_options_init(&how);
    how.max_items = server->settings.max_queue;
    return gd_service_open(&server->service, model, &how, err);
}

/* The files that TLS needs; NULLs without it. */
struct pem {
    char *cert, *key;
};

static gd_status read_pem(struct pem *pem, const sv_settings *s, gd_error *err)
{
    size_t len;
    gd_status rc = GD_OK;

    if (!s->cert && !s->key)
        return GD_OK;
    if (!s->cert || !s->key)
        return gd_fail(err, GD_EUSAGE, "--tls-cert and --tls-key are both needed, but only %s is given",
                       s->cert ? "--tls-cert" : "--tls-key");
    if (MHD_is_feature_supported(MHD_FEATURE_TLS) != MHD_YES)
        return gd_fail(err, GD_EUNSUPPORTED, "this libmicrohttpd was built without TLS");
    rc = gd_file_read(&pem->cert, &len, s->cert, PEM_LIMIT, err);
    if (!rc)
        rc = gd_file_read(&pem->key, &len, s->key, PEM_LIMIT, err);
    if (!rc && !strstr(pem->cert, "-----BEGIN CERTIFICATE-----"))
        rc = gd_fail(err, GD_EFORMAT, "%s: a certificate in PEM format is expected", s->cert);
    if (!rc && !strstr(pem->key, "PRIVATE KEY-----"))
        rc = gd_fail(err, GD_EFORMAT, "%s: a private key in PEM format is expected", s->key);
    return rc;
}

static void free_pem(struct pem *pem)
{
    if (pem->key)
        explicit_bzero(pem->key, strlen(pem->key));
    gd_free(pem->cert);
    gd_free(pem->key);
}

/* A path is compared as it was sent: none of ours needs an escape, and an escaped one, such as %00 or %2F, may not be
 * what a proxy in front took it for. */
static size_t keep_escapes(void *context, struct MHD_Connection *connection, char *text)
{
    (void)context, (void)connection;
    return strlen(text);
}

/* libmicrohttpd closes the socket, but not if it fails. */
static gd_status start_daemon(sv_server *server, int socket, const struct pem *pem, gd_error *err)
{
    const unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | (pem->cert ? MHD_USE_TLS : 0);
    const struct MHD_OptionItem tls[] = { { MHD_OPTION_HTTPS_MEM_CERT, 0, pem->cert },
                                          { MHD_OPTION_HTTPS_MEM_KEY, 0, pem->key },
                                          { MHD_OPTION_END, 0, NULL } };
    const struct MHD_OptionItem none[] = { { MHD_OPTION_END, 0, NULL } };

    server->daemon = MHD_start_daemon(flags, 0, NULL, NULL, sv_handle, server, MHD_OPTION_LISTEN_SOCKET, socket,
                                      MHD_OPTION_CONNECTION_LIMIT, (unsigned)server->settings.max_connections,
                                      MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HEAD_BYTES,
                                      MHD_OPTION_NOTIFY_COMPLETED, sv_handled, server, MHD_OPTION_NOTIFY_CONNECTION,
                                      sv_connected, server, MHD_OPTION_STRICT_FOR_CLIENT, 1,
                                      MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL, MHD_OPTION_ARRAY,
                                      pem->cert ? tls : none, MHD_OPTION_END);
    if (server->daemon)
        return GD_OK;
    (void)close(socket);
    return gd_fail(err, pem->cert ? GD_EFORMAT : GD_ENOMEM, "the server can't be started%s%s",
                   pem->cert ? ": the certificate and the key may not belong together: " : "",
                   pem->cert ? server->settings.cert : "");
}

static gd_status listen_and_serve(sv_server *server, gd_error *err)
{
    struct pem pem = { NULL, NULL };
    int socket = -1;
    gd_status rc = read_pem(&pem, &server->settings, err);

    if (!rc)
        rc = sv_listen(&socket, &server->url, server->settings.host, server->settings.port, pem.cert != NULL, err);
    if (!rc)
        rc = start_daemon(server, socket, &pem, err);
    free_pem(&pem);
    return rc;
}

static void free_server(sv_server *server)
{
    close_service(server, false);
    sv_aside_stop(server->aside); /* libmicrohttpd can't stop while a connection is suspended */
    if (server->daemon)
        MHD_stop_daemon(server->daemon);
    sv_aside_free(server->aside);
    sv_watch_close(server->watch);
    (void)pthread_cond_destroy(&server->fewer);
    (void)pthread_mutex_destroy(&server->lock);
    sv_metrics_free(&server->metrics);
    gd_arena_free(&server->memory);
    gd_free(server->url);
    gd_free(server);
}

static sv_server *alloc_server(const sv_settings *settings)
{
    sv_server *server = gd_alloc_zero(1, sizeof *server);

    if (!server)
        return NULL;
    server->settings = *settings;
    if (sv_metrics_init(&server->metrics)) {
        if (!pthread_mutex_init(&server->lock, NULL)) {
            if (!pthread_cond_init(&server->fewer, NULL))
                return server;
            (void)pthread_mutex_destroy(&server->lock);
        }
        sv_metrics_free(&server->metrics);
    }
    gd_free(server);
    return NULL;
}

gd_status sv_server_open(sv_server **out, gd_model *model, const sv_settings *settings, gd_error *err)
{
    sv_server *server = alloc_server(settings);
    gd_status rc;

    *out = NULL;
    if (!server)
        return gd_fail_memory(err, sizeof *server);
    rc = settings->key_file ? sv_keys_read(&server->keys, settings->key_file, err) : GD_OK;
    if (!rc)
        rc = sv_info_read(server, model, err);
    if (!rc)
        rc = open_service(server, model, err);
    if (!rc)
        rc = sv_aside_open(&server->aside, err);
    if (!rc)
        rc = sv_watch_open(&server->watch, settings->timeout, on_gone, server, err);
    if (!rc)
        rc = listen_and_serve(server, err);
    if (rc)
        free_server(server);
    else
        *out = server;
    return rc;
}

const char *sv_server_url(const sv_server *server) { return server->url; }

bool sv_server_is_exposed(const sv_server *server)
{
    return !server->keys.count && !sv_is_loopback(server->settings.host);
}

bool sv_file_is_exposed(const char *path, unsigned *mode)
{
    struct stat st;

    if (stat(path, &st))
        return false;
    *mode = st.st_mode & 0777;
    return (*mode & 077) != 0;
}

/* Waits until no request is under way, or `hurry` says so, which may be NULL. */
static bool wait_for_all(sv_server *server, bool (*hurry)(void))
{
    bool all = false, stop = false;

    (void)pthread_mutex_lock(&server->lock);
    server->closing = true;
    while (!(all = server->under_way == 0) && !stop) {
        struct timespec until;

        (void)clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += LOOK_MS * 1000000L;
        until.tv_sec += until.tv_nsec / 1000000000L;
        until.tv_nsec %= 1000000000L;
        (void)pthread_cond_timedwait(&server->fewer, &server->lock, &until);
        stop = hurry && hurry();
    }
    (void)pthread_mutex_unlock(&server->lock);
    return all;
}

bool sv_server_close(sv_server *server, bool (*hurry)(void))
{
    const int listening = MHD_quiesce_daemon(server->daemon);
    bool all;

    /* Whoever comes now is told so by the system at once.  The descriptor itself may still be libmicrohttpd's. */
    if (listening >= 0)
        (void)shutdown(listening, SHUT_RDWR);
    all = wait_for_all(server, hurry);
    close_service(server, all); /* whoever still waits is told so, ... */
    if (!all)
        (void)wait_for_all(server, hurry); /* ... once, and not longer than that takes */
    free_server(server);
    if (listening >= 0)
        (void)close(listening);
    return all;
}
