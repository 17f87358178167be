/* job.h - measuring by scoring: one job, or several in turn. */
#ifndef GD_BENCH_JOB_H
#define GD_BENCH_JOB_H

#include "bench/run.h"

enum { GD_BENCH_MOST_ROUNDS = 9 };

typedef struct gd_bench_job {
    const gd_bench_texts *texts;
    bool share;
    size_t batch_rows;
    gd_bench_count count; /* filled by the run, like everything below */
    double took[GD_BENCH_MOST_ROUNDS];
    unsigned rounds;
    double seconds, spread; /* median, and (largest - smallest) / median */
} gd_bench_job;

/* Runs each job once, then each again, ...; `what` is reported as the step. */
gd_status gd_bench_jobs_run(gd_bench_run *run, gd_bench_job *jobs, size_t count, unsigned rounds, const char *what,
                            gd_error *err);

/* For a curve whose points take these numbers of rows: chooses as many points as fit twice into `seconds`, at least
 * two, then more rounds if there is time.  Returns the expected seconds. */
double gd_bench_fit_points(const gd_bench_run *run, gd_bench_size *size, double seconds, const double *rows,
                           size_t points);

/* The same for one measurement of variable size: chooses the largest that fits. size->size is its index. */
double gd_bench_fit_measure(const gd_bench_run *run, gd_bench_size *size, double seconds, const double *rows,
                            size_t sizes);

/* {"tokens","rows","seconds","tokens_per_s","rows_per_s","runs","spread"} */
void gd_bench_job_put(gd_bench_run *run, const gd_bench_job *job, json_t *into);

#endif
