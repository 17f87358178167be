/* scoring.c - how fast pairs are scored, with shared prefixes and without. */
#include "base/error.h"
#include "bench/job.h"

#include <math.h>

/* Generated pairs share about as much as those of a real file: 1.6 tokens per row. */
enum { SHARED = 96, OWN = 32, MOST_PAIRS = 64 };

/* Describes the texts. */
static gd_status put_texts(gd_bench_run *run, const gd_bench_recipe *made, size_t left_out, gd_error *err)
{
    json_t *texts = gd_put_object(&run->out, run->out.root, "texts");
    gd_buf from = { 0 };

    if (run->how->input)
        gd_buf_str(&from, run->how->input);
    else
        gd_buf_printf(&from,
                      "generated: random words of the model's vocabulary, in pairs of %s%zu tokens each that share "
                      "their first %zu",
                      run->words.exact ? "" : "about ", made->shared + made->own, made->shared);
    if (!gd_buf_cstr(&from)) {
        gd_buf_free(&from);
        return gd_fail_memory(err, from.len);
    }
    gd_put_text(&run->out, texts, "from", from.data);
    gd_put_size(&run->out, texts, "count", run->given.count);
    gd_put_size(&run->out, texts, "pairs", 2 * run->given.groups == run->given.count ? run->given.groups : 0);
    gd_put_size(&run->out, texts, "left_out", left_out);
    gd_buf_free(&from);
    return GD_OK;
}

static gd_status make_texts(gd_bench_run *run, double rows, gd_error *err)
{
    const double costs = SHARED * 3 + OWN * 4; /* rows of a pair, measured with sharing and without */
    gd_bench_recipe recipe = { .groups = 1, .each = 2, .shared = SHARED, .own = OWN };
    size_t left_out = 0;
    gd_status rc;

    if (run->how->input) {
        rc = gd_bench_texts_read(&run->given, run->model, run->how, (size_t)(rows / 2), &left_out, err);
        return rc ? rc : put_texts(run, &recipe, left_out, err);
    }
    if (run->model->encoder.max_length && run->model->encoder.max_length < SHARED + OWN) {
        recipe.shared = run->model->encoder.max_length / 2;
        recipe.own = (run->model->encoder.max_length + 1) / 4;
    }
    while (recipe.groups < MOST_PAIRS && 2 * (double)recipe.groups * costs <= rows)
        recipe.groups *= 2;
    rc = gd_bench_texts_make(&run->given, &run->words, &recipe, err);
    return rc ? rc : put_texts(run, &recipe, 0, err);
}

gd_status gd_bench_scoring_plan(gd_bench_run *run, double *seconds, gd_error *err)
{
    gd_bench_count alone, shared;
    const bool share = run->model->share_prefix;
    double rows;
    gd_status rc = make_texts(run, *seconds / run->row_seconds / 2, err);

    if (!rc) {
        run->model->share_prefix = false;
        rc = gd_bench_texts_count(&alone, &run->given, run->model, err);
        run->model->share_prefix = true;
    }
    if (!rc)
        rc = gd_bench_texts_count(&shared, &run->given, run->model, err);
    run->model->share_prefix = share;
    if (rc)
        return rc;
    rows = (double)(alone.rows + shared.rows);
    *seconds = gd_bench_fit_measure(run, &run->scoring, *seconds, &rows, 1);
    return GD_OK;
}

/* The rate of the linear layers, and its fraction of the peak. */
static void put_work(gd_bench_run *run, const gd_bench_job *job, json_t *into)
{
    const double work = (double)job->count.rows * run->row_flops + (double)job->texts->count * run->text_flops;
    const double rate = work / job->seconds;

    gd_put_real(&run->out, into, "pairs_per_s",
                2 * job->texts->groups == job->texts->count ? (double)job->texts->groups / job->seconds : NAN);
    gd_put_real(&run->out, into, "linear_gflops", rate * 1e-9);
    gd_put_real(&run->out, into, "of_peak", run->peak > 0 ? rate / run->peak : NAN);
}

gd_status gd_bench_scoring(gd_bench_run *run, gd_error *err)
{
    const size_t batch = run->model->batch_rows;
    gd_bench_job jobs[2] = { { .texts = &run->given, .share = true, .batch_rows = batch },
                             { .texts = &run->given, .share = false, .batch_rows = batch } };
    gd_status rc = gd_bench_jobs_run(run, jobs, 2, run->scoring.rounds, "scoring", err);
    json_t *scoring;

    if (rc)
        return rc;
    scoring = gd_put_object(&run->out, run->out.root, "scoring");
    for (size_t j = 0; j < 2; j++) {
        json_t *one = gd_put_object(&run->out, scoring, j ? "alone" : "shared");

        gd_bench_job_put(run, &jobs[j], one);
        put_work(run, &jobs[j], one);
    }
    gd_put_real(&run->out, scoring, "tokens_per_row", (double)jobs[0].count.tokens / (double)jobs[0].count.rows);
    gd_put_real(&run->out, scoring, "speed_up", jobs[1].seconds / jobs[0].seconds);
    return GD_OK;
}
