/* test_guard.c - mapped files that are cut short, rewritten or replaced while they are read; and that a SIGBUS which is
 * not ours goes where it would have gone without us. */
#include "tests/check.h"

#include "base/file.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { PAGES = 64, THREADS = 4 };

static char path[TEST_PATH];
static size_t page;
static gd_map map;

static void write_file(const char *name)
{
    FILE *f = fopen(name, "wb");

    assert_non_null(f);
    for (size_t i = 0; i < PAGES * page; i++)
        assert_int_equal(putc(1 + (int)(i / page % 100), f), 1 + (int)(i / page % 100));
    assert_int_equal(fclose(f), 0);
}

/* What is at SIGBUS now. */
static struct sigaction bus_action(void)
{
    struct sigaction now;

    assert_int_equal(sigaction(SIGBUS, NULL, &now), 0);
    return now;
}

static void set_handler(void (*handler)(int))
{
    struct sigaction action = { 0 };

    action.sa_handler = handler;
    action.sa_flags = SA_NODEFER;
    assert_int_equal(sigaction(SIGBUS, &action, NULL), 0);
}

static int begin(void **state)
{
    (void)state;
    page = (size_t)sysconf(_SC_PAGESIZE);
    write_file(test_file(path));
    assert_ok(gd_map_open(&map, path, test_err));
    return 0;
}

static int end(void **state)
{
    (void)state;
    gd_map_close(&map);
    return unlink(path);
}

static unsigned sum(const unsigned char *data, size_t bytes)
{
    unsigned total = 0;

    for (size_t i = 0; i < bytes; i++)
        total += ((const volatile unsigned char *)data)[i];
    return total;
}

static void expect_changed(const char *wanted)
{
    gd_error err = { 0 };

    assert_int_equal(gd_map_unchanged(&map, path, &err), GD_EIO);
    assert_contains(err.text, path);
    assert_contains(err.text, wanted);
}

/* ---- what happens to the file ---- */

static void a_file_that_stays(void **state)
{
    (void)state;
    gd_guard_enter();
    assert_int_equal(map.data[3 * page], 4);
    gd_guard_leave();
    assert_ok(gd_map_unchanged(&map, path, test_err));
}

/* To every length, from nothing to one byte less. */
static void a_file_that_is_cut_short(void **state)
{
    const size_t lengths[] = { PAGES * page - 1, PAGES * page - page, page + 1, page, 1, 0 };

    (void)state;
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        assert_int_equal(truncate(path, (off_t)lengths[i]), 0);
        gd_guard_enter();
        (void)sum(map.data, map.size);
        gd_guard_leave();
        expect_changed("bytes, and now has");
        assert_true(i == 0 || atomic_load(&map.range.lost)); /* within the last page, nothing is lost */
    }
    assert_int_equal(sum(map.data, map.size), 0); /* without a guard, too: the zeros stay */
}

static void a_file_that_grows(void **state)
{
    (void)state;
    assert_int_equal(truncate(path, (off_t)(PAGES * page + 1)), 0);
    expect_changed("bytes, and now has");
}

static void set_time(long nanoseconds)
{
    const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_sec = 1000000000, .tv_nsec = nanoseconds } };

    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

/* The same length, but another time: by seconds, or by a nanosecond. */
static void a_file_that_is_rewritten(void **state)
{
    (void)state;
    set_time(0);
    expect_changed("something wrote to it");
    gd_map_close(&map);
    assert_ok(gd_map_open(&map, path, test_err));
    assert_ok(gd_map_unchanged(&map, path, test_err));
    set_time(1);
    expect_changed("something wrote to it");
}

/* The old file is still there for whoever has it open. */
static void a_file_that_is_replaced(void **state)
{
    char other[TEST_PATH];

    (void)state;
    assert_int_equal(rename(test_file(other), path), 0);
    gd_guard_enter();
    assert_int_equal(map.data[3 * page], 4);
    gd_guard_leave();
    assert_ok(gd_map_unchanged(&map, path, test_err));
}

static void *read_all(void *argument)
{
    sigset_t all;

    (void)argument;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_BLOCK, &all, NULL);
    gd_guard_thread();
    for (int i = 0; i < 100; i++)
        (void)sum(map.data, map.size);
    return NULL;
}

/* What another thread would find if it read the zeros as soon as they are there: this mmap() takes the place of libc's.
 * The thread sanitizer calls it before it is ready itself. */
static bool watching, lost_in_time;
void *mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset)
    __attribute__((no_sanitize("thread")));

void *mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset)
{
    if (watching && flags & MAP_FIXED)
        lost_in_time = atomic_load(&map.range.lost);
    return (void *)syscall(SYS_mmap, at, size, protection, flags, fd, offset);
}

static void zeros_are_never_taken_for_the_file(void **state)
{
    (void)state;
    assert_int_equal(truncate(path, 0), 0);
    watching = true;
    gd_guard_enter();
    (void)sum(map.data, map.size);
    gd_guard_leave();
    watching = false;
    assert_true(lost_in_time);
}

static void many_threads(void **state)
{
    pthread_t ids[THREADS];

    (void)state;
    gd_guard_enter();
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&ids[i], NULL, read_all, NULL), 0);
    assert_int_equal(truncate(path, (off_t)page), 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(ids[i], NULL), 0);
    gd_guard_leave();
    expect_changed("bytes, and now has");
}

/* Of two maps of one file, each has its own range; of two files, one stays whole. */
static void only_the_range_that_is_lost(void **state)
{
    char other[TEST_PATH];
    gd_map whole;

    (void)state;
    write_file(test_file(other));
    assert_ok(gd_map_open(&whole, other, test_err));
    assert_int_equal(truncate(path, 0), 0);
    gd_guard_enter();
    assert_int_equal(map.data[0], 0);
    assert_int_equal(whole.data[3 * page], 4);
    gd_guard_leave();
    assert_ok(gd_map_unchanged(&whole, other, test_err));
    gd_map_close(&whole);
    expect_changed("and now has 0");
    assert_int_equal(unlink(other), 0);
}

/* ---- other people's SIGBUS ---- */

static sigjmp_buf back;
static volatile sig_atomic_t theirs;

static void jump(int signal_number)
{
    (void)signal_number;
    theirs++;
    siglongjmp(back, 1);
}

static void jump_with_info(int signal_number, siginfo_t *info, void *context)
{
    (void)context;
    if (info->si_addr)
        jump(signal_number);
}

/* A mapped page that its file doesn't have, and that nobody added. */
static const unsigned char *stranger(void)
{
    char name[TEST_PATH];
    const int fd = mkstemp(test_template(name));
    const unsigned char *data = mmap(NULL, page, PROT_READ, MAP_PRIVATE, fd, 0);

    assert_true(fd >= 0 && data != MAP_FAILED);
    assert_int_equal(close(fd), 0);
    assert_int_equal(unlink(name), 0);
    return data;
}

static void expect_theirs(const unsigned char *data)
{
    const int before = theirs;

    gd_guard_enter();
    if (!sigsetjmp(back, 1))
        (void)sum(data, 1);
    gd_guard_leave();
    assert_int_equal(theirs, before + 1);
}

/* Both kinds of handler, again and again, and with a range of ours lost in between. */
static void a_handler_that_was_there_before(void **state)
{
    const unsigned char *data = stranger();
    struct sigaction with_info = { .sa_sigaction = jump_with_info, .sa_flags = SA_SIGINFO };

    (void)state;
    set_handler(jump);
    expect_theirs(data);
    assert_ptr_equal(bus_action().sa_handler, jump);
    assert_int_equal(truncate(path, 0), 0);
    gd_guard_enter();
    (void)sum(map.data, map.size);
    gd_guard_leave();
    expect_theirs(data);
    assert_int_equal(sigaction(SIGBUS, &with_info, NULL), 0);
    expect_theirs(data);
    assert_ptr_equal(bus_action().sa_sigaction, jump_with_info);
    set_handler(SIG_DFL);
    assert_int_equal(munmap((void *)data, page), 0);
}

static struct sigaction below;

static void pass_on(int signal_number, siginfo_t *info, void *context)
{
    below.sa_sigaction(signal_number, info, context);
}

/* It calls ours, as it should; ours must not be installed twice, or they would call each other for ever. */
static void a_handler_that_came_in_between(void **state)
{
    const unsigned char *data = stranger();
    struct sigaction on_top = { .sa_sigaction = pass_on, .sa_flags = SA_SIGINFO };

    (void)state;
    set_handler(jump);
    gd_guard_enter();
    assert_int_equal(sigaction(SIGBUS, &on_top, &below), 0);
    gd_guard_leave();
    assert_ptr_equal(bus_action().sa_sigaction, pass_on);
    expect_theirs(data);
    assert_int_equal(truncate(path, 0), 0);
    gd_guard_enter();
    (void)sum(map.data, map.size);
    gd_guard_leave();
    expect_changed("and now has 0");
    assert_ptr_equal(bus_action().sa_sigaction, pass_on);
    assert_int_equal(sigaction(SIGBUS, &below, NULL), 0); /* it takes its leave */
    gd_guard_enter();
    gd_guard_leave();
    assert_ptr_equal(bus_action().sa_handler, jump);
    set_handler(SIG_DFL);
    assert_int_equal(munmap((void *)data, page), 0);
}

static void guards_may_be_nested(void **state)
{
    (void)state;
    set_handler(SIG_DFL); /* cmocka has one of its own */
    gd_guard_enter();
    gd_guard_enter();
    gd_guard_leave();
    assert_int_equal(truncate(path, 0), 0);
    (void)sum(map.data, map.size);
    gd_guard_leave();
    assert_ptr_equal(bus_action().sa_handler, SIG_DFL);
    expect_changed("and now has 0");
}

/* The signal that ends a child which does this. */
static int ended_by(void (*action)(void))
{
    const pid_t child = fork();
    int status = 0;

    assert_true(child >= 0);
    if (child == 0) {
        gd_guard_enter();
        action();
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void touch_a_stranger(void) { (void)sum(stranger(), 1); }
static void send_a_signal(void) { (void)raise(SIGBUS); }

static void without_a_handler_the_process_ends(void **state)
{
    (void)state;
    set_handler(SIG_DFL);
    assert_int_equal(ended_by(touch_a_stranger), SIGBUS);
    assert_int_equal(ended_by(send_a_signal), SIGBUS);
    set_handler(SIG_IGN); /* which the kernel doesn't do for a page that is missing */
    assert_int_equal(ended_by(touch_a_stranger), SIGBUS);
    assert_int_equal(ended_by(send_a_signal), 0);
    set_handler(SIG_DFL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_file_that_stays, begin, end),
        cmocka_unit_test_setup_teardown(a_file_that_is_cut_short, begin, end),
        cmocka_unit_test_setup_teardown(a_file_that_grows, begin, end),
        cmocka_unit_test_setup_teardown(a_file_that_is_rewritten, begin, end),
        cmocka_unit_test_setup_teardown(a_file_that_is_replaced, begin, end),
        cmocka_unit_test_setup_teardown(zeros_are_never_taken_for_the_file, begin, end),
        cmocka_unit_test_setup_teardown(many_threads, begin, end),
        cmocka_unit_test_setup_teardown(only_the_range_that_is_lost, begin, end),
        cmocka_unit_test_setup_teardown(a_handler_that_was_there_before, begin, end),
        cmocka_unit_test_setup_teardown(a_handler_that_came_in_between, begin, end),
        cmocka_unit_test_setup_teardown(guards_may_be_nested, begin, end),
        cmocka_unit_test_setup_teardown(without_a_handler_the_process_ends, begin, end),
    };

    (void)alarm(60); /* a fault that nobody handles comes again for ever */
    return cmocka_run_group_tests_name("base: guard", tests, NULL, NULL);
}
