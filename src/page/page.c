/* page.c - what the pages of results share. */
#include "page/page.h"

#include "base/error.h"
#include "page/html.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { COLUMNS_MOST = 64 };

static gd_status parse(json_t **root, const char *json, const char *format, gd_error *err)
{
    const char *is;
    gd_status rc = gd_json_parse(root, json, strlen(json), "the result", err);

    if (rc)
        return rc;
    is = gd_get_text(*root, "format");
    if (is && !strcmp(is, format))
        return GD_OK;
    rc = gd_fail(err, GD_EFORMAT, "the result's \"format\" is %s, but %s is expected", is ? is : "missing", format);
    json_decref(*root);
    *root = NULL;
    return rc;
}

gd_status gd_page_make(char **html, const char *json, const char *format, void (*put)(gd_buf *b, const json_t *root),
                       gd_error *err)
{
    gd_buf b = { 0 };
    json_t *root = NULL;
    gd_status rc;

    *html = NULL;
    rc = parse(&root, json, format, err);
    if (rc)
        return rc;
    put(&b, root);
    json_decref(root);
    return gd_buf_take(&b, html, err);
}

/* ---- fields ---- */

void gd_page_text(gd_buf *b, const json_t *object, const char *key, const char *otherwise)
{
    const char *text = gd_get_text(object, key);

    gd_html_text(b, text ? text : otherwise);
}

void gd_page_number(gd_buf *b, double value, unsigned decimals, const char *unit, const char *otherwise)
{
    if (!isfinite(value)) {
        gd_buf_str(b, otherwise);
        return;
    }
    gd_buf_fixed(b, value, decimals);
    gd_html_text(b, unit);
}

void gd_page_small(gd_buf *b, double value, const char *otherwise)
{
    if (isfinite(value))
        gd_chart_small(b, value);
    else
        gd_buf_str(b, otherwise);
}

void gd_page_small_row(gd_buf *b, const char *name, const json_t *object, const char *key)
{
    gd_html_row(b, name);
    gd_page_small(b, gd_get_real(object, key), "none");
    gd_html_row_end(b);
}

void gd_page_small_cell(gd_buf *b, gd_html_table *table, double value)
{
    gd_buf text = { 0 };

    gd_page_small(&text, value, "");
    gd_html_cell(b, table, gd_page_aside(b, &text));
    gd_buf_free(&text);
}

void gd_page_text_row(gd_buf *b, const char *name, const json_t *object, const char *key, const char *otherwise)
{
    gd_html_row(b, name);
    gd_page_text(b, object, key, otherwise);
    gd_html_row_end(b);
}

void gd_page_number_row(gd_buf *b, const char *name, const json_t *object, const char *key, unsigned decimals)
{
    gd_html_row(b, name);
    gd_page_number(b, gd_get_real(object, key), decimals, "", "none");
    gd_html_row_end(b);
}

void gd_page_two_columns(gd_buf *b, const char *heads, const gd_page_field *fields, size_t count, const json_t *left,
                         const json_t *right)
{
    gd_html_table table = gd_html_table_begin(b, heads);

    for (size_t i = 0; i < count; i++) {
        gd_html_cell(b, &table, fields[i].name);
        gd_html_cell_number(b, &table, gd_get_real(left, fields[i].key), fields[i].decimals);
        gd_html_cell_number(b, &table, gd_get_real(right, fields[i].key), fields[i].decimals);
    }
    gd_html_table_end(b, &table);
}

/* ---- what charts are made from ---- */

size_t gd_page_column(double *values, size_t room, const json_t *list, const char *key)
{
    const size_t count = json_array_size(list) < room ? json_array_size(list) : room;

    for (size_t i = 0; i < count; i++) {
        const json_t *one = json_array_get(list, i), *value = key ? json_object_get(one, key) : one;

        values[i] = json_is_number(value) ? json_number_value(value) : NAN;
    }
    return count;
}

const char *gd_page_aside(gd_buf *b, gd_buf *text)
{
    const char *made = gd_buf_cstr(text);

    b->failed = b->failed || !made;
    return made ? made : "";
}

void gd_page_label(gd_buf *b, char label[GD_PAGE_LABEL], gd_buf *text)
{
    const char *made = gd_page_aside(b, text);

    (void)snprintf(label, GD_PAGE_LABEL, "%s", text->len < GD_PAGE_LABEL ? made : "");
    gd_buf_free(text);
}

/* ---- figures ---- */

void gd_page_chart(gd_buf *b, const gd_chart *chart)
{
    gd_html_figure(b, chart->title);
    gd_chart_svg(b, chart);
    gd_html_figure_end(b);
}

void gd_page_chart_rows(gd_buf *b, const gd_chart_rows *chart)
{
    gd_html_figure(b, chart->title);
    gd_chart_rows_svg(b, chart);
    gd_html_figure_end(b);
}

void gd_page_points(gd_buf *b, const gd_points *points)
{
    gd_html_figure(b, points->title);
    gd_points_svg(b, points);
    gd_html_figure_end(b);
}

void gd_page_histogram(gd_buf *b, const json_t *columns, const char *title, const char *x_label, const char *y_label)
{
    double counts[COLUMNS_MOST];
    const gd_histogram h = { .title = title,
                             .x_label = x_label,
                             .y_label = y_label,
                             .from = gd_get_real(columns, "from"),
                             .step = gd_get_real(columns, "step"),
                             .counts = counts,
                             .count = gd_page_column(counts, COLUMNS_MOST, gd_get_part(columns, "counts"), NULL) };

    if (!h.count || !isfinite(h.from) || !(h.step > 0))
        return;
    gd_html_figure(b, title);
    gd_histogram_svg(b, &h);
    gd_html_figure_end(b);
}

enum { FAILURES_MOST = 20 };

void gd_page_failures(gd_buf *b, const json_t *root, const char *title)
{
    const json_t *list = gd_get_part(gd_get_part(root, "details"), "failures"), *one;
    size_t i;

    if (!json_array_size(list))
        return;
    gd_html_section(b, title, "The first few, and why.");
    gd_html_words(b);
    json_array_foreach(list, i, one) {
        if (i == FAILURES_MOST)
            break;
        gd_html_row(b, "");
        gd_page_text(b, one, "error", "");
        gd_html_row_end(b);
    }
    gd_html_words_end(b);
    gd_html_section_end(b);
}
