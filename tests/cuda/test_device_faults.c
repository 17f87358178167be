/* test_device_faults.c - a card that fails: each function of the driver at several of its calls, and cards that cannot
 * be used.  Whatever happens, there is a sentence or the right score, and no hang. */
#include "tests/cuda/device_case.h"
#include "tests/reward/golden.h"

#include "backends/cuda/driver.h"

#include <sys/wait.h>
#include <unistd.h>

/* How a run ended, as the exit status of a process of its own: the driver is looked for once in a process. */
enum { RIGHT, SAID, WRONG };

struct ending {
    int how;
    gd_status status;
    char text[512];
};

static float expected;

static const gd_text one_text = { .data = "A card that fails says so.", .len = 26 };

static gd_status score_once(float *score, gd_error *err)
{
    gd_options options = golden_options("qwen3", 1);
    gd_model *model;
    gd_status rc;

    options.backend = "cuda";
    options.numerics = "exact";
    rc = gd_model_open(&model, &options, err);
    if (!rc)
        rc = gd_score(model, 1, &one_text, score, NULL, err);
    gd_model_close(model);
    return rc;
}

/* In a process of its own. */
static void run_child(int to, const char *setting, const char *value)
{
    struct ending ending = { RIGHT, GD_OK, "" };
    gd_error err = { 0 };
    float score = 0;

    device_pretend("compute_80", "90");
    (void)setenv(setting, value, 1);
    (void)alarm(120);
    ending.status = score_once(&score, &err);
    if (ending.status)
        ending.how = err.text[0] ? SAID : WRONG;
    else
        ending.how = memcmp(&score, &expected, sizeof score) ? WRONG : RIGHT;
    (void)snprintf(ending.text, sizeof ending.text, "%s", err.text);
    if (write(to, &ending, sizeof ending) != (ssize_t)sizeof ending)
        _exit(1);
    _exit(0);
}

static struct ending run_with(const char *setting, const char *value)
{
    struct ending ending = { WRONG, GD_OK, "the process ended" };
    int ends[2], status;
    pid_t child;

    assert_int_equal(pipe(ends), 0);
    child = fork();
    if (child == 0)
        run_child(ends[1], setting, value);
    assert_true(child > 0);
    (void)close(ends[1]);
    if (read(ends[0], &ending, sizeof ending) != (ssize_t)sizeof ending)
        ending.how = WRONG;
    (void)close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    return ending;
}

static void check_call(const char *function, unsigned call, int error)
{
    char value[96];
    struct ending ending;

    (void)snprintf(value, sizeof value, "%s:%u:%d", function, call, error);
    ending = run_with("GD_STANDIN_FAIL", value);
    if (ending.how == WRONG)
        fail_msg("call %u of %s fails: status %d, \"%s\"", call, function, (int)ending.status, ending.text);
}

static void every_function_may_fail(void **state)
{
    static const char *const functions[] = {
#define GD_CU(name, symbol, arguments) #symbol,
#include "backends/cuda/driver.def"
#undef GD_CU
    };
    static const unsigned calls[] = { 1, 2, 3, 7, 20, 55 };

    (void)state;
    for (size_t f = 0; f < sizeof functions / sizeof functions[0]; f++)
        for (size_t c = 0; c < (SANITIZED ? 2 : sizeof calls / sizeof calls[0]); c++)
            check_call(functions[f], calls[c], 719);
}

static void memory_may_run_out(void **state)
{
    (void)state;
    for (unsigned call = 1; call < 40; call += SANITIZED ? 13 : 3)
        check_call("cuMemAlloc_v2", call, GD_CU_OUT_OF_MEMORY);
    check_call("cuMemHostAlloc", 4, GD_CU_OUT_OF_MEMORY);
}

static void check_sentence(const char *setting, const char *value, const char *sentence)
{
    const struct ending ending = run_with(setting, value);

    if (ending.how != SAID || !strstr(ending.text, sentence))
        fail_msg("%s=%s: \"%s\", but \"%s\" is expected", setting, value, ending.text, sentence);
}

static void cards_that_cannot_be_used(void **state)
{
    (void)state;
    check_sentence("GD_STANDIN_CARD", "75",
                   "Stand-in has compute capability 7.5, but 8.0 or later is needed, for bf16 tensor cores");
    check_sentence("GD_STANDIN_CARD", "none", "there is no NVIDIA GPU, or CUDA_VISIBLE_DEVICES hides it");
    check_sentence("GD_STANDIN_VERSION", "12080", "NVIDIA's driver is for CUDA 12.8, but 13.0 or later is needed");
    check_sentence("GD_STANDIN_MEMORY", "4000000", "bytes are free; this model needs at least 13 MiB");
    check_sentence("GD_STANDIN_FAIL", "cuMemGetInfo_v2:1:719", "it was asked for its free memory");
    check_sentence("GD_STANDIN_FAIL", "cuLaunchKernel:3:719", "the GPU failed while");
    check_sentence("GD_STANDIN_FAIL", "cuCtxSetCurrent:1:100", "the GPU failed while it was called");
}

static int setup(void **state)
{
    gd_options options = golden_options("qwen3", 1);
    gd_model *model;

    (void)state;
    options.backend = "cpu"; /* the driver is looked for once, and later */
    if (gd_model_open(&model, &options, NULL) || gd_score(model, 1, &one_text, &expected, NULL, NULL))
        return 1;
    gd_model_close(model);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_function_may_fail),
        cmocka_unit_test(memory_may_run_out),
        cmocka_unit_test(cards_that_cannot_be_used),
    };

    if (device_is_missing())
        return 77;
    return cmocka_run_group_tests(tests, setup, NULL);
}
