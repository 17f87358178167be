/* chat_case.h - shared by the tests of chat formats: the stored conversations, and a scratch directory. */
#ifndef GD_TESTS_CHAT_CASE_H
#define GD_TESTS_CHAT_CASE_H

#include "tests/check.h"

#include "base/buf.h"
#include "base/mem.h"
#include "text/chat_format.h"

#include <jansson.h>
#include <unistd.h>

#define MOST_MESSAGES 64

/* The built-in formats, as error messages list them. */
#define CHAT_NAMES                                                                                                    \
    "hh, chatml, qwen2, qwen2.5, qwen3, smollm2, smollm3, llama3, llama3.1, llama3.2, tulu, olmo2, zephyr, mistral, " \
    "mistral-v0.1, mistral-v0.1-2023, mistral-v0.2-2023, gemma, gemma3, phi4, phi4-2024, internlm2"

/* The format that the stored texts of a built-in format were written in: with a date, if it is not the default. */
static inline const char *chat_stored(const char *name)
{
    return !strcmp(name, "smollm3")    ? "smollm3:26 July 2024"
           : !strcmp(name, "llama3.2") ? "llama3.2:05 Dec 2025"
                                       : name;
}

/* The lines of a JSONL file in data/chat, as a list. */
static inline json_t *chat_lines(const char *name)
{
    json_t *list = json_array();
    char path[1024], sub[200];
    json_error_t at;
    json_t *line;
    FILE *f;

    (void)snprintf(sub, sizeof sub, "chat/%s", name);
    f = fopen(test_data(path, sizeof path, sub), "rb");
    if (!f)
        fail_msg("cannot open %s", path);
    while ((line = json_loadf(f, JSON_ALLOW_NUL | JSON_DISABLE_EOF_CHECK, &at)))
        assert_int_equal(json_array_append_new(list, line), 0);
    assert_true(feof(f));
    assert_int_equal(fclose(f), 0);
    assert_true(json_array_size(list) > 0);
    return list;
}

static inline gd_text text_of(const json_t *string)
{
    assert_true(json_is_string(string));
    return (gd_text){ json_string_value(string), json_string_length(string) };
}

/* Room for MOST_MESSAGES, which are valid as long as the list. */
static inline size_t messages_of(const json_t *list, gd_chat_message *messages)
{
    const size_t count = json_array_size(list);

    assert_true(json_is_array(list) && count <= MOST_MESSAGES);
    for (size_t i = 0; i < count; i++) {
        const json_t *one = json_array_get(list, i);

        messages[i].role = text_of(json_object_get(one, "role"));
        messages[i].content = text_of(json_object_get(one, "content"));
        messages[i].calls = NULL;
    }
    return count;
}

static inline gd_text literal(const char *s) { return (gd_text){ s, strlen(s) }; }

static inline bool has_result(const gd_chat_message *messages, size_t count)
{
    bool found = false;

    for (size_t i = 0; i < count; i++)
        found |= gd_message_is(&messages[i], GD_ROLE_TOOL);
    return found;
}

/* Each conversation of chat/conversations.jsonl gives the text in `file`, or fails, as one with what a tool returned
 * does in a format without tools. */
static inline void check_texts(const gd_chat *chat, const char *file)
{
    json_t *conversations = chat_lines("conversations.jsonl"), *expected = chat_lines(file);
    size_t texts = 0, failures = 0;
    gd_chat_message messages[MOST_MESSAGES];
    gd_buf out = { 0 };

    assert_int_equal(json_array_size(conversations), json_array_size(expected));
    for (size_t i = 0; i < json_array_size(expected); i++) {
        const json_t *want = json_object_get(json_array_get(expected, i), "text");
        const size_t count = messages_of(json_array_get(conversations, i), messages);
        gd_error why = { 0 };
        gd_status rc;

        if (chat->tools == GD_TOOLS_NO && has_result(messages, count))
            want = NULL;
        gd_buf_clear(&out);
        rc = gd_chat_render(chat, messages, count, NULL, &out, &why);
        if (!want && (rc != GD_EFORMAT || !why.text[0] || out.len))
            fail_msg("%s:%zu: the conversation must fail without writing anything", file, i + 1);
        if (want && rc)
            fail_msg("%s:%zu: %s", file, i + 1, why.text);
        if (want && (out.len != json_string_length(want) || memcmp(out.data, json_string_value(want), out.len) != 0))
            fail_msg("%s:%zu: got \"%.*s\", expected \"%s\"", file, i + 1, (int)out.len, out.data,
                     json_string_value(want));
        texts += want != NULL;
        failures += !want;
    }
    assert_in_range(texts, 60, 1000);
    assert_in_range(failures, 1, 1000);
    gd_buf_free(&out);
    json_decref(conversations);
    json_decref(expected);
}

/* ---- a checkpoint's directory ---- */

static inline void write_file(const char *dir, const char *name, const void *data, size_t len)
{
    char path[1200];
    FILE *f;

    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
}

static inline void write_json(const char *dir, const char *name, json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_ALLOW_NUL);

    assert_non_null(text);
    write_file(dir, name, text, strlen(text));
    free(text);
}

static inline void remove_file(const char *dir, const char *name)
{
    char path[1200];

    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    (void)unlink(path);
}

#endif
