/* adapted.c - further adapters over a model. */
#include "reward/adapted.h"

#include "base/error.h"
#include "base/mem.h"
#include "engine/settle.h"
#include "quant-free/hub.h"
#include "reward/advice.h"
#include "reward/choose_head.h"
#include "reward/options.h"

#include <string.h>

/* One plan is run for all: an adapter may bring the numbers of the head, but not another head. */
static gd_status check_head(const gd_model *model, const char *dir, const gd_options *options, gd_error *err)
{
    const gd_head_sources own = { model->config, model->weights, model->dir, model->adapter_dir };
    const gd_head_sources others = { model->config, model->weights, model->dir, dir };
    gd_head_choice one = { 0 }, other = { 0 };
    gd_status rc = gd_head_choose(&one, options, &own, err);

    if (!rc)
        rc = gd_head_choose(&other, options, &others, err);
    if (!rc && (!one.head.text != !other.head.text || (one.head.text && strcmp(one.head.text, other.head.text) != 0)))
        rc = gd_fail(
            err, GD_EUNSUPPORTED,
            "%s: the head of this adapter is %s, but that of %s is %s: adapters that are used together must have "
            "the same",
            dir, other.head.text ? other.head.name : "the graph's",
            model->adapter_dir ? model->adapter_dir : model->dir, one.head.text ? one.head.name : "the graph's");
    gd_head_choice_free(&one);
    gd_head_choice_free(&other);
    return rc;
}

static gd_status open_head(gd_adapted *own, const gd_model *model, gd_error *err)
{
    const gd_head_parts parts = { model->plan, model->weights, own->encoder.tokenizer, model->dir, own->dir };
    gd_status rc = gd_head_open(&own->head, model->weights, own->adapter, model->plan->head, err);

    if (!rc)
        rc = gd_head_make(&own->made, &parts, err);
    return rc ? rc : gd_head_check_adapter(model->plan, own->adapter, own->made.count > 0, err);
}

static gd_status open_encoder(gd_adapted *own, const gd_model *model, const gd_options *options, gd_error *err)
{
    gd_status rc = gd_encoder_open(&own->encoder, options, model->dir, own->dir, model->config, err);

    if (!rc)
        rc = gd_encoder_scale(&own->scale, &own->encoder, options, err);
    if (!rc)
        rc = gd_places_open(&own->encoder.places, model->plan, own->encoder.tokenizer, model->dir, err);
    if (!rc)
        rc = gd_encoder_check_rows(&own->encoder, model, err);
    return rc ? rc : gd_advise_base(&own->encoder.notes, own->adapter, own->dir, options->model, model->config, err);
}

static gd_status open_one(gd_adapted *own, const gd_model *model, const char *name, const gd_options *options,
                          gd_error *err)
{
    gd_status rc = gd_model_dir(name, &own->dir, err);

    if (!rc)
        rc = gd_options_check_adapter(own->dir, err);
    if (!rc)
        rc = check_head(model, own->dir, options, err);
    if (!rc)
        rc = gd_adapter_open(&own->adapter, own->dir, model->plan->head, err);
    if (!rc)
        rc = gd_settle_adapter(own->adapter, model->plan, err);
    if (!rc)
        rc = open_encoder(own, model, options, err);
    return rc ? rc : open_head(own, model, err);
}

gd_status gd_adapted_open(gd_model *model, const gd_options *options, gd_error *err)
{
    const size_t count = options->more_adapter_count;
    gd_status rc = GD_OK;

    if (count && !options->more_adapters)
        return gd_fail(err, GD_EUSAGE, "more_adapters is NULL, but %zu are expected", count);
    model->more = gd_alloc_zero(count, sizeof *model->more);
    model->over = gd_alloc_zero(count, sizeof *model->over);
    if (!model->more || !model->over)
        return gd_fail_memory(err, count * (sizeof *model->more + sizeof *model->over));
    for (size_t i = 0; !rc && i < count; i++) {
        gd_adapted *own = &model->more[i];

        if (!options->more_adapters[i])
            return gd_fail(err, GD_EUSAGE, "more_adapters[%zu] is NULL, but a directory is expected", i);
        model->more_count = i + 1;
        rc = open_one(own, model, options->more_adapters[i], options, err);
        model->over[i] = (gd_over){ own->adapter, own->head.view, own->head.bias, own->made.weights, own->made.count };
    }
    return rc;
}

void gd_adapted_close(gd_model *model)
{
    for (size_t i = 0; i < model->more_count; i++) {
        gd_adapted *own = &model->more[i];

        gd_encoder_close(&own->encoder);
        gd_head_made_free(&own->made);
        gd_head_free(&own->head);
        gd_adapter_close(own->adapter);
        gd_free(own->dir);
    }
    gd_free(model->more);
    gd_free(model->over);
}
