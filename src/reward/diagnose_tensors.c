/* diagnose_tensors.c - which tensors of a plan a checkpoint lacks, or has in another form. */
#include "reward/diagnose.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/nearest.h"
#include "engine/bind.h"

#include <string.h>

struct look {
    gd_notes *problems;
    const gd_plan *plan;
    const gd_weights *weights;
    const gd_plan_weight **list; /* every weight of the plan, once */
    size_t count;
    gd_error *err;
};

/* Whether two names differ in the number of a layer at most. */
static bool is_same_but_for_layer(const char *a, const char *b)
{
    static const char digits[] = "0123456789";

    while (*a && *b) {
        const size_t a_digits = strspn(a, digits), b_digits = strspn(b, digits);

        if (a_digits && b_digits) {
            a += a_digits;
            b += b_digits;
        } else if (*a++ != *b++) {
            return false;
        }
    }
    return !*a && !*b;
}

static bool is_of_plan(const struct look *l, const char *name)
{
    for (size_t i = 0; i < l->count; i++)
        if (!strcmp(l->list[i]->name, name))
            return true;
    return false;
}

/* The tensor that the plan does not use and whose name is most like this one. */
static const char *nearest_to(const struct look *l, const char *name)
{
    gd_nearest nearest = { .word = name };

    for (size_t i = 0; i < gd_weights_count(l->weights); i++)
        if (!is_of_plan(l, gd_weights_at(l->weights, i)->name))
            gd_nearest_try(&nearest, gd_weights_at(l->weights, i)->name);
    return nearest.found;
}

/* Of the weights that are like this one but for the layer, how many are missing. */
static size_t count_missing(const struct look *l, const char *name)
{
    size_t missing = 0;

    for (size_t i = 0; i < l->count; i++)
        missing += is_same_but_for_layer(name, l->list[i]->name) && !gd_weights_find(l->weights, l->list[i]->name);
    return missing;
}

/* Opening the model says it of what it turns as it reads: in the same words, so that it is not said twice. */
static gd_status note_missing_turned(const struct look *l, const char *name)
{
    return gd_notes_add(l->problems, l->err, "%s: the head %s reads the tensor %s, which is missing",
                        gd_weights_path(l->weights), l->plan->head_of, name);
}

static gd_status note_missing(const struct look *l, const char *name)
{
    const char *path = gd_weights_path(l->weights), *near = nearest_to(l, name);
    const size_t others = count_missing(l, name) - 1;
    const char *sep = near ? "; the nearest that is there is " : "";

    if (!strcmp(name, l->plan->head))
        near = gd_weights_other_head(l->weights) ? gd_weights_other_head(l->weights) : near;
    sep = near ? "; the nearest that is there is " : "";
    if (others)
        return gd_notes_add(l->problems, l->err,
                            "%s: the tensor %s is missing, and so %s %zu whose name differs only in a number%s%s", path,
                            name, others > 1 ? "are" : "is", others, sep, near ? near : "");
    return gd_notes_add(l->problems, l->err, "%s: the tensor %s is missing%s%s", path, name, sep, near ? near : "");
}

/* Sets *bad if anything is wrong with the weight. */
static gd_status look_at(const struct look *l, const gd_plan_weight *w, bool *bad)
{
    const gd_view *view = gd_weights_find(l->weights, w->name);
    gd_status rc = gd_weights_check(l->weights, w->name, l->err);

    if (!rc && !view) {
        *bad = true;
        return w->turned ? note_missing_turned(l, w->name) : note_missing(l, w->name);
    }
    if (!rc && !w->rows)
        rc = gd_bind_check_shape(view, w, gd_weights_path(l->weights), l->err);
    *bad = rc != GD_OK;
    return gd_notes_collect(l->problems, rc, l->err);
}

/* Whether a weight before this one that is like it but for the layer was bad. */
static bool was_said(const struct look *l, const bool *bad, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (bad[k] && is_same_but_for_layer(l->list[k]->name, l->list[i]->name))
            return true;
    return false;
}

/* Those of a head's own file, and rows that may be of another tensor, are found elsewhere. */
static bool is_elsewhere(const gd_plan_weight *w) { return w->file || (w->rows && w->rows->other); }

gd_status gd_diagnose_tensors(gd_notes *problems, const gd_plan *plan, const gd_weights *weights, const char *but,
                              gd_error *err)
{
    const gd_plan_weight **list = gd_alloc(GD_OP_MAX_WEIGHTS * plan->step_count, sizeof *list);
    bool *bad = gd_alloc_zero(GD_OP_MAX_WEIGHTS * plan->step_count, sizeof *bad);
    struct look l = { problems, plan, weights, list, 0, err };
    gd_status rc = list && bad ? GD_OK : gd_fail_memory(err, GD_OP_MAX_WEIGHTS * plan->step_count * sizeof *list);

    l.count = rc ? 0 : gd_plan_weights(plan, list);
    for (size_t i = 0; !rc && i < l.count; i++) {
        const bool left_out = but && !strcmp(list[i]->name, but);

        if (!left_out && !is_elsewhere(list[i]) && !was_said(&l, bad, i))
            rc = look_at(&l, list[i], &bad[i]);
    }
    gd_free(bad);
    gd_free(list);
    return rc;
}
