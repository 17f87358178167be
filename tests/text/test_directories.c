/* test_directories.c - the files around a tokenizer.json: each directory in data/text/directories.json gives the ids of
 * the reference; and the errors and notices of those files. */
#include "tests/text/corpus.h"

#include "base/mem.h"

static json_t *directories, *rebuilt, *golden, *characters;

static void write_json(const char *dir, const char *name, const json_t *value)
{
    char path[TEST_PATH + 64], *text = json_dumps(value, JSON_COMPACT | JSON_ALLOW_NUL);
    FILE *f;

    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    f = fopen(path, "w");
    assert_non_null(f);
    assert_true(text && fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
    free(text);
}

/* `with` may be NULL. */
static void update(json_t *object, json_t *with)
{
    if (with)
        assert_int_equal(json_object_update(object, with), 0);
}

static void write_directory(const char *dir, const json_t *one)
{
    json_t *all = json_deep_copy(json_object_get(one, "base") ? characters : golden),
           *model = json_object_get(all, "model");
    const char *name;
    json_t *file;

    update(all, json_object_get(one, "set"));
    update(model, json_object_get(one, "model"));
    update(json_object_get(model, "vocab"), json_object_get(one, "vocab"));
    json_object_foreach(json_object_get(one, "rename"), name, file) {
        json_t *vocab = json_object_get(model, "vocab"), *id = json_incref(json_object_get(vocab, name));

        assert_int_equal(json_object_del(vocab, name), 0);
        assert_int_equal(json_object_set_new(vocab, json_string_value(file), id), 0);
    }
    write_json(dir, "tokenizer.json", all);
    json_object_foreach(json_object_get(one, "files"), name, file) {
        write_json(dir, name, file);
    }
    json_decref(all);
}

static void check_ids(const gd_tokenizer *t, const json_t *one, size_t which, gd_ids *ids)
{
    const json_t *text = json_array_get(json_object_get(one, "texts"), which);
    const json_t *want = json_array_get(json_object_get(one, "ids"), which);
    const char *name = json_string_value(json_object_get(one, "name"));

    assert_ok(gd_tokenize(t, json_string_value(text), json_string_length(text), ids, test_err));
    for (size_t i = 0; i < ids->len || i < json_array_size(want); i++) {
        const json_int_t right = json_integer_value(json_array_get(want, i));

        if (ids->len != json_array_size(want) || ids->data[i] != right)
            fail_msg("%s, text %zu: id %zu is %u of %zu, but %lld of %zu is right", name, which, i,
                     i < ids->len ? ids->data[i] : 0, ids->len, (long long)right, json_array_size(want));
    }
}

static void each_directory(void **state)
{
    gd_ids ids = { 0 };

    (void)state;
    assert_in_range(json_array_size(directories), 79, 200);
    for (size_t i = 0; i < json_array_size(directories); i++) {
        const json_t *one = json_array_get(directories, i);
        char dir[TEST_PATH];
        const char *content;
        gd_tokenizer *t;
        json_t *want;

        write_directory(test_dir(dir), one);
        assert_ok(gd_tokenizer_open(&t, dir, test_err));
        for (size_t k = 0; k < json_array_size(json_object_get(one, "texts")); k++)
            check_ids(t, one, k, &ids);
        json_object_foreach(json_object_get(one, "named"), content, want) {
            uint32_t id;

            assert_true(gd_tokenizer_find(t, content, &id));
            assert_int_equal(id, json_integer_value(want));
        }
        gd_tokenizer_close(t);
        assert_int_equal(test_remove(dir), 0);
    }
    gd_ids_free(&ids);
}

/* What Transformers 5 makes something else of, and with which class. */
static void what_another_would_build(void **state)
{
    unsigned wrong = 0;

    (void)state;
    assert_in_range(json_array_size(rebuilt), 200, 400);
    for (size_t i = 0; i < json_array_size(rebuilt); i++) {
        const json_t *one = json_array_get(rebuilt, i);
        const char *want = json_string_value(json_object_get(one, "rebuilt")), *have;
        char dir[TEST_PATH];
        gd_tokenizer *t;

        write_directory(test_dir(dir), one);
        assert_ok(gd_tokenizer_open(&t, dir, test_err));
        have = gd_tokenizer_rebuilt(t, json_string_value(json_object_get(one, "type")));
        if (want ? !have || strcmp(have, want) != 0 : have != NULL) {
            print_error("%s: %s, but %s is right\n", json_string_value(json_object_get(one, "name")),
                        have ? have : "none", want ? want : "none");
            wrong++;
        }
        gd_tokenizer_close(t);
        assert_int_equal(test_remove(dir), 0);
    }
    assert_int_equal(wrong, 0);
}

/* One file beside the tokenizer.json, and what is said about it. */
static const struct {
    const char *name, *text, *sentence;
} said[] = {
    { "tokenizer_config.json", "[]", "DIR/tokenizer_config.json: not a JSON object" },
    { "tokenizer_config.json", "{\"added_tokens_decoder\":[]}",
      "DIR/tokenizer_config.json: the field \"added_tokens_decoder\" is a list, but an object is expected" },
    { "tokenizer_config.json", "{\"added_tokens_decoder\":{\"x\":{}}}",
      "DIR/tokenizer_config.json: added_tokens_decoder has the key \"x\", but an id is expected" },
    { "tokenizer_config.json", "{\"added_tokens_decoder\":{\"1x\":{}}}",
      "DIR/tokenizer_config.json: added_tokens_decoder has the key \"1x\", but an id is expected" },
    { "tokenizer_config.json", "{\"added_tokens_decoder\":{\"1501\":{}}}",
      "DIR/tokenizer_config.json: added_tokens_decoder.1501: the field \"content\" is expected to be a string" },
    { "tokenizer_config.json", "{\"added_tokens_decoder\":{\"1501\":\"<a>\"}}",
      "DIR/tokenizer_config.json: added_tokens_decoder.1501 is expected to be an object" },
    { "tokenizer_config.json", "{\"added_tokens_decoder\":{\"1501\":{\"content\":\"<a>\",\"strip\":true}}}",
      "DIR/tokenizer_config.json: added_tokens_decoder.1501: the field \"strip\" is not known" },
    { "tokenizer_config.json", "{\"added_tokens_decoder\":{\"1501\":{\"content\":\"<a>\",\"lstrip\":1}}}",
      "DIR/tokenizer_config.json: added_tokens_decoder.1501: the field \"lstrip\" is an integer, but true or false "
      "is expected" },
    { "tokenizer_config.json", "{\"split_special_tokens\":\"yes\"}",
      "DIR/tokenizer_config.json: the field \"split_special_tokens\" is a string, but true or false is expected" },
    { "tokenizer_config.json", "{\"bos_token\":5}",
      "DIR/tokenizer_config.json: bos_token is an integer, but a string or an object with \"content\" is expected" },
    { "tokenizer_config.json", "{\"extra_special_tokens\":\"<a>\"}",
      "DIR/tokenizer_config.json: the field \"extra_special_tokens\" is a string, but a list of tokens is expected" },
    { "tokenizer_config.json", "{\"additional_special_tokens\":[null]}",
      "DIR/tokenizer_config.json: additional_special_tokens is null, but a string or an object with \"content\" is "
      "expected" },
    { "special_tokens_map.json", "{\"bos_token\":[]}",
      "DIR/special_tokens_map.json: bos_token is a list, but a string or an object with \"content\" is expected" },
    { "special_tokens_map.json", "{\"bos_token\":{}}",
      "DIR/special_tokens_map.json: bos_token: the field \"content\" is expected to be a string" },
    { "added_tokens.json", "[]", "DIR/added_tokens.json: not a JSON object" },
    { "added_tokens.json", "{\"<a>\":\"7\"}", "DIR/added_tokens.json: the id of \"<a>\" is expected to be an integer" },
    { "added_tokens.json", "{\"<a>\":1.5}", "DIR/added_tokens.json: the id of \"<a>\" is expected to be an integer" },
    { "added_tokens.json", "{\"<a>\":-1}", "DIR/added_tokens.json: the id of \"<a>\" is expected to be an integer" },
    { "added_tokens.json", "{\"<a>\":1600}",
      "note: added_tokens.json gives \"<a>\" the id 1600, but it gets 1503: like Transformers, guerdon numbers new "
      "tokens in order" },
    { "tokenizer_config.json",
      "{\"added_tokens_decoder\":{\"1501\":{\"content\":\"<a>\"},\"1600\":{\"content\":\"b\"}}}",
      "note: added_tokens_decoder gives \"<a>\" the id 1501, but it gets 1503: like Transformers, guerdon numbers new "
      "tokens in order" },
    { "tokenizer_config.json", "{\"add_bos_token\":true,\"add_eos_token\":false}",
      "note: tokenizer_config.json: add_bos_token is true, but tokenizer.json puts no token at the beginning of a "
      "text: it is followed, as by Transformers 5; other versions may do otherwise" },
    { "tokenizer_config.json", "{\"add_bos_token\":false,\"add_eos_token\":null}", "" },
};

/* The error, or "note: " and the first notice, or "". The directory is DIR. */
static void sentence_of(const char *dir, char *out, size_t room)
{
    const uint64_t live = gd_mem_live();
    gd_error err = { GD_OK, "" };
    gd_tokenizer *t;

    *out = '\0';
    if (gd_tokenizer_open(&t, dir, &err))
        (void)snprintf(out, room, "DIR%s", err.text + strlen(dir));
    else if (gd_tokenizer_note_count(t))
        (void)snprintf(out, room, "note: %s", gd_tokenizer_note(t, 0));
    gd_tokenizer_close(t);
    assert_true(gd_mem_live() == live);
}

static void what_is_said(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof said / sizeof said[0]; i++) {
        json_t *file = json_loads(said[i].text, 0, NULL), *one = json_pack("{s{}}", "files");
        char dir[TEST_PATH], sentence[600];

        assert_int_equal(json_object_set_new(json_object_get(one, "files"), said[i].name, file), 0);
        write_directory(test_dir(dir), one);
        sentence_of(dir, sentence, sizeof sentence);
        assert_string_equal(sentence, said[i].sentence);
        assert_int_equal(test_remove(dir), 0);
        json_decref(one);
    }
}

/* With any allocation failing: an error and no leak. */
static void every_allocation_may_fail(void **state)
{
    (void)state;
    for (size_t i = 0; i < json_array_size(directories); i++) {
        const json_t *one = json_array_get(directories, i);
        const char *name = json_string_value(json_object_get(one, "name"));
        const uint64_t live = gd_mem_live();
        char dir[TEST_PATH];
        gd_tokenizer *t;
        gd_error err;

        if (strcmp(name, "decoder-new") && strcmp(name, "json-map-additional") && strcmp(name, "map-extra"))
            continue;
        write_directory(test_dir(dir), one);
        for (uint64_t n = 1, done = 0; !done; n++) {
            err = (gd_error){ GD_OK, "" };
            gd_mem_fail_from(n);
            done = gd_tokenizer_open(&t, dir, &err) == GD_OK;
            gd_mem_fail_from(0);
            assert_true(done || (err.status == GD_ENOMEM && !t && gd_mem_live() == live));
            assert_in_range(n, 1, 100000);
        }
        gd_tokenizer_close(t);
        assert_int_equal(test_remove(dir), 0);
    }
}

static int set_up(void **state)
{
    (void)state;
    directories = load_json("text/directories.json");
    rebuilt = load_json("text/rebuilt.json");
    characters = load_json("text/characters.json");
    golden = load_json("golden/qwen2/tokenizer.json");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    json_decref(directories);
    json_decref(rebuilt);
    json_decref(characters);
    json_decref(golden);
    assert_int_equal(gd_mem_live(), 0);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_directory),
        cmocka_unit_test(what_another_would_build),
        cmocka_unit_test(what_is_said),
        cmocka_unit_test(every_allocation_may_fail),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
