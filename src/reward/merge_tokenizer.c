/* merge_tokenizer.c - the tokenizer files of a merged model. */
#include "reward/merge.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "reward/choose.h"
#include "reward/trained.h"

#include <string.h>

#define CONFIG_LIMIT ((size_t)64 << 20)

/* Files that belong together come from one directory: a mixture would be a different tokenizer. */
static const char *const tokenizer[] = { "tokenizer.json" };
static const char *const vocabulary[] = { "vocab.json", "merges.txt", "vocab.txt", "tokenizer.model" }; /* for others */
static const char *const beside[] = { "special_tokens_map.json", "tokenizer_config.json", "added_tokens.json" };

#define TEMPLATE "chat_template.jinja"

#define COUNT(list) (sizeof(list) / sizeof(list)[0])

const char *gd_merge_tokenizer_file(size_t i)
{
    static const char *const template[] = { TEMPLATE };
    const struct {
        const char *const *names;
        size_t count;
    } lists[] = { { tokenizer, COUNT(tokenizer) },
                  { vocabulary, COUNT(vocabulary) },
                  { beside, COUNT(beside) },
                  { template, COUNT(template) } };

    for (size_t l = 0; l < COUNT(lists); i -= lists[l++].count)
        if (i < lists[l].count)
            return lists[l].names[i];
    return NULL;
}

static gd_status copy(gd_newdir *out, const char *dir, const char *const *names, size_t count, gd_error *err)
{
    gd_status rc = GD_OK;

    for (size_t i = 0; !rc && i < count; i++) {
        char *path;
        bool there;

        rc = gd_file_find(&path, &there, dir, names[i], err);
        if (!rc && there)
            rc = gd_newdir_copy(out, names[i], path, err);
        gd_free(path);
    }
    return rc;
}

gd_status gd_merge_reads(gd_reads *reads, const char *dir, const char *adapter_dir, gd_error *err)
{
    const gd_status rc = gd_reads_add_found(reads, dir, vocabulary, COUNT(vocabulary), err);

    return rc ? rc : gd_reads_add_found(reads, adapter_dir, vocabulary, COUNT(vocabulary), err);
}

/* The template in a tokenizer_config.json that is not copied: a string, or a list with one called "default". */
static gd_status put_inner_template(gd_newdir *out, const char *path, gd_error *err)
{
    json_t *root;
    const json_t *value;
    gd_status rc = gd_json_load(&root, path, CONFIG_LIMIT, err);

    if (rc)
        return rc;
    value = json_object_get(root, "chat_template");
    for (size_t i = 0; json_is_array(value) && i < json_array_size(value); i++) {
        const json_t *one = json_array_get(value, i);
        const char *name = json_string_value(json_object_get(one, "name"));

        if (name && !strcmp(name, "default")) {
            value = json_object_get(one, "template");
            break;
        }
    }
    if (json_is_string(value))
        rc = gd_newdir_put(out, TEMPLATE, json_string_value(value), json_string_length(value), err);
    json_decref(root);
    return rc;
}

static gd_status write_template(gd_newdir *out, const gd_choice *choice, gd_error *err)
{
    char *path;
    gd_status rc = gd_choose_template(&path, choice->chat, err);
    const size_t len = path ? strlen(path) : 0;

    if (len > 5 && !strcmp(path + len - 5, ".json"))
        rc = choice->chat == choice->beside ? GD_OK : put_inner_template(out, path, err); /* else it was copied */
    else if (path)
        rc = gd_newdir_copy(out, TEMPLATE, path, err);
    gd_free(path);
    return rc;
}

gd_status gd_merge_settings(gd_newdir *out, const gd_merge_source *from, gd_error *err)
{
    gd_trained trained;
    gd_status rc = gd_trained_open(&trained, from->dir, from->adapter_dir, err);

    if (!rc && trained.path)
        rc = gd_newdir_copy(out, GD_TRAINED_FILE, trained.path, err);
    gd_trained_close(&trained);
    return rc;
}

gd_status gd_merge_tokenizer(gd_newdir *out, const gd_merge_source *from, gd_error *err)
{
    gd_choice choice;
    gd_status rc = gd_merge_choose(&choice, from, err);

    if (!rc)
        rc = copy(out, choice.tokenizer, tokenizer, COUNT(tokenizer), err);
    if (!rc)
        rc = copy(out, choice.tokenizer, vocabulary, COUNT(vocabulary), err);
    if (!rc)
        rc = copy(out, choice.beside, beside, COUNT(beside), err);
    return rc ? rc : write_template(out, &choice, err);
}
