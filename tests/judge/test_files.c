/* test_files.c - rank and filter on files, against the scores of each text on its own. */
#include "tests/judge/filtering.h"

#include "base/mem.h"

#include <jansson.h>

static json_t *line_of(const char *text, size_t n)
{
    json_t *line;

    while (n--)
        text = strchr(text, '\n') + 1;
    line = json_loadb(text, strcspn(text, "\n"), 0, NULL);
    assert_non_null(line);
    return line;
}

static int64_t whole(const json_t *object, const char *key) { return json_integer_value(json_object_get(object, key)); }

static const char *const answers[] = { "Yes, it is.", "No.", "Perhaps; who knows?", "No.", "I will not say." };

static const char prompts[] =
    "{\"prompt\":\"Is tea hot? \",\"responses\":[\"Yes, it is.\",\"No.\",\"Perhaps; who knows?\",\"No.\","
    "\"I will not say.\"],\"id\":7}\n"
    "{\"prompt\":\"Is tea hot? \",\"response\":\"Yes\"}\n"
    "{\"prompt\":\"Is tea hot? \",\"responses\":[]}\n"
    "{\"prompt\":\"Is tea hot? \",\"responses\":[\"No.\"]}\n";

static void check_ranked(const char *text, const float *scores)
{
    json_t *line = line_of(text, 0);
    const json_t *ranks = json_object_get(line, "ranks"), *have = json_object_get(line, "scores");
    const int64_t best = whole(line, "best");

    assert_int_equal(json_array_size(ranks), 5);
    for (size_t i = 0; i < 5; i++) {
        size_t rank = 1;

        for (size_t k = 0; k < 5; k++)
            rank += scores[k] > scores[i];
        assert_int_equal(json_integer_value(json_array_get(ranks, i)), rank);
        assert_true((float)json_number_value(json_array_get(have, i)) == scores[i]);
        assert_true(scores[best] >= scores[i]);
    }
    assert_int_equal(json_array_size(json_object_get(line, "top")), 2);
    assert_string_equal(json_string_value(json_array_get(json_object_get(line, "texts"), 0)), answers[best]);
    json_decref(line);
    line = line_of(text, 1);
    assert_string_equal(
        json_string_value(json_object_get(line, "error")),
        "line 2: rank takes \"prompt\" with \"responses\", a list of answers, or rows of one answer with "
        "--group-by prompt");
    json_decref(line);
    line = line_of(text, 2);
    assert_string_equal(json_string_value(json_object_get(line, "error")),
                        "line 3: the field \"responses\" is empty; expected answers");
    json_decref(line);
    line = line_of(text, 3);
    assert_int_equal(whole(line, "best"), 0);
    assert_int_equal(whole(line, "ties"), 0);
    json_decref(line);
}

static void check_pairs(const char *text, const float *scores)
{
    size_t lines = 0, want = 0;

    for (size_t a = 0; a < 5; a++)
        for (size_t b = 0; b < 5; b++)
            want += scores[a] > scores[b];
    for (const char *p = text; *p; p = strchr(p, '\n') + 1, lines++) {
        json_t *line = line_of(p, 0);
        float margin = (float)json_number_value(json_object_get(line, "score_margin"));

        assert_null(json_object_get(line, "margin")); /* TRL would take it for a margin of its loss */
        for (size_t i = 0; i < 5; i++) {
            if (!strcmp(answers[i], json_string_value(json_object_get(line, "chosen"))))
                margin -= i == 3 ? 0 : scores[i]; /* 1 and 3 are equal */
            if (!strcmp(answers[i], json_string_value(json_object_get(line, "rejected"))))
                margin += i == 3 ? 0 : scores[i];
        }
        assert_true(margin < 1e-6f && margin > -1e-6f);
        assert_string_equal(json_string_value(json_object_get(line, "prompt")), "Is tea hot? ");
        json_decref(line);
    }
    assert_int_equal(lines, want);
}

static void answers_are_ranked(void **state)
{
    const char *dir = *state;
    gd_rank_options how;
    gd_summary summary = { .struct_size = sizeof summary };
    gd_error err = { 0 };
    float scores[5];
    char *text;

    for (size_t i = 0; i < 5; i++)
        scores[i] = score_alone("Is tea hot? ", answers[i]);
    write_text(dir, "in.jsonl", prompts);
    gd_rank_options_init(&how);
    how.input = in_dir(dir, "in.jsonl");
    how.output = in_dir(dir, "out.jsonl");
    how.pairs_output = in_dir(dir, "pairs.jsonl");
    how.pairs = GD_PAIRS_ALL;
    how.top = 2;
    how.texts = 1;
    assert_int_equal(gd_rank_file(model, &how, NULL, &summary, &err), GD_EITEM);
    assert_int_equal(summary.items, 4);
    assert_int_equal(summary.failed, 2);
    assert_true(summary.rows < summary.tokens); /* the prompt was computed once */
    text = read_text(how.output);
    check_ranked(text, scores);
    free(text);
    text = read_text(how.pairs_output);
    check_pairs(text, scores);
    free(text);
}

/* Items whose error is known without their scores. */
static void misfits_are_not_scored(void **state)
{
    static const char misfits[] = "{\"chosen\":\"a\",\"rejected\":\"b\"}\n{\"text\":\"a\"}\n"
                                  "{\"prompt\":\"a\",\"response\":\"b\"}\n";
    static const struct {
        gd_filter_by by;
        uint64_t failed, texts;
    } filters[] = { { GD_FILTER_MIN_MARGIN, 2, 2 }, { GD_FILTER_FLIP_BELOW, 2, 2 }, { GD_FILTER_MIN_SCORE, 0, 4 } };
    gd_rank_options how;
    gd_summary summary = { .struct_size = sizeof summary };

    write_text(*state, "in.jsonl", misfits);
    gd_rank_options_init(&how);
    how.input = in_dir(*state, "in.jsonl");
    how.output = in_dir(*state, "out.jsonl");
    assert_int_equal(gd_rank_file(model, &how, NULL, &summary, NULL), GD_EITEM);
    assert_int_equal(summary.failed, 3);
    assert_int_equal(summary.texts + summary.tokens + summary.rows, 0);
    for (size_t i = 0; i < sizeof filters / sizeof filters[0]; i++) {
        const gd_filter_options filter = filter_options(*state, filters[i].by, 0);
        char *json = NULL;

        assert_int_equal(gd_filter_file(model, &filter, NULL, &summary, &json, NULL),
                         filters[i].failed ? GD_EITEM : GD_OK);
        gd_string_free(json);
        assert_int_equal(summary.failed, filters[i].failed);
        assert_int_equal(summary.texts, filters[i].texts);
    }
}

/* Inside a message, in a field that nobody reads. */
static void what_is_not_json_is_not_written(void **state)
{
    static const char odd[] =
        "{\"prompt\":[{\"role\":\"user\",\"content\":\"a\",\"n\":NaN}],\"responses\":[\"b\",\"c d\"]}\n"
        "{\"prompt\":\"a\",\"responses\":[\"b\",{\"text\":\"c d\",\"n\":[1e999]}]}\n"
        "{\"prompt\":\"a\",\"responses\":[\"b\",\"c d\"],\"n\":NaN}\n";
    gd_options options = golden_options("qwen2", 0);
    gd_model *chats = NULL;
    gd_rank_options how;
    gd_summary summary = { .struct_size = sizeof summary };
    char *text;

    options.chat_format = "chatml";
    assert_ok(gd_model_open(&chats, &options, test_err));
    write_text(*state, "in.jsonl", odd);
    gd_rank_options_init(&how);
    how.input = in_dir(*state, "in.jsonl");
    how.output = in_dir(*state, "out.jsonl");
    assert_ok(gd_rank_file(chats, &how, NULL, &summary, test_err));
    how.texts = 1;
    assert_int_equal(gd_rank_file(chats, &how, NULL, &summary, NULL), GD_EITEM);
    assert_int_equal(summary.failed, 2);
    how.texts = 0;
    how.pairs = GD_PAIRS_BEST_WORST;
    how.pairs_output = in_dir(*state, "pairs.jsonl");
    assert_int_equal(gd_rank_file(chats, &how, NULL, &summary, NULL), GD_EITEM);
    assert_int_equal(summary.failed, 2);
    text = read_text(how.pairs_output);
    json_decref(line_of(text, 0));
    free(text);
    text = read_text(how.output);
    assert_non_null(
        strstr(text, "{\"index\":1,\"error\":\"line 2: the prompt or an answer, which are to be written, has NaN"));
    free(text);
    gd_model_close(chats);
}

static void wrong_options_are_refused(void **state)
{
    const char *input = in_dir(*state, "in.jsonl");
    gd_rank_options rank;
    gd_filter_options filter;
    char *json;

    write_text(*state, "in.jsonl", "{}\n");
    gd_rank_options_init(&rank);
    rank.input = rank.output = input;
    assert_int_equal(gd_rank_file(model, &rank, NULL, NULL, NULL), GD_EUSAGE); /* the output is its own input */
    rank.output = in_dir(*state, "out");
    rank.pairs = GD_PAIRS_ALL;
    assert_int_equal(gd_rank_file(model, &rank, NULL, NULL, NULL), GD_EUSAGE);
    rank.pairs_output = rank.output;
    assert_int_equal(gd_rank_file(model, &rank, NULL, NULL, NULL), GD_EUSAGE);
    rank.pairs_output = input;
    assert_int_equal(gd_rank_file(model, &rank, NULL, NULL, NULL), GD_EUSAGE);
    rank.struct_size = 3;
    assert_int_equal(gd_rank_file(model, &rank, NULL, NULL, NULL), GD_EUSAGE);
    gd_filter_options_init(&filter);
    filter.input = "-";
    filter.output = in_dir(*state, "out");
    filter.by = GD_FILTER_TOP_FRACTION;
    assert_int_equal(gd_filter_file(model, &filter, NULL, NULL, &json, NULL), GD_EUSAGE);
    filter.input = input;
    filter.limit = 1.5;
    assert_int_equal(gd_filter_file(model, &filter, NULL, NULL, &json, NULL), GD_EUSAGE);
    filter.limit = 0.5;
    filter.rejects = filter.output;
    assert_int_equal(gd_filter_file(model, &filter, NULL, NULL, &json, NULL), GD_EUSAGE);
    assert_null(json);
}

/* ---- filter ---- */

static void count_problem(void *context, uint64_t index, const char *sentence)
{
    assert_int_equal(index, 6);
    assert_non_null(strstr(sentence, "line 7: not valid JSON"));
    ++*(int *)context;
}

/* Runs the filter, and checks where each line of the input went. */
static void check_filter(const char *dir, gd_filter_by by, double limit, const bool *keep)
{
    gd_filter_options how = filter_options(dir, by, limit);
    char *input, *kept, *rejected, *json, want[64];
    gd_summary summary = { .struct_size = sizeof summary };
    gd_error err = { 0 };
    int problems = 0;
    size_t count = 0;

    how.problem = count_problem;
    how.context = &problems;
    assert_int_equal(gd_filter_file(model, &how, NULL, &summary, &json, &err), GD_EITEM);
    assert_int_equal(problems, 1);
    input = read_text(how.input);
    kept = read_text(how.output);
    rejected = read_text(how.rejects);
    for (char *line = strtok(input, "\n"), *k = kept, *r = rejected; line; line = strtok(NULL, "\n")) {
        const int id = line[0] == 'n' ? -1 : (int)(strtod(line + 8, NULL) / 1e20 + 0.5) - 1;
        char **from = id >= 0 && keep[id] ? &k : &r;

        assert_memory_equal(*from, line, strlen(line));
        *from += strlen(line);
        assert_int_equal(*(*from)++, '\n');
        count += id >= 0 && keep[id];
    }
    (void)snprintf(want, sizeof want, "{\"kept\":%zu,\"rejected\":%zu,\"flipped\":0,\"failed\":1,", count,
                   ITEMS - count);
    assert_memory_equal(json, want, strlen(want));
    gd_string_free(json);
    free(input);
    free(kept);
    free(rejected);
}

static void lines_go_where_their_score_sends_them(void **state)
{
    float scores[ITEMS];
    bool keep[ITEMS];

    write_texts(*state, scores);
    for (size_t i = 0; i < ITEMS; i++)
        keep[i] = scores[i] >= scores[3];
    check_filter(*state, GD_FILTER_MIN_SCORE, (double)scores[3], keep);
    for (size_t i = 0; i < ITEMS; i++) {
        size_t larger = 0;

        for (size_t k = 0; k < ITEMS; k++)
            larger += scores[k] > scores[i] || (scores[k] == scores[i] && k < i);
        keep[i] = larger < 7; /* 0.3 * 24 = 7.2 */
    }
    check_filter(*state, GD_FILTER_TOP_FRACTION, 0.3, keep);
}

/* A pair and the same pair swapped: one of them is flipped, so both lines end up equal. */
static void contradicted_labels_are_swapped(void **state)
{
    gd_filter_options how;
    char *text, *json;
    json_t *line[2];

    write_text(*state, "in.jsonl",
               "{\"chosen\":\"one two three\",\"rejected\":\"four\"}\n"
               "{\"rejected\":\"one two three\",\"chosen\":\"four\"}\n");
    how = filter_options(*state, GD_FILTER_FLIP_BELOW, 0);
    how.annotate = 1;
    assert_ok(gd_filter_file(model, &how, NULL, NULL, &json, test_err));
    assert_memory_equal(json, "{\"kept\":1,\"rejected\":0,\"flipped\":1,", 35);
    gd_string_free(json);
    text = read_text(how.output);
    line[0] = line_of(text, 0);
    line[1] = line_of(text, 1);
    assert_string_equal(json_string_value(json_object_get(line[0], "chosen")),
                        json_string_value(json_object_get(line[1], "chosen")));
    for (size_t i = 0; i < 2; i++) {
        const json_t *note = json_object_get(line[i], "guerdon");

        assert_true(json_number_value(json_object_get(note, "margin")) > 0);
        assert_true((float)json_number_value(json_object_get(note, "chosen")) ==
                    score_alone(json_string_value(json_object_get(line[i], "chosen")), ""));
        json_decref(line[i]);
    }
    free(text);
}

/* By the names that they have in the input; a field with our name is not the side that was judged. */
static void mapped_sides_are_swapped(void **state)
{
    gd_filter_options how;
    char *text, *json;

    write_text(*state, "in.jsonl",
               "{\"good\":\"one two three\",\"bad\":\"four\",\"chosen\":1,\"rejected\":2}\n"
               "{\"bad\":\"one two three\",\"good\":\"four\",\"chosen\":1,\"rejected\":2}\n");
    how = filter_options(*state, GD_FILTER_FLIP_BELOW, 0);
    how.fields = "chosen=good,rejected=bad";
    assert_ok(gd_filter_file(model, &how, NULL, NULL, &json, test_err));
    assert_memory_equal(json, "{\"kept\":1,\"rejected\":0,\"flipped\":1,", 35);
    gd_string_free(json);
    text = read_text(how.output);
    for (size_t i = 0; i < 2; i++) {
        json_t *line = line_of(text, i);

        assert_int_equal(whole(line, "chosen"), 1);
        assert_int_equal(whole(line, "rejected"), 2);
        assert_true(score_alone(json_string_value(json_object_get(line, "good")), "") >
                    score_alone(json_string_value(json_object_get(line, "bad")), ""));
        json_decref(line);
    }
    free(text);
}

/* Read as texts that are joined, the first item would have its prompt twice, and the second be none at all. */
static void scores_of_turns_are_read(void **state)
{
    static const char pairs[] =
        "{\"prompt\":\"Is it?\",\"chosen\":\"Is it? Yes.\",\"rejected\":\"Is it? No.\"}\n"
        "{\"prompt\":\"Is it?\",\"chosen\":{\"role\":\"assistant\",\"content\":\"Yes.\"},\"rejected\":\"No.\"}\n";
    gd_options options = golden_options("qwen2", 0);
    gd_file_options how = { .struct_size = sizeof how };
    gd_model *turned;
    char *json, *text;

    options.chat_format = "chatml";
    options.turns = "on";
    write_text(*state, "in.jsonl", pairs);
    how.input = in_dir(*state, "in.jsonl");
    how.output = in_dir(*state, "scores.jsonl");
    assert_ok(gd_model_open(&turned, &options, test_err));
    assert_ok(gd_score_file(turned, &how, NULL, NULL, test_err));
    gd_model_close(turned);
    for (int top = 0; top < 2; top++) {
        gd_filter_options filter = filter_options(*state, top ? GD_FILTER_TOP_FRACTION : GD_FILTER_MIN_MARGIN,
                                                  top ? 1 : -1000);

        filter.from_scores = in_dir(*state, "scores.jsonl");
        assert_ok(gd_filter_file(NULL, &filter, NULL, NULL, &json, test_err));
        gd_string_free(json);
        text = read_text(filter.output);
        assert_string_equal(text, pairs);
        free(text);
    }
}

/* Inside quotes a line break stays what it is. */
static void lines_of_outputs_end_with_lf(void **state)
{
    gd_filter_options filter = filter_options(*state, GD_FILTER_MIN_SCORE, -1000);
    char *json, *text;

    write_text(*state, "in.csv", "id,text\r\n1,\"a\r\nb\"\r\n2,c\n");
    write_text(*state, "scores.jsonl",
               "{\"index\":0,\"score\":1,\"tokens\":1}\n{\"index\":1,\"score\":1,\"tokens\":1}\n");
    filter.input = in_dir(*state, "in.csv");
    filter.from_scores = in_dir(*state, "scores.jsonl");
    assert_ok(gd_filter_file(NULL, &filter, NULL, NULL, &json, test_err));
    gd_string_free(json);
    text = read_text(filter.output);
    assert_string_equal(text, "id,text\n1,\"a\r\nb\"\n2,c\n");
    free(text);
}

/* Lets each allocation fail in turn: each time an error, and no memory is leaked. */
static void every_allocation_may_fail(void **state)
{
    gd_filter_options how;
    const uint64_t live = gd_mem_live();
    gd_status rc = GD_ENOMEM;
    uint64_t n = 1;
    char *json;

    write_text(*state, "in.jsonl", "{\"text\":\"a\"}\n{\"text\":\"b\"}\n");
    for (; rc; n += 1) {
        gd_error err = { 0 };

        how = filter_options(*state, GD_FILTER_TOP_FRACTION, 0.5);
        gd_mem_fail_from(n);
        rc = gd_filter_file(model, &how, NULL, NULL, &json, &err);
        gd_mem_fail_from(0);
        remove_file(*state, "kept.resume"); /* the next run starts over */
        remove_file(*state, "kept.resume.found");
        assert_int_equal(rc, err.status);
        gd_string_free(json);
        if (rc)
            assert_int_equal(rc, GD_ENOMEM);
    }
    assert_true(n > 20);
    assert_int_equal(gd_mem_live(), live); /* the model had to recreate what it lost by a failure */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(answers_are_ranked, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(misfits_are_not_scored, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(what_is_not_json_is_not_written, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(wrong_options_are_refused, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(lines_go_where_their_score_sends_them, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(contradicted_labels_are_swapped, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(mapped_sides_are_swapped, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(scores_of_turns_are_read, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(lines_of_outputs_end_with_lf, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(every_allocation_may_fail, dir_setup, dir_teardown),
    };

    return cmocka_run_group_tests_name("judge: files", tests, filtering_open, filtering_close);
}
