/* test_ptx_faults.c - the interpreter finds each fault, and says what is wrong and where. */
#include "tests/ptx/case.h"

static const struct fault {
    const char *name, *variables, *body, *sentence;
} faults[] = {
#define FAULT(name, variables, body, sentence) { #name, variables, body, sentence },
#include "tests/ptx/faults.def"
#undef FAULT
};

/* Two ranges that don't touch. */
static struct case_ranges apart(void)
{
    static _Alignas(16) char bytes[1024];

    return (struct case_ranges){ bytes, bytes + 512, 256, 256 };
}

static void every_fault_is_found(void **state)
{
    static const char *const variants[] = { "generic", "avx2", "avx512" };
    const struct case_ranges ranges = apart();
    const ptx_launch launch = { .block = { 64 }, .budget = 100000 };

    (void)state;
    for (size_t i = 0; i < 3 * sizeof faults / sizeof *faults; i++) {
        const struct fault *f = &faults[i / 3];
        char text[4096];
        ptx_error err = { "" };

        if (!ptx_choose(variants[i % 3]))
            continue;
        if (case_run(case_text(text, sizeof text, f->variables, f->body), &ranges, launch, &err))
            fail_msg("%s: no fault is found", f->name);
        if (!strstr(err.text, f->sentence))
            fail_msg("%s: %s, but \"%s\" is expected", f->name, err.text, f->sentence);
        if (strncmp(err.text, "test, line ", 11) != 0)
            fail_msg("%s: %s, without its entry and line", f->name, err.text);
    }
    assert_true(ptx_choose(NULL));
}

/* The first line of a body is line 18. */
static void a_fault_has_its_place(void **state)
{
    const struct case_ranges ranges = apart();
    char text[4096];
    const ptx_launch launch = { .block = { 64 }, .grid = { 2, 3 }, .threads = 2 };
    ptx_error err;

    (void)state;
    (void)case_text(text, sizeof text, "",
                    "mov.u32 %r1, %ctaid.y;\nmov.u32 %r2, %ctaid.x;\nadd.u32 %r1, %r1, %r2;\nsetp.ge.u32 %p1, %r1, 2;\n"
                    "setp.ge.and.u32 %p1, %r0, 33, %p1;\n@%p1 ld.global.u32 %r3, [%rd0+256];");
    assert_false(case_run(text, &ranges, launch, &err));
    assert_memory_equal(err.text, "test, line 23, block (1, 1, 0), warp 1, lane 1: read of 4 bytes", 63);
    assert_false(case_run("\n\n.version 9.0\n.visible .function f;", &ranges, launch, &err));
    assert_string_equal(err.text, "line 4: the directive .function is not known");
}

static void a_launch_must_fit(void **state)
{
    const struct case_ranges ranges = apart();
    char text[4096];
    ptx_error err;

    (void)state;
    (void)case_text(text, sizeof text, "", "");
    assert_true(case_run(text, &ranges, (ptx_launch){ .block = { 17 } }, &err));
    assert_false(case_run(text, &ranges, (ptx_launch){ .entry = "other" }, &err));
    assert_string_equal(err.text, "other: there is no such entry");
    assert_false(case_run(text, &ranges, (ptx_launch){ .param_bytes = 8 }, &err));
    assert_string_equal(err.text, "test: its parameters have another size than those of the launch");
    assert_false(case_run(text, &ranges, (ptx_launch){ .block = { 1025 } }, &err));
    assert_string_equal(err.text, "test: a block of more threads than it allows");
    assert_false(case_run(text, &ranges, (ptx_launch){ .shared_bytes = 300 << 10 }, &err));
    assert_string_equal(err.text, "test: more shared memory than a block can have");
}

static void device_memory_is_not_the_hosts(void **state)
{
    ptx_memory *m = ptx_memory_open();
    char x[64], y[64];
    const uint64_t a = ptx_memory_add(m, x, sizeof x, false), b = ptx_memory_add(m, y, sizeof y, true);

    (void)state;
    assert_int_not_equal(a, (uint64_t)(uintptr_t)x);
    assert_ptr_equal(ptx_memory_host(m, a, 64), x);
    assert_ptr_equal(ptx_memory_host(m, b + 60, 4), y + 60);
    assert_null(ptx_memory_host(m, b + 61, 4));
    assert_null(ptx_memory_host(m, a - 1, 1));
    assert_null(ptx_memory_host(m, (uint64_t)(uintptr_t)x, 1));
    ptx_memory_remove(m, a);
    assert_null(ptx_memory_host(m, a, 1));
    assert_ptr_equal(ptx_memory_host(m, b, 1), y);
    ptx_memory_close(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_fault_is_found),
        cmocka_unit_test(a_fault_has_its_place),
        cmocka_unit_test(a_launch_must_fit),
        cmocka_unit_test(device_memory_is_not_the_hosts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
