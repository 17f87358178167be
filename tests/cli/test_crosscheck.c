/* test_crosscheck.c - guerdon crosscheck around a gd_crosscheck() that only notes how it is called: what the flags
 * become, and what of a result is printed, to whom, with which status. */
#include "tests/cli/parsing.h"

#include "base/mem.h"
#include "cli/cli.h"

#include <fcntl.h>

static const char *result; /* what the next call returns; NULL: it fails */
static gd_crosscheck_options called;
static gd_options called_options;

gd_status __wrap_gd_crosscheck(const gd_options *options, const gd_crosscheck_options *how, const gd_progress *progress,
                               char **json, gd_error *err);

gd_status __wrap_gd_crosscheck(const gd_options *options, const gd_crosscheck_options *how, const gd_progress *progress,
                               char **json, gd_error *err)
{
    assert_true(progress && how->struct_size == sizeof *how);
    called = *how;
    called_options = *options;
    *json = NULL;
    if (!result) {
        err->status = GD_EFORMAT;
        (void)snprintf(err->text, sizeof err->text, "side.gdc: other texts");
        return GD_EFORMAT;
    }
    *json = gd_strndup(result, strlen(result));
    return *json ? GD_OK : GD_ENOMEM;
}

/* Runs the command, which must end with this status, and returns what it prints. */
static const char *run(int status, const char *const *arguments)
{
    static char printed[8192], said[1024];
    cli_settings settings;
    char path[TEST_PATH];
    const int stream = dup(STDOUT_FILENO), file = open(test_file(path), O_RDWR);
    ssize_t len;
    int ended;

    if (parse_for("crosscheck", &settings, said, arguments))
        fail_msg("%s", said);
    (void)fflush(stdout);
    assert_true(dup2(file, STDOUT_FILENO) >= 0);
    ended = cli_crosscheck(&settings);
    assert_true(dup2(stream, STDOUT_FILENO) >= 0);
    len = pread(file, printed, sizeof printed - 1, 0);
    printed[len > 0 ? len : 0] = '\0';
    assert_int_equal(close(file) | close(stream) | unlink(path), 0);
    cli_forget(&settings);
    if (ended != status)
        fail_msg("status %d, expected %d: %s", ended, status, printed);
    return printed;
}

#define RUN(status, ...) run(status, (const char *const[]){ "--model=m", "--input=i", "--quiet", __VA_ARGS__, NULL })

static void flags_become_options(void **state)
{
    (void)state;
    result = "{}";
    (void)RUN(CLI_ITEMS, "--left=cpu", "--right=cpu:exact", "--right-model=merged", "--right-adapter=none",
              "--texts=5");
    assert_string_equal(called.input, "i");
    assert_string_equal(called.left, "cpu");
    assert_string_equal(called.right, "cpu:exact");
    assert_string_equal(called.right_model, "merged");
    assert_string_equal(called.right_adapter, "");
    assert_true(called.texts == 5 && !called.save && !called.against && called.format == GD_FORMAT_AUTO);
    assert_string_equal(called_options.model, "m");
    (void)RUN(CLI_ITEMS, "--against=file", "--format=csv", "--fields=text=body", "--isa=generic", "--numerics=tensor");
    assert_string_equal(called.against, "file");
    assert_string_equal(called.fields, "text=body");
    assert_string_equal(called_options.isa, "generic");
    assert_string_equal(called_options.numerics, "tensor");
    assert_true(called.format == GD_FORMAT_CSV && !called.left && !called.right && !called.texts);
}

/* What is given for every run yields to what a run can't have beside it. */
static void the_environment_yields(void **state)
{
    (void)state;
    result = "{\"verdict\":\"saved\"}";
    assert_int_equal(setenv("GUERDON_LEFT", "cpu", 1) | setenv("GUERDON_RIGHT", "cpu", 1) |
                         setenv("GUERDON_RIGHT_MODEL", "merged", 1) | setenv("GUERDON_RIGHT_ADAPTER", "lora", 1),
                     0);
    (void)RUN(CLI_OK, "--save=file");
    assert_true(called.save && called.left && !called.right && !called.right_model && !called.right_adapter);
    (void)RUN(CLI_OK, "--against=file");
    assert_true(called.against && !called.left && called.right && called.right_model && called.right_adapter);
    (void)unsetenv("GUERDON_LEFT");
    (void)unsetenv("GUERDON_RIGHT");
    (void)unsetenv("GUERDON_RIGHT_MODEL");
    (void)unsetenv("GUERDON_RIGHT_ADAPTER");
}

static void the_status_is_the_verdict(void **state)
{
    static const struct {
        const char *json;
        int status;
    } rows[] = {
        { "{\"verdict\":\"equal\"}", 0 },
        { "{\"verdict\":\"within\"}", 0 },
        { "{\"verdict\":\"saved\"}", 0 },
        { "{\"verdict\":\"different\"}", 1 },
        { "{\"verdict\":\"beyond\"}", 1 },
        { "{\"verdict\":3}", 1 },
        { "{", 3 },
        { NULL, 3 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        result = rows[i].json;
        (void)RUN(rows[i].status, "--texts=1");
        if (result && result[1])
            assert_contains(RUN(rows[i].status, "--json"), result);
    }
}

static void a_result_becomes_lines(void **state)
{
    const char *printed;

    (void)state;
    result = "{\"verdict\":\"beyond\",\"sentence\":\"It is "
             "wrong.\",\"left\":{\"name\":\"cpu:exact:avx2:bf16\",\"model\":\"m\","
             "\"adapter\":\"l\",\"saved\":true},\"right\":{\"name\":\"cpu:tensor:avx2:bf16\",\"model\":\"merged\","
             "\"adapter\":null,\"saved\":false},\"items\":16,\"texts\":32,\"rows\":2841,\"steps\":1,\"checked\":16,"
             "\"first\":{\"step\":47,\"name\":\"mlp.down_proj\",\"layer\":3,\"item\":2,\"text\":0,\"token\":17,"
             "\"tokens\":155,"
             "\"column\":5,\"left\":0.125,\"right\":0.25,\"float64\":0.126,\"bound\":null,\"rows\":1,\"alone\":false},"
             "\"layers\":[{\"name\":\"embedding\",\"drift\":0,\"limit\":null},{\"name\":\"layer "
             "0\",\"drift\":1,\"limit\":2},"
             "{\"name\":\"layer 1\",\"drift\":1,\"limit\":2},{\"name\":\"layer 2\",\"drift\":1,\"limit\":2},"
             "{\"name\":\"layer 3\",\"drift\":1,\"limit\":2},{\"name\":\"layer 4\",\"drift\":1,\"limit\":2},"
             "{\"name\":\"head\",\"drift\":1e-4,\"limit\":0.5}],\"operations\":[{\"op\":\"linear\",\"left\":{\"worst\":"
             "0.01},"
             "\"right\":{\"worst\":151}}],\"scores\":{\"count\":32,\"identical\":1,\"mean_difference\":0.0125,"
             "\"largest_difference\":0.05},\"pairs\":{\"pairs\":16,\"flips\":3,\"beyond\":2}}";
    printed = RUN(CLI_ITEMS, "--texts=1");
    assert_contains(printed, "left            cpu:exact:avx2:bf16, model m, adapter l, from a file\n"
                             "right           cpu:tensor:avx2:bf16, model merged, adapter none\n"
                             "texts           32, of 16 items: 2,841 rows, 1 step; with float64: 16 rows\n");
    assert_contains(printed, "embedding                 0           -\n"
                             "layer 0                   1           2\n");
    assert_null(strstr(printed, "layer 4")); /* six stages are shown, of which one is the last */
    assert_contains(printed, "head                 0.0001         0.5\n");
    assert_contains(printed, "linear                 0.01         151\n");
    assert_contains(printed, "scores          32, with the same bits: 1; |difference| 0.0125 on average, 0.05 at most\n"
                             "pairs           16, flipped: 3, by more than rounding: 2\n");
    assert_contains(printed, "first           mlp.down_proj (step 47)\n"
                             "                item 2, text 0, token 17 of 155, column 5\n"
                             "left            0.125\nright           0.25\nfloat64         0.126\n"
                             "differ          1 row\nalone           this text differs only beside the others\n");
    assert_string_equal(strrchr(printed, 'I'), "It is wrong.\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flags_become_options),
        cmocka_unit_test(the_environment_yields),
        cmocka_unit_test(the_status_is_the_verdict),
        cmocka_unit_test(a_result_becomes_lines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
