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
    gd_options options;

    gd_options_init(&options);
    options.model = dir;
    options.precision = "fp32";
    score_and_close(open_head(options, head), text, result);
    free(head);
}

#define LLAMA3 "<|eot_id|><|start_header_id|>assistant<|end_header_id|>"
#define GEMMA "<end_of_turn>\n<start_of_turn>model"

struct gated {
    const char *name, *rewards; /* rewards: the value that the gate weighs */
    const char *gate;           /* where it is read */
    const char *texts[2];       /* with an answer, and with two */
};

static void check_gate(const char *dirs, const struct gated *c)
{
    const char *name = c->name, *gate = c->gate;
    char dir[512], rewards[128];
    published p;

    published_open(&p, dirs, &(struct published_head){ name, name });
    (void)snprintf(dir, sizeof dir, "%s", p.dir);
    (void)snprintf(rewards, sizeof rewards, "labels: {in: %s, " NAMES "nodes:\n", c->rewards);
    for (size_t t = 0; t < 2; t++) {
        gd_item_result whole, objectives, weights, same;
        const gd_items lists[] = { golden_items(NULL, 1, &whole), golden_items(NULL, 1, &objectives),
                                   golden_items(NULL, 1, &weights), golden_items(NULL, 1, &same) };
        double sum = 0;

        score(dir, built_in(name), c->texts[t], &whole);
        score(dir, on_one_token(name, "pool: before_first_pad\n", rewards), c->texts[t], &objectives);
        score(dir, on_one_token(name, gate, "labels: {in: weights, " NAMES "nodes:\n"), c->texts[t], &weights);
        score(dir, on_one_token(name, "pool: before_first_pad\n", "nodes:\n"), c->texts[t], &same);
        for (size_t i = 0; i < OBJECTIVES; i++)
            sum += (double)objectives.labels[i] * (double)weights.labels[i];
        assert_true(fabs(sum - (double)whole.scores[0]) < 1e-5);
        assert_true(fabs((double)same.scores[0] - (double)whole.scores[0]) > 1e-4); /* another token, another weight */
        for (size_t i = 0; i < 4; i++)
            gd_items_free_results(&lists[i]);
    }
    published_close(&p);
}

static void gates_read_the_prompts_end(void **state)
{
    static const struct gated cases[] = {
        { "armorm",
          "adjusted",
          "pool: {last_pattern: \"" LLAMA3 "\\n\\n\", token: first}\n",
          { "Is tea hot?" LLAMA3 "\n\nYes.", "A" LLAMA3 "\n\nB" LLAMA3 "\n\nC, and so on." } },
        { "qrm",
          "adjusted",
          "pool: {last_pattern: \"" LLAMA3 "\\n\\n\", token: first}\n",
          { "Is tea hot?" LLAMA3 "\n\nYes.", "A" LLAMA3 "\n\nB" LLAMA3 "\n\nC, and so on." } },
        { "qrm_gemma",
          "rewards",
          "pool: {last_pattern: \"<end_of_turn>\\n<start_of_turn>model\\n\", token: first}\n",
          { "Is tea hot?" GEMMA "\nYes.", "A" GEMMA "\nB" GEMMA "\nC, and so on." } },
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        check_gate(*state, &cases[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gates_read_the_prompts_end),
    };

    return cmocka_run_group_tests(tests, dir_setup, dir_teardown);
}
