/* inspect.c - describes a model in JSON, without computing anything. */
#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "engine/bind.h"
#include "quant-free/convert.h"
#include "reward/describe.h"
#include "reward/diagnose.h"
#include "reward/model.h"

#include <string.h>

static void text_field(gd_buf *b, const char *key, const char *value)
{
    gd_buf_printf(b, "\"%s\":", key);
    if (value)
        gd_buf_json_string(b, value, strlen(value));
    else
        gd_buf_str(b, "null");
    gd_buf_str(b, ",");
}

static void size_field(gd_buf *b, const char *key, size_t value) { gd_buf_printf(b, "\"%s\":%zu,", key, value); }

/* Ends a list or an object, whose last member was followed by a comma. */
static void close_with(gd_buf *b, const char *end)
{
    if (b->len && b->data[b->len - 1] == ',')
        b->len--;
    gd_buf_str(b, end);
}

static size_t parameter_count(const gd_model *model)
{
    size_t count = 0;

    for (size_t i = 0; i < gd_weights_count(model->weights); i++)
        count += gd_view_elements(gd_weights_at(model->weights, i));
    return count;
}

static const char *weights_dtype(const gd_model *model)
{
    const char *name = NULL;

    for (size_t i = 0; i < gd_weights_count(model->weights); i++) {
        const char *this_name = gd_dtype_name(gd_weights_at(model->weights, i)->dtype);

        if (name && strcmp(name, this_name))
            return "mixed";
        name = this_name;
    }
    return name;
}

static void write_sizes(gd_buf *b, const gd_model *model)
{
    const gd_plan *plan = model->plan;

    size_field(b, "parameters", parameter_count(model));
    size_field(b, "weights_bytes", gd_weights_bytes(model->weights));
    text_field(b, "dtype", weights_dtype(model));
    text_field(b, "precision", plan->operand == GD_F32 ? "fp32" : "bf16");
    if (model->arithmetic != GD_EXACT)
        text_field(b, "numerics", gd_arithmetic_name(model->arithmetic));
    size_field(b, "layers", plan->layers);
    size_field(b, "hidden", plan->hidden);
    size_field(b, "ffn", plan->ffn);
    size_field(b, "heads", plan->heads);
    size_field(b, "kv_heads", plan->kv_heads);
    size_field(b, "head_dim", plan->head_dim);
    size_field(b, "vocab", plan->vocab);
    size_field(b, "max_length", model->encoder.max_length);
}

static void write_head(gd_buf *b, const gd_model *model)
{
    const gd_view *head = gd_model_head(model);
    const bool adapters = model->head.view != NULL;

    gd_buf_str(b, "\"head\":");
    if (!head) {
        gd_buf_str(b, "null,");
        return;
    }
    gd_buf_str(b, "{");
    text_field(b, "name", head->name);
    if (model->plan->head_of)
        text_field(b, "description", model->plan->head_of);
    text_field(b, "from", model->made.file ? model->made.file : adapters ? model->adapter_dir : model->dir);
    close_with(b, "},");
}

/* The largest rank of any module: rank_pattern may give each its own. */
static size_t adapter_rank(const gd_adapter *adapter)
{
    size_t rank = 0;

    for (size_t i = 0; i < gd_adapter_count(adapter); i++) {
        gd_lora lora;

        if (gd_adapter_find(adapter, gd_adapter_module(adapter, i), &lora) && lora.rank > rank)
            rank = lora.rank;
    }
    return rank;
}

static void write_adapter(gd_buf *b, const gd_model *model)
{
    gd_buf_str(b, "\"adapter\":");
    if (!model->adapter) {
        gd_buf_str(b, "null,");
        return;
    }
    gd_buf_str(b, "{");
    text_field(b, "path", model->adapter_dir);
    text_field(b, "base", gd_adapter_base(model->adapter));
    size_field(b, "rank", adapter_rank(model->adapter));
    size_field(b, "modules", gd_adapter_count(model->adapter));
    close_with(b, "},");
}

static void write_more_adapters(gd_buf *b, const gd_model *model)
{
    if (!model->more_count)
        return;
    gd_buf_str(b, "\"more_adapters\":[");
    for (size_t i = 0; i < model->more_count; i++) {
        const gd_adapted *own = &model->more[i];

        gd_buf_str(b, "{");
        text_field(b, "path", own->dir);
        text_field(b, "base", gd_adapter_base(own->adapter));
        size_field(b, "rank", adapter_rank(own->adapter));
        size_field(b, "modules", gd_adapter_count(own->adapter));
        size_field(b, "max_length", own->encoder.max_length);
        close_with(b, i + 1 < model->more_count ? "}," : "}");
    }
    gd_buf_str(b, "],");
}

/* As the file has it, whatever its members are. */
static void write_trained(gd_buf *b, const gd_model *model)
{
    const json_t *training = model->encoder.trained.training;
    gd_buf text = { 0 };

    gd_buf_str(b, "\"trained\":");
    if (training)
        b->failed |= gd_json_put_short(&text, training, JSON_COMPACT, NULL) != GD_OK;
    gd_buf_str(b, training && !b->failed ? text.data : "null");
    gd_buf_str(b, ",");
    gd_buf_free(&text);
}

static void write_token(gd_buf *b, const char *key, const gd_model *model, bool has, uint32_t id, const char *from)
{
    gd_buf_printf(b, "\"%s\":", key);
    if (!has) {
        gd_buf_str(b, "null,");
        return;
    }
    gd_buf_printf(b, "{\"id\":%u,", id);
    text_field(b, "token", gd_tokenizer_token(model->encoder.tokenizer, id));
    text_field(b, "from", from);
    close_with(b, "},");
}

/* What --add-eos means for this model. */
static void write_add_eos(gd_buf *b, const gd_model *model)
{
    const gd_special_ids *special = &model->encoder.special;
    gd_buf sentence = { 0 };

    if (model->encoder.add_eos == GD_ADD_EOS_NEVER) {
        text_field(b, "add_eos", "never");
        return;
    }
    gd_buf_printf(&sentence, "%s: id %u is appended to texts%s; %s",
                  model->encoder.add_eos == GD_ADD_EOS_AUTO ? "auto" : "always", special->eos,
                  model->encoder.add_eos == GD_ADD_EOS_AUTO ? " that don't end with it" : "",
                  special->has_pad && special->pad == special->eos
                      ? "as it is also the pad token, the score is still read before it"
                      : "the score is read there");
    b->failed |= !gd_buf_cstr(&sentence);
    if (!b->failed)
        text_field(b, "add_eos", sentence.data);
    gd_buf_free(&sentence);
}

static void write_memory(gd_buf *b, const gd_model *model)
{
    const gd_budget *budget = model->engine ? gd_engine_budget(model->engine) : NULL;

    gd_buf_str(b, "\"memory\":{");
    if (budget) {
        text_field(b, "weights", budget->streamed ? "streamed" : "resident");
        size_field(b, "weights_bytes", budget->weights);
        size_field(b, "batch_bytes", budget->batch);
        size_field(b, "total_bytes", budget->weights + budget->batch);
        size_field(b, "least_bytes", gd_budget_enough_mib(budget->least) << 20);
        size_field(b, "batch_tokens", budget->rows);
    } else {
        size_field(b, "weights_bytes", gd_weights_bytes(model->weights));
    }
    close_with(b, "},");
}

static void warning(gd_buf *b, const char *sentence)
{
    gd_buf_json_string(b, sentence, strlen(sentence));
    gd_buf_str(b, ",");
}

static void warn_headless(gd_buf *b, const gd_model *model)
{
    const char *other = gd_weights_other_head(model->weights), *head = model->plan->head_of;
    gd_buf sentence = { 0 };

    if (head)
        gd_buf_printf(&sentence, "the head %s reads %s, which is neither here nor in an adapter", head,
                      model->plan->head);
    else
        gd_buf_printf(&sentence, "there is no %s here or in an adapter: ", model->plan->head);
    if (head && other)
        gd_buf_printf(&sentence, "; there is %s", other);
    else if (other)
        gd_buf_printf(&sentence, "there is %s, of which no head is known; --head FILE can describe it", other);
    else if (!head)
        gd_buf_str(&sentence, "this is not a reward model, and cannot score");
    b->failed |= !gd_buf_cstr(&sentence);
    if (!b->failed)
        warning(b, sentence.data);
    gd_buf_free(&sentence);
}

/* Without a head, nothing is bound, so that nothing has refused the model for the tensors of its trunk. */
static void warn_tensors(gd_buf *b, const gd_model *model)
{
    gd_error err = { GD_OK, "" };
    gd_notes problems = { 0 };

    b->failed |= gd_diagnose_tensors(&problems, model->plan, model->weights, model->plan->head, &err) != GD_OK;
    for (size_t i = 0; i < problems.count; i++)
        warning(b, problems.text[i]);
    gd_notes_free(&problems);
}

static void warn_rowless(gd_buf *b, size_t ids, size_t rows)
{
    gd_buf sentence = { 0 };

    gd_buf_printf(
        &sentence,
        "the tokenizer has ids up to %zu, but the embedding has only %zu rows: a text with an id that has none "
        "is an error",
        ids - 1, rows);
    b->failed |= !gd_buf_cstr(&sentence);
    if (!b->failed)
        warning(b, sentence.data);
    gd_buf_free(&sentence);
}

static void warn_rebuilt(gd_buf *b, const gd_model *model)
{
    const char *type = json_string_value(json_object_get(gd_config_json(model->config), "model_type"));
    const char *class_name = gd_tokenizer_rebuilt(model->encoder.tokenizer, type);
    gd_buf sentence = { 0 };

    if (!class_name)
        return;
    gd_buf_printf(&sentence,
                  "Transformers 5 normalizes and splits texts for this model as its class %s does, whatever "
                  "tokenizer.json says, which differs; that file is followed here, as by Transformers 4",
                  class_name);
    b->failed |= !gd_buf_cstr(&sentence);
    if (!b->failed)
        warning(b, sentence.data);
    gd_buf_free(&sentence);
}

static void write_warnings(gd_buf *b, const gd_model *model)
{
    const gd_special_ids *special = &model->encoder.special;
    const char *dtype = weights_dtype(model);

    gd_buf_str(b, "\"warnings\":[");
    if (!gd_model_head(model)) {
        warn_headless(b, model);
        warn_tensors(b, model);
    }
    if (!special->has_pad)
        warning(b, "no pad token is known: the score is read at a text's last token");
    else if (special->has_eos && special->pad == special->eos)
        warning(b, "pad equals eos: an eos token at the end of a text is skipped, and the score is read before it");
    if (dtype && strcmp(dtype, "BF16") && model->plan->operand == GD_BF16)
        warning(b, "some weights are not bf16: matrices are rounded to bf16 once; precision fp32 keeps them exact");
    for (size_t i = 0; gd_model_note(model, i); i++)
        warning(b, gd_model_note(model, i));
    if (model->encoder.chat && gd_chat_note(model->encoder.chat))
        warning(b, gd_chat_note(model->encoder.chat));
    if (gd_tokenizer_size(model->encoder.tokenizer) > model->plan->vocab)
        warn_rowless(b, gd_tokenizer_size(model->encoder.tokenizer), model->plan->vocab);
    warn_rebuilt(b, model);
    for (size_t i = 0; i < gd_tokenizer_note_count(model->encoder.tokenizer); i++)
        warning(b, gd_tokenizer_note(model->encoder.tokenizer, i));
    for (size_t i = 0; i < gd_config_note_count(model->config); i++)
        warning(b, gd_config_note(model->config, i));
    for (size_t i = 0; i < gd_weights_note_count(model->weights); i++)
        warning(b, gd_weights_note(model->weights, i));
    for (size_t i = 0; model->adapter && i < gd_adapter_note_count(model->adapter); i++)
        warning(b, gd_adapter_note(model->adapter, i));
    close_with(b, "]");
}

/* Where a text is read by what is looked for in it. */
static void write_search(gd_buf *b, const char *key, const gd_place *place)
{
    static const char *const which[] = { [GD_POOL_LAST_PATTERN] = "the end of the last occurrence of ",
                                         [GD_POOL_FIRST_PATTERN] = "the end of the first occurrence of ",
                                         [GD_POOL_EACH_PATTERN] = "a step at the end of every occurrence of ",
                                         [GD_POOL_AT] = "a step at every token " };
    gd_buf sentence = { 0 };

    gd_buf_printf(&sentence, "%s%s", place->first_token ? "the first token, not the last, at " : "",
                  which[place->pool]);
    gd_buf_json_string(&sentence, place->text, strlen(place->text)); /* it may be a line break */
    gd_buf_str(&sentence, place->count > 1 ? ", ids" : ", id");
    for (size_t i = 0; i < place->count; i++)
        gd_buf_printf(&sentence, " %u", place->ids[i]);
    b->failed |= !gd_buf_cstr(&sentence);
    if (!b->failed)
        text_field(b, key, sentence.data);
    gd_buf_free(&sentence);
}

/* Without a pad token, most rules come to the same. */
static const char *pooling_of(gd_pooling pool, bool has_pad)
{
    if (pool == GD_POOL_FIRST)
        return "the first token";
    if (pool == GD_POOL_LAST || !has_pad)
        return "the last token";
    return pool == GD_POOL_BEFORE_FIRST_PAD ? "the token before the first pad token"
                                            : "the rightmost token that is not the pad token";
}

static void write_place(gd_buf *b, const char *key, const gd_place *place, const gd_model *model)
{
    if (place->ids)
        write_search(b, key, place);
    else
        text_field(b, key, pooling_of(place->pool, model->encoder.special.has_pad));
}

static void write_pooling(gd_buf *b, const gd_model *model)
{
    static const char *const rules[] = { [GD_STEPS_LAST] = "the last step",
                                         [GD_STEPS_MIN] = "the least of the steps",
                                         [GD_STEPS_MEAN] = "the mean of the steps",
                                         [GD_STEPS_PRODUCT] = "the product of the steps" };
    const gd_places *places = &model->encoder.places;

    write_place(b, "pooling", &places->place, model);
    if (places->has_also)
        write_place(b, "pooling_also", &places->also, model);
    if (gd_places_have_steps(&model->encoder.places))
        text_field(b, "score_of_steps", rules[model->plan->steps_rule]);
}

static void write_labels(gd_buf *b, const gd_plan *plan)
{
    if (!plan->label_count)
        return;
    gd_buf_str(b, "\"labels\":[");
    for (size_t i = 0; i < plan->label_count; i++) {
        gd_buf_json_string(b, plan->label_names[i], strlen(plan->label_names[i]));
        gd_buf_str(b, ",");
    }
    close_with(b, "],");
}

static void write_model(gd_buf *b, const gd_model *model)
{
    const gd_special_ids *special = &model->encoder.special;

    gd_buf_str(b, "{");
    text_field(b, "model", model->dir);
    text_field(b, "architecture", gd_config_architecture(model->config));
    text_field(b, "graph", model->plan->graph_name);
    write_sizes(b, model);
    write_head(b, model);
    write_adapter(b, model);
    write_more_adapters(b, model);
    write_trained(b, model);
    text_field(b, "tokenizer", gd_tokenizer_kind(model->encoder.tokenizer));
    size_field(b, "tokenizer_ids", gd_tokenizer_size(model->encoder.tokenizer));
    write_token(b, "pad", model, special->has_pad, special->pad, special->pad_from);
    write_token(b, "eos", model, special->has_eos, special->eos, special->eos_from);
    write_add_eos(b, model);
    write_pooling(b, model);
    write_labels(b, model->plan);
    text_field(b, "chat_format", model->encoder.chat ? gd_chat_name(model->encoder.chat) : NULL);
    if (!model->encoder.chat)
        text_field(b, "chat_problem", model->encoder.chat_problem);
    write_memory(b, model);
    text_field(b, "backend", model->backend ? model->backend->name : NULL);
    text_field(b, "isa", model->engine ? gd_engine_describe(model->engine) : NULL);
    if (model->engine)
        size_field(b, "threads", model->threads);
    else
        gd_buf_str(b, "\"threads\":null,");
    write_warnings(b, model);
    gd_buf_str(b, "}");
}

gd_status gd_model_inspect(const gd_model *model, char **json, gd_error *err)
{
    gd_buf b = { 0 };

    write_model(&b, model);
    return gd_buf_take(&b, json, err);
}

/* Of a graph or a head that is named, what was understood of it: a last member of the object. */
static gd_status add_description(char **json, const gd_model *model, const gd_options *options, gd_error *err)
{
    const bool names_head = options->head && strcmp(options->head, "auto") != 0;
    gd_options named = *options;
    char *description = NULL;
    gd_buf b = { 0 };
    gd_status rc;

    if (!options->graph && !names_head)
        return GD_OK;
    if (!names_head)
        named.head = model->plan->head_of; /* one that was found is built in */
    rc = gd_describe_named(&description, &named, gd_config_trunk(model->config), model->plan, err);
    if (rc)
        return rc;
    gd_buf_bytes(&b, *json, strlen(*json) - strlen("}"));
    gd_buf_printf(&b, ",\"described\":%s}", description);
    gd_free(description);
    gd_free(*json);
    return gd_buf_take(&b, json, err);
}

gd_status gd_inspect(const gd_options *options, char **json, gd_error *err)
{
    gd_options own;
    gd_model *model = NULL;
    gd_status rc = gd_options_read(&own, options, err);

    *json = NULL;
    if (!rc)
        rc = gd_options_choose(&own, err);
    if (!rc)
        rc = gd_model_open_files(&model, &own, err);
    if (!rc && gd_model_head(model)) /* without a head, the engine would refuse; the files are still worth describing */
        rc = gd_model_open_engine(model, &own, err);
    else if (!rc)
        rc = gd_bind_check(model->plan, model->weights, err);
    if (!rc)
        rc = gd_model_inspect(model, json, err);
    if (!rc)
        rc = add_description(json, model, &own, err);
    gd_model_close(model);
    if (rc) {
        gd_free(*json);
        *json = NULL;
    }
    return rc;
}
