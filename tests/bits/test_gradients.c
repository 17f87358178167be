/* test_gradients.c - gradients compared with stored bits: the same whatever the processor, the instruction set, the
 * number of threads, and the layers that are kept.
 *
 * usage: test_gradients [--]     with an argument, the bits are written instead */
#include "tests/engine/learning.h"

#include "base/mem.h"
#include "base/sha256.h"

static void check_same(const struct gradients *want, struct learning *c, size_t keep, const char *what)
{
    struct gradients got;

    learning_gradients(&got, c, keep);
    for (size_t i = 0; i < want->count; i++)
        if (memcmp(&want->values[i], &got.values[i], sizeof(float)) != 0)
            fail_msg("%s, %u threads, %zu layers kept: gradient %zu is %a, not %a", what, c->parts.threads, keep, i,
                     (double)got.values[i], (double)want->values[i]);
    gd_free(got.values);
}

/* The best instruction set alone, in an emulator. */
static bool hurried(void) { return getenv("GD_BITS_EVERY") != NULL; }

/* Short texts, since the generic kernels are slow; but longer than a window, and of more than one tile. */
static void check_bits(const char *model, gd_dtype operand, bool all, char digest[GD_SHA256_DIGITS + 1])
{
    struct learning c;
    struct gradients want;

    learning_open_model(&c, model, operand, 64);
    if (all)
        learning_all(&c);
    c.parts.isa = hurried() ? "auto" : "generic";
    learning_gradients(&want, &c, 0);
    gd_sha256(want.values, want.count * sizeof *want.values, digest);
    for (size_t i = 0; !hurried() && c.parts.backend->isa(i); i++)
        for (c.parts.threads = 1; c.parts.threads <= 3; c.parts.threads++) {
            c.parts.isa = c.parts.backend->isa(i);
            if (strcmp(c.parts.isa, "generic") != 0 || c.parts.threads == 3)
                check_same(&want, &c, c.parts.threads - 1, c.parts.isa);
        }
    gd_free(want.values);
    learning_close(&c);
}

/* A line of bits.txt: the model, the precision, the SHA-256 of all its gradients, which are the adapter's and the
 * head's, or those of all weights. */
static void check_line(FILE *f, const char *model, gd_dtype operand, bool all)
{
    char digest[GD_SHA256_DIGITS + 1], line[160], want[160];

    check_bits(model, operand, all, digest);
    (void)snprintf(line, sizeof line, "%s %s%s %s\n", model, operand == GD_BF16 ? "bf16" : "fp32", all ? " all" : "",
                   digest);
    if (!f)
        print_message("%s", line);
    else if (!fgets(want, sizeof want, f) || strcmp(want, line) != 0)
        fail_msg("the gradients of %s have other bits than those that are stored: %s", model, line);
}

static void the_same_bits_everywhere(void **state)
{
    char path[TEST_PATH];
    FILE *f = *state ? NULL : fopen(test_data(path, sizeof path, "golden/gradients/bits.txt"), "r");

    assert_true(f || *state);
    for (size_t i = 0; i < 2 * LEARNING_MODELS; i++) {
        const char *model = learning_models[i % LEARNING_MODELS];

        check_line(f, model, GD_BF16, i >= LEARNING_MODELS);
        check_line(f, model, GD_F32, i >= LEARNING_MODELS);
    }
    if (f)
        (void)fclose(f);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(the_same_bits_everywhere, argc > 1 ? argv : NULL),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
