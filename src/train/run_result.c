/* run_result.c - what a run did, or would do, in JSON. */
#include "train/run.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/result.h"
#include "train/describe.h"

/* Values and two moments, in fp32; the files beside them are small. */
uint64_t gd_run_checkpoint_bytes(const gd_training *t)
{
    return gd_run_adapter_bytes(t) + 2 * (uint64_t)t->tuning.parameters * sizeof(float);
}

enum { SMALL_FILES = 32 << 20 };

uint64_t gd_run_adapter_bytes(const gd_training *t)
{
    return (uint64_t)t->tuning.parameters * sizeof(float) + SMALL_FILES;
}

/* The last step's line, and the lines of the last evaluation. */
static void put_lines(gd_result *out, const gd_run *run)
{
    const json_t *lines = run->log.file[GD_LOG_STEPS].lines;
    json_t *evals = gd_put_list(out, out->root, "evals");
    const json_t *step = NULL;
    const char *stopped = NULL;
    const double last = (double)run->mark.step;

    for (size_t i = 1; i < json_array_size(lines); i++) {
        json_t *line = json_array_get(lines, i);

        if (json_object_get(line, "loss"))
            step = line;
        else if (json_object_get(line, "stopped"))
            stopped = json_string_value(json_object_get(line, "stopped"));
        else if (gd_get_real(line, "step") == last)
            gd_put(out, evals, NULL, json_deep_copy(line));
    }
    gd_put_text(out, out->root, "stopped", stopped);
    gd_put(out, out->root, "last", step ? json_deep_copy(step) : json_null());
}

static void put_best(gd_result *out, const gd_run *run)
{
    json_t *best;

    if (!run->mark.best_step) {
        gd_put(out, out->root, "best", json_null());
        return;
    }
    best = gd_put_object(out, out->root, "best");
    gd_put_text(out, best, "metric", run->training->settings.options.best);
    gd_put_real(out, best, "value", run->mark.best);
    gd_put_size(out, best, "step", run->mark.best_step);
}

gd_status gd_run_result(const gd_run *run, char **json, gd_error *err)
{
    gd_result out = { .root = json_object() };
    gd_status rc;

    out.failed = out.root == NULL;
    gd_put_text(&out, out.root, "format", "guerdon-train/1");
    gd_put_text(&out, out.root, "output", run->training->settings.options.output);
    gd_put_size(&out, out.root, "steps", run->mark.step);
    gd_put(&out, out.root, "resumed_from", run->begun ? json_integer((json_int_t)run->begun) : json_null());
    gd_put_real(&out, out.root, "seconds", gd_clock() - run->start);
    put_lines(&out, run);
    put_best(&out, run);
    gd_put(&out, out.root, "run", json_deep_copy(run->what));
    rc = gd_result_text(&out, JSON_INDENT(2) | JSON_REAL_PRECISION(15), json, err);
    json_decref(out.root);
    return rc;
}

gd_status gd_run_rehearsal(const gd_training *t, char **json, gd_error *err)
{
    const gd_plan *plan = t->model->plan;
    gd_result out = { .root = json_object() };
    json_t *run = NULL, *notes;
    gd_status rc = gd_describe_run(&run, t, err);

    out.failed = out.root == NULL;
    gd_put_text(&out, out.root, "format", "guerdon-train/1");
    gd_put(&out, out.root, "dry_run", json_true());
    gd_put_size(&out, out.root, "steps", t->settings.trainer.total);
    gd_put_size(&out, out.root, "step_rows", t->rows);
    gd_put_size(&out, out.root, "memory_bytes", t->budget.bytes);
    gd_put_size(&out, out.root, "least_memory_bytes", t->budget.least);
    gd_put_size(&out, out.root, "layers", plan->layers);
    gd_put_size(&out, out.root, "layers_kept", t->budget.keep);
    gd_put(&out, out.root, "streamed", json_boolean(t->budget.resident < plan->stage_count));
    gd_put_size(&out, out.root, "checkpoint_bytes", (size_t)gd_run_checkpoint_bytes(t));
    notes = gd_put_list(&out, out.root, "notes");
    for (size_t i = 0; i < t->notes.count; i++)
        gd_put_text(&out, notes, NULL, t->notes.text[i]);
    gd_put(&out, out.root, "run", run);
    if (!rc)
        rc = gd_result_text(&out, JSON_INDENT(2) | JSON_REAL_PRECISION(15), json, err);
    json_decref(out.root);
    return rc;
}
