/* chart_plane.c - charts whose axes may have both signs: histograms, and points in a plane. */
#include "page/chart.h"
#include "page/chart_parts.h"

#include <math.h>

/* Units of the drawing. */
enum {
    WIDTH = GD_CHART_WIDTH,
    LEFT = 52,
    RIGHT = 16,
    ABOVE = 28,
    BELOW = 46,
    LOW = 170,
    HIGH = 250,
    MOST_TICKS = 24,
    TITLES = 200 /* only this many points show their numbers: the page would be too large */
};

struct frame {
    double bottom;
    double x_min, x_max, y_min, y_max; /* values at the edges of the plot */
};

static double place(double value, double min, double max, double from, double to)
{
    return from + (to - from) * (value - min) / (max - min);
}

static double place_x(const struct frame *f, double x) { return place(x, f->x_min, f->x_max, LEFT, WIDTH - RIGHT); }
static double place_y(const struct frame *f, double y) { return place(y, f->y_min, f->y_max, f->bottom, ABOVE); }

/* Widens a range that is empty or holds only one value. */
static void widen(double *min, double *max)
{
    if (!isfinite(*min) || !isfinite(*max) || *min > *max) {
        *min = 0;
        *max = 1;
    }
    if (*max - *min <= 1e-12 * fmax(fabs(*min), fabs(*max))) {
        const double room = fmax(0.5, fabs(*min) / 2);

        *min -= room;
        *max += room;
    }
}

static double first_tick(double min, double step) { return step * ceil(min / step - 1e-9); }

static void y_axis(gd_buf *b, const struct frame *f, const char *label)
{
    const double step = gd_chart_step(f->y_max - f->y_min, 4.5), first = first_tick(f->y_min, step);

    for (int i = 0; i < MOST_TICKS && first + i * step <= f->y_max + step * 1e-6; i++) {
        const double y = place_y(f, first + i * step);

        gd_chart_line(b, "grid", LEFT, y, WIDTH - RIGHT, y);
        gd_chart_tick(b, LEFT - 6, y + 4, "end", first + i * step, step);
    }
    gd_chart_line(b, "axis", LEFT, f->bottom, WIDTH - RIGHT, f->bottom);
    gd_chart_text(b, 4, ABOVE - 12, "start", label);
}

static void x_axis(gd_buf *b, const struct frame *f, const char *label)
{
    const double step = gd_chart_step(f->x_max - f->x_min, 6), first = first_tick(f->x_min, step);

    for (int i = 0; i < MOST_TICKS && first + i * step <= f->x_max + step * 1e-6; i++) {
        const double x = place_x(f, first + i * step);

        gd_chart_line(b, "axis", x, f->bottom, x, f->bottom + 4);
        gd_chart_tick(b, x, f->bottom + 17, "middle", first + i * step, step);
    }
    gd_chart_text(b, (LEFT + WIDTH - RIGHT) / 2.0, f->bottom + 38, "middle", label);
}

/* ---- histograms ---- */

static void column(gd_buf *b, const struct frame *f, const gd_histogram *h, size_t i)
{
    const double from = h->from + (double)i * h->step, left = place_x(f, from), right = place_x(f, from + h->step);
    const double top = place_y(f, h->counts[i]);

    gd_buf_printf(b, "<g class=\"s%d\"><rect class=\"fill\"", from + h->step / 2 < h->split);
    gd_chart_attribute(b, "x", left + 0.5);
    gd_chart_attribute(b, "y", top);
    gd_chart_attribute(b, "width", fmax(0.5, right - left - 1));
    gd_chart_attribute(b, "height", fmax(0, f->bottom - top));
    gd_buf_str(b, "><title>");
    gd_chart_number(b, from);
    gd_buf_str(b, " to ");
    gd_chart_number(b, from + h->step);
    gd_buf_str(b, ": ");
    gd_buf_fixed(b, h->counts[i], 0);
    gd_buf_str(b, "</title></rect></g>\n");
}

void gd_histogram_svg(gd_buf *b, const gd_histogram *h)
{
    struct frame f = { .bottom = ABOVE + LOW, .x_min = h->from, .x_max = h->from + h->step * (double)h->count };
    double most = 0;

    for (size_t i = 0; i < h->count; i++)
        most = isfinite(h->counts[i]) ? fmax(most, h->counts[i]) : most;
    f.y_max = most > 0 ? most * 1.05 : 1;
    widen(&f.x_min, &f.x_max);
    gd_chart_begin(b, f.bottom + BELOW, h->title);
    y_axis(b, &f, h->y_label);
    x_axis(b, &f, h->x_label);
    for (size_t i = 0; i < h->count; i++)
        if (isfinite(h->counts[i]) && h->counts[i] > 0)
            column(b, &f, h, i);
    if (h->split > f.x_min && h->split < f.x_max)
        gd_chart_line(b, "mark", place_x(&f, h->split), ABOVE, place_x(&f, h->split), f.bottom);
    gd_chart_end(b);
}

/* ---- points ---- */

static bool inside(const struct frame *f, double x, double y)
{
    return x >= f->x_min && x <= f->x_max && y >= f->y_min && y <= f->y_max; /* false for NaN */
}

static void find_ranges(struct frame *f, const gd_points *p)
{
    *f = (struct frame){ .bottom = ABOVE + HIGH,
                         .x_min = p->x_min,
                         .x_max = p->x_max,
                         .y_min = p->y_min,
                         .y_max = p->y_max };
    if (p->x_min < p->x_max && p->y_min < p->y_max)
        return;
    f->x_min = f->y_min = INFINITY;
    f->x_max = f->y_max = -INFINITY;
    for (size_t i = 0; i < p->count; i++) {
        if (!isfinite(p->x[i]) || !isfinite(p->y[i]))
            continue;
        f->x_min = fmin(f->x_min, p->x[i]);
        f->x_max = fmax(f->x_max, p->x[i]);
        f->y_min = fmin(f->y_min, p->y[i]);
        f->y_max = fmax(f->y_max, p->y[i]);
    }
    widen(&f->x_min, &f->x_max);
    widen(&f->y_min, &f->y_max);
}

/* The part of y = x that is inside the plot. */
static void diagonal(gd_buf *b, const struct frame *f)
{
    const double from = fmax(f->x_min, f->y_min), to = fmin(f->x_max, f->y_max);

    if (from < to)
        gd_chart_line(b, "mark", place_x(f, from), place_y(f, from), place_x(f, to), place_y(f, to));
}

static void whisker(gd_buf *b, const struct frame *f, double x, double low, double high)
{
    const double at = place_x(f, x), top = place_y(f, fmin(high, f->y_max)), bottom = place_y(f, fmax(low, f->y_min));

    gd_chart_line(b, "whisker", at, bottom, at, top);
    gd_chart_line(b, "whisker", at - 3, bottom, at + 3, bottom);
    gd_chart_line(b, "whisker", at - 3, top, at + 3, top);
}

static void dot(gd_buf *b, const struct frame *f, const gd_points *p, size_t i)
{
    gd_buf_str(b, p->count > TITLES ? "<circle class=\"fill many\" r=\"2\"" : "<circle class=\"fill\" r=\"4\"");
    gd_chart_attribute(b, "cx", place_x(f, p->x[i]));
    gd_chart_attribute(b, "cy", place_y(f, p->y[i]));
    if (p->count > TITLES) {
        gd_buf_str(b, "/>\n");
        return;
    }
    gd_buf_str(b, "><title>");
    gd_buf_fixed(b, p->x[i], 4);
    gd_buf_str(b, ": ");
    gd_buf_fixed(b, p->y[i], 4);
    gd_buf_str(b, "</title></circle>\n");
}

void gd_points_svg(gd_buf *b, const gd_points *p)
{
    struct frame f;

    find_ranges(&f, p);
    gd_chart_begin(b, f.bottom + BELOW, p->title);
    y_axis(b, &f, p->y_label);
    x_axis(b, &f, p->x_label);
    if (p->cross && f.x_min < 0 && f.x_max > 0)
        gd_chart_line(b, "axis", place_x(&f, 0), ABOVE, place_x(&f, 0), f.bottom);
    if (p->cross && f.y_min < 0 && f.y_max > 0)
        gd_chart_line(b, "axis", LEFT, place_y(&f, 0), WIDTH - RIGHT, place_y(&f, 0));
    diagonal(b, &f);
    gd_buf_str(b, "<g class=\"s0\">\n");
    for (size_t i = 0; i < p->count; i++) {
        if (!inside(&f, p->x[i], p->y[i]))
            continue;
        if (p->low && p->high && p->low[i] <= p->high[i])
            whisker(b, &f, p->x[i], p->low[i], p->high[i]);
        dot(b, &f, p, i);
    }
    gd_buf_str(b, "</g>\n");
    gd_chart_end(b);
}
