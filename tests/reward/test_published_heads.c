/* test_published_heads.c - heads of published models on a golden trunk: the scores that their formulas give in float64,
 * and the same bits on every instruction set. */
#include "tests/reward/golden.h"
#include "tests/reward/variant.h"

#include "backends/cpu/device.h"

#include <math.h>

/* How each of tests/data/heads is named to --head: found by itself, a built-in one, or a file beside it. */
static const struct head {
    const char *name, *head;
} heads[] = {
    { "grm", "auto" },
    { "beaver", "auto" },
    { "beaver_cost", "auto" },
    { "beaver_plain", "auto" },
    { "urm", "auto" },
    { "armorm", "armorm.yaml" },
    { "qrm", "qrm.yaml" },
    { "positive", "positive_label" },
    { "mlp_positive", "mlp_positive_label" },
    { "every_activation", "every_activation.yaml" },
};

enum { HEADS = sizeof heads / sizeof heads[0], MOST = 16 };

/* A model, what it is called, and the scores that it should have. */
struct published {
    char dir[512], head[600];
    const char *name;
    double want[MOST];
    size_t count;
    golden g;
};

/* The trunk without its own head, and with the tensors of another. */
static void write_tensors(const char *dir, const char *name)
{
    char file[64], data[512];
    variant_tensors trunk, head;

    (void)snprintf(file, sizeof file, "%s.safetensors", name);
    variant_read(&trunk, dir, "model.safetensors");
    variant_drop(&trunk, "score.weight");
    variant_read(&head, test_data(data, sizeof data, "heads"), file);
    for (size_t i = 0; i < head.count; i++) {
        const variant_tensor *t = &head.list[i];
        const size_t cols = t->rank == 2 ? t->shape[1] : 0;

        memcpy(variant_add(&trunk, t->name, t->dtype, t->shape[0], cols, 0)->data, t->data, t->bytes);
    }
    variant_write(&trunk, 0, trunk.count, dir, "model.safetensors");
    variant_free(&trunk);
    variant_free(&head);
}

/* The line of heads.jsonl with this name. */
static json_t *line_of(const char *name)
{
    char data[512];
    FILE *file = fopen(test_data(data, sizeof data, "heads/heads.jsonl"), "r");
    json_t *line = NULL;

    assert_non_null(file);
    while ((line = json_loadf(file, JSON_DISABLE_EOF_CHECK, NULL)) &&
           strcmp(json_string_value(json_object_get(line, "name")), name) != 0)
        json_decref(line);
    assert_int_equal(fclose(file), 0);
    assert_non_null(line);
    return line;
}

static void published_open(struct published *p, const char *dir, const struct head *head)
{
    json_t *line = line_of(head->name);
    const json_t *scores = json_object_get(line, "scores");
    char data[512];

    p->name = head->name;
    (void)snprintf(p->dir, sizeof p->dir, "%s", make_dir(dir, "m"));
    variant_link(p->dir, "llama");
    write_tensors(p->dir, head->name);
    variant_patch(p->dir, "config.json", json_object_get(line, "config"));
    (void)snprintf(p->head, sizeof p->head, "%s", head->head);
    if (strstr(head->head, ".yaml"))
        (void)snprintf(p->head, sizeof p->head, "%s/%s", test_data(data, sizeof data, "heads"), head->head);
    golden_load(&p->g, "llama");
    p->count = json_array_size(scores);
    assert_true(p->count > 0 && p->count <= MOST && p->count <= p->g.count);
    for (size_t i = 0; i < p->count; i++)
        p->want[i] = json_number_value(json_array_get(scores, i));
    json_decref(line);
}

static void published_close(struct published *p)
{
    golden_free(&p->g);
    assert_int_equal(test_remove(p->dir), 0);
}

static void score(const struct published *p, const char *isa, const char *precision, float *scores)
{
    gd_options options;
    gd_model *model;

    gd_options_init(&options);
    options.model = p->dir;
    options.head = p->head;
    options.isa = isa;
    options.precision = precision;
    assert_ok(gd_model_open(&model, &options, test_err));
    assert_ok(gd_score(model, p->count, p->g.texts, scores, NULL, test_err));
    gd_model_close(model);
}

/* In fp32 as near as golden models' scores are; in bf16 as near as operands that are rounded allow. */
static void check(const struct published *p, const char *precision, double most)
{
    float first[MOST], other[MOST];
    const char *isa;

    score(p, "generic", precision, first);
    for (size_t i = 0; i < p->count; i++)
        if (!(fabs((double)first[i] - p->want[i]) <= most * fmax(1, fabs(p->want[i]))))
            fail_msg("%s in %s: text %zu scores %.9g, but %.9g in float64", p->name, precision, i, (double)first[i],
                     p->want[i]);
    for (size_t k = 0; (isa = gd_backend_cpu.isa(k)); k++) {
        score(p, isa, precision, other);
        if (memcmp(other, first, p->count * sizeof *first) != 0)
            fail_msg("%s in %s: %s has other bits than generic", p->name, precision, isa);
    }
}

static void they_score_as_their_formulas_say(void **state)
{
    for (size_t i = 0; i < HEADS; i++) {
        struct published p;

        published_open(&p, *state, &heads[i]);
        check(&p, "fp32", 3e-5);
        check(&p, "bf16", 0.15);
        published_close(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(they_score_as_their_formulas_say),
    };

    return cmocka_run_group_tests(tests, dir_setup, dir_teardown);
}
