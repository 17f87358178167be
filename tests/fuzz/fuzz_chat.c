/* fuzz_chat.c - a chat format in YAML, and conversations written in it. */
#include "tests/fuzz/fuzz.h"

#include "text/chat_format.h"

static gd_chat_message message(const char *role, const char *content)
{
    return (gd_chat_message){ .role = { role, strlen(role) }, .content = { content, strlen(content) } };
}

/* Renders with and without a function that may be called, and is. */
static void render(const gd_chat *chat, const gd_chat_message *messages, size_t count)
{
    json_t *tools = json_pack("[{s:s}]", "name", "f");

    for (size_t with = 0; with < 2; with++) {
        gd_error err = { 0 };
        gd_buf text = { 0 };

        if (!fuzz_accepted(gd_chat_render(chat, messages, count, with ? tools : NULL, &text, &err), &err))
            assert_int_equal(text.len, 0);
        gd_buf_free(&text);
    }
    json_decref(tools);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t *calls = json_pack("[{s:{s:s,s:{}}}]", "function", "name", "f", "arguments");
    const gd_chat_message messages[] = { message("system", " be brief\n"),
                                         message("user", "<think>why?"),
                                         message("assistant", "<think>\nso\n</think>\n\nyes "),
                                         message("user", ""),
                                         { .role = { "assistant", 9 }, .content = { "", 0 }, .calls = calls },
                                         message("tool", "x"),
                                         message("assistant", "no") };
    const size_t count = sizeof messages / sizeof messages[0];
    gd_error err = { 0 };
    gd_chat *chat;

    if (fuzz_accepted(gd_chat_parse(&chat, (const char *)data, size, "chat.yaml", NULL, &err), &err)) {
        for (size_t from = 0; from < 2; from++) {
            for (size_t n = 0; from + n <= count; n++)
                render(chat, messages + from, n);
        }
        gd_chat_close(chat);
    }
    json_decref(calls);
    return fuzz_end();
}
