/* test_sentencepiece.c - each way in which a tokenizer.model can be wrong has its error message. */
#include "tests/check.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "text/tokenizer.h"

/* The fields of a message, each written after those before it. */
static void put_number(gd_buf *b, unsigned field, uint64_t value)
{
    unsigned char bytes[16] = { (unsigned char)(field << 3 & 0x7F), 0 };
    size_t n = 1;

    if (field > 15) {
        bytes[0] |= 0x80;
        bytes[n++] = (unsigned char)(field >> 4);
    }
    for (; value >= 0x80; value >>= 7)
        bytes[n++] = (unsigned char)(value | 0x80);
    bytes[n++] = (unsigned char)value;
    gd_buf_bytes(b, bytes, n);
}

static void put_bytes(gd_buf *b, unsigned field, const void *s, size_t len)
{
    const unsigned char head[3] = { (unsigned char)(field << 3 | 2), (unsigned char)(len | 0x80),
                                    (unsigned char)(len >> 7) };

    gd_buf_bytes(b, head, sizeof head);
    gd_buf_bytes(b, s, len);
}

static void put_message(gd_buf *b, unsigned field, gd_buf *message)
{
    put_bytes(b, field, message->data, message->len);
    gd_buf_free(message);
}

static void put_piece(gd_buf *b, const char *piece, unsigned type)
{
    gd_buf message = { 0 };

    put_bytes(&message, 1, piece, strlen(piece));
    gd_buf_bytes(&message, "\x15\0\0\0\0", 5); /* the score, which does not count */
    put_number(&message, 3, type);
    put_message(b, 1, &message);
}

/* A small model: <unk>, <s>, </s>, a, b, ab. */
struct small {
    const char *piece; /* another one, and its type */
    unsigned type;
    unsigned model_type, suffix, removes, keeps_spaces;
    uint64_t bos;
    const char *table;
    bool no_normalizer;
};

static void write_small(gd_buf *b, const struct small *s)
{
    static const char *const pieces[] = { "<unk>", "<s>", "</s>", "a", "b", "ab" };
    gd_buf trainer = { 0 }, normalizer = { 0 };

    for (unsigned i = 0; i < 6; i++)
        put_piece(b, pieces[i], i == 0 ? 2 : i < 3 ? 3 : 1);
    if (s->piece)
        put_piece(b, s->piece, s->type);
    put_number(&trainer, 3, s->model_type);
    put_number(&trainer, 24, s->suffix);
    put_number(&trainer, 41, s->bos);
    put_message(b, 2, &trainer);
    put_bytes(&normalizer, 1, "identity", 8);
    put_bytes(&normalizer, 2, s->table ? s->table : "", s->table ? strlen(s->table) : 0);
    put_number(&normalizer, 3, 1);
    put_number(&normalizer, 4, s->removes);
    put_number(&normalizer, 5, !s->keeps_spaces);
    if (!s->no_normalizer)
        put_message(b, 3, &normalizer);
    gd_buf_free(&normalizer);
    assert_false(b->failed);
}

/* The error message for the file, without the path; "" if it is valid. */
static const char *sentence_for(const char *dir, const void *data, size_t len)
{
    static gd_error err;
    const uint64_t live = gd_mem_live();
    char path[TEST_PATH + 32];
    gd_tokenizer *t;
    gd_status rc;
    FILE *f;

    (void)snprintf(path, sizeof path, "%s/tokenizer.model", dir);
    f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
    err = (gd_error){ GD_OK, "" };
    rc = gd_tokenizer_open(&t, dir, &err);
    assert_int_equal(rc, err.status);
    gd_tokenizer_close(t);
    assert_true(gd_mem_live() == live);
    if (!rc)
        return "";
    assert_null(t);
    assert_true(rc == GD_EFORMAT || rc == GD_EUNSUPPORTED);
    assert_true(!strncmp(err.text, path, strlen(path)));
    return err.text + strlen(path);
}

static void each_case_has_its_message(void **state)
{
    static const char long_piece[600] = "";
    char filled[600];
    const struct {
        struct small model;
        const char *sentence;
    } cases[] = {
        { { .model_type = 2, .bos = 1 }, "" },
        { { .model_type = 2, .bos = UINT64_MAX }, "" }, /* -1: none */
        { { .model_type = 1, .bos = 1 }, ": trainer_spec.model_type is UNIGRAM, but only BPE is supported" },
        { { .model_type = 3, .bos = 1 }, ": trainer_spec.model_type is WORD, but only BPE is supported" },
        { { .model_type = 4, .bos = 1 }, ": trainer_spec.model_type is CHAR, but only BPE is supported" },
        { { .model_type = 2, .bos = 6 }, ": trainer_spec.bos_id is 6, but there are 6 pieces" },
        { { .model_type = 2, .bos = 1, .suffix = 1 }, ": treat_whitespace_as_suffix is not supported" },
        { { .model_type = 2, .bos = 1, .removes = 1 },
          ": normalizer_spec.remove_extra_whitespaces is true, which is not supported" },
        { { .model_type = 2, .bos = 1, .keeps_spaces = 1 },
          ": normalizer_spec.escape_whitespaces is false, which is not supported" },
        { { .model_type = 2, .bos = 1, .table = "x" },
          ": normalizer_spec has a precompiled_charsmap, but only the normalization \"identity\" is supported" },
        { { .model_type = 2, .bos = 1, .no_normalizer = true }, ": normalizer_spec is missing" },
        { { .model_type = 2, .bos = 1, .piece = "a", .type = 1 }, ": model.vocab: the token \"a\" appears twice" },
        { { .model_type = 2, .bos = 1, .piece = "", .type = 1 }, ": piece 6 has 0 bytes, but 1 to 512 are supported" },
        { { .model_type = 2, .bos = 1, .piece = filled, .type = 1 },
          ": piece 6 has 599 bytes, but 1 to 512 are supported" },
        { { .model_type = 2, .bos = 1, .piece = "\xC3", .type = 1 }, ": piece 6 is not valid UTF-8" },
        { { .model_type = 2, .bos = 1, .piece = "c", .type = 7 }, ": piece 6 has the type 0, which is not known" },
    };
    char dir[TEST_PATH];

    (void)state;
    memcpy(filled, long_piece, sizeof filled);
    memset(filled, 'x', sizeof filled - 1);
    (void)test_dir(dir);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        gd_buf b = { 0 };

        write_small(&b, &cases[i].model);
        assert_string_equal(sentence_for(dir, b.data, b.len), cases[i].sentence);
        gd_buf_free(&b);
    }
    assert_int_equal(test_remove(dir), 0);
}

static void bytes_that_are_no_message(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
        const char *sentence;
    } cases[] = {
        { "", 0, ": not a model of SentencePiece: it has no pieces" },
        { "{}", 2, ": not a model of SentencePiece: at byte 0, a field has a type that is not known" },
        { "\x0A", 1, ": not a model of SentencePiece: at byte 1, a number is cut" },
        { "\x0A\x05zz", 4, ": not a model of SentencePiece: at byte 0, a field is cut" },
        { "\x0A\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01", 11,
          ": not a model of SentencePiece: at byte 0, a field is cut" },
        { "\x08\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01", 12,
          ": not a model of SentencePiece: at byte 1, a number is too long" },
        { "\x0A\x02\x0A\x05zzzzz", 9, ": not a model of SentencePiece: at byte 2, a field is cut" },
        { "\x0D\0\0", 3, ": not a model of SentencePiece: at byte 0, a field is cut" },
        { "\x09\0\0\0\0\0\0\0", 8, ": not a model of SentencePiece: at byte 0, a field is cut" },
    };
    char dir[TEST_PATH];

    (void)state;
    (void)test_dir(dir);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(sentence_for(dir, cases[i].bytes, cases[i].len), cases[i].sentence);
    assert_int_equal(test_remove(dir), 0);
}

/* Every cut of a small model is an error, but the one before what follows its normalizer_spec. */
static void every_cut_is_an_error(void **state)
{
    const struct small model = { .model_type = 2, .bos = 1 };
    char dir[TEST_PATH];
    gd_buf b = { 0 };

    (void)state;
    write_small(&b, &model);
    (void)test_dir(dir);
    for (size_t len = 0; len < b.len; len++)
        assert_string_not_equal(sentence_for(dir, b.data, len), "");
    assert_int_equal(test_remove(dir), 0);
    gd_buf_free(&b);
}

/* If both are there, the tokenizer.json counts. */
static void a_tokenizer_json_comes_first(void **state)
{
    static const char json[] = "{\"model\":{\"unk_token\":\"a\",\"vocab\":{\"a\":0},\"merges\":[]}}";
    const struct small model = { .model_type = 2, .bos = 1 };
    char dir[TEST_PATH], path[TEST_PATH + 32];
    gd_tokenizer *t;
    gd_buf b = { 0 };
    FILE *f;

    (void)state;
    write_small(&b, &model);
    (void)test_dir(dir);
    assert_string_equal(sentence_for(dir, b.data, b.len), "");
    assert_ok(gd_tokenizer_open(&t, dir, test_err));
    assert_int_equal(gd_tokenizer_size(t), 6);
    gd_tokenizer_close(t);
    (void)snprintf(path, sizeof path, "%s/tokenizer.json", dir);
    f = fopen(path, "w");
    assert_true(f && fputs(json, f) >= 0 && !fclose(f));
    assert_ok(gd_tokenizer_open(&t, dir, test_err));
    assert_int_equal(gd_tokenizer_size(t), 1);
    gd_tokenizer_close(t);
    assert_int_equal(test_remove(dir), 0);
    gd_buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_case_has_its_message),
        cmocka_unit_test(bytes_that_are_no_message),
        cmocka_unit_test(every_cut_is_an_error),
        cmocka_unit_test(a_tokenizer_json_comes_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
