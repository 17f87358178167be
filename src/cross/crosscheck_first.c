/* crosscheck_first.c - where the sides begin to differ. */
#include "cross/crosscheck_parts.h"
#include "page/page.h"

#include <math.h>

/* A value of the model, with the digits of a float32. */
static void value_row(gd_buf *b, const char *name, const json_t *object, const char *key)
{
    const double value = gd_get_real(object, key);

    if (!isfinite(value))
        return;
    gd_html_row(b, name);
    gd_buf_json_double(b, value);
    gd_html_row_end(b);
}

/* ", 155 tokens in all"; nothing without the number. */
static void put_more(gd_buf *b, double value, const char *unit)
{
    if (!isfinite(value))
        return;
    gd_buf_str(b, ", ");
    gd_buf_fixed(b, value, 0);
    gd_buf_str(b, unit);
}

static void step_row(gd_buf *b, const json_t *first)
{
    gd_html_row(b, "Step");
    gd_page_number(b, gd_get_real(first, "step"), 0, ": ", "");
    gd_page_text(b, first, "name", "unknown");
    gd_html_row_end(b);
}

/* Items, texts, tokens and columns count from 0. */
static void place_rows(gd_buf *b, const json_t *first)
{
    const double column = gd_get_real(first, "column"), last = gd_get_real(first, "last_column");

    if (isfinite(gd_get_real(first, "drift")))
        gd_page_small_row(b, "Drift", first, "drift");
    if (!isfinite(gd_get_real(first, "item")))
        return;
    gd_page_number_row(b, "Item", first, "item", 0);
    gd_page_number_row(b, "Text of the item", first, "text", 0);
    gd_html_row(b, "Token");
    gd_page_number(b, gd_get_real(first, "token"), 0, "", "unknown");
    put_more(b, gd_get_real(first, "tokens"), " tokens in all");
    gd_html_row_end(b);
    if (!isfinite(column))
        return;
    gd_html_row(b, "Column");
    gd_page_number(b, column, 0, "", "unknown");
    if (last > column)
        put_more(b, last, " is the last one that differs");
    gd_html_row_end(b);
}

/* Errors against float64, in parts of the bound. */
static void errors_row(gd_buf *b, const char *name, const json_t *first, const char *side)
{
    const double error = fabs(gd_get_real(first, side) - gd_get_real(first, "float64"));
    const double bound = gd_get_real(first, "bound");

    if (!isfinite(error))
        return;
    gd_html_row(b, name);
    gd_chart_small(b, error);
    if (bound > 0) {
        gd_buf_str(b, ", ");
        gd_chart_small(b, error / bound);
        gd_buf_str(b, " times the bound");
    }
    gd_html_row_end(b);
}

static void values_table(gd_buf *b, const json_t *first)
{
    gd_html_words(b);
    value_row(b, "Left", first, "left");
    value_row(b, "Right", first, "right");
    value_row(b, "float64, from the same inputs", first, "float64");
    if (isfinite(gd_get_real(first, "bound")))
        gd_page_small_row(b, isfinite(gd_get_real(first, "drift")) ? "Limit of the drift" : "Bound of the error", first,
                          "bound");
    errors_row(b, "Error, left", first, "left");
    errors_row(b, "Error, right", first, "right");
    if (gd_get_text(first, "side"))
        gd_page_text_row(b, "Beyond its bound", first, "side", "");
    if (gd_get_real(first, "rows") > 0)
        gd_page_number_row(b, "Rows of the step that differ", first, "rows", 0);
    if (json_is_boolean(gd_get_part(first, "alone"))) {
        gd_html_row(b, "This text alone");
        gd_buf_str(b, json_is_true(gd_get_part(first, "alone")) ? "differs, too" : "does not differ");
        gd_html_row_end(b);
    }
    gd_html_words_end(b);
}

void gd_crosscheck_first(gd_buf *b, const json_t *root)
{
    const json_t *first = gd_get_part(root, "first");

    if (!json_is_object(first))
        return;
    gd_html_section(b, "Where it begins",
                    "The first step, in the order of the computation, and its first row and column. As far as was "
                    "compared, what comes before is in order; what comes after may be its consequence. Items, texts, "
                    "tokens and columns count from 0.");
    gd_html_words(b);
    step_row(b, first);
    place_rows(b, first);
    gd_html_words_end(b);
    values_table(b, first);
    gd_html_section_end(b);
}
