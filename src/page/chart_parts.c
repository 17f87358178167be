/* chart_parts.c - the elements of charts. */
#include "page/chart_parts.h"

#include "page/chart.h"
#include "page/html.h"
#include "base/mem.h"

#include <math.h>

void gd_chart_begin(gd_buf *b, double height, const char *title)
{
    gd_buf_printf(b, "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"", GD_CHART_WIDTH, (int)height);
    gd_html_text(b, title);
    gd_buf_str(b, "\">\n");
}

void gd_chart_end(gd_buf *b) { gd_buf_str(b, "</svg>\n"); }

void gd_chart_attribute(gd_buf *b, const char *name, double value)
{
    gd_buf_printf(b, " %s=\"", name);
    gd_buf_fixed(b, value, 1);
    gd_buf_str(b, "\"");
}

static void text_begin(gd_buf *b, double x, double y, const char *anchor)
{
    gd_buf_str(b, "<text");
    gd_chart_attribute(b, "x", x);
    gd_chart_attribute(b, "y", y);
    gd_buf_printf(b, " text-anchor=\"%s\">", anchor);
}

static void text_end(gd_buf *b) { gd_buf_str(b, "</text>\n"); }

void gd_chart_text(gd_buf *b, double x, double y, const char *anchor, const char *text)
{
    text_begin(b, x, y, anchor);
    gd_html_text(b, text);
    text_end(b);
}

void gd_chart_line(gd_buf *b, const char *style, double x1, double y1, double x2, double y2)
{
    gd_buf_printf(b, "<line class=\"%s\"", style);
    gd_chart_attribute(b, "x1", x1);
    gd_chart_attribute(b, "y1", y1);
    gd_chart_attribute(b, "x2", x2);
    gd_chart_attribute(b, "y2", y2);
    gd_buf_str(b, "/>\n");
}

void gd_chart_number(gd_buf *b, double value)
{
    static const struct {
        double unit;
        const char *name;
    } units[] = { { 1e12, "T" }, { 1e9, "G" },  { 1e6, "M" },         { 1e3, "k" },
                  { 1, "" },     { 1e-3, "m" }, { 1e-6, "\xc2\xb5" }, { 1e-9, "n" } };
    const double size = fabs(value);
    size_t u = 0;
    unsigned decimals = 0;
    double shown;

    if (!isfinite(value) || size < 1e-9) {
        gd_buf_str(b, "0");
        return;
    }
    while (u + 1 < sizeof units / sizeof units[0] && size < units[u].unit * (units[u].unit == 1 ? 0.01 : 0.9995))
        u++;
    shown = value / units[u].unit;
    for (double left = fabs(shown); decimals < 3 && left < 99.95; left *= 10)
        decimals++;
    /* 1.50 as 1.5, 2.00 as 2 */
    while (decimals && fabs(shown * pow(10, decimals - 1) - round(shown * pow(10, decimals - 1))) < 0.005)
        decimals--;
    gd_buf_fixed(b, shown, decimals);
    gd_buf_str(b, units[u].name);
}

void gd_chart_small(gd_buf *b, double value)
{
    const double size = fabs(value);
    double power, digits;

    if (size == 0 || !isfinite(size)) {
        gd_buf_str(b, "0");
    } else if (size >= 0.01 && size < 999.5) {
        gd_buf_fixed(b, value, size < 0.09995 ? 4 : size < 0.9995 ? 3 : size < 9.995 ? 2 : size < 99.95 ? 1 : 0);
    } else {
        power = floor(log10(size));
        digits = value / pow(10, power);
        power += fabs(digits) >= 9.995;
        gd_buf_fixed(b, fabs(digits) >= 9.995 ? digits / 10 : digits, 2);
        gd_buf_printf(b, "e%d", (int)power);
    }
}

void gd_chart_value(gd_buf *b, double x, double y, const char *anchor, double value)
{
    text_begin(b, x, y, anchor);
    gd_chart_number(b, value);
    text_end(b);
}

void gd_chart_tick(gd_buf *b, double x, double y, const char *anchor, double value, double step)
{
    const double digits = step > 0 && step < 1 ? ceil(-log10(step) - 1e-9) : 0;

    if (fabs(value) >= 10000 || digits > 6) {
        gd_chart_value(b, x, y, anchor, value);
        return;
    }
    text_begin(b, x, y, anchor);
    gd_buf_fixed(b, value, (unsigned)digits);
    text_end(b);
}

static bool is_begin(char c) { return ((unsigned char)c & 0xc0) != 0x80; } /* of a character */

size_t gd_chart_letters(const char *text)
{
    size_t letters = 0;

    for (const char *p = text; *p; p++)
        letters += is_begin(*p);
    return letters;
}

void gd_chart_name(gd_buf *b, double x, double y, const char *anchor, const char *text, size_t most)
{
    size_t len = 0;
    char *part;

    if (gd_chart_letters(text) <= most) {
        gd_chart_text(b, x, y, anchor, text);
        return;
    }
    /* up to where the character number `most` begins */
    for (size_t begun = is_begin(text[0]); begun < most; begun += is_begin(text[len]))
        len++;
    part = gd_strndup(text, len);
    if (!part) {
        b->failed = true;
        return;
    }
    text_begin(b, x, y, anchor);
    gd_html_text(b, part);
    gd_buf_str(b, "\xe2\x80\xa6");
    text_end(b);
    gd_free(part);
}

double gd_chart_step(double range, double wanted)
{
    const double rough = range / wanted, power = pow(10, floor(log10(rough))), digit = rough / power;

    return power * (digit <= 1 ? 1 : digit <= 2 ? 2 : digit <= 5 ? 5 : 10);
}
