/* test_labels.c - heads of which several columns have names. */
#include "tests/reward/edits.h"
#include "tests/reward/with_head.h"

#define ROWS(size, rows)                                                                  \
    "  - {op: linear, in: [pooled], w: [{tensor: model.embed_tokens.weight, rows: [" rows \
    "]}], out: several, size: " size "}\n"
#define OWN "  - {op: linear, in: [pooled], w: [score.weight], out: own, size: 1}\n"
#define THREE ROWS("3", "5, 70, 900")
#define NAMED HEAD "labels: {in: several, names: [helpful, \"\\u00e9 \\\"x\\\"\", c]}\n"

enum { LABELS = 3 };
static const char *const names[LABELS] = { "helpful", "\xc3\xa9 \"x\"", "c" };
static const gd_part parts[] = { { .text = { "Tea is hot.", 11 } },
                                 { .text = { "No.", 3 } },
                                 { .text = { "Why?", 4 } } };

static void score_items(const char *head, gd_options options, const gd_item *item, gd_item_result *result)
{
    gd_model *model = open_head(options, head);
    const gd_items all = golden_items(item, 1, result);

    assert_ok(gd_score_items(model, &all, NULL, NULL, test_err));
    result->label_names = NULL; /* they were the model's */
    gd_model_close(model);
}

static void free_items(gd_item_result *result)
{
    const gd_items all = golden_items(NULL, 1, result);

    gd_items_free_results(&all);
}

/* Each label has the bits of a head that gives it alone, and the score those of a model without labels. */
static void labels_are_those_of_heads_alone(void **state)
{
    static const char *const alone[LABELS] = { HEAD "nodes:\n" ROWS("1", "5"), HEAD "nodes:\n" ROWS("1", "70"),
                                               HEAD "nodes:\n" ROWS("1", "900") };
    static const char *const heads[] = { NAMED "nodes:\n" THREE OWN, NAMED "score: own\nnodes:\n" OWN THREE };
    const gd_item item = { .kind = GD_ITEM_ANSWERS, .parts = parts, .part_count = 3 };
    gd_item_result result, one, plain;

    (void)state;
    for (unsigned w = 0; w < 6; w++) {
        gd_options options = golden_options("qwen2", 0);

        options.precision = w % 3 ? "bf16" : "fp32";
        options.isa = w % 2 ? "generic" : "auto";
        options.batch_tokens = w % 4 ? 0 : 5;
        options.no_share_prefix = w == 5;
        options.memory = w == 4 && !SANITIZED ? (size_t)48 << 20 : 0;
        score_items(heads[w % 2], options, &item, &result);
        score_items(HEAD SCORE, options, &item, &plain);
        assert_int_equal(plain.label_count, 0);
        assert_null(plain.labels);
        assert_int_equal(result.label_count, LABELS);
        assert_memory_equal(result.scores, plain.scores, 3 * sizeof(float));
        for (size_t l = 0; l < LABELS; l++) {
            score_items(alone[l], options, &item, &one);
            for (size_t t = 0; t < 3; t++)
                assert_memory_equal(&result.labels[t * LABELS + l], &one.scores[t], sizeof(float));
            free_items(&one);
        }
        free_items(&result);
        free_items(&plain);
    }
}

/* More texts than a tile has lines: each keeps its own labels. */
static void many_texts_keep_their_labels(void **state)
{
    enum { TEXTS = 1300 };
    uint32_t *ids = calloc(TEXTS, sizeof *ids);
    gd_part *many = calloc(TEXTS, sizeof *many);
    const gd_item item = { .kind = GD_ITEM_ANSWERS, .parts = many, .part_count = TEXTS };
    gd_options options = golden_options("qwen2", 0);
    gd_item_result one, other;

    (void)state;
    for (uint32_t t = 0; t < TEXTS; t++) {
        ids[t] = t;
        many[t] = (gd_part){ .ids = &ids[t], .id_count = 1 };
    }
    score_items(NAMED "nodes:\n" THREE OWN, options, &item, &one);
    options.batch_tokens = 100;
    score_items(NAMED "nodes:\n" THREE OWN, options, &item, &other);
    assert_memory_equal(one.scores, other.scores, TEXTS * sizeof(float));
    assert_memory_equal(one.labels, other.labels, TEXTS * LABELS * sizeof(float));
    free_items(&one);
    free_items(&other);
    free(many);
    free(ids);
}

/* Labels are left as the model gives them. */
static void lines_have_labels(void **state)
{
    static const char input[] = "{\"text\":\"Tea is hot.\"}\n{\"chosen\":\"Tea is hot.\",\"rejected\":\"No.\"}\n"
                                "{\"prompt\":\"\",\"responses\":[\"Tea is hot.\",\"No.\",\"Why?\"]}\n";
    const gd_item item = { .kind = GD_ITEM_ANSWERS, .parts = parts, .part_count = 3 };
    gd_options options = golden_options("qwen2", 0);
    char in[600], out[600], head[600];
    gd_item_result result;
    gd_file_options how;
    gd_model *model;
    FILE *f;

    score_items(NAMED "nodes:\n" THREE OWN, options, &item, &result);
    write_text(*state, "in.jsonl", input);
    write_text(*state, "head.yaml", NAMED "nodes:\n" THREE OWN);
    (void)snprintf(in, sizeof in, "%s", in_dir(*state, "in.jsonl"));
    (void)snprintf(out, sizeof out, "%s", in_dir(*state, "out.jsonl"));
    (void)snprintf(head, sizeof head, "%s", in_dir(*state, "head.yaml"));
    how = from_to(in, out, GD_FORMAT_JSONL);
    options.head = head;
    options.activation = "sigmoid";
    assert_ok(gd_model_open(&model, &options, test_err));
    assert_ok(gd_score_file(model, &how, NULL, NULL, test_err));
    gd_model_close(model);
    f = fopen(out, "r");
    for (size_t i = 0; i < 3; i++) {
        json_t *line = json_loadf(f, JSON_DISABLE_EOF_CHECK, NULL), *labels = json_object_get(line, "labels");

        assert_int_equal(i ? json_array_size(labels) : 1, i + 1);
        for (size_t t = 0; t <= i; t++)
            for (size_t l = 0; l < LABELS; l++) {
                const json_t *of_text = i ? json_array_get(labels, t) : labels;
                const float have = (float)json_real_value(json_object_get(of_text, names[l]));

                assert_int_equal(json_object_size(of_text), LABELS);
                assert_memory_equal(&have, &result.labels[t * LABELS + l], sizeof have);
            }
        json_decref(line);
    }
    (void)fclose(f);
    free_items(&result);
}

/* Names from config.json. */
static void names_of_the_config(void **state)
{
    gd_options options;
    gd_model *model;
    char *json;

    make_both(*state, &(change){ "labels", NULL, NULL });
    edit_config(m, "{\"id2label\":{\"0\":\"good\",\"1\":\"bad\"}}");
    gd_options_init(&options);
    options.model = m;
    model = open_head(options, HEAD "labels: {in: several, names: id2label}\nnodes:\n" ROWS("2", "5, 70") OWN);
    gd_model_close(model);
    write_text(m, "mine.yaml", HEAD "labels: {in: several, names: id2label}\nnodes:\n" ROWS("2", "5, 70") OWN);
    options.head = in_dir(m, "mine.yaml");
    assert_ok(gd_inspect(&options, &json, test_err));
    assert_contains(json, "\"labels\":[\"good\",\"bad\"]");
    gd_string_free(json);
    remove_both();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(labels_are_those_of_heads_alone),
        cmocka_unit_test(many_texts_keep_their_labels),
        cmocka_unit_test_setup_teardown(lines_have_labels, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(names_of_the_config, dir_setup, dir_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
