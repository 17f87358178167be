/* test_from_scores.c - scores that are there: rank, filter and eval give the bytes of the run that made the scores, and
 * values that follow by hand from written ones; scores that can't be those of the input are refused. */
#include "tests/judge/filtering.h"

#include "base/mem.h"

#include <zlib.h>
#include <zstd.h>

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

/* ---- the same bytes as the run that made the scores ---- */

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

/* ---- values by hand ---- */

#define FOUR                                                 \
    "{\"prompt\":\"p\",\"responses\":[\"a\",\"b\",\"c\"]}\n" \
    "{\"prompt\":\"p\",\"responses\":[\"a\",\"b\",\"c\"]}\n" \
    "{\"prompt\":\"p\",\"responses\":[\"a\"]}\n{\"prompt\":\"p\",\"responses\":[\"a\",\"b\"]}\n"

static gd_status rank_written(const char *dir, const char *input, const char *scores, gd_rank_options *how,
                              gd_error *err)
{
    write_text(dir, "in.jsonl", input);
    write_text(dir, "scores", scores);
    gd_rank_options_init(how);
    how->input = in_dir(dir, "in.jsonl");
    how->output = in_dir(dir, "out");
    how->from_scores = in_dir(dir, "scores");
    how->pairs = GD_PAIRS_ALL;
    how->pairs_output = in_dir(dir, "pairs");
    return gd_rank_file(NULL, how, NULL, NULL, err);
}

static void expect_text(const char *path, const char *want)
{
    char *text = read_text(path);

    assert_string_equal(text, want);
    free(text);
}

static void rankings_follow_from_the_scores(void **state)
{
    gd_rank_options how;

    assert_int_equal(rank_written(*state, FOUR,
                                  "{\"index\":0,\"scores\":[1,2.5,-0.5],\"tokens\":[3,4,5]}\n"
                                  "{\"index\":1,\"scores\":[2,1,2],\"tokens\":[3,4,5],\"truncated\":true}\n"
                                  "{\"index\":2,\"id\":\"x\",\"scores\":[7],\"tokens\":[3]}\n"
                                  "{\"index\":3,\"error\":\"line 4: responses[1]: too long\"}\n",
                                  &how, NULL),
                     GD_EITEM);
    expect_text(
        how.output,
        "{\"index\":0,\"scores\":[1,2.5,-0.5],\"ranks\":[2,1,3],\"best\":1,\"margin\":1.5,\"ties\":0,\"tokens\":"
        "[3,4,5]}\n"
        "{\"index\":1,\"scores\":[2,1,2],\"ranks\":[1,3,1],\"best\":0,\"margin\":0,\"ties\":2,\"tokens\":[3,4,5],"
        "\"truncated\":true}\n"
        "{\"index\":2,\"scores\":[7],\"ranks\":[1],\"best\":0,\"margin\":0,\"ties\":0,\"tokens\":[3]}\n"
        "{\"index\":3,\"error\":\"line 4: responses[1]: too long\"}\n");
#define PAIR(i, c, r, sc, sr, m)                                                                         \
    "{\"index\":" i ",\"prompt\":\"p\",\"chosen\":\"" c "\",\"rejected\":\"" r "\",\"score_chosen\":" sc \
    ",\"score_rejected\":" sr ",\"score_margin\":" m "}\n"
    expect_text(how.pairs_output, PAIR("0", "b", "a", "2.5", "1", "1.5") PAIR("0", "b", "c", "2.5", "-0.5", "3")
                                      PAIR("0", "a", "c", "1", "-0.5", "1.5") PAIR("1", "a", "b", "2", "1", "1")
                                          PAIR("1", "c", "b", "2", "1", "1"));
}

static void filters_follow_from_the_scores(void **state)
{
    static const char scores[] = "{\"index\":0,\"chosen\":1,\"rejected\":0.5,\"margin\":0.5,\"tokens\":[1,1]}\n"
                                 "{\"index\":1,\"chosen\":1,\"rejected\":3,\"margin\":-2,\"tokens\":[1,1]}\n"
                                 "{\"index\":2,\"error\":\"line 3: no\"}\n"
                                 "{\"index\":3,\"chosen\":2,\"rejected\":2,\"margin\":0,\"tokens\":[1,1]}\n";
    static const char input[] = "{\"chosen\":\"a\",\"rejected\":\"b\"}\n{\"chosen\":\"c\",\"rejected\":\"d\"}\n"
                                "{\"chosen\":\"e\",\"rejected\":\"f\"}\n{\"chosen\":\"g\",\"rejected\":\"h\"}\n";
    static const struct {
        gd_filter_by by;
        double limit;
        const char *kept, *no;
    } rows[] = {
        { GD_FILTER_MIN_SCORE, 2, "{\"chosen\":\"g\",\"rejected\":\"h\"}\n",
          "{\"chosen\":\"a\",\"rejected\":\"b\"}\n{\"chosen\":\"c\",\"rejected\":\"d\"}\n"
          "{\"chosen\":\"e\",\"rejected\":\"f\"}\n" },
        { GD_FILTER_MIN_MARGIN, 0, "{\"chosen\":\"a\",\"rejected\":\"b\"}\n{\"chosen\":\"g\",\"rejected\":\"h\"}\n",
          "{\"chosen\":\"c\",\"rejected\":\"d\"}\n{\"chosen\":\"e\",\"rejected\":\"f\"}\n" },
        { GD_FILTER_TOP_FRACTION, 0.34, "{\"chosen\":\"a\",\"rejected\":\"b\"}\n",
          "{\"chosen\":\"c\",\"rejected\":\"d\"}\n{\"chosen\":\"e\",\"rejected\":\"f\"}\n"
          "{\"chosen\":\"g\",\"rejected\":\"h\"}\n" },
        { GD_FILTER_FLIP_BELOW, 1,
          "{\"chosen\":\"a\",\"rejected\":\"b\"}\n{\"chosen\":\"d\",\"rejected\":\"c\"}\n"
          "{\"chosen\":\"g\",\"rejected\":\"h\"}\n",
          "{\"chosen\":\"e\",\"rejected\":\"f\"}\n" },
    };

    write_text(*state, "in.jsonl", input);
    write_text(*state, "scores", scores);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        gd_filter_options how = filter_options(*state, rows[i].by, rows[i].limit);
        char *json;

        how.from_scores = in_dir(*state, "scores");
        assert_int_equal(gd_filter_file(NULL, &how, NULL, NULL, &json, NULL), GD_EITEM);
        gd_string_free(json);
        expect_text(how.output, rows[i].kept);
        expect_text(how.rejects, rows[i].no);
    }
}

/* ---- scores of another input ---- */

static const struct {
    const char *input, *scores, *sentence;
} bad[] = {
    { "{\"text\":\"a\"}\n", "{\"index\":0,\"scores\":[1],\"tokens\":[1]}\n",
      "scores: line 1 has scores of answers to a prompt, but item 0 of" },
    { FOUR, "{\"index\":0,\"chosen\":1,\"rejected\":2,\"tokens\":[1,1]}\n",
      "line 1 has scores of a pair, but item 0 of" },
    { FOUR, "{\"index\":0,\"score\":1,\"tokens\":1}\n", "line 1 has scores of one text, but item 0" },
    { FOUR, "{\"index\":0,\"scores\":[1,2],\"tokens\":[1,1]}\n", "line 1 has 2 scores, but item 0 of" },
    { FOUR, "{\"index\":0,\"scores\":[1,2,3]}\n", "line 1: \"tokens\" is not the number of tokens of each text" },
    { FOUR, "{\"index\":0,\"scores\":[1,2,3],\"tokens\":[1,2]}\n", "line 1: \"tokens\" is not the number" },
    { FOUR, "{\"index\":0,\"scores\":[1,2,3],\"tokens\":7}\n", "line 1: \"tokens\" is not the number" },
    { FOUR, "{\"index\":0,\"error\":\"x\"}\n", "scores has no line of item 1 (line 2 of" },
    { FOUR, "", "scores has no line of item 0 (line 1 of" },
    { FOUR, "{\"index\":1,\"error\":\"x\"}\n", "scores has no line of item 0 (line 1 of" },
    { FOUR, "{\"index\":0,\"error\":\"x\"}\n{\"index\":2,\"error\":\"x\"}\n", "has no line of item 1 (line 2 of" },
    { FOUR, "{\"index\":0,\"error\":\"x\"}\n{\"index\":0,\"error\":\"x\"}\n",
      "scores: line 2 is of item 0, after item 0; expected lines in the order of the items" },
    { "[]\n", "{\"index\":0,\"error\":\"x\"}\n\n{\"index\":1,\"error\":\"x\"}\n", "scores: line 3 is of item 1, but " },
    { "[]\n", "{\"index\":0,\"scores\":[1],\"tokens\":[1]}\n",
      "line 1 has scores of item 0, which can't be read from " },
    { FOUR, "{\"index\":0,\"scores\":[1,2,\n", "scores: line 1: not valid JSON" },
    { FOUR, "{\"prompt\":\"p\"}\n", "\"index\" is not a whole number; expected a line of guerdon score" },
};

static void scores_of_another_input_are_refused(void **state)
{
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        gd_rank_options how;
        gd_error err = { 0 };

        if (rank_written(*state, bad[i].input, bad[i].scores, &how, &err) != GD_EFORMAT)
            fail_msg("row %zu: status %d, %s", i, (int)err.status, err.text);
        assert_contains(err.text, bad[i].sentence);
        remove_file(*state, "out.resume");
    }
}

static void items_without_a_line_can_be_left_out(void **state)
{
    gd_rank_options how;
    gd_summary summary = { .struct_size = sizeof summary };

    (void)rank_written(*state, FOUR, "{\"index\":1,\"scores\":[1,2,3],\"tokens\":[1,1,1]}\n", &how, NULL);
    remove_file(*state, "out.resume");
    how.input = in_dir(*state, "in.jsonl");
    how.output = in_dir(*state, "out");
    how.from_scores = in_dir(*state, "scores");
    how.pairs_output = in_dir(*state, "pairs");
    how.skip_unscored = 1;
    assert_ok(gd_rank_file(NULL, &how, NULL, &summary, test_err));
    assert_int_equal(summary.items, 4);
    assert_int_equal(summary.dropped, 3);
    expect_text(how.output, "{\"index\":1,\"scores\":[1,2,3],\"ranks\":[3,2,1],\"best\":2,\"margin\":1,\"ties\":0,"
                            "\"tokens\":[1,1,1]}\n");
}

static void wrong_options_are_refused(void **state)
{
    gd_rank_options how, good;
    gd_error err = { 0 };

    assert_int_equal(rank_written(*state, "[]\n", "{\"index\":0,\"error\":\"x\"}\n", &good, NULL), GD_EITEM);
    assert_int_equal(gd_rank_file(model, &good, NULL, NULL, &err), GD_EUSAGE);
    assert_string_equal(err.text, "there are a model and from_scores, but only one of them can give the scores");
    how = good;
    how.from_scores = NULL;
    assert_int_equal(gd_rank_file(NULL, &how, NULL, NULL, NULL), GD_EUSAGE);
    how.skip_unscored = 1;
    assert_int_equal(gd_rank_file(model, &how, NULL, NULL, NULL), GD_EUSAGE);
    how = good;
    how.output = good.from_scores;
    err = (gd_error){ 0 };
    assert_int_equal(gd_rank_file(NULL, &how, NULL, NULL, &err), GD_EUSAGE);
    assert_contains(err.text, "scores: the run reads this file; choose another output");
    how = good;
    how.pairs_output = good.from_scores;
    assert_int_equal(gd_rank_file(NULL, &how, NULL, NULL, NULL), GD_EUSAGE);
    how = good;
    how.input = how.from_scores = "-";
    assert_int_equal(gd_rank_file(NULL, &how, NULL, NULL, NULL), GD_EUSAGE);
    write_text(*state, "scores.resume", "{}");
    err = (gd_error){ 0 };
    assert_int_equal(gd_rank_file(NULL, &good, NULL, NULL, &err), GD_EUSAGE);
    assert_contains(err.text, "scores is unfinished, as ");
}

/* ---- compressed scores ---- */

static void pack(const char *path, const char *text, bool zstd)
{
    char packed[1000];
    FILE *file;

    if (!zstd) {
        const gzFile gz = gzopen(path, "wb");

        assert_true(gz && gzputs(gz, text) == (int)strlen(text));
        assert_int_equal(gzclose(gz), Z_OK);
        return;
    }
    file = fopen(path, "wb");
    assert_non_null(file);
    assert_true(fwrite(packed, ZSTD_compress(packed, sizeof packed, text, strlen(text), 3), 1, file) == 1);
    assert_int_equal(fclose(file), 0);
}

static void scores_may_be_compressed(void **state)
{
    static const char scores[] = "{\"index\":0,\"scores\":[1,2,3],\"tokens\":[1,1,1]}\n{\"index\":1,\"error\":\"x\"}\n"
                                 "{\"index\":2,\"error\":\"x\"}\n{\"index\":3,\"error\":\"x\"}\n";

    for (int zstd = 0; zstd < 2; zstd++) {
        gd_rank_options how;
        gd_error err = { 0 };

        assert_int_equal(rank_written(*state, FOUR, scores, &how, NULL), GD_EITEM);
        pack(how.from_scores, scores, zstd);
        assert_int_equal(gd_rank_file(NULL, &how, NULL, NULL, NULL), GD_EITEM);
        assert_int_equal(truncate(how.from_scores, 40), 0);
        assert_int_equal(gd_rank_file(NULL, &how, NULL, NULL, &err), GD_EFORMAT);
        assert_contains(err.text, "in the middle");
        remove_file(*state, "out.resume");
    }
}

/* ---- a run that is interrupted ---- */

enum { MANY = 3000 };

static int stop(void *context, uint64_t items, uint64_t bytes, uint64_t bytes_total, uint64_t tokens)
{
    (void)context, (void)items, (void)bytes, (void)bytes_total, (void)tokens;
    return 1;
}

static void an_interrupted_run_resumes(void **state)
{
    const gd_progress progress = { .struct_size = sizeof progress, .report = stop };
    char *input = calloc(MANY, 40), *scores = calloc(MANY, 60), *whole;
    gd_rank_options how;

    for (int i = 0; i < MANY; i++) {
        (void)sprintf(input + strlen(input), "{\"prompt\":\"p\",\"responses\":[\"%d\"]}\n", i);
        (void)sprintf(scores + strlen(scores), "{\"index\":%d,\"scores\":[%d],\"tokens\":[1]}\n", i, i);
    }
    assert_int_equal(rank_written(*state, input, scores, &how, NULL), GD_OK);
    whole = read_text(how.output);
    assert_int_equal(gd_rank_file(NULL, &how, &progress, NULL, NULL), GD_EINTERRUPTED);
    how.resume = 1;
    assert_int_equal(gd_rank_file(NULL, &how, &progress, NULL, NULL), GD_EINTERRUPTED);
    how.skip_unscored = 1;
    assert_int_equal(gd_rank_file(NULL, &how, NULL, NULL, NULL), GD_EUSAGE); /* another run */
    how.skip_unscored = 0;
    how.from_scores = in_dir(*state, "./scores"); /* the same file */
    assert_ok(gd_rank_file(NULL, &how, NULL, NULL, test_err));
    expect_text(how.output, whole);
    free(whole);
    free(input);
    free(scores);
}

static void every_allocation_may_fail(void **state)
{
    const uint64_t live = gd_mem_live();
    gd_status rc = GD_ENOMEM;

    for (uint64_t n = 1; rc != GD_EITEM; n++) {
        gd_error err = { 0 };
        gd_rank_options how;

        gd_mem_fail_from(n);
        rc = rank_written(*state, FOUR,
                          "{\"index\":0,\"scores\":[1,2,3],\"tokens\":[1,1,1]}\n{\"index\":1,\"error\":\"x\"}\n"
                          "{\"index\":2,\"error\":\"x\"}\n{\"index\":3,\"error\":\"x\"}\n",
                          &how, &err);
        gd_mem_fail_from(0);
        remove_file(*state, "out.resume");
        assert_int_equal(rc, err.status);
        assert_true(rc == GD_ENOMEM || rc == GD_EITEM);
    }
    assert_int_equal(gd_mem_live(), live);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, dir_setup, dir_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(rankings_have_the_same_bytes),        TEST(filtered_files_have_the_same_bytes),
        TEST(evaluations_have_the_same_figures),   TEST(long_texts_stay_what_they_were),
        TEST(rankings_follow_from_the_scores),     TEST(filters_follow_from_the_scores),
        TEST(scores_of_another_input_are_refused), TEST(items_without_a_line_can_be_left_out),
        TEST(wrong_options_are_refused),           TEST(scores_may_be_compressed),
        TEST(an_interrupted_run_resumes),          TEST(every_allocation_may_fail),
    };

    return cmocka_run_group_tests_name("judge: scores that are there", tests, filtering_open, filtering_close);
}
