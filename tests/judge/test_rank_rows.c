/* test_rank_rows.c - rank on the layouts that people have: rows of one answer each, and answers as objects.  The scores
 * are written, so that rankings, pairs and groups follow by hand. */
#include "tests/judge/rank_rows.h"

#include "base/mem.h"

#define ROW(q, a) "{\"q\":" q ",\"prompt\":\"p\",\"response\":\"" a "\"}\n"
#define SAID(p, a) "{\"q\":1,\"prompt\":\"" p "\",\"response\":\"" a "\"}\n"
#define ONE(i, r, s, t)                                \
    "{\"index\":" i ",\"rows\":[" r "],\"scores\":[" s \
    "],\"ranks\":[1],\"best\":0,\"margin\":0,\"ties\":0,\"tokens\":[" t "]}\n"
#define TWO(i, r, s, ranks, best, m, t)                                                                          \
    "{\"index\":" i ",\"rows\":[" r "],\"scores\":[" s "],\"ranks\":[" ranks "],\"best\":" best ",\"margin\":" m \
    ",\"ties\":0,\"tokens\":[" t "]}\n"
#define NO_ROW "no row before has it, either: answers to one prompt are grouped by --group-by "
#define BAD(i, r, e) "{\"index\":" i ",\"rows\":[" r "],\"error\":\"" e "\"}\n"

static const struct row {
    const char *name, *input, *scores, *group_by, *fields, *want;
} rows[] = {
    /* groups */
    { "a.jsonl", ROW("1", "a") ROW("1", "b") ROW("2", "c"), "1 2 3", "q", NULL,
      TWO("0", "0,1", "1,2", "2,1", "1", "1", "1,2") ONE("1", "2", "3", "3") },
    { "a.jsonl", ROW("1", "a"), "1", "q", NULL, ONE("0", "0", "1", "1") },
    { "a.jsonl", "", "", "q", NULL, "" },
    /* values are compared, not spellings: 1 and 1.0 are one, and "1" is another */
    { "a.jsonl", ROW("1", "a") ROW("1.0", "b") ROW("\"1\"", "c"), "1 2 3", "q", NULL,
      TWO("0", "0,1", "1,2", "2,1", "1", "1", "1,2") ONE("1", "2", "3", "3") },
    { "a.jsonl", ROW("\"caf\xC3\xA9\"", "a") ROW("\"caf\\u00E9\"", "b") ROW("\"cafe\"", "c"), "1 2 3", "q", NULL,
      TWO("0", "0,1", "1,2", "2,1", "1", "1", "1,2") ONE("1", "2", "3", "3") },
    { "a.jsonl", ROW("{\"a\": [1, \"\\/\"]}", "a") ROW("{\"a\":[1.0,\"/\"]}", "b"), "2 1", "q", NULL,
      TWO("0", "0,1", "2,1", "1,2", "0", "1", "1,2") },
    /* integers that a double can't tell apart are two */
    { "a.jsonl", ROW("9007199254740993", "a") ROW("9007199254740992", "b"), "1 2", "q", NULL,
      ONE("0", "0", "1", "1") ONE("1", "1", "2", "2") },
    /* answers that all repeat the prompt; not all of them; a prompt of one word, with which they may begin by chance */
    { "a.jsonl", SAID("Is it hot?", "Is it hot? Yes.") SAID("Is it hot?", "Is it hot? No."), "1 2", "q", NULL,
      BAD("0", "0,1",
          "line 1: all answers begin with the text of \\\"prompt\\\", which would be there twice; --fields "
          "prompt=_ scores them as they are") },
    { "a.jsonl", SAID("Is it hot?", "Is it hot? Yes.") SAID("Is it hot?", "Is it hot? No."), "1 2", "q", "prompt=_",
      TWO("0", "0,1", "1,2", "2,1", "1", "1", "1,2") },
    { "a.jsonl", SAID("Is it hot?", "Is it hot? Yes.") SAID("Is it hot?", "No."), "1 2", "q", NULL,
      TWO("0", "0,1", "1,2", "2,1", "1", "1", "1,2") },
    { "a.jsonl", SAID("Hot?", "Hot? Yes.") SAID("Hot?", "Hot? No."), "1 2", "q", NULL,
      TWO("0", "0,1", "1,2", "2,1", "1", "1", "1,2") },
    { "a.jsonl", SAID("Is it hot?", "Is it hot? Yes."), "1", "q", NULL, ONE("0", "0", "1", "1") },
    /* a conversation and a text */
    { "a.jsonl",
      "{\"q\":1,\"messages\":[{\"role\":\"user\",\"content\":\"x\"},{\"role\":\"assistant\",\"content\":\"a\"}]}\n"
      "{\"q\":1,\"text\":\"b\"}\n",
      "1 2", "q", NULL,
      BAD("0", "0,1", "line 1: some answers of the group that begins here are conversations, and others texts") },
    /* one prompt, after two system messages */
    { "a.jsonl",
      "{\"q\":1,\"system\":\"s\",\"prompt\":\"p\",\"response\":\"a\"}\n"
      "{\"q\":1,\"system\":\"t\",\"prompt\":\"p\",\"response\":\"b\"}\n",
      "1 2", "q", NULL,
      BAD("0", "0,1", "line 2: the field \\\"system\\\" is not that of the other rows of its group") },
    /* no system message, in four ways */
    { "a.jsonl",
      ROW("1", "a") "{\"q\":1,\"system\":null,\"prompt\":\"p\",\"response\":\"b\"}\n"
                    "{\"q\":1,\"system\":\"\",\"prompt\":\"p\",\"response\":\"c\"}\n"
                    "{\"q\":1,\"system\":[],\"prompt\":\"p\",\"response\":\"d\"}\n",
      "1 1 1 1", "q", NULL,
      "{\"index\":0,\"rows\":[0,1,2,3],\"scores\":[1,1,1,1],\"ranks\":[1,1,1,1],\"best\":0,\"margin\":0,"
      "\"ties\":4,\"tokens\":[1,2,3,4]}\n" },
    { "a.jsonl", ROW("{\"a\":[1]}", "a") ROW("{\"a\":[1]}", "b"), "2 1", "q", NULL,
      TWO("0", "0,1", "2,1", "1,2", "0", "1", "1,2") },
    /* ties */
    { "a.jsonl", ROW("1", "a") ROW("1", "b") ROW("1", "c"), "2 1 2", "q", NULL,
      "{\"index\":0,\"rows\":[0,1,2],\"scores\":[2,1,2],\"ranks\":[1,3,1],\"best\":0,\"margin\":0,\"ties\":2,"
      "\"tokens\":"
      "[1,2,3]}\n" },
    /* failures: a row that is not an answer is an item of its own; one that can't be scored is missed in its group */
    { "a.jsonl", ROW("1", "a") "no\n" ROW("1", "b") ROW("2", "c"), "1 ! 2 3", "q", NULL,
      TWO("0", "0,2", "1,2", "2,1", "1", "1", "1,3") BAD("1", "1", "line 2: too long") ONE("2", "3", "3", "4") },
    { "a.jsonl", "no\n" ROW("1", "a"), "! 1", "q", NULL, BAD("0", "0", "line 1: too long") ONE("1", "1", "1", "2") },
    { "a.jsonl", ROW("1", "a") ROW("1", "b") ROW("2", "c"), "1 ! 3", "q", NULL,
      BAD("0", "0,1", "line 2: too long") ONE("1", "2", "3", "3") },
    { "a.jsonl", ROW("1", "a") ROW("null", "b") "{\"prompt\":\"p\",\"response\":\"c\"}\n", "1 2 3", "q", NULL,
      ONE("0", "0", "1", "1") BAD("1", "1", "line 2: the field \\\"q\\\" is missing, by which rows are grouped")
          BAD("2", "2", "line 3: the field \\\"q\\\" is missing, by which rows are grouped") },
    /* a field that no row has */
    { "a.jsonl", ROW("1", "a") ROW("1", "b"), "1 2", "promt", NULL,
      BAD("0", "0", "line 1: the field \\\"promt\\\" is missing, by which rows are grouped; " NO_ROW "prompt")
          BAD("1", "1", "line 2: the field \\\"promt\\\" is missing, by which rows are grouped; " NO_ROW "prompt") },
    { "a.jsonl",
      "{\"question\":\"p\",\"response\":\"a\"}\n"
      "{\"text\":\"a\"}\n",
      "1 !", "q", "prompt=question",
      BAD("0", "0", "line 1: the field \\\"q\\\" is missing, by which rows are grouped; " NO_ROW "question")
          BAD("1", "1", "line 2: too long") },
    { "a.jsonl", "{\"text\":\"a\"}\n", "1", "q", NULL,
      BAD("0", "0", "line 1: the field \\\"q\\\" is missing, by which rows are grouped") },
    { "a.jsonl", ROW("1", "a") "{\"q\":1,\"prompt\":\"r\",\"response\":\"b\"}\n", "1 2", "q", NULL,
      BAD("0", "0,1", "line 2: the field \\\"prompt\\\" is not that of the other rows of its group") },
    { "a.jsonl", "{\"q\":1,\"text\":\"a\"}\n" ROW("1", "b"), "1 2", "q", NULL,
      BAD("0", "0,1", "line 2: the field \\\"prompt\\\" is not that of the other rows of its group") },
    /* whole texts, and conversations */
    { "a.jsonl", "{\"q\":1,\"text\":\"a\"}\n{\"q\":1,\"text\":\"b\"}\n", "1 2", "q", NULL,
      TWO("0", "0,1", "1,2", "2,1", "1", "1", "1,2") },
    { "a.jsonl",
      "{\"q\":1,\"messages\":[{\"role\":\"user\",\"content\":\"x\"},{\"role\":\"assistant\",\"content\":\"a\"}]}\n"
      "{\"q\":1,\"messages\":[{\"role\":\"user\",\"content\":\"x\"},{\"role\":\"assistant\",\"content\":\"b\"}]}\n",
      "1 2", "q", NULL, TWO("0", "0,1", "1,2", "2,1", "1", "1", "1,2") },
    /* verl, trainer.rollout_data_dir: input, output, gts, score, step */
    { "a.jsonl",
      "{\"input\": \"p\", \"output\": \"a\", \"gts\": \"1\", \"score\": 0.0, \"step\": 3}\n"
      "{\"input\": \"p\", \"output\": \"b\", \"gts\": \"1\", \"score\": 1.0, \"step\": 3}\n",
      "5 4", "input", "prompt=input,response=output", TWO("0", "0,1", "5,4", "1,2", "0", "1", "1,2") },
    /* our name of the field means the mapped one */
    { "a.jsonl", "{\"input\":\"p\",\"output\":\"a\"}\n{\"input\":\"r\",\"output\":\"b\"}\n", "5 4", "prompt",
      "prompt=input,response=output", ONE("0", "0", "5", "1") ONE("1", "1", "4", "2") },
    /* a pandas data frame, to_csv(index=False) */
    { "a.csv", "prompt,response,model\np,a,m\np,\"b, c\",n\nr,d,m\n", "1 2 3", "prompt", NULL,
      TWO("0", "0,1", "1,2", "2,1", "1", "1", "1,2") ONE("1", "2", "3", "3") },
    /* and to_json(orient="records"): an array */
    { "a.json", "[{\"prompt\":\"p\",\"response\":\"a\"},\n {\"prompt\":\"p\",\"response\":\"b\"}]", "1 2", "prompt",
      NULL, TWO("0", "0,1", "1,2", "2,1", "1", "1", "1,2") },
};

static void rows_are_grouped(void **state)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        gd_rank_options how = { .group_by = rows[i].group_by, .fields = rows[i].fields };
        gd_error err = { 0 };
        const gd_status rc = rank_rows(*state, rows[i].name, rows[i].input, rows[i].scores, &how, &err);

        if (rc && rc != GD_EITEM)
            fail_msg("row %zu: %s", i, err.text);
        expect_text(how.output, rows[i].want);
    }
}

static void rows_of_a_group_must_follow_each_other(void **state)
{
    gd_rank_options how = { .group_by = "q" };
    gd_error err = { 0 };

    assert_int_equal(rank_rows(*state, "a.jsonl", ROW("1", "a") ROW("2", "b") ROW("1", "c"), "1 2 3", &how, &err),
                     GD_EFORMAT);
    assert_string_equal(err.text,
                        "line 3: other rows with this \"q\" came before, and then another; the rows of a group "
                        "must follow each other: sort the input by \"q\" first");
    remove_file(*state, "out.resume");
    err = (gd_error){ 0 };
    assert_int_equal(rank_rows(*state, "a.jsonl", ROW("1", "a") ROW("2", "b") ROW("10e-1", "c"), "1 2 3", &how, &err),
                     GD_EFORMAT);
    assert_contains(err.text, "line 3: other rows with this \"q\" came before");
}

/* Names that are no columns, and scores that are not one for each row. */
static void what_cannot_be_grouped_is_refused(void **state)
{
    gd_rank_options how = { .group_by = "q" };
    gd_error err = { 0 };

    assert_int_equal(rank_rows(*state, "a.csv", "prompt,response\np,a\n", "1", &how, &err), GD_EUSAGE);
    assert_contains(err.text, "there is no column \"q\"; the header has prompt, response");
    remove_file(*state, "out.resume");
    err = (gd_error){ 0 };
    assert_int_equal(rank_rows(*state, "a.jsonl", ROW("1", "a") ROW("1", "b"), "1", &how, &err), GD_EFORMAT);
    assert_contains(err.text, "scores has no line of item 1 (line 2 of");
    remove_file(*state, "out.resume");
    err = (gd_error){ 0 };
    assert_int_equal(rank_rows(*state, "a.jsonl", ROW("1", "a"), "1 2", &how, &err), GD_EFORMAT);
    assert_contains(err.text, "line 2 is of item 1, but");
    assert_contains(err.text, "has only 1 items");
}

static void a_group_without_all_scores_is_left_out(void **state)
{
    gd_rank_options how = { .group_by = "q", .skip_unscored = 1 };

    assert_ok(rank_rows(*state, "a.jsonl", ROW("1", "a") ROW("2", "b") ROW("2", "c"), "1 2", &how, test_err));
    expect_text(how.output, ONE("0", "0", "1", "1"));
}

static void pairs_of_rows_name_both_rows(void **state)
{
    gd_rank_options how = { .group_by = "q", .pairs = GD_PAIRS_ALL, .keep = "model,q", .texts = 1 };

    assert_int_equal(rank_rows(*state, "a.jsonl",
                               "{\"q\":\"x\",\"prompt\":\"p\",\"response\":\"a\",\"model\":\"m1\"}\n"
                               "{\"q\":\"x\",\"prompt\":\"p\",\"response\":\"b\",\"model\":{\"v\": 2}}\n"
                               "{\"q\":\"x\",\"prompt\":\"p\",\"response\":\"c\"}\n"
                               "{\"q\":\"y\",\"prompt\":\"p\",\"response\":\"d\"}\n{\"q\":\"z\"}\n",
                               "1 3 1 7 !", &how, NULL),
                     GD_EITEM);
    expect_text(how.output,
                "{\"index\":0,\"model\":[\"m1\",{\"v\": 2},null],\"q\":\"x\",\"rows\":[0,1,2],\"scores\":[1,3,1],"
                "\"ranks\":[2,1,2],\"best\":1,\"margin\":2,\"ties\":0,\"texts\":[\"a\",\"b\",\"c\"],\"tokens\":"
                "[1,2,3]}\n"
                "{\"index\":1,\"model\":[null],\"q\":\"y\",\"rows\":[3],\"scores\":[7],\"ranks\":[1],\"best\":0,"
                "\"margin\":0,\"ties\":0,\"texts\":[\"d\"],\"tokens\":[4]}\n"
                "{\"index\":2,\"model\":[null],\"q\":\"z\",\"rows\":[4],\"error\":\"line 5: too long\"}\n");
    expect_text(
        how.pairs_output,
        "{\"index\":0,\"model\":[{\"v\": 2},\"m1\"],\"q\":\"x\",\"rows\":[1,0],\"prompt\":\"p\",\"chosen\":\"b\","
        "\"rejected\":\"a\",\"score_chosen\":3,\"score_rejected\":1,\"score_margin\":2}\n"
        "{\"index\":0,\"model\":[{\"v\": 2},null],\"q\":\"x\",\"rows\":[1,2],\"prompt\":\"p\",\"chosen\":\"b\","
        "\"rejected\":\"c\",\"score_chosen\":3,\"score_rejected\":1,\"score_margin\":2}\n");
}

/* ---- answers as objects ---- */

static const struct object_row {
    const char *input, *fields, *best;
} objects[] = {
    /* vLLM: RequestOutput.outputs; OpenAI's completions are alike */
    { "{\"prompt\":\"p\",\"outputs\":[{\"index\":0,\"text\":\"a\",\"finish_reason\":\"stop\"},{\"index\":1,\"text\":"
      "\"b\"}]}",
      "responses=outputs", "b" },
    /* UltraFeedback */
    { "{\"instruction\":\"p\",\"models\":[\"m\",\"n\"],\"completions\":[{\"model\":\"m\",\"response\":\"a\",\"overall_"
      "score\":7,"
      "\"annotations\":{\"helpfulness\":{}}},{\"model\":\"n\",\"response\":\"b\",\"overall_score\":8}]}",
      "prompt=instruction,responses=completions", "b" },
    /* Nectar */
    { "{\"prompt\":\"p\",\"answers\":[{\"answer\":\"a\",\"model\":\"m\",\"rank\":1.0},{\"answer\":\"b\",\"model\":"
      "\"n\",\"rank\":2.0}]}",
      "responses=answers", "b" },
    /* transformers' pipeline */
    { "{\"prompt\":\"p\",\"responses\":[{\"generated_text\":\"a\"},{\"generated_text\":\"b\"}]}", NULL, "b" },
    { "{\"prompt\":\"p\",\"responses\":[{\"content\":\"a\"},{\"content\":\"b\"}]}", NULL, "b" },
    { "{\"prompt\":\"p\",\"responses\":[{\"completion\":\"a\"},{\"output\":\"b\"}]}", NULL, "b" },
    { "{\"prompt\":\"p\",\"responses\":[\"a\",{\"text\":\"b\",\"response\":null}]}", NULL, "b" },
};

static void answers_may_be_objects(void **state)
{
    for (size_t i = 0; i < sizeof objects / sizeof objects[0]; i++) {
        gd_rank_options how = { .struct_size = sizeof how, .fields = objects[i].fields, .pairs = GD_PAIRS_BEST_WORST };
        char want[300];

        write_text(*state, "in.jsonl", objects[i].input);
        write_text(*state, "scores", "{\"index\":0,\"scores\":[1,1.5],\"tokens\":[1,1]}\n");
        how.input = in_dir(*state, "in.jsonl");
        how.output = in_dir(*state, "out");
        how.from_scores = in_dir(*state, "scores");
        how.pairs_output = in_dir(*state, "pairs");
        assert_ok(gd_rank_file(NULL, &how, NULL, NULL, test_err));
        (void)snprintf(want, sizeof want,
                       "{\"index\":0,\"prompt\":\"p\",\"chosen\":\"%s\",\"rejected\":\"a\",\"score_chosen\":1.5,"
                       "\"score_rejected\":1,\"score_margin\":0.5}\n",
                       objects[i].best);
        expect_text(how.pairs_output, want);
    }
}

static void an_object_must_say_what_the_answer_is(void **state)
{
    static const char *const bad[] = { "{\"model\":\"m\"}", "{\"text\":\"a\",\"response\":\"b\"}", "{}" };

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        gd_file_options how = from_to(in_dir(*state, "in.jsonl"), in_dir(*state, "out"), GD_FORMAT_AUTO);
        char input[200], *text;

        (void)snprintf(input, sizeof input, "{\"prompt\":\"p\",\"responses\":[\"x\",%s]}\n", bad[i]);
        write_text(*state, "in.jsonl", input);
        assert_int_equal(gd_score_file(model, &how, NULL, NULL, NULL), GD_EITEM);
        text = read_text(how.output);
        assert_contains(text,
                        "line 1: the field \\\"responses[1]\\\" is an object with none or several of text, content, ");
        free(text);
    }
}

/* ---- with a model ---- */

/* Rows have the scores of the same answers in a list, which are those of objects, too; texts and prompt are shared. */
static void rows_are_scored_like_a_list(void **state)
{
    static const char *const inputs[] = {
        "{\"prompt\":\"Is tea hot? \",\"responses\":[\"Yes.\",\"No.\",\"Ask me.\"]}\n",
        "{\"prompt\":\"Is tea hot? \",\"responses\":[{\"text\":\"Yes.\",\"model\":1},\"No.\",{\"content\":\"Ask "
        "me.\"}]}\n",
        "{\"prompt\":\"Is tea hot? \",\"response\":\"Yes.\"}\n{\"prompt\":\"Is tea hot? \",\"response\":\"No.\"}\n"
        "{\"prompt\":\"Is tea hot? \",\"response\":\"Ask me.\"}\n",
    };
    char *first = NULL;

    for (size_t i = 0; i < 3; i++) {
        gd_rank_options how = { .struct_size = sizeof how, .group_by = i == 2 ? "prompt" : NULL };
        gd_summary summary = { .struct_size = sizeof summary };
        char *text;

        write_text(*state, "in.jsonl", inputs[i]);
        how.input = in_dir(*state, "in.jsonl");
        how.output = in_dir(*state, "out");
        assert_ok(gd_rank_file(model, &how, NULL, &summary, test_err));
        assert_true(summary.rows < summary.tokens);
        text = read_text(how.output);
        if (first)
            assert_string_equal(strstr(text, "\"scores\""), strstr(first, "\"scores\""));
        free(first);
        first = text;
    }
    free(first);
}

/* ---- bounds ---- */

static void a_group_has_at_most_16_mib(void **state)
{
    const size_t len = (size_t)6 << 20;
    gd_rank_options how = { .group_by = "q" };
    char *input = calloc(1, 4 * len), *at = input;

    for (int i = 0; i < 3; i++) {
        at += sprintf(at, "{\"q\":1,\"prompt\":\"p\",\"response\":\"");
        memset(at, 'a', len);
        at += len;
        at += sprintf(at, "\"}\n");
    }
    (void)sprintf(at, ROW("2", "b"));
    assert_int_equal(rank_rows(*state, "a.jsonl", input, "1 2 3 4", &how, NULL), GD_EITEM);
    expect_text(how.output, BAD("0", "0,1",
                                "line 1: the group that begins here has more than 16 MiB, the most that an "
                                "item may have") ONE("1", "3", "4", "4"));
    free(input);
}

/* They end the group, so that they need not all be kept; then nothing may follow in it. */
static void bad_rows_do_not_pile_up(void **state)
{
    gd_rank_options how = { .group_by = "q" };
    char *input = calloc(3000, 40), *scores = calloc(3000, 4), *text;
    gd_error err = { 0 };

    strcat(input, ROW("1", "a"));
    strcat(scores, "1");
    for (int i = 0; i < 1500; i++) {
        strcat(input, "no\n");
        strcat(scores, " !");
    }
    assert_int_equal(rank_rows(*state, "a.jsonl", input, scores, &how, NULL), GD_EITEM);
    text = read_text(how.output);
    assert_contains(text, "{\"index\":1500,\"rows\":[1500],\"error\":\"line 1501: too long\"}\n");
    free(text);
    strcat(input, ROW("1", "b"));
    strcat(scores, " 2");
    assert_int_equal(rank_rows(*state, "a.jsonl", input, scores, &how, &err), GD_EFORMAT);
    assert_contains(err.text, "line 1502: other rows with this \"q\" came before");
    free(input);
    free(scores);
}

static int stop(void *context, uint64_t items, uint64_t bytes, uint64_t bytes_total, uint64_t tokens)
{
    (void)context, (void)items, (void)bytes, (void)bytes_total, (void)tokens;
    return 1;
}

/* Many groups: more than the first table has room for; and a run that stops after 1024 of them. */
static void an_interrupted_run_resumes(void **state)
{
    const gd_progress progress = { .struct_size = sizeof progress, .report = stop };
    gd_rank_options how = { .group_by = "q" };
    char *input = calloc(3000, 60), *scores = calloc(3000, 8), *in = input, *out = scores, *whole;

    for (int i = 0; i < 3000; i++) {
        in += sprintf(in, "{\"q\":%d,\"prompt\":\"p\",\"response\":\"a\"}\n", i / 2);
        out += sprintf(out, "%s%d", i ? " " : "", i);
    }
    assert_int_equal(rank_rows(*state, "a.jsonl", input, scores, &how, NULL), GD_OK);
    whole = read_text(how.output);
    assert_int_equal(gd_rank_file(NULL, &how, &progress, NULL, NULL), GD_EINTERRUPTED);
    how.resume = 1;
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
        gd_rank_options how = { .group_by = "q", .keep = "prompt", .texts = 1 };
        gd_error err = { 0 };

        gd_mem_fail_from(n);
        rc = rank_rows(*state, "a.jsonl", ROW("1", "a") "no\n" ROW("1", "b") ROW("2", "c") ROW("3", "d"), "1 ! 2 ! 3",
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
        TEST(rows_are_grouped),
        TEST(rows_of_a_group_must_follow_each_other),
        TEST(what_cannot_be_grouped_is_refused),
        TEST(a_group_without_all_scores_is_left_out),
        TEST(pairs_of_rows_name_both_rows),
        TEST(answers_may_be_objects),
        TEST(an_object_must_say_what_the_answer_is),
        TEST(rows_are_scored_like_a_list),
        TEST(a_group_has_at_most_16_mib),
        TEST(bad_rows_do_not_pile_up),
        TEST(an_interrupted_run_resumes),
        TEST(every_allocation_may_fail),
    };

    return cmocka_run_group_tests_name("judge: rows and objects", tests, filtering_open, filtering_close);
}
