/* test_journal.c - when a journal can't be written, the error says why, whichever step failed. */
#include "tests/records/temp.h"

#include "reward/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

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

/* Signals and a full pipe may interrupt a write, or let it write less. */
static int write_reason; /* of the next write */
static size_t write_most = SIZE_MAX;
ssize_t __real_write(int fd, const void *data, size_t len);
ssize_t __wrap_write(int fd, const void *data, size_t len);

ssize_t __wrap_write(int fd, const void *data, size_t len)
{
    if (!write_reason)
        return __real_write(fd, data, len < write_most ? len : write_most);
    errno = write_reason;
    write_reason = 0;
    return -1;
}

static bool numbers_change;
int __real_fstat(int fd, struct stat *sb);
int __wrap_fstat(int fd, struct stat *sb);

int __wrap_fstat(int fd, struct stat *sb)
{
    const int rc = __real_fstat(fd, sb);

    sb->st_ino += numbers_change;
    return rc;
}

static int rename_reason;
int __real_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to);

int __wrap_rename(const char *from, const char *to)
{
    if (!rename_reason)
        return __real_rename(from, to);
    errno = rename_reason;
    return -1;
}

static int unlinks_left = -1; /* of those that work; -1: all of them */
int __real_unlink(const char *path);
int __wrap_unlink(const char *path);

int __wrap_unlink(const char *path)
{
    if (unlinks_left < 0)
        return __real_unlink(path);
    if (unlinks_left-- > 0)
        return __real_unlink(path);
    unlinks_left = 0;
    errno = EIO;
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

static void expect_reason_of(const char *name, const gd_error *err, int reason)
{
    char wanted[600];

    (void)snprintf(wanted, sizeof wanted, "%s: %s", temp_path(name), strerror(reason));
    assert_int_equal(err->status, GD_EIO);
    assert_string_equal(err->text, wanted);
}

static void expect_reason(const gd_error *err, int reason) { expect_reason_of("out.resume", err, reason); }

static void expect_failure(int reason)
{
    const gd_error err = try_to_open();

    expect_reason(&err, reason);
}

static void in_the_way(const char *name) { assert_int_equal(mkdir(temp_path(name), 0700), 0); }

static void a_part_that_cannot_be_opened(void **state)
{
    (void)state;
    gd_error err;

    in_the_way("out.resume.part");
    err = try_to_open();
    expect_reason_of("out.resume.part", &err, EISDIR);
    assert_int_equal(rmdir(temp_path("out.resume.part")), 0);
}

/* Whatever link has the name, the file that it leads to stays. */
static void a_part_that_is_a_link(void **state)
{
    static const char theirs[] = "theirs";

    (void)state;
    for (int kind = 0; kind < 3; kind++) {
        gd_error err;
        size_t len;
        char *text;

        (void)unlink(temp_path("out.resume"));
        temp_write("theirs", theirs, sizeof theirs - 1);
        if (kind == 0)
            assert_int_equal(link(temp_path("theirs"), temp_path("out.resume.part")), 0);
        else
            assert_int_equal(symlink(kind == 1 ? "theirs" : "nobodys", temp_path("out.resume.part")), 0);
        err = try_to_open();
        assert_int_equal(err.status, GD_OK);
        text = temp_read(temp_path("theirs"), &len);
        assert_int_equal(len, sizeof theirs - 1);
        assert_memory_equal(text, theirs, len);
        free(text);
        assert_int_equal(access(temp_path("nobodys"), F_OK), -1);
        assert_int_equal(access(temp_path("out.resume"), F_OK), 0);
    }
}

/* On some network file systems a file has another number at each look; the run begins nevertheless. */
static void a_file_whose_number_changes(void **state)
{
    gd_error err;

    (void)state;
    (void)alarm(20); /* it used to go on forever */
    numbers_change = true;
    err = try_to_open();
    numbers_change = false;
    (void)alarm(0);
    assert_int_equal(err.status, GD_OK);
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

static void expect_a_journal(uint64_t items)
{
    gd_journal journal;

    assert_ok(gd_journal_open(&journal, temp_path("out"), "{\"model\":\"m\"}", true, test_err));
    assert_int_equal(journal.done.items, items);
    assert_int_equal(journal.done.complete, false);
    gd_journal_free(&journal);
}

static void writes_that_are_interrupted(void **state)
{
    (void)state;
    write_reason = EINTR;
    assert_int_equal(try_to_open().status, GD_OK);
    assert_int_equal(write_reason, 0);
    expect_a_journal(0);
}

static void writes_of_a_few_bytes(void **state)
{
    gd_journal journal;
    gd_journal_state done = { .items = 7, .digest = UINT64_MAX };

    (void)state;
    assert_int_equal(try_to_open().status, GD_OK);
    assert_ok(gd_journal_open(&journal, temp_path("out"), "{\"model\":\"m\"}", true, test_err));
    write_most = 3;
    assert_ok(gd_journal_save(&journal, &done, test_err));
    write_most = SIZE_MAX;
    gd_journal_free(&journal);
    expect_a_journal(7);
}

static void a_part_that_cannot_be_renamed(void **state)
{
    (void)state;
    rename_reason = EROFS;
    expect_failure(EROFS);
    rename_reason = 0;
    assert_int_equal(access(temp_path("out.resume.part"), F_OK), -1);
}

/* The message names the output, not the journal that would have been created first. */
static void an_output_that_cannot_be_created(void **state)
{
    static const char *const outputs[][3] = {
        { "/nonexistent/x", "/nonexistent/x: No such file or directory" },
        { "/dev/null/x", "/dev/null/x: Not a directory" },
        { "/proc/x", "/proc/x: " },
    };

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        gd_journal journal;
        gd_error err = { 0 };

        assert_int_equal(gd_journal_open(&journal, outputs[i][0], "{}", false, &err), GD_EIO);
        if (i < 2)
            assert_string_equal(err.text, outputs[i][1]);
        gd_journal_free(&journal);
    }
}

/* Finishes a run with results aside; only `unlinks` of its files can be removed. */
static gd_status finish(int unlinks, gd_error *err)
{
    gd_journal journal;
    gd_status rc;

    (void)temp_write("out", "line\n", 5);
    (void)unlink(temp_path("out.resume"));
    assert_ok(gd_journal_open(&journal, temp_path("out"), "{\"model\":\"m\"}", false, test_err));
    (void)temp_write("out.resume.found", "x", 1);
    journal.has_aside = true;
    unlinks_left = unlinks;
    rc = gd_journal_finish(&journal, err);
    unlinks_left = -1;
    gd_journal_free(&journal);
    return rc;
}

static void expect_nothing_left(void)
{
    assert_int_equal(access(temp_path("out.resume"), F_OK), -1);
    assert_int_equal(access(temp_path("out.resume.found"), F_OK), -1);
    assert_int_equal(access(temp_path("out.resume.part"), F_OK), -1);
}

/* Whatever a kill leaves: the output is complete, and the next run removes the rest and asks for nothing. */
static void a_kill_while_files_are_removed(void **state)
{
    (void)state;
    for (int i = 0; i < 6; i++) {
        gd_journal journal;
        gd_error err = { 0 };
        const bool resume = i % 2;

        assert_int_equal(finish(i / 2, &err), GD_EIO);
        assert_contains(err.text, "the run is complete, but this file cannot be removed: Input/output error");
        assert_int_equal(access(temp_path("out.resume"), F_OK), 0);
        assert_ok(gd_journal_open(&journal, temp_path("out"), "{\"model\":\"another\"}", resume, test_err));
        assert_int_equal(journal.done.complete, resume);
        assert_int_equal(journal.done.items, 0);
        if (!resume)
            assert_ok(gd_journal_finish(&journal, test_err));
        gd_journal_free(&journal);
        expect_nothing_left();
    }
    assert_ok(finish(-1, test_err));
    expect_nothing_left();
}

static void only_a_file_can_be_resumed(void **state)
{
    static const char *const outputs[][2] = {
        { "-", "standard output cannot be resumed: an output file is expected" },
        { "/dev/stdout", "standard output cannot be resumed: an output file is expected" },
        { "/dev/null", "/dev/null is not a regular file, so it cannot be resumed" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof outputs / sizeof outputs[0]; i++) {
        gd_journal journal;
        gd_error err = { 0 };

        assert_int_equal(gd_journal_open(&journal, outputs[i][0], "{}", true, &err), GD_EUSAGE);
        assert_string_equal(err.text, outputs[i][1]);
        gd_journal_free(&journal);
    }
}

/* A link to the output, even before that exists, has the output's journal. */
static void a_link_has_the_journal_of_its_file(void **state)
{
    gd_journal journal, other;
    gd_error err = { 0 };

    (void)state;
    assert_int_equal(symlink("out", temp_path("link")), 0);
    assert_ok(gd_journal_open(&journal, temp_path("link"), "{\"model\":\"m\"}", false, test_err));
    assert_int_equal(access(temp_path("out.resume"), F_OK), 0);
    temp_write("out", "a line\n", 7);
    assert_int_equal(gd_journal_open(&other, temp_path("link"), "{\"model\":\"m\"}", false, &err), GD_EIO);
    assert_contains(err.text, "/link: another run is writing to this file");
    gd_journal_free(&other);
    gd_journal_free(&journal);
    err = (gd_error){ 0 };
    assert_int_equal(gd_journal_open(&other, temp_path("link"), "{\"model\":\"m\"}", false, &err), GD_EUSAGE);
    assert_contains(err.text, "/link is unfinished");
    gd_journal_free(&other);
    assert_ok(gd_journal_open(&other, temp_path("out"), "{\"model\":\"m\"}", true, test_err));
    assert_false(other.done.complete);
    assert_ok(gd_journal_finish(&other, test_err));
    gd_journal_free(&other);
    assert_int_equal(access(temp_path("out.resume"), F_OK), -1);
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

static gd_status open_too(bool resume, gd_error *err)
{
    gd_journal journal;
    gd_status rc;

    *err = (gd_error){ 0 };
    rc = gd_journal_open(&journal, temp_path("out"), "{\"model\":\"m\"}", resume, err);
    gd_journal_free(&journal);
    return rc;
}

/* Of two runs that begin at the same moment, one comes first, and the other leaves its journal alone. */
static void one_run_has_the_journal(void **state)
{
    const gd_journal_state done = { .items = 7 };
    gd_journal first;
    gd_error err = { 0 };
    int part;

    (void)state;
    assert_ok(gd_journal_open(&first, temp_path("out"), "{\"model\":\"m\"}", false, test_err));
    for (int saved = 0; saved < 2; saved++) {
        for (int resume = 0; resume < 2; resume++) {
            assert_int_equal(open_too(resume, &err), GD_EIO);
            assert_contains(err.text, "out: another run is writing to this file");
        }
        assert_ok(gd_journal_save(&first, &done, test_err));
    }
    gd_journal_free(&first);
    assert_int_equal(open_too(false, &err), GD_EUSAGE); /* it is unfinished, and nobody is at it */
    assert_contains(err.text, "out is unfinished: resume it with --resume");
    assert_ok(open_too(true, test_err));
    assert_int_equal(unlink(temp_path("out.resume")), 0);

    part = open(temp_path("out.resume.part"), O_RDWR | O_CREAT, 0600); /* a run that is about to make its journal */
    assert_int_equal(flock(part, LOCK_EX), 0);
    assert_int_equal(open_too(false, &err), GD_EIO);
    assert_contains(err.text, "out: another run is writing to this file");
    assert_int_equal(access(temp_path("out.resume"), F_OK), -1);
    assert_int_equal(close(part), 0);
    assert_ok(open_too(false, test_err));
    assert_int_equal(access(temp_path("out.resume.part"), F_OK), -1);
    assert_int_equal(unlink(temp_path("out.resume")), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_part_that_cannot_be_opened, temp_begin, temp_end),
        cmocka_unit_test_setup_teardown(a_part_that_is_a_link, temp_begin, temp_end),
        cmocka_unit_test_setup_teardown(a_file_whose_number_changes, temp_begin, temp_end),
        cmocka_unit_test_setup_teardown(a_disk_that_is_full, temp_begin, temp_end),
        cmocka_unit_test_setup_teardown(a_write_that_falls_short, temp_begin, temp_end),
        cmocka_unit_test_setup_teardown(a_file_that_cannot_be_closed, temp_begin, temp_end),
        cmocka_unit_test_setup_teardown(a_link_has_the_journal_of_its_file, temp_begin, temp_end),
        cmocka_unit_test_setup_teardown(a_path_that_is_a_directory, temp_begin, temp_end),
        cmocka_unit_test_setup_teardown(writes_that_are_interrupted, temp_begin, temp_end),
        cmocka_unit_test_setup_teardown(writes_of_a_few_bytes, temp_begin, temp_end),
        cmocka_unit_test_setup_teardown(a_part_that_cannot_be_renamed, temp_begin, temp_end),
        cmocka_unit_test(an_output_that_cannot_be_created),
        cmocka_unit_test_setup_teardown(a_kill_while_files_are_removed, temp_begin, temp_end),
        cmocka_unit_test(only_a_file_can_be_resumed),
        cmocka_unit_test_setup_teardown(the_first_reason_counts, temp_begin, temp_end),
        cmocka_unit_test_setup_teardown(one_run_has_the_journal, temp_begin, temp_end),
    };

    return cmocka_run_group_tests_name("reward: journal", tests, NULL, NULL);
}
