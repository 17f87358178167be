/* test_yaml.c - the YAML reader: what it accepts, what it refuses, and with which message. */
#include "tests/check.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/yaml.h"

#define CASE(text, sentence)            \
    {                                   \
        text, sizeof text - 1, sentence \
    }

static const struct bad {
    const char *text;
    size_t len;
    const char *sentence;
} bad[] = {
    CASE("", "f: the file contains no document"),
    CASE("# only this\n\n", "f: the file contains no document"),
    CASE("a: b\n---\nc: d\n", "f:2:1: a second document begins, but only one is expected"),
    CASE("a: &x b\n", "f:1:4: anchors (&) are not accepted"),
    CASE("&x [a]\n", "f:1:1: anchors (&) are not accepted"),
    CASE("a: &x {b: *x}\n", "f:1:4: anchors (&) are not accepted"),
    CASE("a: 1\nb: *a\n", "f:2:4: aliases (*) are not accepted"),
    CASE("a: &a [lol]\nb: &b [*a, *a, *a]\nc: &c [*b, *b, *b]\n", "f:1:4: anchors (&) are not accepted"),
    CASE("a: !!python/object/apply:os.system [ls]\n", "f:1:4: tags (!) are not accepted"),
    CASE("a: !!binary aGk=\n", "f:1:4: tags (!) are not accepted"),
    CASE("a: ! b\n", "f:1:4: tags (!) are not accepted"),
    CASE("!!map {a: b}\n", "f:1:1: tags (!) are not accepted"),
    CASE("a: 1\n<<: {b: 2}\n", "f:2:1: merge keys (<<) are not accepted"),
    CASE("%YAML 1.1\n---\na: b\n", "f:1:1: directives (%) are not accepted"),
    CASE("%TAG ! tag:x,2000:\n---\na: b\n", "f:1:1: directives (%) are not accepted"),
    CASE("a: 1\nb: 2\na: 3\n", "f:3:1: duplicate key \"a\", first in line 1"),
    CASE("{b: {x: 1, y: 2, 'x': 3}}\n", "f:1:18: duplicate key \"x\", first in line 1"),
    CASE("? [a, b]\n: c\n", "f:1:3: a key is a list or a mapping, but a name is expected"),
    CASE("{{a: b}: c}\n", "f:1:2: a key is a list or a mapping, but a name is expected"),
    CASE("a: \0b\n", "f:1:4: the control character U+0000 is not accepted"),
    CASE("a: b\n\x1b[31m: c\n", "f:2:1: the control character U+001B is not accepted"),
    CASE("a: \x7f\n", "f:1:4: the control character U+007F is not accepted"),
    CASE("a: \xc2\x85\n", "f:1:4: the control character U+0085 is not accepted"),
    CASE("a: \"\\0\"\n", "f:1:4: the text contains the control character U+0000"),
    CASE("a: \"x\\ty\"\n", "f:1:4: the text contains the control character U+0009"),
    CASE("a: 'x\n\n  y'\n", "f:1:4: the text contains the control character U+000A"),
    CASE("a: x\n\n  y\n", "f:1:4: the text contains the control character U+000A"),
    CASE("\xff\xfe"
         "a\0",
         "f:1:1: the file is UTF-16, but UTF-8 is expected"),
    CASE("\xfe\xff\0a", "f:1:1: the file is UTF-16, but UTF-8 is expected"),
    CASE("a\0:\0 \0b\0", "f:1:2: the control character U+0000 is not accepted"),
    CASE("a: b\nc: \xe9\n", "f:2:4: the byte 0xe9 is not valid UTF-8"),
    CASE("\xc3\xa9: \xed\xa0\x80\n", "f:1:4: the byte 0xed is not valid UTF-8"),
    CASE("\xc0\x80", "f:1:1: the byte 0xc0 is not valid UTF-8"),
    CASE("a: \"b\n", "f:2:1: not valid YAML: found unexpected end of stream"),
    CASE("a: 'b\n", "f:2:1: not valid YAML: found unexpected end of stream"),
    CASE("a:\n\tb: c\n", "f:2:1: not valid YAML: found character that cannot start any token"),
    CASE("a: b: c\n", "f:1:5: not valid YAML: mapping values are not allowed in this context"),
    CASE("[a, b\n", "f:2:1: not valid YAML: did not find expected ',' or ']'"),
    CASE("{a: b]\n", "f:1:6: not valid YAML: did not find expected ',' or '}'"),
    CASE("a: b\n c\n- d\n", "f:3:1: not valid YAML: did not find expected key"),
    CASE("a: @b\n", "f:1:4: not valid YAML: found character that cannot start any token"),
    CASE("a: \"\\q\"\n", "f:1:5: not valid YAML: found unknown escape character"),
};

static void expect_refusal(const char *text, size_t len, const char *sentence)
{
    const uint64_t live = gd_mem_live();
    gd_yaml *doc = (gd_yaml *)&live; /* anything but NULL */
    gd_error err = { 0 };

    assert_int_not_equal(gd_yaml_parse(&doc, text, len, "f", &err), GD_OK);
    assert_string_equal(err.text, sentence);
    assert_null(doc);
    assert_int_equal(gd_mem_live(), live);
}

static void bad_files_are_refused_by_sentence(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        expect_refusal(bad[i].text, bad[i].len, bad[i].sentence);
}

/* `count` times `piece`, with something before and after. */
static void repeat(gd_buf *b, const char *before, const char *piece, size_t count, const char *after)
{
    gd_buf_clear(b);
    gd_buf_str(b, before);
    for (size_t i = 0; i < count; i++)
        gd_buf_str(b, piece);
    gd_buf_str(b, after);
    assert_false(b->failed);
}

static void expect_good(const gd_buf *b)
{
    gd_yaml *doc;

    assert_ok(gd_yaml_parse(&doc, b->data, b->len, "f", test_err));
    gd_yaml_free(doc);
}

static void limits_hold_at_the_edge(void **state)
{
    gd_buf b = { 0 };

    (void)state;
    repeat(&b, "", "[", 32, "");
    for (int i = 0; i < 32; i++)
        gd_buf_str(&b, "]");
    expect_good(&b);
    repeat(&b, "", "[", 33, "");
    expect_refusal(b.data, b.len, "f:1:33: mappings and lists nest deeper than 32");
    repeat(&b, "", "[", 10000, "");
    expect_refusal(b.data, b.len, "f:1:33: mappings and lists nest deeper than 32");
    repeat(&b, "", "- ", 10000, "x");
    expect_refusal(b.data, b.len, "f:1:65: mappings and lists nest deeper than 32");
    repeat(&b, "", "{a: ", 10000, "");
    expect_refusal(b.data, b.len, "f:1:129: mappings and lists nest deeper than 32");

    repeat(&b, "", "- a\n", 99999, "");
    expect_good(&b);
    repeat(&b, "", "- a\n", 100000, "");
    expect_refusal(b.data, b.len, "f:100000:3: more than 100000 mappings, lists and scalars");

    repeat(&b, "a: ", "x", 4096, "");
    expect_good(&b);
    repeat(&b, "a: ", "x", 4097, "");
    expect_refusal(b.data, b.len, "f:1:4: a text of 4097 bytes, but at most 4096 are accepted");
    repeat(&b, "", "k", 1000000, ": a");
    expect_refusal(b.data, b.len, "f:1:1: a text of 1000000 bytes, but at most 4096 are accepted");

    repeat(&b, "", "#\n", 524286, "a: b");
    expect_good(&b);
    repeat(&b, "", "#\n", 524286, "a: bcx");
    expect_refusal(b.data, b.len, "f: 1048578 bytes, but at most 1048576 are accepted");

    gd_buf_clear(&b);
    for (int i = 0; i < 1024; i++)
        gd_buf_printf(&b, "k%d: v\n", i);
    expect_good(&b);
    gd_buf_str(&b, "k1024: v\n");
    expect_refusal(b.data, b.len, "f:1025:1: the mapping has more than 1024 keys");
    gd_buf_free(&b);
}

static void a_tree_is_as_written(void **state)
{
    static const char text[] =
        "\xef\xbb\xbf"
        "# a comment\r\nname: x y | z\r\nlist:\r\n- no\r\n- \"1_000\"\r\n- [0o7, {k: v}]\r\nempty:\r\n"
        "truth: true\nlie: \"true\"\nlines: \"x\\ny\"\nblock: |\n  x\n  y\n";
    const gd_yaml_node *root, *list;
    gd_error err = { 0 };
    gd_yaml *doc;
    bool truth = false;

    (void)state;
    assert_ok(gd_yaml_parse(&doc, text, sizeof text - 1, "f", test_err));
    root = gd_yaml_root(doc);
    assert_int_equal(root->kind, GD_YAML_MAP);
    assert_int_equal(root->count, 7);
    assert_string_equal(gd_yaml_get(root, "name")->text, "x y | z");
    assert_int_equal(gd_yaml_get(root, "name")->line, 2);
    assert_int_equal(gd_yaml_get(root, "name")->column, 7);
    list = gd_yaml_get(root, "list");
    assert_int_equal(list->kind, GD_YAML_LIST);
    assert_int_equal(list->count, 3);
    assert_string_equal(list->child->text, "no");
    assert_true(list->child->plain);
    assert_string_equal(list->child->next->text, "1_000");
    assert_false(list->child->next->plain);
    assert_string_equal(gd_yaml_get(list->child->next->next->child->next, "k")->text, "v");
    assert_string_equal(gd_yaml_get(root, "empty")->text, "");
    assert_string_equal(gd_yaml_get(root, "lines")->text, "x\ny");
    assert_string_equal(gd_yaml_get(root, "block")->text, "x\ny\n");
    assert_null(gd_yaml_get(root, "absent"));
    assert_ok(gd_yaml_bool(&truth, doc, gd_yaml_get(root, "truth"), "truth", test_err));
    assert_true(truth);
    assert_int_equal(gd_yaml_bool(&truth, doc, gd_yaml_get(root, "lie"), "lie", &err), GD_EFORMAT);
    assert_string_equal(err.text, "f:9:6: lie is \"true\", but true or false is expected");
    err = (gd_error){ 0 };
    assert_int_equal(gd_yaml_expect(doc, list, GD_YAML_MAP, "list", &err), GD_EFORMAT);
    assert_string_equal(err.text, "f:4:1: list is a list, but a mapping is expected");
    gd_yaml_free(doc);
}

/* Any one byte changed, or any part of the end cut off: never a crash or a leak, always an error message. */
static void damage_is_survived(void **state)
{
    static const char text[] = "a: {b: [c, 'd', \"e\\x41\"], f: >-\n  g\n}\n- h\n? i\n: &j !k *l | m # n\n";
    char copy[sizeof text];

    (void)state;
    for (size_t len = 0; len < sizeof text; len++) {
        for (unsigned value = 0; value < 256; value += 3) {
            const uint64_t live = gd_mem_live();
            gd_error err = { 0 };
            gd_yaml *doc;

            memcpy(copy, text, sizeof text);
            copy[len] = (char)value;
            if (gd_yaml_parse(&doc, copy, value % 2 ? sizeof text - 1 : len + 1, "f", &err))
                assert_true(err.text[0] == 'f');
            gd_yaml_free(doc);
            assert_int_equal(gd_mem_live(), live);
        }
    }
}

static void memory_may_run_out_anywhere(void **state)
{
    static const char text[] = "a: {b: [c, d]}\n";
    const uint64_t live = gd_mem_live();
    gd_status rc = GD_ENOMEM;

    (void)state;
    for (unsigned n = 1; rc; n++) {
        gd_error err = { 0 };
        gd_yaml *doc;

        gd_mem_fail_from(n);
        rc = gd_yaml_parse(&doc, text, sizeof text - 1, "f", &err);
        gd_mem_fail_from(0);
        assert_true(rc == GD_OK || rc == GD_ENOMEM);
        gd_yaml_free(doc);
        assert_int_equal(gd_mem_live(), live);
        assert_true(n < 100);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_files_are_refused_by_sentence),
        cmocka_unit_test(limits_hold_at_the_edge),
        cmocka_unit_test(a_tree_is_as_written),
        cmocka_unit_test(damage_is_survived),
        cmocka_unit_test(memory_may_run_out_anywhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
