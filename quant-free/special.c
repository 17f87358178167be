/* special.c - the pad and the end-of-sequence token of a model. */
#include "quant-free/special.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"

#define TOKENIZER_CONFIG_MAX ((size_t)64 << 20) /* it lists every added token */

/* One token that is looked for. */
struct wanted {
    const char *id_key, *token_key; /* "pad_token_id", "pad_token" */
    bool found;
    uint32_t id;
    const char *from;
};

static gd_status from_config(struct wanted *w, const gd_config *config, gd_error *err)
{
    const json_t *value = json_object_get(gd_config_json(config), w->id_key);
    json_int_t id;

    if (json_is_array(value))
        value = json_array_get(value, 0);
    if (!value || json_is_null(value))
        return GD_OK;
    if (!json_is_integer(value))
        return gd_fail(err, GD_EFORMAT, "%s: the field \"%s\" is no integer", gd_config_path(config), w->id_key);
    id = json_integer_value(value);
    if (id == -1)
        return GD_OK;
    if (id < 0 || id > UINT32_MAX)
        return gd_fail(err, GD_EFORMAT, "%s: the field \"%s\" is %lld, which is no token id", gd_config_path(config),
                       w->id_key, (long long)id);
    w->found = true;
    w->id = (uint32_t)id;
    w->from = "config.json";
    return GD_OK;
}

static gd_status from_object(struct wanted *w, const json_t *root, const char *path, const char *name,
                             const gd_special_sources *from, gd_error *err)
{
    const json_t *value = json_object_get(root, w->token_key);
    const char *token;

    if (json_is_object(value))
        value = json_object_get(value, "content");
    if (w->found || !value || json_is_null(value))
        return GD_OK;
    token = json_string_value(value);
    if (!token)
        return gd_fail(err, GD_EFORMAT, "%s: the field \"%s\" is neither a string nor an object with \"content\"", path,
                       w->token_key);
    if (!from->lookup(from->context, token, &w->id))
        return gd_fail(err, GD_EFORMAT, "%s: the field \"%s\" is \"%s\", which tokenizer.json does not have", path,
                       w->token_key, token);
    w->found = true;
    w->from = name;
    return GD_OK;
}

static gd_status from_file(struct wanted *wanted, const char *dir, const char *name, const gd_special_sources *from,
                           gd_error *err)
{
    char *path = gd_path_join(dir, name);
    json_t *root = NULL;
    gd_status rc = GD_OK;

    if (!path)
        return gd_fail_memory(err, 0);
    if (gd_file_exists(path)) {
        rc = gd_json_load_reals(&root, path, TOKENIZER_CONFIG_MAX, err);
        if (!rc && !json_is_object(root))
            rc = gd_fail(err, GD_EFORMAT, "%s: not a JSON object", path);
        for (int i = 0; !rc && i < 2; i++)
            rc = from_object(&wanted[i], root, path, name, from, err);
    }
    json_decref(root);
    gd_free(path);
    return rc;
}

gd_status gd_special_ids_read(gd_special_ids *out, const gd_special_sources *from, gd_error *err)
{
    struct wanted wanted[2] = { { .id_key = "pad_token_id", .token_key = "pad_token" },
                                { .id_key = "eos_token_id", .token_key = "eos_token" } };
    const char *const dirs[2] = { from->adapter_dir, from->dir };
    static const char *const names[2] = { "tokenizer_config.json", "special_tokens_map.json" };
    gd_status rc = GD_OK;

    *out = (gd_special_ids){ 0 };
    for (int i = 0; !rc && from->config && i < 2; i++)
        rc = from_config(&wanted[i], from->config, err);
    for (int i = 0; !rc && i < 4; i++)
        if (dirs[i / 2] && !(wanted[0].found && wanted[1].found))
            rc = from_file(wanted, dirs[i / 2], names[i % 2], from, err);
    if (rc)
        return rc;
    *out = (gd_special_ids){ wanted[0].found, wanted[1].found, wanted[0].id, wanted[1].id, wanted[0].from,
                             wanted[1].from };
    return GD_OK;
}
