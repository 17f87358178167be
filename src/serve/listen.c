/* listen.c - the socket that a server listens on. */
#include "serve/listen.h"

#include "base/buf.h"
#include "base/error.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 4096 };

static struct addrinfo *address_of(const char *host, const char *port)
{
    const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV };
    struct addrinfo *found = NULL;

    return getaddrinfo(host, port, &hints, &found) ? NULL : found;
}

bool sv_is_loopback(const char *host)
{
    struct addrinfo *a = address_of(host, "0");
    bool loopback = false;

    if (a && a->ai_family == AF_INET)
        loopback = ntohl(((const struct sockaddr_in *)(const void *)a->ai_addr)->sin_addr.s_addr) >> 24 == 127;
    else if (a && a->ai_family == AF_INET6)
        loopback = IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)(const void *)a->ai_addr)->sin6_addr);
    if (a)
        freeaddrinfo(a);
    return loopback;
}

/* With the port that the socket has. */
static gd_status make_url(char **url, int fd, const char *host, bool tls, gd_error *err)
{
    struct sockaddr_storage own;
    socklen_t len = sizeof own;
    char port[NI_MAXSERV] = "";
    gd_buf text = { 0 };
    const bool six = strchr(host, ':') != NULL;

    if (getsockname(fd, (struct sockaddr *)&own, &len) ||
        getnameinfo((const struct sockaddr *)&own, len, NULL, 0, port, sizeof port, NI_NUMERICSERV))
        return gd_fail(err, GD_EIO, "%s: the port that was chosen is not known", host);
    gd_buf_printf(&text, "http%s://%s%s%s:%s", tls ? "s" : "", six ? "[" : "", host, six ? "]" : "", port);
    return gd_buf_take(&text, url, err);
}

static gd_status bind_to(int fd, const struct addrinfo *a, const char *host, const char *port, gd_error *err)
{
    const int on = 1;

    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, a->ai_addr, a->ai_addrlen) || listen(fd, BACKLOG)) {
        const int why = errno;

        return gd_fail(err, GD_EIO, "%s, port %s: %s%s", host, port, strerror(why),
                       why == EADDRINUSE ? "; another program listens there: --port 0 takes any that is free" : "");
    }
    return GD_OK;
}

gd_status sv_listen(int *out, char **url, const char *host, unsigned port, bool tls, gd_error *err)
{
    char number[16];
    struct addrinfo *a;
    gd_status rc;
    int fd;

    (void)snprintf(number, sizeof number, "%u", port);
    a = address_of(host, number);
    if (!a)
        return gd_fail(err, GD_EUSAGE, "--host is \"%s\", but an address of this machine is expected", host);
    fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        freeaddrinfo(a);
        return gd_fail(err, GD_EIO, "%s: %s", host, strerror(errno));
    }
    rc = bind_to(fd, a, host, number, err);
    freeaddrinfo(a);
    if (!rc)
        rc = make_url(url, fd, host, tls, err);
    if (rc)
        (void)close(fd);
    else
        *out = fd;
    return rc;
}
