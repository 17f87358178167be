/* train_charts.c - the charts of a training run's page. */
#include "train/train_charts.h"

#include "base/result.h"
#include "page/html.h"
#include "page/page.h"
#include "train/curve.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    LINES = GD_CHART_SERIES,
    POINTS = 240,    /* of a line: the plot is about 300 units wide */
    REACH_PART = 20, /* a mean covers this part of all steps on either side */
    REACH_MOST = 50, /* but at most so many */
    WINDOW_LEAST = 4,
    WINDOW_MOST = 50,
    NAME_MOST = 24 /* bytes in the legend */
};

struct plot {
    const gd_outcome *outcome;
    gd_chart chart;
    gd_series series[LINES];
    gd_curve curves[LINES];
    char names[LINES][NAME_MOST + 4];
};

size_t gd_train_window(size_t steps)
{
    const size_t part = steps < WINDOW_LEAST ? steps : steps / 4 < WINDOW_LEAST ? WINDOW_LEAST : steps / 4;

    return part < WINDOW_MOST ? part : WINDOW_MOST;
}

/* Copies a name for the legend; one that is too long is cut, between characters, and ends in an ellipsis. */
static void shorten(char out[NAME_MOST + 4], const char *name)
{
    size_t len = strlen(name);

    if (len > NAME_MOST)
        for (len = NAME_MOST - 1; len && ((unsigned char)name[len] & 0xc0) == 0x80;)
            len--;
    (void)snprintf(out, NAME_MOST + 4, "%.*s%s", (int)len, name, name[len] ? "\xe2\x80\xa6" : "");
}

/* Takes over the curve. */
static void add_line(struct plot *plot, const char *name, gd_curve *curve, bool faint)
{
    const size_t at = plot->chart.series_count;

    if (at == LINES || !curve->count) {
        gd_curve_free(curve);
        return;
    }
    gd_curve_thin(curve, POINTS);
    if (name)
        shorten(plot->names[at], name);
    plot->curves[at] = *curve;
    plot->series[at] = (gd_series){ name ? plot->names[at] : NULL, curve->x, curve->y, curve->count };
    plot->chart.faint |= (unsigned)faint << at;
    plot->chart.series_count++;
}

/* Takes over the curve: its means, and with `single` each value, too, as a pale line. */
static void add_means(gd_buf *b, struct plot *plot, const char *name, gd_curve *curve, bool single)
{
    const size_t part = curve->count / REACH_PART, reach = part < REACH_MOST ? part : REACH_MOST;
    gd_curve means = { 0 };

    if (!reach) {
        add_line(plot, name, curve, false);
        return;
    }
    b->failed = !gd_curve_smooth(&means, curve, reach) || b->failed;
    if (single)
        add_line(plot, NULL, curve, true);
    else
        gd_curve_free(curve);
    add_line(plot, name, &means, false);
}

static void add_metric(gd_buf *b, struct plot *plot, const char *name, const char *key, bool single)
{
    gd_curve curve;

    b->failed = !gd_curve_read(&curve, plot->outcome->log, key) || b->failed;
    add_means(b, plot, name, &curve, single);
}

static void add_ratio(gd_buf *b, struct plot *plot, const char *over, const char *under)
{
    gd_curve curve;

    b->failed = !gd_curve_ratio(&curve, plot->outcome->times, over, under) || b->failed;
    for (size_t i = 0; !strcmp(under, "tokens") && i < curve.count; i++)
        curve.y[i] = 1 - curve.y[i];
    add_means(b, plot, NULL, &curve, true);
}

/* A line for each set that is not a part of another, as far as there is room. */
static void add_sets(gd_buf *b, struct plot *plot, const char *metric)
{
    gd_buf key = { 0 };
    const char *name;
    json_t *line;

    json_object_foreach(plot->outcome->sets, name, line) {
        const char *made = gd_outcome_key(&key, name, metric);
        gd_curve curve;

        if (gd_outcome_is_part(name))
            continue;
        b->failed = !made || !gd_curve_read(&curve, plot->outcome->log, made) || b->failed;
        if (made)
            add_line(plot, *name ? name : "evaluation", &curve, false);
    }
    gd_buf_free(&key);
}

/* Draws a chart if it has a line, and frees its curves. */
static void put(gd_buf *b, struct plot *plot)
{
    plot->chart.series = plot->series;
    plot->chart.x_label = "step";
    plot->chart.steps = true;
    if (plot->chart.series_count)
        gd_page_chart(b, &plot->chart);
    for (size_t i = 0; i < plot->chart.series_count; i++)
        gd_curve_free(&plot->curves[i]);
}

/* ---- the charts ---- */

static void loss_chart(gd_buf *b, const gd_outcome *outcome)
{
    struct plot plot = { .outcome = outcome,
                         .chart = { .title = "Loss",
                                    .y_label = "loss",
                                    .any_sign = true,
                                    .mark_label = "equal scores",
                                    .mark_y = 0.693147 } };

    add_metric(b, &plot, "training", "loss", true);
    add_sets(b, &plot, "loss");
    put(b, &plot);
}

/* The best of the rules that need no model, on the training data. */
static const char *best_baseline(const gd_outcome *outcome, double *share)
{
    const double shorter = gd_outcome_baseline(outcome, "train", "shorter");
    const double longer = gd_outcome_baseline(outcome, "train", "longer");

    *share = fmax(0.5, fmax(isfinite(shorter) ? shorter : 0, isfinite(longer) ? longer : 0));
    return *share == shorter ? "always the shorter" : *share == longer ? "always the longer" : "a coin toss";
}

static void accuracy_chart(gd_buf *b, const gd_outcome *outcome)
{
    struct plot plot = {
        .outcome = outcome,
        .chart = { .title = "Accuracy: the chosen text has the higher score", .y_label = "accuracy", .any_sign = true }
    };

    plot.chart.mark_label = best_baseline(outcome, &plot.chart.mark_y);
    add_metric(b, &plot, "training", "accuracy", true);
    add_sets(b, &plot, "accuracy");
    put(b, &plot);
}

static void margin_chart(gd_buf *b, const gd_outcome *outcome)
{
    struct plot plot = {
        .outcome = outcome,
        .chart = { .title = "Margin: the chosen score minus the rejected one", .y_label = "margin", .any_sign = true }
    };

    add_metric(b, &plot, "training", "margin", true);
    add_sets(b, &plot, "margin");
    put(b, &plot);
}

static void rewards_chart(gd_buf *b, const gd_outcome *outcome)
{
    struct plot plot = { .outcome = outcome,
                         .chart = { .title = "Scores of the training texts", .y_label = "score", .any_sign = true } };

    add_metric(b, &plot, "mean", "mean_reward", false);
    add_metric(b, &plot, "largest", "max_reward", false);
    add_metric(b, &plot, "smallest", "min_reward", false);
    put(b, &plot);
}

/* In units of a power of ten: an axis has three digits. */
static void rate_chart(gd_buf *b, const gd_outcome *outcome)
{
    struct plot plot = { .outcome = outcome, .chart = { .y_label = "learning rate" } };
    char title[GD_PAGE_LABEL];
    double largest = 0, power;
    gd_curve curve;

    b->failed = !gd_curve_read(&curve, outcome->log, "learning_rate") || b->failed;
    for (size_t i = 0; i < curve.count; i++)
        largest = fmax(largest, fabs(curve.y[i]));
    power = largest > 0 ? floor(log10(largest) + 1e-9) : 0;
    for (size_t i = 0; i < curve.count; i++)
        curve.y[i] *= pow(10, -power);
    (void)snprintf(title, sizeof title, "Learning rate, in units of 1e%d", (int)power);
    plot.chart.title = title;
    add_line(&plot, NULL, &curve, false);
    put(b, &plot);
}

/* With a line where gradients are clipped, unless they never come near it. */
static void norm_chart(gd_buf *b, const gd_outcome *outcome)
{
    struct plot plot = { .outcome = outcome,
                         .chart = { .title = "Norm of the gradient, before clipping", .y_label = "norm" } };
    const double clip = gd_get_real(outcome->settings, "clip");
    double largest = 0;

    add_metric(b, &plot, NULL, "grad_norm", true);
    for (size_t i = 0; plot.chart.series_count && i < plot.series[0].count; i++)
        largest = fmax(largest, plot.series[0].y[i]);
    if (clip > 0 && clip < 2 * largest) {
        plot.chart.mark_label = "clipped from here";
        plot.chart.mark_y = clip;
    }
    put(b, &plot);
}

static void speed_charts(gd_buf *b, const gd_outcome *outcome)
{
    struct plot tokens = { .outcome = outcome, .chart = { .title = "Tokens per second", .y_label = "tokens/s" } };
    struct plot saved = { .outcome = outcome,
                          .chart = { .title = "Tokens saved by sharing prompts", .y_label = "fraction" } };

    add_ratio(b, &tokens, "tokens", "seconds");
    put(b, &tokens);
    add_ratio(b, &saved, "rows", "tokens");
    put(b, &saved);
}

void gd_train_charts(gd_buf *b, const gd_outcome *outcome)
{
    gd_html_section(
        b, "Curves",
        "Pale lines are single steps, the others means over the steps around them. Equal scores have a loss "
        "of 0.69. The dotted line in the chart of the accuracy is the best that these reach on the training "
        "data without a model: a coin toss, always choosing the shorter text, always choosing the longer "
        "one.");
    loss_chart(b, outcome);
    accuracy_chart(b, outcome);
    margin_chart(b, outcome);
    rewards_chart(b, outcome);
    rate_chart(b, outcome);
    norm_chart(b, outcome);
    speed_charts(b, outcome);
    gd_html_section_end(b);
}
