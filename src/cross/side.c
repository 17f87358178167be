/* side.c - the options of one side of a cross-check, and its run. */
#include "cross/side.h"

#include "base/buf.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/guard.h"
#include "base/mem.h"
#include "quant-free/weights.h"

#include <inttypes.h>
#include <string.h>

/* ---- options ---- */

/* Cuts the text at its colons; parts that are missing are NULL, and so are empty ones. */
static gd_status cut(char *text, const char *parts[GD_SIDE_PARTS], const char *which, gd_error *err)
{
    size_t count = 0;

    for (char *at = text; at; count++) {
        char *colon = strchr(at, ':');

        if (count == GD_SIDE_PARTS)
            return gd_fail(err, GD_EUSAGE,
                           "%s: more than four parts; BACKEND[:NUMERICS[:ISA[:PRECISION]]] is expected, such as "
                           "cpu:exact:avx2",
                           which);
        if (colon)
            *colon++ = '\0';
        parts[count] = *at ? at : NULL;
        at = colon;
    }
    return GD_OK;
}

gd_status gd_side_read(gd_side *side, const gd_options *base, const char *parts, const char *which, gd_error *err)
{
    const char *part[GD_SIDE_PARTS] = { NULL };
    gd_error why = { 0 };
    gd_options own = *base;
    gd_status rc = GD_OK;

    side->options = *base;
    if (parts) {
        side->parts = gd_strdup(parts);
        rc = side->parts ? cut(side->parts, part, which, err) : gd_fail_memory(err, strlen(parts));
    }
    if (rc)
        return rc;
    own.backend = part[0] ? part[0] : base->backend;
    own.numerics = part[1] ? part[1] : base->numerics;
    own.isa = part[2] ? part[2] : base->isa;
    own.precision = part[3] ? part[3] : base->precision;
    rc = gd_options_read(&side->options, &own, &why);
    return rc ? gd_fail(err, rc, "%s: %s", which, why.text) : GD_OK;
}

void gd_side_free(gd_side *side)
{
    gd_free(side->parts);
    *side = (gd_side){ 0 };
}

static bool same_text(const char *a, const char *b, const char *usual) { return !strcmp(a ? a : usual, b ? b : usual); }

bool gd_side_same(const gd_side *a, const gd_side *b)
{
    const gd_options *x = &a->options, *y = &b->options;

    return same_text(x->backend, y->backend, "auto") && same_text(x->numerics, y->numerics, "exact") &&
           same_text(x->isa, y->isa, "auto") && same_text(x->precision, y->precision, "bf16") &&
           same_text(x->model, y->model, "") && same_text(x->adapter, y->adapter, "");
}

/* ---- what a side is ---- */

/* Some bytes of every tensor, and its name, type and shape. Another model's are other ones; a few wrong bytes in a copy
 * may go unnoticed here, since finding them is what the steps are compared for. */
static uint64_t weights_digest(const gd_model *model)
{
    uint64_t digest = 0;

    for (size_t i = 0; i < gd_weights_count(model->weights); i++) {
        const gd_view *view = gd_weights_at(model->weights, i);
        const size_t some = view->bytes < 64 ? view->bytes : 64;

        digest = gd_digest(digest, view->name, strlen(view->name));
        digest = gd_digest(digest, &view->dtype, sizeof view->dtype);
        digest = gd_digest(digest, view->shape, view->rank * sizeof *view->shape);
        digest = gd_digest(digest, view->data, some);
        digest = gd_digest(digest, (const char *)view->data + (view->bytes - some) / 2, some);
    }
    return digest;
}

static uint64_t adapter_digest(const gd_model *model)
{
    uint64_t digest = 0;

    for (size_t i = 0; model->adapter && i < gd_adapter_count(model->adapter); i++) {
        const char *module = gd_adapter_module(model->adapter, i);
        gd_lora lora;

        if (!gd_adapter_find(model->adapter, module, &lora))
            continue;
        digest = gd_digest(digest, module, strlen(module));
        digest = gd_digest(digest, &lora.scale, sizeof lora.scale);
        digest = gd_digest(digest, lora.b->data, lora.b->bytes < 64 ? lora.b->bytes : 64);
    }
    return digest;
}

static const char *numerics_of(const gd_model *model)
{
    static const char *const names[] = { [GD_EXACT] = "exact", [GD_TENSOR] = "tensor", [GD_TENSOR8] = "tensor8" };

    return strcmp(model->backend->name, "cpu") ? "fast" : names[model->arithmetic];
}

static char *join(const char *backend, const char *numerics, const char *isa, const char *precision)
{
    gd_buf text = { 0 };
    char *out;

    gd_buf_printf(&text, "%s:%s:%s:%s", backend, numerics, isa, precision);
    return gd_buf_take(&text, &out, NULL) ? NULL : out;
}

static char *contract_of(const gd_model *model, const char *numerics, const char *precision)
{
    gd_buf text = { 0 };
    char *out;

    gd_buf_printf(&text, "%s %s weights %016" PRIx64 " adapter %016" PRIx64, numerics ? numerics : "", precision,
                  weights_digest(model), adapter_digest(model));
    return gd_buf_take(&text, &out, NULL) ? NULL : out;
}

/* Backends that follow doc/arithmetic.md share its contracts; a vendor's library has one of its own. */
static gd_status describe(gd_trace_side *side, const gd_model *model, gd_error *err)
{
    const char *backend = model->backend->name, *numerics = numerics_of(model);
    const char *isa = gd_engine_describe(model->engine), *precision = model->plan->operand == GD_BF16 ? "bf16" : "fp32";
    const bool vendor = !strcmp(numerics, "fast");

    side->backend = gd_strdup(backend);
    side->numerics = gd_strdup(numerics);
    side->isa = gd_strdup(isa);
    side->precision = gd_strdup(precision);
    side->model = gd_strdup(model->dir);
    side->adapter = gd_strdup(model->adapter_dir ? model->adapter_dir : "");
    side->name = join(backend, numerics, isa, precision);
    gd_guard_enter(); /* what is read of the weights counts only if the run finds them unchanged */
    side->contract = contract_of(model, vendor ? side->name : numerics, precision);
    gd_guard_leave();
    if (!side->backend || !side->numerics || !side->isa || !side->precision || !side->model || !side->adapter ||
        !side->name || !side->contract)
        return gd_fail_memory(err, 1024);
    return GD_OK;
}

/* ---- runs ---- */

/* Another model than that which encoded the texts may have a smaller embedding. */
static gd_status check_ids(const gd_cross_texts *texts, const gd_model *model, gd_error *err)
{
    for (size_t t = 0; t < texts->count; t++)
        for (size_t i = 0; i < texts->ids[t].len; i++)
            if (texts->ids[t].ids[i] >= model->plan->vocab)
                return gd_fail(err, GD_EFORMAT,
                               "item %llu has the token id %u, but the embedding of %.200s has only %zu rows",
                               (unsigned long long)texts->about[t].item, texts->ids[t].ids[i], model->dir,
                               model->plan->vocab);
    return GD_OK;
}

gd_status gd_side_open(gd_model **out, const gd_side_run *run, gd_error *err)
{
    gd_status rc = gd_model_open_files(out, &run->side->options, err);

    if (!rc && run->texts->count == 0)
        rc = gd_cross_texts_read(run->texts, &(*out)->encoder, run->how, err);
    if (!rc)
        rc = check_ids(run->texts, *out, err);
    if (rc) {
        gd_model_close(*out);
        *out = NULL;
    }
    return rc;
}

/* The matrices that a call reads again to be compared with float64 are in memory for that time: gate and up, or q, k
 * and v. */
static size_t weights_read(const gd_model *model)
{
    size_t most = 0;

    for (size_t s = 0; s < model->plan->step_count; s++) {
        const gd_plan_step *step = &model->plan->steps[s];
        size_t bytes = 0;

        for (size_t i = 0; i < step->linears; i++)
            bytes += step[i].w[0].shape[0] * step[i].w[0].shape[1] * sizeof(float);
        most = bytes > most ? bytes : most;
    }
    return most;
}

static gd_status run_model(gd_model *model, const gd_side_run *run, gd_error *err)
{
    gd_options options = run->side->options;
    const size_t extra = weights_read(model);
    gd_recorder recorder = { 0 };
    gd_status rc = gd_trace_open(run->trace, model->plan, run->texts, err);

    if (options.memory) /* too little is refused when the engine is opened */
        options.memory = options.memory > extra ? options.memory - extra : 1;
    if (!rc)
        rc = gd_recorder_open(&recorder, model, run->texts, run->trace, err);
    model->backend = run->side->backend;
    if (!rc)
        rc = gd_model_open_engine(model, &options, err);
    if (!rc)
        rc = describe(&run->trace->side, model, err);
    if (!rc) {
        recorder.done = run->done;
        if (run->capture)
            recorder.capture = *run->capture;
        rc = gd_recorder_run(&recorder, run->pause, err);
    }
    if (run->capture)
        run->capture->checked = recorder.capture.checked;
    gd_recorder_close(&recorder);
    return rc;
}

gd_status gd_side_trace(const gd_side_run *run, gd_error *err)
{
    gd_model *model = NULL;
    gd_status rc = gd_side_open(&model, run, err);

    if (!rc)
        rc = run_model(model, run, err);
    gd_model_close(model);
    return rc;
}
