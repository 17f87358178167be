/* test_safetensors.c - safetensors files, well-formed and not. ST01 to ST60 are the project's named cases, each
 * with its error message. An empty message means that the file is valid. */
#include "tests/check.h"
#include "tests/quant-free/files.h"

#include "base/mem.h"
#include "quant-free/safetensors.h"

#define ONE "{\"a\":{\"dtype\":\"BF16\",\"shape\":[2],\"data_offsets\":[0,4]}"
#define A(dtype, shape, offsets) "{\"a\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" offsets "}}"

static int wrong; /* failed cases of the current test */

/* Opens dir/name; the message after "PATH: " must be `want`, or empty if the file is valid. */
static void expect(const char *dir, const char *name, const char *id, const char *want)
{
    const char *path = in_dir(dir, name);
    const uint64_t live = gd_mem_live();
    gd_error err = { GD_OK, "" };
    gd_st *st;
    const gd_status rc = gd_st_open(&st, path, &err);

    gd_st_close(st);
    wrong += !said(id, path, rc, &err, want);
    if (gd_mem_live() != live) {
        print_error("%s: %llu allocations leaked\n", id, (unsigned long long)(gd_mem_live() - live));
        wrong++;
    }
}

/* Files that are about the first 8 bytes. */
static void the_length_is_checked(void **state)
{
    static const struct {
        const char *id, *bytes;
        size_t len;
        const char *want;
    } cases[] = {
        { "ST01", "", 0, "0 bytes, but a safetensors file has at least 8" },
        { "ST02", "\1", 1, "1 bytes, but a safetensors file has at least 8" },
        { "ST02", "\2\0\0\0\0\0\0", 7, "7 bytes, but a safetensors file has at least 8" },
        { "ST03", "\0\0\0\0\0\0\0\0", 8, "the header is empty, but a JSON object is expected" },
        { "ST04", "\1\0\0\0\0\0\0\0{", 9, "not valid JSON: the text ends where a field's name in quotes is expected" },
        { "ST05", "\3\0\0\0\0\0\0\0{}", 10, "header length 3, but the file has 10 bytes" },
        { "ST06", "\x01\xe1\xf5\x05\0\0\0\0{}", 10, "header length 100000001, but at most 100000000 is accepted" },
        { "ST07", "\0\0\0\0\0\0\0\x80{}", 10, "header length 9223372036854775808, but at most 100000000 is accepted" },
        { "ST08", "\xff\xff\xff\xff\xff\xff\xff\xff{}", 10,
          "header length 18446744073709551615, but at most 100000000 is accepted" },
        { "ST09", "\xf8\xff\xff\xff\xff\xff\xff\xff{}", 10,
          "header length 18446744073709551608, but at most 100000000 is accepted" },
        { "ST10", "\0\0\0\0\0\0\0\2{}", 10, "header length 144115188075855872, but at most 100000000 is accepted" },
        { "ST11", "\x20\0\0\0\0\0\0\0{\"a\":{\"dtype\":", 22, "header length 32, but the file has 22 bytes" },
        { "ST12", "\3\0\0\0\0\0\0\0{\"\xc3", 11, "not valid UTF-8 at byte 3" },
        { "zip", "PK\3\4\0\0\x08\x08\0\0\0\0", 12,
          "a pickle, which can run code when it is loaded; convert it to safetensors" },
        { "pickle", "\x80\2\x8a\nl\xfc\x9c\x46\xf9 j\xa8", 12,
          "a pickle, which can run code when it is loaded; convert it to safetensors" },
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        write_bytes(*state, "x.safetensors", cases[i].bytes, cases[i].len);
        expect(*state, "x.safetensors", cases[i].id, cases[i].want);
    }
    write_st(*state, "x.bin", "{}", 0);
    expect(*state, "x.bin", "named .bin", "a pickle, which can run code when it is loaded; convert it to safetensors");
    expect(*state, "none.safetensors", "missing", "No such file or directory");
    make_dir(*state, "dir.safetensors");
    expect(*state, "dir.safetensors", "directory", "not a regular file");
}

struct header_case {
    const char *id, *header;
    size_t data; /* bytes after the header */
    const char *want;
};

static void expect_all(const char *dir, const struct header_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        write_st(dir, "x.safetensors", cases[i].header, cases[i].data);
        expect(dir, "x.safetensors", cases[i].id, cases[i].want);
    }
}

static void the_json_is_checked(void **state)
{
    static const struct header_case cases[] = {
        { "ST13", "hello", 0, "not valid JSON at line 1 column 1: a value is expected" },
        { "ST14", "[]", 0, "the header is not a JSON object" },
        { "ST15", "\"a\"", 0, "the header is not a JSON object" },
        { "ST16", ONE "}x", 4, "not valid JSON at line 1 column 56: the end of the text is expected" },
        { "ST18", " \t\r\n" ONE "}", 4, "" },
        { "ST19", ONE "} \t\r\n", 4, "" },
        { "ST20", "\xef\xbb\xbf" ONE "}", 4, "not valid JSON at line 1 column 1: a value is expected" },
        { "ST21", "{\"\xff\":1}", 0, "not valid UTF-8 at byte 3" },
        { "ST22", "{\"\xc0\xaf\":1}", 0, "not valid UTF-8 at byte 3" },
        { "ST23", "{\"\\ud800\":1}", 0, "the name of a field has half of a surrogate pair" },
        { "ST24", "{\"a\\u0000b\":1}", 0, "the name of a field has a NUL character" },
        { "ST26", ONE ",\"a\":{\"dtype\":\"BF16\",\"shape\":[2],\"data_offsets\":[0,4]}}", 4,
          "the field \"a\" appears twice" },
        { "ST27", ONE ",\"a\":{\"dtype\":\"BF16\",\"shape\":[2],\"data_offsets\":[4,8]}}", 8,
          "the field \"a\" appears twice" },
        { "ST28", "{\"a\":{\"dtype\":\"U8\",\"dtype\":\"I8\",\"shape\":[4],\"data_offsets\":[0,4]}}", 4,
          "the field \"dtype\" appears twice" },
        { "ST29", ONE ",\"\\u0061\":{\"dtype\":\"BF16\",\"shape\":[2],\"data_offsets\":[4,8]}}", 8,
          "the field \"a\" appears twice" },
        { "ST30", "{/* */}", 0, "not valid JSON at line 1 column 2: a field's name in quotes is expected" },
        { "ST30", ONE ",}", 4, "not valid JSON at line 1 column 56: a field's name in quotes is expected" },
        { "ST30", "{'a':1}", 0, "not valid JSON at line 1 column 2: a field's name in quotes is expected" },
        { "ST33", "{\"__metadata__\":{\"k\":1}}", 0, "\"__metadata__\" has a value for \"k\" that is not a string" },
        { "ST34", "{\"__metadata__\":{\"k\":{}}}", 0, "\"__metadata__\" has a value for \"k\" that is not a string" },
        { "ST35", "{\"__metadata__\":{},\"__metadata__\":{}}", 0, "the field \"__metadata__\" appears twice" },
        { "ST36", "{\"__metadata__\":\"pt\"}", 0, "\"__metadata__\" is not an object of strings" },
        { "metadata null", "{\"__metadata__\":null}", 0, "" },
        { "metadata", "{\"__metadata__\":{\"format\":\"pt\"}}", 0, "" },
        { "ST37", "{\"\":{\"dtype\":\"BF16\",\"shape\":[2],\"data_offsets\":[0,4]}}", 4, "" },
        { "no tensors", "{}", 0, "" },
    };

    expect_all(*state, cases, sizeof cases / sizeof cases[0]);
    write_bytes(*state, "x.safetensors", "\4\0\0\0\0\0\0\0{}\0\0", 12);
    expect(*state, "x.safetensors", "ST17", "not valid JSON at line 1 column 3: the end of the text is expected");
}

static void entries_are_checked(void **state)
{
    static const struct header_case cases[] = {
        { "entry", "{\"a\":1}", 0, "tensor \"a\": its entry is not an object" },
        { "ST38", "{\"a\":{\"shape\":[2],\"data_offsets\":[0,4]}}", 4,
          "tensor \"a\": \"dtype\" is missing or not a string" },
        { "ST38", "{\"a\":{\"dtype\":\"BF16\",\"data_offsets\":[0,4]}}", 4,
          "tensor \"a\": \"shape\" is missing or not a list" },
        { "ST38", "{\"a\":{\"dtype\":\"BF16\",\"shape\":[2]}}", 4,
          "tensor \"a\": \"data_offsets\" is missing or not a list of two" },
        { "ST39", "{\"a\":{\"dtype\":\"BF16\",\"shape\":[2],\"data_offsets\":[0,4],\"scale\":2}}", 4,
          "tensor \"a\": the field \"scale\" is unknown" },
        { "ST40", A("F99", "[2]", "[0,4]"), 4, "tensor \"a\": the dtype \"F99\" is unknown" },
        { "ST41", A("bf16", "[2]", "[0,4]"), 4, "tensor \"a\": the dtype \"bf16\" is unknown" },
        { "ST42", A("BF16", "2", "[0,4]"), 4, "tensor \"a\": \"shape\" is missing or not a list" },
        { "ST43", A("BF16", "[-2]", "[0,4]"), 4, "tensor \"a\": dimension 0 is not an integer from 0 to 2^48" },
        { "ST44", A("BF16", "[2.0]", "[0,4]"), 4, "tensor \"a\": dimension 0 is not an integer from 0 to 2^48" },
        { "ST44", A("BF16", "[1,2e0]", "[0,4]"), 4, "tensor \"a\": dimension 1 is not an integer from 0 to 2^48" },
        { "ST44", A("BF16", "[\"2\"]", "[0,4]"), 4, "tensor \"a\": dimension 0 is not an integer from 0 to 2^48" },
        { "ST44", A("BF16", "[true]", "[0,2]"), 2, "tensor \"a\": dimension 0 is not an integer from 0 to 2^48" },
        { "ST45", A("BF16", "[18446744073709551616]", "[0,4]"), 4,
          "tensor \"a\": dimension 0 is not an integer from 0 to 2^48" },
        { "ST45", A("BF16", "[1e400]", "[0,4]"), 4, "tensor \"a\": dimension 0 is not an integer from 0 to 2^48" },
        { "dim", A("BF16", "[281474976710657]", "[0,4]"), 4,
          "tensor \"a\": dimension 0 is not an integer from 0 to 2^48" },
        { "ST46", A("BF16", "[1,1,1,1,1,1,1,1,2]", "[0,4]"), 4, "tensor \"a\": rank 9, but at most 8 is accepted" },
        { "rank 8", A("BF16", "[1,1,1,1,1,1,1,2]", "[0,4]"), 4, "" },
        { "ST47", A("U8", "[4194305,4194305,211106198978564]", "[0,4]"), 4,
          "tensor \"a\": the product of its shape overflows" },
        { "ST48", A("U8", "[4294967296,4294967296]", "[0,0]"), 0, "tensor \"a\": the product of its shape overflows" },
        { "ST49", A("U8", "[1099511627776,1099511627776,0]", "[0,0]"), 0,
          "tensor \"a\": the product of its shape overflows" },
        { "ST49", A("U8", "[0,1099511627776,1099511627776]", "[0,0]"), 0,
          "tensor \"a\": the product of its shape overflows" },
        { "ST50", A("F64", "[281474976710656,8192]", "[0,0]"), 0, "tensor \"a\": the product of its shape overflows" },
        { "rank 0", A("F32", "[]", "[0,4]"), 4, "" },
        { "empty", A("F32", "[0,7]", "[0,0]"), 0, "" },
        { "F4", A("F4", "[2]", "[0,1]"), 1, "" },
        { "F4 odd", A("F4", "[3]", "[0,1]"), 1, "tensor \"a\": 12 bits are not a whole number of bytes" },
        { "F8", A("F8_E4M3", "[3]", "[0,3]"), 3, "" },
        { "F6", A("F6_E3M2", "[4]", "[0,3]"), 3, "" },
    };

    expect_all(*state, cases, sizeof cases / sizeof cases[0]);
}

#define TWO(a, b)                                                     \
    "{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":" a "}," \
    "\"b\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":" b "}}"

static void offsets_are_checked(void **state)
{
    static const struct header_case cases[] = {
        { "ST51", A("U8", "[4]", "[4,0]"), 4, "tensor \"a\": it ends at 0, before its beginning at 4" },
        { "ST52", A("U8", "[4]", "[-4,0]"), 4, "tensor \"a\": \"data_offsets\" are not non-negative integers" },
        { "ST52", A("U8", "[4]", "[0,-1]"), 4, "tensor \"a\": \"data_offsets\" are not non-negative integers" },
        { "ST53", A("U8", "[4]", "[0]"), 4, "tensor \"a\": \"data_offsets\" is missing or not a list of two" },
        { "ST53", A("U8", "[4]", "[0,4,4]"), 4, "tensor \"a\": \"data_offsets\" is missing or not a list of two" },
        { "ST53", A("U8", "[4]", "[[0,4]]"), 4, "tensor \"a\": \"data_offsets\" is missing or not a list of two" },
        { "ST53", A("U8", "[4]", "[[0],4]"), 4, "tensor \"a\": \"data_offsets\" are not non-negative integers" },
        { "ST54", A("U8", "[4]", "[1,5]"), 5, "tensor \"a\": it begins at 1, but the previous tensor ends at 0" },
        { "ST55", TWO("[0,4]", "[5,9]"), 9, "tensor \"b\": it begins at 5, but the previous tensor ends at 4" },
        { "ST56", TWO("[0,4]", "[3,7]"), 7, "tensor \"b\": it begins at 3, but the previous tensor ends at 4" },
        { "ST58", A("U8", "[4]", "[0,4]"), 3, "tensor \"a\": it ends at 4, but the file has 3 bytes of data" },
        { "ST58", A("U8", "[4]", "[0,9223372036854775807]"), 4,
          "tensor \"a\": it ends at 9223372036854775807, but the file has 4 bytes of data" },
        { "ST59", A("BF16", "[3]", "[0,4]"), 4, "tensor \"a\": dtype and shape need 6 bytes, but the offsets span 4" },
        { "ST59", A("BF16", "[1]", "[0,4]"), 4, "tensor \"a\": dtype and shape need 2 bytes, but the offsets span 4" },
        { "ST60", A("U8", "[4]", "[0,4]"), 5, "the tensors end at 4, but the file has 5 bytes of data" },
        { "ST60", "{}", 1, "the tensors end at 0, but the file has 1 bytes of data" },
        { "backwards", TWO("[4,8]", "[0,4]"), 8, "" },
        { "empty shares",
          "{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},"
          "\"b\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]},"
          "\"c\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[4,4]}}",
          4, "" },
        { "misaligned",
          "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
          "\"b\":{\"dtype\":\"BF16\",\"shape\":[2],\"data_offsets\":[1,5]}}",
          5, "" },
    };

    expect_all(*state, cases, sizeof cases / sizeof cases[0]);
}

/* `count` times `piece`, in which %zu is replaced by the number, between `head` and `tail`. */
static char *repeat(const char *head, const char *piece, size_t count, const char *tail)
{
    const char *hole = strstr(piece, "%zu");
    const size_t before = hole ? (size_t)(hole - piece) : strlen(piece);
    char *text = malloc(strlen(head) + count * (strlen(piece) + 20) + strlen(tail) + 1), *at = text;

    assert_non_null(text);
    at += sprintf(at, "%s", head);
    for (size_t i = 0; i < count; i++) {
        memcpy(at, piece, before);
        at += before;
        if (hole)
            at += sprintf(at, "%zu%s", i, hole + 3);
    }
    (void)sprintf(at, "%s", tail);
    return text;
}

static void sizes_are_bounded(void **state)
{
    static const struct {
        const char *id, *head, *piece;
        size_t count;
        const char *tail, *want;
    } cases[] = {
        { "ST25", "", "[", 100000, "", "the header is nested deeper than 16" },
        { "ST25", "{\"a\":", "{\"b\":", 100000, "", "the header is nested deeper than 16" },
        { "ST31", "{", "\"%zu\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]},", 1000000,
          "\"__metadata__\":{}}", "the header has more than 65536 tensors, the most accepted" },
        { "ST31", "{", "\"%zu\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]},", 65536,
          "\"__metadata__\":{}}", "" },
        { "ST31", "{", "\"%zu\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]},", 65537,
          "\"__metadata__\":{}}", "the header has more than 65536 tensors, the most accepted" },
        { "many keys", "{", "\"%zu\":0,", 65537, "\"a\":0}",
          "the header has more than 65536 tensors, the most accepted" },
        { "many numbers", "{\"a\":[", "0,", 3000000, "0]}",
          "the header has more than 65536 tensors, the most accepted" },
        { "ST32", "{\"", "aaaaaaaa", 131072, "\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}", "" },
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *header = repeat(cases[i].head, cases[i].piece, cases[i].count, cases[i].tail);

        write_st(*state, "x.safetensors", header, 0);
        free(header);
        expect(*state, "x.safetensors", cases[i].id, cases[i].want);
    }
}

/* ST57: which of the 60,000 names for one byte is reported depends on the sort, so only the reason is compared. */
static void aliases_are_refused(void **state)
{
    char *header = repeat("{\"x\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}",
                          ",\"%zu\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}", 60000, "}");
    gd_error err = { GD_OK, "" };
    gd_st *st;

    write_st(*state, "x.safetensors", header, 1);
    free(header);
    assert_int_equal(gd_st_open(&st, in_dir(*state, "x.safetensors"), &err), GD_EFORMAT);
    assert_non_null(strstr(err.text, "it begins at 0, but the previous tensor ends at 1"));
}

static void names_and_types_are_found(void **state)
{
    const gd_view *view;
    gd_error err = { GD_OK, "" };
    gd_st *st;

    write_st(*state, "x.safetensors",
             "{\"b\":{\"dtype\":\"F32\",\"shape\":[1,1],\"data_offsets\":[0,4]},"
             "\"ids\":{\"dtype\":\"I64\",\"shape\":[1],\"data_offsets\":[8,16]},"
             "\"a\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[4,8]}}",
             16);
    assert_ok(gd_st_open(&st, in_dir(*state, "x.safetensors"), test_err));
    assert_int_equal(gd_st_count(st), 2);
    assert_string_equal(gd_st_at(st, 0)->name, "a");
    assert_int_equal(gd_st_other_count(st), 1);
    assert_string_equal(gd_st_other_at(st, 0)->dtype, "I64");
    view = gd_st_find(st, "b");
    assert_non_null(view);
    assert_string_equal(gd_dtype_name(view->dtype), "F32");
    assert_int_equal(view->rank, 2);
    assert_int_equal(view->bytes, 4);
    assert_memory_equal(view->data, "\0\1\2\3", 4);
    assert_ok(gd_st_need(&view, st, "a", test_err));
    assert_memory_equal(view->data, "\4\5\6\7", 4);
    assert_null(gd_st_find(st, "ids"));
    assert_null(gd_st_find(st, ""));
    assert_int_equal(gd_st_need(&view, st, "ids", &err), GD_EUNSUPPORTED);
    assert_non_null(strstr(err.text, "x.safetensors: tensor \"ids\" has the dtype I64, but BF16, F16 or F32 "
                                     "is expected"));
    err = (gd_error){ GD_OK, "" };
    assert_int_equal(gd_st_need(&view, st, "c", &err), GD_EFORMAT);
    assert_non_null(strstr(err.text, "x.safetensors: tensor \"c\" is missing"));
    gd_st_close(st);
}

/* A header whose length looks like a pickle's first bytes is still a header. */
static void a_length_is_no_pickle(void **state)
{
    char *header = repeat("{}", " ", 0x10280 - 2, "");

    write_st(*state, "x.safetensors", header, 0);
    free(header);
    expect(*state, "x.safetensors", "length 0x10280", "");
}

/* A table continues after a failed case; the test fails at the end. */
static int teardown(void **state)
{
    const int lost = wrong;

    wrong = 0;
    return dir_teardown(state) || lost ? -1 : 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_length_is_checked, dir_setup, teardown),
        cmocka_unit_test_setup_teardown(the_json_is_checked, dir_setup, teardown),
        cmocka_unit_test_setup_teardown(entries_are_checked, dir_setup, teardown),
        cmocka_unit_test_setup_teardown(offsets_are_checked, dir_setup, teardown),
        cmocka_unit_test_setup_teardown(sizes_are_bounded, dir_setup, teardown),
        cmocka_unit_test_setup_teardown(aliases_are_refused, dir_setup, teardown),
        cmocka_unit_test_setup_teardown(names_and_types_are_found, dir_setup, teardown),
        cmocka_unit_test_setup_teardown(a_length_is_no_pickle, dir_setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
