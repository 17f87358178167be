/* memory.c - how much memory a run uses, and how fast it is with less.
 *
 * The texts are as long as a typical answer, in one batch if it fits: streaming costs a pass over the weights for each
 * batch. */
#include "base/clock.h"
#include "base/sysmem.h"
#include "bench/job.h"
#include "bench/machine.h"

#include <math.h>
#if defined(__GLIBC__)
#include <malloc.h>
#endif

/* Runs per budget: the first may borrow weights that stay from the second on. The last one counts. */
enum { TIMES = 3 };

enum { TEXT = 64, LEAST_POINTS = 2, MOST_POINTS = 5, LEAST_TEXTS = 4, MOST_TEXTS = 512 };

/* size->size becomes the number of texts, size->rounds the number of budgets. */
gd_status gd_bench_memory_plan(gd_bench_run *run, double *seconds, gd_error *err)
{
    const double text = TEXT * run->row_seconds;
    double each;

    (void)err;
    for (run->memory.rounds = MOST_POINTS; run->memory.rounds > LEAST_POINTS; run->memory.rounds--)
        if (run->memory.rounds * (TIMES + 1) * run->start_seconds <= *seconds)
            break;
    each = *seconds / run->memory.rounds - TIMES * run->start_seconds; /* passes over all weights */
    run->memory.size = each > TIMES * LEAST_TEXTS * text ? (size_t)fmin(each / TIMES / text, MOST_TEXTS) : LEAST_TEXTS;
    run->memory.whole = run->memory.rounds == MOST_POINTS;
    *seconds = run->memory.rounds * TIMES * (run->start_seconds + (double)run->memory.size * text);
    return GD_OK;
}

/* The memory of the model while it scores. */
static gd_status measure_own(gd_bench_run *run, const gd_bench_texts *texts, json_t *into, gd_error *err)
{
    const gd_budget *budget = gd_engine_budget(run->model->engine);
    const bool reset = gd_machine_peak_reset();
    gd_bench_count count;
    gd_status rc = gd_bench_step(run, "memory", err);

    if (!rc)
        rc = gd_bench_texts_score(&count, texts, run->model, err);
    if (rc)
        return rc;
    gd_put_text(&run->out, into, "weights", budget->streamed ? "streamed" : "resident");
    gd_put_size(&run->out, into, "weights_bytes", budget->weights);
    gd_put_size(&run->out, into, "batch_bytes", budget->batch);
    gd_put_size(&run->out, into, "least_bytes", budget->least);
    gd_put_size(&run->out, into, "peak_resident_bytes", gd_machine_peak());
    gd_put_text(&run->out, into, "peak_resident_of", reset ? "scoring" : "the whole run");
    return GD_OK;
}

/* One budget: opens the model within it, and scores. */
static gd_status measure_budget(gd_bench_run *run, size_t bytes, const gd_bench_texts *texts, json_t *list,
                                gd_error *err)
{
    gd_options options = *run->options;
    double took[TIMES] = { 0 };
    gd_bench_count count = { 0 };
    const gd_budget *budget;
    json_t *one;
    gd_status rc;

    options.memory = bytes;
    (void)gd_machine_peak_reset();
    rc = gd_model_open(&run->model, &options, err);
    for (int i = 0; !rc && i < TIMES; i++) {
        const double start = gd_clock();

        rc = gd_bench_step(run, "memory against budget", err);
        if (!rc)
            rc = gd_bench_texts_score(&count, texts, run->model, err);
        took[i] = gd_clock() - start;
    }
    if (rc)
        return rc;
    budget = gd_engine_budget(run->model->engine);
    one = gd_put_object(&run->out, list, NULL);
    gd_put_size(&run->out, one, "budget_bytes", bytes);
    gd_put_size(&run->out, one, "peak_resident_bytes", gd_machine_peak());
    gd_put_text(&run->out, one, "weights", budget->streamed ? "streamed" : "resident");
    gd_put_size(&run->out, one, "batch_tokens", budget->rows);
    gd_put_size(&run->out, one, "rows", count.rows);
    gd_put_real(&run->out, one, "seconds", took[TIMES - 1]);
    gd_put_real(&run->out, one, "rows_per_s", (double)count.rows / took[TIMES - 1]);
    return GD_OK;
}

/* The C library keeps freed memory for later, but it counts towards the budget. */
static void give_back(void)
{
#if defined(__GLIBC__)
    (void)malloc_trim(0);
#endif
}

static void close_model(gd_bench_run *run)
{
    gd_model_close(run->model);
    run->model = NULL;
    give_back();
}

/* The least memory in which the model would run now: the process has grown since the model was first opened. */
static gd_status least_memory(gd_bench_run *run, double *least, gd_error *err)
{
    gd_status rc = gd_model_open(&run->model, run->options, err);

    if (!rc)
        *least = 1.02 * (double)gd_engine_budget(run->model->engine)->least + 0x1p22;
    close_model(run);
    return rc;
}

/* From the least possible to enough for all weights, in equal factors. */
static gd_status measure_budgets(gd_bench_run *run, double least, double most, const gd_bench_texts *texts,
                                 json_t *into, gd_error *err)
{
    json_t *list = gd_put_list(&run->out, into, "budgets");
    const unsigned points = run->memory.rounds;
    gd_status rc = GD_OK;

    for (unsigned p = 0; !rc && p < points; p++) {
        const double bytes = least * pow(most / least, (double)p / (double)(points - 1));

        rc = measure_budget(run, (size_t)bytes, texts, list, err);
        close_model(run);
    }
    return rc;
}

gd_status gd_bench_memory(gd_bench_run *run, gd_error *err)
{
    json_t *into = gd_put_object(&run->out, run->out.root, "memory");
    const size_t longest = run->model->encoder.max_length;
    const gd_bench_recipe recipe = { .groups = run->memory.size,
                                     .each = 1,
                                     .shared = longest && longest < TEXT ? longest : TEXT };
    const gd_budget budget = *gd_engine_budget(run->model->engine);
    gd_bench_texts texts = { 0 };
    const char *why_not = NULL;
    double most, least = 0;
    gd_status rc = gd_bench_texts_make(&texts, &run->words, &recipe, err);

    if (!rc)
        rc = measure_own(run, &texts, into, err);
    close_model(run);
    if (!rc)
        rc = least_memory(run, &least, err);
    most = 1.05 * (double)(gd_memory_resident() + budget.weights + budget.batch) + 0x1p24;
    if (budget.streamed || run->options->memory)
        why_not = "budgets are compared only without --memory, and if all weights fit into memory";
    else if (most < 1.1 * least)
        why_not = "the least memory that this model runs in holds all of its weights";
    if (why_not) {
        gd_put(&run->out, into, "budgets", json_null());
        gd_put_text(&run->out, into, "not_measured", why_not);
    } else if (!rc) {
        rc = measure_budgets(run, least, most, &texts, into, err);
    }
    gd_bench_texts_free(&texts);
    return rc;
}
