/* head_made.c - the weights of a head that come from a file of their own, or are made of tensors. */
#include "reward/head_made.h"

#include "base/error.h"
#include "base/guard.h"
#include "base/mem.h"
#include "quant-free/convert.h"
#include "quant-free/safetensors.h"
#include "reward/choose_head.h"
#include "reward/head_numbers.h"

#include <string.h>

struct maker {
    gd_head_made *out;
    const gd_head_parts *parts;
    gd_st *file; /* the head's own, while it is read */
    gd_error *err;
};

static bool is_made(const gd_plan_weight *w) { return w->name && (w->file || w->rows || w->value || w->turned); }

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

/* A tensor by its name, or by another one if there is none of the first. */
static gd_status find_tensor(struct maker *m, const gd_plan_weight *w, const char *name, const gd_view **out)
{
    const char *other = w->rows ? w->rows->other : NULL;
    gd_status rc;

    if (w->file) {
        rc = open_file(m, w->file);
        return rc ? rc : gd_st_need(out, m->file, name, m->err);
    }
    rc = gd_weights_check(m->parts->weights, name, m->err);
    *out = rc ? NULL : gd_weights_find(m->parts->weights, name);
    if (!rc && !*out && other) {
        rc = gd_weights_check(m->parts->weights, other, m->err);
        *out = rc ? NULL : gd_weights_find(m->parts->weights, other);
    }
    if (rc || *out)
        return rc;
    return gd_fail(m->err, GD_EFORMAT, "%s: the head %s reads the tensor %s, which is missing",
                   gd_weights_path(m->parts->weights), m->parts->plan->head_of, name);
}

static const char *path_of(const struct maker *m, const gd_plan_weight *w)
{
    return w->file ? m->out->file : gd_weights_path(m->parts->weights);
}

/* Of rows, only their length. */
static gd_status check_shape(const struct maker *m, const gd_view *tensor, const gd_plan_weight *w)
{
    const size_t rows = w->turned ? w->shape[1] : w->shape[0], cols = w->turned ? w->shape[0] : w->shape[1];
    const bool matrix = w->rank == 2;

    if (tensor->rank != w->rank)
        return gd_fail(m->err, GD_EFORMAT, "%s: the tensor %s has %u dimensions, but the head %s needs %u",
                       path_of(m, w), tensor->name, tensor->rank, m->parts->plan->head_of, w->rank);
    if ((matrix && tensor->shape[1] != cols) || (!w->rows && tensor->shape[0] != rows))
        return gd_fail(m->err, GD_EFORMAT,
                       "%s: the tensor %s has the shape [%zu, %zu], but the head %s needs [%zu, %zu]", path_of(m, w),
                       tensor->name, matrix ? tensor->shape[0] : 1, tensor->shape[matrix], m->parts->plan->head_of,
                       matrix ? rows : 1, matrix ? cols : rows);
    return GD_OK;
}

static void turn(const gd_view *tensor, const gd_plan_weight *w, float *from, float *to)
{
    gd_view_to_f32(tensor, from);
    for (size_t r = 0; r < w->shape[0]; r++)
        for (size_t c = 0; c < w->shape[1]; c++)
            to[r * w->shape[1] + c] = from[c * w->shape[0] + r];
}

static gd_status read_turned(const struct maker *m, const gd_view *tensor, const gd_plan_weight *w, float *to)
{
    const size_t n = gd_view_elements(tensor);
    float *from = gd_alloc(n, sizeof *from);

    if (!from)
        return gd_fail_memory(m->err, n * sizeof *from);
    turn(tensor, w, from, to);
    gd_free(from);
    return GD_OK;
}

static gd_status read_tensor(struct maker *m, const gd_plan_weight *w, float *to)
{
    const gd_head_rows_source source = { m->parts->tokenizer, m->parts->dir, m->parts->plan->head_of };
    const gd_view *tensor;
    gd_status rc = find_tensor(m, w, w->name, &tensor);

    if (!rc)
        rc = check_shape(m, tensor, w);
    if (rc)
        return rc;
    if (w->rows)
        return gd_head_read_rows(to, tensor, w->rows, &source, m->err);
    if (w->turned)
        return read_turned(m, tensor, w, to);
    gd_view_to_f32(tensor, to);
    return GD_OK;
}

static gd_status read_value(struct maker *m, const gd_plan_weight *w, float *to)
{
    const gd_plan_value *value = w->value;
    const gd_view **tensors = gd_alloc_zero(value->count, sizeof *tensors);
    gd_status rc = tensors ? GD_OK : gd_fail_memory(m->err, value->count * sizeof *tensors);

    for (size_t i = 0; !rc && i < value->count; i++)
        rc = find_tensor(m, w, value->tensors[i], &tensors[i]);
    if (!rc)
        rc = gd_head_read_value(to, w->shape[0], tensors, value, path_of(m, w), m->parts->plan->head_of, m->err);
    gd_free(tensors);
    return rc;
}

static gd_status make(struct maker *m, const gd_plan_weight *w)
{
    const size_t at = m->out->count, elements = w->shape[0] * (w->rank == 2 ? w->shape[1] : 1);
    gd_status rc;

    m->out->numbers[at] = gd_alloc(elements, sizeof(float));
    if (!m->out->numbers[at])
        return gd_fail_memory(m->err, elements * sizeof(float));
    m->out->views[at] = (gd_view){ .name = w->name,
                                   .dtype = GD_F32,
                                   .rank = w->rank,
                                   .shape = { w->shape[0], w->shape[1] },
                                   .data = m->out->numbers[at],
                                   .bytes = elements * sizeof(float) };
    rc = w->value ? read_value(m, w, m->out->numbers[at]) : read_tensor(m, w, m->out->numbers[at]);
    m->out->weights[m->out->count++] = (gd_made_weight){ w, &m->out->views[at] };
    return rc;
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
