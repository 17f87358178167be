/* run.c - gd_train(): the steps of a run. */
#include "train/run.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "train/describe.h"

#include <math.h>
#include <stdio.h>
#include <unistd.h>

/* How much of the running mean of an item's time a step changes. */
#define RECENT 0.2

/* ---- reports ---- */

void gd_run_tell(gd_run *run)
{
    const gd_train_options *o = &run->training->settings.options;

    if (o->report && o->report(o->context, &run->report))
        run->stop = true;
}

void gd_run_note(gd_run *run, const char *text)
{
    run->report.note = text;
    gd_run_tell(run);
    run->report.note = NULL;
}

/* Tells the user all that is known by now, and where to look from now on. */
static void tell_notes(gd_run *run)
{
    const gd_notes *notes = &run->training->notes;

    run->report.step = run->mark.step;
    run->report.steps = run->training->settings.trainer.total;
    run->report.seconds_left = NAN;
    for (size_t i = 0; i < notes->count; i++)
        gd_run_note(run, notes->text[i]);
    if (!run->mark.finished) {
        char text[512];

        (void)snprintf(text, sizeof text, "the curves are in %.400s/report.html, and every step in log.jsonl beside it",
                       run->training->settings.options.output);
        gd_run_note(run, text);
    }
}

static void tell_step(gd_run *run, const gd_train_metrics *m)
{
    const gd_train_settings *s = &run->training->settings;
    const size_t left = s->trainer.total - (size_t)run->mark.step, per_step = s->trainer.batch * s->trainer.accumulate;

    run->report = (gd_train_report){ .step = run->mark.step,
                                     .steps = s->trainer.total,
                                     .epoch = gd_training_epochs(run->training, run->mark.step),
                                     .loss = m->loss.loss,
                                     .accuracy = m->loss.accuracy,
                                     .learning_rate = m->rate,
                                     .gradient_norm = m->norm,
                                     .pairs_per_second = 1 / run->item_seconds,
                                     .seconds_left = run->item_seconds * (double)left * (double)per_step };
    gd_run_tell(run);
}

/* ---- a step ---- */

static gd_status add_step(gd_run *run, const gd_train_metrics *m, gd_error *err)
{
    gd_buf line = { 0 };

    gd_log_number(&line, "loss", m->loss.loss);
    gd_log_number(&line, "grad_norm", m->norm);
    gd_log_number(&line, "learning_rate", m->rate);
    gd_log_number(&line, "num_tokens", (double)run->mark.tokens);
    gd_log_number(&line, "min_reward", m->loss.least);
    gd_log_number(&line, "mean_reward", m->loss.mean);
    gd_log_number(&line, "max_reward", m->loss.most);
    gd_log_number(&line, "accuracy", m->loss.accuracy);
    gd_log_number(&line, "margin", m->loss.margin);
    gd_log_number(&line, "epoch", gd_training_epochs(run->training, run->mark.step));
    gd_log_number(&line, "step", (double)run->mark.step);
    return gd_train_log_end(&run->log, GD_LOG_STEPS, &line, GD_OK, err);
}

static gd_status add_time(gd_run *run, const gd_train_metrics *m, size_t items, double seconds, gd_error *err)
{
    gd_buf line = { 0 };

    gd_log_number(&line, "step", (double)run->mark.step);
    gd_log_number(&line, "seconds", round(seconds * 1e4) / 1e4);
    gd_log_number(&line, "tokens", (double)m->tokens);
    gd_log_number(&line, "rows", (double)m->rows);
    gd_log_number(&line, "pairs", (double)items);
    gd_log_number(&line, "linear_gflop", round(m->work * 1e-6) / 1000);
    return gd_train_log_end(&run->log, GD_LOG_TIMES, &line, GD_OK, err);
}

/* Names the record whose loss or gradient is not finite. */
static gd_status fail_step(const gd_run *run, const gd_train_metrics *m, const gd_error *why, gd_error *err)
{
    const gd_train_input *train = &run->training->data.train;

    if (m->culprit == SIZE_MAX)
        return gd_fail(err, why->status, "step %llu: %s; this step changed nothing",
                       (unsigned long long)run->mark.step + 1, why->text);
    return gd_fail(err, why->status,
                   "step %llu: %s, because of record %llu (counted from 0) of %.200s; this step changed nothing",
                   (unsigned long long)run->mark.step + 1, why->text,
                   (unsigned long long)train->pairs.index[m->culprit], train->path);
}

static gd_status do_step(gd_run *run, gd_error *err)
{
    gd_training *t = run->training;
    const gd_trainer trainer = { t->learner, &t->tuning, &t->data.train.pairs.set, &t->settings.trainer, t->pool };
    const double start = gd_clock();
    size_t count;
    const uint32_t *order = gd_training_items(t, (size_t)run->mark.step, &count);
    gd_train_metrics m;
    gd_error why = { 0 };
    double seconds;
    gd_status rc = gd_trainer_step(&trainer, order, count, (size_t)run->mark.step, &m, &why);

    if (rc)
        return rc == GD_EFORMAT ? fail_step(run, &m, &why, err) : gd_fail(err, rc, "%s", why.text);
    seconds = gd_clock() - start;
    run->item_seconds = run->item_seconds > 0 ? (1 - RECENT) * run->item_seconds + RECENT * seconds / (double)count
                                              : seconds / (double)count;
    run->mark.step++;
    run->mark.tokens += m.tokens;
    rc = add_step(run, &m, err);
    if (!rc)
        rc = add_time(run, &m, count, seconds, err);
    if (!rc)
        tell_step(run, &m);
    return rc;
}

/* ---- all steps ---- */

/* After a step: the evaluation comes before the checkpoint, which so holds its lines, too; unless the run is stopped
 * before the evaluation ends. */
static gd_status after_step(gd_run *run, gd_error *err)
{
    const gd_train_settings *s = &run->training->settings;
    gd_status rc = GD_OK;

    run->mark.finished |= run->mark.step == s->trainer.total;
    if (gd_run_owes_evaluation(run))
        rc = gd_run_evaluate(run, err);
    if (!rc && (run->mark.finished || run->stop || gd_run_is_due(run->mark.step, s->options.save_every)))
        rc = gd_run_checkpoint(run, err);
    return rc ? rc : gd_run_page(run, run->evaluated == run->mark.step, err);
}

static gd_status run_all(gd_run *run, gd_error *err)
{
    gd_status rc = gd_run_page(run, true, err);
    bool owes;

    if (!rc && gd_run_owes_evaluation(run)) /* a run that was stopped before it */
        rc = after_step(run, err);
    while (!rc && !run->mark.finished && !run->stop) {
        rc = do_step(run, err);
        if (!rc)
            rc = after_step(run, err);
    }
    owes = gd_run_owes_evaluation(run);
    if (!rc && run->mark.finished && !owes)
        return gd_run_finish(run, err);
    gd_run_last_page(run, rc ? "an error, which the run reported"
                             : "the run was interrupted; the same command continues it");
    return rc ? rc
              : gd_fail(err, GD_EINTERRUPTED, "stopped after %llu of %zu steps%s; the same command continues the run",
                        (unsigned long long)run->mark.step, run->training->settings.trainer.total,
                        owes ? ", before an evaluation" : "");
}

/* ---- the call ---- */

static void close_run(gd_run *run)
{
    gd_train_log_close(&run->log);
    if (run->lock >= 0)
        (void)close(run->lock);
    json_decref(run->what);
    json_decref(run->identity);
}

static gd_status train(gd_training *training, char **json, gd_error *err)
{
    gd_run run = { .training = training, .lock = -1, .evaluated = UINT64_MAX, .start = gd_clock() };
    gd_status rc = gd_run_check_best(&run, err);

    run.log.file[GD_LOG_STEPS].fd = run.log.file[GD_LOG_TIMES].fd = -1;
    if (!rc)
        rc = gd_run_begin(&run, err);
    if (!rc)
        tell_notes(&run);
    if (!rc)
        rc = run_all(&run, err);
    if (!rc)
        rc = gd_run_result(&run, json, err);
    close_run(&run);
    return rc;
}

static gd_status rehearse(gd_training *training, char **json, gd_error *err)
{
    gd_run run = { .training = training, .lock = -1, .log.file = { { .fd = -1 }, { .fd = -1 } } };
    const gd_status rc = gd_run_foresee(&run, err);

    close_run(&run);
    return rc ? rc : gd_run_rehearsal(training, json, err);
}

gd_status gd_train(const gd_options *model, const gd_train_options *options, char **json, gd_error *err)
{
    gd_training training = { 0 };
    gd_status rc = gd_train_settings_read(&training.settings, model, options, err);

    *json = NULL;
    if (!rc)
        rc = gd_training_open(&training, err);
    if (!rc)
        rc = gd_describe_notes(&training, err);
    if (!rc)
        rc = training.settings.model.dry_run ? rehearse(&training, json, err) : train(&training, json, err);
    gd_training_close(&training);
    return rc;
}
