/* added_files.c - the added tokens that other files than tokenizer.json declare: tokenizer_config.json, and without an
 * added_tokens_decoder in it, special_tokens_map.json and added_tokens.json. */
#include "text/added_list.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "text/fields.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_LIMIT ((size_t)64 << 20)

struct file {
    json_t *root; /* NULL: the file does not exist */
    char *path;
};

struct files {
    gd_added_list *list;
    struct file config, map;
    gd_error *err;
};

/* In the order in which the reference adds them. */
static const char *const named[] = { "bos_token", "eos_token", "unk_token", "sep_token",
                                     "pad_token", "cls_token", "mask_token" };

#define NAMED (sizeof named / sizeof named[0])

static const gd_added_flags special_flags = { .special = true };

static gd_status load(struct file *file, const char *dir, const char *name, gd_error *err)
{
    bool there;
    gd_status rc = gd_file_find(&file->path, &there, dir, name, err);

    if (!rc && there)
        rc = gd_json_load(&file->root, file->path, FILE_LIMIT, err);
    if (!rc && file->root && !json_is_object(file->root))
        rc = gd_fail(err, GD_EFORMAT, "%s: not a JSON object", file->path);
    return rc;
}

static void close_file(struct file *file)
{
    json_decref(file->root);
    gd_free(file->path);
}

/* ---- lists of tokens with ids ---- */

static int by_id(const void *a, const void *b)
{
    const int64_t x = ((const gd_added_entry *)a)->id, y = ((const gd_added_entry *)b)->id;

    return (x > y) - (x < y);
}

static int by_number(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

/* The key of added_tokens_decoder: an id in digits. */
static gd_status read_key(int64_t *id, const char *key, const char *path, gd_error *err)
{
    const size_t digits = strspn(key, "0123456789");

    if (digits == 0 || digits > 9 || key[digits])
        return gd_fail(err, GD_EFORMAT, "%s: added_tokens_decoder has the key \"%.40s\", but an id is expected", path,
                       key);
    *id = (int64_t)strtol(key, NULL, 10);
    return GD_OK;
}

static gd_status read_decoder(struct files *f, json_t *decoder)
{
    const char *path = f->config.path;
    gd_added_list *list = f->list;
    gd_status rc = GD_OK;

    if (!json_is_object(decoder))
        return gd_fail(f->err, GD_EFORMAT, "%s: the field \"added_tokens_decoder\" is %s, but an object is expected",
                       path, gd_json_type_name(decoder));
    for (void *at = json_object_iter(decoder); at && !rc; at = json_object_iter_next(decoder, at)) {
        gd_added_entry *entry;
        char where[GD_WHERE];
        int64_t id = -1;

        rc = read_key(&id, json_object_iter_key(at), path, f->err);
        (void)snprintf(where, sizeof where, "%s: added_tokens_decoder.%s", path, json_object_iter_key(at));
        if (!rc)
            rc = gd_added_declare_object(list, GD_ADDED_LISTED, json_object_iter_value(at), &entry, where, f->err);
        if (!rc && entry)
            entry->id = id;
    }
    return rc;
}

/* Leaves out the entries from `first` whose id a token of tokenizer.json has: for the reference, that token is it. */
static gd_status drop_known(gd_added_list *list, size_t first, gd_error *err)
{
    int64_t *ids = gd_alloc(list->files + 1, sizeof *ids);
    size_t kept = first;

    if (!ids)
        return gd_fail_memory(err, list->files * sizeof *ids);
    for (size_t i = 0; i < list->files; i++)
        ids[i] = list->entries[i].id;
    qsort(ids, list->files, sizeof *ids, by_number);
    for (size_t i = first; i < list->count; i++) {
        if (bsearch(&list->entries[i].id, ids, list->files, sizeof *ids, by_number))
            gd_free(list->entries[i].content);
        else
            list->entries[kept++] = list->entries[i];
    }
    list->count = kept;
    gd_free(ids);
    return GD_OK;
}

/* added_tokens.json: {"<pad>": 32000}. */
static gd_status read_added_tokens(struct files *f, const char *dir)
{
    static const gd_added_flags flags = { .normalized = true };
    struct file file = { NULL, NULL };
    const size_t first = f->list->count;
    gd_status rc = load(&file, dir, "added_tokens.json", f->err);

    for (void *at = json_object_iter(file.root); at && !rc; at = json_object_iter_next(file.root, at)) {
        const char *key = json_object_iter_key(at);
        const double id = json_number_value(json_object_iter_value(at));
        json_t *content = json_stringn(key, json_object_iter_key_len(at));
        gd_added_entry *entry;

        if (!json_is_number(json_object_iter_value(at)) || !(id >= 0 && id < INT32_MAX) || id != (double)(int64_t)id)
            rc = gd_fail(f->err, GD_EFORMAT, "%s: the id of \"%.80s\" is expected to be an integer", file.path, key);
        if (!rc && !content)
            rc = gd_fail_memory(f->err, strlen(key));
        if (!rc)
            rc = gd_added_declare(f->list, GD_ADDED_LISTED, content, flags, &entry, file.path, f->err);
        if (!rc && entry) {
            entry->id = (int64_t)id;
            entry->special_by_name = true;
        }
        json_decref(content);
    }
    close_file(&file);
    return rc ? rc : drop_known(f->list, first, f->err);
}

/* ---- named tokens and extra ones ---- */

/* Where a token is declared. */
struct place {
    const struct file *file;
    const char *key;
    gd_added_origin origin;
    bool makes_special; /* see gd_added_entry */
};

/* A string or an object. In special_tokens_map.json an object is a special token, whatever it says. */
static gd_status declare(struct files *f, const json_t *value, struct place place)
{
    const bool mapped = place.file == &f->map;
    gd_added_entry *entry = NULL;
    char where[GD_WHERE];
    gd_status rc;

    (void)snprintf(where, sizeof where, "%s: %s", place.file->path, place.key);
    if (!json_is_string(value) && !json_is_object(value))
        return gd_fail(f->err, GD_EFORMAT, "%s is %s, but a string or an object with \"content\" is expected", where,
                       gd_json_type_name(value));
    rc = json_is_string(value) ? gd_added_declare(f->list, place.origin, value, special_flags, &entry, where, f->err)
                               : gd_added_declare_object(f->list, place.origin, value, &entry, where, f->err);
    if (rc || !entry)
        return rc;
    if (mapped && json_is_object(value)) {
        entry->flags.special = true;
        entry->flags.normalized &= json_object_get(value, "normalized") != NULL;
    }
    entry->makes_special = place.makes_special && (mapped || json_is_string(value));
    return GD_OK;
}

/* The seven standard ones. `padding` names the pad token if the files don't mention it. */
static gd_status read_named(struct files *f, const struct file *padding)
{
    gd_status rc = GD_OK;

    for (size_t i = 0; i < NAMED && !rc; i++) {
        struct place place = { &f->config, named[i], GD_ADDED_NAMED, true };
        const json_t *value;

        if (json_object_get(f->map.root, named[i]))
            place.file = &f->map;
        else if (!strcmp(named[i], "pad_token") && !json_object_get(f->config.root, named[i]))
            place.file = padding;
        value = json_object_get(place.file->root, named[i]);
        if (value && !json_is_null(value))
            rc = declare(f, value, place);
    }
    return rc;
}

static bool is_other_name(const char *key)
{
    const size_t len = strlen(key);

    for (size_t i = 0; i < NAMED; i++) {
        if (!strcmp(key, named[i]))
            return false;
    }
    return len > 6 && !strcmp(key + len - 6, "_token");
}

/* Others whose names end like theirs ("image_token"), if they are strings or objects as wanted; values of other types
 * have other meanings ("add_bos_token"). */
static gd_status read_other_names(struct files *f, const struct file *file, bool strings, bool objects)
{
    gd_status rc = GD_OK;

    for (void *at = json_object_iter(file->root); at && !rc; at = json_object_iter_next(file->root, at)) {
        const struct place place = { file, json_object_iter_key(at), GD_ADDED_NAMED, false };
        const json_t *value = json_object_iter_value(at);
        const bool wanted = json_is_string(value)
                                ? strings
                                : objects && json_object_get(value, file == &f->map ? "content" : "__type");

        if (wanted && is_other_name(place.key))
            rc = declare(f, value, place);
    }
    return rc;
}

/* {"image_token": "<image>"}: as if they stood in the file itself. */
static gd_status read_dict(struct files *f, json_t *dict, const struct file *file)
{
    gd_status rc = GD_OK;

    for (void *at = json_object_iter(dict); at && !rc; at = json_object_iter_next(dict, at)) {
        const struct place place = { file, json_object_iter_key(at), GD_ADDED_NAMED, false };

        rc = declare(f, json_object_iter_value(at), place);
    }
    return rc;
}

static gd_status read_list(struct files *f, const json_t *list, struct place place)
{
    gd_status rc = GD_OK;

    if (!list || json_is_null(list) || json_is_object(list))
        return GD_OK;
    if (!json_is_array(list))
        return gd_fail(f->err, GD_EFORMAT, "%s: the field \"%s\" is %s, but a list of tokens is expected",
                       place.file->path, place.key, gd_json_type_name(list));
    for (size_t i = 0; i < json_array_size(list) && !rc; i++)
        rc = declare(f, json_array_get(list, i), place);
    return rc;
}

/* Named tokens in "extra_special_tokens" come before the extra ones; and in each file that field hides the old one,
 * additional_special_tokens, as the list of tokenizer_config.json hides the old one in special_tokens_map.json. */
static gd_status read_extra(struct files *f)
{
    static const char *const keys[2] = { "extra_special_tokens", "additional_special_tokens" };
    const bool renamed = !json_object_get(f->config.root, keys[0]);
    json_t *own = json_object_get(f->config.root, keys[renamed]), *mapped = json_object_get(f->map.root, keys[0]);
    const json_t *old = json_object_get(f->map.root, keys[1]);
    const bool hidden = json_is_array(mapped) || (own && !json_is_object(own));
    gd_status rc = read_dict(f, own, &f->config);

    if (!rc)
        rc = read_dict(f, mapped, &f->map);
    if (!rc)
        rc = read_list(f, own, (struct place){ &f->config, keys[renamed], GD_ADDED_EXTRA, true });
    if (!rc)
        rc = read_list(f, mapped, (struct place){ &f->map, keys[0], GD_ADDED_EXTRA, true });
    if (!rc && !hidden)
        rc = read_list(f, old, (struct place){ &f->map, keys[1], GD_ADDED_EXTRA, false });
    return rc;
}

/* ---- all files ---- */

/* -1 if the field is absent or null. */
static gd_status read_switch(int *value, const struct file *file, const char *key, gd_error *err)
{
    bool on = false;
    gd_status rc = GD_OK;

    *value = -1;
    if (gd_json_has(file->root, key)) {
        rc = gd_json_bool(&on, file->root, key, file->path, err);
        *value = on;
    }
    return rc;
}

static gd_status read_all(struct files *f, const char *dir, const struct file *padding)
{
    gd_added_list *list = f->list;
    const char *class_name;
    int split = 0;
    gd_status rc = load(&f->config, dir, "tokenizer_config.json", f->err);

    if (!rc)
        rc = read_switch(&split, &f->config, "split_special_tokens", f->err);
    if (!rc)
        rc = read_switch(&list->add_bos, &f->config, "add_bos_token", f->err);
    if (!rc)
        rc = read_switch(&list->add_eos, &f->config, "add_eos_token", f->err);
    list->split_special = split == 1;
    list->prefix_space = gd_json_has(f->config.root, "add_prefix_space")
                             ? json_is_true(json_object_get(f->config.root, "add_prefix_space"))
                             : -1;
    list->legacy = json_is_true(json_object_get(f->config.root, "legacy"));
    class_name = json_string_value(json_object_get(f->config.root, "tokenizer_class"));
    (void)snprintf(list->class_name, sizeof list->class_name, "%s", class_name ? class_name : "");
    list->decoder = gd_json_has(f->config.root, "added_tokens_decoder");
    if (!rc && list->decoder)
        rc = read_decoder(f, json_object_get(f->config.root, "added_tokens_decoder"));
    if (!rc && !list->decoder)
        rc = load(&f->map, dir, "special_tokens_map.json", f->err);
    if (!rc && !list->decoder)
        rc = read_added_tokens(f, dir);
    if (!rc && list->count > list->files)
        qsort(list->entries + list->files, list->count - list->files, sizeof *list->entries, by_id);
    if (!rc)
        rc = read_named(f, padding);
    if (!rc)
        rc = read_other_names(f, &f->config, false, true);
    if (!rc)
        rc = read_other_names(f, &f->map, true, true);
    if (!rc)
        rc = read_other_names(f, &f->config, true, false);
    return rc ? rc : read_extra(f);
}

gd_status gd_added_list_dir(gd_added_list *list, const char *dir, json_t *padding, const char *path, gd_error *err)
{
    struct files f = { .list = list, .err = err };
    char where[GD_WHERE];
    const struct file from_padding = { padding, where };
    gd_status rc;

    (void)snprintf(where, sizeof where, "%s: padding", path);
    rc = read_all(&f, dir, &from_padding);
    close_file(&f.config);
    close_file(&f.map);
    return rc;
}
