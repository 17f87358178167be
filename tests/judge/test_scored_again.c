/* test_scored_again.c - scores that are there: rank, filter and eval give the bytes of the run that made the scores. */
#include "tests/judge/filtering.h"

static const char mixed[] =
    "{\"prompt\":\"Is tea hot? \",\"responses\":[\"Yes.\",\"No.\",\"Yes.\",\"Ask me later.\"],\"id\":1}\n"
    "{\"prompt\":\"Is tea hot? \",\"responses\":[]}\n"
    "{\"chosen\":\"one two three\",\"rejected\":\"four\"}\n"
    "{\"chosen\":\"four\",\"rejected\":\"one two three\"}\n"
    "{\"text\":\"number 7\"}\n"
    "not JSON\n"
    "{\"chosen\":[\"five\",\"six\"],\"rejected\":[\"seven\"]}\n"
    "{\"prompt\":\"a\",\"responses\":[\"b\"]}\n"
    "{\"text\":\"a text with more than the twenty tokens that are allowed in this run of the "
    "golden model, so that it fails or is cut\"}\n";

static void expect_same(const char *dir, const char *a, const char *b)
{
    char *one = read_text(in_dir(dir, a)), *two = read_text(in_dir(dir, b));

    assert_string_equal(one, two);
    assert_true(strlen(one) > 0);
    free(one);
    free(two);
}

static void score_mixed(const char *dir, gd_model *with)
{
    const gd_file_options how = from_to(in_dir(dir, "in.jsonl"), in_dir(dir, "scores"), GD_FORMAT_AUTO);

    write_text(dir, "in.jsonl", mixed);
    assert_int_equal(gd_score_file(with, &how, NULL, NULL, NULL), GD_EITEM);
}

static gd_model *short_model(gd_truncate truncate)
{
    gd_options options = golden_options("qwen2", 0);
    gd_model *with;

    options.max_length = 20;
    options.truncate = truncate;
    assert_ok(gd_model_open(&with, &options, test_err));
    return with;
}

static void rank_once(const char *dir, gd_model *with, gd_rank_pairs pairs, const char *out, const char *out_pairs)
{
    gd_rank_options how;
    gd_summary summary = { .struct_size = sizeof summary };

    gd_rank_options_init(&how);
    how.input = in_dir(dir, "in.jsonl");
    how.output = in_dir(dir, out);
    how.pairs = pairs;
    how.pairs_output = in_dir(dir, out_pairs);
    how.keep = "id";
    how.texts = 1;
    how.from_scores = with ? NULL : in_dir(dir, "scores");
    assert_int_equal(gd_rank_file(with, &how, NULL, &summary, NULL), GD_EITEM);
    assert_int_equal(summary.items, 9);
}

static void rankings_have_the_same_bytes(void **state)
{
    static const gd_rank_pairs pairs[] = { GD_PAIRS_BEST_WORST, GD_PAIRS_BEST_RANDOM, GD_PAIRS_ALL };

    score_mixed(*state, model);
    for (size_t i = 0; i < 3; i++) {
        rank_once(*state, model, pairs[i], "a", "a.pairs");
        rank_once(*state, NULL, pairs[i], "b", "b.pairs");
        expect_same(*state, "a", "b");
        expect_same(*state, "a.pairs", "b.pairs");
    }
}

struct said {
    char text[4000];
};

static void on_problem(void *context, uint64_t index, const char *sentence)
{
    struct said *said = context;
    const size_t len = strlen(said->text);

    (void)snprintf(said->text + len, sizeof said->text - len, "%d %s\n", (int)index, sentence);
}

static void filter_once(const char *dir, gd_model *with, gd_filter_by by, const char *name, char report[4000])
{
    struct said said = { "" };
    char out[32], no[32], *json;
    gd_filter_options how;

    (void)snprintf(out, sizeof out, "%s.kept", name);
    (void)snprintf(no, sizeof no, "%s.no", name);
    gd_filter_options_init(&how);
    how.input = in_dir(dir, "in.jsonl");
    how.output = in_dir(dir, out);
    how.rejects = in_dir(dir, no);
    how.by = by;
    how.limit = 0.25;
    how.annotate = 1;
    how.problem = on_problem;
    how.context = &said;
    how.from_scores = with ? NULL : in_dir(dir, "scores");
    assert_int_equal(gd_filter_file(with, &how, NULL, NULL, &json, NULL), GD_EITEM);
    (void)snprintf(report, 4000, "%s\n%s", json, said.text);
    gd_string_free(json);
}

static void filtered_files_have_the_same_bytes(void **state)
{
    static const gd_filter_by by[] = { GD_FILTER_MIN_SCORE, GD_FILTER_MIN_MARGIN, GD_FILTER_TOP_FRACTION,
                                       GD_FILTER_FLIP_BELOW };
    static char a[4000], b[4000];

    score_mixed(*state, model);
    for (size_t i = 0; i < 4; i++) {
        filter_once(*state, model, by[i], "a", a);
        filter_once(*state, NULL, by[i], "b", b);
        assert_string_equal(a, b);
        expect_same(*state, "a.kept", "b.kept");
        expect_same(*state, "a.no", "b.no");
    }
}

/* The result up to its details, which name the model. */
static void eval_once(const char *dir, gd_model *with, const char *scores, char report[4000])
{
    gd_eval_options how;
    char *json;

    gd_eval_options_init(&how);
    how.input = in_dir(dir, "in.jsonl");
    how.scores = in_dir(dir, scores);
    how.by = "id";
    how.calibrate = 1;
    how.from_scores = with ? NULL : in_dir(dir, "scores");
    assert_int_equal(gd_eval(with, &how, NULL, NULL, &json, NULL), GD_EITEM);
    assert_non_null(strstr(json, "\"details\""));
    (void)snprintf(report, 4000, "%.*s", (int)(strstr(json, "\"details\"") - json), json);
    if (!with)
        assert_contains(json, "\"model\":null");
    gd_string_free(json);
}

static void evaluations_have_the_same_figures(void **state)
{
    static char a[4000], b[4000];

    score_mixed(*state, model);
    eval_once(*state, model, "a", a);
    eval_once(*state, NULL, "b", b);
    assert_string_equal(a, b);
    expect_same(*state, "a", "b");
}

/* Texts that are too long: an error, or cut. */
static void long_texts_stay_what_they_were(void **state)
{
    static const gd_truncate truncate[] = { GD_TRUNCATE_ERROR, GD_TRUNCATE_RIGHT };
    static char a[4000], b[4000];

    for (size_t i = 0; i < 2; i++) {
        gd_model *with = short_model(truncate[i]);

        score_mixed(*state, with);
        filter_once(*state, with, GD_FILTER_MIN_SCORE, "a", a);
        filter_once(*state, NULL, GD_FILTER_MIN_SCORE, "b", b);
        assert_string_equal(a, b);
        expect_same(*state, "a.no", "b.no");
        gd_model_close(with);
    }
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, dir_setup, dir_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(rankings_have_the_same_bytes),
        TEST(filtered_files_have_the_same_bytes),
        TEST(evaluations_have_the_same_figures),
        TEST(long_texts_stay_what_they_were),
    };

    return cmocka_run_group_tests_name("judge: scored again", tests, filtering_open, filtering_close);
}
