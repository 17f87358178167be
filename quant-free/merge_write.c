/* merge_write.c - writes the weights of a merged model, tensor by tensor. */
#include "quant-free/merge_write.h"

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "quant-free/convert.h"
#include "quant-free/merge.h"
#include "quant-free/shards.h"
#include "quant-free/st_write.h"

#include <stdlib.h>
#include <string.h>

enum { AT_ONCE = 4 << 20 }; /* bytes between two progress reports */

struct job {
    const gd_merge_parts *parts;
    gd_newdir *dir;
    gd_pool *pool;
    gd_view head; /* the adapter's, named and typed as in the output; no name: none */
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

static void make_head(struct job *job)
{
    const gd_view *head = gd_adapter_head(job->parts->adapter);

    if (!head)
        return;
    job->head = *head;
    job->head.name = job->parts->head;
    job->head.dtype = head_type(job->parts->weights, job->parts->head);
    job->head.bytes = gd_view_elements(head) * gd_dtype_size(job->head.dtype);
}

/* A head that is named like an output layer is not one. */
static bool is_left_out(const struct job *job, const char *name)
{
    if (strcmp(name, job->parts->head) == 0)
        return job->head.name != NULL;
    return strncmp(name, "lm_head.", 8) == 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp((*(const gd_view *const *)a)->name, (*(const gd_view *const *)b)->name);
}

static gd_status list_tensors(struct job *job, gd_error *err)
{
    const gd_weights *weights = job->parts->weights;
    const size_t all = gd_weights_count(weights);

    make_head(job);
    job->views = gd_alloc(all + 1, sizeof *job->views);
    if (!job->views)
        return gd_fail_memory(err, (all + 1) * sizeof *job->views);
    for (size_t i = 0; i < all; i++)
        if (!is_left_out(job, gd_weights_at(weights, i)->name))
            job->views[job->count++] = gd_weights_at(weights, i);
    if (job->head.name)
        job->views[job->count++] = &job->head;
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

/* fp32 holds every number of the adapter; from there it is rounded once. A head is small. */
static gd_status write_head(struct job *job, gd_error *err)
{
    const gd_view *from = gd_adapter_head(job->parts->adapter);
    const size_t n = gd_view_elements(from), size = gd_dtype_size(job->head.dtype);
    float *numbers = gd_alloc(n, sizeof *numbers);
    bool good = true;
    gd_status rc = GD_OK;

    if (!numbers)
        return gd_fail_memory(err, n * sizeof *numbers);
    gd_view_to_f32(from, numbers);
    good = gd_f32_to_type(job->head.dtype, numbers, n, job->room);
    if (!good)
        rc = gd_fail(err, GD_EUNSUPPORTED, "%s: tensor \"%s\": a number is too large for the base's type %s",
                     gd_adapter_path(job->parts->adapter), from->name, gd_dtype_name(job->head.dtype));
    else
        rc = put(job, job->room, n * size, err);
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

static gd_status write_tensor(struct job *job, const gd_view *view, gd_error *err)
{
    const size_t len = strlen(view->name);
    char *module;
    gd_lora lora;
    bool has;

    if (view == &job->head)
        return write_head(job, err);
    if (len < 8 || strcmp(view->name + len - 7, ".weight") != 0)
        return copy(job, view, err);
    module = gd_strndup(view->name, len - 7);
    if (!module)
        return gd_fail_memory(err, len);
    has = gd_adapter_find(job->parts->adapter, module, &lora);
    gd_free(module);
    return has ? merge(job, view, &lora, err) : copy(job, view, err);
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
