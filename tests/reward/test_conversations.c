/* test_conversations.c - a conversation in a record becomes the text that its format defines, and loses its oldest
 * turns first. */
#include "tests/quant-free/files.h"
#include "tests/reward/golden.h"

#define MESSAGE(role, content) "{\"role\":\"" role "\",\"content\":\"" content "\"}"
#define SYSTEM MESSAGE("system", "Be brief.")
#define OLD MESSAGE("user", "Is ice hot?") "," MESSAGE("assistant", "It is not.")
#define NEW MESSAGE("user", "Is tea hot?")
#define YES MESSAGE("assistant", "Yes.")

static char *ids_of(const char *dir, const char *input, const gd_options *how, gd_status want)
{
    const char *output = in_dir(dir, "ids.jsonl");
    char *text = calloc(1, 1 << 16);
    gd_file_options files;
    FILE *f;

    write_text(dir, "in.jsonl", input);
    files = from_to(in_dir(dir, "in.jsonl"), output, GD_FORMAT_AUTO);
    assert_int_equal(gd_tokenize_file(how, &files, NULL, NULL, NULL), want);
    f = fopen(output, "r");
    assert_true(f && text);
    assert_true(fread(text, 1, (1 << 16) - 1, f) > 0);
    assert_int_equal(fclose(f), 0);
    return text;
}

static void same_ids(const char *dir, const char *a, const char *b, const gd_options *how)
{
    char *want = ids_of(dir, b, how, GD_OK), *have = ids_of(dir, a, how, GD_OK);

    assert_string_equal(have, want);
    free(want);
    free(have);
}

static gd_options with_format(const char *format)
{
    gd_options options = golden_options("qwen2", 0);

    options.chat_format = format;
    options.max_length = 0;
    return options;
}

static void a_conversation_is_its_text(void **state)
{
    gd_options options = with_format("chatml");

    same_ids(*state, "{\"messages\":[" NEW "," YES "]}\n",
             "{\"text\":\"<|im_start|>user\\nIs tea hot?<|im_end|>\\n<|im_start|>assistant\\nYes.<|im_end|>\\n\"}\n",
             &options);
    options = with_format("hh");
    same_ids(*state, "{\"messages\":[" NEW "," YES "]}\n",
             "{\"text\":\"\\n\\nHuman: Is tea hot?\\n\\nAssistant: Yes.\"}\n", &options);
}

/* It doesn't matter how a conversation is divided into prompt and answer. */
static void parts_make_one_conversation(void **state)
{
    static const char whole[] = "{\"messages\":[" SYSTEM "," NEW "," YES "]}\n";
    const gd_options options = with_format("chatml");

    same_ids(*state, "{\"prompt\":[" SYSTEM "," NEW "],\"response\":\"Yes.\"}\n", whole, &options);
    same_ids(*state, "{\"prompt\":[" SYSTEM "," NEW "],\"response\":[" YES "]}\n", whole, &options);
    same_ids(*state, "{\"text\":[" SYSTEM "," NEW "," YES "]}\n", whole, &options);
    same_ids(*state, "{\"prompt\":[" NEW "],\"chosen\":\"Yes.\",\"rejected\":[" YES "]}\n",
             "{\"chosen\":[" NEW "," YES "],\"rejected\":[" NEW "," YES "]}\n", &options);
    same_ids(*state, "{\"prompt\":[" NEW "],\"responses\":[\"Yes.\",[" YES "]]}\n",
             "{\"prompt\":[" NEW "],\"responses\":[[" YES "],\"Yes.\"]}\n", &options);
}

static void the_oldest_turns_go_first(void **state)
{
    static const char all[] = "{\"messages\":[" SYSTEM "," OLD "," OLD "," NEW "," YES "]}\n";
    gd_options options = with_format("chatml");
    char *left = ids_of(*state, "{\"messages\":[" SYSTEM "," NEW "," YES "]}\n", &options, GD_OK), *have;
    const size_t len = strlen(left) - 2; /* without the brace and the newline */
    size_t tokens = 1;

    for (const char *p = left; *p; p++)
        tokens += *p == ',' && p[1] >= '0' && p[1] <= '9';
    options.truncate = GD_TRUNCATE_OLDEST_TURNS;
    options.max_length = tokens + 2; /* no room for any other turn */
    have = ids_of(*state, all, &options, GD_OK);
    assert_memory_equal(have, left, len);
    assert_string_equal(have + len, ",\"truncated\":true}\n");
    free(have);
    options.max_length = tokens;
    have = ids_of(*state, all, &options, GD_OK);
    assert_memory_equal(have, left, len);
    free(have);
    options.max_length = tokens - 1; /* what must stay is too long by itself */
    have = ids_of(*state, all, &options, GD_EITEM);
    assert_non_null(strstr(have, "there are no older turns to drop"));
    free(have);
    free(left);
}

static void expect_problem(const char *dir, const char *input, const char *why)
{
    const gd_options options = with_format("gemma");
    char *have = ids_of(dir, input, &options, GD_EITEM);

    assert_contains(have, why);
    free(have);
}

static void bad_conversations_are_errors(void **state)
{
    gd_options options = with_format(NULL);
    gd_file_options files;
    char *have = ids_of(*state, "{\"messages\":[" NEW "," YES "]}\n", &options, GD_EITEM);

    assert_non_null(strstr(have, "pass --chat-format with one of hh, chatml"));
    free(have);
    expect_problem(*state, "{\"messages\":[" NEW "]}\n", "messages: the conversation has no assistant turn");
    expect_problem(*state, "{\"prompt\":[" NEW "],\"response\":[" NEW "]}\n", "response: the conversation has no");
    expect_problem(*state, "{\"messages\":[" SYSTEM "," NEW "," YES "]}\n", "system");
    expect_problem(*state, "{\"messages\":[{\"role\":\"user\"}]}\n",
                   "message 0 of the field \\\"messages\\\": its content is missing");
    expect_problem(*state, "{\"prompt\":\"p\",\"response\":[" YES "]}\n",
                   "the field \\\"prompt\\\" is a text and \\\"response\\\" a conversation; --turns on");
    expect_problem(*state, "{\"prompt\":[],\"response\":\"a\"}\n", "the field \\\"prompt\\\" is an empty list");
    options.chat_format = "nonesuch";
    files = from_to(in_dir(*state, "in.jsonl"), in_dir(*state, "x"), GD_FORMAT_AUTO);
    assert_int_equal(gd_tokenize_file(&options, &files, NULL, NULL, NULL), GD_EUSAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_conversation_is_its_text, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(parts_make_one_conversation, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(the_oldest_turns_go_first, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(bad_conversations_are_errors, dir_setup, dir_teardown),
    };

    return cmocka_run_group_tests_name("reward: conversations", tests, NULL, NULL);
}
