/* cmd_filter.c - guerdon filter. */
#include "cli/run.h"

#include "base/json.h"

#include <string.h>

enum { SHOWN = 10, BAR = 40, MOST_BINS = 20 };

/* Finds the one limit that is given, of four. */
static int choose_limit(gd_filter_options *how, const cli_settings *s)
{
    const struct {
        const gd_number *limit;
        gd_filter_by by;
    } limits[] = { { &s->min_score, GD_FILTER_MIN_SCORE },
                   { &s->min_margin, GD_FILTER_MIN_MARGIN },
                   { &s->top_fraction, GD_FILTER_TOP_FRACTION },
                   { &s->flip_below, GD_FILTER_FLIP_BELOW } };
    int count = 0;

    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        if (!limits[i].limit->given)
            continue;
        how->by = limits[i].by;
        how->limit = limits[i].limit->value;
        count++;
    }
    if (count == 1)
        return CLI_OK;
    cli_say("filter takes one of --min-score, --min-margin, --top-fraction and --flip-below; %s given",
            count ? "several are" : "none is");
    return CLI_USAGE;
}

struct problems {
    cli_run *run;
    uint64_t count;
};

static void on_problem(void *context, uint64_t index, const char *sentence)
{
    struct problems *problems = context;

    (void)index;
    cli_progress_clear(&problems->run->bar);
    if (problems->count++ < SHOWN)
        cli_say("%s", sentence);
}

/* Of few items there are few lines, or none: bins are joined, as many as divide them. */
static size_t count_bins(json_int_t bins[MOST_BINS], const json_t *counts)
{
    json_int_t items = 0;
    size_t joined;

    for (size_t i = 0; i < MOST_BINS; i++)
        items += json_integer_value(json_array_get(counts, i));
    joined = items >= 40 ? 1 : items >= 20 ? 2 : items >= 10 ? 4 : MOST_BINS;
    for (size_t i = 0; i < MOST_BINS; i++)
        bins[i / joined] += json_integer_value(json_array_get(counts, i));
    return MOST_BINS / joined;
}

/* One line per bin, with a bar as long as its count. */
static void draw_histogram(const json_t *histogram, const char *value)
{
    const double low = json_number_value(json_object_get(histogram, "min"));
    const double high = json_number_value(json_object_get(histogram, "max"));
    json_int_t counts[MOST_BINS] = { 0 }, most = 1;
    const size_t bins = count_bins(counts, json_object_get(histogram, "counts"));

    for (size_t i = 0; i < bins; i++)
        most = counts[i] > most ? counts[i] : most;
    if (!(low < high)) {
        fprintf(stderr, "%s %.4g: all that have one\n", value, low);
        return;
    }
    if (bins == 1) {
        fprintf(stderr, "%s from %.4g to %.4g, mean %.4g\n", value, low, high,
                json_number_value(json_object_get(histogram, "mean")));
        return;
    }
    fprintf(stderr, "%s from, number of items:\n", value);
    for (size_t i = 0; i < bins; i++) {
        const json_int_t n = counts[i];
        char number[CLI_NUMBER_ROOM];

        fprintf(stderr, "%10.4g %9s%s", low + (high - low) * (double)i / (double)bins,
                cli_number(number, (unsigned long long)n), n ? " " : "");
        for (json_int_t k = (n * BAR + most - 1) / most; k > 0; k--)
            (void)putc('#', stderr);
        (void)putc('\n', stderr);
    }
}

/* Flipped pairs are kept, too, with their sides swapped. */
static void show_counts(const json_t *report, gd_filter_by by)
{
    const json_int_t flipped = json_integer_value(json_object_get(report, "flipped"));
    const json_int_t kept = json_integer_value(json_object_get(report, "kept")) + flipped;
    char number[CLI_NUMBER_ROOM];

    fprintf(stderr, "%s kept", cli_number(number, (unsigned long long)kept));
    if (by == GD_FILTER_FLIP_BELOW)
        fprintf(stderr, ", %s of them flipped", cli_number(number, (unsigned long long)flipped));
    fprintf(stderr, ", %s rejected",
            cli_number(number, (unsigned long long)json_integer_value(json_object_get(report, "rejected"))));
    fprintf(stderr, ", %s failed\n",
            cli_number(number, (unsigned long long)json_integer_value(json_object_get(report, "failed"))));
}

static int show_report(const char *json, gd_filter_by by)
{
    gd_error err = { GD_OK, "" };
    json_t *report;
    const json_t *histogram;
    const gd_status rc = gd_json_parse(&report, json, strlen(json), "the result", &err);

    if (rc)
        return cli_fail(rc, &err);
    histogram = json_object_get(report, "histogram");
    show_counts(report, by);
    if (json_is_object(histogram))
        draw_histogram(histogram, json_string_value(json_object_get(report, "value")));
    json_decref(report);
    return CLI_OK;
}

static int run_filter(const cli_settings *settings, gd_filter_options *how, cli_run *run)
{
    struct problems problems = { run, 0 };
    gd_error err = { GD_OK, "" };
    gd_summary summary = { .struct_size = sizeof summary };
    gd_model *model = NULL;
    char *json = NULL;
    gd_status rc = cli_open_model(&model, settings, &err);
    int status;

    if (rc)
        return cli_fail(rc, &err);
    cli_run_notes(run, model);
    how->problem = on_problem;
    how->context = &problems;
    rc = gd_filter_file(model, how, cli_run_watch(run), &summary, &json, &err);
    rc = cli_run_close(run, model, rc, &summary, &err);
    if (problems.count > SHOWN)
        cli_say("and %llu more", (unsigned long long)(problems.count - SHOWN));
    status = cli_run_end(run, "filtered", rc, &summary, &err);
    if (json && !settings->quiet && !settings->dry_run) {
        const int shown = show_report(json, how->by);

        status = status ? status : shown;
    }
    gd_string_free(json);
    return status;
}

int cli_filter(const cli_settings *settings)
{
    gd_filter_options how;
    cli_run run;
    int status;

    gd_filter_options_init(&how);
    status = cli_run_without_texts(settings, "filter");
    if (!status)
        status = cli_run_check_second(settings, "rejects", settings->rejects);
    if (!status)
        status = choose_limit(&how, settings);
    if (!status)
        status = cli_run_begin(&run, settings);
    if (status)
        return status;
    how.input = run.files.input;
    how.output = run.files.output;
    how.rejects = settings->rejects;
    how.format = run.files.format;
    how.resume = run.files.resume;
    how.fields = run.files.fields;
    how.from_scores = settings->from_scores;
    how.skip_unscored = (size_t)settings->skip_unscored;
    how.annotate = settings->annotate;
    how.shard = run.files.shard;
    how.shards = run.files.shards;
    return run_filter(settings, &how, &run);
}
