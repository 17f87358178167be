/* server.h - the HTTP server: libmicrohttpd reads and writes, one gd_service computes.
 *
 * Threads: one of libmicrohttpd's for all connections, one that reads large bodies, the service's, and one that watches
 * the connections whose requests wait, so that a client that goes away loses its place, and one that is too slow its
 * connection.  A request
 * that waits is suspended: it takes a connection and its items, and no thread. */
#ifndef GD_SERVE_SERVER_H
#define GD_SERVE_SERVER_H

#include "guerdon.h"

#include <stdbool.h>

typedef struct sv_settings {
    const char *host;            /* an address: "127.0.0.1", "::1", "0.0.0.0" */
    unsigned port;               /* 0: any that is free */
    const char *name;            /* under which the model is served; NULL: the last part of its path */
    const char *const *adapters; /* [adapter_count] the names of adapters number 0, 1, ..; NULL of one that has none */
    size_t adapter_count;
    const char *key_file;   /* NULL, or a file with the keys that clients may send, one per line */
    const char *cert, *key; /* NULL, or files for TLS */
    size_t max_queue;       /* items that wait */
    size_t max_body;        /* bytes */
    size_t max_connections;
    size_t timeout; /* seconds in which a request must have arrived, or an idle connection is closed */
} sv_settings;

typedef struct sv_server sv_server;

/* Opens a server that accepts connections at once. */
gd_status sv_server_open(sv_server **out, gd_model *model, const sv_settings *settings, gd_error *err);

/* "http://127.0.0.1:8080": valid until the server is closed. */
const char *sv_server_url(const sv_server *server);

/* Whether it is reached from other machines and asks no key. */
bool sv_server_is_exposed(const sv_server *server);

/* Whether others than the owner of a file, of keys, may read it or write to it; then *mode is its permissions. */
bool sv_file_is_exposed(const char *path, unsigned *mode);

/* Stops listening, answers what was accepted, and closes the server.  `hurry`, if not NULL, is asked now and then: once
 * it returns true, what still waits is cancelled.  Returns whether all was answered. */
bool sv_server_close(sv_server *server, bool (*hurry)(void));

#endif
