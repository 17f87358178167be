/* test_rows.c - what the program says of its input: turns that are made of texts, a chat format that was of no use, and
 * a file that was taken for a text. */
#include "tests/cli/program.h"
#include "tests/fields.h"

#include <unistd.h>

static const char texts[] =
    "{\"prompt\":\"Is tea hot?\",\"chosen\":\"Yes, mostly.\",\"rejected\":\"No.\",\"subset\":\"mt-bench-easy\"}\n";
static const char talks[] =
    "{\"chosen\":[{\"role\":\"user\",\"content\":\"Is tea hot?\"},{\"role\":\"assistant\",\"content\":\"Yes, "
    "mostly.\"}],"
    "\"rejected\":[{\"role\":\"user\",\"content\":\"Is tea hot?\"},{\"role\":\"assistant\",\"content\":\"No.\"}]}\n";

/* The margin that eval reports, and its details, freed by the caller. */
static double margin_of(const program_run *run, json_t **root)
{
    assert_int_equal(run->status, 0);
    *root = parsed(run->out);
    return real(*root, "margin");
}

static program_run evaluate(const char *input, const char *a, const char *b, const char *c, const char *d)
{
    return program(input, "eval", "--model", program_golden("qwen2"), "--json", a, b, c, d, NULL);
}

/* As the same conversations would be scored; the summary of a run goes unsaid off a terminal. */
static void rewardbench_makes_turns(void **state)
{
    const char *input = program_path("texts.jsonl"), *spelled = program_path("talks.jsonl");
    program_run run;
    json_t *root;
    double turns, joined;

    (void)state;
    program_write(input, texts);
    program_write(spelled, talks);
    run = evaluate(spelled, "--chat-format", "chatml", NULL, NULL);
    turns = margin_of(&run, &root);
    assert_true(json_is_null(field(part(root, "details"), "turns")));
    json_decref(root);
    program_forget(&run);

    run = evaluate(input, "--chat-format=chatml", "--weights=rewardbench", NULL, NULL);
    assert_quiet(&run);
    assert_true(margin_of(&run, &root) == turns);
    assert_string_equal(json_string_value(field(part(root, "details"), "turns")), "chatml");
    json_decref(root);
    program_forget(&run);

    run = evaluate(input, "--chat-format=chatml", "--turns=on", NULL, NULL);
    assert_true(margin_of(&run, &root) == turns);
    json_decref(root);
    program_forget(&run);

    run = evaluate(input, "--weights=rewardbench", NULL, NULL, NULL); /* the model has no format */
    joined = margin_of(&run, &root);
    assert_true(joined != turns);
    assert_contains(run.errors, "guerdon: note: prompts and answers were joined, not made turns as RewardBench does");
    json_decref(root);
    program_forget(&run);

    run = evaluate(input, "--chat-format=chatml", "--weights=rewardbench", "--turns=off", NULL);
    assert_true(margin_of(&run, &root) == joined);
    assert_null(strstr(run.errors, "prompts and answers were joined"));
    json_decref(root);
    program_forget(&run);

    run = program(input, "eval", "--model", program_golden("qwen2"), "--chat-format=chatml", "--weights=rewardbench",
                  NULL);
    assert_contains(run.out, "\nturns           the user's and the assistant's of each prompt and answer, in the chat "
                             "format chatml\n");
    program_forget(&run);
}

#define UNUSED "guerdon: note: --chat-format chatml was not used, since no item is a conversation"

/* Turns are the way out where every item has a prompt; elsewhere they would be errors. */
static void turns_are_advised_where_they_can_be_made(void **state)
{
    static const struct {
        const char *items;
        bool prompts;
    } rows[] = { { "{\"prompt\":\"Hi\",\"response\":\"a\"}\n", true },
                 { "{\"chosen\":\"a\",\"rejected\":\"b\"}\n", false },
                 { "{\"prompt\":\"Hi\",\"response\":\"a\"}\n{\"text\":\"b\"}\n", false } };
    const char *input = program_path("in.jsonl");

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        program_run run;

        program_write(input, rows[i].items);
        run = program(NULL, "score", "--model", program_golden("qwen2"), "--chat-format", "chatml", "--quiet",
                      "--input", input, NULL);
        assert_int_equal(run.status, 0);
        assert_contains(run.errors, UNUSED);
        assert_int_equal(strstr(run.errors, "--turns on") != NULL, rows[i].prompts);
        program_forget(&run);
        run = program(NULL, "score", "--model", program_golden("qwen2"), "--chat-format", "chatml", "--quiet",
                      "--turns", "on", "--input", input, NULL);
        assert_int_equal(run.status, !rows[i].prompts);
        program_forget(&run);
    }
}

static void a_format_without_conversations_is_said(void **state)
{
    static const char note[] = UNUSED;
    const char *const commands[] = { "score", "tokenize", "rank" };
    const char *input = program_path("in.jsonl");

    (void)state;
    for (size_t i = 0; i < 3; i++)
        for (int talk = 0; talk < 2; talk++) {
            program_run run;

            program_write(input,
                          talk ? "{\"prompt\":[{\"role\":\"user\",\"content\":\"Hi\"}],\"responses\":[\"a\",\"b\"]}\n"
                               : "{\"prompt\":\"Hi\",\"responses\":[\"a\",\"b\"]}\n");
            run = program(NULL, commands[i], "--model", program_golden("qwen2"), "--chat-format", "chatml", "--quiet",
                          "--input", input, NULL);
            assert_int_equal(run.status, 0);
            assert_int_equal(strstr(run.errors, note) != NULL, !talk);
            program_forget(&run);
        }
}

/* The second time, too: joined, these answers would repeat their prompt, which is an error. */
static void both_passes_of_a_filter_make_turns(void **state)
{
    static const char row[] =
        "{\"prompt\":\"Good morning\",\"chosen\":\"Good morning to you\",\"rejected\":\"Good morning.\"}\n";
    const char *input = program_path("in.jsonl");
    program_run run;

    (void)state;
    program_write(input, row);
    run = program(NULL, "filter", "--model", program_golden("qwen2"), "--chat-format=chatml", "--turns=on", "--quiet",
                  "--top-fraction=1", "--input", input, NULL);
    assert_quiet(&run);
    assert_string_equal(run.out, row);
    program_forget(&run);
    run = program(NULL, "filter", "--model", program_golden("qwen2"), "--quiet", "--top-fraction=1", "--input", input,
                  NULL);
    assert_int_equal(run.status, 1);
    assert_contains(run.errors, "all answers begin with the text of \"prompt\"");
    program_forget(&run);
}

static void turns_need_a_format(void **state)
{
    program_run run = program(NULL, "score", "--model", program_golden("qwen2"), "--turns", "on", "x", NULL);

    (void)state;
    assert_int_equal(run.status, 3);
    assert_contains(run.errors, "turns need a chat format, and ");
    program_forget(&run);
    run = program(NULL, "score", "--model", program_golden("qwen2"), "--turns", "often", "x", NULL);
    assert_int_equal(run.status, 2);
    assert_contains(run.errors, "--turns=often: expected auto|on|off");
    program_forget(&run);
}

static void a_file_is_not_a_text(void **state)
{
    const char *input = program_path("pairs.jsonl");
    const char *const commands[] = { "score", "tokenize" };

    (void)state;
    program_write(input, texts);
    for (size_t i = 0; i < 2; i++) {
        program_run run = program(NULL, commands[i], "--model", program_golden("qwen2"), "a text", input, NULL);
        char wanted[1024];

        (void)snprintf(wanted, sizeof wanted, "%s is a file, and texts are expected here: --input %s scores", input,
                       input);
        assert_int_equal(run.status, 2);
        assert_string_equal(run.out, "");
        assert_contains(run.errors, wanted);
        program_forget(&run);
        assert_int_equal(unlink(input), 0);
        run = program(NULL, commands[i], "--model", program_golden("qwen2"), "/", input, NULL); /* none is a file */
        assert_int_equal(run.status, 0);
        assert_int_equal(program_lines(run.out), 2);
        program_forget(&run);
        program_write(input, texts);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rewardbench_makes_turns),
        cmocka_unit_test(turns_are_advised_where_they_can_be_made),
        cmocka_unit_test(a_format_without_conversations_is_said),
        cmocka_unit_test(both_passes_of_a_filter_make_turns),
        cmocka_unit_test(turns_need_a_format),
        cmocka_unit_test(a_file_is_not_a_text),
    };

    return cmocka_run_group_tests_name("cli: rows", tests, NULL, program_end);
}
