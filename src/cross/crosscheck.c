/* crosscheck.c - gd_crosscheck(): runs both sides, one after the other, and compares their traces. */
#include "base/error.h"
#include "base/sized.h"
#include "cross/closer.h"
#include "cross/trace_file.h"
#include "cross/verdict.h"

#include <string.h>

struct run {
    gd_crosscheck_options how;
    gd_progress progress;
    gd_side left, right;
    gd_cross_texts texts;
    gd_trace traces[2];
    uint64_t done; /* tokens of both sides */
};

void gd_crosscheck_options_init_sized(gd_crosscheck_options *options, size_t struct_size)
{
    gd_sized_init(options, struct_size);
}

/* ---- options ---- */

static gd_status check_options(const gd_options *options, const gd_crosscheck_options *how, gd_error *err)
{
    const bool right = how->right || how->right_model || how->right_adapter;

    if (!how->input)
        return gd_fail(err, GD_EUSAGE, "no input was given");
    if (options->dry_run)
        return gd_fail(err, GD_EUSAGE, "dry_run is %zu, but a cross-check has to compute: 0 is expected",
                       options->dry_run);
    if (options->more_adapter_count)
        return gd_fail(err, GD_EUSAGE, "more_adapter_count is %zu, but a side has one adapter at most: 0 is expected",
                       options->more_adapter_count);
    if (how->save && (how->against || right))
        return gd_fail(err, GD_EUSAGE, "save is of one side, the left one, so %s can't be given",
                       how->against ? "against" : "a right side");
    if (how->against && how->left)
        return gd_fail(err, GD_EUSAGE, "left is \"%s\", but the left side comes from %s", how->left, how->against);
    return GD_OK;
}

/* The right side's model and adapter. */
static gd_options right_options(const gd_options *options, const gd_crosscheck_options *how)
{
    gd_options own = *options;

    if (how->right_model) {
        own.model = how->right_model;
        own.adapter = NULL;
    }
    if (how->right_adapter)
        own.adapter = how->right_adapter[0] ? how->right_adapter : NULL;
    return own;
}

/* Where nothing is said of it, the right side has the other arithmetic; beside a GPU it is the CPU, with equal bits. */
static gd_status read_right(struct run *run, const gd_options *options, gd_error *err)
{
    gd_options own = right_options(options, &run->how);
    gd_status rc = gd_side_read(&run->right, &own, run->how.right, "right", err);
    const bool other = run->how.right || run->how.against || !gd_side_same(&run->left, &run->right);

    if (rc || other)
        return rc;
    if (gd_side_is_apart(&run->left)) {
        own.numerics = run->left.options.numerics;
        return gd_side_read(&run->right, &own, "cpu", "right", err);
    }
    if (own.precision && !strcmp(own.precision, "fp32"))
        return gd_fail(err, GD_EUSAGE,
                       "right: with precision fp32, a second side is expected, such as cpu::generic, since tensor "
                       "cores have no such precision");
    return gd_side_read(&run->right, &own, ":tensor", "right", err);
}

static gd_status read_options(struct run *run, const gd_options *options, const gd_crosscheck_options *how,
                              const gd_progress *progress, gd_error *err)
{
    static const gd_sized kind = GD_SIZED(gd_crosscheck_options, against);
    gd_options own;
    gd_status rc = gd_sized_read(&run->how, &kind, how, err);

    if (!rc)
        rc = gd_progress_read(&run->progress, progress, err);
    if (!rc)
        rc = gd_options_read(&own, options, err);
    if (!rc)
        rc = check_options(&own, &run->how, err);
    if (!rc)
        rc = gd_side_read(&run->left, &own, run->how.left, "left", err);
    return rc || run->how.save ? rc : read_right(run, &own, err);
}

/* ---- runs ---- */

static gd_status report(void *context, gd_error *err)
{
    const struct run *run = context;
    const gd_progress *p = &run->progress;
    const uint64_t sides = run->how.save || run->how.against ? 1 : 2, id = sizeof(uint32_t);
    uint64_t tokens = 0;

    for (size_t t = 0; t < run->texts.count; t++)
        tokens += run->texts.ids[t].len;
    if (p->report &&
        p->report(p->context, run->texts.items * run->done / tokens, run->done * id, sides * tokens * id, run->done))
        return gd_fail(err, GD_EINTERRUPTED, "interrupted after %llu of %llu tokens", (unsigned long long)run->done,
                       (unsigned long long)(sides * tokens));
    return GD_OK;
}

static gd_side_run side_run(struct run *run, const gd_side *side, gd_trace *trace)
{
    return (gd_side_run){ .side = side,
                          .how = &run->how,
                          .texts = &run->texts,
                          .trace = trace,
                          .pause = { report, run },
                          .done = &run->done };
}

/* ---- all of it ---- */

static gd_status compare(struct run *run, const gd_plan *plan, char **json, gd_error *err)
{
    gd_sides sides = { 0 };
    gd_status rc = gd_sides_compare(&sides, plan, &run->texts, &run->traces[0], &run->traces[1], err);

    if (!rc && sides.verdict == GD_VERDICT_DIFFERENT)
        rc = gd_look_closer(&sides, run->traces[0].saved ? NULL : &run->left, &run->right, err);
    if (!rc)
        rc = gd_sides_result(&sides, run->how.input, json, err);
    gd_sides_free(&sides);
    return rc;
}

static gd_status save(struct run *run, const gd_plan *plan, char **json, gd_error *err)
{
    const gd_sides sides = { .plan = plan, .texts = &run->texts, .left = &run->traces[0] };
    const gd_status rc = gd_trace_save(&run->traces[0], run->how.save, err);

    return rc ? rc : gd_sides_result(&sides, run->how.input, json, err);
}

static gd_status save_left(struct run *run, char **json, gd_error *err)
{
    const gd_side_run left = side_run(run, &run->left, &run->traces[0]);
    gd_model *model = NULL;
    gd_status rc = gd_side_open(&model, &left, err);

    if (!rc)
        rc = gd_side_compute(model, &left, err);
    if (!rc)
        rc = save(run, model->plan, json, err);
    gd_model_close(model);
    return rc;
}

static gd_status compare_both(struct run *run, char **json, gd_error *err)
{
    const gd_side_run left = side_run(run, &run->left, &run->traces[0]);
    const gd_side_run right = side_run(run, &run->right, &run->traces[1]);
    gd_model *model = NULL;
    gd_status rc = run->how.against ? GD_OK : gd_side_trace(&left, err);

    if (!rc)
        rc = gd_side_open(&model, &right, err);
    if (!rc && run->how.against)
        rc = gd_trace_load(&run->traces[0], model->plan, &run->texts, run->how.against, err);
    if (!rc)
        rc = gd_side_compute(model, &right, err);
    if (!rc)
        rc = compare(run, model->plan, json, err);
    gd_model_close(model);
    return rc;
}

gd_status gd_crosscheck(const gd_options *options, const gd_crosscheck_options *how, const gd_progress *progress,
                        char **json, gd_error *err)
{
    struct run run = { 0 };
    gd_status rc;

    *json = NULL;
    rc = read_options(&run, options, how, progress, err);
    if (!rc)
        rc = run.how.save ? save_left(&run, json, err) : compare_both(&run, json, err);
    gd_side_free(&run.left);
    gd_side_free(&run.right);
    gd_trace_free(&run.traces[0]);
    gd_trace_free(&run.traces[1]);
    gd_cross_texts_free(&run.texts);
    return rc;
}
