/* eval_result.c - the JSON of gd_eval(): the figures, and under "details" everything that a page needs. */
#include "judge/eval.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/result.h"
#include "judge/length.h"

#include <math.h>
#include <string.h>
#include <strings.h>

/* The items as arrays: once in the order of the file, and once group by group. */
struct table {
    float *margins, *grouped;
    int32_t *longer;
    size_t *first;           /* [groups + 1] where each group begins in `grouped` */
    double *accuracy, *best; /* [groups] `best` is the mean credit as in RewardBench 2 */
};

static void free_table(struct table *t)
{
    gd_free(t->margins);
    gd_free(t->grouped);
    gd_free(t->longer);
    gd_free(t->first);
    gd_free(t->accuracy);
    gd_free(t->best);
}

static gd_status make_table(struct table *t, const gd_eval_run *run, gd_error *err)
{
    const size_t groups = run->groups.count;

    t->margins = gd_alloc(run->count, sizeof *t->margins);
    t->grouped = gd_alloc(run->count, sizeof *t->grouped);
    t->longer = gd_alloc(run->count, sizeof *t->longer);
    t->first = gd_alloc_zero(groups + 2, sizeof *t->first); /* one extra while counting */
    t->accuracy = gd_alloc(groups, sizeof *t->accuracy);
    t->best = gd_alloc_zero(groups, sizeof *t->best);
    if (!t->margins || !t->grouped || !t->longer || !t->first || !t->accuracy || !t->best)
        return gd_fail_memory(err, run->count * (2 * sizeof(float) + sizeof(int32_t)) + groups * 3 * sizeof(double));
    for (size_t i = 0; i < run->count; i++) {
        t->margins[i] = run->items[i].margin;
        t->longer[i] = run->items[i].longer;
        if (groups)
            t->first[run->items[i].group + 2]++;
    }
    for (size_t g = 2; g <= groups; g++)
        t->first[g] += t->first[g - 1];
    for (size_t i = 0; groups && i < run->count; i++) {
        const gd_judged *item = &run->items[i];

        t->grouped[t->first[item->group + 1]++] = item->margin;
        t->best[item->group] += item->shares ? 1.0 / item->shares : 0;
    }
    return GD_OK;
}

/* ---- the figures ---- */

static void put_metrics(gd_result *out, json_t *into, const gd_metrics *m)
{
    gd_put_size(out, into, "pairs", m->pairs);
    gd_put_real(out, into, "accuracy", m->accuracy);
    gd_put_real(out, into, "accuracy_low", m->low);
    gd_put_real(out, into, "accuracy_high", m->high);
    gd_put_size(out, into, "ties", m->ties);
    gd_put_real(out, into, "margin", m->margin);
    gd_put_real(out, into, "loss", m->loss);
    gd_put_real(out, into, "ece", m->ece);
    gd_put_real(out, into, "brier", m->brier);
}

static void put_groups(gd_result *out, json_t *into, const gd_eval_run *run, struct table *t)
{
    json_t *by = gd_put_object(out, into, "by");

    for (size_t g = 0; g < run->groups.count; g++) {
        const size_t count = t->first[g + 1] - t->first[g];
        gd_metrics metrics;

        gd_metrics_of(&metrics, t->grouped + t->first[g], count);
        t->accuracy[g] = metrics.accuracy;
        t->best[g] /= (double)count;
        put_metrics(out, gd_put_object(out, by, run->groups.names[g]), &metrics);
    }
}

/* One section per subset, all with the same weight in the overall score. */
static void put_second(gd_result *out, json_t *into, gd_eval_run *run, const struct table *t)
{
    json_t *sections = gd_put_object(out, into, "sections");
    double total = 0;

    for (size_t g = 0; g < run->groups.count; g++) {
        const bool ties = !strcasecmp(run->groups.names[g], "ties");
        const double score = ties ? gd_ties_score(&run->ties) : t->best[g];

        gd_put_real(out, sections, run->groups.names[g], score);
        total += score;
    }
    gd_put_real(out, into, "overall", total / (double)run->groups.count);
}

/* The names of the sections without a score that the overall one needs. */
static void put_missing(gd_result *out, json_t *details, const gd_eval_run *run)
{
    json_t *list = gd_put_list(out, details, "missing");

    for (size_t s = 0; s < run->sections.count; s++)
        if (isnan(run->sections.list[s].score) && !run->sections.list[s].optional)
            gd_put_text(out, list, NULL, run->sections.list[s].name);
}

static void put_sections(gd_result *out, json_t *into, gd_eval_run *run, const struct table *t)
{
    json_t *sections = gd_put_object(out, into, "sections");

    gd_sections_score(&run->sections, (const char *const *)run->groups.names, t->accuracy, run->groups.count);
    for (size_t s = 0; s < run->sections.count; s++)
        if (!isnan(run->sections.list[s].score))
            gd_put_real(out, sections, run->sections.list[s].name, run->sections.list[s].score);
    gd_put_real(out, into, "overall", run->sections.count ? run->sections.overall : NAN);
}

static bool is_second(const gd_eval_run *run)
{
    return run->how->weights && !strcmp(run->how->weights, "rewardbench") && gd_eval_second(run);
}

/* ---- what a page needs ---- */

static void put_run(gd_result *out, json_t *into, const gd_eval_run *run)
{
    const gd_summary *summary = &run->job.summary;

    gd_put_text(out, into, "guerdon", GD_VERSION);
    gd_put_text(out, into, "model", run->model ? run->model->dir : NULL);
    gd_put_text(out, into, "adapter", run->model ? run->model->adapter_dir : NULL);
    if (!run->model)
        gd_put_text(out, into, "from_scores", run->how->from_scores);
    gd_put_text(out, into, "input", run->how->input);
    gd_put_text(out, into, "by", run->by);
    gd_put_text(out, into, "weights", run->how->weights);
    gd_put_text(out, into, "turns", run->turns);
    if (is_second(run))
        gd_put_size(out, into, "rewardbench", 2);
    else
        put_missing(out, into, run);
    gd_put_size(out, into, "items", summary->items);
    gd_put_size(out, into, "failed", summary->failed);
    gd_put_size(out, into, "dropped", summary->dropped);
    gd_put_size(out, into, "truncated", summary->truncated);
    gd_put_size(out, into, "tokens", summary->tokens);
    gd_put_size(out, into, "conversations", summary->conversations);
}

static void put_failures(gd_result *out, json_t *into, const gd_eval_run *run)
{
    json_t *list = gd_put_list(out, into, "failures");

    for (size_t i = 0; i < run->failure_count; i++) {
        json_t *one = gd_put_object(out, list, NULL);

        gd_put_size(out, one, "index", run->failures[i].index);
        gd_put_text(out, one, "error", run->failures[i].why);
    }
}

/* Whoever normalizes with the result does so in place of what was trained: it is about the scores before that. */
static void put_calibration(gd_result *out, json_t *into, const gd_eval_run *run)
{
    json_t *one = gd_put_object(out, into, "calibration");
    double mean = run->scores.count ? run->scores.mean : NAN, std = gd_spread_std(&run->scores);

    if (run->model && run->model->encoder.trained.applied[GD_TRAINED_NORMALIZE]) {
        mean = mean * run->model->scale.std + run->model->scale.mean;
        std *= run->model->scale.std;
    }
    gd_put_text(out, one, "format", "guerdon-calibration/1");
    gd_put_real(out, one, "mean", mean);
    gd_put_real(out, one, "std", std);
    gd_put_size(out, one, "count", run->scores.count);
}

static void put_reliability(gd_result *out, json_t *into, const struct table *t, size_t count)
{
    json_t *list = gd_put_list(out, into, "reliability");
    gd_bin bins[GD_BINS];

    gd_reliability(bins, t->margins, count);
    for (size_t b = 0; b < GD_BINS; b++) {
        json_t *one = gd_put_object(out, list, NULL);
        const double half = 0.5 * (double)bins[b].ties / (double)bins[b].count; /* ties count half here */
        double low, high;

        gd_bootstrap_share(bins[b].right, bins[b].count, &low, &high);
        gd_put_real(out, one, "from", 0.5 + (double)b / (2 * GD_BINS));
        gd_put_real(out, one, "to", 0.5 + (double)(b + 1) / (2 * GD_BINS));
        gd_put_size(out, one, "pairs", bins[b].count);
        gd_put_real(out, one, "confidence", bins[b].confidence / (double)bins[b].count);
        gd_put_real(out, one, "right", gd_bin_share(&bins[b]));
        gd_put_real(out, one, "right_low", low + half);
        gd_put_real(out, one, "right_high", high + half > 1 ? 1 : high + half);
    }
}

static gd_status put_margins(gd_result *out, json_t *into, const struct table *t, size_t count, gd_error *err)
{
    json_t *margins = gd_put_object(out, into, "margins"), *list;
    gd_columns columns;
    const gd_status rc = gd_columns_of(&columns, t->margins, count, err);

    if (rc)
        return rc;
    gd_put_real(out, margins, "least", count ? columns.least : NAN);
    gd_put_real(out, margins, "most", count ? columns.most : NAN);
    gd_put_real(out, margins, "from", columns.from);
    gd_put_real(out, margins, "step", columns.step);
    list = gd_put_list(out, margins, "counts");
    for (size_t i = 0; i < columns.count; i++)
        gd_put_size(out, list, NULL, (size_t)columns.counts[i]);
    return GD_OK;
}

static gd_status put_length(gd_result *out, json_t *into, const struct table *t, size_t count, gd_error *err)
{
    json_t *length = gd_put_object(out, into, "length"), *list;
    gd_length found;
    const gd_status rc = gd_length_of(&found, t->margins, t->longer, count, err);

    if (rc)
        return rc;
    gd_put_size(out, length, "pairs", found.pairs);
    gd_put_real(out, length, "longer_chosen", (double)found.longer_chosen / (double)found.pairs);
    gd_put_real(out, length, "longer_higher", (double)found.longer_higher / (double)found.pairs);
    gd_put_real(out, length, "correlation", found.correlation);
    list = gd_put_list(out, length, "bins");
    for (size_t b = 0; b < found.bin_count; b++) {
        const gd_length_bin *bin = &found.bins[b];
        json_t *one = gd_put_object(out, list, NULL);
        double low, high;

        gd_bootstrap_share(bin->right, bin->pairs, &low, &high);
        gd_put_real(out, one, "from", bin->from);
        gd_put_real(out, one, "to", bin->to);
        gd_put_size(out, one, "pairs", bin->pairs);
        gd_put_real(out, one, "accuracy", (double)bin->right / (double)bin->pairs);
        gd_put_real(out, one, "accuracy_low", low);
        gd_put_real(out, one, "accuracy_high", high);
    }
    return GD_OK;
}

static void put_worst(gd_result *out, json_t *into, const gd_eval_run *run)
{
    json_t *list = gd_put_list(out, into, "worst");

    for (size_t i = 0; i < run->worst.count; i++) {
        const gd_worst_pair *pair = &run->worst.list[i];
        json_t *one = gd_put_object(out, list, NULL);

        gd_put_size(out, one, "index", pair->index);
        gd_put_size(out, one, "line", pair->line);
        if (run->by)
            gd_put_text(out, one, "group", run->groups.names[pair->group]);
        gd_put_real(out, one, "margin", pair->margin);
        gd_put_real(out, one, "chosen_score", pair->scores[0]);
        gd_put_real(out, one, "rejected_score", pair->scores[1]);
        gd_put_size(out, one, "chosen_tokens", pair->tokens[0]);
        gd_put_size(out, one, "rejected_tokens", pair->tokens[1]);
        gd_put_text(out, one, "beginning", pair->beginning);
        gd_put_text(out, one, "chosen", pair->chosen);
        gd_put_text(out, one, "rejected", pair->rejected);
    }
}

static gd_status put_details(gd_result *out, const gd_eval_run *run, const struct table *t, gd_error *err)
{
    json_t *details = gd_put_object(out, out->root, "details");
    gd_status rc;

    put_run(out, details, run);
    put_failures(out, details, run);
    put_calibration(out, details, run);
    put_reliability(out, details, t, run->count);
    rc = put_margins(out, details, t, run->count, err);
    if (!rc)
        rc = put_length(out, details, t, run->count, err);
    put_worst(out, details, run);
    return rc;
}

gd_status gd_eval_result(gd_eval_run *run, char **json, gd_error *err)
{
    gd_result out = { .root = json_object() };
    gd_metrics all;
    struct table t = { 0 };
    gd_status rc = make_table(&t, run, err);

    if (!rc) {
        gd_put_text(&out, out.root, "format", "guerdon-eval/1");
        gd_metrics_of(&all, t.margins, run->count);
        put_metrics(&out, out.root, &all);
        put_groups(&out, out.root, run, &t);
        if (is_second(run))
            put_second(&out, out.root, run, &t);
        else
            put_sections(&out, out.root, run, &t);
        rc = put_details(&out, run, &t, err);
    }
    if (!rc)
        rc = gd_result_text(&out, JSON_COMPACT, json, err);
    json_decref(out.root);
    free_table(&t);
    return rc;
}
