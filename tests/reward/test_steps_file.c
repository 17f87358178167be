/* test_steps_file.c - steps in lines of the output: of texts, pairs and answers, resumed and within limits, and what
 * other commands make of them. */
#include "tests/reward/with_head.h"

#include "tests/quant-free/files.h"

#define BY_STEPS HEAD "pool: {at: \".\"}\nsteps: min\n" SCORE

enum { ITEMS = 60 };

static const char *dir;

static void write_items(const char *path)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    for (unsigned i = 0; i < ITEMS; i += 4) {
        assert_true(fprintf(f, "{\"text\":\"Step %u. And more. So %u.\"}\n", i, i) > 0);
        assert_true(fprintf(f, "{\"chosen\":\"Tea. %u. Hot.\",\"rejected\":\"Tea %u.\"}\n", i, i) > 0);
        assert_true(
            fprintf(f, "{\"prompt\":\"Is %u. one. \",\"responses\":[\"Yes.\",\"No. %u. No.\",\"May\"]}\n", i, i) > 0);
        assert_true(fprintf(f, "{\"text\":\"nothing %u to read %u\"}\n", i, i) > 0);
    }
    assert_int_equal(fclose(f), 0);
}

static json_t *read_lines(const char *path)
{
    FILE *f = fopen(path, "r");
    json_t *all = json_array(), *line;

    assert_non_null(f);
    while ((line = json_loadf(f, JSON_DISABLE_EOF_CHECK, NULL)) != NULL)
        assert_int_equal(json_array_append_new(all, line), 0);
    (void)fclose(f);
    return all;
}

static char head[600]; /* a file that a run over files reads again */

static gd_model *open_by_steps(gd_options options)
{
    gd_model *model;

    options.head = head;
    assert_ok(gd_model_open(&model, &options, test_err));
    return model;
}

/* Scores the items into a file of this name. */
static gd_status score(gd_options options, const char *name, bool resume, const gd_progress *progress)
{
    gd_model *model = open_by_steps(options);
    char in[600], out[600];
    gd_file_options how;
    gd_status rc;

    (void)snprintf(in, sizeof in, "%s", in_dir(dir, "in.jsonl"));
    (void)snprintf(out, sizeof out, "%s", in_dir(dir, name));
    how = from_to(in, out, GD_FORMAT_JSONL);
    how.resume = resume;
    rc = gd_score_file(model, &how, progress, NULL, NULL);
    gd_model_close(model);
    return rc;
}

static void assert_same_files(const char *a, const char *b)
{
    char one[600];
    json_t *x, *y;

    (void)snprintf(one, sizeof one, "%s", in_dir(dir, a));
    x = read_lines(one);
    y = read_lines(in_dir(dir, b));
    assert_int_equal(json_array_size(x), ITEMS);
    assert_true(json_equal(x, y));
    json_decref(x);
    json_decref(y);
}

/* The least of a list of numbers. */
static double least(const json_t *steps)
{
    double found = json_real_value(json_array_get(steps, 0));

    for (size_t i = 1; i < json_array_size(steps); i++)
        if (json_real_value(json_array_get(steps, i)) < found)
            found = json_real_value(json_array_get(steps, i));
    return found;
}

static void assert_steps(const json_t *steps, const json_t *score, size_t count)
{
    assert_int_equal(json_array_size(steps), count);
    assert_true(least(steps) == json_real_value(score));
}

static void lines_have_steps(void **state)
{
    json_t *lines, *steps;

    (void)state;
    assert_int_equal(score(golden_options("qwen2", 0), "all.jsonl", false, NULL), GD_EITEM);
    lines = read_lines(in_dir(dir, "all.jsonl"));
    for (size_t i = 0; i < ITEMS; i++) {
        const json_t *line = json_array_get(lines, i);

        steps = json_object_get(line, "steps");
        if (i % 4 == 0) {
            assert_steps(steps, json_object_get(line, "score"), 3);
        } else if (i % 4 == 1) {
            assert_int_equal(json_array_size(steps), 2);
            assert_steps(json_array_get(steps, 0), json_object_get(line, "chosen"), 3);
            assert_steps(json_array_get(steps, 1), json_object_get(line, "rejected"), 1);
        } else if (i % 4 == 2) {
            const json_t *scores = json_object_get(line, "scores");

            assert_int_equal(json_array_size(steps), 3);
            assert_steps(json_array_get(steps, 0), json_array_get(scores, 0), 3);
            assert_steps(json_array_get(steps, 1), json_array_get(scores, 1), 5);
            assert_steps(json_array_get(steps, 2), json_array_get(scores, 2), 2);
        } else {
            assert_null(steps);
            assert_contains(json_string_value(json_object_get(line, "error")),
                            "the text has no \".\", at which the model's head reads it");
        }
    }
    json_decref(lines);
}

static int stop(void *context, uint64_t items, uint64_t bytes, uint64_t bytes_total, uint64_t tokens)
{
    (void)context;
    (void)bytes;
    (void)bytes_total;
    (void)tokens;
    return items > 0;
}

static void runs_are_resumed(void **state)
{
    gd_options options = golden_options("qwen2", 0);
    const gd_progress progress = { .struct_size = sizeof progress, .report = stop };
    gd_model *model;
    gd_file_options how;
    char in[600], out[600];

    (void)state;
    (void)snprintf(in, sizeof in, "%s", in_dir(dir, "in.jsonl"));
    (void)snprintf(out, sizeof out, "%s", in_dir(dir, "resumed.jsonl"));
    options.batch_tokens = 40;
    how = from_to(in, out, GD_FORMAT_JSONL);
    model = open_by_steps(options);
    assert_int_equal(gd_score_file(model, &how, &progress, NULL, NULL), GD_EINTERRUPTED);
    how.resume = 1;
    assert_int_equal(gd_score_file(model, &how, NULL, NULL, NULL), GD_EITEM);
    gd_model_close(model);
    assert_same_files("all.jsonl", "resumed.jsonl");
}

/* Equal texts share their rows, but each is read at its own places: a batch ends where these would be too many. */
static void limits_change_nothing(void **state)
{
    gd_options options = golden_options("qwen2", 0);

    (void)state;
    options.batch_tokens = 5;
    assert_int_equal(score(options, "small.jsonl", false, NULL), GD_EITEM);
    assert_same_files("all.jsonl", "small.jsonl");
    options.batch_tokens = 0;
    options.no_share_prefix = 1;
    options.isa = "generic";
    assert_int_equal(score(options, "alone.jsonl", false, NULL), GD_EITEM);
    assert_same_files("all.jsonl", "alone.jsonl");
    if (SANITIZED)
        return;
    options.memory = (size_t)32 << 20;
    assert_int_equal(score(options, "limited.jsonl", false, NULL), GD_EITEM);
    assert_same_files("all.jsonl", "limited.jsonl");
}

static void answers_are_ranked_by_their_scores(void **state)
{
    static const char line[] = "{\"prompt\":\"Is. \",\"responses\":[\"Yes.\",\"No. No.\",\"Maybe\"]}\n";
    gd_model *model = open_by_steps(golden_options("qwen2", 0));
    char in[600], scored[600], ranked[600];
    gd_rank_options how;
    json_t *scores, *ranks;
    gd_file_options file;

    (void)state;
    (void)snprintf(in, sizeof in, "%s", in_dir(dir, "answers.jsonl"));
    (void)snprintf(scored, sizeof scored, "%s", in_dir(dir, "scored.jsonl"));
    (void)snprintf(ranked, sizeof ranked, "%s", in_dir(dir, "ranked.jsonl"));
    write_text(dir, "answers.jsonl", line);
    file = from_to(in, scored, GD_FORMAT_JSONL);
    assert_ok(gd_score_file(model, &file, NULL, NULL, test_err));
    gd_rank_options_init(&how);
    how.input = in;
    how.output = ranked;
    assert_ok(gd_rank_file(model, &how, NULL, NULL, test_err));
    scores = read_lines(scored);
    ranks = read_lines(ranked);
    assert_true(json_equal(json_object_get(json_array_get(scores, 0), "scores"),
                           json_object_get(json_array_get(ranks, 0), "scores")));
    assert_null(json_object_get(json_array_get(ranks, 0), "steps"));
    json_decref(ranks);
    assert_int_equal(unlink(ranked), 0);
    how.from_scores = scored; /* lines with steps are read like others */
    assert_ok(gd_rank_file(NULL, &how, NULL, NULL, test_err));
    ranks = read_lines(ranked);
    assert_true(json_equal(json_object_get(json_array_get(scores, 0), "scores"),
                           json_object_get(json_array_get(ranks, 0), "scores")));
    json_decref(ranks);
    json_decref(scores);
    gd_model_close(model);
}

/* Each step is compared. */
static void crosschecks_compare_steps(void **state)
{
    gd_options options = golden_options("qwen2", 0);
    char in[600];
    gd_crosscheck_options how;
    char *result;
    json_t *root;

    (void)state;
    (void)snprintf(in, sizeof in, "%s", in_dir(dir, "in.jsonl"));
    options.head = head;
    gd_crosscheck_options_init(&how);
    how.input = in;
    how.texts = 9;
    how.left = "cpu:exact:generic";
    how.right = "cpu:exact";
    assert_ok(gd_crosscheck(&options, &how, NULL, &result, test_err));
    root = json_loads(result, 0, NULL);
    assert_string_equal(json_string_value(json_object_get(root, "verdict")), "equal");
    gd_string_free(result);
    json_decref(root);
}

static int begin(void **state)
{
    if (dir_setup(state))
        return -1;
    dir = *state;
    write_items(in_dir(dir, "in.jsonl"));
    (void)snprintf(head, sizeof head, "%s", in_dir(dir, "steps.yaml"));
    write_head(head, BY_STEPS);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_have_steps),          cmocka_unit_test(runs_are_resumed),
        cmocka_unit_test(limits_change_nothing),     cmocka_unit_test(answers_are_ranked_by_their_scores),
        cmocka_unit_test(crosschecks_compare_steps),
    };

    return cmocka_run_group_tests(tests, begin, dir_teardown);
}
