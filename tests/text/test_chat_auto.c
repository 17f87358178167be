/* test_chat_auto.c - which chat format "auto" finds: that of a published template, and no other. */
#include "tests/text/chat_case.h"

#include "text/chat_format.h"

#include <sys/stat.h>

#define PASS "; pass --chat-format with one of " CHAT_NAMES ", or with a FILE.yaml that describes it"

/* A published template, with room for a few more bytes. */
struct published {
    char text[8192];
    size_t len;
};

static void load_template(struct published *t, const char *name)
{
    char path[1024], sub[200];
    FILE *f;

    (void)snprintf(sub, sizeof sub, "chat/templates/%s.jinja", name);
    f = fopen(test_data(path, sizeof path, sub), "rb");
    assert_non_null(f);
    t->len = fread(t->text, 1, sizeof t->text - 16, f);
    assert_true(feof(f));
    assert_int_equal(fclose(f), 0);
}

/* Writes the tokenizer_config.json of a checkpoint; NULL leaves a field out. */
static void write_config(const char *dir, json_t *chat_template, const char *bos, const char *eos)
{
    json_t *config = json_pack("{s:f}", "model_max_length", 1e30);

    if (chat_template)
        json_object_set_new(config, "chat_template", chat_template);
    if (bos)
        json_object_set_new(config, "bos_token", json_string(bos));
    if (eos)
        json_object_set_new(config, "eos_token", json_pack("{s:s,s:b}", "content", eos, "special", 1));
    write_json(dir, "tokenizer_config.json", config);
    json_decref(config);
}

/* The format that auto finds, or its error message after the directory. */
static const char *found(const char *dir)
{
    static char said[600];
    gd_error err = { 0 };
    gd_chat *chat;

    if (!gd_chat_open(&chat, "auto", dir, dir, &err)) {
        (void)snprintf(said, sizeof said, "%s", gd_chat_name(chat));
        gd_chat_close(chat);
        return said;
    }
    assert_null(chat);
    assert_int_equal(strncmp(err.text, dir, strlen(dir)), 0);
    (void)snprintf(said, sizeof said, "%s", err.text + strlen(dir));
    return said;
}

static json_t *each_template(void)
{
    char path[1024];
    json_t *all = json_load_file(test_data(path, sizeof path, "chat/templates.json"), 0, NULL);

    assert_in_range(json_object_size(all), 18, 100);
    return all;
}

static const char *field(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

/* What auto must report for a template. */
static const char *wanted(const json_t *one, const char *path)
{
    static char sentence[600];
    const char *format = field(one, "format");

    if (!json_is_true(json_object_get(one, "dated")))
        return format;
    (void)snprintf(
        sentence, sizeof sentence,
        "/%s: the chat template, that of Llama 3.2, writes the current date, so scores would change overnight; for a "
        "fixed date pass --chat-format \"llama3.2:26 Jul 2024\", with the date of the training if it is known",
        path);
    return sentence;
}

static void published_templates_are_recognised(void **state)
{
    json_t *all = each_template();
    char dir[TEST_PATH];
    const char *name;
    json_t *one;

    (void)state;
    (void)test_dir(dir);
    json_object_foreach(all, name, one) {
        struct published t;

        if (field(one, "sha256"))
            continue;
        load_template(&t, name);
        write_config(dir, json_stringn(t.text, t.len), field(one, "bos_token"), field(one, "eos_token"));
        assert_string_equal(found(dir), wanted(one, "tokenizer_config.json"));
    }
    assert_int_equal(test_remove(dir), 0);
    json_decref(all);
}

static bool has_hash(const gd_chat *chat, const char *hash, bool dated)
{
    if (dated)
        return gd_yaml_get(chat->unlike, hash) != NULL;
    for (const gd_yaml_node *t = chat->templates->child; t; t = t->next)
        if (!strcmp(t->text, hash))
            return true;
    return false;
}

/* Of a template that is not in this tree, the hash is known. */
static void templates_elsewhere_are_known_by_their_hash(void **state)
{
    json_t *all = each_template(), *one;
    const char *name;
    size_t count = 0;

    (void)state;
    json_object_foreach(all, name, one) {
        gd_chat *chat;

        if (!field(one, "sha256"))
            continue;
        assert_ok(gd_chat_open(&chat, chat_stored(field(one, "format")), NULL, NULL, test_err));
        assert_true(has_hash(chat, field(one, "sha256"), json_is_true(json_object_get(one, "dated"))));
        gd_chat_close(chat);
        count++;
    }
    assert_int_equal(count, 5);
    json_decref(all);
}

/* A template that writes the checkpoint's tokens is recognised whatever they are, if they are named. */
static void tokens_are_the_checkpoints(void **state)
{
    const gd_chat_message messages[] = { { literal("user"), literal("q"), NULL },
                                         { literal("assistant"), literal("a"), NULL } };
    static const char *const formats[] = { "tulu", "zephyr" };
    static const char *const texts[] = { "<|user|>\nq\n<|assistant|>\na<|eot_id|>",
                                         "<|user|>\nq<|eot_id|>\n<|assistant|>\na<|eot_id|>\n" };
    char dir[TEST_PATH];

    (void)state;
    (void)test_dir(dir);
    write_config(dir, NULL, NULL, "<|eot_id|>");
    for (size_t i = 0; i < 2; i++) {
        gd_buf out = { 0 };
        gd_chat *chat;

        assert_ok(gd_chat_open(&chat, formats[i], NULL, dir, test_err));
        assert_ok(gd_chat_render(chat, messages, 2, NULL, &out, test_err));
        assert_string_equal(gd_buf_cstr(&out), texts[i]);
        gd_buf_free(&out);
        gd_chat_close(chat);
    }
    assert_int_equal(test_remove(dir), 0);
}

/* Lines end in CR LF or CR, with or without a newline at the very end. */
static void write_other_lines(const char *dir, const struct published *t, const char *newline, bool last)
{
    gd_buf b = { 0 };
    size_t len = t->len;

    while (len && t->text[len - 1] == '\n')
        len--;
    for (size_t i = 0; i < len; i++) {
        if (t->text[i] == '\n')
            gd_buf_str(&b, newline);
        else
            gd_buf_bytes(&b, &t->text[i], 1);
    }
    if (last)
        gd_buf_str(&b, newline);
    write_file(dir, "chat_template.jinja", b.data, b.len);
    gd_buf_free(&b);
}

static void a_file_counts_before_the_config(void **state)
{
    static const char *const newlines[] = { "\n", "\r\n", "\r" };
    char dir[TEST_PATH], path[1100];
    struct published t;

    (void)state;
    (void)test_dir(dir);
    write_config(dir, json_string("something else"), "<s>", "</s>");
    load_template(&t, "mistral-v0.3");
    for (size_t i = 0; i < 6; i++) {
        write_other_lines(dir, &t, newlines[i / 2], i % 2);
        assert_string_equal(found(dir), "mistral");
    }
    (void)snprintf(path, sizeof path, "%s/additional_chat_templates", dir);
    assert_int_equal(mkdir(path, 0700), 0);
    load_template(&t, "mistral-v0.2");
    write_file(path, "default.jinja", t.text, t.len);
    assert_string_equal(found(dir), "mistral-v0.1");
    assert_int_equal(test_remove(dir), 0);
}

#define NO_DEFAULT "/tokenizer_config.json: chat_template is a list without a template called \"default\""

static void a_list_has_a_default(void **state)
{
    json_t *list, *tools = json_pack("{s:s,s:s}", "name", "tool_use", "template", "x");
    char dir[TEST_PATH];
    struct published t;

    (void)state;
    load_template(&t, "gemma-2");
    list = json_pack("[O,{s:s,s:s%}]", tools, "name", "default", "template", t.text, t.len);
    assert_non_null(list);
    (void)test_dir(dir);
    write_config(dir, list, "<bos>", NULL);
    assert_string_equal(found(dir), "gemma");
    write_config(dir, json_pack("[O]", tools), "<bos>", NULL);
    assert_string_equal(found(dir), NO_DEFAULT PASS);
    write_config(dir, json_pack("[i,{s:s}]", 1, "name", "default"), "<bos>", NULL);
    assert_string_equal(found(dir), NO_DEFAULT PASS);
    write_config(dir, json_integer(3), "<bos>", NULL);
    assert_string_equal(found(dir), "/tokenizer_config.json: chat_template is an integer, but a string is expected");
    write_config(dir, json_null(), "<bos>", NULL);
    assert_string_equal(found(dir), ": the checkpoint has no chat template" PASS);
    remove_file(dir, "tokenizer_config.json");
    assert_string_equal(found(dir), ": the checkpoint has no chat template" PASS);
    write_file(dir, "tokenizer_config.json", "[]", 2);
    assert_string_equal(found(dir), "/tokenizer_config.json: not a JSON object");
    write_file(dir, "tokenizer_config.json", "{", 1);
    assert_int_equal(strncmp(found(dir), "/tokenizer_config.json: not valid JSON", 38), 0);
    assert_int_equal(test_remove(dir), 0);
    json_decref(tools);
}

#define LLAMA3                                                                                       \
    ": the chat template is that of the format llama3, which writes \"<|begin_of_text|>\", but the " \
    "checkpoint's bos_token is "

static void tokens_must_be_those_that_are_written(void **state)
{
    static const char map[] = "{\"bos_token\":{\"content\":\"<|begin_of_text|>\"}}";
    static const char other[] = "{\"bos_token\":\"<b>\"}";
    char dir[TEST_PATH];
    struct published t;

    (void)state;
    load_template(&t, "llama3");
    (void)test_dir(dir);
    write_config(dir, json_stringn(t.text, t.len), NULL, NULL);
    assert_string_equal(found(dir), LLAMA3 "missing; if the format is right, pass --chat-format llama3");
    write_file(dir, "special_tokens_map.json", map, sizeof map - 1);
    assert_string_equal(found(dir), "llama3");
    write_config(dir, json_stringn(t.text, t.len), "<|begin_of_text|>", NULL);
    write_file(dir, "special_tokens_map.json", other, sizeof other - 1); /* it takes precedence */
    assert_string_equal(found(dir), LLAMA3 "\"<b>\"; if the format is right, pass --chat-format llama3");
    load_template(&t, "mistral-v0.3");
    remove_file(dir, "special_tokens_map.json");
    write_config(dir, json_stringn(t.text, t.len), "<s>", "<|im_end|>");
    assert_string_equal(found(dir),
                        ": the chat template is that of the format mistral, which writes \"</s>\", but the "
                        "checkpoint's eos_token is \"<|im_end|>\"; if the format is right, pass --chat-format mistral");
    assert_int_equal(test_remove(dir), 0);
}

/* With added_tokens_decoder in the config, Transformers doesn't read the map. */
static void the_map_counts_in_old_checkpoints_only(void **state)
{
    static const char other[] = "{\"bos_token\":\"<b>\"}";
    json_t *config;
    char dir[TEST_PATH];
    struct published t;

    (void)state;
    load_template(&t, "llama3");
    config = json_pack("{s:s%,s:s,s:{s:{s:s}}}", "chat_template", t.text, t.len, "bos_token", "<|begin_of_text|>",
                       "added_tokens_decoder", "7", "content", "<|begin_of_text|>");
    assert_non_null(config);
    (void)test_dir(dir);
    write_json(dir, "tokenizer_config.json", config);
    write_file(dir, "special_tokens_map.json", other, sizeof other - 1);
    assert_string_equal(found(dir), "llama3");
    assert_int_equal(test_remove(dir), 0);
    json_decref(config);
}

#define UNKNOWN "/chat_template.jinja: the chat template is not recognised" PASS

/* With one byte added, removed or changed anywhere, nothing is recognised. */
static void nothing_similar_is_recognised(void **state)
{
    struct published t, changed;
    char dir[TEST_PATH];

    (void)state;
    load_template(&t, "chatml");
    (void)test_dir(dir);
    for (size_t i = 0; i <= t.len; i++) {
        for (int how = 0; how < 3; how++) {
            const size_t skip = how ? 1 : 0; /* of the original's bytes */

            if (i + skip > t.len)
                continue;
            memcpy(changed.text, t.text, i);
            changed.text[i] = how == 1 ? t.text[i] ^ 1 : ' ';
            changed.len = i + (how < 2);
            memcpy(changed.text + changed.len, t.text + i + skip, t.len - i - skip);
            changed.len += t.len - i - skip;
            write_file(dir, "chat_template.jinja", changed.text, changed.len);
            assert_string_equal(found(dir), UNKNOWN);
        }
    }
    write_file(dir, "chat_template.jinja", "", 0);
    assert_string_equal(found(dir), UNKNOWN);
    assert_int_equal(test_remove(dir), 0);
}

static void without_memory_auto_says_so(void **state)
{
    gd_status rc = GD_ENOMEM;
    char dir[TEST_PATH];
    struct published t;

    (void)state;
    load_template(&t, "phi4-2024"); /* nearly the last format: the others are tried first */
    (void)test_dir(dir);
    write_config(dir, json_stringn(t.text, t.len), "<|endoftext|>", NULL);
    for (uint64_t n = 1; rc; n++) {
        gd_error err = { 0 };
        gd_chat *chat = NULL;

        gd_mem_fail_from(n);
        rc = gd_chat_open(&chat, "auto", dir, dir, &err);
        gd_mem_fail_from(0);
        assert_true(rc == GD_OK || (rc == GD_ENOMEM && !chat));
        gd_chat_close(chat);
        assert_int_equal(gd_mem_live(), 0);
        assert_in_range(n, 1, 2000);
    }
    assert_int_equal(test_remove(dir), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_templates_are_recognised),
        cmocka_unit_test(templates_elsewhere_are_known_by_their_hash),
        cmocka_unit_test(tokens_are_the_checkpoints),
        cmocka_unit_test(a_file_counts_before_the_config),
        cmocka_unit_test(a_list_has_a_default),
        cmocka_unit_test(tokens_must_be_those_that_are_written),
        cmocka_unit_test(the_map_counts_in_old_checkpoints_only),
        cmocka_unit_test(nothing_similar_is_recognised),
        cmocka_unit_test(without_memory_auto_says_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
