/* published.h - heads of published models on a golden trunk, from tests/data/heads. */
#ifndef GD_TESTS_REWARD_PUBLISHED_H
#define GD_TESTS_REWARD_PUBLISHED_H

#include "tests/reward/golden.h"
#include "tests/reward/variant.h"

/* How each of tests/data/heads is named to --head: found by itself, a built-in one, or a file beside it. */
static const struct published_head {
    const char *name, *head;
} published_heads[] = {
    { "grm", "auto" },
    { "beaver", "auto" },
    { "beaver_cost", "auto" },
    { "beaver_plain", "auto" },
    { "urm", "auto" },
    { "armorm", "armorm.yaml" },
    { "qrm", "qrm.yaml" },
    { "qrm_gemma", "qrm_gemma.yaml" },
    { "positive", "positive_label" },
    { "mlp_positive", "mlp_positive_label" },
    { "every_activation", "every_activation.yaml" },
};

enum { PUBLISHED = sizeof published_heads / sizeof published_heads[0], PUBLISHED_TEXTS = 16 };

/* A model, what it is called, and the scores that it should have. */
typedef struct published {
    char dir[512], head[600];
    const char *name;
    double want[PUBLISHED_TEXTS];
    size_t count;
    golden g;
} published;

/* The trunk without its own head, and with the tensors of another. */
static inline void published_write(const char *dir, const char *name)
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
static inline json_t *published_line(const char *name)
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

static inline void published_open(published *p, const char *dir, const struct published_head *head)
{
    json_t *line = published_line(head->name);
    const json_t *scores = json_object_get(line, "scores");
    char data[512];

    p->name = head->name;
    (void)snprintf(p->dir, sizeof p->dir, "%s", make_dir(dir, "m"));
    variant_link(p->dir, "llama");
    published_write(p->dir, head->name);
    variant_patch(p->dir, "config.json", json_object_get(line, "config"));
    (void)snprintf(p->head, sizeof p->head, "%s", head->head);
    if (strstr(head->head, ".yaml"))
        (void)snprintf(p->head, sizeof p->head, "%s/%s", test_data(data, sizeof data, "heads"), head->head);
    golden_load(&p->g, "llama");
    p->count = json_array_size(scores);
    assert_true(p->count > 0 && p->count <= PUBLISHED_TEXTS && p->count <= p->g.count);
    for (size_t i = 0; i < p->count; i++)
        p->want[i] = json_number_value(json_array_get(scores, i));
    json_decref(line);
}

static inline void published_close(published *p)
{
    golden_free(&p->g);
    assert_int_equal(test_remove(p->dir), 0);
}

/* Scores all texts with these options, besides the model and its head. */
static inline void published_score(const published *p, gd_options options, float *scores)
{
    gd_model *model;

    options.model = p->dir;
    options.head = p->head;
    assert_ok(gd_model_open(&model, &options, test_err));
    assert_ok(gd_score(model, p->count, p->g.texts, scores, NULL, test_err));
    gd_model_close(model);
}

#endif
