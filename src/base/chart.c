/* chart.c - charts as SVG. */
#include "base/chart.h"

#include "base/html.h"

#include <math.h>

/* Units of the drawing. TEXT is a letter's mean width in the 12-unit font: what fits is estimated, never measured. */
enum { WIDTH = 380, PLOT = 170, LEFT = 52, RIGHT = 16, BELOW = 46, LEGEND_ROW = 18, MOST_TICKS = 24 };
#define TEXT 6.4

typedef struct frame {
    const gd_chart *chart;
    size_t series;               /* drawn */
    double top, bottom;          /* of the plot */
    double x_min, x_max, y_max;  /* values at its edges (x: of log2 when log_x) */
    double y_step;               /* of its ticks */
} frame;

static void coordinate(gd_buf *b, const char *name, double value)
{
    gd_buf_printf(b, " %s=\"", name);
    gd_buf_fixed(b, value, 1);
    gd_buf_str(b, "\"");
}

static void text_at(gd_buf *b, double x, double y, const char *anchor, const char *text)
{
    gd_buf_str(b, "<text");
    coordinate(b, "x", x);
    coordinate(b, "y", y);
    gd_buf_printf(b, " text-anchor=\"%s\">", anchor);
    gd_html_text(b, text);
    gd_buf_str(b, "</text>\n");
}

static void line_at(gd_buf *b, const char *style, double x1, double y1, double x2, double y2)
{
    gd_buf_printf(b, "<line class=\"%s\"", style);
    coordinate(b, "x1", x1);
    coordinate(b, "y1", y1);
    coordinate(b, "x2", x2);
    coordinate(b, "y2", y2);
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

static void number_at(gd_buf *b, double x, double y, const char *anchor, double value)
{
    gd_buf_str(b, "<text");
    coordinate(b, "x", x);
    coordinate(b, "y", y);
    gd_buf_printf(b, " text-anchor=\"%s\">", anchor);
    gd_chart_number(b, value);
    gd_buf_str(b, "</text>\n");
}

/* The step of an axis with about `wanted` ticks: 1, 2 or 5 times a power of ten. */
static double nice_step(double range, double wanted)
{
    const double rough = range / wanted, power = pow(10, floor(log10(rough))), digit = rough / power;

    return power * (digit <= 1 ? 1 : digit <= 2 ? 2 : digit <= 5 ? 5 : 10);
}

static double place_x(const frame *f, double x)
{
    const double range = f->x_max - f->x_min, at = f->chart->log_x ? log2(x) : x;

    return LEFT + (WIDTH - LEFT - RIGHT) * (range > 0 ? (at - f->x_min) / range : 0.5);
}

static double place_y(const frame *f, double y) { return f->bottom - (f->bottom - f->top) * y / f->y_max; }

static bool drawable(const frame *f, double x, double y)
{
    return isfinite(x) && isfinite(y) && y >= 0 && (!f->chart->log_x || x > 0);
}

/* The point i of a series, when it can be drawn. Bars have no x. */
static bool point(const frame *f, const gd_series *s, size_t i, double *x, double *y)
{
    *x = f->chart->category ? (double)i : s->x[i];
    *y = s->y[i];
    return drawable(f, *x, *y);
}

static void find_ranges(frame *f)
{
    bool any = false;
    double x, y, largest = f->chart->mark_label && isfinite(f->chart->mark_y) ? f->chart->mark_y : 0;

    for (size_t s = 0; s < f->series; s++)
        for (size_t i = 0; i < f->chart->series[s].count; i++) {
            if (!point(f, &f->chart->series[s], i, &x, &y))
                continue;
            x = f->chart->log_x ? log2(x) : x;
            f->x_min = any ? fmin(f->x_min, x) : x;
            f->x_max = any ? fmax(f->x_max, x) : x;
            largest = fmax(largest, y);
            any = true;
        }
    if (largest > 0) {
        f->y_step = nice_step(largest, 4.5);
        f->y_max = f->y_step * ceil(largest * 1.02 / f->y_step);
    }
}

/* ---- axes ---- */

static void y_axis(gd_buf *b, const frame *f)
{
    for (int i = 0; i < MOST_TICKS && i * f->y_step <= f->y_max * 1.0001; i++) {
        const double y = place_y(f, i * f->y_step);

        line_at(b, i ? "grid" : "axis", LEFT, y, WIDTH - RIGHT, y);
        number_at(b, LEFT - 6, y + 4, "end", i * f->y_step);
    }
    text_at(b, 4, f->top - 12, "start", f->chart->y_label);
}

static void x_tick(gd_buf *b, const frame *f, double x)
{
    const double at = place_x(f, x);

    line_at(b, "axis", at, f->bottom, at, f->bottom + 4);
    number_at(b, at, f->bottom + 17, "middle", x);
}

/* Where the points are, if their labels have room: a measured place says more than a round one. */
static void log_ticks(gd_buf *b, const frame *f)
{
    const double room = 5.5 * TEXT;
    double done[MOST_TICKS];
    int count = 0;

    for (size_t s = 0; s < f->series; s++)
        for (size_t i = 0; i < f->chart->series[s].count && count < MOST_TICKS; i++) {
            double x, y;
            bool free = point(f, &f->chart->series[s], i, &x, &y);

            for (int d = 0; free && d < count; d++)
                free = fabs(place_x(f, x) - place_x(f, done[d])) >= room;
            if (!free)
                continue;
            done[count++] = x;
            x_tick(b, f, x);
        }
}

static void x_axis(gd_buf *b, const frame *f)
{
    if (f->chart->log_x) {
        log_ticks(b, f);
    } else if (f->x_max > f->x_min) {
        const double step = nice_step(f->x_max - f->x_min, 6);
        const double first = step * ceil(f->x_min / step - 1e-9);

        for (int i = 0; i < MOST_TICKS && first + i * step <= f->x_max + step * 1e-6; i++)
            x_tick(b, f, first + i * step);
    } else {
        x_tick(b, f, f->x_min);
    }
}

/* ---- data ---- */

/* What a point says when the pointer rests on it. */
static void point_title(gd_buf *b, const frame *f, const gd_series *s, size_t i)
{
    gd_buf_str(b, "<title>");
    if (s->name) {
        gd_html_text(b, s->name);
        gd_buf_str(b, ", ");
    }
    if (f->chart->category)
        gd_html_text(b, f->chart->category[i]);
    else
        gd_chart_number(b, s->x[i]);
    gd_buf_str(b, ": ");
    gd_chart_number(b, s->y[i]);
    gd_buf_str(b, "</title>");
}

static void lines(gd_buf *b, const frame *f, size_t index)
{
    const gd_series *const s = &f->chart->series[index];
    double x, y;

    gd_buf_printf(b, "<g class=\"s%zu\">\n<polyline class=\"line\" points=\"", index);
    for (size_t i = 0; i < s->count; i++) {
        if (!point(f, s, i, &x, &y))
            continue;
        gd_buf_fixed(b, place_x(f, x), 1);
        gd_buf_str(b, ",");
        gd_buf_fixed(b, place_y(f, y), 1);
        gd_buf_str(b, " ");
    }
    gd_buf_str(b, "\"/>\n");
    for (size_t i = 0; i < s->count; i++) {
        if (!point(f, s, i, &x, &y))
            continue;
        gd_buf_str(b, "<circle class=\"fill\" r=\"3.5\"");
        coordinate(b, "cx", place_x(f, x));
        coordinate(b, "cy", place_y(f, y));
        gd_buf_str(b, ">");
        point_title(b, f, s, i);
        gd_buf_str(b, "</circle>\n");
    }
    gd_buf_str(b, "</g>\n");
}

static void bars(gd_buf *b, const frame *f, size_t groups)
{
    const double slot = (double)(WIDTH - LEFT - RIGHT) / (double)(groups ? groups : 1);
    const double width = fmin(48, slot * 0.8 / (double)f->series);

    for (size_t g = 0; g < groups; g++) {
        const double middle = LEFT + slot * ((double)g + 0.5);

        for (size_t s = 0; s < f->series; s++) {
            const gd_series *const series = &f->chart->series[s];
            double x, y;

            if (g >= series->count || !point(f, series, g, &x, &y))
                continue;
            x = middle + width * ((double)s - (double)f->series / 2);
            gd_buf_printf(b, "<g class=\"s%zu\"><rect class=\"fill\"", s);
            coordinate(b, "x", x + 1);
            coordinate(b, "y", place_y(f, y));
            coordinate(b, "width", fmax(1, width - 2));
            coordinate(b, "height", fmax(0, f->bottom - place_y(f, y)));
            gd_buf_str(b, ">");
            point_title(b, f, series, g);
            gd_buf_str(b, "</rect></g>\n");
            if (width > 5 * TEXT)
                number_at(b, x + width / 2, place_y(f, y) - 4, "middle", y);
        }
        text_at(b, middle, f->bottom + 17, "middle", f->chart->category[g]);
    }
}

/* ---- legend ---- */

static double legend_width(const char *name)
{
    size_t letters = 0;

    for (const char *p = name; *p; p++)
        letters += ((unsigned char)*p & 0xc0) != 0x80; /* a character of UTF-8 begins */
    return 30 + TEXT * (double)letters;
}

/* Names in as many rows as they need; draws them when b is given. Returns the number of rows. */
static int legend(gd_buf *b, const frame *f)
{
    double x = LEFT;
    int row = 0, any = 0;

    for (size_t s = 0; s < f->series; s++) {
        const char *const name = f->chart->series[s].name;

        if (!name)
            continue;
        if (any && x + legend_width(name) > WIDTH) {
            x = LEFT;
            row++;
        }
        if (b) {
            const double y = 10 + row * LEGEND_ROW;

            gd_buf_printf(b, "<g class=\"s%zu\">", s);
            if (f->chart->category) {
                gd_buf_str(b, "<rect class=\"fill\" width=\"12\" height=\"12\"");
                coordinate(b, "x", x);
                coordinate(b, "y", y - 8);
                gd_buf_str(b, "/>");
            } else {
                line_at(b, "line", x, y - 2, x + 20, y - 2);
            }
            gd_buf_str(b, "</g>");
            text_at(b, x + 25, y + 2, "start", name);
        }
        x += legend_width(name) + 8;
        any = 1;
    }
    return any ? row + 1 : 0;
}

static void mark(gd_buf *b, const frame *f)
{
    const double y = place_y(f, f->chart->mark_y);

    line_at(b, "mark", LEFT, y, WIDTH - RIGHT, y);
    text_at(b, WIDTH - RIGHT, y - 5, "end", f->chart->mark_label);
}

void gd_chart_svg(gd_buf *b, const gd_chart *chart)
{
    frame f = { .chart = chart, .series = chart->series_count, .y_max = 1, .y_step = 0.5 };
    size_t groups = 0;

    if (f.series > GD_CHART_SERIES)
        f.series = GD_CHART_SERIES;
    find_ranges(&f);
    f.top = legend(NULL, &f) * LEGEND_ROW + 28;
    f.bottom = f.top + PLOT;
    gd_buf_printf(b, "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"", WIDTH, (int)f.bottom + BELOW);
    gd_html_text(b, chart->title);
    gd_buf_str(b, "\">\n");
    (void)legend(b, &f);
    y_axis(b, &f);
    if (!chart->category)
        x_axis(b, &f);
    if (chart->mark_label && isfinite(chart->mark_y) && chart->mark_y >= 0)
        mark(b, &f);
    for (size_t s = 0; s < f.series; s++)
        groups = chart->series[s].count > groups ? chart->series[s].count : groups;
    if (chart->category)
        bars(b, &f, groups);
    for (size_t s = 0; s < f.series && !chart->category; s++)
        lines(b, &f, s);
    text_at(b, LEFT + (WIDTH - LEFT - RIGHT) / 2.0, f.bottom + 38, "middle", chart->x_label);
    gd_buf_str(b, "</svg>\n");
}
