/* inside.h - what the files of the server share. */
#ifndef GD_SERVE_INSIDE_H
#define GD_SERVE_INSIDE_H

#include "serve/aside.h"
#include "serve/exchange.h"
#include "serve/keys.h"
#include "serve/metrics.h"
#include "serve/server.h"
#include "serve/watch.h"

#include <microhttpd.h>
#include <pthread.h>

struct sv_server {
    sv_settings settings;
    sv_info info;
    gd_service *service;
    struct MHD_Daemon *daemon;
    sv_keys keys;
    sv_counts metrics;
    sv_watch *watch;
    sv_aside *aside;
    char *url;
    gd_arena memory;      /* what info points to */
    pthread_mutex_t lock; /* of the members below */
    size_t held;          /* bytes of bodies */
    pthread_cond_t fewer; /* a request has ended */
    size_t under_way;     /* requests */
    bool closing;         /* new ones are refused */
    bool broken;          /* the model has failed, and would again */
};

/* handler.c: what libmicrohttpd calls; in two of them, the context is the server. */
enum MHD_Result sv_handle(void *server, struct MHD_Connection *connection, const char *path, const char *method,
                          const char *version, const char *data, size_t *size, void **context);
void sv_handled(void *context, struct MHD_Connection *connection, void **of_request,
                enum MHD_RequestTerminationCode how);
void sv_connected(void *context, struct MHD_Connection *connection, void **of_connection,
                  enum MHD_ConnectionNotificationCode what);

/* info.c: reads what the server says of its model. */
gd_status sv_info_read(sv_server *server, const gd_model *model, gd_error *err);

#endif
