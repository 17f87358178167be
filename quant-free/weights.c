/* weights.c - the tensors of a checkpoint directory. */
#include "quant-free/weights.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/notes.h"
#include "quant-free/safetensors.h"

#include <stdlib.h>
#include <string.h>

#define INDEX_BYTES_MAX ((size_t)64 << 20)
#define SHARDS_MAX 1024
#define HEAD_FILE "value_head.safetensors" /* by LLaMA-Factory, beside the model */
#define INNER "model."                     /* the inner model, in the names of a model with a head */

struct shard {
    gd_st *st;
    char *name;
};

struct gd_weights {
    char *path;
    struct shard *shards; /* sorted by name */
    size_t shard_count;
    const gd_view **views; /* sorted by name */
    size_t view_count, bytes;
    json_t *index;     /* model.safetensors.index.json, or NULL */
    const json_t *map; /* its "weight_map" */
    bool value_head;   /* HEAD_FILE is in the directory */
    gd_names names;    /* where they are not the graph's */
    gd_notes notes;
};

static gd_status join(char **out, const char *dir, const char *name, gd_error *err)
{
    *out = gd_path_join(dir, name);
    return *out ? GD_OK : gd_fail_memory(err, strlen(dir) + strlen(name) + 2);
}

/* A file name that neither leaves the directory nor is hidden. */
static gd_status check_shard_name(const char *name, const char *tensor, const char *path, gd_error *err)
{
    const size_t len = strlen(name);

    if (len > 255 || len < 13 || name[0] == '.' || strchr(name, '/') || strcmp(name + len - 12, ".safetensors") != 0)
        return gd_fail(err, GD_EFORMAT,
                       "%s: the file of \"%s\" is \"%s\", but a plain *.safetensors file name is expected", path,
                       tensor, name);
    return GD_OK;
}

static int by_shard_name(const void *a, const void *b)
{
    return strcmp(((const struct shard *)a)->name, ((const struct shard *)b)->name);
}

static struct shard *find_shard(const gd_weights *w, const char *name)
{
    const struct shard key = { .name = (char *)name };

    return bsearch(&key, w->shards, w->shard_count, sizeof key, by_shard_name);
}

static gd_status open_shard(gd_weights *w, const char *dir, const char *name, gd_error *err)
{
    struct shard *s = &w->shards[w->shard_count];
    char *path;
    gd_status rc = join(&path, dir, name, err);

    if (rc)
        return rc;
    *s = (struct shard){ .name = gd_strdup(name) };
    rc = s->name ? gd_st_open(&s->st, path, err) : gd_fail_memory(err, strlen(name) + 1);
    gd_free(path);
    if (rc)
        gd_free(s->name);
    else
        w->shard_count++;
    return rc;
}

static gd_status open_shards(gd_weights *w, const char *dir, const json_t *map, gd_error *err)
{
    const char *tensor, *file;
    json_t *value;
    gd_status rc = GD_OK;

    w->shards = gd_alloc(SHARDS_MAX, sizeof *w->shards);
    if (!w->shards)
        return gd_fail_memory(err, SHARDS_MAX * sizeof *w->shards);
    json_object_foreach((json_t *)map, tensor, value) {
        rc = gd_json_string(&file, map, tensor, w->path, err);
        if (!rc)
            rc = check_shard_name(file, tensor, w->path, err);
        if (rc)
            return rc;
        if (find_shard(w, file))
            continue;
        if (w->shard_count == SHARDS_MAX)
            return gd_fail(err, GD_EFORMAT, "%s: more than %d shards, the most accepted", w->path, SHARDS_MAX);
        rc = open_shard(w, dir, file, err);
        if (rc)
            return rc;
        qsort(w->shards, w->shard_count, sizeof *w->shards, by_shard_name);
    }
    return rc;
}

/* The file in which the index lists a tensor; NULL if it is not listed. */
static const char *listed_in(const gd_weights *w, const char *name)
{
    return json_string_value(json_object_get(w->map, name));
}

/* Whether a tensor that a shard holds is the model's: without an index all are. */
static bool belongs(const gd_weights *w, const struct shard *s, const char *name)
{
    const char *file = listed_in(w, name);

    return !w->map || (file && strcmp(file, s->name) == 0);
}

static gd_status open_index(gd_weights *w, const char *dir, gd_error *err)
{
    gd_status rc = gd_json_load(&w->index, w->path, INDEX_BYTES_MAX, err);

    if (rc)
        return rc;
    if (!json_is_object(w->index))
        return gd_fail(err, GD_EFORMAT, "%s: not a JSON object", w->path);
    rc = gd_json_object(&w->map, w->index, "weight_map", w->path, err);
    if (!rc && json_object_size(w->map) == 0)
        return gd_fail(err, GD_EFORMAT, "%s: \"weight_map\" is empty", w->path);
    return rc ? rc : open_shards(w, dir, w->map, err);
}

static gd_status open_single(gd_weights *w, const char *dir, gd_error *err)
{
    w->shards = gd_alloc(1, sizeof *w->shards);
    if (!w->shards)
        return gd_fail_memory(err, sizeof *w->shards);
    return open_shard(w, dir, "model.safetensors", err);
}

static int by_view_name(const void *a, const void *b)
{
    return strcmp((*(const gd_view *const *)a)->name, (*(const gd_view *const *)b)->name);
}

static gd_status collect(gd_weights *w, gd_error *err)
{
    size_t count = 0;

    for (size_t i = 0; i < w->shard_count; i++)
        count += gd_st_count(w->shards[i].st);
    w->views = gd_alloc(count, sizeof *w->views);
    if (!w->views)
        return gd_fail_memory(err, count * sizeof *w->views);
    for (size_t i = 0; i < w->shard_count; i++) {
        for (size_t k = 0; k < gd_st_count(w->shards[i].st); k++) {
            const gd_view *view = gd_st_at(w->shards[i].st, k);

            if (!belongs(w, &w->shards[i], view->name))
                continue;
            w->views[w->view_count++] = view;
            w->bytes += view->bytes; /* at most the sizes of the files */
        }
    }
    qsort(w->views, w->view_count, sizeof *w->views, by_view_name);
    return GD_OK;
}

/* Tensors that are listed and absent, or held and not listed there. They matter only if the model needs them. */
static gd_status note_disagreement(gd_weights *w, gd_error *err)
{
    size_t wrong = 0;
    const char *name, *first = NULL;
    json_t *value;

    json_object_foreach((json_t *)w->map, name, value) {
        if (gd_st_holds(find_shard(w, json_string_value(value))->st, name))
            continue;
        first = first ? first : name;
        wrong++;
    }
    for (size_t i = 0; i < w->shard_count; i++) {
        for (size_t k = 0; k < gd_st_count(w->shards[i].st); k++) {
            name = gd_st_at(w->shards[i].st, k)->name;
            if (belongs(w, &w->shards[i], name))
                continue;
            first = first ? first : name;
            wrong++;
        }
    }
    if (!wrong)
        return GD_OK;
    return gd_notes_add(&w->notes, err, "%s: the index and the shards disagree about %zu tensor%s, such as %s", w->path,
                        wrong, wrong > 1 ? "s" : "", first);
}

static gd_status there(bool *yes, const char *dir, const char *name, gd_error *err)
{
    char *path;
    const gd_status rc = gd_file_find(&path, yes, dir, name, err);

    gd_free(path);
    return rc;
}

/* Which files exist, in the order in which Transformers looks for them. */
static gd_status choose(gd_weights *w, bool *single, const char *dir, gd_error *err)
{
    bool index = false, bin = false, bin_index = false;
    gd_status rc = there(single, dir, "model.safetensors", err);

    if (!rc)
        rc = there(&index, dir, "model.safetensors.index.json", err);
    if (!rc)
        rc = gd_file_hint(&w->value_head, dir, HEAD_FILE, err);
    if (!rc)
        rc = gd_file_hint(&bin, dir, "pytorch_model.bin", err);
    if (!rc)
        rc = gd_file_hint(&bin_index, dir, "pytorch_model.bin.index.json", err);
    if (rc)
        return rc;
    if (!*single && !index && (bin || bin_index))
        return gd_fail(err, GD_EUNSUPPORTED,
                       "%s: found only pytorch_model.bin, a pickle, which can run code when it is loaded; if you trust "
                       "it, load it with Transformers and call save_pretrained(), which writes safetensors",
                       dir);
    if (!*single && !index)
        return gd_fail(err, GD_EIO, "%s: neither model.safetensors nor model.safetensors.index.json exists", dir);
    if (*single && index)
        rc = gd_notes_add(&w->notes, err, "%s: model.safetensors.index.json is ignored, since model.safetensors exists",
                          dir);
    if (!rc && (bin || bin_index))
        rc = gd_notes_add(&w->notes, err, "%s: pytorch_model.bin is ignored, since there are safetensors files", dir);
    return rc ? rc : join(&w->path, dir, *single ? "model.safetensors" : "model.safetensors.index.json", err);
}

gd_status gd_weights_open(gd_weights **out, const char *dir, gd_error *err)
{
    bool single = false;
    gd_weights *w;
    gd_status rc;

    *out = NULL;
    w = gd_alloc_zero(1, sizeof *w);
    if (!w)
        return gd_fail_memory(err, sizeof *w);
    rc = choose(w, &single, dir, err);
    if (!rc)
        rc = single ? open_single(w, dir, err) : open_index(w, dir, err);
    if (!rc)
        rc = collect(w, err);
    if (!rc)
        rc = note_disagreement(w, err);
    if (rc)
        gd_weights_close(w);
    else
        *out = w;
    return rc;
}

gd_status gd_weights_unchanged(const gd_weights *w, gd_error *err)
{
    gd_status rc = GD_OK;

    for (size_t i = 0; !rc && i < w->shard_count; i++)
        rc = gd_st_unchanged(w->shards[i].st, err);
    return rc;
}

void gd_weights_close(gd_weights *w)
{
    if (!w)
        return;
    for (size_t i = 0; i < w->shard_count; i++) {
        gd_st_close(w->shards[i].st);
        gd_free(w->shards[i].name);
    }
    gd_free(w->shards);
    gd_free(w->views);
    gd_free(w->path);
    json_decref(w->index);
    gd_notes_free(&w->notes);
    gd_free(w);
}

static const gd_view *find(const gd_weights *w, const char *name)
{
    const gd_view named = { .name = name }, *key = &named;
    const gd_view **found = bsearch(&key, w->views, w->view_count, sizeof key, by_view_name);

    return found ? *found : NULL;
}

const gd_view *gd_weights_find(const gd_weights *w, const char *name)
{
    char room[GD_NAME_BYTES];

    return find(w, gd_names_in_file(&w->names, name, room));
}

/* A tensor of any type, listed or held. */
static bool has(const void *context, const char *name)
{
    const gd_weights *w = context;

    for (size_t i = 0; i < w->shard_count; i++)
        if (gd_st_holds(w->shards[i].st, name))
            return true;
    return listed_in(w, name) != NULL;
}

gd_status gd_weights_settle(gd_weights *w, const gd_names_search *search, gd_error *err)
{
    gd_names_search own = *search;

    own.has = has;
    own.context = w;
    own.path = w->path;
    return gd_names_find(&w->names, &own, err);
}

const char *gd_weights_in_graph(const gd_weights *w, const char *name, char room[GD_NAME_BYTES])
{
    return gd_names_in_graph(&w->names, name, room);
}

/* The index and the shards must agree about a tensor that the model needs, and its type must be one of weights. */
static gd_status check_name(const gd_weights *w, const char *name, bool *found, gd_error *err)
{
    const char *file = listed_in(w, name);
    const gd_view *view;

    for (size_t i = 0; i < w->shard_count; i++) {
        const struct shard *s = &w->shards[i];

        if (!gd_st_holds(s->st, name))
            continue;
        if (w->map && !file)
            return gd_fail(err, GD_EFORMAT, "%s: tensor \"%s\" is not listed in %s", gd_st_path(s->st), name, w->path);
        if (!belongs(w, s, name))
            return gd_fail(err, GD_EFORMAT, "%s: tensor \"%s\" is in this file, but %s lists it in %s",
                           gd_st_path(s->st), name, w->path, file);
        *found = true;
        if (gd_st_need(&view, s->st, name, err))
            return GD_EUNSUPPORTED;
    }
    if (file && !*found)
        return gd_fail(err, GD_EFORMAT, "%s: tensor \"%s\" is missing, but %s lists it in this file",
                       gd_st_path(find_shard(w, file)->st), name, w->path);
    return GD_OK;
}

/* A quantised module has tensors of other types in place of its weight: q_proj.qweight, q_proj.scales. */
static gd_status check_module(const gd_weights *w, const char *name, gd_error *err)
{
    const char *dot = strrchr(name, '.');
    const size_t len = dot ? (size_t)(dot + 1 - name) : 0;

    for (size_t i = 0; len && i < w->shard_count; i++) {
        const gd_st *st = w->shards[i].st;

        for (size_t k = 0; k < gd_st_other_count(st); k++) {
            const gd_st_other *other = gd_st_other_at(st, k);

            if (strncmp(other->name, name, len) == 0)
                return gd_fail(err, GD_EUNSUPPORTED,
                               "%s: the weights are quantised: there is no tensor \"%s\", but \"%s\" of the dtype %s; "
                               "BF16, F16 or F32 weights are expected",
                               gd_st_path(st), name, other->name, other->dtype);
        }
    }
    return GD_OK;
}

gd_status gd_weights_check(const gd_weights *w, const char *name, gd_error *err)
{
    char room[GD_NAME_BYTES];
    const char *own = gd_names_in_file(&w->names, name, room);
    bool found = false;
    const gd_status rc = check_name(w, own, &found, err);

    return rc || found ? rc : check_module(w, own, err);
}

gd_status gd_weights_need(const gd_view **out, const gd_weights *w, const char *name, gd_error *err)
{
    const gd_status rc = gd_weights_check(w, name, err);

    *out = rc ? NULL : gd_weights_find(w, name);
    return rc || *out ? rc : gd_fail(err, GD_EFORMAT, "%s: tensor \"%s\" is missing", w->path, name);
}

static bool is_bias(const char *name)
{
    const size_t len = strlen(name);

    return len > 5 && !strcmp(name + len - 5, ".bias");
}

/* The name without INNER, or NULL if it does not begin so. */
static const char *without_inner(const char *name)
{
    return strncmp(name, INNER, strlen(INNER)) == 0 ? name + strlen(INNER) : NULL;
}

const char *gd_weights_other_head(const gd_weights *w)
{
    static const char *const names[] = { "v_head.",     "value_head.", "reward_head.",     "rm_head.",
                                         "score_head.", "classifier.", "regression_head.", "regression_layer.",
                                         "score.",      "head." };

    for (size_t i = 0; i < w->view_count; i++) {
        const char *name = w->views[i]->name, *shorter = without_inner(name);

        for (size_t k = 0; k < sizeof names / sizeof names[0]; k++)
            if (strncmp(shorter ? shorter : name, names[k], strlen(names[k])) == 0 && !is_bias(name))
                return name;
    }
    return w->value_head ? HEAD_FILE : NULL;
}

size_t gd_weights_count(const gd_weights *w) { return w->view_count; }
const gd_view *gd_weights_at(const gd_weights *w, size_t i) { return w->views[i]; }
size_t gd_weights_bytes(const gd_weights *w) { return w->bytes; }
const char *gd_weights_path(const gd_weights *w) { return w->path; }
size_t gd_weights_file_count(const gd_weights *w) { return w->shard_count; }
const char *gd_weights_file(const gd_weights *w, size_t i) { return gd_st_path(w->shards[i].st); }
size_t gd_weights_note_count(const gd_weights *w) { return w->notes.count; }
const char *gd_weights_note(const gd_weights *w, size_t i) { return w->notes.text[i]; }
