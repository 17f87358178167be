/* curves.c - rate against batch size, against text length, and against the number of answers to a prompt. */
#include "bench/job.h"

#include <math.h>

enum { MOST_POINTS = 12, TEXT = 64, LENGTH_ROWS = 128, PROMPT_PARTS = 4 };

static const size_t batch_points[] = { 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384 };
static const size_t length_points[] = { 16, 64, 256, 1024, 4096, 16384 };
static const size_t answer_points[] = { 1, 2, 4, 8, 16 };
static const size_t answer_sizes[] = { 4, 12, 25, 50, 100 }; /* tokens of an answer; a prompt has four times as many */

#define COUNT(list) (sizeof(list) / sizeof *(list))

/* The most tokens of a text. */
static size_t longest(const gd_bench_run *run)
{
    const size_t most = run->model->encoder.max_length;

    return most ? most : SIZE_MAX;
}

static size_t text_tokens(const gd_bench_run *run) { return longest(run) < TEXT ? longest(run) : TEXT; }

gd_status gd_bench_batch_plan(gd_bench_run *run, double *seconds, gd_error *err)
{
    double rows[MOST_POINTS];

    (void)err;
    for (size_t i = 0; i < COUNT(batch_points); i++)
        rows[i] = (double)batch_points[i];
    *seconds = gd_bench_fit_points(run, &run->batch, *seconds, rows, COUNT(batch_points));
    return GD_OK;
}

gd_status gd_bench_length_plan(gd_bench_run *run, double *seconds, gd_error *err)
{
    double rows[MOST_POINTS];
    size_t points = 0;

    (void)err;
    for (; points < COUNT(length_points) && length_points[points] <= longest(run); points++)
        rows[points] = (double)(length_points[points] > LENGTH_ROWS ? length_points[points] : LENGTH_ROWS);
    *seconds = gd_bench_fit_points(run, &run->length, *seconds, rows, points);
    return GD_OK;
}

gd_status gd_bench_answers_plan(gd_bench_run *run, double *seconds, gd_error *err)
{
    double rows[COUNT(answer_sizes)];
    size_t sizes = 0;

    (void)err;
    for (; sizes < COUNT(answer_sizes); sizes++) {
        const double answer = (double)answer_sizes[sizes], prompt = PROMPT_PARTS * answer;

        if (sizes && prompt + answer > (double)longest(run))
            break;
        rows[sizes] = 0;
        for (size_t p = 0; p < COUNT(answer_points); p++) /* shared first, then separate */
            rows[sizes] += prompt + (double)answer_points[p] * answer + (double)answer_points[p] * (prompt + answer);
    }
    *seconds = gd_bench_fit_measure(run, &run->answers, *seconds, rows, sizes);
    return GD_OK;
}

/* ---- measuring ---- */

struct curve {
    gd_bench_texts texts[MOST_POINTS];
    gd_bench_job jobs[2 * MOST_POINTS];
    size_t points;
};

static void curve_free(struct curve *c)
{
    for (size_t p = 0; p < MOST_POINTS; p++)
        gd_bench_texts_free(&c->texts[p]);
}

/* Adds the point of a recipe. */
static gd_status add_point(gd_bench_run *run, struct curve *c, const gd_bench_recipe *recipe, gd_error *err)
{
    gd_bench_texts *texts = &c->texts[c->points];

    c->jobs[c->points] = (gd_bench_job){ .texts = texts, .batch_rows = run->model->batch_rows };
    c->points++;
    return gd_bench_texts_make(texts, &run->words, recipe, err);
}

/* The object of a curve, with its list of points still to be filled. */
static json_t *put_curve(gd_bench_run *run, const char *name, const gd_bench_size *size, json_t **points)
{
    json_t *object = gd_put_object(&run->out, run->out.root, name);

    gd_put(&run->out, object, "whole", json_boolean(size->whole));
    *points = gd_put_list(&run->out, object, "points");
    return object;
}

static gd_status measure_batch(gd_bench_run *run, struct curve *c, gd_error *err)
{
    json_t *points;
    gd_status rc = GD_OK;

    for (size_t p = 0; !rc && p < run->batch.size; p++) {
        const size_t tokens = text_tokens(run);
        const size_t texts = (batch_points[p] + tokens - 1) / tokens;
        const gd_bench_recipe recipe = { .groups = texts, .each = 1, .shared = tokens };

        rc = add_point(run, c, &recipe, err);
        c->jobs[p].batch_rows = batch_points[p];
    }
    if (!rc)
        rc = gd_bench_jobs_run(run, c->jobs, c->points, run->batch.rounds, "rate against batch size", err);
    if (rc)
        return rc;
    (void)put_curve(run, "batch", &run->batch, &points);
    for (size_t p = 0; p < c->points; p++) {
        json_t *one = gd_put_object(&run->out, points, NULL);

        gd_put_size(&run->out, one, "batch_tokens", batch_points[p]);
        gd_bench_job_put(run, &c->jobs[p], one);
    }
    return GD_OK;
}

/* Seconds of a row are a + c * keys, where a row of a text of L tokens sees (L + 1) / 2 keys on average: least squares
 * over the points, weighted by relative error. */
static void put_fit(gd_bench_run *run, const struct curve *c, json_t *into)
{
    double w = 0, x = 0, y = 0, xx = 0, xy = 0, slope, start, last = 0;
    json_t *fit;

    for (size_t p = 0; p < c->points; p++) {
        const gd_bench_job *job = &c->jobs[p];
        const double seconds = job->seconds / (double)job->count.rows;
        const double keys = ((double)length_points[p] + 1) / 2, weight = 1 / (seconds * seconds);

        w += weight;
        x += weight * keys;
        y += weight * seconds;
        xx += weight * keys * keys;
        xy += weight * keys * seconds;
        last = keys;
    }
    slope = (w * xy - x * y) / (w * xx - x * x);
    start = (y - slope * x) / w;
    fit = gd_put_object(&run->out, into, "fit");
    gd_put_real(&run->out, fit, "seconds_per_row", start);
    gd_put_real(&run->out, fit, "seconds_per_row_and_key", slope);
    gd_put_real(&run->out, fit, "attention_part_of_longest", slope * last / (start + slope * last));
}

static gd_status measure_length(gd_bench_run *run, struct curve *c, gd_error *err)
{
    json_t *points, *object;
    gd_status rc = GD_OK;

    for (size_t p = 0; !rc && p < run->length.size; p++) {
        const size_t tokens = length_points[p];
        const gd_bench_recipe recipe = { .groups = (LENGTH_ROWS + tokens - 1) / tokens, .each = 1, .shared = tokens };

        rc = add_point(run, c, &recipe, err);
    }
    if (!rc)
        rc = gd_bench_jobs_run(run, c->jobs, c->points, run->length.rounds, "rate against text length", err);
    if (rc)
        return rc;
    object = put_curve(run, "length", &run->length, &points);
    for (size_t p = 0; p < c->points; p++) {
        json_t *one = gd_put_object(&run->out, points, NULL);

        gd_put_size(&run->out, one, "length", length_points[p]);
        gd_bench_job_put(run, &c->jobs[p], one);
    }
    if (c->points > 1)
        put_fit(run, c, object);
    return GD_OK;
}

static void put_answers(gd_bench_run *run, const struct curve *c, size_t answer)
{
    json_t *points;
    json_t *object = put_curve(run, "answers", &run->answers, &points);

    gd_put_size(&run->out, object, "prompt_tokens", PROMPT_PARTS * answer);
    gd_put_size(&run->out, object, "answer_tokens", answer);
    for (size_t p = 0; p < c->points; p++) {
        const gd_bench_job *shared = &c->jobs[2 * p], *alone = shared + 1;
        const double ratio = (double)alone->count.rows / (double)shared->count.rows;
        const double speed_up = alone->seconds / shared->seconds;
        json_t *one = gd_put_object(&run->out, points, NULL);

        gd_put_size(&run->out, one, "answers", answer_points[p]);
        gd_bench_job_put(run, shared, gd_put_object(&run->out, one, "shared"));
        gd_bench_job_put(run, alone, gd_put_object(&run->out, one, "alone"));
        gd_put_real(&run->out, one, "speed_up", speed_up);
        gd_put_real(&run->out, one, "tokens_per_row", ratio);
        gd_put_real(&run->out, one, "of_tokens_per_row", speed_up / ratio);
    }
}

static gd_status measure_answers(gd_bench_run *run, struct curve *c, gd_error *err)
{
    const size_t answer = answer_sizes[run->answers.size];
    gd_status rc = GD_OK;

    for (size_t p = 0; !rc && p < COUNT(answer_points); p++) {
        const gd_bench_recipe recipe = { .groups = 1,
                                         .each = answer_points[p],
                                         .shared = PROMPT_PARTS * answer,
                                         .own = answer };

        rc = gd_bench_texts_make(&c->texts[c->points++], &run->words, &recipe, err);
        for (size_t j = 2 * p; j < 2 * p + 2; j++)
            c->jobs[j] = (gd_bench_job){ .texts = &c->texts[p],
                                         .share = j == 2 * p,
                                         .batch_rows = run->model->batch_rows };
    }
    if (!rc)
        rc = gd_bench_jobs_run(run, c->jobs, 2 * c->points, run->answers.rounds, "many answers to one prompt", err);
    if (!rc)
        put_answers(run, c, answer);
    return rc;
}

/* ---- the parts ---- */

static gd_status with_curve(gd_bench_run *run, gd_status (*measure)(gd_bench_run *, struct curve *, gd_error *),
                            gd_error *err)
{
    struct curve c = { .points = 0 };
    const gd_status rc = measure(run, &c, err);

    curve_free(&c);
    return rc;
}

gd_status gd_bench_batch(gd_bench_run *run, gd_error *err) { return with_curve(run, measure_batch, err); }
gd_status gd_bench_length(gd_bench_run *run, gd_error *err) { return with_curve(run, measure_length, err); }
gd_status gd_bench_answers(gd_bench_run *run, gd_error *err) { return with_curve(run, measure_answers, err); }
