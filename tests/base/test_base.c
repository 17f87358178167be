/* test_base.c - errors, memory, text buffers, UTF-8, JSON, files. */
#include "tests/check.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/result.h"
#include "base/utf8.h"

#include <locale.h>
#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

static void error_keeps_the_first_sentence(void **state)
{
    gd_error err = { 0 };

    (void)state;
    assert_int_equal(gd_fail(&err, GD_EFORMAT, "first %d", 1), GD_EFORMAT);
    assert_int_equal(gd_fail(&err, GD_EIO, "second"), GD_EIO);
    assert_int_equal(err.status, GD_EFORMAT);
    assert_string_equal(err.text, "first 1");
    assert_int_equal(gd_fail(NULL, GD_EIO, "no gd_error"), GD_EIO);
}

static void error_text_is_printable(void **state)
{
    gd_error err = { 0 };

    (void)state;
    gd_fail(&err, GD_EFORMAT, "a\nb\x1b[31m\xff\xc3\xa9");
    assert_string_equal(err.text, "a?b?[31m?\xc3\xa9");
}

static void error_cuts_between_characters(void **state)
{
    gd_error err = { 0 };
    char longer[600];

    (void)state;
    memset(longer, 'a', sizeof longer);
    longer[sizeof longer - 1] = '\0';
    memcpy(longer + 506, "\xc3\xa9", 2); /* the message is cut inside this character */
    gd_fail(&err, GD_EFORMAT, "%s", longer);
    assert_int_equal(gd_utf8_check(err.text, strlen(err.text)), strlen(err.text));
}

static void allocation_checks_overflow_and_can_fail(void **state)
{
    const uint64_t live = gd_mem_live();
    void *p;

    (void)state;
    assert_null(gd_alloc(SIZE_MAX / 2 + 2, 2)); /* 2 bytes, if the product wrapped around */
    assert_null(gd_alloc_aligned(SIZE_MAX));
    gd_mem_fail_from(2);
    p = gd_alloc(1, 1);
    assert_non_null(p);
    assert_null(gd_alloc(1, 1));
    assert_null(gd_alloc_zero(1, 1));
    gd_mem_fail_from(0);
    assert_null(gd_realloc(p, SIZE_MAX / 2 + 2, 2));
    assert_int_equal(gd_mem_live(), live + 1);
    gd_free(p);
    assert_int_equal(gd_mem_live(), live);
}

static void json_strings_are_escaped(void **state)
{
    gd_buf b = { 0 };

    (void)state;
    gd_buf_json_string(&b, "a\"b\\c\n\x01\0z\xc3\xa9", 11);
    assert_string_equal(gd_buf_cstr(&b), "\"a\\\"b\\\\c\\n\\u0001\\u0000z\xc3\xa9\"");
    gd_buf_clear(&b);
    gd_buf_json_float(&b, 1.0f / 3);
    assert_string_equal(gd_buf_cstr(&b), "0.333333343");
    gd_buf_free(&b);
}

static const char *fixed(double value, unsigned decimals)
{
    static gd_buf b;

    gd_buf_clear(&b);
    gd_buf_fixed(&b, value, decimals);
    return gd_buf_cstr(&b);
}

static void numbers_have_digits_after_the_point(void **state)
{
    (void)state;
    assert_string_equal(fixed(1.25, 1), "1.3");
    assert_string_equal(fixed(0.05, 2), "0.05");
    assert_string_equal(fixed(9.999, 2), "10.00");
    assert_string_equal(fixed(-1.5, 2), "-1.50");
    assert_string_equal(fixed(-0.001, 2), "0.00");
    assert_string_equal(fixed(1234567, 0), "1234567");
    assert_string_equal(fixed(0.123456789, 20), "0.123456789");
    assert_string_equal(fixed(NAN, 2), "0");
    assert_string_equal(fixed(INFINITY, 2), "0");
    assert_string_equal(fixed(1e300, 2), "0");
}

static void the_locale_does_not_matter(void **state)
{
    (void)state;
    if (setlocale(LC_NUMERIC, "de_DE.UTF-8") || setlocale(LC_NUMERIC, "fr_FR.UTF-8"))
        assert_string_equal(fixed(1.25, 2), "1.25");
    (void)setlocale(LC_NUMERIC, "C");
}

static void utf8_follows_rfc_3629(void **state)
{
    static const struct {
        const char *text;
        size_t good;
    } cases[] = {
        { "abc", 3 },          { "\xc3\xa9", 2 },         { "a\xc0\x80", 1 },        { "\xe0\x9f\xbf", 0 },
        { "\xed\xa0\x80", 0 }, { "\xf0\x8f\xbf\xbf", 0 }, { "\xf4\x90\x80\x80", 0 }, { "\xf4\x8f\xbf\xbf", 4 },
        { "\xef\xbf\xbf", 3 }, { "12345678\xff", 8 },     { "\xe2\x82", 0 },         { "\x80", 0 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(gd_utf8_check(cases[i].text, strlen(cases[i].text)), cases[i].good);
    for (uint32_t c = 0; c <= 0x10FFFF; c++) {
        unsigned char bytes[4];
        size_t len, n;

        if (c >= 0xD800 && c < 0xE000)
            continue;
        n = gd_utf8_encode(c, bytes);
        assert_int_equal(gd_utf8_valid_len(bytes, n), n);
        assert_int_equal(gd_utf8_decode(bytes, &len), c);
        assert_int_equal(len, n);
    }
}

static void json_errors_name_the_field(void **state)
{
    const char *text = "{\"a\": 1.5, \"b\": -1, \"c\": \"x\", \"d\": null, \"n\": \"a\\u0000b\"}";
    gd_error err = { 0 };
    json_t *root;
    int64_t i;
    const char *s;

    (void)state;
    assert_ok(gd_json_parse(&root, text, strlen(text), "f.json", test_err));
    assert_int_equal(gd_json_int(&i, root, "a", 0, 9, "f.json", &err), GD_EFORMAT);
    assert_string_equal(err.text, "f.json: the field \"a\" is a real number, but an integer is expected");
    err = (gd_error){ 0 };
    gd_json_int(&i, root, "b", 0, 9, "f.json", &err);
    assert_string_equal(err.text, "f.json: the field \"b\" is -1, but 0 to 9 is expected");
    err = (gd_error){ 0 };
    gd_json_string(&s, root, "n", "f.json", &err);
    assert_string_equal(err.text, "f.json: the field \"n\" contains a NUL character");
    assert_false(gd_json_has(root, "d"));
    json_decref(root);
    err = (gd_error){ 0 };
    assert_int_equal(gd_json_parse(&root, "{\"a\":1,\"a\":1}", 13, "f.json", &err), GD_EFORMAT);
    assert_non_null(strstr(err.text, "\"a\" appears twice"));
}

static long allocations, failing; /* of jansson: how many, and which one fails */

static void *allocate(size_t bytes) { return ++allocations == failing ? NULL : malloc(bytes); }

static gd_status make_result(char **text, gd_error *err)
{
    gd_result out = { 0 };
    json_t *list;
    gd_status rc;

    allocations = 0;
    out.root = json_object();
    out.failed = !out.root;
    list = gd_put_list(&out, out.root, "list");
    gd_put_text(&out, list, NULL, "a text");
    gd_put_text(&out, list, NULL, NULL);
    gd_put_text(&out, list, NULL, "\xff");
    gd_put_real(&out, out.root, "number", 0.5);
    rc = gd_result_text(&out, JSON_COMPACT, text, err);
    json_decref(out.root);
    return rc;
}

static void a_result_is_whole_or_an_error(void **state)
{
    char *text;

    (void)state;
    json_set_alloc_funcs(allocate, free);
    assert_ok(make_result(&text, test_err));
    assert_string_equal(text, "{\"list\":[\"a text\",null,null],\"number\":0.5}");
    gd_free(text);
    for (long last = allocations, n = 1; n <= last; n++) {
        gd_error err = { GD_OK, "" };

        failing = n;
        assert_int_equal(make_result(&text, &err), GD_ENOMEM);
        assert_null(text);
    }
    failing = 0;
    json_set_alloc_funcs(malloc, free);
}

static void there_is(const char *path, gd_status status, bool wanted, const char *sentence)
{
    gd_error err = { 0 };
    bool there = !wanted;

    assert_int_equal(gd_file_there(&there, path, &err), status);
    assert_int_equal(there, wanted);
    if (!strstr(err.text, sentence))
        fail_msg("\"%s\" does not contain \"%s\"", err.text, sentence);
}

/* Only what has no name is absent: a file that cannot be reached would be left out without a word. */
static void only_a_file_without_a_name_is_absent(void **state)
{
    char dir[TEST_PATH], path[2 * TEST_PATH], deep[3 * TEST_PATH];

    (void)state;
    (void)test_dir(dir);
    (void)snprintf(path, sizeof path, "%s/a", dir);
    there_is(path, GD_OK, false, "");
    there_is(dir, GD_EIO, false, "not a regular file");
    assert_int_equal(symlink("b", path), 0);
    there_is(path, GD_EIO, false,
             "/a: a symbolic link, but the file that it leads to cannot be examined: No such file");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink("a", path), 0);
    there_is(path, GD_EIO, false, "Too many levels of symbolic links");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink("/proc/self/exe", path), 0);
    there_is(path, GD_OK, true, "");
    (void)snprintf(deep, sizeof deep, "%s/x", path);
    there_is(deep, GD_EIO, false, "Not a directory");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(dir), 0);
}

static void directories_are_there_or_not(void **state)
{
    char dir[TEST_PATH], path[2 * TEST_PATH];
    gd_error err = { 0 };
    bool there = false;

    (void)state;
    assert_ok(gd_dir_there(&there, test_dir(dir), test_err));
    assert_true(there);
    (void)snprintf(path, sizeof path, "%s/a", dir);
    assert_ok(gd_dir_there(&there, path, test_err));
    assert_false(there);
    assert_int_equal(symlink("a", path), 0);
    assert_int_equal(gd_dir_there(&there, path, &err), GD_EIO);
    assert_contains(err.text, "/a: Too many levels of symbolic links");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(dir), 0);
}

static void files_must_be_regular(void **state)
{
    char dir[TEST_PATH], *fifo;
    gd_error err = { 0 };
    gd_map map;

    (void)state;
    fifo = gd_path_join(test_dir(dir), "fifo");
    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_int_equal(gd_map_open(&map, fifo, &err), GD_EIO);
    assert_non_null(strstr(err.text, "not a regular file"));
    there_is(fifo, GD_EIO, false, "fifo: not a regular file");
    err = (gd_error){ 0 };
    assert_int_equal(gd_map_open(&map, dir, &err), GD_EIO);
    err = (gd_error){ 0 };
    assert_int_equal(gd_map_open(&map, "/nonexistent/x", &err), GD_EIO);
    assert_string_equal(err.text, "/nonexistent/x: No such file or directory");
    unlink(fifo);
    rmdir(dir);
    gd_free(fifo);
}

static void a_map_is_closed_once(void **state)
{
    char path[] = "/tmp/guerdon-base-XXXXXX";
    const int fd = mkstemp(path);
    gd_map map;

    (void)state;
    assert_true(fd >= 0 && write(fd, "abc", 3) == 3 && close(fd) == 0);
    assert_ok(gd_map_open(&map, path, test_err));
    assert_int_equal(map.size, 3);
    assert_memory_equal(map.data, "abc", 3);
    gd_map_close(&map);
    assert_null(map.data); /* another mapping may have its place now: closing again must not touch it */
    gd_map_close(&map);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(error_keeps_the_first_sentence), cmocka_unit_test(error_text_is_printable),
        cmocka_unit_test(error_cuts_between_characters),  cmocka_unit_test(allocation_checks_overflow_and_can_fail),
        cmocka_unit_test(json_strings_are_escaped),       cmocka_unit_test(numbers_have_digits_after_the_point),
        cmocka_unit_test(the_locale_does_not_matter),     cmocka_unit_test(utf8_follows_rfc_3629),
        cmocka_unit_test(json_errors_name_the_field),     cmocka_unit_test(only_a_file_without_a_name_is_absent),
        cmocka_unit_test(a_result_is_whole_or_an_error),  cmocka_unit_test(directories_are_there_or_not),
        cmocka_unit_test(files_must_be_regular),          cmocka_unit_test(a_map_is_closed_once),
    };

    return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
