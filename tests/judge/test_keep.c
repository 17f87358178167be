/* test_keep.c - fields of the input in the lines of outputs: the same bytes, after the index, in every kind of line. */
#include "tests/judge/filtering.h"

#include "base/mem.h"

/* A line of the output without its scores: {"index":0, the kept fields, and the name of what follows. */
static void put_head(char *heads, const char *line, size_t len)
{
    static const char *const follows[] = { ",\"score\":", ",\"scores\":", ",\"error\":", ",\"chosen\":", ",\"ids\":" };
    const char *end = line + len;

    for (size_t i = 0; i < sizeof follows / sizeof follows[0]; i++) {
        const char *at = strstr(line, follows[i]);

        end = at && at < end ? at : end;
    }
    (void)sprintf(heads + strlen(heads), "%.*s\n", (int)(end - line), line);
}

static void expect_heads(const char *path, const char *want)
{
    char *text = read_text(path), *heads = calloc(1, strlen(text) + 1000);

    assert_non_null(heads);
    for (const char *line = text; *line; line += strcspn(line, "\n") + 1)
        put_head(heads, line, strcspn(line, "\n"));
    assert_string_equal(heads, want);
    free(heads);
    free(text);
}

static const struct row {
    const char *name, *input, *keep, *fields, *want;
} rows[] = {
    /* RFC 8259: any value, any layout, and names with escapes */
    { "a.jsonl", "{\"id\":12345678901234567890,\"text\":\"a\"}\n", "id", NULL,
      "{\"index\":0,\"id\":12345678901234567890\n" },
    { "a.jsonl", "{\"text\":\"a\", \"x\" : 1.50E+2 , \"y\":-0.0,\"z\":true}\n", "z,y,x", NULL,
      "{\"index\":0,\"z\":true,\"y\":-0.0,\"x\":1.50E+2\n" },
    { "a.jsonl", "{\"m\":{\"text\":\"no\", \"l\":[1, {\"}\":\"]\\\"\"}]},\"text\":\"a\"}\n", "m", NULL,
      "{\"index\":0,\"m\":{\"text\":\"no\", \"l\":[1, {\"}\":\"]\\\"\"}]}\n" },
    { "a.jsonl", "{\"s\":\"\\u00e9\\/\\n\\\\\",\"text\":\"a\"}\n", "s", NULL,
      "{\"index\":0,\"s\":\"\\u00e9\\/\\n\\\\\"\n" },
    { "a.jsonl", "{\"\\ud83d\\ude00\":1,\"a\\/\\tb\":2,\"\\uD83D\":3,\"a\\u0000\":4,\"text\":\"a\"}\n",
      "\xf0\x9f\x98\x80,a/\tb,a", NULL, "{\"index\":0,\"\xf0\x9f\x98\x80\":1,\"a/\\tb\":2,\"a\":null\n" },
    { "a.jsonl", "{\"r\\u00e9f\":1,\"text\":\"a\"}\n",
      "r\xc3\xa9"
      "f",
      NULL,
      "{\"index\":0,\"r\xc3\xa9"
      "f\":1\n" },
    { "a.jsonl", "{\"a,b\\\\\":1,\"a\":2,\"text\":\"a\"}\n", "a\\,b\\\\", NULL, "{\"index\":0,\"a,b\\\\\":1\n" },
    /* a field of an inner object, of an answer or of a message is another field */
    { "a.jsonl", "{\"m\":{\"id\":1},\"text\":\"a\"}\n", "id", NULL, "{\"index\":0,\"id\":null\n" },
    { "a.jsonl", "{\"text\":\"\\\"id\\\":7\",\"id\":8}\n", "id", NULL, "{\"index\":0,\"id\":8\n" },
    /* missing and null are both null; lines of items that fail have the fields, too */
    { "a.jsonl", "{\"text\":\"a\"}\n{\"id\":null,\"text\":\"a\"}\n{\"id\":3}\n[\n", "id", NULL,
      "{\"index\":0,\"id\":null\n{\"index\":1,\"id\":null\n{\"index\":2,\"id\":3\n{\"index\":3,\"id\":null\n" },
    /* what Python writes beyond JSON, and a field that is there twice: errors where they are kept */
    { "a.jsonl", "{\"w\":NaN,\"text\":\"a\",\"v\":\"NaN\"}\n{\"w\":[1,-Infinity],\"text\":\"a\",\"v\":[\"\\\"I\"]}\n",
      "w,v", NULL, "{\"index\":0,\"w\":null,\"v\":\"NaN\"\n{\"index\":1,\"w\":null,\"v\":[\"\\\"I\"]\n" },
    { "a.jsonl", "{\"w\":NaN,\"text\":\"a\",\"v\":1e400,\"u\":\"\\ud83d\"}\n", "v,u", NULL,
      "{\"index\":0,\"v\":1e400,\"u\":\"\\ud83d\"\n" },
    { "a.jsonl", "{\"w\":1,\"text\":\"a\",\"w\":2,\"\\ud83d\":3}\n", "w", NULL, "{\"index\":0,\"w\":1\n" },
    /* the input's names, whatever --fields maps */
    { "a.jsonl", "{\"body\":\"a\",\"text\":\"t\"}\n", "body,text", "text=body",
      "{\"index\":0,\"body\":\"a\",\"text\":\"t\"\n" },
    /* pairs, answers, and prompts that are kept */
    { "a.jsonl", "{\"prompt\":\"p\",\"chosen\":\"a\",\"rejected\":\"b\",\"n\":1}\n", "n,prompt", NULL,
      "{\"index\":0,\"n\":1,\"prompt\":\"p\"\n" },
    { "a.jsonl", "{\"prompt\":\"p\",\"responses\":[\"a\",\"b\"],\"n\":[]}\n", "n", NULL, "{\"index\":0,\"n\":[]\n" },
    /* an element of an array becomes one line */
    { "a.json", "[{\"id\":[1,\r\n2],\n\"text\":\"a\"},\n{\"text\":\"b\"}]", "id", NULL,
      "{\"index\":0,\"id\":[1,  2]\n{\"index\":1,\"id\":null\n" },
    /* RFC 4180: cells are strings, quotes doubled or not */
    { "a.csv", "id,text,n\n7,a,\"x, \"\"y\"\"\nz\"\n,b,\\\n", "n,id", NULL,
      "{\"index\":0,\"n\":\"x, \\\"y\\\"\\nz\",\"id\":\"7\"\n{\"index\":1,\"n\":\"\\\\\",\"id\":\"\"\n" },
    { "a.csv", "id,text\n1,a,2\n3,b\n", "id", NULL, "{\"index\":0,\"id\":null\n{\"index\":1,\"id\":\"3\"\n" },
    { "a.tsv", "id\tbody\na,b\tc\n", "id", "text=body", "{\"index\":0,\"id\":\"a,b\"\n" },
};

static void fields_are_kept(void **state)
{
    const char *dir = *state;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct row *row = &rows[i];
        gd_file_options how = from_to(in_dir(dir, row->name), in_dir(dir, "out"), GD_FORMAT_AUTO);
        gd_error err = { 0 };
        gd_status rc;

        write_text(dir, row->name, row->input);
        how.keep = row->keep;
        how.fields = row->fields;
        rc = gd_score_file(model, &how, NULL, NULL, &err);
        if (rc && rc != GD_EITEM)
            fail_msg("row %zu: %s", i, err.text);
        expect_heads(how.output, row->want);
    }
    assert_int_equal(sizeof rows / sizeof rows[0], 20);
}

static void names_that_cannot_be_kept_are_refused(void **state)
{
    static const struct {
        const char *input, *text, *keep, *sentence;
    } bad[] = {
        { "a.jsonl", "{}\n", "id,index", "keep: \"index\" is a name that lines of the output have already" },
        { "a.jsonl", "{}\n", "tokens", "keep: \"tokens\" is a name" },
        { "a.jsonl", "{}\n", "id,,x", "keep: a name is empty" },
        { "a.jsonl", "{}\n", "id,x,id", "keep: \"id\" is given twice" },
        { "a.csv", "text,n\na,1\n", "m", "there is no column \"m\"; the header has text, n" },
        { "a.txt", "a\n", "id", "there is no field \"id\" in plain text" },
    };

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        gd_file_options how = from_to(in_dir(*state, bad[i].input), in_dir(*state, "refused"), GD_FORMAT_AUTO);
        gd_error err = { 0 };

        write_text(*state, bad[i].input, bad[i].text);
        how.keep = bad[i].keep;
        assert_int_equal(gd_score_file(model, &how, NULL, NULL, &err), GD_EUSAGE);
        assert_contains(err.text, bad[i].sentence);
        assert_int_equal(access(how.output, F_OK), -1);
    }
}

static const char prompts[] = "{\"qid\":\"q\\u0031\",\"prompt\":\"Is tea hot? \",\"responses\":[\"Yes.\",\"No.\"]}\n"
                              "{\"qid\":2,\"prompt\":\"Is tea hot? \",\"responses\":[]}\n";

static void pairs_and_rankings_have_them(void **state)
{
    gd_rank_options how;
    gd_error err = { 0 };

    write_text(*state, "in.jsonl", prompts);
    gd_rank_options_init(&how);
    how.input = in_dir(*state, "in.jsonl");
    how.output = in_dir(*state, "ranked");
    how.pairs_output = in_dir(*state, "pairs");
    how.pairs = GD_PAIRS_ALL;
    how.keep = "qid,none";
    assert_int_equal(gd_rank_file(model, &how, NULL, NULL, NULL), GD_EITEM);
    expect_heads(how.output, "{\"index\":0,\"qid\":\"q\\u0031\",\"none\":null\n{\"index\":1,\"qid\":2,\"none\":null\n");
    expect_heads(how.pairs_output, "{\"index\":0,\"qid\":\"q\\u0031\",\"none\":null,\"prompt\":\"Is tea hot? \"\n");
    how.keep = "score_margin"; /* which pairs have */
    assert_int_equal(gd_rank_file(model, &how, NULL, NULL, &err), GD_EUSAGE);
    how.pairs = GD_PAIRS_NONE;
    how.pairs_output = NULL;
    assert_int_equal(gd_rank_file(model, &how, NULL, NULL, NULL), GD_EITEM);
    expect_heads(how.output, "{\"index\":0,\"score_margin\":null\n{\"index\":1,\"score_margin\":null\n");
}

static void scores_of_eval_and_token_ids_have_them(void **state)
{
    static const char pairs[] = "{\"n\":1,\"chosen\":\"a\",\"rejected\":\"b\"}\n{\"n\":2,\"text\":\"a\"}\n";
    const gd_options options = golden_options("qwen2", 0);
    gd_file_options ids = from_to(in_dir(*state, "in.jsonl"), in_dir(*state, "ids"), GD_FORMAT_AUTO);
    gd_eval_options how;
    char *json;

    write_text(*state, "in.jsonl", pairs);
    gd_eval_options_init(&how);
    how.input = ids.input;
    how.scores = in_dir(*state, "scores");
    how.keep = ids.keep = "n";
    assert_int_equal(gd_eval(model, &how, NULL, NULL, &json, NULL), GD_EITEM);
    gd_string_free(json);
    expect_heads(how.scores, "{\"index\":0,\"n\":1\n{\"index\":1,\"n\":2\n");
    assert_ok(gd_tokenize_file(&options, &ids, NULL, NULL, test_err));
    expect_heads(ids.output, "{\"index\":0,\"n\":1\n{\"index\":1,\"n\":2\n");
}

/* Lets each allocation fail in turn. */
static void every_allocation_may_fail(void **state)
{
    const uint64_t live = gd_mem_live();
    gd_file_options how;
    gd_status rc = GD_ENOMEM;
    uint64_t n = 1;

    write_text(*state, "in.jsonl", "{\"id\":7,\"text\":\"a\"}\n");
    for (; rc; n++) {
        gd_error err = { 0 };

        how = from_to(in_dir(*state, "in.jsonl"), in_dir(*state, "out"), GD_FORMAT_AUTO);
        how.keep = "id,m";
        gd_mem_fail_from(n);
        rc = gd_score_file(model, &how, NULL, NULL, &err);
        gd_mem_fail_from(0);
        remove_file(*state, "out.resume");
        assert_int_equal(rc, err.status);
        if (rc && rc != GD_ENOMEM)
            fail_msg("allocation %d: %s", (int)n, err.text);
    }
    assert_true(n > 10);
    assert_int_equal(gd_mem_live(), live);
    expect_heads(how.output, "{\"index\":0,\"id\":7,\"m\":null\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(fields_are_kept, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(names_that_cannot_be_kept_are_refused, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(pairs_and_rankings_have_them, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(scores_of_eval_and_token_ids_have_them, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(every_allocation_may_fail, dir_setup, dir_teardown),
    };

    return cmocka_run_group_tests_name("judge: fields that are kept", tests, filtering_open, filtering_close);
}
