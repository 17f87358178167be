/* side.c - the options of one side of a cross-check, and its run. */
#include "cross/side.h"

#include "base/digest.h"
#include "base/error.h"
#include "base/file.h"
#include "base/guard.h"
#include "base/mem.h"
#include "quant-free/weights.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
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
    if (!rc)
        rc = gd_options_choose(&side->options, &why);
    return rc ? gd_fail(err, rc, "%s: %s", which, why.text) : GD_OK;
}

void gd_side_free(gd_side *side)
{
    gd_free(side->parts);
    *side = (gd_side){ 0 };
}

static bool same_text(const char *a, const char *b, const char *usual) { return !strcmp(a ? a : usual, b ? b : usual); }

/* That which "auto" stands for. */
static const char *isa_of(const gd_options *options)
{
    const gd_backend *named = options->backend ? gd_backend_named(options->backend) : NULL;
    const gd_backend *backend = named ? named : gd_backend_named("cpu");
    const bool automatic = !options->isa || !strcmp(options->isa, "auto");

    return automatic && backend->isa ? backend->isa(0) : options->isa;
}

bool gd_side_same(const gd_side *a, const gd_side *b)
{
    const gd_options *x = &a->options, *y = &b->options;

    return same_text(x->backend, y->backend, "auto") && same_text(x->numerics, y->numerics, "exact") &&
           same_text(isa_of(x), isa_of(y), "auto") && same_text(x->precision, y->precision, "bf16") &&
           same_text(x->model, y->model, "") && same_text(x->adapter, y->adapter, "");
}

bool gd_side_is_apart(const gd_side *side)
{
    const gd_backend *backend = side->options.backend ? gd_backend_named(side->options.backend) : NULL;

    return backend && backend->apart;
}

/* ---- what a side is ---- */

/* All of its bytes, of which few are in memory at a time. */
static uint64_t view_digest(uint64_t digest, const gd_view *view)
{
    digest = gd_digest(digest, view->name, strlen(view->name));
    digest = gd_digest(digest, &view->dtype, sizeof view->dtype);
    digest = gd_digest(digest, view->shape, view->rank * sizeof *view->shape);
    for (size_t at = 0; at < view->bytes; at += GD_PAGES_AT_ONCE) {
        const size_t some = view->bytes - at < GD_PAGES_AT_ONCE ? view->bytes - at : GD_PAGES_AT_ONCE;

        digest = gd_digest(digest, (const char *)view->data + at, some);
        gd_view_release(view, at, some);
    }
    return digest;
}

/* Of the weights, and of the adapter. */
static uint64_t weights_digest(const gd_model *model)
{
    uint64_t digest = 0;

    gd_guard_enter(); /* counts only if the run finds them unchanged */
    for (size_t i = 0; i < gd_weights_count(model->weights); i++)
        digest = view_digest(digest, gd_weights_at(model->weights, i));
    for (size_t i = 0; model->adapter && i < gd_adapter_count(model->adapter); i++) {
        gd_lora lora;

        if (!gd_adapter_find(model->adapter, gd_adapter_module(model->adapter, i), &lora))
            continue;
        digest = gd_digest(digest, &lora.scale, sizeof lora.scale);
        digest = view_digest(view_digest(digest, lora.a), lora.b);
    }
    if (model->adapter && gd_adapter_embedding(model->adapter))
        digest = view_digest(digest, gd_adapter_embedding(model->adapter));
    if (model->head.view)
        digest = view_digest(digest, model->head.view);
    gd_guard_leave();
    return digest;
}

static const char *numerics_of(const gd_model *model)
{
    return model->backend->any_order ? "fast" : gd_arithmetic_name(model->arithmetic);
}

static char *print(const char *format, ...) __attribute__((format(printf, 1, 2)));

static char *print(const char *format, ...)
{
    char room[256];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(room, sizeof room, format, args);
    va_end(args);
    return gd_strdup(room);
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
    side->name = print("%s:%s:%s:%s", backend, numerics, isa, precision);
    side->contract = print("%s %s%s", vendor ? side->name : numerics, precision,
                           model->adapter ? " with an adapter" : "");
    side->weights = print("%016" PRIx64, weights_digest(model));
    if (!side->backend || !side->numerics || !side->isa || !side->precision || !side->model || !side->adapter ||
        !side->name || !side->contract || !side->weights)
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

/* A capture needs no description, whose digest reads all weights once more. */
static gd_status open_engine(gd_model *model, const gd_side_run *run, gd_error *err)
{
    gd_status rc;

    model->beside = weights_read(model);
    model->backend = run->side->backend;
    rc = gd_model_open_engine(model, &run->side->options, err);
    return rc || run->capture ? rc : describe(&run->trace->side, model, err);
}

gd_status gd_side_compute(gd_model *model, const gd_side_run *run, gd_error *err)
{
    gd_recorder recorder = { 0 };
    gd_status rc = gd_trace_open(run->trace, model->plan, run->texts, err);

    if (!rc)
        rc = gd_recorder_open(&recorder, model, run->texts, run->trace, err);
    if (!rc)
        rc = open_engine(model, run, err);
    if (!rc) {
        recorder.done = run->done;
        if (run->capture)
            recorder.capture = *run->capture;
        rc = gd_recorder_run(&recorder, run->pause, err);
    }
    gd_recorder_close(&recorder);
    gd_engine_close(model->engine);
    model->engine = NULL;
    return rc;
}

gd_status gd_side_trace(const gd_side_run *run, gd_error *err)
{
    gd_model *model = NULL;
    gd_status rc = gd_side_open(&model, run, err);

    if (!rc)
        rc = gd_side_compute(model, run, err);
    gd_model_close(model);
    return rc;
}
