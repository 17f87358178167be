/* job.c - measuring by scoring. */
#include "bench/job.h"

#include "base/clock.h"

#include <stdlib.h>

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

double gd_bench_median(double *values, size_t count, double *spread)
{
    double median;

    if (spread)
        *spread = 0;
    if (count == 0)
        return 0;
    qsort(values, count, sizeof *values, compare);
    median = (values[(count - 1) / 2] + values[count / 2]) / 2;
    if (spread && median > 0)
        *spread = (values[count - 1] - values[0]) / median;
    return median;
}

/* The settings that differ between jobs change no score, and do not require weights to be reloaded. */
static void set_up(gd_model *model, const gd_bench_job *job)
{
    model->share_prefix = job->share;
    model->batch_rows = job->batch_rows;
}

static gd_status run_once(gd_bench_run *run, gd_bench_job *job, gd_error *err)
{
    double start;
    gd_status rc;

    set_up(run->model, job);
    start = gd_clock();
    rc = gd_bench_texts_score(&job->count, job->texts, run->model, err);
    job->took[job->rounds++] = gd_clock() - start;
    return rc;
}

gd_status gd_bench_jobs_run(gd_bench_run *run, gd_bench_job *jobs, size_t count, unsigned rounds, const char *what,
                            gd_error *err)
{
    const bool share = run->model->share_prefix;
    const size_t batch_rows = run->model->batch_rows;
    gd_status rc = GD_OK;

    for (unsigned r = 0; !rc && r < rounds && r < GD_BENCH_MOST_ROUNDS; r++)
        for (size_t j = 0; !rc && j < count; j++) {
            rc = gd_bench_step(run, what, err);
            if (!rc)
                rc = run_once(run, &jobs[j], err);
        }
    for (size_t j = 0; !rc && j < count; j++)
        jobs[j].seconds = gd_bench_median(jobs[j].took, jobs[j].rounds, &jobs[j].spread);
    run->model->share_prefix = share;
    run->model->batch_rows = batch_rows;
    return rc;
}

static double choose_rounds(gd_bench_size *size, double once, double seconds)
{
    size->rounds = once * GD_BENCH_MOST_ROUNDS <= seconds ? GD_BENCH_MOST_ROUNDS : (unsigned)(seconds / once);
    if (size->rounds < 1)
        size->rounds = 1;
    return once * size->rounds;
}

double gd_bench_fit_points(const gd_bench_run *run, gd_bench_size *size, double seconds, const double *rows,
                           size_t points)
{
    double all = 0;

    for (size->size = 0; size->size < points; size->size++) {
        if (size->size >= 2 && (all + rows[size->size]) * run->row_seconds * 2 > seconds)
            break;
        all += rows[size->size];
    }
    size->whole = size->size == points;
    return choose_rounds(size, all * run->row_seconds, seconds);
}

double gd_bench_fit_measure(const gd_bench_run *run, gd_bench_size *size, double seconds, const double *rows,
                            size_t sizes)
{
    size->size = 0;
    while (size->size + 1 < sizes && rows[size->size + 1] * run->row_seconds * 2 <= seconds)
        size->size++;
    size->whole = size->size + 1 == sizes;
    return choose_rounds(size, rows[size->size] * run->row_seconds, seconds);
}

void gd_bench_job_put(gd_bench_run *run, const gd_bench_job *job, json_t *into)
{
    gd_put_size(&run->out, into, "tokens", job->count.tokens);
    gd_put_size(&run->out, into, "rows", job->count.rows);
    gd_put_real(&run->out, into, "seconds", job->seconds);
    gd_put_real(&run->out, into, "tokens_per_s", (double)job->count.tokens / job->seconds);
    gd_put_real(&run->out, into, "rows_per_s", (double)job->count.rows / job->seconds);
    gd_put_size(&run->out, into, "runs", job->rounds);
    gd_put_real(&run->out, into, "spread", job->spread);
}
