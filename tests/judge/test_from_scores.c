/* test_from_scores.c - scores that are there: values that follow by hand from written ones; scores that can't be those
 * of the input are refused. */
#include "tests/judge/filtering.h"

#include "base/mem.h"
#include "data/stream.h"

#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

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
        expect_text(how.output, "");
        expect_text(how.pairs_output, "");
        assert_int_equal(access(in_dir(*state, "out.resume"), F_OK), -1);
    }
}

/* ---- fields that score kept ---- */

#define PAIRS_AB                                           \
    "{\"id\":\"a\",\"chosen\":\"x\",\"rejected\":\"y\"}\n" \
    "{\"id\":\"b\",\"chosen\":\"v\",\"rejected\":\"w\"}\n"
#define SCORED(index, others) "{\"index\":" index others ",\"chosen\":1,\"rejected\":0,\"margin\":1,\"tokens\":[1,1]}\n"

/* The kept fields are what tells rows in another order from the ones that were scored. */
static void kept_fields_show_another_order(void **state)
{
    static const struct {
        const char *name, *input, *scores, *sentence; /* NULL: they are of this input */
    } rows[] = {
        { "in.jsonl", PAIRS_AB, SCORED("0", ",\"id\":\"a\"") SCORED("1", ",\"id\":\"b\""), NULL },
        { "in.jsonl", PAIRS_AB, SCORED("0", ",\"id\":\"\\u0061\"") SCORED("1", ",\"id\" : \"b\""), NULL },
        { "in.jsonl", PAIRS_AB, SCORED("0", ",\"other\":1") SCORED("1", ",\"id\":\"b\""), NULL },
        { "in.jsonl", PAIRS_AB, SCORED("0", "") SCORED("1", ""), NULL },
        { "in.jsonl", PAIRS_AB, SCORED("0", ",\"id\":\"b\"") SCORED("1", ",\"id\":\"a\""),
          "scores: line 1 has the score of an item whose \"id\" is \"b\", but item 0 of" },
        { "in.jsonl", PAIRS_AB, SCORED("0", ",\"id\":\"a\"") SCORED("1", ",\"id\":\"a\""),
          "in.jsonl has \"b\": expected scores of the same input, in the same order" },
        { "in.jsonl", PAIRS_AB, SCORED("0", ",\"id\":\"a\"") "{\"index\":1,\"id\":\"c\",\"error\":\"no\"}\n",
          "scores: line 2 has the score of an item whose \"id\" is \"c\", but item 1 of" },
        { "in.json", "[{\"n\":\n[1, 2],\"chosen\":\"x\",\"rejected\":\"y\"}]", SCORED("0", ",\"n\":[1,2]"), NULL },
        { "in.csv", "id,chosen,rejected\n7,x,y\n", SCORED("0", ",\"id\":\"7\""), NULL },
        { "in.csv", "id,chosen,rejected\n7,x,y\n", SCORED("0", ",\"id\":\"8\""), "is \"8\", but item 0 of" },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        gd_eval_options how;
        gd_error err = { 0 };
        char *json = NULL;
        gd_status rc;

        write_text(*state, rows[i].name, rows[i].input);
        write_text(*state, "scores", rows[i].scores);
        gd_eval_options_init(&how);
        how.input = in_dir(*state, rows[i].name);
        how.from_scores = in_dir(*state, "scores");
        rc = gd_eval(NULL, &how, NULL, NULL, &json, &err);
        gd_string_free(json);
        if (rc != (rows[i].sentence ? GD_EFORMAT : GD_OK))
            fail_msg("row %zu: status %d, %s", i, (int)rc, err.text);
        if (rows[i].sentence)
            assert_contains(err.text, rows[i].sentence);
    }
}

enum { MANY = 3000 };

/* MANY pairs, of which the last has no scores: too late for what was written before, which is taken back. */
static void write_many(const char *dir, const char *output, gd_filter_options *how)
{
    char *input = calloc(MANY, 60), *scores = calloc(MANY, 80);
    size_t in = 0, out = 0;

    for (int i = 0; i < MANY; i++) {
        in += (size_t)sprintf(input + in, "{\"chosen\":\"a %d\",\"rejected\":\"b\"}\n", i);
        if (i + 1 < MANY)
            out += (size_t)sprintf(scores + out,
                                   "{\"index\":%d,\"chosen\":%d,\"rejected\":1500,\"margin\":%d,\"tokens\":[1,1]}\n", i,
                                   i, i - 1500);
    }
    write_text(dir, "in.jsonl", input);
    write_text(dir, "scores", scores);
    free(input);
    free(scores);
    *how = filter_options(dir, GD_FILTER_MIN_MARGIN, 0);
    how->output = in_dir(dir, output);
    how->from_scores = in_dir(dir, "scores");
}

/* A packed file has the bytes of an empty member. */
static void expect_no_lines(const char *path, bool packed)
{
    gd_stream *stream;
    unsigned char byte;
    size_t got = 1;

    assert_ok(gd_stream_open(&stream, path, (gd_pause){ 0 }, test_err));
    assert_int_equal(gd_stream_packed(stream) != NULL, packed);
    assert_ok(gd_stream_read(stream, &byte, 1, &got, test_err));
    assert_int_equal(got, 0);
    gd_stream_close(stream);
}

static void scores_that_end_early_leave_no_lines(void **state)
{
    static const char *const outputs[] = { "out", "out.gz", "out.zst" };

    for (size_t i = 0; i < 3; i++) {
        gd_filter_options how;
        gd_error err = { 0 };
        char *json;

        write_many(*state, outputs[i], &how);
        assert_int_equal(gd_filter_file(NULL, &how, NULL, NULL, &json, &err), GD_EFORMAT);
        assert_contains(err.text, "scores has no line of item 2999 (line 3000 of ");
        assert_null(strstr(err.text, "already written"));
        expect_no_lines(how.output, i > 0);
        expect_no_lines(how.rejects, false);
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
    assert_ok(gd_rank_file(NULL, &how, NULL, NULL, test_err)); /* complete: nothing to do, and nothing is left */
    assert_int_equal(access(in_dir(*state, "out.resume"), F_OK), -1);
    free(whole);
    free(input);
    free(scores);
}

/* A resumed run knows how many items failed before, but not which. */
static void the_first_failure_may_be_an_earlier_runs(void **state)
{
    const gd_progress progress = { .struct_size = sizeof progress, .report = stop };
    char *input = calloc(MANY, 40), *scores = calloc(MANY, 60);
    gd_rank_options how;
    gd_error err = { 0 };

    for (int i = 0; i < MANY; i++) {
        (void)sprintf(input + strlen(input), "{\"prompt\":\"p\",\"responses\":[\"%d\"]}\n", i);
        (void)sprintf(scores + strlen(scores),
                      i % 2999 ? "{\"index\":%d,\"scores\":[1],\"tokens\":[1]}\n" : "{\"index\":%d,\"error\":\"no\"}\n",
                      i);
    }
    assert_int_equal(rank_written(*state, input, scores, &how, &err), GD_EITEM);
    assert_string_equal(err.text, "2 of 3000 items failed; the first is item 0: no");
    assert_int_equal(gd_rank_file(NULL, &how, &progress, NULL, NULL), GD_EINTERRUPTED);
    how.resume = 1;
    err = (gd_error){ 0 };
    assert_int_equal(gd_rank_file(NULL, &how, NULL, NULL, &err), GD_EITEM);
    assert_string_equal(err.text, "2 of 3000 items failed; one is item 2999: no");
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
        TEST(rankings_follow_from_the_scores),
        TEST(filters_follow_from_the_scores),
        TEST(scores_of_another_input_are_refused),
        TEST(kept_fields_show_another_order),
        TEST(items_without_a_line_can_be_left_out),
        TEST(wrong_options_are_refused),
        TEST(scores_may_be_compressed),
        TEST(an_interrupted_run_resumes),
        TEST(every_allocation_may_fail),
        TEST(the_first_failure_may_be_an_earlier_runs),
        TEST(scores_that_end_early_leave_no_lines),
    };

    return cmocka_run_group_tests_name("judge: scores that are there", tests, filtering_open, filtering_close);
}
