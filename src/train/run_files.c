/* run_files.c - what a run writes besides its logs. */
#include "train/run.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/replace.h"
#include "train/card.h"
#include "train/checkpoint_folders.h"
#include "train/checkpoint_manifest.h"
#include "train/describe.h"
#include "train/output.h"
#include "train/train_page.h"

#include <string.h>

/* A page that is read while it is made is as old as this. */
#define PAGE_SECONDS 10

/* What must be left on the disk besides: nobody wants it filled to the last block. */
enum { DISK_RESERVE = 32 << 20 };

static const char *output_of(const gd_run *run) { return run->training->settings.options.output; }

/* ---- beginning ---- */

static bool resumes(const gd_run *run, const char *how)
{
    const char *resume = run->training->settings.options.resume;

    return !strcmp(resume ? resume : "auto", how);
}

/* *path becomes these three one after the other, if that is the folder of a checkpoint; else NULL. */
static gd_status try_name(char **path, bool *there, const char *dir, const char *lead, const char *name, gd_error *err)
{
    gd_buf whole = { 0 };
    gd_status rc;

    gd_buf_printf(&whole, "%s%s%s", dir, lead, name);
    rc = gd_buf_take(&whole, path, err);
    if (!rc)
        rc = gd_file_hint(there, *path, GD_FOLDER_MANIFEST, err);
    if (rc || !*there) {
        gd_free(*path);
        *path = NULL;
    }
    return rc;
}

/* The checkpoint that was asked for: a folder, or the name or the step of one in the output. */
static gd_status named_checkpoint(const gd_run *run, char **path, gd_error *err)
{
    const char *name = run->training->settings.options.resume, *output = output_of(run);
    bool there;
    gd_status rc = try_name(path, &there, "", "", name, err);

    if (!rc && !there)
        rc = try_name(path, &there, output, "/", name, err);
    if (!rc && !there)
        rc = try_name(path, &there, output, "/checkpoint-", name, err);
    return rc || there ? rc
                       : gd_fail(err, GD_EUSAGE,
                                 "resume is \"%.150s\", but auto, never or a checkpoint is expected, such as "
                                 "%.150s/checkpoint-100, or checkpoint-100 for short",
                                 name, output);
}

/* The newest checkpoint below a step, or the one that was asked for; NULL if there is none. */
static gd_status find_checkpoint(gd_run *run, uint64_t below, char **path, gd_error *err)
{
    *path = NULL;
    if (resumes(run, "never"))
        return GD_OK;
    if (resumes(run, "auto"))
        return gd_checkpoint_find(path, output_of(run), below, &run->training->notes, err);
    return named_checkpoint(run, path, err);
}

gd_status gd_run_has_best(const gd_run *run, bool *there, gd_error *err)
{
    char *path = gd_path_join(output_of(run), GD_FOLDER_BEST);
    const gd_status rc = path ? gd_file_hint(there, path, gd_save_config(&run->training->tuning), err)
                              : gd_fail_memory(err, strlen(output_of(run)));

    gd_free(path);
    return rc;
}

static gd_status note_lost_best(gd_run *run, gd_error *err)
{
    bool there;
    gd_status rc = gd_run_has_best(run, &there, err);

    if (!rc && run->mark.best_step && !there)
        rc = gd_notes_add(&run->training->notes, err,
                          "%.200s/" GD_FOLDER_BEST ": the best so far, of step %llu, is not there any more; only a run "
                          "that goes back before that step writes it again",
                          output_of(run), (unsigned long long)run->mark.best_step);
    return rc;
}

/* What it writes from now on has the names that its model and data had when it began, so that all files are those of a
 * run without an interruption. */
static gd_status take_names(gd_run *run, gd_error *err)
{
    json_decref(run->what);
    run->what = gd_describe_of(run->identity);
    return run->what ? GD_OK : gd_fail_memory(err, 0);
}

static gd_status continue_from(gd_run *run, const char *path, gd_error *err)
{
    gd_status rc = gd_checkpoint_load(path, &run->training->tuning, err);

    if (!rc)
        rc = take_names(run, err);
    if (!rc)
        rc = gd_train_log_continue(&run->log, err);
    if (!rc)
        rc = note_lost_best(run, err);
    if (!rc)
        rc = gd_notes_add(&run->training->notes, err, "continuing from %s: %llu of %zu steps are done", path,
                          (unsigned long long)run->mark.step, run->training->settings.trainer.total);
    run->begun = run->saved = run->mark.step;
    return rc;
}

/* The lines of the logs that a checkpoint had; GD_EFORMAT if they are not there any more. */
static gd_status read_log(gd_run *run, const gd_train_mark *mark, gd_error *err)
{
    const gd_log_mark marks[] = { { mark->log_bytes, mark->log_digest }, { mark->times_bytes, mark->times_digest } };

    return gd_train_log_read(&run->log, marks, err);
}

/* A checkpoint whose log was cut short or changed is of no use; an older one may be. */
static gd_status try_checkpoint(gd_run *run, const char *path, uint64_t *below, gd_error *err)
{
    gd_train_mark mark;
    gd_error why = { 0 };
    gd_status rc = gd_checkpoint_peek(path, run->identity, &mark, err);

    if (rc)
        return rc;
    *below = mark.step;
    rc = read_log(run, &mark, &why);
    if (rc == GD_EFORMAT && resumes(run, "auto"))
        return gd_notes_add(&run->training->notes, err, "%s is passed over: %s", path, why.text);
    if (rc)
        return gd_fail(err, rc, "%s", why.text);
    *below = 0;
    run->mark = mark;
    return continue_from(run, path, err);
}

/* Without a checkpoint, nothing tells whether a result is whole; but who has it may not want to pay for it again. */
static gd_status check_before(gd_run *run, json_t *before, gd_error *err)
{
    char *config = NULL;
    bool finished;
    gd_status rc = !before || gd_manifest_adopt(before, run->what) ? GD_OK : gd_fail_memory(err, 0);

    if (!rc && before)
        rc = gd_manifest_compare(run->log.file[GD_LOG_STEPS].path, before, run->what, err);
    if (!rc)
        rc = gd_file_find(&config, &finished, output_of(run), gd_save_config(&run->training->tuning), err);
    gd_free(config);
    if (!rc && finished)
        return gd_fail(err, GD_EUSAGE,
                       "%.200s: this run is finished and its result is there, but no sound checkpoint with which it "
                       "could be checked or continued; to train it again, choose another output",
                       output_of(run));
    return rc || !before
               ? rc
               : gd_notes_add(&run->training->notes, err,
                              "%.200s: the run has no checkpoint from which it could be continued; it begins anew",
                              output_of(run));
}

/* A run that was interrupted before its first checkpoint, or has lost all, begins anew, but only the same one. */
static gd_status begin_anew(gd_run *run, gd_error *err)
{
    json_t *before = NULL;
    gd_buf line = { 0 };
    gd_status rc = gd_train_log_run(&before, &run->log, err);

    if (!rc)
        rc = check_before(run, before, err);
    json_decref(before);
    if (!rc)
        rc = gd_train_log_begin(&run->log, err);
    gd_buf_str(&line, "{\"run\":");
    gd_json_put(&line, run->what, JSON_COMPACT | JSON_REAL_PRECISION(15));
    gd_buf_str(&line, "}");
    if (!rc)
        rc = gd_train_log_add(&run->log, GD_LOG_STEPS, &line, err);
    gd_buf_free(&line);
    return rc;
}

static gd_status continue_or_begin(gd_run *run, gd_error *err)
{
    gd_status rc = GD_OK;

    for (uint64_t below = UINT64_MAX; !rc && below > 0;) {
        char *path;

        rc = find_checkpoint(run, below, &path, err);
        if (!rc && !path)
            return begin_anew(run, err);
        if (!rc)
            rc = try_checkpoint(run, path, &below, err);
        gd_free(path);
    }
    return rc;
}

static gd_status take_output(gd_run *run, gd_error *err)
{
    const gd_training *t = run->training;
    gd_status rc = gd_output_take(output_of(run), resumes(run, "never"), err);

    if (!rc)
        rc = gd_checkpoint_lock(&run->lock, output_of(run), err);
    return rc ? rc : gd_output_room(output_of(run), gd_run_disk_bytes(t) + DISK_RESERVE, err);
}

gd_status gd_run_begin(gd_run *run, gd_error *err)
{
    gd_status rc = gd_describe_run(&run->what, run->training, err);

    if (!rc)
        rc = gd_describe_identity(&run->identity, run->training, run->what, err);
    if (!rc)
        rc = take_output(run, err);
    if (!rc)
        rc = gd_train_log_open(&run->log, output_of(run), err);
    return rc ? rc : continue_or_begin(run, err);
}

/* ---- a dry run ---- */

/* Whether the run would continue from this checkpoint; one that isn't sound would be passed over. */
static gd_status foresee_checkpoint(gd_run *run, const char *path, bool *sound, gd_error *err)
{
    gd_train_mark mark;
    gd_error why = { 0 };
    gd_status rc = gd_checkpoint_peek(path, run->identity, &mark, &why);

    if (!rc)
        rc = read_log(run, &mark, &why);
    *sound = rc == GD_OK;
    if (rc && (rc != GD_EFORMAT || !resumes(run, "auto")))
        return gd_fail(err, rc, "%s", why.text);
    return rc ? gd_notes_add(&run->training->notes, err, "%s would be passed over: %s", path, why.text)
              : gd_notes_add(&run->training->notes, err, "the run would continue from %s: %llu of %zu steps are done",
                             path, (unsigned long long)mark.step, run->training->settings.trainer.total);
}

static gd_status foresee_newest(gd_run *run, bool *sound, gd_error *err)
{
    gd_folders folders;
    gd_status rc = gd_folders_look(&folders, output_of(run), err);

    for (size_t i = 0; !rc && !*sound && i < folders.count; i++) {
        char name[GD_FOLDER_NAME], *path;

        gd_folder_name(name, folders.steps[i]);
        path = gd_path_join(output_of(run), name);
        rc = path ? foresee_checkpoint(run, path, sound, err) : gd_fail_memory(err, sizeof name);
        gd_free(path);
    }
    gd_folders_close(&folders);
    return rc;
}

static gd_status foresee_named(gd_run *run, bool *sound, gd_error *err)
{
    char *path;
    gd_status rc = named_checkpoint(run, &path, err);

    if (!rc)
        rc = foresee_checkpoint(run, path, sound, err);
    gd_free(path);
    return rc;
}

/* A log without a sound checkpoint. */
static gd_status foresee_anew(gd_run *run, gd_error *err)
{
    json_t *before;
    gd_status rc = gd_train_log_run(&before, &run->log, err);

    if (!rc)
        rc = check_before(run, before, err);
    json_decref(before);
    return rc;
}

gd_status gd_run_foresee(gd_run *run, gd_error *err)
{
    bool there = false, sound = false;
    gd_status rc = gd_run_check_best(run, err);

    if (!rc && output_of(run))
        rc = gd_output_check(output_of(run), resumes(run, "never"), &there, err);
    if (rc || !output_of(run) || (!there && (resumes(run, "auto") || resumes(run, "never"))))
        return rc;
    rc = gd_describe_run(&run->what, run->training, err);
    if (!rc)
        rc = gd_describe_identity(&run->identity, run->training, run->what, err);
    if (!rc)
        rc = gd_train_log_look(&run->log, output_of(run), err);
    if (!rc)
        rc = resumes(run, "auto") ? foresee_newest(run, &sound, err) : foresee_named(run, &sound, err);
    return rc || sound ? rc : foresee_anew(run, err);
}

/* ---- checkpoints ---- */

static gd_status write_with(const gd_run *run, gd_status (*write)(const char *, const gd_checkpoint *, gd_error *),
                            gd_error *err)
{
    const gd_model *model = run->training->model;
    const gd_merge_source tokenizer = { model->dir, model->dir, model->config, model->plan->head_of != NULL };
    gd_save_parts parts = run->training->parts;
    gd_checkpoint checkpoint = { &parts, &run->mark, run->identity, NULL, &tokenizer };
    char *settings;
    gd_status rc = gd_describe_adapter(&settings, run->training, run->what, run->mark.step, err);

    if (rc)
        return rc;
    parts.base = json_string_value(json_object_get(run->what, "base"));
    checkpoint.settings = settings;
    rc = write(output_of(run), &checkpoint, err);
    gd_free(settings);
    return rc;
}

gd_status gd_run_checkpoint(gd_run *run, gd_error *err)
{
    const gd_log_file *steps = &run->log.file[GD_LOG_STEPS], *times = &run->log.file[GD_LOG_TIMES];
    gd_status rc = gd_train_log_sync(&run->log, err);

    run->mark.log_bytes = steps->bytes;
    run->mark.log_digest = steps->digest;
    run->mark.times_bytes = times->bytes;
    run->mark.times_digest = times->digest;
    if (!rc)
        rc = write_with(run, gd_checkpoint_write, err);
    if (!rc)
        run->saved = run->mark.step;
    return rc ? rc : gd_checkpoint_prune(output_of(run), run->mark.step, run->training->settings.options.keep, err);
}

gd_status gd_run_keep_best(gd_run *run, gd_error *err) { return write_with(run, gd_best_write, err); }

/* ---- for readers ---- */

/* The lines of the log without the first; and one that says why the run has ended, unless `why` is NULL. */
static json_t *lines_of(const gd_run *run, const char *why)
{
    json_t *lines = json_copy(run->log.file[GD_LOG_STEPS].lines);

    if (lines &&
        (json_array_remove(lines, 0) || (why && json_array_append_new(lines, json_pack("{s:s}", "stopped", why))))) {
        json_decref(lines);
        lines = NULL;
    }
    return lines;
}

typedef gd_status make_text(char **text, const json_t *run, const json_t *log, const json_t *times, gd_error *err);

static gd_status write_text(const gd_run *run, const char *name, make_text *make, const char *why, gd_error *err)
{
    json_t *lines = lines_of(run, why);
    char *path = gd_path_join(output_of(run), name), *text = NULL;
    gd_status rc = lines && path ? GD_OK : gd_fail_memory(err, 0);

    if (!rc)
        rc = make(&text, run->what, lines, run->log.file[GD_LOG_TIMES].lines, err);
    if (!rc)
        rc = gd_file_replace(path, text, strlen(text), err);
    gd_free(text);
    gd_free(path);
    json_decref(lines);
    return rc;
}

gd_status gd_run_page(gd_run *run, bool now, gd_error *err)
{
    const double time = gd_clock();

    if (!now && time - run->page_time < PAGE_SECONDS)
        return GD_OK;
    run->page_time = time;
    return write_text(run, "report.html", gd_train_page, NULL, err);
}

void gd_run_last_page(gd_run *run, const char *why) { (void)write_text(run, "report.html", gd_train_page, why, NULL); }

gd_status gd_run_finish(gd_run *run, gd_error *err)
{
    bool card; /* of a run that was finished before; its owner may have edited it */
    gd_status rc = write_with(run, gd_result_write, err);

    if (!rc)
        rc = gd_file_hint(&card, output_of(run), "README.md", err);
    if (!rc && !card)
        rc = write_text(run, "README.md", gd_train_card, NULL, err);
    return rc ? rc : gd_run_page(run, true, err);
}
