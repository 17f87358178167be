/* merge_config.c - config.json of a merged model. */
#include "reward/merge.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "quant-free/special.h"
#include "reward/model.h"

#include <jansson.h>
#include <string.h>

#define TOKENIZER_MAX ((size_t)64 << 20)

/* ---- the pad token ---- */

/* Reads tokenizer.json as plain JSON: only a token's id is needed, also from kinds of tokenizers that we can't run. */
static bool look_up(void *context, const char *token, uint32_t *id)
{
    const json_t *root = context, *one, *found = NULL;
    size_t i;

    json_array_foreach(json_object_get(root, "added_tokens"), i, one) {
        const char *content = json_string_value(json_object_get(one, "content"));

        if (!found && content && strcmp(content, token) == 0)
            found = json_object_get(one, "id");
    }
    if (!found)
        found = json_object_get(json_object_get(json_object_get(root, "model"), "vocab"), token);
    if (!json_is_integer(found) || json_integer_value(found) < 0 || json_integer_value(found) > UINT32_MAX)
        return false;
    *id = (uint32_t)json_integer_value(found);
    return true;
}

gd_status gd_merge_choose(gd_choice *choice, const gd_merge_source *from, gd_error *err)
{
    gd_notes notes = { 0 }; /* inspect and score show them */
    size_t rows = 0;
    gd_status rc = GD_OK;

    if (gd_config_has(from->config, "vocab_size"))
        rc = gd_config_size(from->config, "vocab_size", &rows, err);
    if (!rc)
        rc = gd_choose(choice, from->dir, from->adapter_dir, rows, &notes, err);
    gd_notes_free(&notes);
    return rc;
}

static gd_status load_tokenizer(json_t **out, const gd_merge_source *from, gd_error *err)
{
    gd_choice choice;
    char *path = NULL;
    bool there = false;
    gd_status rc = gd_merge_choose(&choice, from, err);

    *out = NULL;
    if (!rc)
        rc = gd_file_find(&path, &there, choice.tokenizer, "tokenizer.json", err);
    if (!rc && there)
        rc = gd_json_load(out, path, TOKENIZER_MAX, err);
    gd_free(path);
    return rc;
}

/* A pad token without a row in the embedding is of no use in the config: no text can contain it. */
static gd_status has_row(bool *has, const gd_config *config, uint32_t pad, gd_error *err)
{
    size_t vocab = UINT32_MAX;
    gd_status rc = GD_OK;

    if (gd_config_has(config, "vocab_size"))
        rc = gd_config_size(config, "vocab_size", &vocab, err);
    *has = pad < vocab;
    return rc;
}

static gd_status set_pad(json_t *json, const gd_merge_source *from, gd_error *err)
{
    gd_special_sources sources = { from->config, from->dir, from->adapter_dir, look_up, NULL };
    gd_special_ids ids = { 0 };
    json_t *tokenizer;
    bool has = false;
    gd_status rc;

    if (gd_config_has(from->config, "pad_token_id"))
        return GD_OK;
    rc = load_tokenizer(&tokenizer, from, err);
    sources.context = tokenizer;
    if (!rc)
        rc = gd_special_ids_read(&ids, &sources, err);
    json_decref(tokenizer);
    if (!rc && ids.has_pad)
        rc = has_row(&has, from->config, ids.pad, err);
    if (gd_config_nested(from->config))
        json = json_object_get(json, "text_config");
    if (!rc && has && json_object_set_new(json, "pad_token_id", json_integer(ids.pad)))
        rc = gd_fail_memory(err, 64);
    return rc;
}

/* ---- the class and its label ---- */

static gd_status set_architecture(json_t *json, const gd_config *config, gd_error *err)
{
    static const char class[] = "ForSequenceClassification";
    const char *name = gd_config_trunk(config), *end = strstr(name, "For"), *known = gd_config_classifier(config);
    gd_buf made = { 0 };
    json_t *list;

    if (known)
        return json_object_set_new(json, "architectures", json_pack("[s]", known)) ? gd_fail_memory(err, 64) : GD_OK;
    if (!end)
        return gd_fail(err, GD_EUNSUPPORTED, "%s: the architecture is %s, but one with \"For\" in its name is expected",
                       gd_config_path(config), name);
    gd_buf_bytes(&made, name, (size_t)(end - name));
    gd_buf_str(&made, class);
    list = gd_buf_cstr(&made) ? json_pack("[s]", made.data) : NULL;
    gd_buf_free(&made);
    return json_object_set_new(json, "architectures", list) ? gd_fail_memory(err, strlen(name) + sizeof class) : GD_OK;
}

/* Transformers counts the labels to know how many rows the head has, and assumes two if there are none. */
static gd_status set_label(json_t *json, const gd_config *config, gd_error *err)
{
    const char *name = gd_config_architecture(config), *end = strstr(name, "ForSequenceClassification");

    if (end && gd_json_has(json, "id2label")) /* config.c has checked: there is one */
        return GD_OK;
    (void)json_object_del(json, "num_labels");
    if (json_object_set_new(json, "id2label", json_pack("{s:s}", "0", "LABEL_0")) ||
        json_object_set_new(json, "label2id", json_pack("{s:i}", "LABEL_0", 0)))
        return gd_fail_memory(err, 64);
    return GD_OK;
}

/* Transformers loads a model in this type, under either name; without one, in that of the weights. */
static gd_status set_type(json_t *json, const char *type, gd_error *err)
{
    static const char *const names[] = { "dtype", "torch_dtype" };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (json_object_get(json, names[i]) && json_object_set_new(json, names[i], json_string(type)))
            return gd_fail_memory(err, strlen(type));
    return GD_OK;
}

/* ---- the text ---- */

gd_status gd_merge_config(gd_buf *out, const gd_merge_source *from, const char *type, gd_error *err)
{
    json_t *json = json_deep_copy(gd_config_json(from->config));
    gd_status rc = json ? GD_OK : gd_fail_memory(err, 4096);

    if (!rc && !from->own_head)
        rc = set_architecture(json, from->config, err);
    if (!rc && !from->own_head)
        rc = set_label(json, from->config, err);
    if (!from->own_head)
        (void)json_object_del(json, "auto_map"); /* the code of the class that it had */
    if (!rc)
        rc = set_pad(json, from, err);
    if (!rc && type)
        rc = set_type(json, type, err);
    (void)json_object_del(json, "quantization_config"); /* the weights are not: it would quantise them when loaded */
    (void)json_object_del(json, "_name_or_path");       /* another model's: an adapter of that one is not for this */
    if (!rc)
        rc = gd_json_put_short(out, json, JSON_INDENT(2), err);
    json_decref(json);
    gd_buf_str(out, "\n");
    return !rc && out->failed ? gd_fail_memory(err, out->len) : rc;
}
