/* head_numbers.c - numbers of a head that are made of tensors. */
#include "reward/head_numbers.h"

#include "base/error.h"
#include "base/mem.h"
#include "graph/expr.h"
#include "quant-free/convert.h"

#include <float.h>
#include <string.h>

/* ---- rows ---- */

static gd_status row_of(size_t *out, const gd_view *tensor, const gd_plan_row *row, const gd_head_rows_source *source,
                        gd_error *err)
{
    uint32_t id = row->id;

    if (row->token && !gd_tokenizer_find(source->tokenizer, row->token, &id))
        return gd_fail(err, GD_EFORMAT, "%s: the head %s reads the row of the token \"%s\", which the tokenizer lacks",
                       source->dir, source->head, row->token);
    if (id >= tensor->shape[0])
        return gd_fail(err, GD_EFORMAT, "%s: the head %s reads row %u of %s, which has %zu row%s, from row 0",
                       source->dir, source->head, id, tensor->name, tensor->shape[0], tensor->shape[0] == 1 ? "" : "s");
    *out = id;
    return GD_OK;
}

/* A vector as a matrix of one column. */
static gd_view as_matrix(const gd_view *tensor)
{
    gd_view view = *tensor;

    if (view.rank == 1) {
        view.rank = 2;
        view.shape[1] = 1;
    }
    return view;
}

gd_status gd_head_read_rows(float *to, const gd_view *tensor, const gd_plan_rows *rows,
                            const gd_head_rows_source *source, gd_error *err)
{
    const gd_view matrix = as_matrix(tensor);
    const size_t n = gd_view_row_elements(&matrix);
    float *other = gd_alloc(n, sizeof *other);
    gd_status rc = other ? GD_OK : gd_fail_memory(err, n * sizeof *other);

    for (size_t i = 0; !rc && i < rows->count; i++, to += n) {
        size_t plus, minus = 0;

        rc = row_of(&plus, &matrix, &rows->plus[i], source, err);
        if (!rc && rows->minus)
            rc = row_of(&minus, &matrix, &rows->minus[i], source, err);
        if (rc)
            break;
        gd_view_rows_to_f32(&matrix, plus, 1, to);
        if (!rows->minus)
            continue;
        gd_view_rows_to_f32(&matrix, minus, 1, other);
        for (size_t k = 0; k < n; k++)
            to[k] -= other[k];
    }
    gd_free(other);
    return rc;
}

/* ---- values ---- */

/* The tensors' numbers, and the element that is being computed. */
struct element {
    const gd_plan_value *value;
    float **numbers;   /* [value->count] */
    const bool *alone; /* [value->count] one number for all */
    size_t at;
};

static gd_expr_found find_number(const void *context, const char *name, double *number, gd_error *err)
{
    const struct element *e = context;

    (void)err;
    for (size_t i = 0; i < e->value->count; i++)
        if (!strcmp(e->value->names[i], name)) {
            *number = (double)e->numbers[i][e->alone[i] ? 0 : e->at];
            return GD_EXPR_FOUND;
        }
    return GD_EXPR_UNKNOWN;
}

static gd_status read_numbers(float **numbers, bool *alone, size_t count, const gd_view *const *tensors,
                              const gd_plan_value *value, const char *path, const char *head, gd_error *err)
{
    for (size_t i = 0; i < value->count; i++) {
        const size_t n = gd_view_elements(tensors[i]);

        if (n != count && n != 1)
            return gd_fail(err, GD_EFORMAT, "%s: the tensor %s has %zu numbers, but the head %s needs %zu or one", path,
                           tensors[i]->name, n, head, count);
        numbers[i] = gd_alloc(n, sizeof *numbers[i]);
        if (!numbers[i])
            return gd_fail_memory(err, n * sizeof *numbers[i]);
        gd_view_to_f32(tensors[i], numbers[i]);
        alone[i] = n == 1;
    }
    return GD_OK;
}

/* In double, each rounded once. */
static gd_status evaluate(float *to, size_t count, struct element *e, const char *path, const char *head, gd_error *err)
{
    for (e->at = 0; e->at < count; e->at++) {
        const char *trouble = NULL;
        double number = 0;
        gd_status rc = gd_expr_again(&number, &trouble, e->value->text, find_number, e, err);

        if (rc)
            return rc;
        if (!trouble && (number > (double)FLT_MAX || number < -(double)FLT_MAX))
            trouble = "beyond a float32";
        if (trouble)
            return gd_fail(err, GD_EFORMAT, "%s: number %zu of \"%s\", which the head %s reads, is %s", path, e->at,
                           e->value->text, head, trouble);
        to[e->at] = (float)number;
    }
    return GD_OK;
}

gd_status gd_head_read_value(float *to, size_t count, const gd_view *const *tensors, const gd_plan_value *value,
                             const char *path, const char *head, gd_error *err)
{
    float **numbers = gd_alloc_zero(value->count, sizeof *numbers);
    bool *alone = gd_alloc_zero(value->count, sizeof *alone);
    struct element e = { value, numbers, alone, 0 };
    gd_status rc = numbers && alone ? GD_OK : gd_fail_memory(err, value->count * sizeof *numbers);

    if (!rc)
        rc = read_numbers(numbers, alone, count, tensors, value, path, head, err);
    if (!rc)
        rc = evaluate(to, count, &e, path, head, err);
    for (size_t i = 0; numbers && i < value->count; i++)
        gd_free(numbers[i]);
    gd_free(numbers);
    gd_free(alone);
    return rc;
}
