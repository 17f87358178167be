/* test_chat_formats.c - formats by name and by file: what the keys do, and each way in which they can be wrong. */
#include "tests/text/chat_case.h"

#include "text/chat_format.h"

static void names_are_the_files(void **state)
{
    gd_error err = { 0 };
    gd_chat *chat;

    (void)state;
    for (const gd_chat_builtin *b = gd_chat_builtins; b->text; b++) {
        assert_ok(gd_chat_open(&chat, chat_stored(b->name), NULL, NULL, test_err));
        assert_string_equal(gd_chat_name(chat), chat_stored(b->name));
        assert_true(!gd_chat_note(chat) || strlen(gd_chat_note(chat)) > 20);
        gd_chat_close(chat);
    }
    assert_int_equal(gd_chat_open(&chat, "llama-3", NULL, NULL, &err), GD_EUSAGE);
    assert_string_equal(err.text, "the chat format is \"llama-3\", but auto, " CHAT_NAMES
                                  ", or a path that ends in .yaml is expected");
    assert_null(chat);
    err = (gd_error){ 0 };
    assert_int_equal(gd_chat_open(&chat, "/nowhere/own.yaml", NULL, NULL, &err), GD_EIO);
    assert_int_equal(strncmp(err.text, "/nowhere/own.yaml: ", 19), 0);
    assert_null(chat);
}

/* The document names every format, and its example is SmolLM2's template. */
static void the_document_is_right(void **state)
{
    const char *srcdir = getenv("srcdir");
    char path[1100], dir[TEST_PATH], text[32768], *from, *to;
    gd_chat *chat;
    size_t len;
    FILE *f;

    (void)state;
    (void)snprintf(path, sizeof path, "%s/doc/chat-formats.md", srcdir ? srcdir : ".");
    f = fopen(path, "rb");
    assert_non_null(f);
    len = fread(text, 1, sizeof text - 1, f);
    assert_true(feof(f));
    assert_int_equal(fclose(f), 0);
    text[len] = '\0';
    for (const gd_chat_builtin *b = gd_chat_builtins; b->text; b++) {
        char row[100];

        (void)snprintf(row, sizeof row, "\n| `%s` |", b->name);
        assert_non_null(strstr(text, row));
    }
    from = strstr(text, "```yaml\n");
    assert_non_null(from);
    from += 8;
    to = strstr(from, "```");
    assert_non_null(to);
    (void)test_dir(dir);
    write_file(dir, "own.yaml", from, (size_t)(to - from));
    (void)snprintf(path, sizeof path, "%s/own.yaml", dir);
    assert_ok(gd_chat_open(&chat, path, NULL, NULL, test_err));
    assert_int_equal(test_remove(dir), 0);
    assert_string_equal(gd_chat_name(chat), "smollm2");
    check_texts(chat, "smollm2.jsonl");
    gd_chat_close(chat);
}

#define HEAD "format: guerdon-chat/1\nname: x\n"
#define TURNS "turns:\n  user: {before: U, after: V}\n  assistant: {before: A, after: B}\n"
#define SYSTEM "  system: {before: S, after: T}\n"
#define HASH "93c0e9aa3629bbd77e68dbc0f5621f6e6b23aa8d74b932595cdb8d64684526d7"

static const struct {
    const char *text, *sentence;
} bad[] = {
    { "", "f: the file contains no document" },
    { "[]", "f:1:1: a chat format is a list, but a mapping is expected" },
    { "name: x\n" TURNS, "f:1:1: a chat format lacks the key \"format\"" },
    { "format: guerdon-chat/1\n" TURNS, "f:1:1: a chat format lacks the key \"name\"" },
    { HEAD, "f:1:1: a chat format lacks the key \"turns\"" },
    { "format: guerdon-chat/2\nname: x\n" TURNS,
      "f:1:9: format is \"guerdon-chat/2\", but guerdon-chat/1 is expected" },
    { "format: [1]\nname: x\n" TURNS, "f:1:9: format is a list, but a scalar is expected" },
    { "format: guerdon-chat/1\nname: a b\n" TURNS,
      "f:2:7: name is \"a b\", but letters, digits, dots, _ and - are expected, at most 64" },
    { "format: guerdon-chat/1\nname: {}\n" TURNS, "f:2:7: name is a mapping, but a scalar is expected" },
    { "format: guerdon-chat/1\nname: ''\n" TURNS,
      "f:2:7: name is \"\", but letters, digits, dots, _ and - are expected, at most 64" },
    { HEAD TURNS "colour: red\n", "f:6:1: a chat format does not take the key \"colour\"" },
    { HEAD TURNS "start: [x]\n", "f:6:8: start is a list, but a scalar is expected" },
    { HEAD TURNS "note: [x]\n", "f:6:7: note is a list, but a scalar is expected" },
    { HEAD "turns: []\n", "f:3:8: turns is a list, but a mapping is expected" },
    { HEAD "turns: {user: {before: U, after: V}}\n", "f:3:8: turns lacks the key \"assistant\"" },
    { HEAD TURNS "  tool: {before: S, after: T}\n", "f:6:3: turns does not take the key \"tool\"" },
    { HEAD TURNS "  system: {before: S}\n", "f:6:11: system lacks the key \"after\"" },
    { HEAD TURNS "  system: {before: [S], after: T}\n", "f:6:20: before is a list, but a scalar is expected" },
    { HEAD TURNS "  system: {before: S, after: {}}\n", "f:6:30: after is a mapping, but a scalar is expected" },
    { HEAD TURNS "  system: {before: S, after: T, trim: yes}\n",
      "f:6:39: trim is \"yes\", but true or false is expected" },
    { HEAD TURNS "  system: {before: S, after: T, skip_empty: 1}\n",
      "f:6:45: skip_empty is \"1\", but true or false is expected" },
    { HEAD TURNS "  system: {before: S, after: T, middle: M}\n", "f:6:33: system does not take the key \"middle\"" },
    { HEAD TURNS "default_system: x\n", "f:6:17: default_system requires system in turns, or opening_system" },
    { HEAD TURNS SYSTEM "default_system: [x]\n", "f:7:17: default_system is a list, but a scalar is expected" },
    { HEAD TURNS "opening_system: {before: S}\n", "f:6:17: opening_system lacks the key \"after\"" },
    { HEAD TURNS "join_system: {into: first_user}\n", "f:6:14: join_system lacks the key \"between\"" },
    { HEAD TURNS "join_system: {into: any, between: x}\n",
      "f:6:21: into is \"any\", but first_user or final_user is expected" },
    { HEAD TURNS "join_system: {into: first_user, between: []}\n",
      "f:6:42: between is a list, but a scalar is expected" },
    { HEAD TURNS SYSTEM "join_system: {into: first_user, between: x}\n",
      "f:7:14: join_system cannot be combined with system or opening_system" },
    { HEAD TURNS "order: sorted\n", "f:6:8: order is \"sorted\", but any or alternating is expected" },
    { HEAD TURNS "thinking: hard\n", "f:6:11: thinking is \"hard\", but qwen3 or smollm3 is expected" },
    { HEAD "turns:\n  user: {before: U, after: V}\n  assistant: {before: A, after: B, trim: true}\n"
           "thinking: qwen3\n",
      "f:6:11: thinking cannot be combined with trim, after_last or skip_empty of the assistant" },
    { HEAD
      "turns:\n  user: {before: U, after: V}\n  assistant: {before: A, after: B, after_last: C}\nthinking: qwen3\n",
      "f:6:11: thinking cannot be combined with trim, after_last or skip_empty of the assistant" },
    { HEAD TURNS "thinking: smollm3\n", "f:6:11: the thinking of smollm3 requires opening_system and date" },
    { HEAD TURNS "thinking: smollm3\ndate: x\n", "f:6:11: the thinking of smollm3 requires opening_system and date" },
    { HEAD TURNS "thinking: smollm3\nopening_system: {before: O, after: P}\n",
      "f:6:11: the thinking of smollm3 requires opening_system and date" },
    { HEAD TURNS SYSTEM "thinking: smollm3\ndate: x\n",
      "f:7:11: the thinking of smollm3 cannot be combined with default_system, or with system in turns" },
    { HEAD TURNS "thinking: smollm3\ndate: x\nopening_system: {before: O, after: P}\ndefault_system: d\n",
      "f:6:11: the thinking of smollm3 cannot be combined with default_system, or with system in turns" },
    { HEAD TURNS "end: [x]\n", "f:6:6: end is a list, but a scalar is expected" },
    { HEAD TURNS "  system: {before: S, after: T, after_last: {}}\n",
      "f:6:45: after_last is a mapping, but a scalar is expected" },
    { HEAD TURNS "bos_token: [x]\n", "f:6:12: bos_token is a list, but a scalar is expected" },
    { HEAD TURNS "bos_token: x\n", "f:6:12: bos_token is given, but no text has {bos_token}" },
    { HEAD TURNS "start: '{bos_token}'\neos_token: x\n", "f:7:12: eos_token is given, but no text has {eos_token}" },
    { HEAD TURNS "date: x\nstart: '{ date}'\n", "f:6:7: date is given, but no text has {date}" },
    { HEAD TURNS "special_tokens: none\n",
      "f:6:17: special_tokens is \"none\", but in_text or by_tokenizer is expected" },
    { HEAD TURNS "recognises: {bos_token: x}\n", "f:6:13: recognises lacks the key \"templates\"" },
    { HEAD TURNS "recognises: {templates: x}\n", "f:6:25: templates is a scalar, but a list is expected" },
    { HEAD TURNS "recognises: {templates: [abc]}\n",
      "f:6:26: a template is \"abc\", but the 64 hexadecimal digits of its SHA-256 are expected" },
    { HEAD TURNS "recognises: {templates: [[]]}\n", "f:6:26: a template is a list, but a scalar is expected" },
    { HEAD TURNS "recognises: {templates: [], unlike: []}\n", "f:6:37: unlike is a list, but a mapping is expected" },
    { HEAD TURNS "recognises: {templates: [], unlike: {" HASH ": []}}\n",
      "f:6:104: a reason is a list, but a scalar is expected" },
    { HEAD TURNS "recognises: {templates: [], bos_token: []}\n",
      "f:6:40: bos_token is a list, but a scalar is expected" },
    { HEAD TURNS "recognises: {templates: [], eos_token: {}}\n",
      "f:6:40: eos_token is a mapping, but a scalar is expected" },
};

static void bad_files_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        gd_error err = { 0 };
        gd_chat *chat;

        assert_int_not_equal(gd_chat_parse(&chat, bad[i].text, strlen(bad[i].text), "f", NULL, &err), GD_OK);
        assert_string_equal(err.text, bad[i].sentence);
        assert_null(chat);
        assert_int_equal(gd_mem_live(), 0);
    }
}

/* Combinations of keys that no built-in format has. */
static void own_formats_do_what_they_say(void **state)
{
    static const struct {
        const char *keys, *text; /* NULL: fails */
    } cases[] = {
        { SYSTEM, "S y TSzTU w VAaB" },
        { SYSTEM "start: '<'\n", "<S y TSzTU w VAaB" },
        { "opening_system: {before: O, after: P}\n", NULL },
        { SYSTEM "opening_system: {before: O, after: P}\n", "O y PSzTU w VAaB" },
        { SYSTEM "opening_system: {before: O, after: P, trim: true}\n", "OyPSzTU w VAaB" },
        { "  system: {before: S, after: T, trim: true}\n", "SyTSzTU w VAaB" },
        { "  system: {before: S, after: T, trim: true}\nopening_system: {before: O, after: P}\n", "O y PSzTU w VAaB" },
        { SYSTEM "start: '{bos_token}{date}{eos_token}{bos_token'\nbos_token: '{date}'\ndate: today\n",
          "{date}today{eos_token}{bos_tokenS y TSzTU w VAaB" },
        { SYSTEM "end: '>{eos_token}'\neos_token: E\n", "S y TSzTU w VAaB>E" },
        { SYSTEM "end: '{bos_token}'\n", "S y TSzTU w VAaB{bos_token}" },
        { SYSTEM "default_system: ''\n", "S y TSzTU w VAaB" },
        { "  system: {before: S, after: T, after_last: L}\n", "S y TSzTU w VAaB" },
        { SYSTEM "order: alternating\n", NULL },
        { "join_system: {into: first_user, between: '-'}\n", NULL },
    };
    const gd_chat_message messages[] = {
        { literal("system"), literal(" y "), NULL },
        { literal("system"), literal("z"), NULL },
        { literal("user"), literal(" w "), NULL },
        { literal("assistant"), literal("a"), NULL },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        gd_buf yaml = { 0 }, out = { 0 };
        gd_error why = { 0 };
        gd_chat *chat;

        gd_buf_printf(&yaml, "%s%s%s", HEAD, TURNS, cases[i].keys);
        assert_ok(gd_chat_parse(&chat, yaml.data, yaml.len, "f", NULL, test_err));
        assert_int_equal(gd_chat_render(chat, messages, 4, NULL, &out, &why), cases[i].text ? GD_OK : GD_EFORMAT);
        if (cases[i].text)
            assert_string_equal(gd_buf_cstr(&out), cases[i].text);
        gd_chat_close(chat);
        gd_buf_free(&yaml);
        gd_buf_free(&out);
    }
}

static void empty_messages_may_be_skipped(void **state)
{
    static const char text[] = HEAD "turns:\n  user: {before: U, after: V, skip_empty: true}\n"
                                    "  assistant: {before: A, after: B, skip_empty: false}\n"
                                    "  system: {before: S, after: T, trim: true, skip_empty: true}\n";
    static const char *const roles[] = { "system", "user", "assistant", "system", "user", "assistant" };
    static const char *const contents[] = { "", "", "", " ", "u", "a" };
    gd_chat_message messages[6];
    gd_buf out = { 0 };
    gd_chat *chat;

    (void)state;
    for (size_t i = 0; i < 6; i++)
        messages[i] = (gd_chat_message){ literal(roles[i]), literal(contents[i]), NULL };
    assert_ok(gd_chat_parse(&chat, text, sizeof text - 1, "f", NULL, test_err));
    assert_ok(gd_chat_render(chat, messages, 6, NULL, &out, test_err));
    assert_string_equal(gd_buf_cstr(&out), "ABSTUuVAaB");
    gd_buf_free(&out);
    gd_chat_close(chat);
}

/* An empty system message is written where there is none; the last message may end in another way than the others. */
static void ends_and_empty_systems_are_written(void **state)
{
    static const char text[] = HEAD "turns:\n  user: {before: U, after: V, after_last: W}\n"
                                    "  assistant: {before: A, after: B, after_last: ''}\n" SYSTEM
                                    "default_system: ''\nend: '{eos_token}'\neos_token: E\n";
    static const char *const expected[] = { "", "STUuWE", "STUuVAaE", "STUuVAaBUuWE", "STUuVAaBUuVAaE" };
    const gd_chat_message messages[] = { { literal("user"), literal("u"), NULL },
                                         { literal("assistant"), literal("a"), NULL },
                                         { literal("user"), literal("u"), NULL },
                                         { literal("assistant"), literal("a"), NULL } };
    gd_chat *chat;

    (void)state;
    assert_ok(gd_chat_parse(&chat, text, sizeof text - 1, "f", NULL, test_err));
    for (size_t count = 1; count <= 4; count++) {
        gd_buf out = { 0 };

        assert_ok(gd_chat_render(chat, messages, count, NULL, &out, test_err));
        assert_string_equal(gd_buf_cstr(&out), expected[count]);
        gd_buf_free(&out);
    }
    gd_chat_close(chat);
}

/* A date follows the name of a format that writes one. */
static void dates_are_checked(void **state)
{
    static const struct {
        const char *format, *sentence;
    } cases[] = {
        { "smollm3", "the chat format is \"smollm3\", which writes a date: say which, as in \"smollm3:26 July 2024\"" },
        { "gemma:1 May 2025", "the chat format is \"gemma:1 May 2025\", but gemma has no date" },
        { "llama3.2:", "the chat format is \"llama3.2:\", but a date of 1 to 40 bytes in one line is expected after "
                       "\"llama3.2:\"" },
        { "llama3.2:1\n2", "the chat format is \"llama3.2:1?2\", but a date of 1 to 40 bytes in one line is expected "
                           "after \"llama3.2:\"" },
        { "llama3.2:12345678901234567890123456789012345678901",
          "the chat format is \"llama3.2:12345678901234567890123456789012345678901\", but a date of 1 to 40 bytes in "
          "one "
          "line is expected after \"llama3.2:\"" },
    };
    gd_chat *chat;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        gd_error err = { 0 };

        assert_int_equal(gd_chat_open(&chat, cases[i].format, NULL, NULL, &err), GD_EUSAGE);
        assert_string_equal(err.text, cases[i].sentence);
        assert_null(chat);
    }
    assert_true(gd_chat_is_builtin("llama3.1:1 May 2025") && gd_chat_is_builtin("auto") && gd_chat_is_builtin("hh"));
    assert_false(gd_chat_is_builtin("llama3.3:1 May 2025") || gd_chat_is_builtin("") || gd_chat_is_builtin("own.yaml"));
    assert_ok(gd_chat_open(&chat, "llama3.1:1 May 2025", NULL, NULL, test_err));
    assert_string_equal(gd_chat_name(chat), "llama3.1:1 May 2025");
    assert_non_null(strstr(gd_chat_note(chat), "\"Today Date: 1 May 2025\""));
    gd_chat_close(chat);
}

/* The user message that a system message goes into need not be the next one. */
static void a_system_message_finds_its_user(void **state)
{
    static const char text[] = HEAD TURNS "join_system: {into: first_user, between: '-'}\n";
    const gd_chat_message messages[] = {
        { literal("system"), literal("y"), NULL },    { literal("assistant"), literal("a"), NULL },
        { literal("user"), literal("w"), NULL },      { literal("user"), literal("v"), NULL },
        { literal("assistant"), literal("b"), NULL },
    };
    gd_buf out = { 0 };
    gd_chat *chat;

    (void)state;
    assert_ok(gd_chat_parse(&chat, text, sizeof text - 1, "f", NULL, test_err));
    assert_ok(gd_chat_render(chat, messages, 5, NULL, &out, test_err));
    assert_string_equal(gd_buf_cstr(&out), "AaBUy-wVUvVAbB");
    gd_chat_close(chat);
    gd_buf_free(&out);
}

/* Any one byte of a format changed, or the end cut off: no crash and no leak. */
static void damage_is_survived(void **state)
{
    char copy[4096];

    (void)state;
    for (const gd_chat_builtin *b = gd_chat_builtins; b->text; b++) {
        assert_true(b->len < sizeof copy);
        for (size_t i = 0; i < b->len; i++) {
            for (int how = 0; how < 3; how++) {
                gd_error err = { 0 };
                gd_chat *chat;

                memcpy(copy, b->text, b->len);
                copy[i] = how == 0 ? '[' : how == 1 ? (char)(copy[i] ^ 1) : ' ';
                (void)gd_chat_parse(&chat, copy, how == 2 ? i : b->len, "f", NULL, &err);
                assert_true((chat != NULL) != (err.text[0] != '\0'));
                gd_chat_close(chat);
                assert_int_equal(gd_mem_live(), 0);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_the_files),
        cmocka_unit_test(the_document_is_right),
        cmocka_unit_test(bad_files_are_refused),
        cmocka_unit_test(own_formats_do_what_they_say),
        cmocka_unit_test(empty_messages_may_be_skipped),
        cmocka_unit_test(ends_and_empty_systems_are_written),
        cmocka_unit_test(dates_are_checked),
        cmocka_unit_test(a_system_message_finds_its_user),
        cmocka_unit_test(damage_is_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
