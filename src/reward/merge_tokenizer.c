/* merge_tokenizer.c - the tokenizer files of a merged model. */
#include "reward/merge.h"

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "reward/model.h"

#include <string.h>

/* Files that belong together come from one directory: a mixture would be a different tokenizer. */
static const char *const vocabulary[] = { "tokenizer.json",    "vocab.json", "merges.txt",
                                          "added_tokens.json", "vocab.txt",  "tokenizer.model" };
static const char *const special[] = { "special_tokens_map.json", "tokenizer_config.json" };
static const char *const templates[] = { "chat_template.jinja" };

#define COUNT(list) (sizeof(list) / sizeof(list)[0])

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

/* The adapter's directory if it has one of the files, else the model's. */
static gd_status choose(const char **dir, const gd_merge_source *from, const char *const *names, size_t count,
                        gd_error *err)
{
    gd_status rc = GD_OK;

    *dir = from->dir;
    for (size_t i = 0; !rc && i < count; i++) {
        char *path;
        bool there;

        rc = gd_file_find(&path, &there, from->adapter_dir, names[i], err);
        if (there)
            *dir = from->adapter_dir;
        gd_free(path);
    }
    return rc;
}

gd_status gd_merge_tokenizer(gd_newdir *out, const gd_merge_source *from, gd_error *err)
{
    const char *dir;
    gd_status rc = gd_tokenizer_dir(&dir, from->dir, from->adapter_dir, err);

    if (!rc)
        rc = copy(out, dir, vocabulary, COUNT(vocabulary), err);
    if (!rc)
        rc = choose(&dir, from, special, COUNT(special), err);
    if (!rc)
        rc = copy(out, dir, special, COUNT(special), err);
    if (!rc)
        rc = choose(&dir, from, templates, COUNT(templates), err);
    return rc ? rc : copy(out, dir, templates, COUNT(templates), err);
}
