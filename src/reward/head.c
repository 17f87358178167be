/* head.c - the head of a reward model: the adapter's, or the base's, to which the adapter may add LoRA. */
#include "reward/head.h"

#include "base/error.h"
#include "base/mem.h"
#include "quant-free/convert.h"

#include <string.h>

/* W + scale B A in double, each number rounded once; `w` is W on entry. */
static void add_lora(float *w, const float *a, const float *b, const gd_lora *lora, size_t rows, size_t cols)
{
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < cols; j++) {
            double sum = 0;

            for (size_t r = 0; r < lora->rank; r++)
                sum += (double)b[i * lora->rank + r] * (double)a[r * cols + j];
            w[i * cols + j] = (float)((double)w[i * cols + j] + (double)lora->scale * sum);
        }
}

static gd_status merge(gd_head *head, const gd_view *base, const gd_lora *lora, gd_error *err)
{
    const size_t n = gd_view_elements(base), na = gd_view_elements(lora->a), nb = gd_view_elements(lora->b);
    float *a = gd_alloc(na, sizeof *a), *b = gd_alloc(nb, sizeof *b);
    gd_status rc = GD_OK;

    head->numbers = gd_alloc(n, sizeof *head->numbers);
    if (a && b && head->numbers) {
        gd_view_to_f32(base, head->numbers);
        gd_view_to_f32(lora->a, a);
        gd_view_to_f32(lora->b, b);
        add_lora(head->numbers, a, b, lora, base->shape[0], base->shape[1]);
        head->sum = *base;
        head->sum.dtype = GD_F32;
        head->sum.data = head->numbers;
        head->sum.bytes = n * sizeof *head->numbers;
        head->sum.mapped = false;
        head->view = &head->sum;
    } else {
        rc = gd_fail_memory(err, (n + na + nb) * sizeof *a);
    }
    gd_free(a);
    gd_free(b);
    return rc;
}

/* Without modules_to_save, LoRA on the head leaves the head that it was trained over in the base, or nowhere. */
static gd_status open_lora(gd_head *head, const gd_weights *weights, const gd_adapter *adapter, const char *name,
                           const char *module, gd_error *err)
{
    const gd_view *base = gd_weights_find(weights, name);
    const char *path = gd_adapter_path(adapter);
    gd_lora lora;
    gd_status rc;

    if (!gd_adapter_find(adapter, module, &lora))
        return GD_OK;
    if (!base || base->rank != 2)
        return gd_fail(
            err, GD_EUNSUPPORTED,
            "%s: LoRA is on the head \"%s\", but the base has no %s: the head that it was trained over is in "
            "neither; train with task_type SEQ_CLS or modules_to_save [\"%s\"]",
            path, module, name, module);
    rc = gd_lora_check(&lora, base->shape[0], base->shape[1], module, path, err);
    return rc ? rc : merge(head, base, &lora, err);
}

gd_status gd_head_open(gd_head *head, const gd_weights *weights, const gd_adapter *adapter, const char *name,
                       gd_error *err)
{
    char *module;
    gd_status rc;

    *head = (gd_head){ .view = adapter ? gd_adapter_head(adapter) : NULL,
                       .bias = adapter ? gd_adapter_head_bias(adapter) : NULL };
    if (!adapter || head->view)
        return GD_OK;
    module = gd_adapter_module_of(name);
    if (!module)
        return gd_fail_memory(err, strlen(name) + 1);
    rc = open_lora(head, weights, adapter, name, module, err);
    gd_free(module);
    return rc;
}

void gd_head_free(gd_head *head)
{
    gd_free(head->numbers);
    *head = (gd_head){ 0 };
}

/* An adapter that replaces the head replaces all of it. */
static gd_status check_bias(const gd_plan *plan, const gd_adapter *adapter, gd_error *err)
{
    const gd_view *head = gd_adapter_head(adapter), *bias = gd_adapter_head_bias(adapter);
    const gd_plan_weight *want = gd_plan_head_bias(plan);

    if (bias && (!want || !head))
        return gd_fail(err, GD_EUNSUPPORTED, "%s: the tensor %s is the bias of a head, but %s",
                       gd_adapter_path(adapter), bias->name,
                       want ? "the head's matrix is missing" : "the model's head has none");
    return head && want && !bias
               ? gd_fail(err, GD_EFORMAT, "%s: the adapter replaces %s, but has no bias for it: %s is expected, too",
                         gd_adapter_path(adapter), plan->head, want->name)
               : GD_OK;
}

gd_status gd_head_check_adapter(const gd_plan *plan, const gd_adapter *adapter, bool made, gd_error *err)
{
    const bool replaces = gd_adapter_head(adapter) || gd_adapter_head_bias(adapter);
    char *module;
    gd_lora lora;
    bool has;

    if (gd_plan_head_alone(plan) && (replaces || !made))
        return check_bias(plan, adapter, err);
    module = gd_adapter_module_of(plan->head);
    if (!module)
        return gd_fail_memory(err, strlen(plan->head) + 1);
    has = replaces || gd_adapter_find(adapter, module, &lora);
    gd_free(module);
    return has ? gd_fail(err, GD_EUNSUPPORTED,
                         "%s: the adapter changes %s, but the head %s is more than one tensor, or rows of one: such a "
                         "head can't be changed by an adapter",
                         gd_adapter_path(adapter), plan->head, plan->head_of)
               : GD_OK;
}
