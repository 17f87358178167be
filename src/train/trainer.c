/* trainer.c - steps of the optimiser. */
#include "train/trainer.h"

#include "base/error.h"
#include "base/mem.h"

#include <math.h>
#include <string.h>

/* A step under way. */
struct step {
    const gd_trainer *trainer;
    const gd_train_set *set;
    const gd_trainer_options *options;
    const uint32_t *order;
    size_t count, texts;
    gd_train_item *items; /* [count] in the order of the step */
    gd_span *spans;       /* [texts] */
    uint32_t *pooled;     /* [texts] */
    double *each;         /* [texts] room of gd_loss() */
    gd_train_metrics *metrics;
};

static size_t texts_of(const gd_train_set *set, size_t item)
{
    return set->first_text[item + 1] - set->first_text[item];
}

static gd_status gather(struct step *s, gd_error *err)
{
    size_t at = 0;

    for (size_t i = 0; i < s->count; i++)
        s->texts += texts_of(s->set, s->order[i]);
    s->items = gd_alloc(s->count, sizeof *s->items);
    s->spans = gd_alloc(s->texts, sizeof *s->spans);
    s->pooled = gd_alloc(s->texts, sizeof *s->pooled);
    s->each = gd_alloc(s->texts, sizeof *s->each);
    if (!s->items || !s->spans || !s->pooled || !s->each)
        return gd_fail_memory(err, s->texts * (sizeof *s->spans + sizeof *s->each));
    for (size_t i = 0; i < s->count; i++) {
        const size_t first = s->set->first_text[s->order[i]], count = texts_of(s->set, s->order[i]);

        s->items[i] = s->set->items[s->order[i]];
        memcpy(s->spans + at, s->set->texts + first, count * sizeof *s->spans);
        memcpy(s->pooled + at, s->set->pooled + first, count * sizeof *s->pooled);
        at += count;
    }
    for (size_t t = 0; t < s->texts; t++)
        s->metrics->tokens += s->spans[t].len;
    return GD_OK;
}

static void release(struct step *s)
{
    gd_free(s->items);
    gd_free(s->spans);
    gd_free(s->pooled);
    gd_free(s->each);
}

/* Finite scores can have a loss that isn't, by their margin. */
static gd_status fail_loss(struct step *s, const float *scores, gd_error *err)
{
    for (size_t i = 0; i < s->count && s->metrics->culprit == SIZE_MAX; i++)
        for (size_t t = 0; t < s->items[i].text_count; t++)
            if (!isfinite(*scores++))
                s->metrics->culprit = s->order[i];
    return gd_fail(err, GD_EFORMAT, "the loss is not a finite number");
}

/* The losses of the micro-batches, one after the other. */
static gd_status step_loss(void *context, const float *scores, float *gradients, gd_error *err)
{
    struct step *s = context;
    const gd_trainer_options *o = s->options;
    const size_t batches = (s->count + o->batch - 1) / o->batch;
    const double share = 1 / (double)batches, again = o->divide_twice ? (double)o->accumulate : 1;
    const float *all = scores;

    for (size_t first = 0; first < s->count; first += o->batch) {
        const size_t count = s->count - first < o->batch ? s->count - first : o->batch;
        gd_loss_metrics one = { 0 };

        gd_loss(s->items + first, count, scores, o->center, share / again, gradients, s->each, &one);
        gd_loss_add(&s->metrics->loss, &one, share);
        for (size_t i = first; i < first + count; i++) {
            scores += s->items[i].text_count;
            gradients += s->items[i].text_count;
        }
    }
    return isfinite(s->metrics->loss.loss) ? GD_OK : fail_loss(s, all, err);
}

static gd_status learn(struct step *s, gd_learner *learner, gd_error *err)
{
    gd_trie trie;
    gd_status rc = gd_trie_share(&trie, s->spans, s->texts, s->pooled, err);

    s->metrics->rows = trie.rows;
    if (!rc)
        rc = gd_learner_run(learner, &trie, step_loss, s, err);
    gd_trie_free(&trie);
    return rc;
}

/* The gradients of the step's items, and their norm. */
static gd_status find_gradients(struct step *s, gd_error *err)
{
    gd_status rc;

    *s->metrics = (gd_train_metrics){ .culprit = SIZE_MAX };
    rc = gather(s, err);
    if (!rc)
        rc = learn(s, s->trainer->learner, err);
    release(s);
    if (!rc)
        rc = gd_tuning_fetch(s->trainer->tuning, s->trainer->learner, err);
    if (!rc && s->options->still)
        gd_tuning_still(s->trainer->tuning, s->options->still - 1);
    if (!rc)
        s->metrics->norm = gd_tuning_norm(s->trainer->tuning, s->trainer->pool);
    s->metrics->work = gd_learner_work(s->trainer->learner);
    return rc;
}

/* Of a step whose gradient is not finite: the first item that has one by itself. */
static gd_status fail_gradient(const struct step *all, gd_error *err)
{
    gd_status rc = GD_OK;

    for (size_t i = 0; !rc && i < all->count && all->metrics->culprit == SIZE_MAX; i++) {
        gd_train_metrics metrics;
        struct step one = *all;

        one.order = all->order + i;
        one.count = 1;
        one.texts = 0;
        one.metrics = &metrics;
        rc = find_gradients(&one, NULL);
        if (!isfinite(metrics.norm))
            all->metrics->culprit = all->order[i];
    }
    return gd_fail(err, GD_EFORMAT, "the gradient is not a finite number");
}

gd_status gd_trainer_step(const gd_trainer *trainer, const uint32_t *order, size_t count, size_t done,
                          gd_train_metrics *metrics, gd_error *err)
{
    const gd_trainer_options *o = trainer->options;
    struct step s = { .trainer = trainer,
                      .set = trainer->set,
                      .options = o,
                      .order = order,
                      .count = count,
                      .metrics = metrics };
    const gd_status rc = find_gradients(&s, err);
    gd_adam_moment at;

    if (rc)
        return rc;
    if (!isfinite(metrics->norm))
        return fail_gradient(&s, err);
    metrics->rate = o->rate * gd_schedule_factor(o->schedule, done, o->warmup, o->total);
    at = (gd_adam_moment){ done + 1, metrics->rate, gd_clip_factor(metrics->norm, o->clip) };
    gd_tuning_step(trainer->tuning, &o->adam, &at, trainer->pool);
    gd_learner_renew(trainer->learner);
    return GD_OK;
}

void gd_trainer_order(uint32_t *order, size_t count, uint32_t seed, size_t epoch)
{
    gd_random random;

    gd_random_seed(&random, seed + (uint32_t)epoch);
    gd_random_permutation(&random, order, count);
}
