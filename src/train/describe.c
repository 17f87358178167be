/* describe.c - a run in JSON. */
#include "train/describe.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/result.h"
#include "text/tokenizer.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const schedules[] = { "cosine", "linear", "constant" };
static const char *const eos[] = { "never", "auto", "always", "never" };
static const char *const turns[] = { "auto", "on", "off" };

static const char *given_or(const char *text, const char *otherwise) { return text ? text : otherwise; }

/* ---- parts ---- */

/* A head that isn't the graph's own, as --head takes it. */
static void put_head(gd_result *out, json_t *into, const gd_training *t)
{
    const char *given = t->settings.model.head;
    const bool named = given && strcmp(given, "auto") != 0;

    if (!t->model->plan->head_of)
        return;
    gd_put_text(out, into, "head", named ? given : t->model->plan->head_of);
    if (!t->tuning.head.count)
        gd_put(out, into, "head_learns", json_false());
}

/* What learns. */
static void put_lora(gd_result *out, json_t *into, const gd_training *t)
{
    const gd_targets *targets = &t->targets;
    json_t *list;

    if (t->settings.full) {
        gd_put(out, into, "full", json_true());
        return;
    }
    gd_put_size(out, into, "lora_r", t->parts.rank);
    gd_put_real(out, into, "lora_alpha", t->parts.alpha);
    if (targets->pattern) {
        gd_put_text(out, into, "lora_targets", targets->given);
        return;
    }
    list = gd_put_list(out, into, "lora_targets");
    for (size_t i = 0; i < targets->count; i++)
        gd_put_text(out, list, NULL, targets->names[i]);
}

static void put_optimiser(gd_result *out, json_t *into, const gd_training *t)
{
    const gd_trainer_options *o = &t->settings.trainer;

    gd_put_real(out, into, "learning_rate", o->rate);
    gd_put_text(out, into, "schedule", schedules[o->schedule]);
    gd_put_size(out, into, "warmup_steps", o->warmup);
    if (t->settings.options.max_steps)
        gd_put_size(out, into, "max_steps", t->settings.options.max_steps);
    else
        gd_put_real(out, into, "epochs", t->settings.epochs);
    gd_put_size(out, into, "batch_size", o->batch);
    gd_put_size(out, into, "grad_accum", o->accumulate);
    gd_put_real(out, into, "weight_decay", o->adam.decay);
    gd_put_real(out, into, "clip", o->clip);
    gd_put_real(out, into, "center_rewards", o->center);
    gd_put_size(out, into, "seed", t->settings.seed);
}

static void put_texts(gd_result *out, json_t *into, const gd_training *t)
{
    const gd_encoder *e = &t->model->encoder;
    const char *format = t->settings.model.chat_format;

    gd_put_size(out, into, "max_length", e->max_length);
    gd_put_text(out, into, "add_eos", eos[e->add_eos]);
    gd_put_text(out, into, "chat_format", format ? format : e->trained.scoring.chat_format); /* a merged model's own */
    gd_put_text(out, into, "turns", turns[e->turns]);
}

static void put_settings(gd_result *out, json_t *into, const gd_training *t)
{
    const gd_train_options *o = &t->settings.options;
    const gd_options *m = &t->settings.model;

    gd_put_text(out, into, "init_adapter", o->init_adapter); /* what others follow from comes first */
    gd_put_text(out, into, "compat", o->compat);
    put_head(out, into, t);
    put_lora(out, into, t);
    put_optimiser(out, into, t);
    put_texts(out, into, t);
    gd_put_text(out, into, "margin_field", o->margin_field);
    gd_put_text(out, into, "fields", o->fields);
    gd_put_text(out, into, "precision", given_or(m->precision, "bf16"));
    gd_put_text(out, into, "backend", given_or(m->backend, "auto"));
    gd_put_text(out, into, "numerics", given_or(m->numerics, "exact"));
    gd_put_size(out, into, "eval_every", o->eval_every);
    gd_put_text(out, into, "by", o->by);
    gd_put_text(out, into, "best", o->best);
    gd_put_size(out, into, "patience", o->patience);
}

static void put_counts(gd_result *out, json_t *into, const gd_pairs *pairs)
{
    const gd_pairs_counts *c = &pairs->counts;

    gd_put_size(out, into, "records", c->records);
    gd_put_size(out, into, "kept", c->kept);
    gd_put_size(out, into, "too_long", c->too_long);
    gd_put_size(out, into, "equal", c->equal);
    gd_put_size(out, into, "indifferent", c->indifferent);
    gd_put_size(out, into, "failed", c->failed);
    gd_put_size(out, into, "pairs", pairs->preferences);
    gd_put_size(out, into, "tokens", pairs->tokens);
    gd_put_size(out, into, "longest", pairs->longest);
}

static void put_eval(gd_result *out, json_t *into, const gd_train_input *eval)
{
    gd_put_text(out, into, "name", eval->name);
    gd_put_text(out, into, "path", eval->path);
    gd_put_size(out, into, "seen", eval->seen);
    put_counts(out, into, &eval->pairs);
}

static void put_baselines(gd_result *out, json_t *into, const char *name, const gd_baselines *baselines)
{
    json_t *one = gd_put_object(out, into, name);

    gd_put_real(out, one, "shorter", baselines->shorter);
    gd_put_real(out, one, "longer", baselines->longer);
}

/* Replaces the description by what is read back from the log: 15 digits of each number. */
static gd_status as_written(json_t **run, gd_error *err)
{
    gd_buf text = { 0 };
    json_t *read = NULL;
    gd_status rc;

    gd_json_put(&text, *run, JSON_COMPACT | JSON_REAL_PRECISION(15));
    rc = text.failed ? gd_fail_memory(err, text.len) : gd_json_parse(&read, text.data, text.len, "run", err);
    gd_buf_free(&text);
    json_decref(*run);
    *run = read;
    return rc;
}

gd_status gd_describe_run(json_t **run, const gd_training *t, gd_error *err)
{
    gd_result out = { .root = json_object() };
    json_t *evals, *baselines;

    out.failed = out.root == NULL;
    gd_put_text(&out, out.root, "guerdon", GD_VERSION);
    gd_put_text(&out, out.root, "base", t->settings.model.model);
    gd_put_text(&out, gd_put_list(&out, out.root, "train"), NULL, t->data.train.path);
    put_settings(&out, gd_put_object(&out, out.root, "settings"), t); /* the cause, before what follows from it */
    if (t->data.train.pairs.talks)
        gd_put_text(&out, out.root, "chat_format", gd_chat_name(t->model->encoder.chat));
    put_counts(&out, gd_put_object(&out, out.root, "data"), &t->data.train.pairs);
    evals = gd_put_list(&out, out.root, "evals");
    baselines = gd_put_object(&out, out.root, "baselines");
    put_baselines(&out, baselines, "train", &t->data.train.baselines);
    for (size_t i = 0; i < t->data.eval_count; i++) {
        put_eval(&out, gd_put_object(&out, evals, NULL), &t->data.evals[i]);
        put_baselines(&out, baselines, t->data.evals[i].name, &t->data.evals[i].baselines);
    }
    gd_put_size(&out, out.root, "steps", t->settings.trainer.total);
    gd_put_size(&out, out.root, "epoch_steps", t->settings.epoch_steps);
    gd_put_size(&out, out.root, "parameters", t->tuning.parameters);
    *run = out.root;
    return out.failed ? gd_fail_memory(err, 0) : as_written(run, err);
}

/* ---- what must not have changed ---- */

static void put_digest(gd_result *out, json_t *into, const char *key, uint64_t digest)
{
    char hex[20];

    (void)snprintf(hex, sizeof hex, "%016" PRIx64, digest);
    gd_put_text(out, into, key, hex);
}

gd_status gd_describe_identity(json_t **out, const gd_training *t, const json_t *run, gd_error *err)
{
    gd_result result = { .root = json_deep_copy(run) };
    gd_buf files = { 0 };
    json_t *records, *base = NULL;
    gd_status rc = gd_reads_put(&files, &t->model->encoder.reads, err);

    *out = result.root;
    result.failed = result.root == NULL;
    if (!rc)
        rc = files.failed ? gd_fail_memory(err, files.len) : gd_json_parse(&base, files.data, files.len, "files", err);
    gd_buf_free(&files);
    if (rc)
        return rc;
    gd_put(&result, result.root, GD_RUN_FILES, base);
    records = gd_put_object(&result, result.root, GD_RUN_RECORDS);
    put_digest(&result, records, "train", t->data.train.pairs.digest);
    for (size_t i = 0; i < t->data.eval_count; i++) {
        char key[32];

        (void)snprintf(key, sizeof key, "eval %zu", i + 1);
        put_digest(&result, records, key, t->data.evals[i].pairs.digest);
    }
    return result.failed ? gd_fail_memory(err, 0) : GD_OK;
}

json_t *gd_describe_of(const json_t *identity)
{
    json_t *run = json_deep_copy(identity);

    (void)json_object_del(run, GD_RUN_FILES);
    (void)json_object_del(run, GD_RUN_RECORDS);
    return run;
}

gd_status gd_describe_adapter(char **text, const gd_training *t, const json_t *run, uint64_t step, gd_error *err)
{
    gd_result out = { .root = json_object() };
    json_t *scoring, *training;
    gd_status rc;

    out.failed = out.root == NULL;
    gd_put_text(&out, out.root, "format", "guerdon-adapter/1");
    scoring = gd_put_object(&out, out.root, "scoring");
    put_texts(&out, scoring, t);
    gd_put_text(&out, scoring, "normalize", NULL);
    training = gd_put_object(&out, out.root, "training");
    gd_put_size(&out, training, "step", (size_t)step);
    if (!out.failed && json_object_update(training, (json_t *)run))
        out.failed = true;
    rc = gd_result_text(&out, JSON_INDENT(2) | JSON_REAL_PRECISION(15), text, err);
    json_decref(out.root);
    return rc;
}

/* ---- lines for the user ---- */

static gd_status note_baselines(gd_training *t, const gd_train_input *input, gd_error *err)
{
    const gd_baselines *b = &input->baselines;

    return gd_notes_add(&t->notes, err,
                        "%.200s: %llu pair%s in %llu record%s; accuracy to beat: chance 50 %%, always the shorter text "
                        "%.1f %%, always the longer text %.1f %%",
                        input->path, (unsigned long long)input->pairs.preferences,
                        input->pairs.preferences == 1 ? "" : "s", (unsigned long long)input->pairs.counts.kept,
                        input->pairs.counts.kept == 1 ? "" : "s", 100 * b->shorter, 100 * b->longer);
}

static gd_status note_pooled(gd_training *t, gd_error *err)
{
    static const char *const places[] = { [GD_POOL_RIGHTMOST_NON_PAD] = "its last token that is not padding",
                                          [GD_POOL_BEFORE_FIRST_PAD] = "the token before its first padding",
                                          [GD_POOL_LAST] = "its last token",
                                          [GD_POOL_FIRST] = "its first token" };
    const gd_train_set *set = &t->data.train.pairs.set;
    const uint32_t id = set->texts[0].ids[set->pooled[0]];
    const gd_special_ids *special = &t->model->encoder.special;
    const bool skipped = t->model->encoder.add_eos != GD_ADD_EOS_NEVER && special->has_pad && special->has_eos &&
                         special->pad == special->eos;
    const char *token = gd_tokenizer_token(t->model->encoder.tokenizer, id);
    gd_buf quoted = { 0 };
    const char *text;
    gd_status rc;

    gd_buf_json_string(&quoted, token ? token : "", token ? strlen(token) : 0);
    text = gd_buf_cstr(&quoted);
    rc = text ? gd_notes_add(
                    &t->notes, err,
                    "the head reads each text at %s; in the first text, this is token %u of %zu, %.100s (id %u)%s",
                    places[t->model->encoder.places.place.pool], set->pooled[0] + 1, set->texts[0].len, text, id,
                    skipped ? "; the end-of-sequence token that add_eos appends is the pad token, too, so the "
                              "score is read before it"
                            : "")
              : gd_fail_memory(err, quoted.len);
    gd_buf_free(&quoted);
    return rc;
}

gd_status gd_describe_notes(gd_training *t, gd_error *err)
{
    gd_status rc = note_baselines(t, &t->data.train, err);

    for (size_t i = 0; !rc && i < t->data.eval_count; i++)
        rc = note_baselines(t, &t->data.evals[i], err);
    return rc ? rc : note_pooled(t, err);
}
