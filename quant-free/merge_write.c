/* merge_write.c - writes the weights of a merged model, tensor by tensor. */
#include "quant-free/merge_write.h"

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "quant-free/convert.h"
#include "quant-free/merge.h"
#include "quant-free/shards.h"
#include "quant-free/st_write.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { AT_ONCE = 4 << 20 /* bytes between two progress reports */, WHOLE = 3 };

struct job {
    const gd_merge_parts *parts;
    gd_newdir *dir;
    gd_pool *pool;
    struct whole {
        const gd_view *from; /* the adapter's head, its bias or embedding, or NULL */
        gd_view out;         /* the same, named and typed as in the output */
    } whole[WHOLE];
    const gd_view **views;
    size_t count;
    gd_shards shards;
    void *room; /* AT_ONCE bytes, or one row if that is larger */
    uint64_t tensors, bytes;
};

static gd_status report(const struct job *job, gd_error *err)
{
    const gd_progress *p = job->parts->progress;

    if (p && p->report(p->context, job->tensors, job->bytes, job->shards.bytes, 0))
        return gd_fail(err, GD_EINTERRUPTED, "stopped by the caller");
    return GD_OK;
}

static gd_status put(struct job *job, const void *data, size_t len, gd_error *err)
{
    gd_status rc = gd_newdir_write(job->dir, data, len, err);

    job->bytes += len;
    return rc ? rc : report(job, err);
}

/* ---- the tensors to write ---- */

/* The tensor of a module, NULL for none; *rc becomes GD_ENOMEM when out of memory. */
static const gd_view *weight_of(const struct job *job, const char *module, gd_status *rc, gd_error *err)
{
    const size_t len = strlen(module);
    const gd_view *view;
    char *name = gd_alloc(len + 8, 1);

    if (!name) {
        *rc = gd_fail_memory(err, len + 8);
        return NULL;
    }
    memcpy(name, module, len);
    memcpy(name + len, ".weight", 8);
    view = gd_weights_find(job->parts->weights, name);
    gd_free(name);
    return view;
}

static gd_status check_modules(const struct job *job, gd_error *err)
{
    const gd_adapter *ad = job->parts->adapter;
    gd_status rc = GD_OK;

    if (gd_adapter_image_modules(ad))
        return gd_fail(err, GD_EUNSUPPORTED,
                       "%s: LoRA on %zu modules that read images would be lost in merging, but LoRA on the language "
                       "model alone is expected",
                       gd_adapter_path(ad), gd_adapter_image_modules(ad));
    for (size_t i = 0; !rc && i < gd_adapter_count(ad); i++) {
        const char *module = gd_adapter_module(ad, i);
        const gd_view *view = weight_of(job, module, &rc, err);
        gd_lora lora;

        if (rc)
            return rc;
        if (!view || view->rank != 2)
            return gd_fail(err, GD_EFORMAT, "%s: module \"%s\" has LoRA, but the model has no matrix \"%s.weight\"",
                           gd_adapter_path(ad), module, module);
        (void)gd_adapter_find(ad, module, &lora);
        rc = gd_lora_check(&lora, view->shape[0], view->shape[1], module, gd_adapter_path(ad), err);
    }
    return rc;
}

/* The graph's name of a tensor of the checkpoint, if it has another form; where the form in use is empty, its own may
 * be the graph's all the same, as the head's is. */
static const char *graph_name(const struct job *job, const gd_view *view, char room[GD_NAME_BYTES])
{
    const char *name = gd_weights_in_graph(job->parts->weights, view->name, room);

    return gd_weights_find(job->parts->weights, name) == view ? name : view->name;
}

static bool is_embedding(const struct job *job, const gd_view *view)
{
    char room[GD_NAME_BYTES];

    return gd_adapter_embeds(job->parts->adapter, view->name) ||
           gd_adapter_embeds(job->parts->adapter, graph_name(job, view, room));
}

/* The head's type: that of the head it replaces, else that of the largest tensor. */
static gd_dtype head_type(const gd_weights *weights, const char *name)
{
    const gd_view *head = gd_weights_find(weights, name), *largest = head;

    for (size_t i = 0; i < gd_weights_count(weights) && !head; i++) {
        const gd_view *view = gd_weights_at(weights, i);

        if (!largest || view->bytes > largest->bytes)
            largest = view;
    }
    return largest ? largest->dtype : GD_BF16;
}

static void set_whole(struct whole *whole, const gd_view *from, const char *name, gd_dtype type)
{
    whole->from = from;
    whole->out = *from;
    whole->out.name = name;
    whole->out.dtype = type;
    whole->out.bytes = gd_view_elements(from) * gd_dtype_size(type);
}

/* The adapter's head, its bias and embedding. A missing embedding of the base is the caller's to notice. */
static void make_whole(struct job *job)
{
    const gd_merge_parts *parts = job->parts;
    const gd_view *head = gd_adapter_head(parts->adapter), *bias = gd_adapter_head_bias(parts->adapter),
                  *embedding = gd_adapter_embedding(parts->adapter);

    if (head)
        set_whole(&job->whole[0], head, parts->head, head_type(parts->weights, parts->head));
    if (bias && parts->head_bias)
        set_whole(&job->whole[2], bias, parts->head_bias, head_type(parts->weights, parts->head_bias));
    for (size_t i = 0; embedding && i < gd_weights_count(parts->weights); i++) {
        const gd_view *view = gd_weights_at(parts->weights, i);

        if (is_embedding(job, view))
            set_whole(&job->whole[1], embedding, view->name, view->dtype);
    }
}

/* A head that is named like an output layer is not one. */
static bool is_left_out(const struct job *job, const char *name)
{
    for (size_t i = 0; i < WHOLE; i++)
        if (job->whole[i].from && strcmp(name, job->whole[i].out.name) == 0)
            return true;
    return !job->parts->keeps_output && strcmp(name, job->parts->head) != 0 && strncmp(name, "lm_head.", 8) == 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp((*(const gd_view *const *)a)->name, (*(const gd_view *const *)b)->name);
}

static gd_status list_tensors(struct job *job, gd_error *err)
{
    const gd_weights *weights = job->parts->weights;
    const size_t all = gd_weights_count(weights);

    make_whole(job);
    job->views = gd_alloc(all + WHOLE, sizeof *job->views);
    if (!job->views)
        return gd_fail_memory(err, (all + WHOLE) * sizeof *job->views);
    for (size_t i = 0; i < all; i++)
        if (!is_left_out(job, gd_weights_at(weights, i)->name))
            job->views[job->count++] = gd_weights_at(weights, i);
    for (size_t i = 0; i < WHOLE; i++)
        if (job->whole[i].from)
            job->views[job->count++] = &job->whole[i].out;
    qsort(job->views, job->count, sizeof *job->views, by_name);
    return GD_OK;
}

/* Allocates AT_ONCE bytes, or more for a longer row. */
static gd_status make_room(struct job *job, gd_error *err)
{
    size_t bytes = AT_ONCE;

    for (size_t i = 0; i < job->count; i++) {
        const gd_view *view = job->views[i];
        const size_t row = gd_view_row_elements(view) * gd_dtype_size(view->dtype);

        if (view->bytes && row > bytes)
            bytes = row;
    }
    job->room = gd_large_alloc(bytes);
    return job->room ? GD_OK : gd_fail_memory(err, bytes);
}

/* ---- one tensor ---- */

static gd_status copy(struct job *job, const gd_view *view, gd_error *err)
{
    const unsigned char *data = view->data;
    gd_status rc = GD_OK;

    for (size_t at = 0, some; !rc && at < view->bytes; at += some) {
        some = view->bytes - at < AT_ONCE ? view->bytes - at : AT_ONCE;
        rc = put(job, data + at, some, err);
        gd_view_release(view, at, some);
    }
    return rc;
}

/* Rows first .. first + count of the adapter's tensor, into the room: fp32 holds every number, and is rounded once. */
static gd_status round_rows(struct job *job, const struct whole *whole, float *numbers, size_t first, size_t count,
                            gd_error *err)
{
    const gd_view *from = whole->from;
    const size_t cols = gd_view_row_elements(from), bytes = cols * gd_dtype_size(from->dtype);
    unsigned char *out = job->room;

    for (size_t i = 0; i < count; i++, out += cols * gd_dtype_size(whole->out.dtype)) {
        gd_view_rows_to_f32(from, first + i, 1, numbers);
        if (!gd_f32_to_type(whole->out.dtype, numbers, cols, out))
            return gd_fail(err, GD_EUNSUPPORTED, "%s: tensor \"%s\": a number is too large for the base's type %s",
                           gd_adapter_path(job->parts->adapter), from->name, gd_dtype_name(whole->out.dtype));
    }
    gd_view_release(from, first * bytes, count * bytes);
    return GD_OK;
}

static gd_status write_whole(struct job *job, const struct whole *whole, gd_error *err)
{
    const size_t rows = whole->out.shape[0], cols = gd_view_row_elements(&whole->out),
                 row = cols * gd_dtype_size(whole->out.dtype);
    const size_t at_once = row && row < AT_ONCE ? AT_ONCE / row : 1;
    float *numbers = gd_alloc(cols, sizeof *numbers);
    gd_status rc = numbers ? GD_OK : gd_fail_memory(err, cols * sizeof *numbers);

    for (size_t i = 0, some; !rc && i < rows; i += some) {
        some = rows - i < at_once ? rows - i : at_once;
        rc = round_rows(job, whole, numbers, i, some, err);
        if (!rc)
            rc = put(job, job->room, some * row, err);
    }
    gd_free(numbers);
    return rc;
}

static gd_status merge_rows(struct job *job, gd_merged *m, gd_error *err)
{
    const size_t row = m->cols * gd_dtype_size(m->base->dtype);
    const size_t at_once = row && row < AT_ONCE ? AT_ONCE / row : 1;
    gd_status rc = GD_OK;

    for (size_t i = 0, some; !rc && i < m->rows; i += some) {
        some = m->rows - i < at_once ? m->rows - i : at_once;
        if (!gd_merge_rows(m, job->pool, i, some, job->room))
            return gd_fail(err, GD_EFORMAT,
                           "%s: tensor \"%s\": with the adapter, a number is not finite or too large for %s",
                           gd_weights_path(job->parts->weights), m->base->name, gd_dtype_name(m->base->dtype));
        gd_view_release(m->base, i * row, some * row);
        rc = put(job, job->room, some * row, err);
    }
    return rc;
}

static gd_status merge(struct job *job, const gd_view *view, const gd_lora *lora, gd_error *err)
{
    gd_merged m;
    gd_status rc = gd_merge_begin(&m, view, lora, err);

    if (!rc)
        rc = merge_rows(job, &m, err);
    gd_merge_free(&m);
    return rc;
}

/* The LoRA of the module whose weight has this name. */
static bool find_lora(const struct job *job, const char *name, gd_lora *lora)
{
    const size_t len = strlen(name);
    char module[GD_NAME_BYTES];

    if (len < 8 || len - 7 >= sizeof module || strcmp(name + len - 7, ".weight") != 0)
        return false;
    memcpy(module, name, len - 7);
    module[len - 7] = '\0';
    return gd_adapter_find(job->parts->adapter, module, lora);
}

static gd_status write_tensor(struct job *job, const gd_view *view, gd_error *err)
{
    char room[GD_NAME_BYTES];
    gd_lora lora;

    for (size_t i = 0; i < WHOLE; i++)
        if (view == &job->whole[i].out)
            return write_whole(job, &job->whole[i], err);
    if (find_lora(job, view->name, &lora) || find_lora(job, graph_name(job, view, room), &lora))
        return merge(job, view, &lora, err);
    return copy(job, view, err);
}

/* ---- all tensors ---- */

static gd_status write_shard(struct job *job, const gd_shard *shard, gd_error *err)
{
    const gd_view **views = job->views + shard->first;
    gd_status rc = gd_st_write_begin(job->dir, shard->name, (const gd_view *const *)views, shard->count, err);

    for (size_t i = 0; !rc && i < shard->count; i++) {
        rc = write_tensor(job, views[i], err);
        job->tensors++;
    }
    return rc ? rc : gd_newdir_end(job->dir, err);
}

static gd_status write_index(struct job *job, gd_error *err)
{
    gd_buf json = { 0 };
    gd_status rc = GD_OK;

    if (job->shards.count == 1)
        return GD_OK;
    gd_shards_index(&job->shards, (const gd_view *const *)job->views, &json);
    if (json.failed)
        rc = gd_fail_memory(err, json.len);
    else
        rc = gd_newdir_put(job->dir, "model.safetensors.index.json", json.data, json.len, err);
    gd_buf_free(&json);
    return rc;
}

gd_status gd_merge_write(gd_newdir *dir, const gd_merge_parts *parts, gd_error *err)
{
    struct job job = { .parts = parts, .dir = dir };
    const uint64_t limit = parts->shard_bytes ? parts->shard_bytes : GD_SHARD_BYTES;
    gd_status rc = check_modules(&job, err);

    if (!rc)
        rc = list_tensors(&job, err);
    if (!rc)
        rc = gd_shards_plan(&job.shards, job.views, job.count, limit, err);
    if (!rc)
        rc = make_room(&job, err);
    if (!rc)
        rc = gd_pool_open(&job.pool, parts->threads, err);
    for (size_t i = 0; !rc && i < job.shards.count; i++)
        rc = write_shard(&job, &job.shards.list[i], err);
    if (!rc)
        rc = write_index(&job, err);
    gd_pool_close(job.pool);
    gd_large_free(job.room);
    gd_shards_free(&job.shards);
    gd_free(job.views);
    return rc;
}
