/* watch.c - watches connections.
 *
 * libmicrohttpd does not look at a suspended connection, and its own timeout begins anew with every byte: a client that
 * sends one now and then would keep its connection for ever.  Nor does it see the end of a connection that comes
 * together with a part of a request: a trainer that is killed while it sends would keep hundreds. */
#include "serve/watch.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"

#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EVENTS = 64, GROUP = 64, LOOK_MS = 500 };
static const double look_seconds = LOOK_MS / 1000.0;

struct sv_watched {
    sv_watched *before, *after;
    int fd;
    uint64_t ticket; /* 0: no request waits */
    double until;    /* then: when its time ends, ... */
    double ended;    /* ... and since when its client has closed its side; 0: it has not */
};

struct sv_watch {
    pthread_t thread;
    pthread_mutex_t lock;
    sv_watched *first;
    int poll, stop; /* epoll, and what ends the thread */
    double seconds;
    void (*gone)(void *context, uint64_t ticket);
    void *context;
};

/* A connection is closed by libmicrohttpd alone, which sees its end when it is shut down. */
static void end(const sv_watched *one) { (void)shutdown(one->fd, SHUT_RDWR); }

/* Connections that are looked at together. */
struct group {
    sv_watched *of[GROUP];
    struct pollfd fds[GROUP];
    nfds_t count;
};

/* What came before the client's end has been read by the second look. */
static void look_at(struct group *group, double now)
{
    (void)poll(group->fds, group->count, 0);
    for (nfds_t i = 0; i < group->count; i++) {
        sv_watched *one = group->of[i];

        if (!group->fds[i].revents)
            one->ended = 0;
        else if (one->ended <= 0)
            one->ended = now;
        else if (now - one->ended >= look_seconds)
            end(one);
    }
    group->count = 0;
}

/* Of those whose request does not wait for its scores. */
static void look(sv_watch *watch, double now)
{
    struct group group;

    group.count = 0;
    (void)pthread_mutex_lock(&watch->lock);
    for (sv_watched *one = watch->first; one; one = one->after) {
        if (one->ticket)
            continue;
        if (one->until <= now) {
            end(one);
            continue;
        }
        group.of[group.count] = one;
        group.fds[group.count++] = (struct pollfd){ .fd = one->fd, .events = POLLRDHUP };
        if (group.count == GROUP)
            look_at(&group, now);
    }
    look_at(&group, now);
    (void)pthread_mutex_unlock(&watch->lock);
}

static void *run(void *context)
{
    sv_watch *watch = context;
    struct epoll_event events[EVENTS];
    double looked = gd_clock();

    for (;;) {
        const int count = epoll_wait(watch->poll, events, EVENTS, LOOK_MS);
        const double now = gd_clock();

        for (int i = 0; i < count; i++) {
            if (!events[i].data.u64) /* stop */
                return NULL;
            if (events[i].data.u64 != SV_NO_TICKET)
                watch->gone(watch->context, events[i].data.u64);
        }
        if (now - looked >= look_seconds / 2) {
            look(watch, now);
            looked = now;
        }
    }
}

static void free_watch(sv_watch *watch)
{
    if (watch->poll >= 0)
        (void)close(watch->poll);
    if (watch->stop >= 0)
        (void)close(watch->stop);
    (void)pthread_mutex_destroy(&watch->lock);
    gd_free(watch);
}

gd_status sv_watch_open(sv_watch **out, size_t seconds, void (*gone)(void *context, uint64_t ticket), void *context,
                        gd_error *err)
{
    sv_watch *watch = gd_alloc_zero(1, sizeof *watch);
    struct epoll_event stop = { .events = EPOLLIN };

    *out = NULL;
    if (!watch || pthread_mutex_init(&watch->lock, NULL)) {
        gd_free(watch);
        return gd_fail_memory(err, sizeof *watch);
    }
    watch->seconds = (double)seconds;
    watch->gone = gone;
    watch->context = context;
    watch->poll = epoll_create1(EPOLL_CLOEXEC);
    watch->stop = eventfd(0, EFD_CLOEXEC);
    if (watch->poll < 0 || watch->stop < 0 || epoll_ctl(watch->poll, EPOLL_CTL_ADD, watch->stop, &stop) ||
        pthread_create(&watch->thread, NULL, run, watch)) {
        free_watch(watch);
        return gd_fail(err, GD_ENOMEM, "the thread that watches connections can't be started");
    }
    *out = watch;
    return GD_OK;
}

void sv_watch_close(sv_watch *watch)
{
    const uint64_t one = 1;

    if (!watch)
        return;
    if (write(watch->stop, &one, sizeof one) == (ssize_t)sizeof one)
        (void)pthread_join(watch->thread, NULL);
    free_watch(watch);
}

sv_watched *sv_watch_add(sv_watch *watch, int fd)
{
    sv_watched *one = gd_alloc_zero(1, sizeof *one);

    if (!one)
        return NULL;
    one->fd = fd;
    one->until = gd_clock() + watch->seconds;
    (void)pthread_mutex_lock(&watch->lock);
    one->after = watch->first;
    if (one->after)
        one->after->before = one;
    watch->first = one;
    (void)pthread_mutex_unlock(&watch->lock);
    return one;
}

void sv_watch_drop(sv_watch *watch, sv_watched *one)
{
    if (!one)
        return;
    (void)pthread_mutex_lock(&watch->lock);
    if (one->ticket)
        (void)epoll_ctl(watch->poll, EPOLL_CTL_DEL, one->fd, NULL);
    *(one->before ? &one->before->after : &watch->first) = one->after;
    if (one->after)
        one->after->before = one->before;
    (void)pthread_mutex_unlock(&watch->lock);
    gd_free(one);
}

/* The first sign is enough. */
void sv_watch_waits(sv_watch *watch, sv_watched *one, uint64_t ticket)
{
    struct epoll_event event = { .events = EPOLLRDHUP | EPOLLHUP | EPOLLERR | EPOLLONESHOT };

    if (!one)
        return;
    event.data.u64 = ticket;
    (void)pthread_mutex_lock(&watch->lock);
    one->ticket = ticket;
    (void)epoll_ctl(watch->poll, EPOLL_CTL_ADD, one->fd, &event);
    (void)pthread_mutex_unlock(&watch->lock);
}

void sv_watch_runs(sv_watch *watch, sv_watched *one)
{
    if (!one)
        return;
    (void)pthread_mutex_lock(&watch->lock);
    if (one->ticket)
        (void)epoll_ctl(watch->poll, EPOLL_CTL_DEL, one->fd, NULL);
    one->ticket = 0;
    one->ended = 0;
    one->until = gd_clock() + watch->seconds;
    (void)pthread_mutex_unlock(&watch->lock);
}
