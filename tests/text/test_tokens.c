/* test_tokens.c - what ids stand for is what the reference says, for every id of vocabularies. */
#include "tests/check.h"

#include "text/tokenizer.h"

#include <inttypes.h>

static uint64_t hash(uint64_t h, const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++)
        h = (h ^ (unsigned char)s[i]) * 0x100000001B3u;
    return h;
}

/* The line of make_tokens.py for a folder. */
static void describe(const char *folder, char line[TEST_PATH])
{
    gd_tokenizer *t;
    char path[TEST_PATH];
    uint64_t h = 0xCBF29CE484222325u;
    size_t specials = 0;

    assert_ok(gd_tokenizer_open(&t, test_data(path, sizeof path, folder), test_err));
    for (uint32_t id = 0; id < gd_tokenizer_size(t); id++) {
        gd_text content = { "None", 4 };
        bool special = false;
        char head[24];

        (void)gd_tokenizer_look_up(t, id, &content, &special);
        h = hash(h, head, (size_t)snprintf(head, sizeof head, "%" PRIu32 " %d ", id, special));
        h = hash(h, content.data, content.len);
        h = hash(h, "\n", 1);
        assert_int_equal(content.data[content.len], 0);
        specials += special;
    }
    (void)snprintf(line, TEST_PATH, "%s %zu %zu %016" PRIx64 "\n", folder, gd_tokenizer_size(t), specials, h);
    gd_tokenizer_close(t);
}

static void every_id_is_that_of_the_reference(void **state)
{
    char path[TEST_PATH], want[TEST_PATH], folder[64], got[TEST_PATH];
    FILE *f = fopen(test_data(path, sizeof path, "text/tokens.txt"), "r");
    size_t folders = 0;

    (void)state;
    assert_non_null(f);
    for (; fgets(want, sizeof want, f); folders++) {
        assert_int_equal(sscanf(want, "%63s", folder), 1);
        describe(folder, got);
        assert_string_equal(got, want);
    }
    assert_int_equal(fclose(f), 0);
    assert_int_equal(folders, 5);
}

static void a_content_may_have_a_zero(void **state)
{
    static const char json[] =
        "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\\u0000\":1,\"c\":2},\"merges\":[],\"unk_token\":\"a\"},"
        "\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":\"\\u2581\",\"prepend_scheme\":\"never\","
        "\"split\":false},\"added_tokens\":[{\"id\":3,\"content\":\"x\\u0000y\",\"single_word\":false,"
        "\"lstrip\":false,\"rstrip\":false,\"normalized\":false,\"special\":true}]}";
    gd_tokenizer *t;
    char dir[TEST_PATH], path[TEST_PATH + 16];
    gd_text content;
    bool special;
    FILE *f;

    (void)state;
    (void)snprintf(path, sizeof path, "%s/tokenizer.json", test_dir(dir));
    f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fputs(json, f) < 0 || fclose(f), 0);
    assert_ok(gd_tokenizer_open(&t, dir, test_err));
    assert_true(gd_tokenizer_look_up(t, 1, &content, &special));
    assert_int_equal(content.len, 2);
    assert_memory_equal(content.data, "b\0", 3);
    assert_false(special);
    assert_true(gd_tokenizer_look_up(t, 3, &content, &special));
    assert_int_equal(content.len, 3);
    assert_memory_equal(content.data, "x\0y", 4);
    assert_true(special);
    assert_false(gd_tokenizer_look_up(t, 4, &content, &special));
    gd_tokenizer_close(t);
    assert_int_equal(test_remove(dir), 0);
}

static void a_model_knows_its_tokens(void **state)
{
    gd_options options;
    gd_model *model;
    gd_error err = { 0 };
    gd_text token;
    char path[TEST_PATH];
    int special = -1;

    (void)state;
    gd_options_init(&options);
    options.model = test_data(path, sizeof path, "golden/qwen2");
    assert_ok(gd_model_open(&model, &options, test_err));
    assert_ok(gd_model_token(model, 0, 1500, &token, &special, test_err));
    assert_string_equal(token.data, "<|endoftext|>");
    assert_int_equal(special, 1);
    assert_ok(gd_model_token(model, 0, 220, &token, &special, test_err));
    assert_string_equal(token.data, "\xC4\xA0");
    assert_int_equal(special, 0);
    assert_ok(gd_model_token(model, 0, 1500, &token, NULL, test_err));
    assert_int_equal(gd_model_token(model, 0, 1503, &token, &special, &err), GD_EUSAGE);
    assert_string_equal(err.text, "no token has the id 1503: the largest is 1502");
    assert_int_equal(gd_model_token(model, 0, UINT32_MAX, &token, NULL, NULL), GD_EUSAGE);
    err = (gd_error){ 0 };
    assert_int_equal(gd_model_token(model, 1, 0, &token, NULL, &err), GD_EUSAGE);
    assert_string_equal(err.text, "adapter is 1, but the model was opened with 0 more_adapters");
    gd_model_close(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_id_is_that_of_the_reference),
        cmocka_unit_test(a_content_may_have_a_zero),
        cmocka_unit_test(a_model_knows_its_tokens),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
