/* test_chat_tools.c - functions, calls and results become the texts of the templates; what those would lose is refused,
 * and so are tools where a format has none. */
#include "tests/text/chat_case.h"

#include "text/chat_format.h"

/* Messages of JSON, with their calls; room for MOST_MESSAGES. */
static size_t read_messages(const json_t *list, gd_chat_message *messages)
{
    const size_t count = json_array_size(list);

    assert_in_range(count, 1, MOST_MESSAGES);
    for (size_t i = 0; i < count; i++) {
        const json_t *one = json_array_get(list, i), *content = json_object_get(one, "content");

        messages[i] = (gd_chat_message){ text_of(json_object_get(one, "role")), literal(""),
                                         json_object_get(one, "tool_calls") };
        if (json_is_string(content))
            messages[i].content = text_of(content);
    }
    return count;
}

static void check_line(const json_t *line, size_t number)
{
    const json_t *want = json_object_get(line, "text");
    gd_chat_message messages[MOST_MESSAGES];
    const size_t count = read_messages(json_object_get(line, "messages"), messages);
    gd_buf out = { 0 };
    gd_error why = { 0 };
    gd_chat *chat;
    gd_status rc;

    assert_ok(gd_chat_open(&chat, json_string_value(json_object_get(line, "format")), NULL, NULL, test_err));
    rc = gd_chat_render(chat, messages, count, json_object_get(line, "tools"), &out, &why);
    if (!want && (rc != GD_EFORMAT || !why.text[0] || out.len))
        fail_msg("tools.jsonl:%zu: the conversation must fail without writing anything", number);
    if (want && rc)
        fail_msg("tools.jsonl:%zu: %s", number, why.text);
    if (want && (out.len != json_string_length(want) || memcmp(out.data, json_string_value(want), out.len) != 0))
        fail_msg("tools.jsonl:%zu: got \"%.*s\", expected \"%s\"", number, (int)out.len, out.data,
                 json_string_value(want));
    gd_buf_free(&out);
    gd_chat_close(chat);
}

static void tools_are_the_templates_text(void **state)
{
    json_t *lines = chat_lines("tools.jsonl");

    (void)state;
    assert_in_range(json_array_size(lines), 250, 1000);
    for (size_t i = 0; i < json_array_size(lines); i++)
        check_line(json_array_get(lines, i), i + 1);
    json_decref(lines);
}

#define TOOLS "[{\"name\":\"f\"}]"
#define CALL "{\"function\":{\"name\":\"f\",\"arguments\":{}}}"
#define USER "{\"role\":\"user\",\"content\":\"q\"}"
#define ANSWER(content, calls) "{\"role\":\"assistant\",\"content\":\"" content "\",\"tool_calls\":[" calls "]}"

static void what_fails_has_its_sentence(void **state)
{
    static const struct {
        const char *format, *messages, *tools, *sentence;
    } cases[] = {
        { "llama3", "[" USER "]", TOOLS,
          "the conversation has tools, which the chat format llama3 does not write; --fields tools=_ scores it without "
          "them" },
        { "hh", "[" USER "," ANSWER("", CALL) "]", NULL,
          "message 1 has tool calls, which the chat format hh does not write: remove them, or score the text that the "
          "template makes, as \"text\"" },
        { "gemma", "[" USER ",{\"role\":\"tool\",\"content\":\"x\"}]", NULL,
          "message 1 has the role \"tool\", but system, user or assistant is expected (chat format gemma)" },
        { "qwen3", "[{\"role\":\"user\",\"content\":\"q\",\"tool_calls\":[" CALL "]}]", NULL,
          "message 0 has tool calls, but only the assistant calls tools" },
        { "qwen3", "[" USER "," ANSWER("", CALL ",{\"name\":\"f\"}") "]", NULL,
          "message 1: tool call 1 has no name and arguments, which are expected" },
        { "qwen2.5", "[" USER "," ANSWER("", "{\"function\":{\"name\":1,\"arguments\":{}}}") "]", NULL,
          "message 1: tool call 0 has no name and arguments, which are expected" },
        { "llama3.1", "[" USER "," ANSWER("", CALL "," CALL) "]", NULL,
          "message 1 has 2 tool calls, but one is expected (chat format llama3.1)" },
        { "llama3.1", "[" USER "," ANSWER("So", CALL) "]", NULL,
          "message 1 has a tool call and a content, which would be lost (chat format llama3.1)" },
        { "llama3.1", "[" USER "," ANSWER("", "{\"name\":\"f\",\"arguments\":{}}") "]", NULL,
          "message 1 has a call without a \"function\", which is expected (chat format llama3.1)" },
        { "llama3.1", "[{\"role\":\"assistant\",\"content\":\"a\"}]", TOOLS,
          "tools go into the first message, which must be the user's, or follow a system message (chat format "
          "llama3.1)" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *list = json_loads(cases[i].messages, 0, NULL);
        json_t *tools = cases[i].tools ? json_loads(cases[i].tools, 0, NULL) : NULL;
        gd_chat_message messages[MOST_MESSAGES];
        const size_t count = read_messages(list, messages);
        gd_buf out = { 0 };
        gd_error why = { 0 };
        gd_chat *chat;

        assert_ok(gd_chat_open(&chat, cases[i].format, NULL, NULL, test_err));
        assert_int_equal(gd_chat_render(chat, messages, count, tools, &out, &why), GD_EFORMAT);
        assert_string_equal(why.text, cases[i].sentence);
        assert_int_equal(out.len, 0);
        gd_buf_free(&out);
        gd_chat_close(chat);
        json_decref(list);
        json_decref(tools);
    }
}

#define HEAD "format: guerdon-chat/1\nname: x\n"
#define TURNS "turns:\n  user: {before: U, after: V}\n  assistant: {before: A, after: B}\n"
#define SYSTEM "  system: {before: S, after: T}\n"

static void tools_require_what_they_write_into(void **state)
{
    static const char combined[] =
        "f:7:8: tools cannot be combined with order: alternating, the thinking of smollm3, after_last or skip_empty";
    static const char opening[] = "f:7:8: the tools of llama3.1 require an opening_system that begins like system in "
                                  "turns, and trim of the assistant";
    static const struct {
        const char *text, *sentence;
    } cases[] = {
        { HEAD TURNS "tools: gpt\n", "f:6:8: tools is \"gpt\", but qwen2.5, qwen3 or llama3.1 is expected" },
        { HEAD TURNS "tools: []\n", "f:6:8: tools is a list, but a scalar is expected" },
        { HEAD TURNS "tools: qwen3\n", "f:6:8: tools require system in turns" },
        { HEAD TURNS SYSTEM "tools: qwen3\norder: alternating\n", combined },
        { HEAD TURNS "  system: {before: S, after: T, skip_empty: true}\ntools: qwen3\n", combined },
        { HEAD TURNS SYSTEM "tools: llama3.1\n", opening },
        { HEAD TURNS SYSTEM "tools: llama3.1\nopening_system: {before: O, after: P}\n", opening },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        gd_error err = { 0 };
        gd_chat *chat;

        assert_int_not_equal(gd_chat_parse(&chat, cases[i].text, strlen(cases[i].text), "f", NULL, &err), GD_OK);
        assert_string_equal(err.text, cases[i].sentence);
        assert_null(chat);
    }
}

static void without_memory_tools_say_so(void **state)
{
    json_t *list = json_loads("[" USER "," ANSWER("x", CALL) "]", 0, NULL), *tools = json_loads(TOOLS, 0, NULL);
    gd_chat_message messages[MOST_MESSAGES];
    const size_t count = read_messages(list, messages);
    gd_status rc = GD_ENOMEM;
    gd_chat *chat;

    (void)state;
    assert_ok(gd_chat_open(&chat, "qwen3", NULL, NULL, test_err));
    for (uint64_t n = 1; rc; n++) {
        gd_error err = { 0 };
        gd_buf out = { 0 };

        gd_mem_fail_from(n);
        rc = gd_chat_render(chat, messages, count, tools, &out, &err);
        gd_mem_fail_from(0);
        assert_true(rc == GD_OK || rc == GD_ENOMEM);
        gd_buf_free(&out);
        assert_in_range(n, 1, 100);
    }
    gd_chat_close(chat);
    json_decref(list);
    json_decref(tools);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tools_are_the_templates_text),
        cmocka_unit_test(what_fails_has_its_sentence),
        cmocka_unit_test(tools_require_what_they_write_into),
        cmocka_unit_test(without_memory_tools_say_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
