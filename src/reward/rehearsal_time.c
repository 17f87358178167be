/* rehearsal_time.c - how long a run would take, going by one of the model's matrix products. */
#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "quant-free/bf16.h"
#include "reward/rehearsal.h"

/* Rows of the product: as many as make it as fast as in a batch. */
enum { ROWS = 256 };

/* For how long the product is repeated. */
#define TRIAL_SECONDS 0.1

/* Everything besides the matrix products of the layers (attention, norms, activations) adds about this much. */
#define OTHER_WORK 1.25

/* The operations of the layers' matrix products for a row, and of those after the last layer for a text. */
static void count_operations(const gd_model *model, double *row, double *text)
{
    *row = *text = 0;
    for (size_t i = 0; i < model->plan->stage_count; i++) {
        const gd_plan_stage *stage = &model->plan->stages[i];

        for (size_t s = stage->first_step; s < stage->first_step + stage->step_count; s++) {
            const gd_plan_step *step = &model->plan->steps[s];
            const double in = (double)step->w[0].shape[1], out = (double)step->w[0].shape[0];
            gd_lora lora;

            if (step->op != GD_OP_linear)
                continue;
            *(stage->pooled ? text : row) += 2 * in * out;
            if (model->adapter && step->lora && gd_adapter_find(model->adapter, step->lora, &lora))
                *(stage->pooled ? text : row) += 2 * (double)lora.rank * (in + out);
        }
    }
}

/* The largest matrix of the layers that the checkpoint has under its own name; NULL if there is none. */
static const gd_view *find_largest(const gd_model *model)
{
    const gd_view *largest = NULL;
    size_t most = 0;

    for (size_t s = 0; s < model->plan->step_count; s++) {
        const gd_plan_step *step = &model->plan->steps[s];
        const gd_view *view = step->op == GD_OP_linear ? gd_weights_find(model->weights, step->w[0].name) : NULL;

        if (view && step->w[0].shape[0] * step->w[0].shape[1] > most) {
            most = step->w[0].shape[0] * step->w[0].shape[1];
            largest = view;
        }
    }
    return largest;
}

/* A device of our own, with room for one product. */
struct trial {
    const gd_backend *backend;
    gd_device *device;
    gd_weight *weight;
    void *in, *out;
};

/* Denormals would run at another speed. */
static gd_status fill_input(struct trial *t, const gd_model *model, size_t count, gd_error *err)
{
    const bool wide = model->plan->operand == GD_F32;
    const size_t bytes = count * gd_dtype_size(model->plan->operand);
    float *numbers = gd_alloc(count, sizeof *numbers);
    gd_status rc = numbers ? GD_OK : gd_fail_memory(err, count * sizeof *numbers);

    for (size_t i = 0; !rc && i < count; i++) {
        if (wide)
            numbers[i] = 0.5f;
        else
            ((gd_bf16 *)numbers)[i] = gd_bf16_from_f32(0.5f);
    }
    if (!rc)
        rc = t->backend->upload(t->device, t->in, numbers, bytes, err);
    gd_free(numbers);
    return rc;
}

static gd_status open_trial(struct trial *t, const gd_model *model, const gd_engine *engine, const gd_view *view,
                            gd_error *err)
{
    const gd_device_options options = { model->threads, gd_engine_describe(engine), model->plan->operand,
                                        model->arithmetic };
    const gd_limits limits = { .tile_rows = ROWS,
                               .max_in = view->shape[1],
                               .max_out = view->shape[0],
                               .max_position = 1,
                               .head_dim = 2,
                               .heads = 1,
                               .kv_heads = 1 };
    gd_status rc = t->backend->open(&t->device, &options, err);

    if (!rc)
        rc = gd_backend_load(t->backend, t->device, &t->weight, GD_WEIGHT_MATRIX, view, err);
    if (!rc)
        rc = t->backend->prepare(t->device, &limits, err);
    if (!rc)
        rc = t->backend->buffer_alloc(t->device, &t->in, ROWS * limits.max_in * sizeof(float) + 64, err);
    if (!rc)
        rc = t->backend->buffer_alloc(t->device, &t->out, ROWS * limits.max_out * sizeof(float) + 64, err);
    return rc ? rc : fill_input(t, model, ROWS * limits.max_in, err);
}

static void close_trial(struct trial *t)
{
    t->backend->weight_free(t->device, t->weight);
    if (t->in)
        t->backend->buffer_free(t->device, t->in);
    if (t->out)
        t->backend->buffer_free(t->device, t->out);
    t->backend->close(t->device);
}

/* Seconds of the fastest of several products. */
static double time_product(const struct trial *t, const gd_model *model, const gd_view *view)
{
    const gd_dtype type = model->plan->operand;
    const gd_call call = { .in = { { t->in, type, ROWS, view->shape[1], view->shape[1] } },
                           .out = { t->out, GD_F32, ROWS, view->shape[0], view->shape[0] },
                           .w = { t->weight } };
    const double begin = gd_clock();
    double best = 0;

    do {
        const double start = gd_clock();
        double took;

        t->backend->run[GD_OP_linear](t->device, &call);
        if (t->backend->finish)
            (void)t->backend->finish(t->device, NULL);
        took = gd_clock() - start;
        best = best > 0 && best < took ? best : took;
    } while (gd_clock() - begin < TRIAL_SECONDS);
    return best;
}

gd_status gd_rehearsal_speed(const gd_model *model, const gd_engine *engine, double *seconds, gd_error *err)
{
    const gd_view *view = find_largest(model);
    struct trial t = { .backend = model->backend };
    gd_status rc;

    *seconds = 0;
    if (!view)
        return GD_OK;
    rc = open_trial(&t, model, engine, view, err);
    if (!rc)
        *seconds = time_product(&t, model, view) / (2.0 * ROWS * (double)view->shape[0] * (double)view->shape[1]);
    close_trial(&t);
    return rc;
}

gd_status gd_rehearsal_seconds(const gd_model *model, double *seconds, gd_error *err)
{
    const gd_rehearsal *r = model->rehearsal;
    double row, text;
    gd_status rc;

    *seconds = 0;
    if (!r->rows)
        return GD_OK;
    rc = gd_rehearsal_speed(model, model->engine, seconds, err);
    count_operations(model, &row, &text);
    *seconds *= OTHER_WORK * ((double)r->rows * row + (double)r->texts * text);
    return rc;
}
