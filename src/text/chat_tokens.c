/* chat_tokens.c - the special tokens that a chat template writes. They are in special_tokens_map.json, then in
 * tokenizer_config.json; if the latter has added_tokens_decoder, the former isn't read. */
#include "text/chat_format.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"

#define CONFIG_LIMIT ((size_t)16 << 20)

gd_status gd_chat_load_json(json_t **out, const char *dir, const char *name, gd_error *err)
{
    char *path;
    bool there;
    gd_status rc = gd_file_find(&path, &there, dir, name, err);

    if (!rc && there)
        rc = gd_json_load(out, path, CONFIG_LIMIT, err);
    if (!rc && *out && !json_is_object(*out))
        rc = gd_fail(err, GD_EFORMAT, "%s: not a JSON object", path);
    gd_free(path);
    return rc;
}

/* The text of a token, or NULL. */
static const char *spelling(const gd_chat_tokens *tokens, const char *key)
{
    const json_t *value = json_object_get(gd_json_has(tokens->map, key) ? tokens->map : tokens->config, key);

    if (json_is_object(value))
        value = json_object_get(value, "content");
    return json_string_value(value);
}

gd_status gd_chat_tokens_read(gd_chat_tokens *tokens, const char *dir, gd_error *err)
{
    gd_status rc;

    *tokens = (gd_chat_tokens){ 0 };
    rc = gd_chat_load_json(&tokens->config, dir, "tokenizer_config.json", err);
    if (!rc && !gd_json_has(tokens->config, "added_tokens_decoder"))
        rc = gd_chat_load_json(&tokens->map, dir, "special_tokens_map.json", err);
    for (gd_chat_value v = GD_CHAT_BOS; !rc && v <= GD_CHAT_EOS; v++)
        tokens->values[v] = spelling(tokens, gd_chat_value_names[v]);
    return rc;
}

void gd_chat_tokens_free(gd_chat_tokens *tokens)
{
    json_decref(tokens->config);
    json_decref(tokens->map);
}
