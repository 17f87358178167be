/* page.c - what pages of results share. */
#include "page/page.h"

#include "page/chart.h"
#include "base/error.h"
#include "page/html.h"
#include "base/result.h"

#include <math.h>
#include <string.h>

enum { COLUMNS_MOST = 64 };

gd_status gd_page_parse(json_t **root, const char *json, const char *format, gd_error *err)
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

gd_status gd_page_finish(gd_buf *b, char **html, gd_error *err)
{
    if (!gd_buf_cstr(b)) {
        const size_t len = b->len;

        gd_buf_free(b);
        return gd_fail_memory(err, len);
    }
    *html = b->data;
    return GD_OK;
}

void gd_page_text(gd_buf *b, const json_t *object, const char *key, const char *otherwise)
{
    const char *const text = gd_get_text(object, key);

    gd_html_text(b, text ? text : otherwise);
}

void gd_page_row(gd_buf *b, const char *name, const json_t *object, const char *key, unsigned decimals)
{
    const double value = gd_get_real(object, key);

    gd_html_row(b, name);
    if (isfinite(value))
        gd_buf_fixed(b, value, decimals);
    else
        gd_buf_str(b, "none");
    gd_html_row_end(b);
}

void gd_page_histogram(gd_buf *b, const json_t *columns, const char *title, const char *x_label, const char *y_label)
{
    const json_t *const list = json_object_get(columns, "counts");
    double counts[COLUMNS_MOST];
    gd_histogram h = { .title = title,
                       .x_label = x_label,
                       .y_label = y_label,
                       .from = gd_get_real(columns, "from"),
                       .step = gd_get_real(columns, "step"),
                       .counts = counts };

    h.count = json_array_size(list) < COLUMNS_MOST ? json_array_size(list) : COLUMNS_MOST;
    if (!h.count || !isfinite(h.from) || !(h.step > 0))
        return;
    for (size_t i = 0; i < h.count; i++)
        counts[i] = json_is_number(json_array_get(list, i)) ? json_number_value(json_array_get(list, i)) : 0;
    gd_html_figure(b, title);
    gd_histogram_svg(b, &h);
    gd_html_figure_end(b);
}
