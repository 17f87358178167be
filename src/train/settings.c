/* settings.c - checks a caller's options. */
#include "train/settings.h"

#include "base/error.h"
#include "base/sized.h"
#include "reward/options.h"

#include <math.h>
#include <string.h>

enum { RANK = 32, BATCH = 4, ACCUMULATE = 4, SAVE_EVERY = 100, KEEP = 3, SEED = 42, WARMUP = 100 };
#define RATE 1e-5
#define CLIP 1.0
#define MOST_COUNT 1e9

void gd_train_options_init_sized(gd_train_options *options, size_t struct_size) { gd_sized_init(options, struct_size); }

/* A number, `otherwise` if it is not given, within its range. */
static gd_status number(double *out, gd_number given, double otherwise, const char *name, double least, gd_error *err)
{
    *out = given.given ? given.value : otherwise;
    if (isfinite(*out) && *out >= least && *out <= MOST_COUNT)
        return GD_OK;
    return gd_fail(err, GD_EUSAGE, "%s is %g, but a number from %g to %g is expected", name, *out, least, MOST_COUNT);
}

/* The same above 0. */
static gd_status positive(double *out, gd_number given, double otherwise, const char *name, gd_error *err)
{
    const gd_status rc = number(out, given, otherwise, name, 0, err);

    return rc || *out > 0 ? rc : gd_fail(err, GD_EUSAGE, "%s is 0, but a number above 0 is expected", name);
}

static gd_status count(size_t *out, size_t given, size_t otherwise, const char *name, gd_error *err)
{
    *out = given ? given : otherwise;
    if (*out <= (size_t)MOST_COUNT)
        return GD_OK;
    return gd_fail(err, GD_EUSAGE, "%s is %zu, but at most %g is expected", name, *out, MOST_COUNT);
}

/* The index of a word in a list that ends with NULL; the first one if it is not given. */
static gd_status word(unsigned *out, const char *given, const char *const *words, const char *name,
                      const char *expected, gd_error *err)
{
    for (*out = 0; words[*out]; ++*out)
        if (!given || !strcmp(given, words[*out]))
            return GD_OK;
    return gd_fail(err, GD_EUSAGE, "%s is \"%.100s\", but %s is expected", name, given, expected);
}

static gd_status read_words(gd_train_settings *s, gd_error *err)
{
    static const char *const schedules[] = { "cosine", "linear", "constant", NULL };
    static const char *const keeping[] = { "auto", "on", "off", NULL };
    static const char *const compat[] = { "", "trl", NULL };
    const gd_train_options *o = &s->options;
    unsigned at;
    gd_status rc = word(&at, o->schedule, schedules, "schedule", "cosine, linear or constant", err);

    s->trainer.schedule = (gd_schedule)at;
    if (!rc)
        rc = word(&at, o->checkpoint_layers, keeping, "checkpoint_layers", "auto, on or off", err);
    s->keeping = (gd_keeping)at;
    if (!rc)
        rc = word(&at, o->compat, compat, "compat", "trl", err);
    s->trl = at == 1;
    return rc;
}

static gd_status read_optimiser(gd_train_settings *s, gd_error *err)
{
    const gd_train_options *o = &s->options;
    gd_trainer_options *t = &s->trainer;
    gd_status rc = positive(&t->rate, o->learning_rate, RATE, "learning_rate", err);

    t->adam = (gd_adam){ .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8 };
    t->divide_twice = s->trl;
    if (!rc)
        rc = number(&t->adam.decay, o->weight_decay, 0, "weight_decay", 0, err);
    if (!rc)
        rc = number(&t->clip, o->clip, CLIP, "clip", 0, err);
    if (!rc)
        rc = number(&t->center, o->center_rewards, 0, "center_rewards", 0, err);
    if (!rc)
        rc = count(&t->batch, o->batch_size, BATCH, "batch_size", err);
    return rc ? rc : count(&t->accumulate, o->grad_accum, ACCUMULATE, "grad_accum", err);
}

/* A whole number that is not negative. */
static gd_status whole(double *out, gd_number given, double otherwise, const char *name, double most, gd_error *err)
{
    *out = given.given ? given.value : otherwise;
    if (*out >= 0 && *out <= most && *out == floor(*out))
        return GD_OK;
    return gd_fail(err, GD_EUSAGE, "%s is %g, but a whole number from 0 to %.10g is expected", name, *out, most);
}

static gd_status read_lora(gd_train_settings *s, gd_error *err)
{
    const gd_train_options *o = &s->options;
    const char *other = o->lora_r             ? "lora_r"
                        : o->lora_alpha.given ? "lora_alpha"
                        : o->lora_targets     ? "lora_targets"
                                              : NULL;
    gd_status rc = count(&s->rank, o->lora_r, RANK, "lora_r", err);

    s->full = o->full != 0;
    if (!rc)
        rc = positive(&s->alpha, o->lora_alpha, 2 * (double)s->rank, "lora_alpha", err);
    if (!rc && s->full && (other || o->init_adapter))
        rc = gd_fail(err, GD_EUSAGE,
                     "%s is given with full, by which every weight learns, and no adapter; leave one of them out",
                     other ? other : "init_adapter");
    if (!rc && o->init_adapter && other)
        rc = gd_fail(err, GD_EUSAGE,
                     "%s is given with init_adapter, whose ranks, scales and modules are kept; leave it out", other);
    return rc;
}

static gd_status check_counts(const gd_train_settings *s, gd_error *err)
{
    const gd_train_options *o = &s->options;
    const struct {
        const char *name;
        bool given;
    } need_evals[] = { { "eval_every", o->eval_every != 0 }, { "best", o->best != NULL }, { "by", o->by != NULL } };

    for (size_t i = 0; !o->eval_count && i < sizeof need_evals / sizeof need_evals[0]; i++)
        if (need_evals[i].given)
            return gd_fail(err, GD_EUSAGE, "%s is given, but there are no data to evaluate on (eval)",
                           need_evals[i].name);
    if (o->patience && !o->best)
        return gd_fail(err, GD_EUSAGE, "patience is %zu, but no metric to watch is given (best)", o->patience);
    if (o->patience && !o->eval_every)
        return gd_fail(err, GD_EUSAGE, "patience is %zu, but the only evaluation is the last one (eval_every)",
                       o->patience);
    if (o->max_steps && o->epochs.given)
        return gd_fail(err, GD_EUSAGE, "both max_steps and epochs are given, but only one of them is expected");
    return GD_OK;
}

/* What texts become: as in scoring, but nothing is cut. */
static gd_status read_model(gd_train_settings *s, gd_error *err)
{
    gd_options *m = &s->model;
    gd_arithmetic arithmetic;
    const gd_status rc = gd_options_arithmetic(m, &arithmetic, err);

    if (rc)
        return rc;
    if (m->adapter || m->more_adapter_count)
        return gd_fail(err, GD_EUSAGE,
                       "an adapter is given, but training does not apply one; to begin with its values, use "
                       "init_adapter; to train on top of it, merge it first");
    if (m->truncate != GD_TRUNCATE_ERROR && m->truncate != GD_TRUNCATE_DROP)
        return gd_fail(err, GD_EUSAGE,
                       "truncate is given, but training cuts no text: records with one that is too "
                       "long are left out");
    if (m->normalize || m->activation)
        return gd_fail(err, GD_EUSAGE, "%s is given, but training has no use for it",
                       m->normalize ? "normalize" : "activation");
    if (arithmetic != GD_EXACT)
        return gd_fail(err, GD_EUSAGE, "numerics is %s, but training computes in exact arithmetic; leave it out",
                       m->numerics);
    m->truncate = GD_TRUNCATE_DROP;
    if (s->trl && m->add_eos == GD_ADD_EOS_NEVER)
        m->add_eos = GD_ADD_EOS_AUTO;
    return GD_OK;
}

gd_status gd_train_settings_read(gd_train_settings *out, const gd_options *model, const gd_train_options *options,
                                 gd_error *err)
{
    static const gd_sized kind = GD_SIZED(gd_train_options, context);
    gd_train_options *o = &out->options;
    double seed = SEED;
    gd_status rc;

    *out = (gd_train_settings){ 0 };
    rc = gd_sized_read(o, &kind, options, err);
    if (!rc)
        rc = gd_options_read(&out->model, model, err);
    if (!rc && (!o->train || (!out->model.dry_run && (!o->output || !*o->output))))
        rc = gd_fail(err, GD_EUSAGE, o->train ? "no output was given" : "no training data were given");
    if (!rc)
        rc = read_words(out, err);
    if (!rc)
        rc = read_model(out, err);
    if (!rc)
        rc = read_lora(out, err);
    if (!rc)
        rc = read_optimiser(out, err);
    if (!rc)
        rc = positive(&out->epochs, o->epochs, 1, "epochs", err);
    if (!rc)
        rc = whole(&seed, o->seed, SEED, "seed", UINT32_MAX, err);
    out->seed = (uint32_t)seed;
    if (!rc)
        rc = count(&o->save_every, o->save_every, SAVE_EVERY, "save_every", err);
    if (!rc)
        rc = count(&o->keep, o->keep, KEEP, "keep", err);
    return rc ? rc : check_counts(out, err);
}

gd_status gd_train_settings_plan(gd_train_settings *s, size_t items, gd_error *err)
{
    gd_trainer_options *t = &s->trainer;
    const size_t batches = (items + t->batch - 1) / t->batch;
    double steps, warmup;
    gd_status rc;

    s->epoch_steps = (batches + t->accumulate - 1) / t->accumulate;
    steps = s->options.max_steps ? (double)s->options.max_steps : ceil(s->epochs * (double)s->epoch_steps);
    if (steps > MOST_COUNT)
        return gd_fail(err, GD_EUSAGE, "the run would have %g steps, but at most %g are expected", steps, MOST_COUNT);
    t->total = (size_t)steps;
    rc = whole(&warmup, s->options.warmup_steps, fmin(WARMUP, floor(steps / 10)), "warmup_steps", MOST_COUNT, err);
    t->warmup = (size_t)warmup;
    return rc;
}
