/* test_page.c - HTML, and what pages of results share. */
#include "tests/markup.h"

#include "base/mem.h"
#include "page/html.h"
#include "page/page.h"

#include <math.h>

static void text_is_escaped(void **state)
{
    gd_buf b = { 0 };

    (void)state;
    gd_html_text(&b, "<b a=\"1\" c='2'>&amp;\x01\n\xc3\xa9\x7f");
    assert_string_equal(gd_buf_cstr(&b), "&lt;b a=&quot;1&quot; c=&#39;2&#39;&gt;&amp;amp;\xef\xbf\xbd\n\xc3\xa9"
                                         "\xef\xbf\xbd");
    gd_buf_free(&b);
}

static void a_table_ends_its_rows(void **state)
{
    gd_buf b = { 0 };
    gd_html_table table;

    (void)state;
    gd_html_begin(&b, "A & B");
    table = gd_html_table_begin(&b, "a|b & c");
    gd_html_cell(&b, &table, "<x>");
    gd_html_cell_number(&b, &table, 1.5, 1);
    gd_html_cell(&b, &table, NULL);
    gd_html_cell_number(&b, &table, NAN, 1);
    gd_html_cell(&b, &table, "last");
    gd_html_table_end(&b, &table);
    gd_html_end(&b);
    assert_markup(gd_buf_cstr(&b));
    assert_int_equal(markup_count(b.data, "<tr>"), 4);
    assert_int_equal(markup_count(b.data, "<td>"), 6);
    assert_non_null(strstr(b.data, "<th>b &amp; c</th>"));
    assert_non_null(strstr(b.data, "<title>A &amp; B</title>"));
    assert_non_null(strstr(b.data, "prefers-color-scheme:dark"));
    gd_buf_free(&b);
}

static void a_live_page_is_loaded_again(void **state)
{
    gd_buf b = { 0 };

    (void)state;
    gd_html_begin_live(&b, "A", 10);
    gd_html_tiles(&b);
    gd_html_tile(&b, "<n>", "<f>", "<o>");
    gd_html_tiles_end(&b);
    gd_html_end(&b);
    assert_markup(gd_buf_cstr(&b));
    assert_non_null(strstr(b.data, "<meta http-equiv=\"refresh\" content=\"10\">"));
    assert_non_null(strstr(b.data, "<span>&lt;n&gt;</span><b>&lt;f&gt;</b><span>&lt;o&gt;</span>"));
    gd_buf_clear(&b);
    gd_html_begin_live(&b, "A", 0);
    assert_null(strstr(gd_buf_cstr(&b), "http-equiv"));
    gd_buf_free(&b);
}

static void put_page(gd_buf *b, const json_t *root)
{
    gd_html_begin(b, gd_get_text(root, "title"));
    gd_html_end(b);
}

static void a_result_has_its_format(void **state)
{
    static const struct {
        const char *json, *why;
    } bad[] = {
        { "{\"format\":\"a/2\"}", "the result's \"format\" is a/2, but a/1 is expected" },
        { "{\"format\":1}", "the result's \"format\" is missing, but a/1 is expected" },
        { "[]", "the result's \"format\" is missing, but a/1 is expected" },
        { "nonsense", "the result" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        gd_error err = { 0 };
        char room[] = "not NULL", *html = room;

        assert_int_equal(gd_page_make(&html, bad[i].json, "a/1", put_page, &err), GD_EFORMAT);
        assert_null(html);
        assert_contains(err.text, bad[i].why);
    }
}

static void a_page_without_memory_is_an_error(void **state)
{
    const char *result = "{\"format\":\"a/1\",\"title\":\"A & B\"}";
    const uint64_t live = gd_mem_live();
    gd_error err = { 0 };
    char room[] = "not NULL", *html = room;

    (void)state;
    gd_mem_fail_from(1);
    assert_int_equal(gd_page_make(&html, result, "a/1", put_page, &err), GD_ENOMEM);
    gd_mem_fail_from(0);
    assert_int_equal(err.status, GD_ENOMEM);
    assert_null(html);
    assert_true(gd_mem_live() == live);
    assert_ok(gd_page_make(&html, result, "a/1", put_page, test_err));
    assert_markup(html);
    assert_non_null(strstr(html, "<h1>A &amp; B</h1>"));
    gd_free(html);
    assert_true(gd_mem_live() == live);
}

/* How the fields of an object appear in rows and tables, including missing ones. */
static void missing_fields_leave_gaps(void **state)
{
    static const gd_page_field fields[] = { { "x", "name of x", 1 }, { "y", "name of y", 2 } };
    json_t *object = json_pack("{s:s,s:f,s:s}", "text", "<i>", "x", 1.25, "y", "no number");
    gd_buf b = { 0 };

    (void)state;
    gd_page_text_row(&b, "A", object, "text", "none");
    gd_page_text_row(&b, "B", object, "x", "not text");
    gd_page_number_row(&b, "C", object, "x", 1);
    gd_page_number_row(&b, "D", object, "y", 1);
    gd_page_number(&b, 100, 1, " %", "none");
    assert_string_equal(gd_buf_cstr(&b), "<tr><th>A</th><td>&lt;i&gt;</td></tr>\n"
                                         "<tr><th>B</th><td>not text</td></tr>\n"
                                         "<tr><th>C</th><td>1.3</td></tr>\n"
                                         "<tr><th>D</th><td>none</td></tr>\n"
                                         "100.0 %");
    gd_buf_clear(&b);
    gd_page_two_columns(&b, "|left|right", fields, 2, NULL, object);
    assert_markup(gd_buf_cstr(&b));
    assert_non_null(strstr(b.data, "<tr><td>name of x</td><td></td><td>1.3</td></tr>"));
    assert_non_null(strstr(b.data, "<tr><td>name of y</td><td></td><td></td></tr>"));
    gd_buf_free(&b);
    json_decref(object);
}

static void columns_have_what_is_a_number(void **state)
{
    json_t *list = json_pack("[f,s,{s:f},{s:s},i]", 1.5, "2", "x", 3.5, "x", "4", 5);
    double values[8];

    (void)state;
    assert_int_equal(gd_page_column(values, 8, list, NULL), 5);
    assert_true(values[0] == 1.5 && isnan(values[1]) && isnan(values[2]) && isnan(values[3]) && values[4] == 5);
    assert_int_equal(gd_page_column(values, 8, list, "x"), 5);
    assert_true(isnan(values[0]) && isnan(values[1]) && values[2] == 3.5 && isnan(values[3]) && isnan(values[4]));
    values[2] = -1;
    assert_int_equal(gd_page_column(values, 2, list, NULL), 2);
    assert_true(values[2] == -1);
    assert_int_equal(gd_page_column(values, 8, NULL, NULL), 0);
    json_decref(list);
}

static void labels_have_room(void **state)
{
    char label[GD_PAGE_LABEL] = "what was there";
    gd_buf b = { 0 }, page = { 0 };

    (void)state;
    for (size_t i = 0; i + 1 < GD_PAGE_LABEL; i++)
        gd_buf_str(&b, "x");
    gd_page_label(&page, label, &b);
    assert_int_equal(strlen(label), GD_PAGE_LABEL - 1);
    assert_null(b.data);
    for (size_t i = 0; i < GD_PAGE_LABEL; i++)
        gd_buf_str(&b, "x");
    gd_page_label(&page, label, &b);
    assert_string_equal(label, "");
    assert_false(page.failed);
}

static void a_text_made_aside_fails_with_its_page(void **state)
{
    gd_buf page = { 0 }, text = { 0 };

    (void)state;
    gd_buf_str(&text, "aside");
    assert_string_equal(gd_page_aside(&page, &text), "aside");
    assert_false(page.failed);
    gd_buf_free(&text);
    gd_mem_fail_from(1);
    assert_string_equal(gd_page_aside(&page, &text), "");
    gd_mem_fail_from(0);
    assert_true(page.failed);
}

static void histograms_have_columns(void **state)
{
    json_t *good = json_pack("{s:f,s:f,s:[f,s,f]}", "from", -1.0, "step", 0.5, "counts", 3.0, "x", 4.0);
    json_t *const bad[] = { NULL, json_pack("{s:f,s:f,s:[]}", "from", 0.0, "step", 1.0, "counts"),
                            json_pack("{s:f,s:f,s:[f]}", "from", 0.0, "step", -1.0, "counts", 1.0),
                            json_pack("{s:s,s:f,s:[f]}", "from", "0", "step", 1.0, "counts", 1.0) };
    gd_buf b = { 0 };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        gd_page_histogram(&b, bad[i], "title", "x", "y");
        assert_int_equal(b.len, 0);
        json_decref(bad[i]);
    }
    gd_page_histogram(&b, good, "a title", "x", "y");
    assert_markup(gd_buf_cstr(&b));
    assert_non_null(strstr(b.data, "<figcaption>a title</figcaption>"));
    assert_int_equal(markup_count(b.data, "<rect"), 2);
    gd_buf_free(&b);
    json_decref(good);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_escaped),
        cmocka_unit_test(a_live_page_is_loaded_again),
        cmocka_unit_test(a_table_ends_its_rows),
        cmocka_unit_test(a_result_has_its_format),
        cmocka_unit_test(a_page_without_memory_is_an_error),
        cmocka_unit_test(missing_fields_leave_gaps),
        cmocka_unit_test(columns_have_what_is_a_number),
        cmocka_unit_test(a_text_made_aside_fails_with_its_page),
        cmocka_unit_test(labels_have_room),
        cmocka_unit_test(histograms_have_columns),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
