/* test_training.c - a whole run of gd_train() compared with stored bits: what it learns and what it logs are the same
 * whatever the processor, from the first values over losses, gradients, the optimiser and the schedule to evaluations.
 * test_run.c compares threads, instruction sets and interruptions.
 *
 * usage: test_training [--]     with an argument, the bits are written instead */
#include "tests/train/runs.h"

#include "base/mem.h"
#include "base/sha256.h"

/* The SHA-256 of a file, or of what follows from the first `after` on. */
static void digest_of(const test_run *run, const char *name, const char *after, char digest[GD_SHA256_DIGITS + 1])
{
    size_t len;
    char *data = run_file(run, "out", name, &len), *from = after ? memmem(data, len, after, strlen(after)) : data;

    assert_non_null(from);
    gd_sha256(from, len - (size_t)(from - data), digest);
    gd_free(data);
}

/* Short texts, since an emulator is slow: "Is it 3?", "It is 3, and 9 more." */
static void write_texts(const test_run *run)
{
    char text[4096];
    size_t used = 0;

    for (int i = 0; i < 12; i++)
        used += (size_t)snprintf(text + used, sizeof text - used,
                                 "{\"prompt\":\"Is it %d? \",\"chosen\":\"It is %d, and %d more.\",\"rejected\":"
                                 "\"No; never%s.\"}\n",
                                 i, i, i * i, i % 3 ? " again" : "");
    run_write(run, "pairs.jsonl", text);
}

/* The first line of the log has paths. */
static void check_run(const char *isa, const char *precision, const char *schedule, const char *const stored[2],
                      bool show)
{
    test_run run;
    char digest[2][GD_SHA256_DIGITS + 1];

    run_open_short(&run);
    write_texts(&run);
    run.options.train = run.evals[0] = run_below(&run, "pairs.jsonl");
    run.options.max_steps = 4;
    run.options.warmup_steps = (gd_number){ 1, 1 };
    run.options.weight_decay = (gd_number){ 1, 0.01 };
    run.options.center_rewards = (gd_number){ 1, 0.01 };
    run.options.schedule = schedule;
    run.model.isa = isa;
    run.model.precision = precision;
    run_into(&run, "out");
    digest_of(&run, "adapter_model.safetensors", NULL, digest[0]);
    digest_of(&run, "log.jsonl", "\n{\"loss\"", digest[1]);
    run_close(&run);
    for (int i = 0; i < 2; i++) {
        if (show)
            print_message("%s, %s, %s: %s\n", isa, precision, i ? "log" : "adapter", digest[i]);
        else if (strcmp(digest[i], stored[i]) != 0)
            fail_msg("%s, %s: the %s has other bits than those that are stored: %s", isa, precision,
                     i ? "log" : "adapter", digest[i]);
    }
}

/* As plain C and AVX512_BF16 compute them on a Zen 4. */
static const char *const bf16[2] = { "279c603bd688ffab01bcbd928b0dbdfe68843593498c9f376fdc1ae165b28f49",
                                     "8ab72bb5be62d360157e93134001ef1dcd53618b97360e8da11baaaaa147fe9f" };
static const char *const fp32[2] = { "83f8cfd0a609d9f3e363718378add3353f331cf1fefb32b6283c092f4df91815",
                                     "30a1912d38accd659e977327e7f41b7769555e3c004a1ee57159d3f97bb785c2" };

static void a_run_has_the_same_bits_everywhere(void **state)
{
    static const char *const isa[] = { "auto", "generic" };
    const size_t count = getenv("GD_BITS_EVERY") ? 1 : 2; /* in an emulator, the best alone */

    for (size_t i = 0; i < count; i++) {
        check_run(isa[i], "bf16", "cosine", bf16, *state != NULL);
        check_run(isa[i], "fp32", "linear", fp32, *state != NULL);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(a_run_has_the_same_bits_everywhere, argc > 1 ? argv : NULL),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
