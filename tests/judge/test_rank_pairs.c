/* test_rank_pairs.c - what rank writes of prompts and answers: pairs that trainers can join, and the input's bytes. */
#include "tests/judge/rank_rows.h"

/* Ranks an item of two answers, of which the second is better. */
static void rank_one(const char *dir, const char *name, const char *input, gd_rank_options *how)
{
    write_text(dir, name, input);
    write_text(dir, "scores", "{\"index\":0,\"scores\":[1,1.5],\"tokens\":[1,1]}\n");
    how->input = in_dir(dir, name);
    how->output = in_dir(dir, "out");
    how->from_scores = in_dir(dir, "scores");
    how->pairs_output = in_dir(dir, "pairs");
    assert_ok(gd_rank_file(NULL, how, NULL, NULL, test_err));
}

/* ---- pairs that trainers can join: both sides as texts, or both as messages ---- */

#define SAYS(role, content) "{\"role\":\"" role "\",\"content\":\"" content "\"}"
#define SHARED(from, value) "{\"from\":\"" from "\",\"value\":\"" value "\"}"
#define SYSTEM SAYS("system", "Be.")
#define USER SAYS("user", "Is it?")
#define YES SAYS("assistant", "yes")
#define NO SAYS("assistant", "no")
#define KEYED "{\"role\":\"assistant\",\"content\":\"yes\",\"id\":7}"

static const struct joined_row {
    const char *input, *group_by, *pair; /* pair: from the prompt to the scores */
} joined[] = {
    /* only one answer repeats the prompt */
    { "{\"prompt\":[" USER "],\"responses\":[[" USER "," NO "]," YES "]}\n", NULL,
      "\"chosen\":[" USER "," YES "],\"rejected\":[" USER "," NO "]" },
    { "{\"prompt\":\"Is it?\",\"responses\":[[" USER "," NO "],\"yes\"]}\n", NULL,
      "\"chosen\":[" USER "," YES "],\"rejected\":[" USER "," NO "]" },
    /* a prompt that is a text, beside messages */
    { "{\"prompt\":\"Is it?\",\"responses\":[" NO ",[" YES "]]}\n", NULL,
      "\"chosen\":[" USER "," YES "],\"rejected\":[" USER "," NO "]" },
    { "{\"prompt\":\"a\\n<extra_id_1>Assistant\\nb\\n<extra_id_1>User\\nc\",\"responses\":[" NO ",\"yes\"]}\n", NULL,
      "\"chosen\":[" SAYS("user", "a") "," SAYS("assistant", "b") "," SAYS("user", "c") "," YES "],\"rejected\":[" SAYS(
          "user", "a") "," SAYS("assistant", "b") "," SAYS("user", "c") "," NO "]" },
    { "{\"q\":1,\"prompt\":\"Is it?\",\"response\":" NO "}\n{\"q\":1,\"prompt\":\"Is it?\",\"response\":[" YES "]}\n",
      "q", "\"chosen\":[" USER "," YES "],\"rejected\":[" USER "," NO "]" },
    /* messages in two forms: in the prompt and an answer, in two answers, in one; a text answers ShareGPT's */
    { "{\"prompt\":[" USER "],\"responses\":[" SHARED("gpt", "no") ",[" SHARED("gpt", "yes") "]]}\n", NULL,
      "\"chosen\":[" USER "," YES "],\"rejected\":[" USER "," NO "]" },
    { "{\"prompt\":" SHARED("human", "Is it?") ",\"responses\":[[" SHARED("gpt", "no") "]," YES "]}\n", NULL,
      "\"chosen\":[" USER "," YES "],\"rejected\":[" USER "," NO "]" },
    { "{\"prompt\":[" SHARED("human", "Is it?") "],\"responses\":[[" SHARED("gpt", "no") "],\"yes\"]}\n", NULL,
      "\"chosen\":[" USER "," YES "],\"rejected\":[" USER "," NO "]" },
    { "{\"prompt\":[" SHARED("human", "Is it?") "],\"responses\":[\"no\",\"yes\"]}\n", NULL,
      "\"chosen\":[" USER "," YES "],\"rejected\":[" USER "," NO "]" },
    { "{\"q\":1,\"messages\":[" SHARED("human", "Is it?") "," NO "]}\n{\"q\":1,\"messages\":[" USER "," YES "]}\n", "q",
      "\"chosen\":[" USER "," YES "],\"rejected\":[" USER "," NO "]" },
    { "{\"prompt\":[" SHARED("human", "Is it?") "],\"responses\":[" SHARED("gpt", "no") "," SHARED("gpt", "yes") "]}\n",
      NULL,
      "\"prompt\":[" SHARED("human", "Is it?") "],\"chosen\":[" SHARED("gpt",
                                                                       "yes") "],\"rejected\":[" SHARED("gpt",
                                                                                                        "no") "]" },
    /* what the system says */
    { "{\"system\":\"Be.\",\"prompt\":\"Is it?\",\"responses\":[\"no\",\"yes\"]}\n", NULL,
      "\"chosen\":[" SYSTEM "," USER "," YES "],\"rejected\":[" SYSTEM "," USER "," NO "]" },
    { "{\"q\":1,\"system\":\"Be.\",\"prompt\":[" USER "],\"response\":\"no\"}\n"
      "{\"q\":1,\"system\":\"Be.\",\"prompt\":[" USER "],\"response\":\"yes\"}\n",
      "q", "\"chosen\":[" SYSTEM "," USER "," YES "],\"rejected\":[" SYSTEM "," USER "," NO "]" },
    /* a system that says nothing: the pair is that of an item without one, and messages keep their other keys */
    { "{\"system\":\"\",\"prompt\":[" USER "],\"responses\":[\"no\",\"yes\"]}\n", NULL,
      "\"prompt\":[" USER "],\"chosen\":[" YES "],\"rejected\":[" NO "]" },
    { "{\"system\":null,\"prompt\":\"Is it?\",\"responses\":[\"no\",\"yes\"]}\n", NULL,
      "\"prompt\":\"Is it?\",\"chosen\":\"yes\",\"rejected\":\"no\"" },
    { "{\"system\":{},\"prompt\":[" USER "],\"responses\":[" NO "," KEYED "]}\n", NULL,
      "\"prompt\":[" USER "],\"chosen\":[" KEYED "],\"rejected\":[" NO "]" },
    { "{\"q\":1,\"system\":null,\"prompt\":[" USER "],\"response\":" NO "}\n"
      "{\"q\":1,\"system\":\"\",\"prompt\":[" USER "],\"response\":[" KEYED "]}\n",
      "q", "\"prompt\":[" USER "],\"chosen\":[" KEYED "],\"rejected\":[" NO "]" },
    /* only as JSON: as a text, these are what the system says */
    { "{\"system\":\"[]\",\"prompt\":[" USER "],\"responses\":[\"no\",\"yes\"]}\n", NULL,
      "\"chosen\":[" SAYS("system", "[]") "," USER "," YES "],\"rejected\":[" SAYS("system", "[]") "," USER "," NO
                                                                                                   "]" },
    { "{\"system\":\"null\",\"prompt\":[" USER "],\"responses\":[\"no\",\"yes\"]}\n", NULL,
      "\"chosen\":[" SAYS("system", "null") "," USER "," YES "],\"rejected\":[" SAYS("system", "null") "," USER "," NO
                                                                                                       "]" },
    { "{\"system\":\"Is\",\"prompt\":\"Is it? \",\"responses\":[\"no\",\"yes\"]}\n", NULL,
      "\"prompt\":\"Is it? \",\"chosen\":\"yes\",\"rejected\":\"no\"" },
};

static void pairs_can_be_joined(void **state)
{
    for (size_t i = 0; i < sizeof joined / sizeof joined[0]; i++) {
        gd_rank_options how = { .struct_size = sizeof how, .pairs = GD_PAIRS_BEST_WORST };
        char *text;

        how.group_by = joined[i].group_by;
        if (how.group_by) {
            assert_ok(rank_rows(*state, "a.jsonl", joined[i].input, "1 1.5", &how, test_err));
        } else {
            rank_one(*state, "in.jsonl", joined[i].input, &how);
        }
        text = read_text(how.pairs_output);
        assert_contains(text, joined[i].pair);
        assert_int_equal(strstr(text, "\"prompt\"") != NULL, strstr(joined[i].pair, "\"prompt\"") != NULL);
        free(text);
    }
}

/* ---- what pairs and --texts write has all its digits, escapes and blanks ---- */

#define TEA "{\"from\":\"human\", \"value\":\"t\\u00e9\",\"id\":12345678901234567890}"
#define COFFEE "{\"role\":\"user\", \"content\":\"t\\u00e9\",\"id\":12345678901234567890}"
#define POOR "{\"from\":\"gpt\",\"value\":\"no\",\"w\":0.1}"
#define GOOD "{ \"from\":\"gpt\",\"value\":\"y\\/s\",\"w\":1.50E+2 }"

static const struct written_row {
    const char *name, *input, *fields, *pair, *texts;
} written[] = {
    { "a.jsonl", "{\"prompt\":[" TEA "],\"responses\" : [ " POOR " , [" GOOD "]]}\n", NULL,
      "\"prompt\":[" TEA "],\"chosen\":[" GOOD "],\"rejected\":[" POOR "],", "[" POOR ",[" GOOD "]]" },
    { "a.jsonl", "{\"pr\\u006fmpt\":" COFFEE ",\"all\":[\"\\u006eo\",{\"id\":0.1,\"text\":\"y\\/s\"}]}\n",
      "responses=all",
      "\"prompt\":[" COFFEE
      "],\"chosen\":[{\"role\":\"assistant\",\"content\":\"y\\/s\"}],\"rejected\":[{\"role\":\"assistant\","
      "\"content\":\"\\u006eo\"}],",
      "[\"\\u006eo\",{\"id\":0.1,\"text\":\"y\\/s\"}]" },
    { "a.json", "[{\"prompt\":[\n" TEA "\r\n],\"responses\":[" POOR ",\n" GOOD "\n]}]\n", NULL,
      "\"prompt\":[ " TEA "  ],\"chosen\":[" GOOD "],\"rejected\":[" POOR "],", "[" POOR "," GOOD "]" },
    { "a.jsonl", "{\"prompt\":[" TEA "],\"chosen\":[[" POOR "]],\"rejected\":[[" GOOD "]]}\n", NULL,
      "\"prompt\":[" TEA "],\"chosen\":[" GOOD "],\"rejected\":[" POOR "],", "[[" POOR "],[" GOOD "]]" },
    /* a carriage return would look like the end of a line: then values are written anew */
    { "a.jsonl", "{\"prompt\":\"p\",\"responses\":[\"\\u006eo\",\r\"yes\"]}\n", NULL,
      "\"prompt\":\"p\",\"chosen\":\"yes\",\"rejected\":\"no\",", "[\"no\",\"yes\"]" },
    { "a.csv", "prompt,responses\np,\"[\"\"\\u006eo\"\",\"\"yes\"\"]\"\n", NULL,
      "\"prompt\":\"p\",\"chosen\":\"yes\",\"rejected\":\"no\",", "[\"no\",\"yes\"]" },
};

static void answers_are_written_as_they_were(void **state)
{
    for (size_t i = 0; i < sizeof written / sizeof written[0]; i++) {
        gd_rank_options how = { .struct_size = sizeof how, .pairs = GD_PAIRS_BEST_WORST, .texts = 1 };
        char *text;

        how.fields = written[i].fields;
        rank_one(*state, written[i].name, written[i].input, &how);
        text = read_text(how.pairs_output);
        assert_contains(text, written[i].pair);
        free(text);
        text = read_text(how.output);
        assert_contains(text, written[i].texts);
        free(text);
    }
}

static void rows_are_written_as_they_were(void **state)
{
    gd_rank_options how = { .group_by = "q", .pairs = GD_PAIRS_BEST_WORST };

    assert_ok(rank_rows(*state, "a.jsonl",
                        "{\"q\":1,\"prompt\":[" TEA "],\"response\":" POOR "}\n"
                        "{\"q\":1,\"prompt\":[" TEA "],\"response\":[" GOOD "]}\n",
                        "1 2", &how, test_err));
    expect_text(how.pairs_output,
                "{\"index\":0,\"rows\":[1,0],\"prompt\":[" TEA "],\"chosen\":[" GOOD "],\"rejected\":[" POOR
                "],\"score_chosen\":2,\"score_rejected\":1,\"score_margin\":1}\n");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, dir_setup, dir_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(pairs_can_be_joined),
        TEST(answers_are_written_as_they_were),
        TEST(rows_are_written_as_they_were),
    };

    return cmocka_run_group_tests_name("judge: rank's pairs", tests, NULL, NULL);
}
