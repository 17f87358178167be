/* corpus.h - generates the texts of data/text/make_expected.py again, and a hash of their ids. */
#ifndef GD_TESTS_TEXT_CORPUS_H
#define GD_TESTS_TEXT_CORPUS_H

#include "tests/check.h"

#include "base/buf.h"
#include "base/utf8.h"
#include "text/tokenizer.h"

#include <jansson.h>

/* ---- expected values ---- */

typedef struct expected_line {
    char tokenizer[32], kind[16];
    unsigned long index, ids;
    unsigned long long hash;
} expected_line;

typedef struct expected {
    expected_line *lines;
    size_t count, at;
} expected;

/* `name`: a file in tests/data/text. */
static inline expected expected_load(const char *name)
{
    expected e = { NULL, 0, 0 };
    char path[1024], row[256], file[64];
    FILE *f;

    (void)snprintf(file, sizeof file, "text/%s", name);
    f = fopen(test_data(path, sizeof path, file), "r");
    assert_non_null(f);
    while (fgets(row, sizeof row, f)) {
        expected_line *l;

        e.lines = realloc(e.lines, (e.count + 1) * sizeof *e.lines);
        assert_non_null(e.lines);
        l = &e.lines[e.count++];
        assert_int_equal(sscanf(row, "%31s %15s %lu %lu %llx", l->tokenizer, l->kind, &l->index, &l->ids, &l->hash), 5);
    }
    assert_int_equal(fclose(f), 0);
    return e;
}

/* Lines are looked up nearly in the order of the file. */
static inline const expected_line *expected_find(expected *e, const char *tokenizer, const char *kind, size_t index)
{
    for (size_t i = 0; i < e->count; i++, e->at = (e->at + 1) % e->count) {
        const expected_line *l = &e->lines[e->at];

        if (l->index == index && !strcmp(l->kind, kind) && !strcmp(l->tokenizer, tokenizer))
            return l;
    }
    fail_msg("there is no line for %s %s %zu", tokenizer, kind, index);
    return NULL;
}

/* ---- a block of texts ---- */

typedef struct block {
    const gd_tokenizer *tokenizer;
    gd_ids ids;
    uint64_t hash;
    size_t total;
} block;

static inline void block_begin(block *b)
{
    b->hash = 0xCBF29CE484222325u;
    b->total = 0;
}

static inline void block_add(block *b, const char *text, size_t len)
{
    assert_ok(gd_tokenize(b->tokenizer, text, len, &b->ids, test_err));
    b->hash = (b->hash ^ b->ids.len) * 0x100000001B3u;
    for (size_t i = 0; i < b->ids.len; i++)
        b->hash = (b->hash ^ b->ids.data[i]) * 0x100000001B3u;
    b->total += b->ids.len;
}

static inline void block_check(const block *b, expected *e, const char *tokenizer, const char *kind, size_t index)
{
    const expected_line *l = expected_find(e, tokenizer, kind, index);

    if (l->hash != b->hash)
        fail_msg("%s %s %zu: %zu ids, hash %016llx; expected %lu, %016llx", tokenizer, kind, index, b->total,
                 (unsigned long long)b->hash, l->ids, l->hash);
}

/* ---- random strings ---- */

static inline uint64_t split_mix(uint64_t *state, uint64_t n)
{
    uint64_t z = *state += 0x9E3779B97F4A7C15u;

    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return (z ^ z >> 31) % n;
}

static inline void put_char(gd_buf *b, uint32_t c)
{
    unsigned char utf8[4];

    gd_buf_bytes(b, utf8, gd_utf8_encode(c, utf8));
}

static inline void random_string(gd_buf *b, uint64_t *state, const json_t *alphabet)
{
    const uint64_t parts = split_mix(state, 16);

    gd_buf_clear(b);
    for (uint64_t i = 0; i < parts; i++) {
        const uint64_t kind = split_mix(state, 20);

        if (kind < 14) {
            const json_t *s = json_array_get(alphabet, split_mix(state, json_array_size(alphabet)));

            gd_buf_bytes(b, json_string_value(s), json_string_length(s));
        } else if (kind < 17) {
            put_char(b, 0x300 + (uint32_t)split_mix(state, 0x70));
        } else {
            const uint64_t all = split_mix(state, 2) ? 0x110000 : 0x3000;
            const uint32_t c = (uint32_t)split_mix(state, all);

            put_char(b, c >= 0xD800 && c < 0xE000 ? '?' : c);
        }
    }
}

static inline void check_random(block *b, expected *e, const char *tokenizer, size_t blocks, const json_t *alphabet)
{
    uint64_t state = 22;
    gd_buf text = { 0 };

    for (size_t i = 0; i < blocks; i++) {
        block_begin(b);
        for (int k = 0; k < 1000; k++) {
            random_string(&text, &state, alphabet);
            block_add(b, text.data ? text.data : "", text.len);
        }
        block_check(b, e, tokenizer, "random", i);
    }
    gd_buf_free(&text);
}

/* 4,096 code points in texts of 256. */
static inline void check_lines(block *b, expected *e, const char *name, size_t index)
{
    gd_buf text = { 0 };

    block_begin(b);
    for (uint32_t c = (uint32_t)index * 4096; c < (index + 1) * 4096; c++) {
        if (c < 0xD800 || c >= 0xE000) {
            gd_buf_str(&text, "a");
            put_char(&text, c);
            gd_buf_str(&text, "b");
            put_char(&text, c);
            gd_buf_str(&text, "1 ");
            put_char(&text, c);
        }
        if (c % 256 == 255 && text.len)
            block_add(b, text.data, text.len);
        if (c % 256 == 255)
            gd_buf_clear(&text);
    }
    block_check(b, e, name, "lines", index);
    gd_buf_free(&text);
}

static inline void check_all_lines(block *b, expected *e, const char *name)
{
    for (size_t k = 0; k < 0x110; k++) {
        if (k < 0x32 || k == 0xE0 || k == 0x10F)
            check_lines(b, e, name, k);
    }
}

/* ---- files ---- */

static inline json_t *load_json(const char *name)
{
    char path[1024];
    json_error_t at;
    json_t *value = json_load_file(test_data(path, sizeof path, name), JSON_ALLOW_NUL, &at);

    if (!value)
        fail_msg("%s:%d: %s", path, at.line, at.text);
    return value;
}

static inline void write_tokenizer(const char *dir, const char *text, size_t len)
{
    char path[1100];
    FILE *f;

    (void)snprintf(path, sizeof path, "%s/tokenizer.json", dir);
    f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
}

#endif
