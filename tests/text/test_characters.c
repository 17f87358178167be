/* test_characters.c - tokenizers whose symbols are characters, and a tokenizer.model: each variant in
 * data/text/character_variants.json gives the ids of the reference. */
#include "tests/text/corpus.h"

#include "base/file.h"
#include "base/mem.h"

static expected want;
static json_t *alphabet, *variants, *bases, *characters, *golden;

static void update(json_t *to, const json_t *from)
{
    if (from)
        assert_int_equal(json_object_update(to, (json_t *)from), 0);
}

static void write_json(const char *dir, const char *name, const json_t *value)
{
    char path[TEST_PATH + 64];

    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    assert_int_equal(json_dump_file(value, path, JSON_COMPACT | JSON_ALLOW_NUL), 0);
}

static void copy_model(const char *dir)
{
    char from[1024], to[TEST_PATH + 64], *data;
    size_t len;
    FILE *f;

    assert_ok(gd_file_read(&data, &len, test_data(from, sizeof from, "text/tokenizer.model"), 1 << 20, test_err));
    (void)snprintf(to, sizeof to, "%s/tokenizer.model", dir);
    f = fopen(to, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
    gd_free(data);
}

static void write_variant(const char *dir, const json_t *variant)
{
    const char *name = json_string_value(json_object_get(variant, "base"));
    json_t *all = json_deep_copy(name && !strcmp(name, "golden") ? golden : characters);

    update(json_object_get(all, "model"), name ? json_object_get(bases, name) : NULL);
    update(json_object_get(all, "model"), json_object_get(variant, "model"));
    update(all, json_object_get(variant, "set"));
    write_json(dir, "tokenizer.json", all);
    json_decref(all);
}

static gd_tokenizer *open_variant(const json_t *variant)
{
    const json_t *config = json_object_get(variant, "config");
    char dir[TEST_PATH];
    gd_error err = { GD_OK, "" };
    gd_tokenizer *t;

    (void)test_dir(dir);
    if (config) {
        copy_model(dir);
        write_json(dir, "tokenizer_config.json", config);
    } else {
        write_variant(dir, variant);
    }
    if (gd_tokenizer_open(&t, dir, &err))
        fail_msg("%s: %s", json_string_value(json_object_get(variant, "name")), err.text);
    assert_int_equal(test_remove(dir), 0);
    return t;
}

static const json_t *variant_named(const char *name)
{
    for (size_t i = 0; i < json_array_size(variants); i++) {
        const json_t *variant = json_array_get(variants, i);

        if (!strcmp(json_string_value(json_object_get(variant, "name")), name))
            return variant;
    }
    fail_msg("there is no variant %s", name);
    return NULL;
}

static void each_variant(void **state)
{
    (void)state;
    assert_in_range(json_array_size(variants), 30, 100);
    for (size_t i = 0; i < json_array_size(variants); i++) {
        const json_t *variant = json_array_get(variants, i);
        const char *name = json_string_value(json_object_get(variant, "name"));
        gd_tokenizer *t = open_variant(variant);
        block b = { .tokenizer = t };

        check_all_lines(&b, &want, name);
        check_random(&b, &want, name, 10, alphabet);
        gd_ids_free(&b.ids);
        gd_tokenizer_close(t);
    }
}

/* Long texts in which no space or cut helps. */
static void long_runs_end(void **state)
{
    static const char *const units[] = { "a", " ", "the", "\xE2\x96\x81", "\n", "=", "\xF3\xA0\x80\x81", "qq" };
    static const char *const names[] = { "llama", "unknown-fused", "whole" };
    const size_t total = (size_t)1 << 18;
    char *text = malloc(total);

    (void)state;
    assert_non_null(text);
    for (size_t v = 0; v < sizeof names / sizeof *names; v++) {
        gd_tokenizer *t = open_variant(variant_named(names[v]));
        block b = { .tokenizer = t };

        for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
            const size_t len = strlen(units[i]), whole = total / len * len;

            for (size_t at = 0; at < whole; at += len)
                memcpy(text + at, units[i], len);
            block_begin(&b);
            block_add(&b, text, whole);
            assert_in_range(b.ids.len, 1, total + 2);
        }
        gd_ids_free(&b.ids);
        gd_tokenizer_close(t);
    }
    free(text);
}

/* The memory limit counts what is merged at once, not what the pre-tokenizer leaves. */
static void a_limit_is_for_parts(void **state)
{
    static const char words[] = "the cat and the dog and the end of it all, said the man to the boy.";
    static const char unknown[] = "\xF3\xA0\x80\x81\xF3\xA0\x80\x81\xF3\xA0\x80\x81\xF3\xA0\x80\x81\xF3\xA0\x80\x81";
    gd_tokenizer *t = open_variant(variant_named("unknown-fused"));
    gd_ids ids = { 0 };
    gd_error err = { GD_OK, "" };

    (void)state;
    gd_tokenizer_limit_pieces(t, 20);
    assert_ok(gd_tokenize(t, words, strlen(words), &ids, test_err));
    assert_int_equal(gd_tokenize(t, unknown, strlen(unknown), &ids, &err), GD_ETOOLONG);
    assert_string_equal(err.text, "the text has 23 bytes without a break, which need too much memory as one word: the "
                                  "memory limit allows at most 20");
    gd_ids_free(&ids);
    gd_tokenizer_close(t);
}

static void rename_token(json_t *vocab, const char *from, const char *to)
{
    assert_int_equal(json_object_set(vocab, to, json_object_get(vocab, from)), 0);
    assert_int_equal(json_object_del(vocab, from), 0);
}

static void falcon_lacks_control_characters(void **state)
{
    json_t *all = json_deep_copy(golden), *model = json_object_get(all, "model");
    json_t *vocab = json_object_get(model, "vocab");
    char dir[TEST_PATH];
    gd_ids ids = { 0 };
    gd_tokenizer *t;

    (void)state;
    rename_token(vocab, "\xC4\x87", "no 7"); /* U+0107 stands for the byte 7, U+00F1 for F1 */
    rename_token(vocab, "\xC3\xB1", "no F1");
    write_json(test_dir(dir), "tokenizer.json", all);
    assert_ok(gd_tokenizer_open(&t, dir, test_err));
    assert_int_equal(gd_tokenizer_note_count(t), 1);
    assert_non_null(strstr(gd_tokenizer_note(t, 0),
                           "tokenizer.json: 1 control characters have no token and are left out "
                           "of a text, as by Transformers"));
    assert_ok(gd_tokenize(t, "\a", 1, &ids, test_err));
    assert_int_equal(ids.len, 0);
    gd_ids_free(&ids);
    gd_tokenizer_close(t);
    assert_int_equal(test_remove(dir), 0);
    json_decref(all);
}

/* The ids of a text by a tokenizer that has seen no other. */
static gd_ids fresh_ids(const json_t *variant, const char *text)
{
    gd_tokenizer *t = open_variant(variant);
    gd_ids ids = { 0 };

    assert_ok(gd_tokenize(t, text, strlen(text), &ids, test_err));
    gd_tokenizer_close(t);
    return ids;
}

static void expect_same_ids_again(const json_t *variant)
{
    static const char *const texts[] = { "the 1234567 cat,and 123 12 dogs", "1234 123",  "123 1234567",
                                         "the cat and the dog, the cat",    "a1b22c333", "th the th" };
    gd_tokenizer *t = open_variant(variant);
    gd_ids ids = { 0 };

    for (size_t i = 0; i < 12; i++) {
        gd_ids alone = fresh_ids(variant, texts[i % 6]);

        assert_ok(gd_tokenize(t, texts[i % 6], strlen(texts[i % 6]), &ids, test_err));
        assert_int_equal(ids.len, alone.len);
        assert_memory_equal(ids.data, alone.data, ids.len * sizeof *ids.data);
        gd_ids_free(&alone);
    }
    gd_ids_free(&ids);
    gd_tokenizer_close(t);
}

/* Words are remembered with what the stages after ByteLevel and the merges make of them. The last ones leave "th" of
 * "the", which they split if it is a word. */
static void words_that_are_remembered_have_the_same_ids(void **state)
{
    static const char text[] =
        "{\"base\":\"golden\",\"set\":{\"normalizer\":null,\"pre_tokenizer\":{\"type\":\"Sequence\","
        "\"pretokenizers\":[{\"type\":\"ByteLevel\",\"add_prefix_space\":false},{\"type\":\"Split\",\"pattern\":"
        "{\"Regex\":\"h(?!e)|e\"},\"behavior\":\"Isolated\",\"invert\":false}]}}}";
    json_t *variant = json_loads(text, 0, NULL);

    (void)state;
    assert_non_null(variant);
    expect_same_ids_again(variant_named("falcon"));
    expect_same_ids_again(variant_named("after-bytes"));
    expect_same_ids_again(variant);
    json_decref(variant);
}

/* If any allocation fails: an error, no leak, and the same ids once there is memory again. */
static void allocations_may_fail(const char *name)
{
    static const char s[] =
        "e\xCC\x81 The quick brown fox\n\xE4\xB8\xAD jumps, aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const json_t *variant = variant_named(name);
    uint64_t live, tries = 0;
    gd_tokenizer *t = NULL;
    gd_ids ids = { 0 };
    char dir[TEST_PATH];

    (void)test_dir(dir);
    if (json_object_get(variant, "config"))
        copy_model(dir);
    else
        write_variant(dir, variant);
    live = gd_mem_live();
    for (gd_status rc = GD_ENOMEM; rc; tries++) {
        gd_error err = { GD_OK, "" };

        gd_mem_fail_from(tries + 1);
        rc = gd_tokenizer_open(&t, dir, &err);
        gd_mem_fail_from(0);
        assert_in_range(tries, 0, 10000);
        assert_true(rc == GD_OK || rc == GD_ENOMEM);
        assert_true(rc == GD_OK || (t == NULL && gd_mem_live() == live));
    }
    assert_in_range(tries, 20, 10000);
    tries = 0;
    for (gd_status rc = GD_ENOMEM; rc;) {
        gd_ids_free(&ids);
        gd_mem_fail_from(++tries);
        rc = gd_tokenize(t, s, sizeof s - 1, &ids, NULL);
        gd_mem_fail_from(0);
        assert_in_range(tries, 1, 1000);
        assert_true(rc == GD_OK || rc == GD_ENOMEM);
    }
    assert_in_range(tries, 5, 1000);
    gd_ids_free(&ids);
    gd_tokenizer_close(t);
    assert_true(gd_mem_live() == live);
    assert_int_equal(test_remove(dir), 0);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    allocations_may_fail("llama-added");
    allocations_may_fail("nfkc");
    allocations_may_fail("falcon");
    allocations_may_fail("model");
}

static int set_up(void **state)
{
    (void)state;
    want = expected_load("characters.txt");
    alphabet = load_json("text/character_alphabet.json");
    variants = load_json("text/character_variants.json");
    bases = load_json("text/character_bases.json");
    characters = load_json("text/characters.json");
    golden = load_json("golden/qwen2/tokenizer.json");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    json_decref(alphabet);
    json_decref(variants);
    json_decref(bases);
    json_decref(characters);
    json_decref(golden);
    free(want.lines);
    assert_int_equal(gd_mem_live(), 0);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_variant),
        cmocka_unit_test(long_runs_end),
        cmocka_unit_test(a_limit_is_for_parts),
        cmocka_unit_test(falcon_lacks_control_characters),
        cmocka_unit_test(words_that_are_remembered_have_the_same_ids),
        cmocka_unit_test(every_allocation_may_fail),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
