/* model.c - opening a reward model: its files, its head, its adapter, and the engine that runs it. */
#include "reward/model.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/pool.h"
#include "base/samefile.h"
#include "engine/settle.h"
#include "reward/adapted.h"
#include "reward/advice.h"
#include "reward/choose.h"
#include "reward/choose_head.h"
#include "reward/rehearsal.h"

#include <string.h>
#include <unistd.h>

static bool look_up(void *context, const char *token, uint32_t *id) { return gd_tokenizer_find(context, token, id); }

static gd_status choose_length(gd_encoder *encoder, const gd_options *options, const gd_config *config, gd_error *err)
{
    const char *field;
    size_t longest = 0;
    gd_status rc;

    encoder->max_length = options->max_length;
    if (!config)
        return GD_OK;
    rc = gd_config_longest(config, &longest, &field, err);
    if (rc)
        return rc;
    if (encoder->max_length == 0)
        encoder->max_length = longest;
    if (encoder->max_length <= longest)
        return GD_OK;
    rc = gd_trained_blame(&encoder->trained, GD_TRAINED_MAX_LENGTH, err,
                          "%s in %s is %zu: at most that many tokens are expected", field, gd_config_path(config),
                          longest);
    return rc ? rc
              : gd_fail(err, GD_EUSAGE,
                        "the length is limited to %zu tokens, but %s in %s is %zu: at most that many are expected",
                        encoder->max_length, field, gd_config_path(config), longest);
}

/* A format that was asked for must exist.  Without one, the checkpoint's problem is kept for the first conversation. */
static gd_status open_chat(gd_encoder *encoder, const gd_options *options, const gd_choice *from, gd_error *err)
{
    const bool asked = options->chat_format && strcmp(options->chat_format, "auto") != 0;
    gd_error why = { 0 };
    const gd_status rc = gd_chat_open(&encoder->chat, asked ? options->chat_format : "auto", from->chat, from->special,
                                      &why);

    if (!rc)
        return GD_OK;
    if (asked || rc == GD_ENOMEM || rc == GD_EIO)
        return gd_fail(err, rc, "%s", why.text);
    encoder->chat_problem = gd_strdup(why.text);
    return encoder->chat_problem ? GD_OK : gd_fail_memory(err, sizeof why);
}

/* Without a format, turns can't become text. */
static gd_status choose_turns(gd_encoder *encoder, const gd_options *options, gd_error *err)
{
    const char *turns = options->turns ? options->turns : "auto";
    gd_status rc;

    encoder->turns = !strcmp(turns, "on") ? GD_TURNS_ON : !strcmp(turns, "off") ? GD_TURNS_OFF : GD_TURNS_AUTO;
    if (encoder->turns != GD_TURNS_ON || encoder->chat)
        return GD_OK;
    rc = gd_trained_blame(&encoder->trained, GD_TRAINED_TURNS, err, "%s", encoder->chat_problem);
    return rc ? rc : gd_fail(err, GD_EUNSUPPORTED, "turns need a chat format, and %s", encoder->chat_problem);
}

static gd_status check_eos(const gd_encoder *encoder, const char *dir, gd_error *err)
{
    gd_status rc;

    if (encoder->add_eos == GD_ADD_EOS_NEVER || encoder->special.has_eos)
        return GD_OK;
    rc = gd_trained_blame(&encoder->trained, GD_TRAINED_ADD_EOS, err, "no eos token with an id is known");
    return rc ? rc : gd_fail(err, GD_EUSAGE, "%s: no eos token with an id is known, so none can be appended", dir);
}

static void put_text(gd_buf *out, const char *name, const char *value)
{
    gd_buf_printf(out, "\"%s\":", name);
    if (value)
        gd_buf_json_string(out, value, strlen(value));
    else
        gd_buf_str(out, "null");
    gd_buf_str(out, ",");
}

/* The same for a path, which may be given in another way, or anything else that the option can be. */
static void put_path(gd_buf *out, const char *name, const char *value)
{
    char path[PATH_MAX];
    const bool there = value && access(value, F_OK) == 0 && gd_path_real(path, value);

    put_text(out, name, there ? path : value);
}

/* What must not have changed when an unfinished output is resumed. */
static gd_status make_identity(gd_encoder *encoder, const gd_options *options, const char *dir, const char *adapter_dir,
                               gd_error *err)
{
    gd_buf out = { 0 };
    const char *text;

    put_path(&out, "model", dir);
    put_path(&out, "adapter", adapter_dir);
    put_text(&out, "precision", options->precision);
    put_text(&out, "numerics", options->numerics);
    put_text(&out, "backend", options->backend);
    put_path(&out, "graph", options->graph);
    put_path(&out, "head", options->head);
    put_path(&out, "chat_format", options->chat_format);
    put_text(&out, "turns", options->turns);
    put_path(&out, "normalize", options->normalize);
    put_text(&out, "activation", options->activation);
    gd_buf_printf(&out, "\"max_length\":%zu,\"truncate\":%d,\"add_eos\":%d", options->max_length,
                  (int)options->truncate, (int)options->add_eos);
    text = gd_buf_cstr(&out);
    encoder->identity = text ? gd_strdup(text) : NULL;
    gd_buf_free(&out);
    return encoder->identity ? GD_OK : gd_fail_memory(err, 1024);
}

gd_status gd_encoder_open(gd_encoder *encoder, const gd_options *given, const char *dir, const char *adapter_dir,
                          const gd_config *config, gd_error *err)
{
    gd_special_sources from = { config, dir, adapter_dir, look_up, NULL };
    gd_options options = *given; /* and, where it says nothing, what the training had */
    gd_choice choice;
    gd_status rc;

    *encoder = (gd_encoder){ .truncate = options.truncate };
    rc = gd_trained_open(&encoder->trained, dir, adapter_dir, err);
    if (!rc)
        rc = gd_trained_apply(&encoder->trained, &options, err);
    encoder->add_eos = options.add_eos;
    if (!rc && config && gd_config_has(config, "vocab_size"))
        rc = gd_config_size(config, "vocab_size", &encoder->rows, err);
    if (!rc)
        rc = gd_choose(&choice, dir, adapter_dir, encoder->rows, &encoder->notes, err);
    if (!rc)
        rc = gd_tokenizer_open_beside(&encoder->tokenizer, choice.tokenizer, choice.beside, err);
    from.context = encoder->tokenizer;
    if (!rc)
        rc = gd_special_ids_read(&encoder->special, &from, err);
    if (!rc)
        rc = choose_length(encoder, &options, config, err);
    if (!rc)
        rc = open_chat(encoder, &options, &choice, err);
    if (!rc)
        rc = choose_turns(encoder, &options, err);
    if (!rc)
        rc = check_eos(encoder, dir, err);
    if (!rc)
        rc = make_identity(encoder, &options, dir, adapter_dir, err);
    if (!rc)
        rc = gd_reads_find(&encoder->reads, given, dir, adapter_dir, err);
    if (!rc)
        rc = gd_trained_note(&encoder->trained, given, encoder->chat, &choice, &encoder->notes, err);
    if (rc)
        gd_encoder_close(encoder);
    return rc;
}

void gd_encoder_close(gd_encoder *encoder)
{
    gd_tokenizer_close(encoder->tokenizer);
    gd_chat_close(encoder->chat);
    gd_places_close(&encoder->places);
    gd_free(encoder->chat_problem);
    gd_free(encoder->identity);
    gd_reads_free(&encoder->reads);
    gd_trained_close(&encoder->trained);
    gd_notes_free(&encoder->notes);
    *encoder = (gd_encoder){ 0 };
}

/* An id without a row in the embedding would read past it: it is an error of the text that has it, but not of the
 * tokenizer, since a pad token often has none. */
gd_status gd_encoder_check_rows(gd_encoder *encoder, const gd_model *model, gd_error *err)
{
    encoder->rows = model->plan->vocab;
    if (encoder->add_eos != GD_ADD_EOS_NEVER && encoder->special.eos >= encoder->rows)
        return gd_fail(err, GD_EFORMAT,
                       "%s: the eos token, which is to be appended, has the id %u, but the embedding "
                       "has only %zu rows",
                       model->dir, encoder->special.eos, encoder->rows);
    return GD_OK;
}

gd_status gd_encoder_scale(gd_scale *scale, const gd_encoder *encoder, const gd_options *options, gd_error *err)
{
    const char *saved = encoder->trained.scoring.normalize;

    return gd_scale_open(scale, options->normalize ? options->normalize : saved, options->activation, err);
}

static gd_status make_plan(gd_model *model, const gd_options *options, gd_dtype operand, gd_error *err)
{
    const gd_head_sources from = { model->config, model->weights, model->dir, model->adapter_dir };
    gd_head_choice choice;
    gd_status rc = gd_head_choose(&choice, options, &from, err);

    if (!rc)
        rc = gd_plan_make_with_head(&model->plan, model->config, options->graph, choice.head.text ? &choice.head : NULL,
                                    operand, err);
    gd_head_choice_free(&choice);
    return rc;
}

/* The weights of a head that come from elsewhere; and where it reads a text. */
static gd_status make_head(gd_model *model, gd_error *err)
{
    const gd_head_parts parts = { model->plan, model->weights, model->encoder.tokenizer, model->dir,
                                  model->adapter_dir };
    gd_status rc = gd_head_make(&model->made, &parts, err);

    if (!rc)
        rc = model->adapter ? gd_head_check_adapter(model->plan, model->adapter, model->made.count > 0, err) : GD_OK;
    if (!rc)
        rc = gd_places_open(&model->encoder.places, model->plan, model->encoder.tokenizer, model->dir, err);
    return rc || !model->made.file ? rc : gd_reads_add(&model->encoder.reads, model->made.file, true, err);
}

static gd_status open_files(gd_model *model, const gd_options *options, gd_error *err)
{
    gd_dtype operand;
    gd_status rc = gd_options_dirs(options, &model->dir, &model->adapter_dir, err);

    if (!rc)
        rc = gd_options_check_dirs(model->dir, model->adapter_dir, err);
    if (!rc)
        rc = gd_options_operand(options, &operand, err);
    if (!rc)
        rc = gd_options_arithmetic(options, &model->arithmetic, err);
    if (!rc)
        rc = gd_config_open(&model->config, model->dir, err);
    if (!rc)
        rc = gd_weights_open(&model->weights, model->dir, err);
    if (!rc)
        rc = make_plan(model, options, operand, err);
    if (!rc)
        rc = gd_settle_weights(model->weights, model->plan, err);
    if (!rc && model->adapter_dir)
        rc = gd_adapter_open(&model->adapter, model->adapter_dir, model->plan->head, err);
    if (!rc && model->adapter)
        rc = gd_settle_adapter(model->adapter, model->plan, err);
    if (!rc)
        rc = gd_head_open(&model->head, model->weights, model->adapter, model->plan->head, err);
    if (!rc)
        rc = gd_encoder_open(&model->encoder, options, model->dir, model->adapter_dir, model->config, err);
    if (!rc)
        rc = make_head(model, err);
    for (size_t i = 0; !rc && i < gd_weights_file_count(model->weights); i++)
        rc = gd_reads_add(&model->encoder.reads, gd_weights_file(model->weights, i), true, err);
    if (!rc)
        rc = gd_encoder_scale(&model->scale, &model->encoder, options, err);
    if (!rc)
        rc = gd_encoder_check_rows(&model->encoder, model, err);
    if (!rc)
        rc = gd_advise(model, options, err);
    return rc ? rc : gd_adapted_open(model, options, err);
}

/* The most tokens that a text may have, whatever its adapter. */
static size_t longest(const gd_model *model)
{
    size_t most = model->encoder.max_length;

    for (size_t i = 0; i < model->more_count; i++)
        if (model->more[i].encoder.max_length > most)
            most = model->more[i].encoder.max_length;
    return most;
}

gd_status gd_model_open_engine(gd_model *model, const gd_options *options, gd_error *err)
{
    gd_engine_parts parts = {
        .plan = model->plan,
        .weights = model->weights,
        .over = { model->adapter, model->head.view, model->head.bias, model->made.weights, model->made.count },
        .more = model->over,
        .more_count = model->more_count,
        .threads = options->threads ? options->threads : gd_cpu_count(),
        .isa = options->isa,
        .arithmetic = model->arithmetic,
        .memory = options->memory,
        .beside = model->beside,
        .batch_rows = options->batch_tokens,
        .max_positions = longest(model),
    };
    gd_status rc = GD_OK;

    if (!model->backend)
        rc = gd_backend_find(&model->backend, options->backend, model->plan->operand, err);
    if (rc)
        return rc;
    parts.backend = model->backend;
    model->threads = parts.threads;
    rc = gd_engine_open(&model->engine, &parts, err);
    if (rc)
        return rc;
    model->batch_rows = gd_engine_budget(model->engine)->rows;
    model->item_rows = gd_engine_budget(model->engine)->most;
    return gd_advise_speed(model, err);
}

/* Under a limit on memory, what an item takes besides its bytes must fit into the few megabytes that the engine leaves
 * for it: 32 bytes for each of a piece, and some 300 for each text. */
enum { MOST_PIECE = 256 << 10, MOST_TEXTS = 16384 };

static void limit_items(gd_encoder *encoder)
{
    gd_tokenizer_limit_pieces(encoder->tokenizer, MOST_PIECE);
    encoder->most_texts = MOST_TEXTS;
}

static void limit_all(gd_model *model)
{
    limit_items(&model->encoder);
    for (size_t i = 0; i < model->more_count; i++)
        limit_items(&model->more[i].encoder);
}

gd_status gd_model_open_files(gd_model **out, const gd_options *options, gd_error *err)
{
    gd_model *model = gd_alloc_zero(1, sizeof *model);
    gd_status rc;

    *out = NULL;
    if (!model)
        return gd_fail_memory(err, sizeof *model);
    model->share_prefix = !options->no_share_prefix;
    model->limited = options->memory != 0;
    rc = open_files(model, options, err);
    if (!rc && model->limited)
        limit_all(model);
    if (!rc && options->dry_run) {
        model->rehearsal = gd_rehearsal_new();
        rc = model->rehearsal ? GD_OK : gd_fail_memory(err, sizeof *model->rehearsal);
    }
    if (rc) {
        gd_model_close(model);
        return rc;
    }
    *out = model;
    return GD_OK;
}

gd_status gd_model_open(gd_model **out, const gd_options *options, gd_error *err)
{
    gd_options own;
    gd_status rc = gd_options_read(&own, options, err);

    *out = NULL;
    if (!rc)
        rc = gd_options_choose(&own, err);
    if (!rc)
        rc = gd_model_open_files(out, &own, err);
    if (!rc)
        rc = gd_model_open_engine(*out, &own, err);
    if (rc) {
        gd_model_close(*out);
        *out = NULL;
    }
    return rc;
}

gd_status gd_model_check_scores(const gd_model *model, gd_error *err)
{
    return gd_model_is_dry(model) ? gd_fail(err, GD_EUSAGE, "the model was opened with dry_run 1, but 0 is expected")
                                  : GD_OK;
}

const char *gd_model_note(const gd_model *model, size_t i)
{
    for (size_t a = 0; a <= model->more_count; a++) {
        const gd_notes *notes = &gd_model_encoder(model, a)->notes;

        if (i < notes->count)
            return notes->text[i];
        i -= notes->count;
    }
    return NULL;
}

/* What the adapter puts in its place, else what was made for the head, else the checkpoint's tensor. */
static const gd_view *weight_of_head(const gd_model *model, const gd_view *replaced, const char *name)
{
    for (size_t i = 0; !replaced && i < model->made.count; i++)
        if (!strcmp(model->made.views[i].name, name))
            replaced = &model->made.views[i];
    return replaced ? replaced : gd_weights_find(model->weights, name);
}

const gd_view *gd_model_head(const gd_model *model)
{
    return weight_of_head(model, model->head.view, model->plan->head);
}

const gd_view *gd_model_head_bias(const gd_model *model)
{
    const gd_plan_weight *bias = gd_plan_head_bias(model->plan);

    return bias ? weight_of_head(model, model->head.bias, bias->name) : NULL;
}

void gd_model_close(gd_model *model)
{
    if (!model)
        return;
    gd_engine_close(model->engine);
    gd_rehearsal_free(model->rehearsal);
    gd_adapted_close(model);
    gd_encoder_close(&model->encoder);
    gd_head_made_free(&model->made);
    gd_head_free(&model->head);
    gd_adapter_close(model->adapter);
    gd_weights_close(model->weights);
    gd_plan_free(model->plan);
    gd_config_close(model->config);
    gd_free(model->adapter_dir);
    gd_free(model->dir);
    gd_free(model);
}
