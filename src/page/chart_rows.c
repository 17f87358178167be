/* chart_rows.c - horizontal bars, one below another. */
#include "page/chart.h"
#include "page/chart_parts.h"
#include "page/html.h"

#include <math.h>

/* Units of the drawing: names are left of LEFT, figures right of the plot. */
enum {
    WIDTH = GD_CHART_WIDTH,
    LEFT = 160,
    RIGHT = 52,
    ROW = 21,
    BAR = 12,
    ABOVE = 8,
    BELOW = 40,
    LETTERS = 22,
    MOST_TICKS = 24
};

struct frame {
    const gd_chart_rows *chart;
    double bottom, top; /* value at the right edge */
};

static double place(const struct frame *f, double value)
{
    return LEFT + (WIDTH - LEFT - RIGHT) * fmin(fmax(value, 0), f->top) / f->top;
}

static void axis(gd_buf *b, const struct frame *f)
{
    const double step = gd_chart_step(f->top, 4);

    for (int i = 0; i < MOST_TICKS && i * step <= f->top * 1.0001; i++) {
        const double at = place(f, i * step);

        gd_chart_line(b, i ? "grid" : "axis", at, ABOVE, at, f->bottom);
        gd_chart_tick(b, at, f->bottom + 15, "middle", i * step, step);
    }
    gd_chart_text(b, (LEFT + WIDTH - RIGHT) / 2.0, f->bottom + 33, "middle", f->chart->x_label);
}

/* What a row shows when the pointer rests on it: its full name, and the interval in figures. */
static void row_title(gd_buf *b, const gd_chart_row *row)
{
    gd_buf_str(b, "<title>");
    gd_html_text(b, row->name);
    gd_buf_str(b, ": ");
    gd_buf_fixed(b, row->value, 4);
    if (isfinite(row->low) && isfinite(row->high)) {
        gd_buf_str(b, " (");
        gd_buf_fixed(b, row->low, 4);
        gd_buf_str(b, " to ");
        gd_buf_fixed(b, row->high, 4);
        gd_buf_str(b, ")");
    }
    if (row->note) {
        gd_buf_str(b, ", ");
        gd_html_text(b, row->note);
    }
    gd_buf_str(b, "</title>");
}

static void whisker(gd_buf *b, const struct frame *f, const gd_chart_row *row, double middle)
{
    const double low = place(f, row->low), high = place(f, row->high);

    gd_chart_line(b, "whisker", low, middle, high, middle);
    gd_chart_line(b, "whisker", low, middle - 3, low, middle + 3);
    gd_chart_line(b, "whisker", high, middle - 3, high, middle + 3);
}

static void bar(gd_buf *b, const struct frame *f, const gd_chart_row *row, double middle)
{
    gd_buf_str(b, "<g class=\"s0\"><rect class=\"fill\"");
    gd_chart_attribute(b, "x", LEFT);
    gd_chart_attribute(b, "y", middle - BAR / 2.0);
    gd_chart_attribute(b, "width", place(f, row->value) - LEFT);
    gd_chart_attribute(b, "height", BAR);
    gd_buf_str(b, ">");
    row_title(b, row);
    gd_buf_str(b, "</rect></g>\n");
    if (isfinite(row->low) && isfinite(row->high))
        whisker(b, f, row, middle);
    gd_buf_str(b, "<text");
    gd_chart_attribute(b, "x", WIDTH - RIGHT + 8);
    gd_chart_attribute(b, "y", middle + 4);
    gd_buf_str(b, ">");
    if (row->value < 100)
        gd_buf_fixed(b, row->value, 3);
    else
        gd_chart_number(b, row->value); /* there is room for six characters */
    gd_buf_str(b, "</text>\n");
}

void gd_chart_rows_svg(gd_buf *b, const gd_chart_rows *chart)
{
    struct frame f = { .chart = chart, .bottom = ABOVE + ROW * (double)chart->count, .top = 1 };

    if (isnormal(chart->top) && chart->top > 0)
        f.top = chart->top;
    gd_chart_begin(b, f.bottom + BELOW, chart->title);
    axis(b, &f);
    for (size_t i = 0; i < chart->count; i++) {
        const double middle = ABOVE + ROW * ((double)i + 0.5);

        gd_chart_name(b, LEFT - 8, middle + 4, "end", chart->rows[i].name, LETTERS);
        if (isfinite(chart->rows[i].value))
            bar(b, &f, &chart->rows[i], middle);
    }
    if (isfinite(chart->mark) && chart->mark > 0 && chart->mark <= f.top)
        gd_chart_line(b, "mark", place(&f, chart->mark), ABOVE, place(&f, chart->mark), f.bottom);
    gd_chart_end(b);
}
