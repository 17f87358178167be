/* special.c - the pad and the end-of-sequence token of a model. */
#include "quant-free/special.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"

#include <string.h>

#define TOKENIZER_CONFIG_MAX ((size_t)64 << 20) /* it lists every added token */

/* A token to find. */
struct wanted {
    const char *id_key, *token_key; /* "pad_token_id", "pad_token" */
    bool list;                      /* the id may be a list */
    bool settled;                   /* found, or known not to be */
    bool found;
    uint32_t id;
    const char *from;
};

static void found(struct wanted *w, uint32_t id, const char *from)
{
    w->settled = w->found = true;
    w->id = id;
    w->from = from;
}

static gd_status check_id(const struct wanted *w, const gd_config *config, json_int_t id, gd_error *err)
{
    size_t vocab = UINT32_MAX;
    gd_status rc = GD_OK;

    if (gd_config_has(config, "vocab_size"))
        rc = gd_config_size(config, "vocab_size", &vocab, err);
    if (!rc && (id < 0 || (uint64_t)id >= vocab))
        return gd_fail(err, GD_EFORMAT, "%s: the field \"%s\" is %lld, but an id below %zu is expected",
                       gd_config_path(config), w->id_key, (long long)id, vocab);
    return rc;
}

/* For an absent field, the getter returns the architecture's default. */
static gd_status from_config(struct wanted *w, const gd_config *config, gd_error *err)
{
    const json_t *value = json_object_get(gd_config_text_json(config), w->id_key);
    double number;
    gd_status rc;

    if (!value && !w->list && gd_config_has(config, w->id_key)) {
        rc = gd_config_number(config, w->id_key, &number, err);
        if (!rc)
            found(w, (uint32_t)number, "the architecture's default");
        return rc;
    }
    if (w->list && json_is_array(value))
        value = json_array_get(value, 0);
    if (!value || json_is_null(value))
        return GD_OK;
    if (!json_is_integer(value))
        return gd_fail(err, GD_EFORMAT, "%s: the field \"%s\" is %s, but an integer is expected",
                       gd_config_path(config), w->id_key, gd_json_type_name(value));
    if (json_integer_value(value) == -1) {
        w->settled = true;
        return GD_OK;
    }
    rc = check_id(w, config, json_integer_value(value), err);
    if (!rc)
        found(w, (uint32_t)json_integer_value(value), "config.json");
    return rc;
}

static gd_status from_object(struct wanted *w, const json_t *root, const char *path, const char *name,
                             const gd_special_sources *from, gd_error *err)
{
    const json_t *value = json_object_get(root, w->token_key);
    const char *token;
    uint32_t id;

    if (json_is_object(value))
        value = json_object_get(value, "content");
    if (w->settled || !value || json_is_null(value))
        return GD_OK;
    token = json_string_value(value);
    if (!token || strlen(token) != json_string_length(value))
        return gd_fail(err, GD_EFORMAT, "%s: the field \"%s\" is neither a string nor an object with \"content\"", path,
                       w->token_key);
    w->settled = true;
    if (from->lookup(from->context, token, &id))
        found(w, id, name);
    return GD_OK;
}

/* *root becomes NULL if the file is missing. */
static gd_status load(json_t **root, char **path, const char *dir, const char *name, gd_error *err)
{
    bool there;
    gd_status rc = gd_file_find(path, &there, dir, name, err);

    *root = NULL;
    if (!rc && there)
        rc = gd_json_load(root, *path, TOKENIZER_CONFIG_MAX, err);
    if (!rc && *root && !json_is_object(*root))
        rc = gd_fail(err, GD_EFORMAT, "%s: not a JSON object", *path);
    return rc;
}

/* Both tokens, from both files of one directory. */
static gd_status from_tokenizer(struct wanted *wanted, const char *dir, const gd_special_sources *from, gd_error *err)
{
    static const char *const names[2] = { "special_tokens_map.json", "tokenizer_config.json" };
    char *paths[2] = { NULL, NULL };
    json_t *roots[2] = { NULL, NULL };
    gd_status rc = load(&roots[1], &paths[1], dir, names[1], err);

    if (!rc && !gd_json_has(roots[1], "added_tokens_decoder"))
        rc = load(&roots[0], &paths[0], dir, names[0], err);
    for (int i = 0; i < 4 && !rc; i++)
        rc = from_object(&wanted[i % 2], roots[i / 2], paths[i / 2], names[i / 2], from, err);
    for (int i = 0; i < 2; i++) {
        json_decref(roots[i]);
        gd_free(paths[i]);
    }
    return rc;
}

gd_status gd_special_ids_read(gd_special_ids *out, const gd_special_sources *from, gd_error *err)
{
    struct wanted wanted[2] = { { .id_key = "pad_token_id", .token_key = "pad_token" },
                                { .id_key = "eos_token_id", .token_key = "eos_token", .list = true } };
    struct wanted *pad = &wanted[0], *eos = &wanted[1];
    gd_status rc = GD_OK;

    *out = (gd_special_ids){ 0 };
    if (from->config)
        rc = from_config(pad, from->config, err);
    if (!rc && from->adapter_dir)
        rc = from_tokenizer(wanted, from->adapter_dir, from, err);
    if (!rc)
        rc = from_tokenizer(wanted, from->dir, from, err);
    if (!rc && from->config && !eos->settled)
        rc = from_config(eos, from->config, err);
    if (!rc)
        *out = (gd_special_ids){ pad->found, eos->found, pad->id, eos->id, pad->from, eos->from };
    return rc;
}
