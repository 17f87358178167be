/* head_made.c - the weights of a head that come from a file of their own, or from rows of a tensor. */
#include "reward/head_made.h"

#include "base/error.h"
#include "base/guard.h"
#include "base/mem.h"
#include "quant-free/convert.h"
#include "quant-free/safetensors.h"
#include "reward/choose_head.h"

#include <string.h>

struct maker {
    gd_head_made *out;
    const gd_head_parts *parts;
    gd_st *file; /* the head's own, while it is read */
    gd_error *err;
};

static bool is_made(const gd_plan_weight *w) { return w->name && (w->file || w->rows); }

static gd_status open_file(struct maker *m, const char *name)
{
    gd_status rc = GD_OK;

    if (m->file)
        return GD_OK;
    rc = gd_head_file(&m->out->file, m->parts->dir, m->parts->adapter_dir, name, m->err);
    if (!rc && !m->out->file)
        rc = gd_fail(m->err, GD_EIO, "%s: there is no %s, which the head %s reads", m->parts->dir, name,
                     m->parts->plan->head_of);
    return rc ? rc : gd_st_open(&m->file, m->out->file, m->err);
}

static gd_status find_tensor(struct maker *m, const gd_plan_weight *w, const gd_view **out)
{
    gd_status rc;

    if (w->file) {
        rc = open_file(m, w->file);
        return rc ? rc : gd_st_need(out, m->file, w->name, m->err);
    }
    rc = gd_weights_check(m->parts->weights, w->name, m->err);
    *out = rc ? NULL : gd_weights_find(m->parts->weights, w->name);
    if (!rc && !*out && w->rows && w->rows->other) {
        rc = gd_weights_check(m->parts->weights, w->rows->other, m->err);
        *out = rc ? NULL : gd_weights_find(m->parts->weights, w->rows->other);
    }
    if (rc || *out)
        return rc;
    return gd_fail(m->err, GD_EFORMAT, "%s: the head %s reads the tensor %s, which is missing",
                   gd_weights_path(m->parts->weights), m->parts->plan->head_of, w->name);
}

static gd_status row_of(const struct maker *m, const gd_view *tensor, const gd_plan_row *row, size_t *out)
{
    uint32_t id = row->id;

    if (row->token && !gd_tokenizer_find(m->parts->tokenizer, row->token, &id))
        return gd_fail(m->err, GD_EFORMAT,
                       "%s: the head %s reads the row of the token \"%s\", which the tokenizer lacks", m->parts->dir,
                       m->parts->plan->head_of, row->token);
    if (id >= tensor->shape[0])
        return gd_fail(m->err, GD_EFORMAT, "%s: the head %s reads the row %u of %s, which has %zu rows", m->parts->dir,
                       m->parts->plan->head_of, id, tensor->name, tensor->shape[0]);
    *out = id;
    return GD_OK;
}

/* Each number is rounded once. */
static gd_status read_rows(const struct maker *m, const gd_view *tensor, const gd_plan_rows *rows, float *to)
{
    const size_t n = gd_view_row_elements(tensor);
    float *other = gd_alloc(n, sizeof *other);
    gd_status rc = other ? GD_OK : gd_fail_memory(m->err, n * sizeof *other);

    for (size_t i = 0; !rc && i < rows->count; i++, to += n) {
        size_t plus, minus = 0;

        rc = row_of(m, tensor, &rows->plus[i], &plus);
        if (!rc && rows->minus)
            rc = row_of(m, tensor, &rows->minus[i], &minus);
        if (rc)
            break;
        gd_view_rows_to_f32(tensor, plus, 1, to);
        if (!rows->minus)
            continue;
        gd_view_rows_to_f32(tensor, minus, 1, other);
        for (size_t k = 0; k < n; k++)
            to[k] -= other[k];
    }
    gd_free(other);
    return rc;
}

/* Of rows, only their length. */
static gd_status check_shape(const struct maker *m, const gd_view *tensor, const gd_plan_weight *w)
{
    const char *path = w->file ? m->out->file : gd_weights_path(m->parts->weights);
    const unsigned last = w->rank - 1;

    if (tensor->rank != w->rank)
        return gd_fail(m->err, GD_EFORMAT, "%s: the tensor %s has %u dimensions, but the head %s needs %u", path,
                       tensor->name, tensor->rank, m->parts->plan->head_of, w->rank);
    if (tensor->shape[last] != w->shape[last] || (!w->rows && tensor->shape[0] != w->shape[0]))
        return gd_fail(m->err, GD_EFORMAT,
                       "%s: the tensor %s has the shape [%zu, %zu], but the head %s needs [%zu, %zu]", path,
                       tensor->name, last ? tensor->shape[0] : 1, tensor->shape[last], m->parts->plan->head_of,
                       last ? w->shape[0] : 1, w->shape[last]);
    return GD_OK;
}

static gd_status make(struct maker *m, const gd_plan_weight *w)
{
    const size_t at = m->out->count;
    gd_view *view = &m->out->views[at];
    const gd_view *tensor;
    size_t elements;
    gd_status rc = find_tensor(m, w, &tensor);

    if (!rc)
        rc = check_shape(m, tensor, w);
    if (rc)
        return rc;
    elements = w->rows ? w->rows->count * gd_view_row_elements(tensor) : gd_view_elements(tensor);
    m->out->numbers[at] = gd_alloc(elements, sizeof(float));
    if (!m->out->numbers[at])
        return gd_fail_memory(m->err, elements * sizeof(float));
    *view = *tensor;
    view->shape[0] = w->rows ? w->rows->count : tensor->shape[0];
    view->dtype = GD_F32;
    view->mapped = false;
    view->bytes = elements * sizeof(float);
    view->data = m->out->numbers[at];
    view->name = w->name;
    m->out->weights[m->out->count++] = (gd_made_weight){ w, view };
    if (w->rows)
        return read_rows(m, tensor, w->rows, m->out->numbers[at]);
    gd_view_to_f32(tensor, m->out->numbers[at]);
    return GD_OK;
}

static gd_status check_finite(const gd_head_made *made, const gd_head_parts *parts, gd_error *err)
{
    for (size_t i = 0; i < made->count; i++)
        if (!gd_view_finite(&made->views[i]))
            return gd_fail(err, GD_EFORMAT, "%s: the tensor %s has a number that is NaN or infinite",
                           made->file ? made->file : gd_weights_path(parts->weights), made->views[i].name);
    return GD_OK;
}

static gd_status make_all(struct maker *m)
{
    const gd_plan *plan = m->parts->plan;
    gd_status rc = GD_OK;

    for (size_t s = 0; s < plan->step_count; s++)
        for (unsigned i = 0; !rc && i < GD_OP_MAX_WEIGHTS; i++)
            if (is_made(&plan->steps[s].w[i]))
                rc = make(m, &plan->steps[s].w[i]);
    return rc;
}

gd_status gd_head_make(gd_head_made *out, const gd_head_parts *parts, gd_error *err)
{
    struct maker m = { out, parts, NULL, err };
    size_t count = 0;
    gd_status rc;

    *out = (gd_head_made){ 0 };
    for (size_t s = 0; s < parts->plan->step_count; s++)
        for (unsigned i = 0; i < GD_OP_MAX_WEIGHTS; i++)
            count += is_made(&parts->plan->steps[s].w[i]);
    if (!count)
        return GD_OK;
    out->weights = gd_alloc_zero(count, sizeof *out->weights);
    out->views = gd_alloc_zero(count, sizeof *out->views);
    out->numbers = gd_alloc_zero(count, sizeof *out->numbers);
    if (!out->weights || !out->views || !out->numbers)
        return gd_fail_memory(err, count * sizeof *out->views);
    gd_guard_enter();
    rc = make_all(&m);
    gd_guard_leave();
    if (!rc && m.file)
        rc = gd_st_unchanged(m.file, err);
    if (!rc)
        rc = gd_weights_unchanged(parts->weights, err);
    gd_st_close(m.file);
    return rc ? rc : check_finite(out, parts, err);
}

void gd_head_made_free(gd_head_made *made)
{
    for (size_t i = 0; made->numbers && i < made->count; i++)
        gd_free(made->numbers[i]);
    gd_free(made->numbers);
    gd_free(made->views);
    gd_free(made->weights);
    gd_free(made->file);
    *made = (gd_head_made){ 0 };
}
