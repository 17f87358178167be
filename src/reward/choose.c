/* choose.c - whose tokenizer and chat template count when an adapter brings its own. */
#include "reward/choose.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "text/peek.h"

#define CONFIG_LIMIT ((size_t)64 << 20)

static gd_status has_file(bool *there, const char *dir, const char *name, gd_error *err)
{
    char *path;
    const gd_status rc = gd_file_find(&path, there, dir, name, err);

    gd_free(path);
    return rc;
}

/* Both have a tokenizer.json. */
static gd_status choose_between(gd_choice *choice, const char *dir, const char *adapter_dir, size_t rows,
                                gd_notes *notes, gd_error *err)
{
    bool same;
    size_t ids;
    const gd_status rc = gd_tokenizer_compare(&same, &ids, dir, adapter_dir, err);

    choice->tokenizer = adapter_dir;
    if (rc || same)
        return rc;
    if (rows == 0 || ids <= rows)
        return gd_notes_add(notes, err, "%.160s/tokenizer.json differs from the model's: the adapter's is used",
                            adapter_dir);
    choice->tokenizer = dir;
    return gd_notes_add(
        notes, err,
        "%.100s/tokenizer.json differs from the model's, but it has ids up to %zu, and the embedding has "
        "only %zu rows: the model's is used",
        adapter_dir, ids - 1, rows);
}

/* A template in tokenizer_config.json. */
static gd_status has_inner_template(bool *there, const char *path, gd_error *err)
{
    json_t *root;
    const gd_status rc = gd_json_load(&root, path, CONFIG_LIMIT, err);

    *there = !rc && gd_json_has(root, "chat_template");
    json_decref(root);
    return rc;
}

gd_status gd_choose_template(char **path, const char *dir, gd_error *err)
{
    static const char *const names[] = { "additional_chat_templates/default.jinja", "chat_template.jinja",
                                         "tokenizer_config.json" };
    gd_status rc = GD_OK;

    *path = NULL;
    for (size_t i = 0; i < 3 && !rc && !*path; i++) {
        bool there;

        rc = gd_file_find(path, &there, dir, names[i], err);
        if (!rc && there && i == 2)
            rc = has_inner_template(&there, *path, err);
        if (rc || !there) {
            gd_free(*path);
            *path = NULL;
        }
    }
    return rc;
}

gd_status gd_choose(gd_choice *choice, const char *dir, const char *adapter_dir, size_t rows, gd_notes *notes,
                    gd_error *err)
{
    static const char *const beside[] = { "tokenizer_config.json", "special_tokens_map.json" };
    bool own = false, adapters = false, there = false;
    char *template;
    gd_status rc;

    *choice = (gd_choice){ dir, dir, dir, dir };
    if (!adapter_dir)
        return GD_OK;
    rc = has_file(&own, dir, "tokenizer.json", err);
    if (!rc)
        rc = has_file(&adapters, adapter_dir, "tokenizer.json", err);
    if (!rc && own && adapters)
        rc = choose_between(choice, dir, adapter_dir, rows, notes, err);
    else if (!rc && !own && !adapters)
        rc = has_file(&own, dir, "tokenizer.model", err);
    if (!own)
        choice->tokenizer = adapter_dir;
    for (size_t i = 0; i < 2 && !rc && !there; i++)
        rc = has_file(&there, adapter_dir, beside[i], err);
    if (there)
        choice->beside = adapter_dir;
    if (!rc)
        rc = gd_choose_template(&template, adapter_dir, err);
    if (rc)
        return rc;
    if (template) {
        choice->chat = adapter_dir;
        choice->special = choice->beside;
    }
    gd_free(template);
    return GD_OK;
}
