/* foresight.c - how long a run would take, going by one of the model's matrix products. */
#include "train/foresight.h"

#include "base/error.h"
#include "base/mem.h"
#include "reward/rehearsal.h"

/* Everything besides the matrix products adds about this much, in steps and in evaluations; and a step of the optimiser
 * takes about so many seconds for each parameter on one thread. */
#define STEP_WORK 1.4
#define EVAL_WORK 1.25
#define UPDATE_SECONDS 1e-8

/* The first step of the plan whose gradient is needed. */
static size_t first_learner(const gd_training *t)
{
    return t->settings.full ? 0 : t->tuning.count ? t->tuning.modules[0].step : t->model->plan->step_count;
}

/* The operations of one step of the plan for a line: forward, again in the backward pass, and backward. */
static double operations_of(const gd_training *t, size_t stage, size_t step, bool trains)
{
    const gd_plan *plan = t->model->plan;
    const size_t *shape = plan->steps[step].w[0].shape;
    const double whole = 2.0 * (double)shape[0] * (double)shape[1];
    const double small = t->tuning.lora ? 2.0 * (double)t->tuning.lora[step].rank * (double)(shape[0] + shape[1]) : 0;
    const int layer = plan->stages[stage].layer;
    const bool kept = layer < 0 || (size_t)layer + t->budget.keep >= plan->layers;
    const double forward = whole + small;

    if (plan->steps[step].op != GD_OP_linear)
        return 0;
    if (!trains || step < first_learner(t))
        return forward;
    return (kept ? 1 : 2) * forward + (t->settings.full ? 2 : 1) * whole + 2 * small;
}

/* Of rows, and of texts. */
struct work {
    double row, text;
};

static struct work work_of(const gd_training *t, bool trains)
{
    const gd_plan *plan = t->model->plan;
    struct work work = { 0 };

    for (size_t i = 0; i < plan->stage_count; i++) {
        const gd_plan_stage *stage = &plan->stages[i];

        for (size_t s = stage->first_step; s < stage->first_step + stage->step_count; s++)
            *(stage->pooled ? &work.text : &work.row) += operations_of(t, i, s, trains);
    }
    return work;
}

/* ---- steps ---- */

/* Steps that are looked at, from the first to the last. */
enum { SAMPLE = 64 };

/* The rows and texts of one step. */
static gd_status add_step(struct work *lines, gd_training *t, size_t step, gd_error *err)
{
    const gd_train_set *set = &t->data.train.pairs.set;
    size_t count, texts = 0, *sorted = NULL;
    const uint32_t *order = gd_training_items(t, step, &count);
    gd_span *spans;
    gd_status rc;

    for (size_t i = 0; i < count; i++)
        texts += set->first_text[order[i] + 1] - set->first_text[order[i]];
    spans = gd_alloc(texts, sizeof *spans);
    if (!spans)
        return gd_fail_memory(err, texts * sizeof *spans);
    for (size_t i = 0, at = 0; i < count; i++)
        for (size_t k = set->first_text[order[i]]; k < set->first_text[order[i] + 1]; k++)
            spans[at++] = set->texts[k];
    rc = gd_span_sort(&sorted, spans, texts, err);
    if (!rc) {
        lines->row += (double)gd_span_rows(spans, sorted, texts);
        lines->text += (double)texts;
    }
    gd_free(sorted);
    gd_free(spans);
    return rc;
}

static gd_status count_steps(double *operations, gd_training *t, gd_error *err)
{
    const struct work work = work_of(t, true);
    const size_t total = t->settings.trainer.total, looks = total < SAMPLE ? total : SAMPLE;
    struct work lines = { 0 };
    gd_status rc = GD_OK;

    for (size_t i = 0; !rc && i < looks; i++)
        rc = add_step(&lines, t, (size_t)((double)i * (double)total / (double)looks), err);
    *operations = (lines.row * work.row + lines.text * work.text) * (double)total / (double)looks;
    return rc;
}

/* ---- evaluations ---- */

static gd_status count_evaluations(double *operations, const gd_training *t, gd_error *err)
{
    const struct work work = work_of(t, false);
    const size_t total = t->settings.trainer.total, every = t->settings.options.eval_every;
    gd_status rc = GD_OK;

    *operations = 0;
    for (size_t e = 0; !rc && e < t->data.eval_count; e++) {
        const gd_train_set *set = &t->data.evals[e].pairs.set;
        size_t *rows = NULL;

        rc = gd_train_item_rows(set, &rows, err);
        *operations += (double)set->first_text[set->count] * work.text;
        for (size_t i = 0; !rc && i < set->count; i++)
            *operations += (double)rows[i] * work.row;
        gd_free(rows);
    }
    *operations *= every ? (double)((total + every - 1) / every) : 1;
    return rc;
}

gd_status gd_foresee(gd_foresight *out, gd_training *t, gd_error *err)
{
    double steps, evaluations, speed;
    gd_status rc = gd_rehearsal_speed(t->model, t->engine, &speed, err);

    if (!rc)
        rc = count_steps(&steps, t, err);
    if (!rc)
        rc = count_evaluations(&evaluations, t, err);
    if (rc)
        return rc;
    out->step_work = steps;
    out->seconds = (STEP_WORK * steps + EVAL_WORK * evaluations) * speed +
                   UPDATE_SECONDS * (double)t->tuning.parameters * (double)t->settings.trainer.total /
                       (double)t->model->threads;
    return GD_OK;
}
