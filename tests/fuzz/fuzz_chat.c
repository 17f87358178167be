/* fuzz_chat.c - a chat format in YAML, and conversations written in it. */
#include "tests/fuzz/fuzz.h"

#include "text/chat_format.h"

static gd_chat_message message(const char *role, const char *content)
{
    return (gd_chat_message){ .role = { role, strlen(role) }, .content = { content, strlen(content) } };
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const gd_chat_message messages[] = { message("system", " be brief\n"),
                                         message("user", "<think>why?"),
                                         message("assistant", "<think>\nso\n</think>\n\nyes "),
                                         message("user", ""),
                                         message("assistant", "no"),
                                         message("tool", "x") };
    const size_t count = sizeof messages / sizeof messages[0];
    gd_error err = { 0 };
    gd_chat *chat;

    if (fuzz_accepted(gd_chat_parse(&chat, (const char *)data, size, "chat.yaml", NULL, &err), &err)) {
        for (size_t from = 0; from < 2; from++) {
            for (size_t n = 0; from + n <= count; n++) {
                gd_buf text = { 0 };

                err = (gd_error){ 0 };
                if (!fuzz_accepted(gd_chat_render(chat, messages + from, n, NULL, &text, &err), &err))
                    assert_int_equal(text.len, 0);
                gd_buf_free(&text);
            }
        }
        gd_chat_close(chat);
    }
    return fuzz_end();
}
