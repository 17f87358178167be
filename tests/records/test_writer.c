/* test_writer.c - output lines and full disks. */
#include "tests/records/temp.h"

#include "base/mem.h"
#include "data/writer.h"

#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <sys/stat.h>

static const gd_record *record(uint64_t index, gd_record_kind kind)
{
    static gd_record one;

    one = (gd_record){ .index = index, .kind = kind };
    return &one;
}

static gd_status write_all(const char *path, gd_error *err)
{
    const uint32_t a[] = { 1, 22, 4294967295u, 0 }, b[] = { 7 };
    const gd_span ids[] = { { a, 4, 0 }, { b, 1, 0 } }, none[] = { { NULL, 0, 0 } };
    const float one[] = { 1.23456789f }, pair[] = { 0.1f, -2.5e-7f }, pole[] = { INFINITY }, nan[] = { 1, NAN };
    const float far[] = { 3e38f, -3e38f }, zero[] = { -0.0f }, low[] = { -INFINITY };
    const size_t tokens[] = { 155, 160 };
    bool failed = false;
    gd_writer *w;
    gd_status rc = gd_writer_open(&w, path, NULL, 0, 0, err);

    if (rc)
        return rc;
    (void)gd_writer_score(w, record(0, GD_RECORD_TEXT), one, tokens, 1, false, &failed, err);
    (void)gd_writer_score(w, record(1, GD_RECORD_PAIR), pair, tokens, 2, true, &failed, err);
    (void)gd_writer_score(w, record(2, GD_RECORD_TEXT), zero, tokens, 1, true, NULL, err);
    assert_false(failed);
    (void)gd_writer_score(w, record(3, GD_RECORD_TEXT), pole, tokens, 1, true, &failed, err);
    assert_true(failed);
    (void)gd_writer_score(w, record(4, GD_RECORD_PAIR), nan, tokens, 2, false, &failed, err);
    (void)gd_writer_score(w, record(5, GD_RECORD_PAIR), far, tokens, 2, false, &failed, err);
    (void)gd_writer_score(w, record(6, GD_RECORD_TEXT), low, tokens, 1, false, NULL, err);
    (void)gd_writer_error(w, &(gd_record){ .index = 18446744073709551615u }, "line 8: \"a\\b\"\n\x01\xc3\xa9", err);
    (void)gd_sink_flush(gd_writer_sink(w), err);
    (void)gd_writer_ids(w, record(8, GD_RECORD_TEXT), ids, 1, false, err);
    (void)gd_writer_ids(w, record(9, GD_RECORD_PAIR), ids, 2, true, err);
    (void)gd_writer_ids(w, record(10, GD_RECORD_TEXT), none, 1, false, err);
    (void)gd_writer_score(w, record(11, GD_RECORD_ANSWERS), pair, tokens, 2, true, &failed, err);
    (void)gd_writer_score(w, record(12, GD_RECORD_ANSWERS), nan, tokens, 2, false, &failed, err);
    (void)gd_writer_score(w, record(13, GD_RECORD_ANSWERS), one, tokens, 1, false, &failed, err);
    (void)gd_writer_ids(w, record(14, GD_RECORD_ANSWERS), ids, 2, false, err);
    return gd_writer_close(w, err);
}

static const char all_lines[] =
    "{\"index\":0,\"score\":1.23456788,\"tokens\":155}\n"
    "{\"index\":1,\"chosen\":0.100000001,\"rejected\":-2.49999999e-07,\"margin\":0.100000255,\"tokens\":[155,160],"
    "\"truncated\":true}\n"
    "{\"index\":2,\"score\":-0,\"tokens\":155,\"truncated\":true}\n"
    "{\"index\":3,\"error\":\"the score is infinite; expected a finite number\"}\n"
    "{\"index\":4,\"error\":\"the rejected score is NaN; expected a finite number\"}\n"
    "{\"index\":5,\"error\":\"the margin is infinite; expected a finite number\"}\n"
    "{\"index\":6,\"error\":\"the score is minus infinite; expected a finite number\"}\n"
    "{\"index\":18446744073709551615,\"error\":\"line 8: \\\"a\\\\b\\\"\\n\\u0001\xc3\xa9\"}\n"
    "{\"index\":8,\"ids\":[1,22,4294967295,0]}\n"
    "{\"index\":9,\"chosen\":[1,22,4294967295,0],\"rejected\":[7],\"truncated\":true}\n"
    "{\"index\":10,\"ids\":[]}\n"
    "{\"index\":11,\"scores\":[0.100000001,-2.49999999e-07],\"tokens\":[155,160],\"truncated\":true}\n"
    "{\"index\":12,\"error\":\"the score of responses[1] is NaN; expected a finite number\"}\n"
    "{\"index\":13,\"scores\":[1.23456788],\"tokens\":[155]}\n"
    "{\"index\":14,\"ids\":[[1,22,4294967295,0],[7]]}\n";

static void expect_file(const char *path, const char *wanted)
{
    size_t len;
    char *seen = temp_read(path, &len);

    assert_int_equal(len, strlen(wanted));
    assert_string_equal(seen, wanted);
    free(seen);
}

static void lines_are_written_as_documented(void **state)
{
    static const struct {
        const char *name, *magic;
        size_t len;
    } packed[] = { { "packed.gz", "\x1f\x8b", 2 }, { "packed.zst", "\x28\xb5\x2f\xfd", 4 } };
    static char older[10000]; /* longer than what overwrites it */

    (void)state;
    temp_write("plain", older, sizeof older);
    assert_ok(write_all(temp_path("plain"), test_err));
    expect_file(temp_path("plain"), all_lines);
    for (size_t i = 0; i < 2; i++) {
        size_t len;
        char *bytes;

        assert_ok(write_all(temp_path(packed[i].name), test_err));
        expect_file(temp_path(packed[i].name), all_lines);
        bytes = temp_bytes(temp_path(packed[i].name), &len);
        assert_memory_equal(bytes, packed[i].magic, packed[i].len);
        if (i == 1)
            assert_true(bytes[4] & 4); /* it has a checksum, as gzip always does */
        free(bytes);
    }
}

/* More than any buffer holds, and random enough to stay large when compressed; the bytes are the same each time. */
static void long_outputs_are_whole(void **state)
{
    enum { LINES = 3000, IDS = 200 };
    static uint32_t ids[IDS];
    char *first = NULL;

    (void)state;
    for (int round = 0; round < 3; round++) {
        static const char *const names[] = { "long", "long.gz", "long.zst" };
        const char *path = temp_path(names[round]);
        uint32_t x = 1;
        size_t len;
        char *seen;
        gd_writer *w;

        assert_ok(gd_writer_open(&w, path, NULL, 0, 0, test_err));
        for (uint64_t i = 0; i < LINES; i++) {
            const gd_span span = { .ids = ids, .len = IDS };

            for (size_t k = 0; k < IDS; k++)
                ids[k] = x = x * 1664525u + 1013904223u;
            assert_ok(gd_writer_ids(w, record(i, GD_RECORD_TEXT), &span, 1, false, test_err));
        }
        assert_ok(gd_writer_close(w, test_err));
        seen = temp_read(path, &len);
        if (!first)
            first = strdup(seen);
        assert_true(len > 1000000);
        assert_string_equal(seen, first);
        free(seen);
    }
    free(first);
}

static void the_input_is_never_the_output(void **state)
{
    gd_writer *w;
    gd_error err = { 0 };
    char seen[64] = "";
    FILE *f;

    (void)state;
    temp_write("in", "precious", 8);
    assert_int_equal(symlink(temp_path("in"), temp_path("link")), 0);
    assert_int_equal(link(temp_path("in"), temp_path("hard.gz")), 0);
    assert_int_equal(gd_writer_open(&w, temp_path("in"), (const char *[]){ temp_path("in") }, 1, 0, &err), GD_EUSAGE);
    assert_null(w);
    assert_non_null(strstr(err.text, "/in: the output is the input file; choose another one"));
    assert_int_equal(gd_writer_open(&w, temp_path("link"), (const char *[]){ temp_path("in") }, 1, 0, NULL), GD_EUSAGE);
    assert_int_equal(gd_writer_open(&w, temp_path("hard.gz"), (const char *[]){ temp_path("in") }, 1, 0, NULL),
                     GD_EUSAGE);
    f = fopen(temp_path("in"), "rb");
    assert_non_null(f);
    assert_int_equal(fread(seen, 1, sizeof seen, f), 8);
    fclose(f);
    assert_string_equal(seen, "precious");
    assert_ok(gd_writer_open(&w, temp_path("other"), (const char *[]){ temp_path("in") }, 1, 0, test_err));
    assert_ok(gd_writer_close(w, test_err));
    assert_ok(gd_writer_open(&w, "/dev/null", (const char *[]){ "/dev/null" }, 1, 0, test_err)); /* not a file */
    assert_ok(gd_writer_close(w, test_err));
    assert_ok(gd_writer_open(&w, temp_path("other"), (const char *[]){ "/nonexistent/x" }, 1, 0, test_err));
    assert_ok(gd_writer_close(w, test_err));
}

static void a_full_disk_is_reported(void **state)
{
    gd_error err = { 0 };
    gd_writer *w;

    (void)state;
    assert_int_equal(write_all("/dev/full", &err), GD_EIO);
    assert_string_equal(err.text, "/dev/full: No space left on device");
    assert_ok(gd_writer_open(&w, "/dev/full", NULL, 0, 0, test_err));
    assert_ok(gd_writer_error(w, &(gd_record){ 0 }, "a", test_err)); /* still in the buffer */
    err = (gd_error){ 0 };
    assert_int_equal(gd_sink_flush(gd_writer_sink(w), &err), GD_EIO);
    err = (gd_error){ 0 };
    assert_int_equal(gd_writer_error(w, &(gd_record){ 0 }, "a", &err), GD_EIO); /* and on every later call */
    assert_string_equal(err.text, "/dev/full: No space left on device");
    assert_int_equal(gd_writer_close(w, NULL), GD_EIO);
    assert_int_equal(symlink("/dev/full", temp_path("full.gz")), 0);
    err = (gd_error){ 0 };
    assert_int_equal(write_all(temp_path("full.gz"), &err), GD_EIO);
    assert_non_null(strstr(err.text, "/full.gz: No space left on device"));
    assert_int_equal(symlink("/dev/full", temp_path("full.zst")), 0);
    err = (gd_error){ 0 };
    assert_int_equal(write_all(temp_path("full.zst"), &err), GD_EIO);
    assert_non_null(strstr(err.text, "/full.zst: No space left on device"));
}

static void places_that_cannot_be_written_are_named(void **state)
{
    gd_error err = { 0 };
    gd_writer *w;

    (void)state;
    assert_int_equal(gd_writer_open(&w, "/nonexistent/x", NULL, 0, 0, &err), GD_EIO);
    assert_null(w);
    assert_string_equal(err.text, "/nonexistent/x: No such file or directory");
    err = (gd_error){ 0 };
    assert_int_equal(gd_writer_open(&w, "/tmp", NULL, 0, 0, &err), GD_EIO);
    assert_string_equal(err.text, "/tmp: Is a directory");
    err = (gd_error){ 0 };
    assert_int_equal(gd_writer_open(&w, "", NULL, 0, 0, &err), GD_EIO);
}

static void standard_output_is_written_and_left_open(void **state)
{
    const int saved = dup(STDOUT_FILENO);
    const int fd = open(temp_path("out"), O_RDWR | O_CREAT, 0600);
    gd_status rc, same, broken;
    gd_error err = { 0 }, broken_err = { 0 };
    gd_writer *w;
    int ends[2], still_open;

    (void)state;
    assert_int_equal(pipe(ends), 0);
    close(ends[0]);
    (void)signal(SIGPIPE, SIG_IGN);
    fflush(stdout);
    dup2(fd, STDOUT_FILENO); /* no assertion may print until it is back */
    rc = write_all("-", &err);
    still_open = fcntl(STDOUT_FILENO, F_GETFD);
    same = gd_writer_open(&w, "-", (const char *[]){ temp_path("out") }, 1, 0, NULL);
    dup2(ends[1], STDOUT_FILENO);
    broken = write_all("-", &broken_err);
    dup2(saved, STDOUT_FILENO);
    (void)signal(SIGPIPE, SIG_DFL);
    close(saved);
    close(fd);
    close(ends[1]);
    assert_int_equal(rc, GD_OK);
    assert_true(still_open >= 0);
    assert_int_equal(same, GD_EUSAGE);
    assert_int_equal(broken, GD_EIO);
    assert_string_equal(broken_err.text, "standard output: Broken pipe");
    expect_file(temp_path("out"), all_lines);
}

static void every_allocation_may_fail(void **state)
{
    static const char *const names[] = { "x", "x.gz", "x.zst" };

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        gd_status rc = GD_ENOMEM;
        uint64_t fault;

        for (fault = 1; rc; fault++) {
            gd_error err = { 0 };

            gd_mem_fail_from(fault);
            rc = write_all(temp_path(names[i]), &err);
            gd_mem_fail_from(0);
            assert_true(rc == GD_OK || rc == GD_ENOMEM);
            assert_int_equal(err.status, rc);
            assert_int_equal(gd_mem_live(), 0);
        }
        assert_true(fault > 4);
        expect_file(temp_path(names[i]), all_lines);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lines_are_written_as_documented, temp_begin, temp_end),
        cmocka_unit_test_setup_teardown(long_outputs_are_whole, temp_begin, temp_end),
        cmocka_unit_test_setup_teardown(the_input_is_never_the_output, temp_begin, temp_end),
        cmocka_unit_test_setup_teardown(a_full_disk_is_reported, temp_begin, temp_end),
        cmocka_unit_test_setup_teardown(places_that_cannot_be_written_are_named, temp_begin, temp_end),
        cmocka_unit_test_setup_teardown(standard_output_is_written_and_left_open, temp_begin, temp_end),
        cmocka_unit_test_setup_teardown(every_allocation_may_fail, temp_begin, temp_end),
    };

    return cmocka_run_group_tests_name("records: writer", tests, NULL, NULL);
}
