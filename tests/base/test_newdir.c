/* test_newdir.c - a directory that gets all of its files or none: what is in it after success, failure, a full disk
 * and a kill. */
#include "tests/check.h"
#include "tests/names.h"
#include "tests/quant-free/files.h"

#include "base/mem.h"
#include "base/newdir.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *names_in(const char *path) { return test_names(path, "none"); }

static void assert_holds(const char *dir, const char *name, const char *want)
{
    char text[256] = "";
    FILE *f = fopen(in_dir(dir, name), "rb");
    size_t n;

    assert_non_null(f);
    n = fread(text, 1, sizeof text - 1, f);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(n, strlen(want));
    assert_string_equal(text, want);
}

static void it_is_filled_whole(void **state)
{
    const char *path = in_dir(*state, "new");
    gd_newdir *d;

    write_text(*state, "from", "some other file");
    assert_ok(gd_newdir_open(&d, path, test_err));
    assert_ok(gd_newdir_begin(d, "b", 5, test_err));
    assert_ok(gd_newdir_write(d, "one", 3, test_err));
    assert_ok(gd_newdir_write(d, "", 0, test_err));
    assert_ok(gd_newdir_write(d, "22", 2, test_err));
    assert_ok(gd_newdir_end(d, test_err));
    assert_ok(gd_newdir_put(d, "empty", NULL, 0, test_err));
    assert_ok(gd_newdir_copy(d, "a", in_dir(*state, "from"), test_err));
    assert_string_equal(names_in(path), "a.part,b.part,empty.part");
    assert_ok(gd_newdir_keep(d, test_err));
    gd_newdir_close(d);
    assert_string_equal(names_in(path), "a,b,empty");
    assert_holds(path, "a", "some other file");
    assert_holds(path, "b", "one22");
    assert_holds(path, "empty", "");
}

static void without_keep_nothing_stays(void **state)
{
    const char *path = in_dir(*state, "new");
    gd_newdir *d;

    assert_ok(gd_newdir_open(&d, path, test_err));
    assert_ok(gd_newdir_put(d, "whole", "x", 1, test_err));
    assert_ok(gd_newdir_begin(d, "half", 100, test_err));
    assert_ok(gd_newdir_write(d, "one", 3, test_err));
    gd_newdir_close(d);
    assert_string_equal(names_in(path), "none");

    assert_int_equal(mkdir(path, 0700), 0); /* an empty one that existed before is kept */
    assert_ok(gd_newdir_open(&d, path, test_err));
    assert_ok(gd_newdir_put(d, "whole", "x", 1, test_err));
    gd_newdir_close(d);
    assert_string_equal(names_in(path), "");
    gd_newdir_close(NULL);
}

static void a_directory_in_use_is_refused(void **state)
{
    const char *path = in_dir(*state, "new");
    gd_error err = { 0 };
    gd_newdir *d;

    write_text(*state, "file", "");
    assert_true(said("a file", in_dir(*state, "file"), gd_newdir_open(&d, in_dir(*state, "file"), &err), &err,
                     "Not a directory"));
    err = (gd_error){ 0 };
    assert_true(said("no parent", in_dir(*state, "no/new"), gd_newdir_open(&d, in_dir(*state, "no/new"), &err), &err,
                     "No such file or directory"));
    assert_int_equal(mkdir(path, 0700), 0);
    write_text(path, ".hidden", "");
    err = (gd_error){ 0 };
    assert_true(said("not empty", path, gd_newdir_open(&d, path, &err), &err,
                     "the directory contains \".hidden\", but an empty or a new directory is expected"));
    assert_null(d);
    assert_int_equal(access(in_dir(path, ".hidden"), F_OK), 0);
}

/* Mistakes of the caller: too few bytes, too many, or no gd_newdir_end(). */
static void a_file_has_the_size_that_was_said(void **state)
{
    const char *path = in_dir(*state, "new");
    gd_error err = { 0 };
    gd_newdir *d;

    assert_ok(gd_newdir_open(&d, path, test_err));
    assert_ok(gd_newdir_begin(d, "a", 3, test_err));
    assert_ok(gd_newdir_write(d, "12", 2, test_err));
    assert_true(said("few", in_dir(path, "a"), gd_newdir_end(d, &err), &err, "1 bytes are missing at the end"));
    err = (gd_error){ 0 };
    assert_true(said("keep", in_dir(path, "a"), gd_newdir_keep(d, &err), &err, "the file was not completely written"));
    gd_newdir_close(d);
    assert_string_equal(names_in(path), "none");
    err = (gd_error){ 0 };
    assert_ok(gd_newdir_open(&d, path, test_err));
    assert_ok(gd_newdir_begin(d, "a", 1, test_err));
    assert_ok(gd_newdir_write(d, "12", 2, test_err));
    assert_true(said("many", in_dir(path, "a"), gd_newdir_end(d, &err), &err, "-1 bytes are missing at the end"));
    gd_newdir_close(d);
}

/* Another program writes into the directory in the meantime: its files stay, ours are removed, and the error names the
 * first that could not get its name. */
static void what_others_put_there_stays(void **state)
{
    const char *path = in_dir(*state, "new");
    gd_error err = { 0 };
    gd_newdir *d;

    assert_ok(gd_newdir_open(&d, path, test_err));
    assert_ok(gd_newdir_put(d, "first", "ours", 4, test_err));
    assert_ok(gd_newdir_put(d, "second", "ours", 4, test_err));
    write_text(path, "second", "theirs");
    write_text(path, "third.part", "theirs");
    assert_true(said("third", in_dir(path, "third"), gd_newdir_put(d, "third", "x", 1, &err), &err, "File exists"));
    err = (gd_error){ 0 };
    assert_true(
        said("second", in_dir(path, "second"), gd_newdir_keep(d, &err), &err, "another program has created this file"));
    gd_newdir_close(d);
    assert_string_equal(names_in(path), "second,third.part");
    assert_holds(path, "second", "theirs");
    assert_holds(path, "third.part", "theirs");
}

/* In a directory that has other files, those of the same names are replaced, but only at the end. */
static void a_directory_in_use_is_joined(void **state)
{
    const char *path = make_dir(*state, "used");
    gd_newdir *d;

    write_text(path, "first", "old");
    write_text(path, "other", "theirs");
    write_text(path, "second.part", "left by a killed run");
    assert_ok(gd_newdir_join(&d, path, test_err));
    assert_ok(gd_newdir_put(d, "first", "new", 3, test_err));
    assert_ok(gd_newdir_put(d, "second", "new", 3, test_err));
    assert_string_equal(gd_newdir_name(d, 0), "first");
    assert_string_equal(gd_newdir_name(d, 1), "second");
    assert_null(gd_newdir_name(d, 2));
    assert_holds(path, "first", "old");
    assert_ok(gd_newdir_keep(d, test_err));
    gd_newdir_close(d);
    assert_string_equal(names_in(path), "first,other,second");
    assert_holds(path, "first", "new");
    assert_holds(path, "other", "theirs");
    assert_ok(gd_newdir_join(&d, path, test_err));
    assert_ok(gd_newdir_put(d, "first", "newer", 5, test_err));
    gd_newdir_close(d);
    assert_string_equal(names_in(path), "first,other,second");
    assert_holds(path, "first", "new");
}

/* A file that has got its name stays: what it has replaced is gone. */
static void what_was_replaced_is_not_lost(void **state)
{
    const char *path = make_dir(*state, "used");
    gd_error err = { 0 };
    gd_newdir *d;

    assert_true(said("no directory", in_dir(*state, "new"), gd_newdir_join(&d, in_dir(*state, "new"), &err), &err,
                     "No such file or directory"));
    assert_string_equal(names_in(in_dir(*state, "new")), "none");
    write_text(path, "first", "old");
    (void)make_dir(path, "second");
    assert_ok(gd_newdir_join(&d, path, test_err));
    assert_ok(gd_newdir_put(d, "first", "new", 3, test_err));
    assert_ok(gd_newdir_put(d, "second", "new", 3, test_err));
    err = (gd_error){ 0 };
    assert_true(said("second", in_dir(path, "second"), gd_newdir_keep(d, &err), &err, "Is a directory"));
    gd_newdir_close(d);
    assert_string_equal(names_in(path), "first,second");
    assert_holds(path, "first", "new");
}

/* Room is reserved when a file is begun; if that is impossible, a write fails. */
static void a_limit_on_file_sizes_is_reported(void **state)
{
    const struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };
    const struct rlimit few = { 1000, RLIM_INFINITY };
    const char *path = in_dir(*state, "new");
    char block[2000] = { 0 };
    gd_error err = { 0 };
    gd_newdir *d;
    gd_status rc;

    (void)signal(SIGXFSZ, SIG_IGN);
    assert_ok(gd_newdir_open(&d, path, test_err));
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &few), 0);
    rc = gd_newdir_put(d, "large", block, sizeof block, &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &all), 0);
    assert_int_equal(rc, GD_EIO);
    if (!strstr(err.text, "new/large: File too large"))
        fail_msg("%s", err.text);
    gd_newdir_close(d);
    assert_string_equal(names_in(path), "none");
}

/* Mounts a file system of 256 KiB that disappears with this process; false if that is not permitted. */
static bool mount_small(const char *path)
{
    return unshare(CLONE_NEWNS) == 0 && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("none", path, "tmpfs", 0, "size=256k") == 0;
}

static void a_full_disk_is_reported(void **state)
{
    const char *path = make_dir(*state, "small");
    static char block[1 << 20];
    gd_error err = { 0 };
    gd_newdir *d;

    if (!mount_small(path)) {
        print_message("SKIPPED: cannot mount a tmpfs: %s\n", strerror(errno));
        skip();
    }
    assert_ok(gd_newdir_open(&d, path, test_err));
    assert_ok(gd_newdir_put(d, "fits", block, 100000, test_err));
    if (gd_newdir_begin(d, "large", sizeof block, &err) == GD_OK)
        fail_msg("a megabyte has room in 256 KiB");
    assert_true(
        said("large", in_dir(path, "large"), err.status, &err, "No space left on device: 1048576 bytes are needed"));
    gd_newdir_close(d);
    err = (gd_error){ 0 };
    assert_string_equal(names_in(path), "");
    assert_ok(gd_newdir_open(&d, path, test_err)); /* and by writing more than was announced */
    assert_ok(gd_newdir_begin(d, "large", 10, test_err));
    assert_true(said("write", in_dir(path, "large"), gd_newdir_write(d, block, sizeof block, &err), &err,
                     "No space left on device"));
    gd_newdir_close(d);
    assert_string_equal(names_in(path), "");
    assert_int_equal(umount(path), 0);
}

/* Until gd_newdir_keep(), no file has its final name, even if the process is killed. */
static void a_kill_leaves_parts(void **state)
{
    const char *path = in_dir(*state, "new");
    const pid_t child = fork();
    int status;

    assert_true(child >= 0);
    if (child == 0) {
        gd_newdir *d;

        if (gd_newdir_open(&d, path, NULL) || gd_newdir_put(d, "whole", "x", 1, NULL) ||
            gd_newdir_begin(d, "half", 10, NULL) || gd_newdir_write(d, "x", 1, NULL))
            _exit(1);
        (void)raise(SIGKILL);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    assert_string_equal(names_in(path), "half.part,whole.part");
}

static void every_allocation_may_fail(void **state)
{
    const char *path = in_dir(*state, "new");
    const uint64_t live = gd_mem_live();
    gd_status rc = GD_ENOMEM;

    for (uint64_t n = 1; rc; n++) {
        gd_newdir *d = NULL;
        gd_error err = { 0 };

        assert_true(n < 50);
        gd_mem_fail_from(n);
        rc = gd_newdir_open(&d, path, &err);
        if (!rc)
            rc = gd_newdir_put(d, "a", "x", 1, &err);
        if (!rc)
            rc = gd_newdir_keep(d, &err);
        gd_mem_fail_from(0);
        gd_newdir_close(d);
        assert_int_equal(gd_mem_live(), live);
        assert_string_equal(names_in(path), rc ? "none" : "a");
        assert_true(rc == GD_OK || rc == GD_ENOMEM);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_is_filled_whole, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(without_keep_nothing_stays, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(a_directory_in_use_is_refused, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(a_file_has_the_size_that_was_said, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(what_others_put_there_stays, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(a_directory_in_use_is_joined, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(what_was_replaced_is_not_lost, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(a_limit_on_file_sizes_is_reported, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(a_full_disk_is_reported, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(a_kill_leaves_parts, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(every_allocation_may_fail, dir_setup, dir_teardown),
    };

    return cmocka_run_group_tests_name("newdir", tests, NULL, NULL);
}
