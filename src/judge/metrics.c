/* metrics.c - figures of a model, computed from margins. */
#include "judge/metrics.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/realmath.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* e^-|margin|, from which p and its logarithm are computed; never more than 1. */
static double rest_of(double margin) { return gd_real_exp(-fabs(margin)); }

void gd_metrics_of(gd_metrics *out, const float *margins, size_t count)
{
    gd_bin bins[GD_BINS];
    double margin = 0, loss = 0, brier = 0;

    *out = (gd_metrics){ .pairs = count };
    for (size_t i = 0; i < count; i++) {
        const double m = margins[i], e = rest_of(m), missed = (m < 0 ? 1 : e) / (1 + e); /* 1 - p */

        out->right += m > 0;
        out->ties += m == 0;
        margin += m;
        loss += gd_real_log1p(e) + (m < 0 ? -m : 0);
        brier += missed * missed;
    }
    out->accuracy = (double)out->right / (double)count;
    out->margin = margin / (double)count;
    out->loss = loss / (double)count;
    out->brier = brier / (double)count;
    gd_bootstrap_share(out->right, count, &out->low, &out->high);
    gd_reliability(bins, margins, count);
    out->ece = gd_calibration_error(bins);
}

/* ---- the interval ---- */

static uint64_t next(uint64_t *state)
{
    uint64_t z = *state += 0x9E3779B97F4A7C15u;

    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

static int by_size(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

void gd_bootstrap_share(size_t hits, size_t count, double *low, double *high)
{
    const uint64_t n = count, most = UINT32_MAX;
    const unsigned excess = n > most ? 12 : 0; /* with this many pairs the interval is tiny: thin them out */
    const uint64_t draws = n >> excess, limit = draws ? (((uint64_t)hits >> excess << 32) + draws - 1) / draws : 0;
    uint64_t found[GD_BOOTSTRAP], state = GD_BOOTSTRAP_SEED;

    *low = *high = NAN;
    if (!draws)
        return;
    for (size_t r = 0; r < GD_BOOTSTRAP; r++) {
        found[r] = 0;
        for (uint64_t i = 0; i + 1 < draws; i += 2) {
            const uint64_t z = next(&state);

            found[r] += (uint64_t)(z >> 32 < limit) + ((z & UINT32_MAX) < limit);
        }
        if (draws & 1)
            found[r] += next(&state) >> 32 < limit;
    }
    qsort(found, GD_BOOTSTRAP, sizeof found[0], by_size);
    *low = (double)found[GD_BOOTSTRAP / 40] / (double)draws;
    *high = (double)found[GD_BOOTSTRAP - 1 - GD_BOOTSTRAP / 40] / (double)draws;
}

/* ---- calibration ---- */

void gd_reliability(gd_bin bins[GD_BINS], const float *margins, size_t count)
{
    memset(bins, 0, GD_BINS * sizeof bins[0]);
    for (size_t i = 0; i < count; i++) {
        const double confidence = 1 / (1 + rest_of(margins[i]));
        const int place = (int)((confidence - 0.5) * (2 * GD_BINS));
        gd_bin *bin = &bins[place < GD_BINS ? place : GD_BINS - 1];

        bin->count++;
        bin->right += margins[i] > 0;
        bin->ties += margins[i] == 0;
        bin->confidence += confidence;
    }
}

double gd_bin_share(const gd_bin *bin) { return ((double)bin->right + 0.5 * (double)bin->ties) / (double)bin->count; }

double gd_calibration_error(const gd_bin bins[GD_BINS])
{
    double error = 0;
    size_t count = 0;

    for (size_t b = 0; b < GD_BINS; b++) {
        if (!bins[b].count)
            continue;
        error += fabs(gd_bin_share(&bins[b]) - bins[b].confidence / (double)bins[b].count) * (double)bins[b].count;
        count += bins[b].count;
    }
    return error / (double)count;
}

void gd_spread_add(gd_spread *spread, double value)
{
    const double off = value - spread->mean;

    spread->count++;
    spread->mean += off / (double)spread->count;
    spread->squares += off * (value - spread->mean);
}

double gd_spread_std(const gd_spread *spread)
{
    return spread->count < 2 ? NAN : sqrt(spread->squares / (double)(spread->count - 1));
}

/* ---- distribution of the margins ---- */

/* 1, 2 or 5 times a power of ten, at least `least`; without log10, which differs between libraries. */
static double round_step(double least)
{
    double power = 1;

    while (power > least)
        power /= 10;
    while (power * 10 <= least)
        power *= 10;
    return least <= power ? power : least <= 2 * power ? 2 * power : least <= 5 * power ? 5 * power : 10 * power;
}

static int by_value(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;

    return (x > y) - (x < y);
}

static void find_columns(gd_columns *out, const float *sorted, size_t count)
{
    const size_t beyond = count / 200;
    double low = fmin(0, sorted[beyond]), high = fmax(0, sorted[count - 1 - beyond]), first;

    if (low == high) {
        low = -1;
        high = 1;
    }
    out->least = sorted[0];
    out->most = sorted[count - 1];
    out->step = round_step((high - low) / 30);
    first = floor(low / out->step);
    out->from = first * out->step;
    out->count = (size_t)fmin(GD_COLUMNS, fmax(1, ceil(high / out->step) - first));
    for (size_t i = 0; i < count; i++) {
        const double place = floor(sorted[i] / out->step) - first;

        out->counts[(size_t)fmin(fmax(place, 0), (double)(out->count - 1))]++;
    }
}

gd_status gd_columns_of(gd_columns *out, const float *margins, size_t count, gd_error *err)
{
    float *sorted;

    *out = (gd_columns){ 0 };
    if (!count)
        return GD_OK;
    sorted = gd_alloc(count, sizeof *sorted);
    if (!sorted)
        return gd_fail_memory(err, count * sizeof *sorted);
    memcpy(sorted, margins, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, by_value);
    find_columns(out, sorted, count);
    gd_free(sorted);
    return GD_OK;
}
