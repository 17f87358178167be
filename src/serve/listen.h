/* listen.h - the socket that a server listens on. */
#ifndef GD_SERVE_LISTEN_H
#define GD_SERVE_LISTEN_H

#include "guerdon.h"

#include <stdbool.h>

/* Listens on a numeric address, or localhost, and a port, 0 for any; *url is freed with gd_free(). */
gd_status sv_listen(int *out, char **url, const char *host, unsigned port, bool tls, gd_error *err);

/* Whether only this machine reaches the address. */
bool sv_is_loopback(const char *host);

#endif
