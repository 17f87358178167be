/* guard.c - reading mapped files that may get shorter meanwhile.
 *
 * The handler takes no lock: it walks a list of atomic pointers, and whoever removes a range waits until no handler is
 * walking.  mmap() in a handler is not in POSIX's list, but is a plain system call on every system that we know;
 * Wayland's shared memory has relied on it for years. */
#include "base/guard.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>

static gd_guarded *_Atomic ranges;
static atomic_uint walking; /* handlers that may hold a pointer to a range */

/* The lock protects the three below it, and changes of the list. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned entered;
static bool installed;
static struct sigaction before;

static gd_guarded *find(const unsigned char *address)
{
    gd_guarded *range = atomic_load(&ranges);

    while (range && (address < range->data || address >= range->data + range->size))
        range = atomic_load(&range->next);
    return range;
}

static bool map_zeros(const gd_guarded *range)
{
    void *zeros = mmap((void *)range->data, range->size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

    return zeros != MAP_FAILED;
}

/* `lost` comes first: as soon as the zeros are there, other threads may read them, and find out whether they are right,
 * before this one goes on. It is never taken back, since the range may hold another handler's zeros. */
static bool replace_by_zeros(const unsigned char *address)
{
    gd_guarded *range;
    bool replaced = false;

    atomic_fetch_add(&walking, 1);
    range = find(address);
    if (range) {
        atomic_store(&range->lost, true);
        replaced = map_zeros(range);
    }
    atomic_fetch_sub(&walking, 1);
    return replaced;
}

/* Without a handler, the process ends as it would have ended without us, by the signal that arrives again. */
static void pass_on(int signal_number, siginfo_t *info, void *context)
{
    if (before.sa_flags & SA_SIGINFO)
        before.sa_sigaction(signal_number, info, context);
    else if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN)
        before.sa_handler(signal_number);
    else if (before.sa_handler == SIG_DFL || info->si_code > 0) { /* a process may ignore kill(), but no fault */
        (void)signal(signal_number, SIG_DFL);
        (void)raise(signal_number);
    }
}

/* Positive codes are the kernel's; kill() sends none of them. */
static void on_bus_error(int signal_number, siginfo_t *info, void *context)
{
    if (info->si_code <= 0 || !replace_by_zeros(info->si_addr))
        pass_on(signal_number, info, context);
}

void gd_guard_add(gd_guarded *range)
{
    pthread_mutex_lock(&lock);
    atomic_store(&range->next, atomic_load(&ranges));
    atomic_store(&ranges, range);
    pthread_mutex_unlock(&lock);
}

void gd_guard_remove(gd_guarded *range)
{
    gd_guarded *_Atomic *at = &ranges;

    pthread_mutex_lock(&lock);
    while (atomic_load(at) != range)
        at = &atomic_load(at)->next;
    atomic_store(at, atomic_load(&range->next));
    while (atomic_load(&walking))
        sched_yield();
    pthread_mutex_unlock(&lock);
}

/* If somebody else's handler came in between and was still there when we left, it calls ours. */
void gd_guard_enter(void)
{
    struct sigaction ours = { .sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO | SA_ONSTACK };

    pthread_mutex_lock(&lock);
    if (entered++ == 0 && !installed) {
        (void)sigemptyset(&ours.sa_mask);
        installed = sigaction(SIGBUS, NULL, &before) == 0 && sigaction(SIGBUS, &ours, NULL) == 0;
    }
    pthread_mutex_unlock(&lock);
}

void gd_guard_leave(void)
{
    struct sigaction now;

    pthread_mutex_lock(&lock);
    if (--entered == 0 && installed && sigaction(SIGBUS, NULL, &now) == 0 && (now.sa_flags & SA_SIGINFO) &&
        now.sa_sigaction == on_bus_error)
        installed = sigaction(SIGBUS, &before, NULL) != 0;
    pthread_mutex_unlock(&lock);
}

void gd_guard_thread(void)
{
    sigset_t bus;

    (void)sigemptyset(&bus);
    (void)sigaddset(&bus, SIGBUS);
    (void)pthread_sigmask(SIG_UNBLOCK, &bus, NULL);
}
