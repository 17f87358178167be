/* test_trace_file.c - one side in a file: what comes back, and files that are damaged or of something else. */
#include "tests/check.h"
#include "tests/cross/both.h"
#include "tests/quant-free/files.h"

#include "base/digest.h"
#include "base/file.h"
#include "base/mem.h"
#include "cross/trace_file.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { DIGITS = 16, PIECE = 64 << 10 }; /* doc/formats.md */

static void save_left(struct both *b, void *const *dir)
{
    both_compare(b, both_input(*dir), "qwen2", false, "tensor", NULL);
    assert_ok(gd_trace_save(&b->traces[0], in_dir(*dir, "side"), test_err));
}

static gd_status load(struct both *b, gd_trace *trace, void *const *dir, const char *name, gd_error *err)
{
    return gd_trace_load(trace, b->model->plan, &b->texts, in_dir(*dir, name), err);
}

static void same_arrays(const gd_trace *a, const gd_trace *b)
{
    const size_t steps = a->steps;

    assert_int_equal(b->steps, steps);
    for (size_t s = 0; s < steps; s++) {
        assert_int_equal(a->step[s].seen, b->step[s].seen);
        assert_true(a->step[s].digest == b->step[s].digest);
        assert_true(a->step[s].error == b->step[s].error && a->step[s].size == b->step[s].size);
        assert_true(a->step[s].worst.ratio == b->step[s].worst.ratio);
        assert_int_equal(a->step[s].worst.line, b->step[s].worst.line);
        assert_int_equal(a->step[s].worst.column, b->step[s].worst.column);
    }
    assert_memory_equal(a->lines, b->lines, a->lines_at[steps] * sizeof *a->lines);
    assert_memory_equal(a->bins, b->bins, steps * GD_TRACE_BINS * sizeof *a->bins);
    assert_memory_equal(a->values, b->values, steps * GD_TRACE_SAMPLE * GD_TRACE_COLUMNS * sizeof *a->values);
    assert_memory_equal(a->inputs, b->inputs, a->texts * GD_TRACE_COLUMNS * sizeof *a->inputs);
    assert_memory_equal(a->scores, b->scores, a->texts * sizeof *a->scores);
    assert_memory_equal(a->reach, b->reach, a->texts * sizeof *a->reach);
}

static void a_side_comes_back_whole(void **state)
{
    struct both b;
    gd_trace back;

    save_left(&b, state);
    assert_ok(load(&b, &back, state, "side", test_err));
    assert_true(back.saved);
    assert_string_equal(back.side.name, b.traces[0].side.name);
    assert_string_equal(back.side.contract, b.traces[0].side.contract);
    same_arrays(&b.traces[0], &back);
    gd_trace_free(&back);
    both_close(&b);
}

/* What the file has as its contents, with a digest that is right: faults that only the readers behind it can see. */
static void write_with_digest(void *const *dir, const char *name, const char *data, size_t len)
{
    char *all = gd_alloc(len + DIGITS + 1, 1);
    uint64_t digest = 0;

    assert_non_null(all);
    memcpy(all, data, len);
    for (size_t at = 0; at <= len; at += PIECE)
        digest = gd_digest(digest, data + at, len - at < PIECE ? len - at : PIECE);
    (void)snprintf(all + len, DIGITS + 1, "%016" PRIx64, digest);
    write_bytes(*dir, name, all, len + DIGITS);
    gd_free(all);
}

static void refuses(struct both *b, void *const *dir, const char *name, const char *why)
{
    gd_error err = { 0 };
    gd_trace trace;

    assert_int_equal(load(b, &trace, dir, name, &err), GD_EFORMAT);
    if (!strstr(err.text, why) || !strstr(err.text, name))
        fail_msg("no \"%s\" in: %s", why, err.text);
    gd_trace_free(&trace);
}

/* Replaces the first `from` by `to`, of the same length, in the first line. */
static void with(struct both *b, void *const *dir, const char *data, size_t len, const char *from, const char *to,
                 const char *why)
{
    char *copy = gd_strndup(data, len), *at;

    assert_non_null(copy);
    at = strstr(copy, from);
    assert_non_null(at);
    memcpy(at, to, strlen(to));
    write_with_digest(dir, "changed", copy, len);
    refuses(b, dir, "changed", why);
    gd_free(copy);
}

static void a_damaged_file_is_refused(void **state)
{
    struct both b;
    char *data;
    size_t len;

    save_left(&b, state);
    assert_ok(gd_file_read(&data, &len, in_dir(*state, "side"), 1 << 24, test_err));
    for (size_t cut = 0; cut < len; cut += cut < 2000 ? 101 : 40009) { /* cut short, or one byte changed */
        write_bytes(*state, "changed", data, cut);
        refuses(&b, state, "changed", "damaged, cut short");
        data[cut] ^= 1;
        write_bytes(*state, "changed", data, len);
        refuses(&b, state, "changed", "damaged, cut short");
        data[cut] ^= 1;
    }
    len -= DIGITS;
    with(&b, state, data, len, "guerdon-trace/1", "guerdon-trace/2", "\"guerdon-trace/1\" is expected");
    with(&b, state, data, len, "\"texts\":", "\"words\":", "texts");
    with(&b, state, data, len, "\"rows\":", "\"rows\":9", "rows, but here there are");
    with(&b, state, data, len, "\"steps\":", "\"steps\":\"", "");
    with(&b, state, data, len, "texts_digest\":\"", "texts_digest\":\"z", "is of other texts");
    with(&b, state, data, len, "plan_digest\":\"", "plan_digest\":\"z", "is of other steps");
    with(&b, state, data, len, "\"contract\":", "\"kontrakt\":", "contract");
    write_with_digest(state, "changed", data, len - 4);
    refuses(&b, state, "changed", "bytes after the first line");
    write_with_digest(state, "changed", "{}", 2);
    refuses(&b, state, "changed", "a first line of JSON is expected");
    write_with_digest(state, "changed", "{\n", 2);
    refuses(&b, state, "changed", "changed");
    gd_free(data);
    both_close(&b);
}

/* A number that would be used as an index. */
static void impossible_lines_are_refused(void **state)
{
    struct both b;
    char *data, *at;
    size_t len;

    save_left(&b, state);
    assert_ok(gd_file_read(&data, &len, in_dir(*state, "side"), 1 << 24, test_err));
    at = strchr(data, '\n') + 1;
    at[2 * sizeof(uint64_t) + 4] = 1; /* step 0: seen, digest, then line: its fifth byte */
    write_with_digest(state, "changed", data, len - DIGITS);
    refuses(&b, state, "changed", "which don't exist");
    at[2 * sizeof(uint64_t) + 4] = 0;
    at[0] = 0;
    write_with_digest(state, "changed", data, len - DIGITS);
    refuses(&b, state, "changed", "step 0 has no output");
    gd_free(data);
    both_close(&b);
}

static void little_memory_is_told(void **state)
{
    struct both b;
    gd_status rc = GD_ENOMEM;

    save_left(&b, state);
    for (uint64_t n = 1; rc == GD_ENOMEM; n++) {
        gd_error err = { 0 };
        gd_trace trace = { 0 };

        gd_mem_fail_from(n);
        rc = load(&b, &trace, state, "side", &err);
        gd_mem_fail_from(0);
        gd_trace_free(&trace);
    }
    assert_int_equal(rc, GD_OK);
    rc = GD_ENOMEM;
    for (uint64_t n = 1; rc == GD_ENOMEM; n++) {
        gd_mem_fail_from(n);
        rc = gd_trace_save(&b.traces[0], in_dir(*state, "other"), &(gd_error){ 0 });
        gd_mem_fail_from(0);
    }
    assert_int_equal(rc, GD_OK);
    both_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_side_comes_back_whole, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(a_damaged_file_is_refused, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(impossible_lines_are_refused, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(little_memory_is_told, dir_setup, dir_teardown),
    };

    return cmocka_run_group_tests_name("trace files", tests, NULL, NULL);
}
