/* test_journal.c - when a journal can't be written, the error says why, whichever step failed. */
#include "tests/records/temp.h"

#include "reward/journal.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

/* A network file system may report a failed write only at close(); the linker puts this in place of close(). */
static int close_reason;
int __real_close(int fd);
int __wrap_close(int fd);

int __wrap_close(int fd)
{
    const int rc = __real_close(fd);

    if (!close_reason)
        return rc;
    errno = close_reason;
    return -1;
}

static gd_error try_to_open(void)
{
    gd_journal journal;
    gd_error err = { 0 };

    errno = EDOM; /* a stale value must not be reported */
    (void)gd_journal_open(&journal, temp_path("out"), "{\"model\":\"m\"}", false, &err);
    gd_journal_free(&journal);
    return err;
}

static void expect_reason(const gd_error *err, int reason)
{
    char wanted[600];

    (void)snprintf(wanted, sizeof wanted, "%s: %s", temp_path("out.resume"), strerror(reason));
    assert_int_equal(err->status, GD_EIO);
    assert_string_equal(err->text, wanted);
}

static void expect_failure(int reason)
{
    const gd_error err = try_to_open();

    expect_reason(&err, reason);
}

static void in_the_way(const char *name) { assert_int_equal(mkdir(temp_path(name), 0700), 0); }

static void a_part_that_cannot_be_opened(void **state)
{
    (void)state;
    in_the_way("out.resume.part");
    expect_failure(EISDIR);
    assert_int_equal(rmdir(temp_path("out.resume.part")), 0);
}

static void a_disk_that_is_full(void **state)
{
    (void)state;
    if (access("/dev/full", W_OK) < 0)
        skip();
    assert_int_equal(symlink("/dev/full", temp_path("out.resume.part")), 0);
    expect_failure(ENOSPC);
    assert_int_equal(access(temp_path("out.resume.part"), F_OK), -1);
}

/* A few bytes are written, the rest are not. */
static void a_write_that_falls_short(void **state)
{
    struct rlimit was, low;
    gd_error err;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
    low = was;
    low.rlim_cur = 10;
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
    err = try_to_open(); /* nothing else may be written meanwhile, not even the test's output */
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
    expect_reason(&err, EFBIG);
    assert_int_equal(access(temp_path("out.resume.part"), F_OK), -1);
}

static void a_file_that_cannot_be_closed(void **state)
{
    (void)state;
    close_reason = EDQUOT;
    expect_failure(EDQUOT);
    close_reason = 0;
    assert_int_equal(access(temp_path("out.resume.part"), F_OK), -1);
    assert_int_equal(access(temp_path("out.resume"), F_OK), -1);
}

static void only_a_file_can_be_resumed(void **state)
{
    static const char *const outputs[][2] = {
        { "-", "standard output cannot be resumed: an output file is expected" },
        { "/dev/null", "/dev/null is not a regular file, so it cannot be resumed" },
    };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        gd_journal journal;
        gd_error err = { 0 };

        assert_int_equal(gd_journal_open(&journal, outputs[i][0], "{}", true, &err), GD_EUSAGE);
        assert_string_equal(err.text, outputs[i][1]);
        gd_journal_free(&journal);
    }
}

static void a_path_that_is_a_directory(void **state)
{
    gd_error err;

    (void)state;
    in_the_way("out.resume");
    err = try_to_open();
    assert_contains(err.text, "/out.resume: not a regular file");
    assert_int_equal(access(temp_path("out.resume.part"), F_OK), -1);
    assert_int_equal(rmdir(temp_path("out.resume")), 0);
}

/* If a write and the close after it both fail, the write's reason says more. */
static void the_first_reason_counts(void **state)
{
    if (access("/dev/full", W_OK) < 0)
        skip();
    close_reason = EDQUOT;
    a_disk_that_is_full(state);
    close_reason = 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_part_that_cannot_be_opened, temp_begin, temp_end),
        cmocka_unit_test_setup_teardown(a_disk_that_is_full, temp_begin, temp_end),
        cmocka_unit_test_setup_teardown(a_write_that_falls_short, temp_begin, temp_end),
        cmocka_unit_test_setup_teardown(a_file_that_cannot_be_closed, temp_begin, temp_end),
        cmocka_unit_test_setup_teardown(a_path_that_is_a_directory, temp_begin, temp_end),
        cmocka_unit_test(only_a_file_can_be_resumed),
        cmocka_unit_test_setup_teardown(the_first_reason_counts, temp_begin, temp_end),
    };

    return cmocka_run_group_tests_name("reward: journal", tests, NULL, NULL);
}
