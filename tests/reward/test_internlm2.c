/* test_internlm2.c - an InternLM2 reward model, whose scores numpy computed in float64 as the code of the published
 * ones says: also with an adapter, and with the same bits on every instruction set. */
#include "tests/check.h"

#include "backends/cpu/device.h"
#include "guerdon.h"

#include <jansson.h>
#include <math.h>

enum { TEXTS = 5 };

static char model[512], adapter[512];

static int find_models(void **state)
{
    (void)state;
    (void)test_data(model, sizeof model, "internlm2");
    (void)test_data(adapter, sizeof adapter, "internlm2/lora");
    return 0;
}

static void score(const json_t *const *lines, bool lora, const char *precision, const char *isa, float *scores)
{
    gd_text texts[TEXTS];
    size_t tokens[TEXTS];
    gd_options options;
    gd_model *opened;

    gd_options_init(&options);
    options.model = model;
    options.adapter = lora ? adapter : NULL;
    options.precision = precision;
    options.isa = isa;
    for (size_t i = 0; i < TEXTS; i++) {
        const json_t *text = json_object_get(lines[i], "text");

        texts[i] = (gd_text){ json_string_value(text), json_string_length(text) };
    }
    assert_ok(gd_model_open(&opened, &options, test_err));
    assert_ok(gd_score(opened, TEXTS, texts, scores, tokens, test_err));
    gd_model_close(opened);
}

static void check(const json_t *const *lines, bool lora, const char *precision, double most)
{
    float first[TEXTS], other[TEXTS];
    const char *isa;

    score(lines, lora, precision, "generic", first);
    for (size_t i = 0; i < TEXTS; i++) {
        const double want = json_real_value(json_object_get(lines[i], lora ? "score_lora" : "score"));

        if (!(fabs((double)first[i] - want) <= most * fmax(1, fabs(want))))
            fail_msg("%s: text %zu scores %.9g, but %.9g in float64", precision, i, (double)first[i], want);
    }
    for (size_t k = 0; (isa = gd_backend_cpu.isa(k)); k++) {
        score(lines, lora, precision, isa, other);
        assert_memory_equal(other, first, sizeof first);
    }
}

static void scores_are_those_of_the_published_code(void **state)
{
    const json_t *lines[TEXTS];
    char path[512];
    FILE *f = fopen(test_data(path, sizeof path, "internlm2/expected.jsonl"), "r");

    (void)state;
    assert_non_null(f);
    for (size_t i = 0; i < TEXTS; i++)
        assert_non_null(lines[i] = json_loadf(f, JSON_DISABLE_EOF_CHECK, NULL));
    assert_int_equal(fclose(f), 0);
    for (int lora = 0; lora < 2; lora++) {
        check(lines, lora, "fp32", 3e-5);
        check(lines, lora, "bf16", 0.05);
    }
    for (size_t i = 0; i < TEXTS; i++)
        json_decref((json_t *)lines[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scores_are_those_of_the_published_code),
    };

    return cmocka_run_group_tests(tests, find_models, NULL);
}
