/* with_head.h - golden models read with a head that a test describes, and what was expected of their tokens. */
#ifndef GD_TESTS_REWARD_WITH_HEAD_H
#define GD_TESTS_REWARD_WITH_HEAD_H

#include "tests/reward/golden.h"

#include <jansson.h>
#include <unistd.h>

#define HEAD "format: guerdon-head/1\nname: mine\n"
#define SCORE "nodes:\n  - {op: linear, in: [pooled], w: [score.weight], out: score, size: 1}\n"

static inline void write_head(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

/* Opens options->model with the head. */
static inline gd_model *open_head(gd_options options, const char *text)
{
    char path[TEST_PATH];
    gd_model *model;

    options.head = test_file(path);
    write_head(path, text);
    assert_ok(gd_model_open(&model, &options, test_err));
    assert_int_equal(unlink(path), 0);
    return model;
}

/* Scores one text, and closes the model. The caller frees the result. */
static inline void score_and_close(gd_model *model, const char *text, gd_item_result *result)
{
    const gd_part part = { .text = { text, strlen(text) } };
    const gd_item item = { .parts = &part, .part_count = 1 };
    const gd_items all = golden_items(&item, 1, result);

    if (gd_score_items(model, &all, NULL, NULL, NULL))
        fail_msg("%s: %s", text, result->error);
    gd_model_close(model);
}

/* The sentence with which the only text of a record is refused. */
static inline void assert_refused(gd_model *model, const char *text, const char *want)
{
    gd_error err = { 0 };
    float score;

    assert_int_equal(gd_score(model, 1, &(gd_text){ text, strlen(text) }, &score, NULL, &err), GD_EFORMAT);
    assert_contains(err.text, want);
}

/* A line of places/expected.jsonl: the ids of a text, and the model's own score at each of them. */
typedef struct places_text {
    const char *model, *text;
    uint32_t ids[64];
    double every[64], bf16[64];
    size_t count;
} places_text;

enum { PLACES_TEXTS = 8 };

static inline json_t *places_load(places_text texts[PLACES_TEXTS])
{
    char path[512];
    FILE *f = fopen(test_data(path, sizeof path, "places/expected.jsonl"), "r");
    json_t *all = json_array();

    assert_non_null(f);
    for (size_t t = 0; t < PLACES_TEXTS; t++) {
        json_t *line = json_loadf(f, JSON_DISABLE_EOF_CHECK, NULL);

        assert_int_equal(json_array_append_new(all, line), 0);
        texts[t].model = json_string_value(json_object_get(line, "model"));
        texts[t].text = json_string_value(json_object_get(line, "text"));
        texts[t].count = json_array_size(json_object_get(line, "ids"));
        for (size_t i = 0; i < texts[t].count; i++) {
            texts[t].ids[i] = (uint32_t)json_integer_value(json_array_get(json_object_get(line, "ids"), i));
            texts[t].every[i] = json_real_value(json_array_get(json_object_get(line, "every"), i));
            texts[t].bf16[i] = json_real_value(json_array_get(json_object_get(line, "bf16"), i));
        }
    }
    (void)fclose(f);
    return all;
}

#endif
