/* run_result.c - what a run did, or would do, in JSON. */
#include "train/run.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/result.h"
#include "reward/merge.h"
#include "train/curve.h"
#include "train/describe.h"
#include "train/foresight.h"
#include "train/train_charts.h"

#include <string.h>
#include <sys/stat.h>

/* ---- what a run takes on the disk ---- */

/* Of a tensor's entry in a file's header, besides its name; of the other texts of a folder; of a step's lines in the
 * logs; of the page and the card. */
enum { ENTRY = 104, TEXTS = 16 << 10, STEP_LINES = 600, PAGES = 256 << 10 };

/* The headers of the values, or of the moments, two of each tensor. */
static uint64_t header_bytes(const gd_tuning *tuning, size_t of_each)
{
    uint64_t bytes = ENTRY;

    for (size_t i = 0; i < tuning->count; i++)
        bytes += 2 * (ENTRY + strlen(tuning->modules[i].view_a.name));
    for (size_t i = 0; i < tuning->weight_count; i++)
        bytes += ENTRY + strlen(tuning->weight_views[i].name);
    return of_each * bytes;
}

/* The tokenizer's files are copied into each folder. */
static uint64_t tokenizer_bytes(const char *dir)
{
    const char *name;
    uint64_t bytes = 0;

    for (size_t i = 0; (name = gd_merge_tokenizer_file(i)) != NULL; i++) {
        char *path = gd_path_join(dir, name);
        struct stat sb;

        if (path && stat(path, &sb) == 0)
            bytes += (uint64_t)sb.st_size;
        gd_free(path);
    }
    return bytes;
}

static uint64_t adapter_bytes(const gd_training *t)
{
    return (uint64_t)t->tuning.parameters * sizeof(float) + header_bytes(&t->tuning, 1) +
           tokenizer_bytes(t->model->dir) + TEXTS;
}

static uint64_t checkpoint_bytes(const gd_training *t)
{
    return adapter_bytes(t) + 2 * (uint64_t)t->tuning.parameters * sizeof(float) + header_bytes(&t->tuning, 2);
}

uint64_t gd_run_disk_bytes(const gd_training *t)
{
    const gd_train_options *o = &t->settings.options;
    const uint64_t total = t->settings.trainer.total, most = total / o->save_every + 1;
    const uint64_t checkpoints = o->keep < most ? (uint64_t)o->keep + 1 : most;

    return checkpoints * checkpoint_bytes(t) + (o->best ? 2 : 1) * adapter_bytes(t) + total * STEP_LINES + PAGES;
}

/* ---- a run's end ---- */

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

/* The means of the last steps, as on the page: one step says little. */
static gd_status put_recent(gd_result *out, const gd_run *run, gd_error *err)
{
    static const char *const keys[] = { "loss", "accuracy" };
    json_t *recent = gd_put_object(out, out->root, "recent");

    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        gd_curve curve;
        size_t window;

        if (!gd_curve_read(&curve, run->log.file[GD_LOG_STEPS].lines, keys[i]))
            return gd_fail_memory(err, 0);
        window = gd_train_window(curve.count);
        if (i == 0)
            gd_put_size(out, recent, "steps", window);
        gd_put_real(out, recent, keys[i], gd_curve_last(&curve, window));
        gd_curve_free(&curve);
    }
    return GD_OK;
}

static gd_status put_best(gd_result *out, const gd_run *run, gd_error *err)
{
    json_t *best;
    bool there;
    const gd_status rc = gd_run_has_best(run, &there, err);

    if (!run->mark.best_step)
        gd_put(out, out->root, "best", json_null());
    if (rc || !run->mark.best_step)
        return rc;
    best = gd_put_object(out, out->root, "best");
    gd_put_text(out, best, "metric", run->training->settings.options.best);
    gd_put_real(out, best, "value", run->mark.best);
    gd_put_size(out, best, "step", run->mark.best_step);
    gd_put(out, best, "kept", json_boolean(there));
    return GD_OK;
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
    rc = put_recent(&out, run, err);
    if (!rc)
        rc = put_best(&out, run, err);
    gd_put(&out, out.root, "run", json_deep_copy(run->what));
    if (!rc)
        rc = gd_result_text(&out, JSON_INDENT(2) | JSON_REAL_PRECISION(15), json, err);
    json_decref(out.root);
    return rc;
}

/* ---- a plan ---- */

gd_status gd_run_rehearsal(gd_training *t, char **json, gd_error *err)
{
    const gd_plan *plan = t->model->plan;
    gd_result out = { .root = json_object() };
    json_t *run = NULL, *notes;
    gd_foresight foresight = { 0 };
    gd_status rc = gd_describe_run(&run, t, err);

    if (!rc)
        rc = gd_foresee(&foresight, t, err);
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
    gd_put_size(&out, out.root, "checkpoint_bytes", (size_t)checkpoint_bytes(t));
    gd_put_size(&out, out.root, "disk_bytes", (size_t)gd_run_disk_bytes(t));
    gd_put_size(&out, out.root, "keep", t->settings.options.keep);
    gd_put_size(&out, out.root, "threads", t->model->threads);
    gd_put_real(&out, out.root, "seconds", foresight.seconds);
    gd_put_real(&out, out.root, "linear_gflop", foresight.step_work * 1e-9);
    notes = gd_put_list(&out, out.root, "notes");
    for (size_t i = 0; i < t->notes.count; i++)
        gd_put_text(&out, notes, NULL, t->notes.text[i]);
    gd_put(&out, out.root, "run", run);
    if (!rc)
        rc = gd_result_text(&out, JSON_INDENT(2) | JSON_REAL_PRECISION(15), json, err);
    json_decref(out.root);
    return rc;
}
