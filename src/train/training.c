/* training.c - opens everything that a run needs. */
#include "train/training.h"

#include "base/error.h"
#include "base/guard.h"
#include "base/mem.h"
#include "base/pool.h"
#include "engine/bind.h"
#include "engine/settle.h"
#include "quant-free/convert.h"
#include "reward/advice.h"
#include "reward/choose.h"
#include "reward/options.h"
#include "train/learn_head.h"

#include <string.h>

/* Of how many epochs every step is looked at beforehand, to find the largest. */
enum { LOOKED_AT = 64 };

/* The tokens of a text, at most, unless the caller or the training of a merged model says otherwise. */
enum { MAX_LENGTH = 512 };

/* ---- the model and what learns ---- */

static void choose_length(gd_training *t)
{
    gd_encoder *e = &t->model->encoder;

    if (!t->settings.model.max_length && !e->trained.applied[GD_TRAINED_MAX_LENGTH])
        e->max_length = e->max_length && e->max_length < MAX_LENGTH ? e->max_length : MAX_LENGTH;
    t->settings.model.max_length = e->max_length;
}

/* The weights that learn are whole tensors; linears that are rows of one share an adapter. */
static gd_status check_fused(const gd_training *t, gd_error *err)
{
    const gd_plan *plan = t->model->plan;

    for (size_t s = 0; t->settings.full && s < plan->step_count; s++)
        if (plan->steps[s].w[0].cut)
            return gd_fail(err, GD_EUNSUPPORTED,
                           "%s: the tensor %s holds several projections, which an adapter can learn, but every weight "
                           "(full) can't",
                           t->model->dir, plan->steps[s].w[0].name);
    return GD_OK;
}

static gd_status open_model(gd_training *t, gd_error *err)
{
    gd_status rc = gd_model_open_files(&t->model, &t->settings.model, err);

    if (!rc && t->model->plan->labels != 1)
        rc = gd_fail(err, GD_EUNSUPPORTED, "%s: the head has %zu outputs, but that of a reward model has 1",
                     t->model->dir, t->model->plan->labels);
    if (!rc)
        rc = check_fused(t, err);
    if (!rc && t->model->plan->label_count)
        rc = gd_fail(err, GD_EUNSUPPORTED, "%s: the head gives labels, which can be scored with, but not trained",
                     t->model->dir);
    if (!rc && t->model->encoder.places.has_also)
        rc = gd_fail(err, GD_EUNSUPPORTED,
                     "%s: the head reads two places of a text, which can be scored with, but not trained",
                     t->model->dir);
    if (!rc && t->model->encoder.places.place.ids)
        rc = gd_fail(err, GD_EUNSUPPORTED,
                     "%s: the head reads texts at \"%.80s\", which can be scored with, but not trained", t->model->dir,
                     t->model->encoder.places.place.text);
    if (!rc)
        rc = gd_learn_head_check_kind(t, err);
    if (!rc)
        choose_length(t);
    for (size_t i = 0; !rc && i < t->model->encoder.notes.count; i++)
        rc = gd_notes_add(&t->notes, err, "%s", t->model->encoder.notes.text[i]);
    return rc;
}

/* The first values, of PyTorch's generator. */
static gd_status first_values(gd_training *t, gd_error *err)
{
    double deviation = 0.02; /* Transformers' default of initializer_range */
    gd_random random;
    gd_status rc = GD_OK;

    if (gd_config_has(t->model->config, "initializer_range"))
        rc = gd_config_number(t->model->config, "initializer_range", &deviation, err);
    if (rc)
        return rc;
    gd_random_seed(&random, t->settings.seed);
    gd_tuning_begin(&t->tuning, &random, gd_model_head(t->model), gd_model_head_bias(t->model), deviation);
    return GD_OK;
}

static gd_status begin_anew(gd_training *t, gd_error *err)
{
    const gd_train_settings *s = &t->settings;
    const char *targets = s->options.lora_targets ? s->options.lora_targets : "all-linear";
    gd_status rc = gd_targets_open(&t->targets, targets, t->model->plan, err);

    if (!rc)
        rc = gd_learn_head_check(t, err);
    if (!rc)
        rc = gd_tuning_open(&t->tuning, t->model->plan, &t->targets, s->rank, (float)(s->alpha / (double)s->rank), err);
    return rc ? rc : first_values(t, err);
}

/* All of the model: every weight must be there, in its shape. */
static gd_status check_weights(const gd_training *t, gd_error *err)
{
    const gd_engine_parts parts = { .plan = t->model->plan,
                                    .weights = t->model->weights,
                                    .over.made = t->model->made.weights,
                                    .over.made_count = t->model->made.count,
                                    .over.head = &t->tuning.head_view };
    gd_bound *bound;
    const gd_status rc = gd_bind(&bound, &parts, err);

    gd_free(bound);
    return rc;
}

static gd_status open_full(gd_training *t, gd_error *err)
{
    const gd_status rc = gd_tuning_open_full(&t->tuning, t->model->plan, err);

    if (rc != GD_ENOMEM || !t->tuning.parameters)
        return rc;
    return gd_fail(
        err, rc,
        "full is given, but there is no memory for the model's %zu weights, which with gradients and moments "
        "take 16 bytes each; an adapter takes less",
        t->tuning.parameters);
}

static gd_status begin_full(gd_training *t, gd_error *err)
{
    const gd_special_ids *special = &t->model->encoder.special;
    gd_status rc = gd_learn_head_check(t, err);

    if (t->settings.trl && special->has_pad && gd_config_has(t->model->config, "pad_token_id"))
        t->settings.trainer.still = special->pad + (size_t)1; /* PyTorch's padding_idx */
    if (!rc && gd_config_nested(t->model->config))
        return gd_fail(err, GD_EUNSUPPORTED,
                       "%s: full is given, but the model reads images as well, and what it does that with would be "
                       "lost; an adapter is expected",
                       t->model->dir);
    if (!rc)
        rc = open_full(t, err);
    if (!rc)
        rc = check_weights(t, err);
    return rc ? rc : first_values(t, err);
}

static gd_status check_modules(const gd_training *t, gd_error *err)
{
    const gd_plan *plan = t->model->plan;
    const char **modules = gd_alloc(plan->step_count, sizeof *modules);
    gd_status rc;

    if (!modules)
        return gd_fail_memory(err, plan->step_count * sizeof *modules);
    rc = gd_adapter_check(t->init, modules, gd_plan_modules(plan, modules), err);
    gd_free(modules);
    return rc;
}

/* Takes the adapter's values. If they don't fit the model, that may follow from another base. */
static gd_status take_values(gd_training *t, const char *dir, gd_error *err)
{
    gd_error why = { 0 };
    gd_notes aside = { 0 };
    gd_status rc = check_modules(t, &why);

    if (!rc)
        rc = gd_tuning_import(&t->tuning, t->model->plan, t->init, &why);
    if (rc == GD_EFORMAT &&
        gd_advise_base(&aside, t->init, dir, t->settings.model.model, t->model->config, NULL) == GD_OK && aside.count)
        (void)gd_fail(err, rc, "%s, and that has other modules or sizes", aside.text[0]);
    if (rc)
        (void)gd_fail(err, rc, "%s", why.text);
    gd_notes_free(&aside);
    return rc;
}

static gd_status find_targets(gd_training *t, gd_error *err)
{
    const gd_plan *plan = t->model->plan;
    const char **modules = gd_alloc(t->tuning.count, sizeof *modules);
    gd_status rc;

    if (!modules)
        return gd_fail_memory(err, t->tuning.count * sizeof *modules);
    for (size_t i = 0; i < t->tuning.count; i++)
        modules[i] = plan->steps[t->tuning.modules[i].step].lora;
    rc = gd_targets_of(&t->targets, plan, modules, t->tuning.count, err);
    gd_free(modules);
    return rc;
}

/* How this run's texts become tokens; the caller's options may say nothing of it. */
static gd_options text_settings(const gd_training *t)
{
    const gd_encoder *e = &t->model->encoder;
    const char *format = t->settings.model.chat_format ? t->settings.model.chat_format : e->trained.scoring.chat_format;

    return (gd_options){ .max_length = e->max_length,
                         .add_eos = e->add_eos == GD_ADD_EOS_NEVER ? GD_ADD_EOS_OFF : e->add_eos,
                         .chat_format = format ? format : "auto",
                         .turns = e->turns == GD_TURNS_ON ? "on" : "off" };
}

/* Training on is rarely meant to be on another base, or of texts that became tokens in another way. */
static gd_status note_start(gd_training *t, const char *dir, gd_error *err)
{
    const gd_encoder *e = &t->model->encoder;
    const gd_options ours = text_settings(t);
    gd_trained trained;
    gd_choice choice;
    gd_notes aside = { 0 }; /* whose tokenizer the adapter is scored with */
    gd_status rc = gd_advise_base(&t->notes, t->init, dir, t->settings.model.model, t->model->config, err);

    if (rc)
        return rc;
    rc = gd_trained_open(&trained, t->model->dir, dir, err);
    if (!rc)
        rc = gd_choose(&choice, t->model->dir, dir, e->rows, &aside, err);
    if (!rc)
        rc = gd_trained_note_start(&trained, &ours, e->chat, &choice, &t->notes, err);
    gd_notes_free(&aside);
    gd_trained_close(&trained);
    return rc;
}

static gd_status begin_with(gd_training *t, const char *dir, gd_error *err)
{
    const gd_plan *plan = t->model->plan;
    gd_status rc = gd_options_check_adapter(dir, err);

    if (!rc)
        rc = gd_adapter_open(&t->init, dir, plan->head, err);
    if (!rc)
        rc = gd_settle_adapter(t->init, plan, err);
    if (!rc && gd_adapter_embedding(t->init))
        rc = gd_fail(err, GD_EUNSUPPORTED, "%s: the adapter holds an embedding, which can't be trained",
                     gd_adapter_path(t->init));
    if (!rc)
        rc = take_values(t, dir, err);
    if (!rc)
        rc = gd_learn_head_begin(t, err);
    if (!rc)
        rc = note_start(t, dir, err);
    return rc ? rc : find_targets(t, err);
}

static gd_status open_tuning(gd_training *t, gd_error *err)
{
    const char *init = t->settings.options.init_adapter;
    const gd_status rc = init ? begin_with(t, init, err) : t->settings.full ? begin_full(t, err) : begin_anew(t, err);

    if (rc)
        return rc;
    t->parts = (gd_save_parts){ .tuning = &t->tuning,
                                .rank = t->settings.rank,
                                .alpha = t->settings.alpha,
                                .targets = &t->targets };
    if (init && t->tuning.count) {
        const gd_tuned *first = &t->tuning.modules[0];

        t->parts.rank = first->rank;
        t->parts.alpha = (double)t->tuning.lora[first->step].scale * (double)first->rank;
    }
    return GD_OK;
}

/* ---- steps ---- */

const uint32_t *gd_training_items(gd_training *t, size_t step, size_t *count)
{
    const size_t per_step = t->settings.trainer.batch * t->settings.trainer.accumulate;
    const size_t epoch = step / t->settings.epoch_steps, first = step % t->settings.epoch_steps * per_step;
    const size_t left = t->data.train.pairs.set.count - first;

    if (epoch != t->epoch)
        gd_trainer_order(t->order, t->data.train.pairs.set.count, t->settings.seed, epoch);
    t->epoch = epoch;
    *count = left < per_step ? left : per_step;
    return t->order + first;
}

double gd_training_epochs(const gd_training *t, uint64_t steps)
{
    const gd_train_settings *s = &t->settings;
    const size_t items = t->data.train.pairs.set.count, batches = (items + s->trainer.batch - 1) / s->trainer.batch;
    const uint64_t whole = steps / s->epoch_steps, done = steps % s->epoch_steps * s->trainer.accumulate;

    return (double)whole + (double)done / (double)batches;
}

static gd_status plan_steps(gd_training *t, gd_error *err)
{
    const size_t items = t->data.train.pairs.set.count;
    size_t *rows = NULL;
    gd_status rc = gd_train_settings_plan(&t->settings, items, err);

    if (rc)
        return rc;
    t->epoch = SIZE_MAX;
    t->order = gd_alloc(items, sizeof *t->order);
    if (!t->order)
        return gd_fail_memory(err, items * sizeof *t->order);
    rc = gd_train_item_rows(&t->data.train.pairs.set, &rows, err);
    for (size_t s = 0; !rc && s < t->settings.trainer.total && s < LOOKED_AT * t->settings.epoch_steps; s++) {
        size_t count, sum = 0;
        const uint32_t *order = gd_training_items(t, s, &count);

        for (size_t i = 0; i < count; i++)
            sum += rows[order[i]];
        t->rows = sum > t->rows ? sum : t->rows;
    }
    gd_free(rows);
    return rc;
}

/* Texts that were joined because nothing was said are joined in scoring, too; where all were conversations, whoever
 * scores texts decides. */
static void settle_turns(gd_training *t)
{
    if (t->data.train.pairs.joined)
        t->model->encoder.turns = GD_TURNS_OFF;
}

/* ---- the engine ---- */

static size_t longest_of(const gd_train_data *data)
{
    size_t longest = data->train.pairs.longest;

    for (size_t i = 0; i < data->eval_count; i++)
        longest = data->evals[i].pairs.longest > longest ? data->evals[i].pairs.longest : longest;
    return longest;
}

/* Gradients and moments have not been touched yet, nor weights if all learn; an evaluation needs room for its rows. */
static size_t other_bytes(const gd_training *t)
{
    const size_t arrays = t->settings.full ? 4 : 3;
    const size_t parameters = arrays * t->tuning.parameters * sizeof(float);

    return parameters + (t->data.eval_count ? gd_engine_batch_bytes(t->engine, t->rows) : 0);
}

/* The engine's own limit is that of scoring: gd_learner_fit() divides the memory. */
static gd_status open_engine(gd_training *t, gd_error *err)
{
    const gd_options *o = &t->settings.model;
    const size_t layers = t->model->plan->layers;
    gd_engine_parts parts = { .plan = t->model->plan,
                              .weights = t->model->weights,
                              .over.head = t->tuning.head.count ? &t->tuning.head_view : NULL,
                              .over.made = t->model->made.weights,
                              .over.made_count = t->model->made.count,
                              .learning = &t->tuning.learning,
                              .isa = o->isa,
                              .max_positions = t->model->encoder.max_length };
    gd_learner_need need = { .rows = t->rows,
                             .positions = longest_of(&t->data),
                             .memory = o->memory,
                             .keep_least = t->settings.keeping == GD_KEEP_ALL ? layers : 0,
                             .keep_most = t->settings.keeping == GD_KEEP_NONE ? 0 : layers };
    gd_error why = { 0 };
    gd_status rc = gd_backend_find(&t->model->backend, o->backend, t->model->plan->operand, err);

    t->model->threads = o->threads ? o->threads : gd_cpu_count();
    parts.backend = t->model->backend;
    parts.threads = t->model->threads;
    if (!rc)
        rc = gd_pool_open(&t->pool, parts.threads, err);
    if (!rc)
        rc = gd_engine_open(&t->engine, &parts, err);
    if (!rc)
        rc = gd_learner_open(&t->learner, t->engine, &why);
    if (rc == GD_EUNSUPPORTED && why.status && strcmp(t->model->backend->name, "cpu"))
        return gd_fail(err, rc, "%s; training runs on the cpu backend, the default", why.text);
    if (rc)
        return gd_fail(err, rc, "%s", why.text);
    need.other = other_bytes(t);
    return gd_learner_fit(t->learner, &need, &t->budget, err);
}

/* The weights that learn, as the file held them while it did not change: once it is known that there is room. */
static gd_status read_weights(gd_training *t, gd_error *err)
{
    gd_guard_enter();
    gd_tuning_begin_full(&t->tuning, t->model->weights, t->model->made.views, t->model->made.count);
    gd_guard_leave();
    return gd_weights_unchanged(t->model->weights, err);
}

gd_status gd_training_open(gd_training *t, gd_error *err)
{
    gd_status rc = open_model(t, err);

    if (!rc)
        rc = open_tuning(t, err);
    if (!rc)
        rc = gd_train_data_read(&t->data, &t->settings, &t->model->encoder, &t->notes, err);
    if (!rc)
        settle_turns(t);
    if (!rc)
        rc = plan_steps(t, err);
    if (!rc)
        rc = open_engine(t, err);
    return !rc && t->settings.full && !t->settings.model.dry_run ? read_weights(t, err) : rc;
}

void gd_training_close(gd_training *t)
{
    gd_learner_close(t->learner);
    gd_engine_close(t->engine);
    gd_pool_close(t->pool);
    gd_tuning_close(&t->tuning);
    gd_targets_close(&t->targets);
    gd_adapter_close(t->init);
    gd_train_data_free(&t->data);
    gd_notes_free(&t->notes);
    gd_model_close(t->model);
    gd_free(t->order);
}
