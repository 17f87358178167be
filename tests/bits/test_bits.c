/* test_bits.c - every golden model, with and without its adapter, in every arithmetic, gives the scores whose bits
 * are stored in tests/data/golden/bits.txt. The file is the same for every processor, so the scores are, too.
 *
 *     test_bits --write >tests/data/golden/bits.txt      writes that file (set srcdir in the environment)
 *
 * GD_BITS_EVERY=N scores only every Nth text of a model, starting at a different one each time: an emulator is slow. */
#include "tests/reward/golden.h"

#include "backends/cpu/isa.h"

#include <math.h>

enum { MOST_TEXTS = 64, MOST_LINES = 128 };

/* How products are computed, as the file names it. */
static const struct arithmetic {
    const char *name, *precision, *numerics;
} arithmetics[] = {
    { "bf16", "bf16", "exact" },
    { "fp32", "fp32", "exact" },
    { "tensor", "bf16", "tensor" },
    { "tensor8", "bf16", "tensor8" },
};
enum { FP32 = 1 };

struct score_line {
    const char *model;
    int lora;
    const struct arithmetic *how;
};

/* qwen2-causal is a base without a head: qwen2's texts, and the adapter contains the head. */
static size_t all_lines(struct score_line lines[MOST_LINES])
{
    size_t count = 0;

    for (size_t a = 0; a < sizeof arithmetics / sizeof arithmetics[0]; a++) {
        const struct arithmetic *how = &arithmetics[a];

        for (size_t m = 0; m < GOLDEN_MODELS; m++)
            for (int lora = 0; lora < 2; lora++)
                lines[count++] = (struct score_line){ golden_models[m], lora, how };
        lines[count++] = (struct score_line){ "qwen2-causal", 1, how };
        for (size_t m = 0; m < GOLDEN_EDGES; m++)
            for (int lora = 0; lora < 2; lora++)
                lines[count++] = (struct score_line){ golden_edges[m], lora, how };
    }
    return count;
}

/* The beginning of the line in the file. */
static const char *line_name(const struct score_line *line, char name[64])
{
    (void)snprintf(name, 64, "%s%s %s:", line->model, line->lora ? "-lora" : "", line->how->name);
    return name;
}

static void load_texts(golden *g, const char *model)
{
    golden_load(g, strcmp(model, "qwen2-causal") ? model : "qwen2");
    assert_true(g->count <= MOST_TEXTS);
}

static uint32_t bits_of(float f)
{
    uint32_t bits;

    memcpy(&bits, &f, sizeof bits);
    return bits;
}

static float *score(const struct score_line *line, const char *isa, const golden *g)
{
    gd_options options = golden_options(line->model, line->lora);

    options.precision = line->how->precision;
    options.numerics = line->how->numerics;
    options.isa = isa;
    return golden_scores(&options, g);
}

/* ---- the file ---- */

/* Reads the stored bits of a line, in the order of the texts; returns their number. */
static size_t stored_bits(const char *name, uint32_t bits[MOST_TEXTS])
{
    char path[512], *text = NULL;
    size_t room = 0, count = 0;
    FILE *f = fopen(test_data(path, sizeof path, "golden/bits.txt"), "r");

    assert_non_null(f);
    while (getline(&text, &room, f) > 0) {
        char *at = text + strlen(name), *end;

        if (strncmp(text, name, strlen(name)))
            continue;
        while (count < MOST_TEXTS && (bits[count] = (uint32_t)strtoul(at, &end, 16), end > at)) {
            at = end;
            count++;
        }
        break;
    }
    free(text);
    fclose(f);
    return count;
}

static int write_file(void)
{
    struct score_line lines[MOST_LINES];
    const size_t count = all_lines(lines);
    char name[64];

    puts("# The scores of the golden models' texts, as the bits of a float: written by tests/bits/test_bits --write.");
    for (size_t i = 0; i < count; i++) {
        float *scores;
        golden g;

        load_texts(&g, lines[i].model);
        scores = score(&lines[i], "generic", &g);
        printf("%s", line_name(&lines[i], name));
        for (size_t t = 0; t < g.count; t++)
            printf(" %08x", bits_of(scores[t]));
        puts("");
        free(scores);
        golden_free(&g);
    }
    return ferror(stdout) || fflush(stdout) ? 1 : 0;
}

/* ---- the tests ---- */

static size_t every(void)
{
    const char *n = getenv("GD_BITS_EVERY");
    const int value = n ? atoi(n) : SANITIZED ? 5 : 1;

    assert_true(value >= 1 && value <= 16);
    return (size_t)value;
}

/* Moves every nth text, from the first on, to the front, with its stored bits. */
static void thin_out(golden *g, uint32_t *bits, size_t first, size_t nth)
{
    size_t count = 0;

    for (size_t i = first; i < g->count; i += nth, count++) {
        g->texts[count] = g->texts[i];
        g->tokens[count] = g->tokens[i];
        bits[count] = bits[i];
    }
    g->count = count;
}

static void check_line(const struct score_line *line, const char *isa, size_t first, size_t nth)
{
    uint32_t want[MOST_TEXTS];
    float *scores;
    char name[64];
    golden g;

    load_texts(&g, line->model);
    if (stored_bits(line_name(line, name), want) != g.count)
        fail_msg("bits.txt has no line \"%s\" with %zu scores", name, g.count);
    thin_out(&g, want, first, nth);
    scores = score(line, isa, &g);
    for (size_t i = 0; i < g.count; i++) {
        float stored;

        memcpy(&stored, &want[i], sizeof stored);
        if (bits_of(scores[i]) != want[i])
            fail_msg("%s --isa %s, text %zu: the score is %08x (%.9g), but %08x (%.9g) is stored", name,
                     isa ? isa : "auto", first + i * nth, bits_of(scores[i]), (double)scores[i], want[i],
                     (double)stored);
    }
    free(scores);
    golden_free(&g);
}

/* name: of the arithmetic. */
static void check_lines(const char *name, int lora)
{
    struct score_line lines[MOST_LINES];
    const size_t count = all_lines(lines), nth = every();
    size_t checked = 0;

    for (size_t i = 0; i < count; i++)
        if (!strcmp(lines[i].how->name, name) && lines[i].lora == lora) {
            check_line(&lines[i], NULL, (checked + (size_t)lora) % nth, nth);
            checked++;
        }
    assert_int_equal(checked, GOLDEN_MODELS + GOLDEN_EDGES + (lora ? 1 : 0));
}

static void models_in_bf16(void **state)
{
    (void)state;
    check_lines("bf16", 0);
}

static void models_in_fp32(void **state)
{
    (void)state;
    check_lines("fp32", 0);
}

static void adapters_in_bf16(void **state)
{
    (void)state;
    check_lines("bf16", 1);
}

static void adapters_in_fp32(void **state)
{
    (void)state;
    check_lines("fp32", 1);
}

static void tensor_cores(void **state)
{
    (void)state;
    check_lines("tensor", 0);
    check_lines("tensor", 1);
}

static void older_tensor_cores(void **state)
{
    (void)state;
    check_lines("tensor8", 0);
    check_lines("tensor8", 1);
}

/* The model with the most kinds of operations, and those that test what it does not. */
static bool for_every_isa(const struct score_line *line)
{
    for (size_t m = 0; m < GOLDEN_EDGES; m++)
        if (!strcmp(line->model, golden_edges[m]))
            return strcmp(line->how->name, "tensor8") != 0; /* differs from tensor in three numbers, and is slow here */
    return !strcmp(line->model, "gemma2") && line->lora && line->how->precision[0] == 'b';
}

/* Every instruction set that this processor has. */
static void every_instruction_set(void **state)
{
    static const char *const isas[] = { "generic", "avx2", "avx512", "avx512bf16", "neon" };
    struct score_line lines[MOST_LINES];
    const size_t count = all_lines(lines);
    size_t ran = 0;

    (void)state;
    for (size_t i = 0; i < sizeof isas / sizeof isas[0]; i++) {
        gd_isa isa;

        if (gd_isa_parse(&isa, isas[i], gd_isa_detect(), NULL))
            continue;
        for (size_t l = 0; l < count; l++)
            if (for_every_isa(&lines[l]))
                check_line(&lines[l], isas[i], 0, every());
        print_message("--isa %s: gives the stored bits\n", isas[i]);
        ran++;
    }
    assert_true(ran > 0);
}

/* The stored bits themselves might be wrong: in fp32 these must be as close to float64 as those of the other models. */
static void edges_are_float64s(void **state)
{
    (void)state;
    for (size_t m = 0; m < 2 * GOLDEN_EDGES; m++) {
        const struct score_line line = { golden_edges[m / 2], m % 2, &arithmetics[FP32] };
        double worst = 0;
        float *scores;
        char name[64];
        golden g;

        load_texts(&g, line.model);
        scores = score(&line, NULL, &g);
        for (size_t i = 0; i < g.count; i++) {
            const double want = line.lora ? g.lora_f64[i] : g.f64[i];
            const double off = fabs((double)scores[i] - want) / fmax(1, fabs(want));

            worst = fmax(worst, off);
            if (!(off <= 3e-5))
                fail_msg("%s text %zu: %.9g, but %.9g in float64", line_name(&line, name), i, (double)scores[i], want);
        }
        print_message("%s worst error %.2g of 3e-5\n", line_name(&line, name), worst);
        free(scores);
        golden_free(&g);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(models_in_bf16),        cmocka_unit_test(models_in_fp32),
        cmocka_unit_test(adapters_in_bf16),      cmocka_unit_test(adapters_in_fp32),
        cmocka_unit_test(tensor_cores),          cmocka_unit_test(older_tensor_cores),
        cmocka_unit_test(every_instruction_set), cmocka_unit_test(edges_are_float64s),
    };

    if (argc == 2 && !strcmp(argv[1], "--write"))
        return write_file();
    return cmocka_run_group_tests_name("bits", tests, NULL, NULL);
}
