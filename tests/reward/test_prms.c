/* test_prms.c - the built-in heads of process reward models: each step has the score that the same head gives a text
 * that ends there, which other tests compare with float64. */
#include "tests/reward/published.h"
#include "tests/reward/with_head.h"

#include "graph/graph.h"

#include <math.h>

#define SUMMARY "[v_head.summary.weight, v_head.summary.bias]"
#define TOKENS(plus, less) \
    "[{tensor: lm_head.weight, else: model.embed_tokens.weight, rows: [" plus "], minus: [" less "]}]"
#define SIGMOID(w)                                                  \
    HEAD "pool: last\nnodes:\n  - {op: linear, in: [pooled], w: " w \
         ", out: x, size: 1}\n  - {op: act, in: [x], act: sigmoid, out: score}\n"

/* A built-in head, the tensors that it reads, what stands for tokens that the small vocabulary lacks, the same head at
 * the last token, and the texts at whose ends there are steps. */
static const struct prm {
    const char *name, *tensors, *replaced[3], *with[3], *at_last, *text, *beginnings[3];
    gd_step_rule steps;
} prms[] = {
    { "skywork_prm",
      "summary",
      { NULL },
      { NULL },
      SIGMOID(SUMMARY),
      "Tea\nis\n hot",
      { "Tea\n", "Tea\nis\n" },
      GD_STEPS_LAST },
    { "trl_prm",
      "positive",
      { NULL },
      { NULL },
      "positive_label",
      "Tea\nis\n hot",
      { "Tea\n", "Tea\nis\n" },
      GD_STEPS_LAST },
    { "qwen_prm",
      "mlp_positive",
      { "<extra_0>" },
      { "!" },
      "mlp_positive_label",
      "Tea! is! hot",
      { "Tea!", "Tea! is!" },
      GD_STEPS_PRODUCT },
    { "math_shepherd",
      NULL,
      { "at: 12902", "[648]", "[387]" },
      { "at: \"!\"", "[7]", "[9]" },
      SIGMOID(TOKENS("7", "9")),
      "Tea! is! hot! x",
      { "Tea!", "Tea! is!", "Tea! is! hot!" },
      GD_STEPS_MIN },
    { "rlhflow_prm",
      NULL,
      { NULL },
      { NULL },
      SIGMOID(TOKENS("\"+\"", "\"-\"")),
      "A<|start_header_id|>assistant<|end_header_id|>\n\n+B<|start_header_id|>assistant<|end_header_id|>\n\n-",
      { "A<|start_header_id|>assistant<|end_header_id|>\n\n",
        "A<|start_header_id|>assistant<|end_header_id|>\n\n+B<|start_header_id|>assistant<|end_header_id|>\n\n" },
      GD_STEPS_MEAN },
};

/* The head's text with the replacements, in a file. */
static void write_built_in(const char *path, const struct prm *prm)
{
    const gd_graph_builtin *head = gd_graph_builtin_find(gd_graph_heads, prm->name);
    char *text;

    assert_non_null(head);
    text = strndup(head->text, head->len);
    for (size_t i = 0; i < 3 && prm->replaced[i]; i++) {
        char *nodes = strstr(text, "\nformat:"), *at = strstr(nodes, prm->replaced[i]), *more;

        if (!strcmp(prm->replaced[i], "<extra_0>"))
            at = strstr(strstr(nodes, "pool:"), prm->replaced[i]);
        assert_non_null(at);
        *at = '\0';
        assert_true(asprintf(&more, "%s%s%s", text, prm->with[i], at + strlen(prm->replaced[i])) > 0);
        free(text);
        text = more;
    }
    write_head(path, text);
    free(text);
}

static void write_summary(const char *dir)
{
    variant_tensors t;
    variant_tensor *weight;

    variant_read(&t, dir, "model.safetensors");
    weight = &t.list[variant_find(&t, "score.weight")];
    (void)snprintf(weight->name, sizeof weight->name, "v_head.summary.weight");
    (void)variant_add(&t, "v_head.summary.bias", "BF16", 1, 0, 0x3E);
    variant_write(&t, 0, t.count, dir, "model.safetensors");
    variant_free(&t);
}

static void score_text(const char *dir, const char *head, const char *text, gd_item_result *result)
{
    gd_options options;
    gd_model *model;

    gd_options_init(&options);
    options.model = dir;
    options.head = head;
    assert_ok(gd_model_open(&model, &options, test_err));
    score_and_close(model, text, result);
}

static void check(const char *dir, const struct prm *prm, const char *head, const char *at_last)
{
    gd_item_result result, one;
    const gd_items of_result = golden_items(NULL, 1, &result), of_one = golden_items(NULL, 1, &one);
    double rules[] = { [GD_STEPS_LAST] = 0, [GD_STEPS_MIN] = 2, [GD_STEPS_MEAN] = 0, [GD_STEPS_PRODUCT] = 1 };
    size_t count = 0;

    score_text(dir, head, prm->text, &result);
    for (; count < 3 && prm->beginnings[count]; count++) {
        score_text(dir, at_last, prm->beginnings[count], &one);
        assert_true(count < result.step_counts[0]);
        assert_memory_equal(&result.steps[0][count], &one.scores[0], sizeof(float));
        assert_true(one.scores[0] > 0 && one.scores[0] < 1);
        rules[GD_STEPS_LAST] = (double)one.scores[0];
        rules[GD_STEPS_MIN] = fmin(rules[GD_STEPS_MIN], (double)one.scores[0]);
        rules[GD_STEPS_MEAN] += (double)one.scores[0];
        rules[GD_STEPS_PRODUCT] *= (double)one.scores[0];
        gd_items_free_results(&of_one);
    }
    assert_int_equal(result.step_counts[0], count);
    rules[GD_STEPS_MEAN] /= (double)count;
    assert_true(fabs((double)result.scores[0] - rules[prm->steps]) < 1e-7);
    gd_items_free_results(&of_result);
}

static void steps_have_the_scores_of_their_heads(void **state)
{
    for (size_t i = 0; i < sizeof prms / sizeof prms[0]; i++) {
        const struct prm *prm = &prms[i];
        char dir[512], head[600], at_last[600];

        (void)snprintf(dir, sizeof dir, "%s", make_dir(*state, "m"));
        variant_link(dir, "llama");
        if (prm->tensors && !strcmp(prm->tensors, "summary"))
            write_summary(dir);
        else if (prm->tensors)
            published_write(dir, prm->tensors);
        (void)snprintf(head, sizeof head, "%s", in_dir(dir, "prm.yaml"));
        write_built_in(head, prm);
        (void)snprintf(at_last, sizeof at_last, "%s",
                       strchr(prm->at_last, '\n') ? in_dir(dir, "last.yaml") : prm->at_last);
        if (strchr(prm->at_last, '\n'))
            write_head(at_last, prm->at_last);
        check(dir, prm, head, at_last);
        assert_int_equal(test_remove(dir), 0);
    }
}

/* Their classes choose them, and a classifier of two labels opens.  Line breaks are named so that they can be read. */
static void classes_are_known(void **state)
{
    char dir[512], *json;
    gd_options options;
    gd_model *model;
    gd_item_result one, other;
    const gd_items of_one = golden_items(NULL, 1, &one), of_other = golden_items(NULL, 1, &other);

    gd_options_init(&options);
    (void)snprintf(dir, sizeof dir, "%s", make_dir(*state, "c"));
    variant_link(dir, "llama");
    published_write(dir, "positive");
    variant_patch_text(dir, "config.json",
                       "{\"architectures\":[\"LlamaForTokenClassification\"],\"id2label\":{\"0\":\"a\",\"1\":\"b\"}}");
    score_text(dir, NULL, "Tea\nis\n hot", &one);
    score_text(dir, "trl_prm", "Tea\nis\n hot", &other);
    assert_int_equal(one.step_counts[0], 2);
    assert_memory_equal(one.steps[0], other.steps[0], 2 * sizeof(float));
    gd_items_free_results(&of_one);
    gd_items_free_results(&of_other);
    options.model = dir;
    assert_ok(gd_model_open(&model, &options, test_err));
    assert_refused(model, "Tea", "the text has no \"\\n\", at which");
    assert_ok(gd_model_inspect(model, &json, test_err));
    assert_contains(json, "\"pooling\":\"a step at every token \\\"\\\\n\\\", id 198\"");
    gd_string_free(json);
    gd_model_close(model);
    assert_int_equal(test_remove(dir), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_have_the_scores_of_their_heads),
        cmocka_unit_test(classes_are_known),
    };

    return cmocka_run_group_tests(tests, dir_setup, dir_teardown);
}
