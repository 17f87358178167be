/* train_page.c - the page of a training run. */
#include "train/train_page.h"

#include "base/error.h"
#include "base/result.h"
#include "page/html.h"
#include "page/page.h"
#include "train/curve.h"
#include "train/outcome.h"
#include "train/train_charts.h"

#include <math.h>

enum {
    REFRESH = 10,     /* seconds */
    SETS_MOST = 1000, /* in the tables */
    LIST_MOST = 100
};

#define SPACE "\xc2\xa0" /* that does not break */

static void percent(gd_buf *b, double share) { gd_page_number(b, 100 * share, 1, SPACE "%", "unknown"); }

/* ---- the head ---- */

static bool is_live(const gd_outcome *o) { return o->state != GD_OUTCOME_DONE && o->state != GD_OUTCOME_STOPPED; }

/* "step 64 of 128" */
static void put_step(gd_buf *b, const gd_outcome *o)
{
    gd_buf_str(b, "step ");
    gd_buf_fixed(b, o->step, 0);
    if (isfinite(o->steps)) {
        gd_buf_str(b, " of ");
        gd_buf_fixed(b, o->steps, 0);
    }
}

/* What the tab of the browser says, too. */
static void begin(gd_buf *b, const gd_outcome *o)
{
    const char *base = gd_outcome_base(o);
    gd_buf title = { 0 };

    gd_buf_str(&title, "Training ");
    gd_buf_str(&title, base ? base : "a reward model");
    gd_buf_str(&title, ": ");
    switch (o->state) {
    case GD_OUTCOME_BEGUN:
    case GD_OUTCOME_RUNNING: put_step(&title, o); break;
    case GD_OUTCOME_EVALUATING: gd_buf_str(&title, "evaluating"); break;
    case GD_OUTCOME_DONE: gd_buf_str(&title, "done"); break;
    case GD_OUTCOME_STOPPED: gd_buf_str(&title, "stopped"); break;
    }
    gd_html_begin_live(b, gd_page_aside(b, &title), is_live(o) ? REFRESH : 0);
    gd_buf_free(&title);
}

static void state_sentence(gd_buf *b, const gd_outcome *o)
{
    gd_buf_str(b, "<p>");
    switch (o->state) {
    case GD_OUTCOME_BEGUN: gd_buf_str(b, "The first step is being computed."); break;
    case GD_OUTCOME_RUNNING:
        gd_buf_str(b, "Running: ");
        put_step(b, o);
        gd_buf_str(b, " is done");
        break;
    case GD_OUTCOME_EVALUATING: gd_buf_str(b, "All steps are done; the last evaluation is running"); break;
    case GD_OUTCOME_DONE:
        gd_buf_str(b, "Done: all ");
        gd_buf_fixed(b, o->step, 0);
        gd_buf_str(b, " steps");
        break;
    case GD_OUTCOME_STOPPED:
        gd_buf_str(b, "Stopped early, after ");
        put_step(b, o);
        break;
    }
    if (o->reason && o->state == GD_OUTCOME_STOPPED) {
        gd_buf_str(b, ": ");
        gd_html_text(b, o->reason);
    } else if (o->state != GD_OUTCOME_BEGUN) {
        gd_buf_str(b, ".");
    }
    if (is_live(o))
        gd_buf_printf(b, " This page reloads itself every %d seconds.", REFRESH);
    gd_buf_str(b, "</p>\n");
}

static void progress(gd_buf *b, const gd_outcome *o)
{
    if (!is_live(o) || !(o->steps > 0))
        return;
    gd_buf_str(b, "<progress max=\"1\" value=\"");
    gd_buf_fixed(b, o->step / o->steps, 4);
    gd_buf_str(b, "\"></progress>\n");
}

/* The texts of a list, or the one text, separated by commas. */
static void put_names(gd_buf *b, const json_t *names)
{
    const json_t *one;
    size_t i;

    if (json_is_string(names))
        gd_html_text(b, json_string_value(names));
    json_array_foreach(names, i, one) {
        if (i == LIST_MOST) {
            gd_buf_str(b, ", \xe2\x80\xa6");
            break;
        }
        gd_buf_str(b, i ? ", " : "");
        gd_html_text(b, json_is_string(one) ? json_string_value(one) : "?");
    }
}

static void head(gd_buf *b, const gd_outcome *o)
{
    begin(b, o);
    gd_buf_str(b, "<p class=\"soft\">on ");
    put_names(b, gd_get_part(o->run, "train"));
    gd_buf_str(b, ", by guerdon ");
    gd_page_text(b, o->run, "guerdon", "of an unknown version");
    gd_buf_str(b, "</p>\n");
    state_sentence(b, o);
    progress(b, o);
}

/* ---- tiles ---- */

/* Frees the texts. */
static void tile(gd_buf *b, const char *name, gd_buf *figure, gd_buf *note)
{
    const char *made = gd_page_aside(b, figure);

    gd_html_tile(b, name, made, gd_page_aside(b, note));
    gd_buf_free(figure);
    gd_buf_free(note);
}

/* The mean of a metric over the last steps. */
static void recent_tile(gd_buf *b, const gd_outcome *o, const char *name, const char *key, bool as_percent)
{
    gd_buf figure = { 0 }, note = { 0 };
    gd_curve curve;
    size_t window;

    b->failed = !gd_curve_read(&curve, o->log, key) || b->failed;
    window = gd_train_window(curve.count);
    if (as_percent)
        percent(&figure, gd_curve_last(&curve, window));
    else
        gd_buf_fixed(&figure, gd_curve_last(&curve, window), 4);
    if (window > 1)
        gd_buf_printf(&note, "mean of %zu steps", window);
    else
        gd_buf_str(&note, "at the last step");
    if (curve.count) {
        tile(b, name, &figure, &note);
    } else {
        gd_buf_free(&figure);
        gd_buf_free(&note);
    }
    gd_curve_free(&curve);
}

/* The first set that was evaluated. */
static void evaluation_tile(gd_buf *b, const gd_outcome *o)
{
    gd_buf name = { 0 }, figure = { 0 }, note = { 0 };
    gd_outcome_set set = { .accuracy = NAN };
    const char *key = "";
    json_t *line;

    json_object_foreach(o->sets, key, line) {
        b->failed = !gd_outcome_set_of(&set, o, key, line) || b->failed;
        if (isfinite(set.accuracy))
            break;
    }
    if (!isfinite(set.accuracy))
        return;
    gd_buf_str(&name, *key ? "Accuracy, " : "Accuracy, eval");
    gd_buf_str(&name, key);
    percent(&figure, set.accuracy);
    if (isfinite(set.low)) {
        gd_buf_str(&note, "95" SPACE "%: ");
        gd_buf_fixed(&note, 100 * set.low, 1);
        gd_buf_str(&note, "\xe2\x80\x93");
        gd_buf_fixed(&note, 100 * set.high, 1);
    }
    tile(b, gd_page_aside(b, &name), &figure, &note);
    gd_buf_free(&name);
}

static void step_tile(gd_buf *b, const gd_outcome *o)
{
    gd_buf figure = { 0 }, note = { 0 };
    gd_curve epoch;

    b->failed = !gd_curve_read(&epoch, o->log, "epoch") || b->failed;
    gd_buf_fixed(&figure, o->step, 0);
    if (isfinite(o->steps)) {
        gd_buf_str(&note, "of ");
        gd_buf_fixed(&note, o->steps, 0);
    }
    if (epoch.count) {
        gd_buf_str(&note, note.len ? ", epoch " : "epoch ");
        gd_buf_fixed(&note, gd_curve_last(&epoch, 1), 2);
    }
    gd_curve_free(&epoch);
    tile(b, "Step", &figure, &note);
}

static void time_tiles(gd_buf *b, const gd_outcome *o)
{
    gd_buf figure = { 0 }, note = { 0 };
    gd_curve rate;

    if (isfinite(o->seconds_left)) {
        gd_outcome_duration(&figure, o->seconds_left);
        gd_outcome_duration(&note, o->seconds);
        gd_buf_str(&note, " so far");
        tile(b, "Time left", &figure, &note);
    } else if (o->seconds > 0) {
        gd_outcome_duration(&figure, o->seconds);
        gd_buf_str(&note, "without evaluations");
        tile(b, "Time of the steps", &figure, &note);
    }
    b->failed = !gd_curve_ratio(&rate, o->times, "pairs", "seconds") || b->failed;
    if (rate.count) {
        gd_buf_fixed(&figure, gd_curve_last(&rate, gd_train_window(rate.count)), 2);
        tile(b, "Pairs per second", &figure, &note);
    }
    gd_curve_free(&rate);
}

static void tiles(gd_buf *b, const gd_outcome *o)
{
    gd_html_tiles(b);
    step_tile(b, o);
    recent_tile(b, o, "Loss", "loss", false);
    recent_tile(b, o, "Accuracy, train", "accuracy", true);
    evaluation_tile(b, o);
    recent_tile(b, o, "Margin", "margin", false);
    time_tiles(b, o);
    gd_html_tiles_end(b);
}

/* ---- evaluations ---- */

static void set_cells(gd_buf *b, gd_html_table *table, const char *name, const gd_outcome_set *set)
{
    gd_html_cell(b, table, *name ? name : "evaluation");
    gd_html_cell_number(b, table, set->step, 0);
    gd_html_cell_number(b, table, set->pairs, 0);
    gd_html_cell_number(b, table, set->accuracy, 4);
    gd_html_cell_number(b, table, set->low, 4);
    gd_html_cell_number(b, table, set->high, 4);
    gd_html_cell_number(b, table, set->margin, 4);
    gd_html_cell_number(b, table, set->loss, 4);
    gd_html_cell_number(b, table, set->shorter, 4);
    gd_html_cell_number(b, table, set->longer, 4);
}

/* The sets, or the parts of sets. Returns how many there are. */
static size_t sets_rows(gd_buf *b, gd_html_table *table, const gd_outcome *o, bool parts)
{
    size_t count = 0;
    const char *name;
    json_t *line;

    json_object_foreach(o->sets, name, line) {
        gd_outcome_set set;

        if (gd_outcome_is_part(name) != parts || count++ >= SETS_MOST)
            continue;
        b->failed = !gd_outcome_set_of(&set, o, name, line) || b->failed;
        set_cells(b, table, name, &set);
    }
    return count;
}

static void best_sentence(gd_buf *b, const gd_outcome *o)
{
    const gd_outcome_best best = gd_outcome_find_best(o);

    if (!isfinite(best.step))
        return;
    gd_buf_str(b, "<p>The best ");
    gd_html_text(b, best.metric);
    gd_buf_str(b, " so far, ");
    gd_buf_fixed(b, best.value, 4);
    gd_buf_str(b, ", is that of step ");
    gd_buf_fixed(b, best.step, 0);
    gd_buf_str(b, ", which is in the folder best.</p>\n");
}

static void evaluations_section(gd_buf *b, const gd_outcome *o)
{
    static const char heads[] = "set|step|pairs|accuracy|from|to|margin|loss|shorter chosen|longer chosen";
    gd_html_table table;
    size_t parts;

    if (!json_object_size(o->sets))
        return;
    gd_html_section(b, "Evaluations",
                    "The last one of each set: accuracy with its 95 % bootstrap interval, mean margin, mean loss. "
                    "Beside them, the accuracy of always choosing the shorter text, or the longer one: a model that "
                    "is not clearly better than these may have learnt no more than length.");
    table = gd_html_table_begin(b, heads);
    (void)sets_rows(b, &table, o, false);
    parts = sets_rows(b, &table, o, true);
    gd_html_table_end(b, &table);
    best_sentence(b, o);
    gd_html_section_end(b);
    if (parts > SETS_MOST)
        gd_buf_printf(b, "<p class=\"soft\">%zu parts: the first %d are shown.</p>\n", parts, SETS_MOST);
}

/* ---- data and settings ---- */

static void count_row(gd_buf *b, const char *name, double value, bool always)
{
    if (!isfinite(value) || (!always && value == 0))
        return;
    gd_html_row(b, name);
    gd_buf_fixed(b, value, 0);
    gd_html_row_end(b);
}

static void evaluated_rows(gd_buf *b, const gd_outcome *o)
{
    const json_t *one;
    size_t i;

    json_array_foreach(gd_get_part(o->run, "evals"), i, one) {
        const char *name = gd_get_text(one, "name");

        if (i == LIST_MOST)
            break;
        gd_html_row(b, name && *name ? name : "evaluation");
        gd_page_text(b, one, "path", "?");
        gd_buf_str(b, ", ");
        gd_page_number(b, gd_get_real(one, "pairs"), 0, " pairs", "an unknown number of pairs");
        if (gd_get_real(one, "seen") > 0) {
            gd_buf_str(b, "; ");
            gd_buf_fixed(b, gd_get_real(one, "seen"), 0);
            gd_buf_str(b, " records share a text with the training data");
        }
        gd_html_row_end(b);
    }
}

static void data_table(gd_buf *b, const gd_outcome *o)
{
    static const struct {
        const char *key, *name;
        bool always;
    } rows[] = {
        { "records", "Records", true },
        { "kept", "Records that are learnt from", true },
        { "too_long", "Left out: a text is too long", false },
        { "equal", "Left out: the texts are equal", false },
        { "indifferent", "Left out: no text is better", false },
        { "failed", "Left out: it can\xe2\x80\x99t be read", false },
        { "pairs", "Pairs", true },
        { "tokens", "Tokens", true },
        { "longest", "Longest text, in tokens", true },
    };

    gd_html_words(b);
    gd_html_row(b, "Training data");
    put_names(b, gd_get_part(o->run, "train"));
    gd_html_row_end(b);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        count_row(b, rows[i].name, gd_get_real(o->data, rows[i].key), rows[i].always);
    gd_html_row(b, "The shorter text is the chosen one");
    percent(b, gd_outcome_baseline(o, "train", "shorter"));
    gd_html_row_end(b);
    gd_html_row(b, "The longer text is the chosen one");
    percent(b, gd_outcome_baseline(o, "train", "longer"));
    gd_html_row_end(b);
    evaluated_rows(b, o);
    gd_html_words_end(b);
}

/* A setting as it is in the log. */
static void put_setting(gd_buf *b, const json_t *value)
{
    if (json_is_string(value) || json_is_array(value)) {
        put_names(b, value);
    } else if (json_is_null(value)) {
        gd_buf_str(b, "none");
    } else if (json_is_object(value)) {
        gd_buf_str(b, "?");
    } else {
        gd_outcome_scalar(b, value);
    }
}

static void settings_table(gd_buf *b, const gd_outcome *o)
{
    const char *name;
    json_t *value;
    size_t rows = 0;

    gd_html_words(b);
    gd_page_text_row(b, "base", o->run, "base", "unknown");
    json_object_foreach((json_t *)o->settings, name, value) {
        if (rows++ == LIST_MOST)
            break;
        gd_html_row(b, name);
        put_setting(b, value);
        gd_html_row_end(b);
    }
    count_row(b, "parameters that learn", gd_get_real(o->run, "parameters"), true);
    gd_html_words_end(b);
}

static void data_section(gd_buf *b, const gd_outcome *o)
{
    gd_html_section(b, "Data and settings",
                    "What the model learns from, and how; settings by their names in log.jsonl.");
    data_table(b, o);
    settings_table(b, o);
    gd_html_section_end(b);
}

gd_status gd_train_page(char **html, const json_t *run, const json_t *log, const json_t *times, gd_error *err)
{
    gd_outcome outcome;
    gd_buf b = { 0 };

    *html = NULL;
    if (!gd_outcome_read(&outcome, run, log, times))
        return gd_fail_memory(err, json_array_size(log));
    head(&b, &outcome);
    tiles(&b, &outcome);
    gd_train_charts(&b, &outcome);
    evaluations_section(&b, &outcome);
    data_section(&b, &outcome);
    gd_html_end(&b);
    gd_outcome_free(&outcome);
    return gd_buf_take(&b, html, err);
}
