/* compare_result.c - the JSON of gd_compare(): the figures, and under "details" everything that a page needs. */
#include "judge/compare.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/result.h"
#include "judge/correlation.h"
#include "judge/metrics.h"

#include <math.h>

enum {
    LARGEST = 20,      /* differences listed one by one */
    POINTS_MOST = 1000 /* points in the chart */
};

/* The sign of a margin; a pair flips when it differs. */
static int sign(double value) { return (value > 0) - (value < 0); }

/* ---- the largest differences ---- */

struct largest {
    size_t at[LARGEST]; /* the largest first; equal ones in the order of the file */
    size_t count;
};

static double distance(const gd_both *both, size_t i) { return fabs(both->a[i] - both->b[i]); }

static void find_largest(struct largest *found, const gd_both *both, bool flips_alone)
{
    found->count = 0;
    for (size_t i = 0; i < both->count; i++) {
        const double d = distance(both, i);
        size_t at = found->count;

        if (d == 0 || (flips_alone && sign(both->a[i]) == sign(both->b[i])))
            continue;
        if (at == LARGEST && d <= distance(both, found->at[LARGEST - 1]))
            continue;
        at -= at == LARGEST;
        for (; at > 0 && d > distance(both, found->at[at - 1]); at--)
            found->at[at] = found->at[at - 1];
        found->at[at] = i;
        found->count += found->count < LARGEST;
    }
}

static void put_largest(gd_result *out, json_t *into, const char *key, const gd_both *both, bool flips_alone)
{
    json_t *list = gd_put_list(out, into, key);
    struct largest found;

    find_largest(&found, both, flips_alone);
    for (size_t i = 0; i < found.count; i++) {
        json_t *one = gd_put_object(out, list, NULL);

        gd_put_size(out, one, "index", both->index[found.at[i]]);
        gd_put_real(out, one, "a", both->a[found.at[i]]);
        gd_put_real(out, one, "b", both->b[found.at[i]]);
    }
}

/* ---- figures ---- */

/* Correlations and absolute differences. */
static gd_status put_agreement(gd_result *out, json_t *into, const gd_both *both, gd_error *err)
{
    double spearman = NAN, total = 0, most = 0;
    size_t at = 0;
    const gd_status rc = gd_spearman(&spearman, both->a, both->b, both->count, err);

    for (size_t i = 0; i < both->count; i++) {
        const double d = distance(both, i);

        total += d;
        at = d > most ? i : at;
        most = d > most ? d : most;
    }
    gd_put_real(out, into, "pearson", gd_pearson(both->a, both->b, both->count));
    gd_put_real(out, into, "spearman", spearman);
    gd_put_real(out, into, "mean_difference", total / (double)both->count);
    gd_put_real(out, into, "largest_difference", both->count ? most : NAN);
    if (both->count)
        gd_put_size(out, into, "largest_index", both->index[at]);
    else
        gd_put_text(out, into, "largest_index", NULL);
    return rc;
}

static void put_flips(gd_result *out, json_t *into, const gd_both *margins)
{
    size_t flips = 0, right_a = 0, right_b = 0, ties_a = 0, ties_b = 0, only_a = 0, only_b = 0;

    for (size_t i = 0; i < margins->count; i++) {
        const int a = sign(margins->a[i]), b = sign(margins->b[i]);

        flips += a != b;
        right_a += a > 0;
        right_b += b > 0;
        ties_a += a == 0;
        ties_b += b == 0;
        only_a += a > 0 && b <= 0;
        only_b += b > 0 && a <= 0;
    }
    gd_put_size(out, into, "flips", flips);
    gd_put_real(out, into, "accuracy_a", (double)right_a / (double)margins->count);
    gd_put_real(out, into, "accuracy_b", (double)right_b / (double)margins->count);
    gd_put_size(out, into, "ties_a", ties_a);
    gd_put_size(out, into, "ties_b", ties_b);
    gd_put_size(out, into, "only_a_right", only_a);
    gd_put_size(out, into, "only_b_right", only_b);
}

/* ---- what a page needs ---- */

/* The histogram of b - a, in float32, which is precise enough for a chart. */
static gd_status put_differences(gd_result *out, json_t *into, const gd_both *both, gd_error *err)
{
    float *differences = gd_alloc(both->count, sizeof *differences);
    json_t *place = gd_put_object(out, into, "differences"), *list;
    gd_columns columns;
    gd_status rc;

    if (!differences)
        return gd_fail_memory(err, both->count * sizeof *differences);
    for (size_t i = 0; i < both->count; i++)
        differences[i] = (float)fmin(fmax(both->b[i] - both->a[i], -0x1p127), 0x1p127);
    rc = gd_columns_of(&columns, differences, both->count, err);
    gd_free(differences);
    if (rc)
        return rc;
    gd_put_real(out, place, "from", columns.from);
    gd_put_real(out, place, "step", columns.step);
    list = gd_put_list(out, place, "counts");
    for (size_t i = 0; i < columns.count; i++)
        gd_put_size(out, list, NULL, (size_t)columns.counts[i]);
    return GD_OK;
}

/* A sample of the numbers, evenly spaced over the files. */
static void put_points(gd_result *out, json_t *into, const gd_both *both)
{
    const size_t step = both->count / POINTS_MOST + 1;
    json_t *points = gd_put_object(out, into, "points");
    json_t *a = gd_put_list(out, points, "a"), *b = gd_put_list(out, points, "b");

    gd_put_size(out, points, "every", step);
    for (size_t i = 0; i < both->count; i += step) {
        gd_put_real(out, a, NULL, both->a[i]);
        gd_put_real(out, b, NULL, both->b[i]);
    }
}

static gd_status put_details(gd_result *out, const gd_comparison *found, gd_error *err)
{
    json_t *details = gd_put_object(out, out->root, "details");
    const bool pairs = found->margins.count > 0;
    const gd_both *both = pairs ? &found->margins : &found->scores; /* with pairs, only margins mean anything */

    gd_put_text(out, details, "guerdon", GD_VERSION);
    gd_put_text(out, details, "a", found->name_a);
    gd_put_text(out, details, "b", found->name_b);
    gd_put_text(out, details, "of", pairs ? "margins" : "scores");
    put_largest(out, details, "largest", both, false);
    if (pairs)
        put_largest(out, details, "flips", both, true);
    put_points(out, details, both);
    return put_differences(out, details, both, err);
}

gd_status gd_compare_result(const gd_comparison *found, char **json, gd_error *err)
{
    gd_result out = { .root = json_object() };
    json_t *margins;
    gd_status rc;

    gd_put_text(&out, out.root, "format", "guerdon-compare/1");
    gd_put_size(&out, out.root, "items", found->items);
    gd_put_size(&out, out.root, "skipped", found->skipped);
    gd_put_size(&out, out.root, "scores", found->scores.count);
    gd_put_size(&out, out.root, "identical", found->identical);
    rc = put_agreement(&out, out.root, &found->scores, err);
    margins = gd_put_object(&out, out.root, "margins");
    gd_put_size(&out, margins, "pairs", found->margins.count);
    if (!rc)
        rc = put_agreement(&out, margins, &found->margins, err);
    put_flips(&out, margins, &found->margins);
    gd_put_size(&out, out.root, "lists", found->lists);
    gd_put_size(&out, out.root, "best_differs", found->best);
    if (!rc)
        rc = put_details(&out, found, err);
    if (!rc)
        rc = gd_result_text(&out, JSON_COMPACT, json, err);
    json_decref(out.root);
    return rc;
}
