/* bench.c - gd_bench(): the order of the run, its time, and the parts without a file of their own. */
#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/sized.h"
#include "base/sysmem.h"
#include "bench/machine.h"
#include "bench/peak.h"
#include "bench/run.h"

#include <math.h>
#include <string.h>
#include <time.h>

#define DEFAULT_SECONDS 100.0

static const char short_text[] = "a"; /* short enough for any limit */

void gd_bench_options_init_sized(gd_bench_options *options, size_t struct_size) { gd_sized_init(options, struct_size); }

gd_status gd_bench_step(gd_bench_run *run, const char *what, gd_error *err)
{
    const double done = gd_clock() - run->began;

    if (run->how->report && run->how->report(run->how->context, what, done, run->expected))
        return gd_fail(err, GD_EINTERRUPTED, "stopped by the caller");
    return GD_OK;
}

/* In the order of measurement, with their shares of the time. */
static const struct part {
    const char *name;
    double share;
    gd_bench_plan *plan;
    gd_bench_measure *measure;
} parts[] = {
    { "matmul", 18, gd_bench_matmul_plan, gd_bench_matmul },
    { "scoring", 22, gd_bench_scoring_plan, gd_bench_scoring },
    { "batch", 11, gd_bench_batch_plan, gd_bench_batch },
    { "length", 11, gd_bench_length_plan, gd_bench_length },
    { "answers", 22, gd_bench_answers_plan, gd_bench_answers },
    { "memory", 14, gd_bench_memory_plan, gd_bench_memory },
};
enum { PARTS = sizeof parts / sizeof parts[0] };

/* Whether `only`, a comma-separated list of names, includes this one; NULL includes all. */
static bool wanted(const gd_bench_options *how, const struct part *part)
{
    const size_t len = strlen(part->name);

    for (const char *p = how->only; p; p = strchr(p, ',')) {
        p += *p == ',';
        if (!strncmp(p, part->name, len) && (p[len] == '\0' || p[len] == ','))
            return true;
    }
    return !how->only;
}

/* Checks that every name in `only` is known. */
static gd_status check_parts(const gd_bench_options *how, double *shares, gd_error *err)
{
    size_t names = how->only ? 1 : PARTS, found = 0;

    *shares = 0;
    for (const char *p = how->only; p && *p; p++)
        names += *p == ',';
    for (size_t i = 0; i < PARTS; i++)
        if (wanted(how, &parts[i])) {
            *shares += parts[i].share;
            found++;
        }
    if (found != names)
        return gd_fail(err, GD_EUSAGE,
                       "the parts to measure are \"%s\", but a comma-separated list of matmul, scoring, batch, length, "
                       "answers and "
                       "memory is expected",
                       how->only);
    return GD_OK;
}

static gd_status read_options(gd_bench_options *own, const gd_bench_options *how, gd_error *err)
{
    static const gd_sized kind = GD_SIZED(gd_bench_options, context);
    gd_status rc = GD_OK;

    gd_bench_options_init(own);
    if (how)
        rc = gd_sized_read(own, &kind, how, err);
    if (!rc && !(own->seconds >= 0 && own->seconds <= 1e6))
        return gd_fail(err, GD_EUSAGE, "seconds is %g, but a number from 0 to 1,000,000 is expected", own->seconds);
    return rc;
}

/* ---- start ---- */

/* From nothing to the first score. */
static gd_status start_once(gd_bench_run *run, const char *key, json_t *into, double *took, gd_error *err)
{
    const gd_text text = { short_text, sizeof short_text - 1 };
    const double begin = gd_clock();
    double opened;
    float score;
    gd_status rc = gd_bench_step(run, "opening the model", err);
    json_t *one;

    if (!rc)
        rc = gd_model_open(&run->model, run->options, err);
    opened = gd_clock();
    if (!rc)
        rc = gd_score(run->model, 1, &text, &score, NULL, err);
    if (rc)
        return rc;
    *took = gd_clock() - begin;
    run->start_seconds = *took;
    one = gd_put_object(&run->out, into, key);
    gd_put_real(&run->out, one, "open_seconds", opened - begin);
    gd_put_real(&run->out, one, "first_score_seconds", *took - (opened - begin));
    gd_put_real(&run->out, one, "seconds", *took);
    return GD_OK;
}

/* The first time, the file may have to be read from disk; the second time, it is cached. */
static gd_status start(gd_bench_run *run, gd_error *err)
{
    json_t *into = gd_put_object(&run->out, run->out.root, "start");
    double took;
    gd_status rc = start_once(run, "first", into, &took, err);

    if (!rc && took < run->budget / 15) {
        gd_model_close(run->model);
        run->model = NULL;
        rc = start_once(run, "again", into, &took, err);
    }
    return rc;
}

/* The first score used borrowed weights; the second loads those that stay, which all later ones use. */
static gd_status warm_up(gd_bench_run *run, gd_error *err)
{
    const gd_text text = { short_text, sizeof short_text - 1 };
    gd_status rc = gd_bench_step(run, "loading the weights", err);
    float score;

    return rc ? rc : gd_score(run->model, 1, &text, &score, NULL, err);
}

/* ---- the model and the settings ---- */

static gd_status put_model(gd_bench_run *run, gd_error *err)
{
    char *text;
    json_t *model = NULL;
    gd_status rc = gd_model_inspect(run->model, &text, err);

    if (!rc)
        rc = gd_json_parse(&model, text, strlen(text), "gd_model_inspect()", err);
    if (!rc)
        gd_put(&run->out, run->out.root, "model", model);
    gd_string_free(text);
    return rc;
}

static void put_settings(gd_bench_run *run)
{
    json_t *settings = gd_put_object(&run->out, run->out.root, "settings");

    gd_put_text(&run->out, settings, "backend", run->model->backend->name);
    gd_put_text(&run->out, settings, "isa", gd_engine_describe(run->model->engine));
    gd_put_text(&run->out, settings, "precision", run->model->plan->operand == GD_F32 ? "fp32" : "bf16");
    gd_put_text(&run->out, settings, "numerics", run->options->numerics ? run->options->numerics : "exact");
    gd_put_size(&run->out, settings, "threads", run->threads);
    gd_put_size(&run->out, settings, "batch_tokens", run->model->batch_rows);
    gd_put_real(&run->out, settings, "seconds_wanted", run->budget);
}

static void count_work(gd_bench_run *run)
{
    const gd_model *model = run->model;

    for (size_t i = 0; i < model->plan->stage_count; i++) {
        const gd_plan_stage *stage = &model->plan->stages[i];

        for (size_t s = stage->first_step; s < stage->first_step + stage->step_count; s++) {
            const gd_plan_step *step = &model->plan->steps[s];
            const double in = (double)step->w[0].shape[1], out = (double)step->w[0].shape[0];
            gd_lora lora;
            double work = 2 * in * out;

            if (step->op != GD_OP_linear)
                continue;
            if (model->adapter && step->lora && gd_adapter_find(model->adapter, step->lora, &lora))
                work += 2 * (double)lora.rank * (in + out);
            *(stage->pooled ? &run->text_flops : &run->row_flops) += work;
        }
    }
    gd_put_real(&run->out, run->out.root, "linear_flops_per_row", run->row_flops);
}

/* ---- yardsticks ---- */

static void put_peak(gd_bench_run *run, json_t *list, const char *isa, gd_pool *pool, const char *kernel)
{
    const double peak = gd_bench_peak(isa, pool);
    json_t *one = gd_put_object(&run->out, list, NULL);

    gd_put_text(&run->out, one, "isa", isa);
    gd_put_size(&run->out, one, "threads", gd_pool_threads(pool));
    gd_put_real(&run->out, one, "gflops", peak * 1e-9);
    if (gd_pool_threads(pool) == run->threads && !strcmp(isa, kernel))
        run->peak = peak;
}

static gd_status put_bandwidth(gd_bench_run *run, json_t *list, gd_pool *pool, gd_error *err)
{
    size_t bytes = 4 * run->cache, most = gd_memory_available() / 4;
    double read, triad;
    json_t *one;
    gd_status rc;

    most = most < (size_t)1 << 30 ? most : (size_t)1 << 30;
    bytes = bytes < (size_t)64 << 20 ? (size_t)64 << 20 : bytes;
    bytes = bytes < most ? bytes : most;
    rc = gd_bench_bandwidth(pool, bytes, &read, &triad, err);
    if (rc)
        return rc;
    one = gd_put_object(&run->out, list, NULL);
    gd_put_size(&run->out, one, "threads", gd_pool_threads(pool));
    gd_put_real(&run->out, one, "read_gb_per_s", read * 1e-9);
    gd_put_real(&run->out, one, "triad_gb_per_s", triad * 1e-9);
    gd_put_size(&run->out, one, "bytes", bytes);
    run->bandwidth = read;
    return GD_OK;
}

/* With `threads` threads: every instruction set available, and the memory. */
static gd_status measure_limits(gd_bench_run *run, unsigned threads, json_t *peaks, json_t *memory, gd_error *err)
{
    const gd_backend *cpu = gd_backends_all()[0];
    gd_pool *pool = NULL;
    gd_status rc = gd_pool_open(&pool, threads, err);

    if (rc)
        return rc;
    for (size_t i = 1; cpu->isa(i); i++) /* 0 is generic, plain C */
        put_peak(run, peaks, cpu->isa(i), pool, gd_engine_matmul(run->model->engine));
    rc = put_bandwidth(run, memory, pool, err);
    gd_pool_close(pool);
    return rc;
}

static gd_status limits(gd_bench_run *run, gd_error *err)
{
    json_t *peaks = gd_put_list(&run->out, run->out.root, "peak");
    json_t *memory = gd_put_list(&run->out, run->out.root, "bandwidth");
    gd_status rc = gd_bench_step(run, "peak and bandwidth", err);

    if (!rc)
        rc = measure_limits(run, 1, peaks, memory, err);
    if (!rc && run->threads > 1)
        rc = measure_limits(run, run->threads, peaks, memory, err);
    return rc;
}

/* ---- time ---- */

/* Measures the seconds per row, with a batch as large as a moment allows. */
static gd_status calibrate(gd_bench_run *run, gd_error *err)
{
    const size_t most = run->model->encoder.max_length;
    gd_bench_recipe recipe = { .groups = 1, .each = 1, .shared = most && most < 64 ? most : 64 };
    gd_status rc = gd_bench_words_find(&run->words, run->model->encoder.tokenizer, err);
    double took = 0;

    run->words.frame += run->model->encoder.add_eos != GD_ADD_EOS_NEVER;
    for (; !rc && recipe.groups <= 16; recipe.groups *= 4) {
        gd_bench_texts texts = { 0 };
        float scores[16];
        double begin;

        rc = gd_bench_step(run, "estimating the time of each part", err);
        if (!rc)
            rc = gd_bench_texts_make(&texts, &run->words, &recipe, err);
        begin = gd_clock();
        if (!rc)
            rc = gd_score(run->model, texts.count, texts.texts, scores, NULL, err);
        took = gd_clock() - begin;
        gd_bench_texts_free(&texts);
        run->row_seconds = took / (double)(recipe.groups * recipe.shared);
        if (took > run->budget / 200)
            break;
    }
    return rc;
}

static gd_status plan(gd_bench_run *run, gd_error *err)
{
    const double spent = gd_clock() - run->began;
    const double left = run->budget > spent ? 0.96 * (run->budget - spent) : 0;
    double all = 0;
    gd_status rc = GD_OK;

    for (size_t i = 0; !rc && i < PARTS; i++) {
        double seconds = left * parts[i].share / run->shares;

        if (!wanted(run->how, &parts[i]))
            continue;
        rc = parts[i].plan(run, &seconds, err);
        all += seconds;
    }
    if (rc)
        return rc;
    run->expected = gd_clock() - run->began + all;
    gd_put_real(&run->out, run->out.root, "seconds_expected", run->expected);
    return gd_bench_step(run, "the plan is ready", err);
}

/* ---- the whole run ---- */

static gd_status measure(gd_bench_run *run, gd_error *err)
{
    gd_status rc = start(run, err);

    if (!rc)
        rc = put_model(run, err);
    if (!rc) {
        put_settings(run);
        count_work(run);
        rc = warm_up(run, err);
    }
    if (!rc)
        rc = calibrate(run, err);
    if (!rc)
        rc = limits(run, err);
    if (!rc)
        rc = plan(run, err);
    for (size_t i = 0; !rc && i < PARTS; i++)
        if (wanted(run->how, &parts[i]))
            rc = parts[i].measure(run, err);
    return rc;
}

static void put_head(gd_bench_run *run)
{
    const time_t now = time(NULL);
    char when[32] = "";
    struct tm utc;

    if (gmtime_r(&now, &utc))
        (void)strftime(when, sizeof when, "%Y-%m-%d %H:%M UTC", &utc);
    gd_put_text(&run->out, run->out.root, "format", "guerdon-bench/1");
    gd_put_text(&run->out, run->out.root, "guerdon", GD_VERSION);
    gd_put_text(&run->out, run->out.root, "when", when);
    gd_machine_put(&run->out, gd_put_object(&run->out, run->out.root, "machine"));
}

gd_status gd_bench(const gd_options *options, const gd_bench_options *how, char **json, gd_error *err)
{
    gd_bench_options own_how;
    gd_options own;
    gd_bench_run run = { .options = &own, .how = &own_how, .began = gd_clock(), .cache = gd_machine_cache() };
    gd_status rc = gd_options_read(&own, options, err);

    *json = NULL;
    if (!rc && (!own.backend || !strcmp(own.backend, "auto")))
        own.backend = "cpu"; /* the parts compare with what a processor can do */
    if (!rc)
        rc = read_options(&own_how, how, err);
    if (!rc)
        rc = check_parts(run.how, &run.shares, err);
    if (rc)
        return rc;
    run.budget = run.how->seconds > 0 ? run.how->seconds : DEFAULT_SECONDS;
    run.threads = own.threads ? own.threads : gd_cpu_count();
    run.out.root = json_object();
    put_head(&run);
    rc = measure(&run, err);
    if (!rc) {
        gd_put_real(&run.out, run.out.root, "seconds", gd_clock() - run.began);
        rc = gd_result_text(&run.out, JSON_INDENT(1) | JSON_REAL_PRECISION(9), json, err);
    }
    gd_bench_texts_free(&run.given);
    gd_model_close(run.model);
    json_decref(run.out.root);
    return rc;
}
