/* test_tokenizer.c - ids equal those of the reference: on real texts, on every code point, on random strings and long
 * runs, for Qwen 2.5's tokenizer. */
#include "tests/text/corpus.h"

#include "base/mem.h"

#include <pthread.h>
#include <zlib.h>

static expected want;
static json_t *alphabet;
static gd_tokenizer *qwen;
static block b;

static void hh_texts(void **state)
{
    char path[1024], *row = malloc(1 << 20);
    gzFile f = gzopen(test_data(path, sizeof path, "hh-rlhf/harmless-base-test.jsonl.gz"), "rb");
    static const char *const keys[] = { "chosen", "rejected" };
    size_t index = 0;

    (void)state;
    assert_non_null(f);
    while (gzgets(f, row, 1 << 20)) {
        json_t *record = json_loads(row, 0, NULL);

        assert_non_null(record);
        for (int k = 0; k < 2; k++) {
            const json_t *text = json_object_get(record, keys[k]);

            block_begin(&b);
            block_add(&b, json_string_value(text), json_string_length(text));
            block_check(&b, &want, "qwen2.5", "hh", index++);
        }
        json_decref(record);
    }
    assert_int_equal(index, 4624);
    gzclose(f);
    free(row);
}

/* Every code point, in a separate text: with `before` and `after` around it. */
static void code_points(const char *kind, const char *before, const char *after)
{
    for (uint32_t c = 0; c < 0x110000; c++) {
        char text[8];
        size_t len = strlen(before);

        if (c % 4096 == 0)
            block_begin(&b);
        if (c < 0xD800 || c >= 0xE000) {
            memcpy(text, before, len);
            len += gd_utf8_encode(c, (unsigned char *)text + len);
            memcpy(text + len, after, strlen(after));
            block_add(&b, text, len + strlen(after));
        }
        if (c % 4096 == 4095)
            block_check(&b, &want, "qwen2.5", kind, c / 4096);
    }
}

static void each_code_point_alone(void **state)
{
    (void)state;
    code_points("alone", "", "");
}

static void each_code_point_between_letters(void **state)
{
    (void)state;
    code_points("between", "a", "b");
}

static void random_strings(void **state)
{
    (void)state;
    check_random(&b, &want, "qwen2.5", 100, alphabet);
}

static char *repeated(const char *unit, size_t len, size_t total)
{
    char *text = malloc(total);

    assert_non_null(text);
    for (size_t at = 0; at + len <= total; at += len)
        memcpy(text + at, unit, len);
    return text;
}

static void long_runs(void **state)
{
    static const struct {
        const char *unit;
        size_t len;
    } runs[] = { { "a", 1 },
                 { "A", 1 },
                 { " ", 1 },
                 { "\n", 1 },
                 { "\t", 1 },
                 { "1", 1 },
                 { ".", 1 },
                 { "\xE4\xB8\xAD", 3 },
                 { "\xF0\x9F\x98\x80", 4 },
                 { "\xCC\x81", 2 },
                 { "\xCC\x81\xCC\x96", 4 },
                 { "\0", 1 },
                 { "'s", 2 },
                 { "\r\n x", 4 },
                 { " a", 2 },
                 { "\xC3\xA9", 2 } };

    (void)state;
    for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
        const size_t total = ((size_t)1 << 18) / runs[i].len * runs[i].len;
        char *text = repeated(runs[i].unit, runs[i].len, total);

        block_begin(&b);
        block_add(&b, text, total);
        block_check(&b, &want, "qwen2.5", "runs", i);
        free(text);
    }
}

/* A megabyte of one thing, with the same ids as in four quarters if cutting it changes nothing. */
static void a_megabyte_ends(void **state)
{
    static const char *const units[] = { "x", " ", "\n", "\xCC\x81" };
    const size_t total = (size_t)1 << 20;

    (void)state;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        char *text = repeated(units[i], strlen(units[i]), total);

        block_begin(&b);
        block_add(&b, text, total);
        assert_in_range(b.ids.len, total / 512, total);
        free(text);
    }
}

static void refuses_what_is_not_utf8(void **state)
{
    static const struct {
        const char *text;
        size_t len, at;
    } bad[] = { { "\xff", 1, 0 },
                { "abc\xC3", 4, 3 },
                { "ab\xC0\x80", 4, 2 },
                { "\xED\xA0\x80", 3, 0 },
                { "a\0\xF5", 3, 2 } };
    char sentence[80];

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        gd_error err = { GD_OK, "" };

        assert_int_equal(gd_tokenize(qwen, bad[i].text, bad[i].len, &b.ids, &err), GD_EFORMAT);
        (void)snprintf(sentence, sizeof sentence, "a text is not valid UTF-8 at byte %zu", bad[i].at);
        assert_string_equal(err.text, sentence);
    }
    assert_ok(gd_tokenize(qwen, "", 0, &b.ids, test_err));
    assert_int_equal(b.ids.len, 0);
}

static void finds_tokens(void **state)
{
    uint32_t id;

    (void)state;
    assert_int_equal(gd_tokenizer_size(qwen), 151665);
    assert_true(gd_tokenizer_find(qwen, "<|endoftext|>", &id));
    assert_int_equal(id, 151643);
    assert_true(gd_tokenizer_find(qwen, "\xC4\xA0the", &id));
    assert_int_equal(id, 279);
    assert_string_equal(gd_tokenizer_token(qwen, 279), "\xC4\xA0the");
    assert_string_equal(gd_tokenizer_token(qwen, 151643), "<|endoftext|>");
    assert_false(gd_tokenizer_find(qwen, " the", &id)); /* a content is not a text */
    assert_false(gd_tokenizer_find(qwen, "", &id));
    assert_null(gd_tokenizer_token(qwen, 151665));
    assert_null(gd_tokenizer_token(qwen, UINT32_MAX));
}

/* Threads share a fresh tokenizer, in which nothing is cached yet. */
struct worker {
    const gd_tokenizer *tokenizer;
    uint64_t hash;
};

static void *work(void *context)
{
    struct worker *w = context;
    block own = { .tokenizer = w->tokenizer };
    uint64_t seed = 5;
    gd_buf text = { 0 };

    block_begin(&own);
    for (int i = 0; i < 2000; i++) {
        random_string(&text, &seed, alphabet);
        block_add(&own, text.data ? text.data : "", text.len);
    }
    w->hash = own.hash;
    gd_buf_free(&text);
    gd_ids_free(&own.ids);
    return NULL;
}

static void threads_share_a_tokenizer(void **state)
{
    char dir[1024];
    gd_tokenizer *t;
    pthread_t threads[4];
    struct worker workers[5] = { { NULL, 0 } };

    (void)state;
    assert_ok(gd_tokenizer_open(&t, test_data(dir, sizeof dir, "golden/qwen2"), test_err));
    for (int i = 0; i < 5; i++)
        workers[i].tokenizer = t;
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    work(&workers[4]); /* everything is cached now */
    for (int i = 0; i < 4; i++)
        assert_true(workers[i].hash == workers[4].hash);
    gd_tokenizer_close(t);
}

/* The ids with which the golden models were scored. */
static void golden_texts(void **state)
{
    static const char *const models[] = { "qwen2", "llama", "gemma2", "mistral", "qwen3", "qwen2-tied" };
    char *row = malloc(1 << 20);

    (void)state;
    for (size_t m = 0; m < sizeof models / sizeof *models; m++) {
        char name[64], path[1024];
        gd_tokenizer *t;
        size_t rows = 0;
        FILE *f;

        (void)snprintf(name, sizeof name, "golden/%s", models[m]);
        assert_ok(gd_tokenizer_open(&t, test_data(path, sizeof path, name), test_err));
        (void)snprintf(name, sizeof name, "golden/%s/expected.jsonl", models[m]);
        f = fopen(test_data(path, sizeof path, name), "r");
        assert_non_null(f);
        for (; fgets(row, 1 << 20, f); rows++) {
            json_t *record = json_loads(row, JSON_ALLOW_NUL, NULL);
            const json_t *text = json_object_get(record, "text"), *ids = json_object_get(record, "ids");

            assert_ok(gd_tokenize(t, json_string_value(text), json_string_length(text), &b.ids, test_err));
            assert_int_equal(b.ids.len, json_array_size(ids));
            for (size_t i = 0; i < b.ids.len; i++)
                assert_int_equal(b.ids.data[i], json_integer_value(json_array_get(ids, i)));
            json_decref(record);
        }
        assert_int_equal(rows, 40);
        assert_int_equal(fclose(f), 0);
        gd_tokenizer_close(t);
    }
    free(row);
}

static int set_up(void **state)
{
    char dir[1024];

    (void)state;
    want = expected_load("expected.txt");
    alphabet = load_json("text/alphabet.json");
    assert_ok(gd_tokenizer_open(&qwen, test_data(dir, sizeof dir, "qwen2.5"), test_err));
    b.tokenizer = qwen;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    gd_tokenizer_close(qwen);
    gd_ids_free(&b.ids);
    json_decref(alphabet);
    free(want.lines);
    assert_int_equal(gd_mem_live(), 0);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_texts),          cmocka_unit_test(hh_texts),
        cmocka_unit_test(each_code_point_alone), cmocka_unit_test(each_code_point_between_letters),
        cmocka_unit_test(random_strings),        cmocka_unit_test(long_runs),
        cmocka_unit_test(a_megabyte_ends),       cmocka_unit_test(refuses_what_is_not_utf8),
        cmocka_unit_test(finds_tokens),          cmocka_unit_test(threads_share_a_tokenizer),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
