/* tensors.c - what has been learnt, in safetensors files. */
#include "train/tensors.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/guard.h"
#include "base/mem.h"
#include "quant-free/convert.h"
#include "quant-free/safetensors.h"
#include "quant-free/st_write.h"

#include <stdio.h>
#include <string.h>

struct tensor {
    gd_view view;
    gd_buf name;
    float *values;
};

struct list {
    struct tensor *all; /* [count] */
    const gd_view **order;
    size_t count;
    const char *lead;  /* of all names */
    const char *inner; /* for the "model." of an adapter's */
};

/* ---- the list ---- */

static void drop(struct list *list)
{
    for (size_t i = 0; list->all && i < list->count; i++)
        gd_buf_free(&list->all[i].name);
    gd_free(list->all);
    gd_free(list->order);
}

/* In an adapter, as the class that it is for has it in memory. */
static const char *saved_name(const struct list *list, const char *name, char room[GD_NAME_BYTES])
{
    const char *put = *list->lead ? gd_names_put(name, "model.", list->inner, room) : NULL;

    return put ? put : name;
}

static void add(struct list *list, const gd_view *view, float *values, const char *part, const char *moment)
{
    struct tensor *t = &list->all[list->count];
    char room[GD_NAME_BYTES];

    gd_buf_printf(&t->name, "%s%s%s%s", list->lead, saved_name(list, view->name, room), part, moment);
    t->values = values;
    t->view = *view;
    t->view.name = gd_buf_cstr(&t->name);
    t->view.data = values;
    list->order[list->count++] = &t->view;
}

static void add_parameter(struct list *list, const gd_parameter *p, const gd_view *view, const char *part,
                          gd_tensors which)
{
    if (which == GD_TENSORS_VALUES) {
        add(list, view, p->value, part, "");
    } else {
        add(list, view, p->m, part, ".exp_avg");
        add(list, view, p->v, part, ".exp_avg_sq");
    }
}

static gd_status make_list(struct list *list, const gd_tuning *tuning, gd_tensors which, gd_error *err)
{
    const size_t most = (2 * tuning->count + tuning->weight_count + 1) * (which == GD_TENSORS_VALUES ? 1 : 2);
    bool failed = false;

    list->inner = tuning->plan->inner;
    list->lead = tuning->full ? "" : "base_model.model.";
    list->all = gd_alloc_zero(most, sizeof *list->all);
    list->order = gd_alloc(most, sizeof *list->order);
    if (!list->all || !list->order)
        return gd_fail_memory(err, most * sizeof *list->all);
    for (size_t i = 0; i < tuning->count; i++) {
        const gd_tuned *m = &tuning->modules[i];

        add_parameter(list, &m->a, &m->view_a, ".lora_A.weight", which);
        add_parameter(list, &m->b, &m->view_b, ".lora_B.weight", which);
    }
    for (size_t i = 0; i < tuning->weight_count; i++)
        add_parameter(list, &tuning->weights[i], &tuning->weight_views[i], "", which);
    if (tuning->head.count)
        add_parameter(list, &tuning->head, &tuning->head_view, "", which);
    for (size_t i = 0; i < list->count; i++)
        failed |= list->all[i].view.name == NULL;
    return failed ? gd_fail_memory(err, 0) : GD_OK;
}

/* ---- writing ---- */

gd_status gd_tensors_write(gd_newdir *dir, const char *name, const gd_tuning *tuning, gd_tensors which, gd_error *err)
{
    struct list list = { 0 };
    gd_status rc = make_list(&list, tuning, which, err);

    if (!rc) {
        gd_st_sort(list.order, list.count);
        rc = gd_st_write_begin(dir, name, list.order, list.count, err);
    }
    for (size_t i = 0; !rc && i < list.count; i++)
        rc = gd_newdir_write(dir, list.order[i]->data, list.order[i]->bytes, err);
    if (!rc)
        rc = gd_newdir_end(dir, err);
    drop(&list);
    return rc;
}

/* ---- reading ---- */

static gd_status check(const gd_view *is, const gd_view *want, const char *path, gd_error *err)
{
    const bool matrix = want->rank == 2;

    if (is->dtype != GD_F32 || is->rank != want->rank || is->shape[0] != want->shape[0] ||
        (matrix && is->shape[1] != want->shape[1])) {
        char columns[32] = "";

        if (matrix)
            (void)snprintf(columns, sizeof columns, ", %zu", want->shape[1]);
        return gd_fail(err, GD_EFORMAT,
                       "%s: the tensor \"%s\" has the type %s and %zu numbers, but F32 [%zu%s] is expected", path,
                       want->name, gd_dtype_name(is->dtype), is->bytes / gd_dtype_size(is->dtype), want->shape[0],
                       columns);
    }
    if (!gd_view_finite(is))
        return gd_fail(err, GD_EFORMAT, "%s: the tensor \"%s\" has a number that is not finite", path, want->name);
    return GD_OK;
}

static gd_status fill(struct list *list, const gd_st *st, const char *path, gd_error *err)
{
    gd_status rc = GD_OK;

    if (gd_st_count(st) + gd_st_other_count(st) != list->count)
        return gd_fail(err, GD_EFORMAT, "%s: %zu tensors, but %zu are expected", path,
                       gd_st_count(st) + gd_st_other_count(st), list->count);
    for (size_t i = 0; !rc && i < list->count; i++) {
        const struct tensor *t = &list->all[i];
        const gd_view *is;

        rc = gd_st_need(&is, st, t->view.name, err);
        if (!rc)
            rc = check(is, &t->view, path, err);
        if (rc)
            break;
        memcpy(t->values, is->data, t->view.bytes);
        gd_view_release(is, 0, is->bytes);
    }
    return rc;
}

gd_status gd_tensors_read(const char *path, gd_tuning *tuning, gd_tensors which, gd_error *err)
{
    struct list list = { 0 };
    gd_st *st = NULL;
    gd_error why = { 0 }; /* a file that has changed meanwhile is the cause of whatever seems to be wrong with it */
    gd_status rc = make_list(&list, tuning, which, err), changed;

    if (!rc)
        rc = gd_st_open(&st, path, err);
    if (!rc) {
        gd_guard_enter();
        rc = fill(&list, st, path, &why);
        gd_guard_leave();
        changed = gd_st_unchanged(st, err);
        if (changed || rc)
            rc = changed ? changed : gd_fail(err, rc, "%s", why.text);
    }
    gd_st_close(st);
    drop(&list);
    return rc;
}
