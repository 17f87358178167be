/* test_variants.c - the parts of a tokenizer.json in many combinations: each variant in data/text/variants.json gives
 * the ids of the reference. */
#include "tests/text/corpus.h"

#include "base/mem.h"

static expected want;
static json_t *alphabet, *variants, *golden, *holes;

/* Fields of `from` replace those of `to`. */
static void replace_fields(json_t *to, const json_t *from)
{
    if (from)
        assert_int_equal(json_object_update(to, (json_t *)from), 0);
}

/* Opens the tokenizer of a variant, with merges as pairs or as strings. */
static gd_tokenizer *open_variant(const json_t *variant, bool pairs)
{
    const json_t *base = json_object_get(variant, "base") ? holes : golden;
    json_t *all = json_deep_copy(base), *merges = json_object_get(json_object_get(all, "model"), "merges");
    char dir[TEST_PATH], *text;
    gd_tokenizer *t;

    replace_fields(all, json_object_get(variant, "set"));
    replace_fields(json_object_get(all, "model"), json_object_get(variant, "model"));
    for (size_t i = 0; !pairs && i < json_array_size(merges); i++) {
        const json_t *merge = json_array_get(merges, i);
        json_t *joined = json_sprintf("%s %s", json_string_value(json_array_get(merge, 0)),
                                      json_string_value(json_array_get(merge, 1)));

        assert_int_equal(json_array_set_new(merges, i, joined), 0);
    }
    text = json_dumps(all, JSON_COMPACT | JSON_ALLOW_NUL);
    (void)test_dir(dir);
    write_tokenizer(dir, text, strlen(text));
    assert_ok(gd_tokenizer_open(&t, dir, test_err));
    assert_int_equal(test_remove(dir), 0);
    free(text);
    json_decref(all);
    return t;
}

static void each_variant(void **state)
{
    (void)state;
    assert_in_range(json_array_size(variants), 26, 100);
    for (size_t i = 0; i < json_array_size(variants); i++) {
        const json_t *variant = json_array_get(variants, i);
        const char *name = json_string_value(json_object_get(variant, "name"));
        gd_tokenizer *t = open_variant(variant, i % 2);
        block b = { .tokenizer = t };

        check_all_lines(&b, &want, name);
        check_random(&b, &want, name, 10, alphabet);
        gd_ids_free(&b.ids);
        gd_tokenizer_close(t);
    }
}

/* If any allocation fails: an error, no leak, and the same ids once there is memory again. */
static void allocations_may_fail(const char *name)
{
    const json_t *variant = NULL;
    uint64_t live, tries = 0;
    char dir[TEST_PATH], *text;
    gd_tokenizer *t = NULL;
    json_t *small = json_deep_copy(holes);
    gd_ids ids = { 0 };
    gd_error err = { GD_OK, "" };

    for (size_t i = 0; i < json_array_size(variants); i++) {
        if (!strcmp(json_string_value(json_object_get(json_array_get(variants, i), "name")), name))
            variant = json_array_get(variants, i);
    }
    assert_non_null(variant);
    replace_fields(small, json_object_get(variant, "set"));
    json_object_del(small, "added_tokens");
    text = json_dumps(small, JSON_COMPACT | JSON_ALLOW_NUL);
    (void)test_dir(dir);
    write_tokenizer(dir, text, strlen(text));
    live = gd_mem_live();
    for (gd_status rc = GD_ENOMEM; rc; tries++) {
        err = (gd_error){ GD_OK, "" };
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
        static const char s[] = "e\xCC\x81 The quick brown fox jumps over the lazy dog, "
                                "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

        gd_ids_free(&ids);
        gd_mem_fail_from(++tries);
        rc = gd_tokenize(t, s, sizeof s - 1, &ids, NULL);
        gd_mem_fail_from(0);
        assert_in_range(tries, 1, 1000);
        assert_true(rc == GD_OK || rc == GD_ENOMEM);
    }
    assert_in_range(tries, 5, 1000);
    assert_in_range(ids.len, 20, 100);
    gd_ids_free(&ids);
    gd_tokenizer_close(t);
    assert_true(gd_mem_live() == live);
    assert_int_equal(test_remove(dir), 0);
    free(text);
    json_decref(small);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    allocations_may_fail("added");
    allocations_may_fail("gpt4o"); /* a pattern for PCRE2 */
}

static int set_up(void **state)
{
    (void)state;
    want = expected_load("expected.txt");
    alphabet = load_json("text/alphabet.json");
    variants = load_json("text/variants.json");
    golden = load_json("golden/qwen2/tokenizer.json");
    holes = load_json("text/holes.json");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    json_decref(alphabet);
    json_decref(variants);
    json_decref(golden);
    json_decref(holes);
    free(want.lines);
    assert_int_equal(gd_mem_live(), 0);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_variant),
        cmocka_unit_test(every_allocation_may_fail),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
