/* learn_head.c - the head that a run begins with. */
#include "train/learn_head.h"

#include "base/error.h"
#include "quant-free/convert.h"
#include "reward/head.h"

gd_status gd_learn_head_check_kind(gd_training *t, gd_error *err)
{
    const gd_plan *plan = t->model->plan;

    if (gd_plan_head_alone(plan))
        return GD_OK;
    if (!t->settings.full)
        return gd_notes_add(&t->notes, err, "the head %s is not one linear of its own: it stays as it is",
                            plan->head_of);
    return gd_plan_head_plain(plan)
               ? GD_OK
               : gd_fail(err, GD_EUNSUPPORTED,
                         "%s: the head %s is made of rows of %s or of other numbers, so it can't learn as every weight "
                         "does; an adapter can be trained with it",
                         t->model->dir, plan->head_of, plan->head);
}

/* A bias comes with its head. */
static gd_status check_bias(const gd_training *t, const gd_view *bias, const char *path, gd_error *err)
{
    const gd_plan_weight *want = gd_plan_head_bias(t->model->plan);

    if (!want || (bias && bias->rank == 1 && bias->shape[0] == want->shape[0]))
        return GD_OK;
    return bias ? gd_fail(err, GD_EUNSUPPORTED, "%s: the head's bias %s has the shape [%zu%s], but [%zu] is expected",
                          path, want->name, bias->shape[0], bias->rank > 1 ? ", .." : "", want->shape[0])
                : gd_fail(err, GD_EFORMAT, "%s: the head's bias %s is missing", path, want->name);
}

/* A head of another size was made for something else. */
static gd_status check_head(const gd_training *t, const gd_view *head, const gd_view *bias, const char *path,
                            gd_error *err)
{
    const gd_plan *plan = t->model->plan;
    const size_t *want = plan->steps[plan->step_count - 1].w[0].shape;

    if (!head || (!t->settings.full && !gd_plan_head_alone(plan)))
        return GD_OK;
    if (head->rank == 2 && head->shape[0] == want[0] && head->shape[1] == want[1])
        return check_bias(t, bias, path, err);
    return gd_fail(
        err, GD_EUNSUPPORTED,
        "%s: the head %s has the shape [%zu, %zu], but [%zu, %zu] is expected: it is not that of a reward model", path,
        plan->head, head->shape[0], head->rank > 1 ? head->shape[1] : 1, want[0], want[1]);
}

gd_status gd_learn_head_check(const gd_training *t, gd_error *err)
{
    return check_head(t, gd_model_head(t->model), gd_model_head_bias(t->model), t->model->dir, err);
}

/* A head that stays as it is can't have been trained either. */
static gd_status check_still_head(const gd_training *t, const gd_head *head, gd_error *err)
{
    return head->view || head->bias
               ? gd_fail(err, GD_EUNSUPPORTED, "%s: the adapter changes %s, but the head %s stays as it is",
                         gd_adapter_path(t->init), t->model->plan->head, t->model->plan->head_of)
               : GD_OK;
}

static gd_status take_head(gd_training *t, const gd_head *head, gd_error *err)
{
    const gd_view *view = head->view ? head->view : gd_model_head(t->model);
    const gd_view *bias = head->bias ? head->bias : gd_model_head_bias(t->model);
    gd_status rc = GD_OK;

    if (!view)
        rc = gd_fail(err, GD_EFORMAT, "%s: neither the adapter nor the model has a head (%s)", gd_adapter_path(t->init),
                     t->model->plan->head);
    if (!rc)
        rc = check_head(t, view, bias, gd_adapter_path(t->init), err);
    if (!rc)
        gd_view_to_f32(view, t->tuning.head.value);
    if (!rc && t->tuning.weight_count)
        gd_view_to_f32(bias, t->tuning.weights[0].value);
    return rc;
}

gd_status gd_learn_head_begin(gd_training *t, gd_error *err)
{
    gd_head head;
    gd_status rc = gd_head_open(&head, t->model->weights, t->init, t->model->plan->head, err);

    if (!rc)
        rc = t->tuning.head.count ? take_head(t, &head, err) : check_still_head(t, &head, err);
    gd_head_free(&head);
    return rc;
}
