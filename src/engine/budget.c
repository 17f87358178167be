/* budget.c - how a model runs in the available memory. */
#include "engine/budget.h"

#include "base/error.h"
#include "base/mem.h"

#include <stdint.h>
#include <stdio.h>

/* A stage and the one after it are in memory together. */
static size_t window_bytes(const gd_budget_needs *needs)
{
    size_t most = 0;

    for (size_t s = 0; s < needs->stage_count; s++) {
        const size_t next = s + 1 < needs->stage_count ? needs->stages[s + 1] : 0;
        const size_t both = gd_sum(needs->stages[s], next);

        most = both > most ? both : most;
    }
    return most;
}

static size_t all_bytes(const gd_budget_needs *needs)
{
    size_t all = 0;

    for (size_t s = 0; s < needs->stage_count; s++)
        all = gd_sum(all, needs->stages[s]);
    return all;
}

static size_t total(const gd_budget_needs *needs, size_t weights, size_t rows)
{
    return gd_sum(needs->process, gd_sum(weights, needs->batch(needs->context, rows)));
}

/* The most rows up to `most` that fit in addition to the weights, or 0 if even `least` don't. */
static size_t rows_that_fit(const gd_budget_needs *needs, size_t weights, size_t memory, size_t least, size_t most)
{
    if (total(needs, weights, most) <= memory)
        return most;
    if (total(needs, weights, least) > memory)
        return 0;
    while (most - least > 64) {
        const size_t middle = least + (most - least) / 2;

        if (total(needs, weights, middle) <= memory)
            least = middle;
        else
            most = middle;
    }
    return least;
}

/* The memory left over keeps the first stages. */
static void keep_stages(gd_budget *out, const gd_budget_needs *needs, size_t memory)
{
    size_t left = memory - total(needs, out->weights, out->rows);

    for (out->kept = 0; out->kept < needs->stage_count && needs->stages[out->kept] <= left; out->kept++) {
        left -= needs->stages[out->kept];
        out->weights += needs->stages[out->kept];
    }
}

size_t gd_budget_enough_mib(size_t least) { return least / (1 << 20) + (least % (1 << 20) != 0) + 1; }

static gd_status too_small(const gd_budget *out, const gd_budget_needs *needs, size_t memory, size_t rows,
                           gd_error *err)
{
    char limit[32];

    if (memory < 1 << 20)
        (void)snprintf(limit, sizeof limit, "%zu bytes", memory);
    else
        (void)snprintf(limit, sizeof limit, "%.4g MiB", (double)memory / (1 << 20));
    return gd_fail(err, GD_ENOMEM,
                   "memory is %s, but this model needs at least %zu MiB: for two of its layers%s for a batch of %zu "
                   "tokens%s",
                   limit, gd_budget_enough_mib(out->least), needs->process ? "," : " and", rows,
                   needs->process ? ", and for the program itself" : "");
}

gd_status gd_budget_make(gd_budget *out, const gd_budget_needs *needs, size_t memory, size_t rows, gd_error *err)
{
    const size_t all = all_bytes(needs), window = window_bytes(needs), available = needs->available;
    const size_t most = rows ? rows : GD_BUDGET_ROWS, streamed = rows ? rows : GD_BUDGET_STREAMED_ROWS;
    const size_t least = rows ? rows : GD_BUDGET_LEAST_ROWS;
    /* Leaves some of the free memory to other processes. */
    const size_t limit = memory ? memory : gd_sum(needs->process, available - available / 8);

    *out = (gd_budget){ .kept = needs->stage_count, .weights = all, .least = total(needs, window, least) };
    out->rows = rows_that_fit(needs, all, limit, least, most);
    if (!out->rows) {
        out->streamed = true;
        out->weights = window;
        out->rows = rows_that_fit(needs, window, limit, least, streamed);
        if (!out->rows && memory)
            return too_small(out, needs, memory, least, err);
        if (out->rows)
            keep_stages(out, needs, limit);
        else
            out->rows = least, out->kept = 0; /* the user set no limit: try anyway */
    }
    out->most = !memory || out->rows > GD_BUDGET_MOST_ROWS
                    ? out->rows
                    : rows_that_fit(needs, out->weights, limit, out->rows, GD_BUDGET_MOST_ROWS);
    out->batch = needs->batch(needs->context, out->rows);
    return GD_OK;
}
