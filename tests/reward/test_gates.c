/* test_gates.c - the built-in heads of ArmoRM and QRM: their objectives read one token of a text, and their gates
 * another. */
#include "tests/reward/published.h"
#include "tests/reward/with_head.h"

#include "graph/graph.h"

#include <math.h>

enum { OBJECTIVES = 7 };

#define NAMES "names: [a, b, c, d, e, f, g]}\n"

/* A copy of the text with one part in place of another. */
static char *replaced(const char *text, const char *part, const char *with)
{
    const char *at = strstr(text, part);
    char *out;

    assert_non_null(at);
    assert_true(asprintf(&out, "%.*s%s%s", (int)(at - text), text, with, at + strlen(part)) > 0);
    return out;
}

/* The built-in head without the names, if it has them, of its 19 objectives: these are 7. */
static char *built_in(const char *name)
{
    const gd_graph_builtin *head = gd_graph_builtin_find(gd_graph_heads, name);
    char *text = strndup(head->text, head->len);
    char *labels = strstr(text, "labels:"), *nodes = strstr(text, "nodes:");

    if (labels)
        memmove(labels, nodes, strlen(nodes) + 1);
    return text;
}

/* The head of tests/data/heads, which reads one token, with labels. */
static char *on_one_token(const char *name, const char *pool, const char *labels)
{
    char file[64], path[512], *text = calloc(1, 8192), *pooled, *out;
    FILE *f;

    (void)snprintf(file, sizeof file, "heads/%s.yaml", name);
    f = fopen(test_data(path, sizeof path, file), "r");
    assert_non_null(f);
    assert_true(fread(text, 1, 8191, f) > 0);
    (void)fclose(f);
    pooled = replaced(text, "pool: before_first_pad\n", pool);
    out = replaced(pooled, "nodes:\n", labels);
    free(text);
    free(pooled);
    return out;
}

static void score(const char *dir, char *head, const char *text, gd_item_result *result)
{
    const gd_part part = { .text = { text, strlen(text) } };
    const gd_item item = { .parts = &part, .part_count = 1 };
    const gd_items all = golden_items(&item, 1, result);
    gd_options options;
    gd_model *model;

    gd_options_init(&options);
    options.model = dir;
    options.precision = "fp32";
    model = open_head(options, head);
    assert_ok(gd_score_items(model, &all, NULL, NULL, test_err));
    gd_model_close(model);
    free(head);
}

static void check_gate(const char *dirs, const char *name)
{
    static const char *const texts[] = {
        "Is tea hot?<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\nYes.",
        "A<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\nB<|eot_id|><|start_header_id|>assistant"
        "<|end_header_id|>\n\nC, and so on.",
    };
    static const char gate[] =
        "pool: {last_pattern: \"<|eot_id|><|start_header_id|>assistant<|end_header_id|>\\n\\n\", token: first}\n";
    char dir[512];
    published p;

    published_open(&p, dirs, &(struct published_head){ name, name });
    (void)snprintf(dir, sizeof dir, "%s", p.dir);
    for (size_t t = 0; t < 2; t++) {
        gd_item_result whole, objectives, weights, same;
        const gd_items lists[] = { golden_items(NULL, 1, &whole), golden_items(NULL, 1, &objectives),
                                   golden_items(NULL, 1, &weights), golden_items(NULL, 1, &same) };
        double sum = 0;

        score(dir, built_in(name), texts[t], &whole);
        score(dir, on_one_token(name, "pool: before_first_pad\n", "labels: {in: adjusted, " NAMES "nodes:\n"), texts[t],
              &objectives);
        score(dir, on_one_token(name, gate, "labels: {in: weights, " NAMES "nodes:\n"), texts[t], &weights);
        score(dir, on_one_token(name, "pool: before_first_pad\n", "nodes:\n"), texts[t], &same);
        for (size_t i = 0; i < OBJECTIVES; i++)
            sum += (double)objectives.labels[i] * (double)weights.labels[i];
        assert_true(fabs(sum - (double)whole.scores[0]) < 1e-5);
        assert_true(fabs((double)same.scores[0] - (double)whole.scores[0]) > 1e-4); /* another token, another weight */
        for (size_t i = 0; i < 4; i++)
            gd_items_free_results(&lists[i]);
    }
    published_close(&p);
}

static void armorms_gate_reads_the_prompts_end(void **state) { check_gate(*state, "armorm"); }

static void qrms_gate_reads_the_prompts_end(void **state) { check_gate(*state, "qrm"); }

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(armorms_gate_reads_the_prompts_end),
        cmocka_unit_test(qrms_gate_reads_the_prompts_end),
    };

    return cmocka_run_group_tests(tests, dir_setup, dir_teardown);
}
