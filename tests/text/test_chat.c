/* test_chat.c - conversations become the same texts and ids as in Transformers; those that can't have an error message;
 * and no messages do any harm. */
#include "tests/text/chat_case.h"

#include "text/chat_format.h"
#include "text/tokenizer.h"

static gd_chat *open_format(const char *name)
{
    gd_chat *chat;

    name = chat_stored(name);
    assert_ok(gd_chat_open(&chat, name, NULL, NULL, test_err));
    assert_string_equal(gd_chat_name(chat), name);
    return chat;
}

static void formats_give_the_templates_text(void **state)
{
    size_t count = 0;

    (void)state;
    for (const gd_chat_builtin *b = gd_chat_builtins; b->text; b++, count++) {
        gd_chat *chat = open_format(b->name);
        char file[100];

        (void)snprintf(file, sizeof file, "%s.jsonl", b->name);
        check_texts(chat, file);
        gd_chat_close(chat);
    }
    assert_int_equal(count, 22);
}

/* ---- ids ---- */

static gd_tokenizer *open_tokenizer(void)
{
    json_t *all, *fields;
    char path[1024], dir[TEST_PATH];
    gd_tokenizer *t;

    all = json_load_file(test_data(path, sizeof path, "golden/llama/tokenizer.json"), JSON_ALLOW_NUL, NULL);
    fields = json_load_file(test_data(path, sizeof path, "chat/tokenizer_fields.json"), 0, NULL);
    assert_non_null(fields);
    assert_int_equal(json_object_update(all, fields), 0);
    (void)test_dir(dir);
    write_json(dir, "tokenizer.json", all);
    assert_ok(gd_tokenizer_open(&t, dir, test_err));
    assert_int_equal(test_remove(dir), 0);
    json_decref(all);
    json_decref(fields);
    return t;
}

static void check_ids(const gd_ids *got, const json_t *want, size_t line)
{
    if (got->len != json_array_size(want))
        fail_msg("ids.jsonl:%zu: %zu ids, expected %zu", line, got->len, json_array_size(want));
    for (size_t i = 0; i < got->len; i++) {
        if (got->data[i] != (uint64_t)json_integer_value(json_array_get(want, i)))
            fail_msg("ids.jsonl:%zu: id %zu differs", line, i);
    }
}

/* apply_chat_template(tokenize=True): one BOS, from the template. Plain text gets that of the tokenizer, as usual. */
static void ids_are_the_templates(void **state)
{
    json_t *lines = chat_lines("ids.jsonl");
    gd_chat *llama3 = open_format("llama3"), *hh = open_format("hh");
    gd_tokenizer *t = open_tokenizer();
    gd_chat_message messages[MOST_MESSAGES];
    size_t chats = 0;
    gd_ids ids = { 0 };
    gd_buf out = { 0 };

    (void)state;
    assert_true(gd_chat_has_tokens(llama3));
    assert_false(gd_chat_has_tokens(hh));
    for (size_t i = 0; i < json_array_size(lines); i++) {
        const json_t *line = json_array_get(lines, i), *text = json_object_get(line, "text");

        gd_buf_clear(&out);
        if (text) {
            gd_buf_bytes(&out, json_string_value(text), json_string_length(text));
            assert_ok(gd_tokenize(t, out.data, out.len, &ids, test_err));
        } else {
            const size_t count = messages_of(json_object_get(line, "messages"), messages);

            assert_ok(gd_chat_render(llama3, messages, count, NULL, &out, test_err));
            assert_ok(gd_tokenize_bare(t, out.data, out.len, &ids, test_err));
            chats++;
        }
        check_ids(&ids, json_object_get(line, "ids"), i + 1);
    }
    assert_in_range(chats, 60, 1000);
    assert_in_range(json_array_size(lines), chats + 5, 1000);
    gd_ids_free(&ids);
    gd_buf_free(&out);
    gd_tokenizer_close(t);
    gd_chat_close(llama3);
    gd_chat_close(hh);
    json_decref(lines);
}

/* ---- error messages ---- */

/* "sua" and so on; x is an unknown role. */
static size_t pattern_messages(const char *pattern, gd_chat_message *messages)
{
    size_t count = 0;

    for (const char *p = pattern; *p; p++)
        messages[count++] = (gd_chat_message){ literal(*p == 's'   ? "system"
                                                       : *p == 'u' ? "user"
                                                       : *p == 'a' ? "assistant"
                                                                   : "to\nol"),
                                               literal("x"), NULL };
    return count;
}

static void what_fails_has_its_sentence(void **state)
{
    static const struct {
        const char *format, *pattern, *sentence;
    } cases[] = {
        { "llama3", "", "the conversation has no messages" },
        { "llama3", "uax",
          "message 2 has the role \"to?ol\", but system, user or assistant is expected (chat format llama3)" },
        { "gemma", "sua",
          "message 0 has the role \"system\", but system messages are not supported: put the text into the first user "
          "message (chat format gemma)" },
        { "hh", "usa",
          "message 1 has the role \"system\", but system messages are not supported: put the text into the first user "
          "message (chat format hh)" },
        { "gemma", "uua",
          "message 1 has the role \"user\", but assistant is expected: user and assistant take turns (chat format "
          "gemma)" },
        { "gemma", "aua",
          "message 0 has the role \"assistant\", but user is expected: user and assistant take turns (chat format "
          "gemma)" },
        { "mistral-v0.1", "saa",
          "message 1 has the role \"assistant\", but user is expected: user and assistant take turns (chat format "
          "mistral-v0.1)" },
        { "mistral", "suasua",
          "message 3 has the role \"system\", but only the first message may be a system message (chat format "
          "mistral)" },
        { "mistral", "s", "a system message goes into a user message, but there is none (chat format mistral)" },
    };
    gd_chat_message messages[MOST_MESSAGES];
    gd_buf out = { 0 };

    (void)state;
    gd_buf_str(&out, "before");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        gd_chat *chat = open_format(cases[i].format);
        const size_t count = pattern_messages(cases[i].pattern, messages);
        gd_error why = { 0 };

        assert_int_equal(gd_chat_render(chat, messages, count, NULL, &out, &why), GD_EFORMAT);
        assert_string_equal(why.text, cases[i].sentence);
        gd_chat_close(chat);
    }
    assert_int_equal(out.len, 6);
    gd_buf_free(&out);
}

static void an_answer_must_end_it(void **state)
{
    static const char none[] = "chosen: the conversation has no assistant turn: end it with the answer to score, a "
                               "message with the role assistant";
    static const char not_last[] = "chosen: the conversation ends with a message that is not the assistant's: end "
                                   "it with the answer to score";
    static const char unknown[] = "chosen: message 1 has the role \"to?ol\", but system, user or assistant is expected";
    static const struct {
        const char *pattern, *sentence;
    } cases[] = { { "ua", NULL }, { "a", NULL },  { "suaua", NULL },   { "", none },
                  { "u", none },  { "su", none }, { "uau", not_last }, { "ax", unknown } };
    gd_chat_message messages[MOST_MESSAGES];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const size_t count = pattern_messages(cases[i].pattern, messages);
        gd_error why = { 0 };

        assert_int_equal(gd_chat_check_answer(messages, count, "chosen", &why), cases[i].sentence ? GD_EFORMAT : GD_OK);
        assert_string_equal(why.text, cases[i].sentence ? cases[i].sentence : "");
    }
}

/* What is left after each dropped turn, as patterns. */
static void the_oldest_turn_goes_first(void **state)
{
    static const char *const cases[][6] = {
        { "" },
        { "a" },
        { "ua" },
        { "sua" },
        { "s" },
        { "su" },
        { "u" },
        { "suauaua", "suaua", "sua" },
        { "uauau", "uau", "u" },
        { "uuaa", "uaa" },
        { "auaua", "uaua", "ua" },
        { "suxauxa", "suxa" },
        { "uasua", "sua" },
        { "ssaua", "ssua" },
        { "suasuaua", "ssuaua", "ssua" },
        { "aaa", "a" },
        { "saaa", "sa" },
    };
    gd_chat_message messages[MOST_MESSAGES];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t count = pattern_messages(cases[i][0], messages), from, to;

        for (size_t k = 1; cases[i][k]; k++) {
            gd_chat_message want[MOST_MESSAGES];

            assert_true(gd_chat_oldest_turn(messages, count, &from, &to));
            assert_true(from < to && to < count);
            memmove(messages + from, messages + to, (count - to) * sizeof *messages);
            count -= to - from;
            assert_int_equal(count, pattern_messages(cases[i][k], want));
            for (size_t m = 0; m < count; m++)
                assert_string_equal(messages[m].role.data, want[m].role.data);
        }
        assert_false(gd_chat_oldest_turn(messages, count, &from, &to));
    }
}

/* ---- arbitrary messages ---- */

static uint64_t dice(uint64_t *state, uint64_t sides)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (*state >> 33) % sides;
}

/* In a separate block, so that a sanitizer sees reads beyond it; sometimes not UTF-8. */
static gd_text random_content(uint64_t *state)
{
    static const char *const bits[] = {
        "<think>", "</think>", "\n", " ",  "a", "\xE3\x80\x80",    "\xC2\x85",        "\xC2",
        "\x85",    "\xF0\x9F", "<",  "</", "",  "<tool_response>", "</tool_response>"
    };
    gd_buf b = { 0 };
    char *own;

    for (uint64_t n = dice(state, 8); n; n--)
        gd_buf_str(&b, bits[dice(state, sizeof bits / sizeof bits[0])]);
    own = malloc(b.len ? b.len : 1);
    assert_non_null(own);
    if (b.len)
        memcpy(own, b.data, b.len);
    gd_buf_free(&b);
    return (gd_text){ own, b.len };
}

/* A simple and slow strip(), for the whitespace of random_content(). */
static size_t stripped_len(gd_text t)
{
    static const char *const blanks[] = { "\n", " ", "\xE3\x80\x80", "\xC2\x85" };

    for (bool again = true; again;) {
        again = false;
        for (size_t i = 0; i < 4; i++) {
            const size_t n = strlen(blanks[i]);

            if (t.len >= n && !memcmp(t.data, blanks[i], n))
                t = (gd_text){ t.data + n, t.len - n }, again = true;
            else if (t.len >= n && !memcmp(t.data + t.len - n, blanks[i], n))
                t.len -= n, again = true;
        }
    }
    return t.len;
}

static size_t turn_len(const gd_chat_turn *turn, gd_text content, bool last)
{
    const char *after = last && turn->after_last ? turn->after_last : turn->after;

    return strlen(turn->before) + (turn->trim ? stripped_len(content) : content.len) + strlen(after);
}

/* The length of the text that a format must have written for `messages`, unless it handles thoughts. */
static size_t expected_len(const gd_chat *chat, const gd_chat_message *messages, size_t count)
{
    const bool system = !strcmp(messages[0].role.data, "system");
    size_t len = strlen(chat->start) + strlen(chat->end);

    if (!system && chat->default_system)
        len += turn_len(&chat->opening, literal(chat->default_system), false);
    if (system && (chat->join == GD_JOIN_FIRST_USER ||
                   (chat->join == GD_JOIN_FINAL_USER && !strcmp(messages[count - 1].role.data, "user"))))
        len += messages[0].content.len + strlen(chat->joint);
    for (size_t i = 0; i < count; i++) {
        const char r = *messages[i].role.data;
        const gd_chat_role role = r == 's' ? GD_ROLE_SYSTEM : r == 'u' ? GD_ROLE_USER : GD_ROLE_ASSISTANT;

        if (!(i == 0 && system))
            len += turn_len(&chat->turns[role], messages[i].content, i + 1 == count);
        else if (!chat->join)
            len += turn_len(&chat->opening, messages[i].content, i + 1 == count);
    }
    return len;
}

static void check_random_messages(const gd_chat *chat, uint64_t *state, size_t *written)
{
    static const char *const roles[] = { "user", "assistant", "system", "tool", "" };
    gd_chat_message messages[MOST_MESSAGES] = { 0 };
    const size_t count = dice(state, 8);
    const bool sane = dice(state, 2);
    bool returned = false; /* there is a message of a tool */
    gd_buf out = { 0 };
    gd_error why = { 0 };
    size_t from, to;

    for (size_t i = 0; i < count; i++)
        messages[i] = (gd_chat_message){ literal(roles[sane ? i % 2 : dice(state, dice(state, 4) ? 3 : 5)]),
                                         random_content(state), NULL };
    if (sane && count && dice(state, 2))
        messages[0].role = literal("system");
    for (size_t i = 0; i < count; i++)
        returned |= !strcmp(messages[i].role.data, "tool");
    if (gd_chat_render(chat, messages, count, NULL, &out, &why)) {
        assert_int_equal(out.len, 0);
        assert_true(why.text[0]);
    } else {
        ++*written;
        assert_true(!returned || chat->tools != GD_TOOLS_NO);
        if (chat->thinking == GD_THINK_NO && !returned)
            assert_int_equal(out.len, expected_len(chat, messages, count));
    }
    (void)gd_chat_check_answer(messages, count, "messages", &why);
    if (gd_chat_oldest_turn(messages, count, &from, &to))
        assert_true(from < to && to < count);
    for (size_t i = 0; i < count; i++)
        free((void *)messages[i].content.data);
    gd_buf_free(&out);
}

static void any_messages_are_survived(void **state)
{
    uint64_t seed = 1;

    (void)state;
    for (const gd_chat_builtin *b = gd_chat_builtins; b->text; b++) {
        gd_chat *chat = open_format(b->name);
        size_t written = 0;

        for (int i = 0; i < 5000; i++)
            check_random_messages(chat, &seed, &written);
        assert_in_range(written, 500, 5000);
        gd_chat_close(chat);
    }
    assert_int_equal(gd_mem_live(), 0);
}

static void every_allocation_may_fail(void **state)
{
    gd_chat_message messages[MOST_MESSAGES];
    const size_t count = pattern_messages("suaua", messages);
    gd_status rc = GD_ENOMEM;

    (void)state;
    for (uint64_t n = 1; rc; n++) {
        gd_error err = { 0 };
        gd_chat *chat = NULL;
        gd_buf out = { 0 };

        gd_mem_fail_from(n);
        rc = gd_chat_open(&chat, "qwen3", NULL, NULL, &err);
        if (!rc)
            rc = gd_chat_render(chat, messages, count, NULL, &out, &err);
        gd_mem_fail_from(0);
        assert_true(rc == GD_OK || rc == GD_ENOMEM);
        assert_int_equal(err.status, rc);
        gd_buf_free(&out);
        gd_chat_close(chat);
        assert_int_equal(gd_mem_live(), 0);
        assert_in_range(n, 1, 100);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats_give_the_templates_text), cmocka_unit_test(ids_are_the_templates),
        cmocka_unit_test(what_fails_has_its_sentence),     cmocka_unit_test(an_answer_must_end_it),
        cmocka_unit_test(the_oldest_turn_goes_first),      cmocka_unit_test(any_messages_are_survived),
        cmocka_unit_test(every_allocation_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
