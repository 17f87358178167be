/* run_eval.c - the evaluations of a run. */
#include "train/run.h"

#include "base/error.h"
#include "base/mem.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

static const struct metric {
    const char *name;
    size_t at; /* in gd_loss_metrics */
    bool less; /* the smaller is the better */
} metrics[] = {
    { "loss", offsetof(gd_loss_metrics, loss), true },
    { "accuracy", offsetof(gd_loss_metrics, accuracy), false },
    { "margin", offsetof(gd_loss_metrics, margin), false },
    { "min_reward", offsetof(gd_loss_metrics, least), false },
    { "mean_reward", offsetof(gd_loss_metrics, mean), false },
    { "max_reward", offsetof(gd_loss_metrics, most), false },
};

enum { METRICS = sizeof metrics / sizeof metrics[0], ALL = -1 };

static double value_of(const gd_loss_metrics *m, size_t metric)
{
    double value;

    memcpy(&value, (const char *)m + metrics[metric].at, sizeof value);
    return value;
}

/* "eval_accuracy", "eval_NAME_accuracy", "eval_NAME_FIELD=VALUE_accuracy": of a group of a set, or of all. */
static const char *key_of(gd_buf *key, const gd_run *run, const gd_train_input *eval, int group, size_t metric)
{
    gd_buf_clear(key);
    gd_buf_printf(key, "eval_%s%s", eval->name, *eval->name ? "_" : "");
    if (group != ALL)
        gd_buf_printf(key, "%s=%s_", run->training->settings.options.by, eval->pairs.groups.names[group]);
    gd_buf_str(key, metrics[metric].name);
    return gd_buf_cstr(key);
}

static int groups_of(const gd_run *run, const gd_train_input *eval)
{
    return run->training->settings.options.by ? (int)eval->pairs.groups.count : 0;
}

gd_status gd_run_check_best(const gd_run *run, gd_error *err)
{
    const gd_train_data *data = &run->training->data;
    const char *best = run->training->settings.options.best;
    gd_buf key = { 0 };
    bool found = !best, failed = false;

    for (size_t i = 0; !found && i < data->eval_count; i++)
        for (int g = ALL; g < groups_of(run, &data->evals[i]); g++)
            for (size_t m = 0; m < METRICS; m++) {
                const char *name = key_of(&key, run, &data->evals[i], g, m);

                failed |= !name;
                found |= name && !strcmp(name, best);
            }
    if (!found && !failed && key_of(&key, run, &data->evals[0], ALL, 1))
        (void)gd_fail(err, GD_EUSAGE, "best is \"%.100s\", but the name of a metric is expected, such as %.100s", best,
                      key.data);
    gd_buf_free(&key);
    return failed ? gd_fail_memory(err, 0) : found ? GD_OK : GD_EUSAGE;
}

/* ---- the line of a set ---- */

/* What `best` watches: its value in this evaluation. */
struct watched {
    bool found, less;
    double value;
};

static void add_metrics(const gd_run *run, const gd_train_input *eval, int group, const gd_loss_metrics *m,
                        gd_buf *line, struct watched *watched)
{
    const char *best = run->training->settings.options.best;
    gd_buf key = { 0 };

    for (size_t i = 0; i < METRICS && !line->failed; i++) {
        const char *name = key_of(&key, run, eval, group, i);

        line->failed |= !name;
        if (!name)
            break;
        gd_log_number(line, name, value_of(m, i));
        if (best && !strcmp(name, best))
            *watched = (struct watched){ true, metrics[i].less, value_of(m, i) };
    }
    gd_buf_free(&key);
}

/* A line for the user; that of the last step is in the result. */
static void tell_metrics(gd_run *run, const gd_train_input *eval, const gd_loss_metrics *m)
{
    const size_t total = run->training->settings.trainer.total;
    char text[256];

    if (run->mark.step == total)
        return;
    (void)snprintf(text, sizeof text, "step %llu of %zu, %.100s: accuracy %.4f, loss %.4f",
                   (unsigned long long)run->mark.step, total, *eval->name ? eval->name : "held out", m->accuracy,
                   m->loss);
    gd_run_note(run, text);
}

static gd_status add_line(gd_run *run, const gd_evaluator *evaluator, const gd_train_input *eval, const float *scores,
                          struct watched *watched, gd_error *err)
{
    const gd_pairs *pairs = &eval->pairs;
    gd_loss_metrics m;
    gd_buf line = { 0 };
    gd_status rc = gd_evaluated(evaluator, &pairs->set, scores, NULL, 0, &m, err);

    if (!rc) {
        add_metrics(run, eval, ALL, &m, &line, watched);
        tell_metrics(run, eval, &m);
    }
    for (int g = 0; !rc && g < groups_of(run, eval); g++) {
        rc = gd_evaluated(evaluator, &pairs->set, scores, pairs->group, (uint32_t)g, &m, err);
        if (!rc)
            add_metrics(run, eval, g, &m, &line, watched);
    }
    gd_log_number(&line, "epoch", gd_training_epochs(run->training, run->mark.step));
    gd_log_number(&line, "step", (double)run->mark.step);
    return gd_train_log_end(&run->log, GD_LOG_STEPS, &line, rc, err);
}

/* A score that is not finite would make null of every mean. */
static gd_status check_scores(const gd_train_input *eval, const float *scores, gd_error *err)
{
    const gd_train_set *set = &eval->pairs.set;

    for (size_t i = 0; i < set->count; i++)
        for (size_t t = set->first_text[i]; t < set->first_text[i + 1]; t++)
            if (!isfinite(scores[t]))
                return gd_fail(err, GD_EFORMAT,
                               "the score of a text is not a finite number, in record %llu (counted from 0) of %.200s",
                               (unsigned long long)eval->pairs.index[i], eval->path);
    return GD_OK;
}

static size_t texts_of(const gd_train_input *eval) { return eval->pairs.set.first_text[eval->pairs.set.count]; }

/* An evaluation under way: `scored` are the texts of the sets before. */
struct under_way {
    gd_run *run;
    size_t scored;
};

static bool goes_on(void *context, size_t scored)
{
    const struct under_way *now = context;

    now->run->report.scored = now->scored + scored;
    if (!now->run->stop)
        gd_run_tell(now->run);
    return !now->run->stop;
}

/* The scores of all sets, one after the other. */
static gd_status score_sets(gd_run *run, const gd_evaluator *evaluator, float *scores, gd_error *err)
{
    const gd_train_data *data = &run->training->data;
    struct under_way now = { .run = run };
    gd_evaluator asks = *evaluator;
    gd_status rc = GD_OK;

    asks.goes_on = goes_on;
    asks.context = &now;
    for (size_t i = 0; !rc && i < data->eval_count; i++) {
        rc = gd_evaluate(&asks, &data->evals[i].pairs.set, scores + now.scored, err);
        if (!rc)
            rc = check_scores(&data->evals[i], scores + now.scored, err);
        now.scored += texts_of(&data->evals[i]);
    }
    run->report.scored = run->report.to_score = 0;
    return rc;
}

/* The log has the lines of all sets or of none, so that an evaluation that was stopped is one that was not begun. */
static gd_status evaluate_sets(gd_run *run, const gd_evaluator *evaluator, struct watched *watched, gd_error *err)
{
    const gd_train_data *data = &run->training->data;
    size_t texts = 0;
    float *scores;
    gd_status rc;

    for (size_t i = 0; i < data->eval_count; i++)
        texts += texts_of(&data->evals[i]);
    run->report.to_score = texts;
    scores = gd_alloc(texts, sizeof *scores);
    rc = scores ? score_sets(run, evaluator, scores, err) : gd_fail_memory(err, texts * sizeof *scores);
    for (size_t i = 0, first = 0; !rc && i < data->eval_count; i++) {
        rc = add_line(run, evaluator, &data->evals[i], scores + first, watched, err);
        first += texts_of(&data->evals[i]);
    }
    gd_free(scores);
    return rc;
}

/* ---- the best ---- */

static gd_status stop_early(gd_run *run, gd_error *err)
{
    const gd_train_options *o = &run->training->settings.options;
    char reason[128];
    gd_buf line = { 0 };

    (void)snprintf(reason, sizeof reason, "%.60s has not improved in %zu evaluations", o->best, o->patience);
    run->mark.finished = true;
    gd_buf_str(&line, "{\"stopped\":");
    gd_buf_json_string(&line, reason, strlen(reason));
    gd_log_number(&line, "step", (double)run->mark.step);
    return gd_train_log_end(&run->log, GD_LOG_STEPS, &line, GD_OK, err);
}

static gd_status judge(gd_run *run, const struct watched *now, gd_error *err)
{
    gd_train_mark *mark = &run->mark;
    const size_t patience = run->training->settings.options.patience;
    const bool better = mark->best_step == 0 || (now->less ? now->value < mark->best : now->value > mark->best);

    if (!now->found)
        return GD_OK;
    mark->waited = better ? 0 : mark->waited + 1;
    if (better) {
        mark->best = now->value;
        mark->best_step = mark->step;
        return gd_run_keep_best(run, err);
    }
    return patience && mark->waited >= patience && !mark->finished ? stop_early(run, err) : GD_OK;
}

bool gd_run_owes_evaluation(const gd_run *run)
{
    const gd_training *t = run->training;
    const json_t *lines = run->log.file[GD_LOG_STEPS].lines;
    const json_t *last = json_array_get(lines, json_array_size(lines) - 1);
    const uint64_t step = run->mark.step;

    return t->data.eval_count &&
           (step == t->settings.trainer.total || gd_run_is_due(step, t->settings.options.eval_every)) &&
           json_object_get(last, "loss");
}

gd_status gd_run_evaluate(gd_run *run, gd_error *err)
{
    const gd_training *t = run->training;
    const gd_evaluator evaluator = { .engine = t->engine,
                                     .rows = t->rows,
                                     .batch = t->settings.trl ? t->settings.trainer.batch : 0,
                                     .center = t->settings.trainer.center };
    struct watched watched = { 0 };
    gd_error why = { 0 };
    const gd_status rc = evaluate_sets(run, &evaluator, &watched, &why);

    if (rc)
        return rc == GD_EINTERRUPTED ? GD_OK : gd_fail(err, rc, "%s", why.text);
    run->evaluated = run->mark.step;
    return judge(run, &watched, err);
}
