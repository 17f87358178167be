/* chart.c - charts as SVG. */
#include "page/chart.h"

#include "page/chart_parts.h"
#include "page/html.h"

#include <math.h>
#include <stdio.h>

/* Units of the drawing. */
enum { WIDTH = GD_CHART_WIDTH, PLOT = 170, LEFT = 52, RIGHT = 16, BELOW = 46, LEGEND_ROW = 18, MOST_TICKS = 24 };

/* Points of a line over steps: with more than this they are not shown, and only so many show their numbers. */
enum { POINTS = 32 };

struct frame {
    const gd_chart *chart;
    size_t series;       /* number of series drawn */
    double top, bottom;  /* of the plot */
    double x_min, x_max; /* values at its edges (log2 of them with log_x) */
    double y_min, y_max; /* likewise, log10 of them with log_y */
    double y_step;       /* of its ticks, of which the first is at y_min */
};

static double place_x(const struct frame *f, double x)
{
    const double range = f->x_max - f->x_min, at = f->chart->log_x ? log2(x) : x;

    return LEFT + (WIDTH - LEFT - RIGHT) * (range > 0 ? (at - f->x_min) / range : 0.5);
}

static double scale_y(const struct frame *f, double y) { return f->chart->log_y ? log10(y) : y; }

/* Of what scale_y() returns. */
static double place_scaled(const struct frame *f, double y)
{
    return f->bottom - (f->bottom - f->top) * (y - f->y_min) / (f->y_max - f->y_min);
}

static double place_y(const struct frame *f, double y) { return place_scaled(f, scale_y(f, y)); }

static bool drawable_y(const struct frame *f, double y)
{
    return isfinite(y) && (f->chart->log_y ? y > 0 : f->chart->any_sign || y >= 0);
}

static bool drawable(const struct frame *f, double x, double y)
{
    return isfinite(x) && drawable_y(f, y) && (!f->chart->log_x || x > 0);
}

/* Point i of a series; false if it can't be drawn. Bars have no x. */
static bool point(const struct frame *f, const gd_series *s, size_t i, double *x, double *y)
{
    *x = f->chart->category ? (double)i : s->x[i];
    *y = s->y[i];
    return drawable(f, *x, *y);
}

static bool has_mark(const struct frame *f) { return f->chart->mark_label && drawable_y(f, f->chart->mark_y); }

/* From a tick at or below the least value to one at or above the greatest. */
static void span_values(struct frame *f, double least, double largest)
{
    if (largest - least <= 1e-9 * fmax(fabs(least), fabs(largest))) {
        const double room = largest != 0 ? fabs(largest) / 2 : 0.5;

        least -= room;
        largest += room;
    }
    f->y_step = gd_chart_step(largest - least, 4.5);
    f->y_min = f->y_step * floor(least / f->y_step);
    f->y_max = f->y_step * ceil(largest / f->y_step);
}

/* From one power of ten to another: the values are exponents. */
static void span_powers(struct frame *f, double least, double largest)
{
    f->y_min = floor(least);
    f->y_step = fmax(1, ceil((largest - f->y_min) / 6));
    f->y_max = f->y_min + f->y_step * fmax(1, ceil((largest - f->y_min) / f->y_step));
}

static void find_ranges(struct frame *f)
{
    bool any = false;
    double x, y, largest = has_mark(f) ? scale_y(f, f->chart->mark_y) : 0, least = largest;

    for (size_t s = 0; s < f->series; s++)
        for (size_t i = 0; i < f->chart->series[s].count; i++) {
            if (!point(f, &f->chart->series[s], i, &x, &y))
                continue;
            x = f->chart->log_x ? log2(x) : x;
            y = scale_y(f, y);
            f->x_min = any ? fmin(f->x_min, x) : x;
            f->x_max = any ? fmax(f->x_max, x) : x;
            largest = any || has_mark(f) ? fmax(largest, y) : y;
            least = any || has_mark(f) ? fmin(least, y) : y;
            any = true;
        }
    if (f->chart->log_y) {
        span_powers(f, least, largest);
    } else if (f->chart->any_sign) {
        span_values(f, least, largest);
    } else if (largest > 0) {
        f->y_step = gd_chart_step(largest, 4.5);
        f->y_max = f->y_step * ceil(largest * 1.02 / f->y_step);
    }
}

/* ---- axes ---- */

/* "1e-3" */
static void power_axis(gd_buf *b, const struct frame *f)
{
    for (int i = 0; i < MOST_TICKS && i * f->y_step <= (f->y_max - f->y_min) * 1.0001; i++) {
        const double power = f->y_min + i * f->y_step, y = place_scaled(f, power);
        char text[24];

        (void)snprintf(text, sizeof text, "1e%d", (int)power);
        gd_chart_line(b, i ? "grid" : "axis", LEFT, y, WIDTH - RIGHT, y);
        gd_chart_text(b, LEFT - 6, y + 4, "end", text);
    }
}

static void value_axis(gd_buf *b, const struct frame *f)
{
    const double first = round(f->y_min / f->y_step);

    for (int i = 0; i < MOST_TICKS && i * f->y_step <= (f->y_max - f->y_min) * 1.0001; i++) {
        const double value = (first + i) * f->y_step, y = place_y(f, value);

        gd_chart_line(b, i && value != 0 ? "grid" : "axis", LEFT, y, WIDTH - RIGHT, y);
        if (f->chart->any_sign)
            gd_chart_tick(b, LEFT - 6, y + 4, "end", value, f->y_step);
        else
            gd_chart_value(b, LEFT - 6, y + 4, "end", value);
    }
}

static void y_axis(gd_buf *b, const struct frame *f)
{
    if (f->chart->log_y)
        power_axis(b, f);
    else
        value_axis(b, f);
    gd_chart_text(b, 4, f->top - 12, "start", f->chart->y_label);
}

static void x_tick(gd_buf *b, const struct frame *f, double x)
{
    const double at = place_x(f, x);

    gd_chart_line(b, "axis", at, f->bottom, at, f->bottom + 4);
    gd_chart_value(b, at, f->bottom + 17, "middle", x);
}

/* Ticks at the points rather than at round numbers, where their labels have room: these are what was measured. */
static void log_ticks(gd_buf *b, const struct frame *f)
{
    const double room = 5.5 * GD_CHART_LETTER;
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

static void x_axis(gd_buf *b, const struct frame *f)
{
    if (f->chart->log_x) {
        log_ticks(b, f);
    } else if (f->x_max > f->x_min) {
        const double round_step = gd_chart_step(f->x_max - f->x_min, 6);
        const double step = f->chart->steps ? fmax(1, round_step) : round_step;
        const double first = step * ceil(f->x_min / step - 1e-9);

        for (int i = 0; i < MOST_TICKS && first + i * step <= f->x_max + step * 1e-6; i++)
            x_tick(b, f, first + i * step);
    } else {
        x_tick(b, f, f->x_min);
    }
}

/* ---- data ---- */

/* "step 12345: 0.1234": on a long axis, three digits would not tell the points apart. */
static void step_title(gd_buf *b, const gd_chart *chart, double x, double y)
{
    gd_html_text(b, chart->x_label);
    gd_buf_str(b, " ");
    gd_buf_fixed(b, x, 0);
    gd_buf_str(b, ": ");
    if (chart->log_y)
        gd_chart_small(b, y);
    else
        gd_buf_fixed(b, y, fabs(y) < 100 ? 4 : 1);
}

/* What a point shows when the pointer rests on it. */
static void point_title(gd_buf *b, const struct frame *f, const gd_series *s, size_t i)
{
    gd_buf_str(b, "<title>");
    if (s->name) {
        gd_html_text(b, s->name);
        gd_buf_str(b, ", ");
    }
    if (f->chart->steps) {
        step_title(b, f->chart, s->x[i], s->y[i]);
    } else {
        if (f->chart->category)
            gd_html_text(b, f->chart->category[i]);
        else
            gd_chart_number(b, s->x[i]);
        gd_buf_str(b, ": ");
        gd_chart_number(b, s->y[i]);
    }
    gd_buf_str(b, "</title>");
}

static bool is_faint(const struct frame *f, size_t index) { return f->chart->faint >> index & 1; }

/* The number of a series' colour: faint lines share that of the next series. */
static size_t colour(const struct frame *f, size_t index)
{
    size_t before = 0;

    for (size_t s = 0; s < index; s++)
        before += !is_faint(f, s);
    return before;
}

/* The points of a line; of many, some that are invisible but show their numbers. */
static void points(gd_buf *b, const struct frame *f, const gd_series *s)
{
    const bool many = f->chart->steps && s->count > POINTS;
    const size_t each = many ? (s->count + POINTS - 1) / POINTS : 1;
    double x, y;

    for (size_t i = many ? (s->count - 1) % each : 0; i < s->count; i += each) { /* the last one is among them */
        if (!point(f, s, i, &x, &y))
            continue;
        gd_buf_str(b, many ? "<circle class=\"fill\" fill-opacity=\"0\" r=\"6\"" : "<circle class=\"fill\" r=\"3.5\"");
        gd_chart_attribute(b, "cx", place_x(f, x));
        gd_chart_attribute(b, "cy", place_y(f, y));
        gd_buf_str(b, ">");
        point_title(b, f, s, i);
        gd_buf_str(b, "</circle>\n");
    }
}

static void lines(gd_buf *b, const struct frame *f, size_t index)
{
    const gd_series *s = &f->chart->series[index];
    double x, y;

    gd_buf_printf(b, "<g class=\"s%zu\">\n<polyline class=\"line%s\" points=\"", colour(f, index),
                  !is_faint(f, index)     ? ""
                  : s->count > 4 * POINTS ? " faint many"
                                          : " faint");
    for (size_t i = 0; i < s->count; i++) {
        if (!point(f, s, i, &x, &y))
            continue;
        gd_buf_fixed(b, place_x(f, x), 1);
        gd_buf_str(b, ",");
        gd_buf_fixed(b, place_y(f, y), 1);
        gd_buf_str(b, " ");
    }
    gd_buf_str(b, "\"/>\n");
    if (!is_faint(f, index))
        points(b, f, s);
    gd_buf_str(b, "</g>\n");
}

static void bars(gd_buf *b, const struct frame *f, size_t groups)
{
    const double slot = (double)(WIDTH - LEFT - RIGHT) / (double)(groups ? groups : 1);
    const double width = fmin(48, slot * 0.8 / (double)f->series);

    for (size_t g = 0; g < groups; g++) {
        const double middle = LEFT + slot * ((double)g + 0.5);

        for (size_t s = 0; s < f->series; s++) {
            const gd_series *series = &f->chart->series[s];
            double x, y;

            if (g >= series->count || !point(f, series, g, &x, &y))
                continue;
            x = middle + width * ((double)s - (double)f->series / 2);
            gd_buf_printf(b, "<g class=\"s%zu\"><rect class=\"fill\"", s);
            gd_chart_attribute(b, "x", x + 1);
            gd_chart_attribute(b, "y", place_y(f, y));
            gd_chart_attribute(b, "width", fmax(1, width - 2));
            gd_chart_attribute(b, "height", fmax(0, f->bottom - place_y(f, y)));
            gd_buf_str(b, ">");
            point_title(b, f, series, g);
            gd_buf_str(b, "</rect></g>\n");
            if (width > 5 * GD_CHART_LETTER)
                gd_chart_value(b, x + width / 2, place_y(f, y) - 4, "middle", y);
        }
        gd_chart_text(b, middle, f->bottom + 17, "middle", f->chart->category[g]);
    }
}

/* ---- legend ---- */

static double legend_width(const char *name) { return 30 + GD_CHART_LETTER * (double)gd_chart_letters(name); }

/* A piece of the line, or of the bars, of series s; or of the mark, which is the last. */
static void legend_sample(gd_buf *b, const struct frame *f, size_t s, double x, double y)
{
    if (s == f->series) {
        gd_chart_line(b, "mark", x, y - 2, x + 20, y - 2);
        return;
    }
    gd_buf_printf(b, "<g class=\"s%zu\">", colour(f, s));
    if (f->chart->category) {
        gd_buf_str(b, "<rect class=\"fill\" width=\"12\" height=\"12\"");
        gd_chart_attribute(b, "x", x);
        gd_chart_attribute(b, "y", y - 8);
        gd_buf_str(b, "/>");
    } else {
        gd_chart_line(b, "line", x, y - 2, x + 20, y - 2);
    }
    gd_buf_str(b, "</g>");
}

static const char *legend_name(const struct frame *f, size_t s)
{
    if (s < f->series)
        return f->chart->series[s].name;
    return f->chart->steps && has_mark(f) ? f->chart->mark_label : NULL;
}

/* Arranges the names in rows, and draws them unless b is NULL. Returns the number of rows. */
static int legend(gd_buf *b, const struct frame *f)
{
    double x = LEFT;
    int row = 0, any = 0;

    for (size_t s = 0; s <= f->series; s++) {
        const char *name = legend_name(f, s);

        if (!name)
            continue;
        if (any && x + legend_width(name) > WIDTH) {
            x = LEFT;
            row++;
        }
        if (b) {
            const double y = 10 + row * LEGEND_ROW;

            legend_sample(b, f, s, x, y);
            gd_chart_text(b, x + 25, y + 2, "start", name);
        }
        x += legend_width(name) + 8;
        any = 1;
    }
    return any ? row + 1 : 0;
}

static void mark(gd_buf *b, const struct frame *f)
{
    const double y = place_y(f, f->chart->mark_y);

    gd_chart_line(b, "mark", LEFT, y, WIDTH - RIGHT, y);
    if (!f->chart->steps)
        gd_chart_text(b, WIDTH - RIGHT, y - 5, "end", f->chart->mark_label);
}

void gd_chart_svg(gd_buf *b, const gd_chart *chart)
{
    struct frame f = { .chart = chart, .series = chart->series_count, .y_max = 1, .y_step = 0.5 };
    size_t groups = 0;

    if (f.series > GD_CHART_SERIES)
        f.series = GD_CHART_SERIES;
    find_ranges(&f);
    f.top = legend(NULL, &f) * LEGEND_ROW + 28;
    f.bottom = f.top + PLOT;
    gd_chart_begin(b, f.bottom + BELOW, chart->title);
    (void)legend(b, &f);
    y_axis(b, &f);
    if (!chart->category)
        x_axis(b, &f);
    if (has_mark(&f))
        mark(b, &f);
    for (size_t s = 0; s < f.series; s++)
        groups = chart->series[s].count > groups ? chart->series[s].count : groups;
    if (chart->category)
        bars(b, &f, groups);
    for (size_t s = 0; s < f.series && !chart->category; s++)
        lines(b, &f, s);
    gd_chart_text(b, LEFT + (WIDTH - LEFT - RIGHT) / 2.0, f.bottom + 38, "middle", chart->x_label);
    gd_chart_end(b);
}
