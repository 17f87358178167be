/* markdown.c - text of any kind inside Markdown. */
#include "train/markdown.h"

#include "train/outcome.h"

#include <math.h>
#include <string.h>

static bool is_control(char c) { return (unsigned char)c < 0x20 || c == 0x7f; }

void gd_markdown_text(gd_buf *b, const char *text)
{
    for (const char *p = text; *p; p++) {
        const char c = is_control(*p) ? ' ' : *p;

        if (c == '<')
            gd_buf_str(b, "&lt;");
        else if (c == '&')
            gd_buf_str(b, "&amp;");
        else if (strchr("\\`*_[]#|~>$!", c))
            gd_buf_printf(b, "\\%c", c);
        else
            gd_buf_bytes(b, &c, 1);
    }
}

void gd_markdown_word(gd_buf *b, const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=@%+,";

    if (*word && !word[strspn(word, plain)]) {
        gd_buf_str(b, word);
        return;
    }
    gd_buf_str(b, "'");
    for (const char *p = word; *p; p++) {
        const char c = is_control(*p) ? ' ' : *p;

        if (c == '\'')
            gd_buf_str(b, "'\\''");
        else
            gd_buf_bytes(b, &c, 1);
    }
    gd_buf_str(b, "'");
}

void gd_markdown_value(gd_buf *b, const json_t *value)
{
    const json_t *one;
    size_t i;

    if (json_is_string(value)) {
        gd_markdown_text(b, json_string_value(value));
    } else if (json_is_null(value)) {
        gd_buf_str(b, "none");
    } else if (json_is_array(value)) {
        json_array_foreach(value, i, one) {
            gd_buf_str(b, i ? ", " : "");
            gd_markdown_text(b, json_is_string(one) ? json_string_value(one) : "?");
        }
    } else if (json_is_number(value) || json_is_boolean(value)) {
        gd_outcome_scalar(b, value);
    } else {
        gd_buf_str(b, "?");
    }
}

void gd_markdown_count(gd_buf *b, double value)
{
    gd_buf digits = { 0 };

    gd_buf_fixed(&digits, value, 0);
    b->failed = digits.failed || b->failed;
    for (size_t i = 0; i < digits.len; i++) {
        const size_t left = digits.len - i;

        if (i && left % 3 == 0 && digits.data[i - 1] != '-')
            gd_buf_str(b, ",");
        gd_buf_bytes(b, digits.data + i, 1);
    }
    gd_buf_free(&digits);
}

void gd_markdown_spark(gd_buf *b, const double *values, size_t count)
{
    double low = INFINITY, high = -INFINITY;

    for (size_t i = 0; i < count; i++) {
        low = fmin(low, values[i]);
        high = fmax(high, values[i]);
    }
    for (size_t i = 0; i < count; i++) {
        const double part = high > low ? (values[i] - low) / (high - low) : 0.5;

        gd_buf_printf(b, "\xe2\x96%c", 0x81 + (int)fmin(7, 8 * part)); /* U+2581 to U+2588 */
    }
}
