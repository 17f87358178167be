/* test_also.c - heads that look for a pattern, and those that read a text at two places. */
#include "tests/reward/with_head.h"

#include <math.h>

#define SUM(place, out) "  - {op: linear, in: [" place "], w: [score.weight], out: " out ", size: 1}\n"
#define ROWS(place, out)                                                                                   \
    "  - {op: linear, in: [" place "], w: [{tensor: model.embed_tokens.weight, rows: [5, 70]}], out: " out \
    ", size: 2}\n"
#define GATED                                                 \
    HEAD "pool: last\nalso: {gate: {first_pattern: \".\"}}\n" \
         "labels: {in: rows, names: [one, two]}\n"            \
         "nodes:\n" SUM("pooled", "a") SUM("gate", "b") ROWS("gate", "rows") "  - {op: mul, in: [a, b], out: score}\n"

enum { DOT = 13, TEXTS = 700, LABELS = 2 };

static places_text texts[PLACES_TEXTS];

static void score_parts(gd_model *model, const gd_part *parts, size_t count, gd_item_result *result)
{
    const gd_item item = { .kind = GD_ITEM_ANSWERS, .parts = parts, .part_count = count };
    const gd_items all = golden_items(&item, 1, result);

    assert_ok(gd_score_items(model, &all, NULL, NULL, test_err));
}

static void score_once(gd_options options, const char *head, const gd_part *parts, size_t count, gd_item_result *result)
{
    gd_model *model = open_head(options, head);

    score_parts(model, parts, count, result);
    gd_model_close(model);
}

static void free_parts(gd_item_result *result)
{
    const gd_items all = golden_items(NULL, 1, result);

    gd_items_free_results(&all);
}

static gd_options fp32(const char *name)
{
    gd_options options = golden_options(name, 0);

    options.precision = "fp32";
    return options;
}

/* Where the tokens of " wait" end, for the first or the last time. */
static size_t end_of_wait(const places_text *text, bool last)
{
    size_t found = 0;

    for (size_t i = 2; i < text->count; i++)
        if (text->ids[i - 2] == 264 && text->ids[i - 1] == 64 && text->ids[i] == 280 && (last || !found))
            found = i;
    return found;
}

static void patterns_are_found(void **state)
{
    static const char *const heads[] = { HEAD "pool: {first_pattern: \" wait\"}\n" SCORE,
                                         HEAD "pool: {last_pattern: \" wait\"}\n" SCORE,
                                         HEAD "pool: {first_pattern: \" wait\", token: first}\n" SCORE,
                                         HEAD "pool: {last_pattern: \" wait\", token: first}\n" SCORE };
    json_t *json = places_load(texts);

    (void)state;
    for (size_t t = 1; t < PLACES_TEXTS; t += PLACES_TEXTS / 2)
        for (unsigned way = 0; way < 4; way++) {
            const bool last = way % 2;
            gd_model *model = open_head(fp32(texts[t].model), heads[way]);
            const gd_part part = { .text = { texts[t].text, strlen(texts[t].text) } };
            gd_item_result result;

            score_parts(model, &part, 1, &result);
            assert_true(end_of_wait(&texts[t], false) < end_of_wait(&texts[t], true));
            assert_true(fabs((double)result.scores[0] - texts[t].every[end_of_wait(&texts[t], last) - way / 2 * 2]) <
                        2e-5);
            assert_null(result.steps);
            free_parts(&result);
            assert_refused(model, "Tea is hot.", "the text has no \" wait\", at which the model's head reads it");
            gd_model_close(model);
        }
    json_decref(json);
}

/* A head of two places gives what is computed of the scores of two heads, one for each. */
static void two_places_make_one_score(void **state)
{
    json_t *json = places_load(texts);

    (void)state;
    for (size_t t = 0; t < PLACES_TEXTS; t++) {
        const gd_part part = { .text = { texts[t].text, strlen(texts[t].text) } };
        gd_item_result both, first, second, rows;
        size_t dot = 0;
        float want;

        if (t % 4 == 2)
            continue; /* no "." */
        while (texts[t].ids[dot] != DOT)
            dot++;
        score_once(fp32(texts[t].model), GATED, &part, 1, &both);
        score_once(fp32(texts[t].model), HEAD "pool: last\n" SCORE, &part, 1, &first);
        score_once(fp32(texts[t].model), HEAD "pool: {first_pattern: \".\"}\n" SCORE, &part, 1, &second);
        score_once(fp32(texts[t].model),
                   HEAD
                   "pool: {first_pattern: \".\"}\nscore: own\nlabels: {in: rows, names: [x, y]}\nnodes:\n" SUM("pooled",
                                                                                                               "own")
                       ROWS("pooled", "rows"),
                   &part, 1, &rows);
        want = first.scores[0] * second.scores[0];
        assert_memory_equal(&both.scores[0], &want, sizeof want);
        assert_true(fabs((double)want - texts[t].every[texts[t].count - 1] * texts[t].every[dot]) < 2e-4);
        assert_int_equal(both.label_count, LABELS);
        assert_memory_equal(both.labels, rows.labels, LABELS * sizeof(float));
        free_parts(&both);
        free_parts(&first);
        free_parts(&second);
        free_parts(&rows);
    }
    json_decref(json);
}

/* More texts than a tile has lines, in any way that they may run. */
static void two_places_stay_together(void **state)
{
    static const struct {
        const char *isa;
        size_t batch_tokens, memory;
        int alone;
    } ways[] = { { "generic", 0, 0, 0 },
                 { "auto", 31, 0, 0 },
                 { "auto", 0, 0, 1 },
                 { "auto", 0, (size_t)48 << 20, 0 } };
    uint32_t(*ids)[4] = calloc(TEXTS, sizeof *ids);
    gd_part *parts = calloc(TEXTS, sizeof *parts);
    gd_options options = golden_options("qwen2", 0);
    gd_item_result want, have;

    (void)state;
    for (uint32_t t = 0; t < TEXTS; t++) {
        const uint32_t own[4] = { 40 + t % 50, DOT, 100 + t, 200 + t % 7 };

        memcpy(ids[t], own, sizeof own);
        parts[t] = (gd_part){ .ids = ids[t], .id_count = 3 + t % 2 };
    }
    score_once(options, GATED, parts, TEXTS, &want);
    for (size_t w = 0; w < (SANITIZED ? 2 : sizeof ways / sizeof ways[0]); w++) {
        options.isa = ways[w].isa;
        options.batch_tokens = ways[w].batch_tokens;
        options.memory = ways[w].memory;
        options.no_share_prefix = ways[w].alone;
        score_once(options, GATED, parts, TEXTS, &have);
        assert_memory_equal(have.scores, want.scores, TEXTS * sizeof(float));
        assert_memory_equal(have.labels, want.labels, TEXTS * LABELS * sizeof(float));
        free_parts(&have);
    }
    for (size_t t = 0; t < TEXTS; t += 97) { /* and of each alone */
        score_once(golden_options("qwen2", 0), GATED, &parts[t], 1, &have);
        assert_memory_equal(have.scores, &want.scores[t], sizeof(float));
        assert_memory_equal(have.labels, &want.labels[t * LABELS], LABELS * sizeof(float));
        free_parts(&have);
    }
    free_parts(&want);
    free(parts);
    free(ids);
}

/* What the bits of the head would need is not made there yet. */
static void other_commands_refuse_two_places(void **state)
{
    gd_options options = golden_options("qwen2", 0);
    char head[TEST_PATH], in[TEST_PATH];
    gd_crosscheck_options how;
    gd_error err = { 0 };
    char *json;

    (void)state;
    write_head(test_file(head), GATED);
    write_head(test_file(in), "{\"text\":\"Tea. Hot.\"}\n");
    options.head = head;
    gd_crosscheck_options_init(&how);
    how.input = in;
    how.left = how.right = "cpu";
    assert_int_equal(gd_crosscheck(&options, &how, NULL, &json, &err), GD_EUNSUPPORTED);
    assert_contains(err.text,
                    "the model's head reads two places of a text, which can be scored with, but not cross-checked");
    assert_ok(gd_inspect(&options, &json, test_err));
    assert_contains(json, "\"pooling\":\"the last token\","
                          "\"pooling_also\":\"the end of the first occurrence of \\\".\\\", id 13\"");
    gd_string_free(json);
    assert_int_equal(unlink(head) | unlink(in), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns_are_found),
        cmocka_unit_test(two_places_make_one_score),
        cmocka_unit_test(two_places_stay_together),
        cmocka_unit_test(other_commands_refuse_two_places),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
