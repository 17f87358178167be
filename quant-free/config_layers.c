/* config_layers.c - what differs from layer to layer: the rotary embedding and the sliding window. */
#include "quant-free/config_inside.h"

#include "base/error.h"
#include "base/json.h"

#include <string.h>

/* ---- rotary embeddings ---- */

/* SmolLM3: 0 in the list, or every no_rope_layer_interval-th layer without one. */
static gd_status has_angles(const gd_config *c, size_t layer, bool *has, gd_error *err)
{
    const json_t *list, *entry;
    size_t interval;
    gd_status rc;

    *has = true;
    if (c->family != GD_FAMILY_SMOLLM3)
        return GD_OK;
    if (!gd_json_has(c->json, "no_rope_layers")) {
        rc = gd_config_size(c, "no_rope_layer_interval", &interval, err);
        *has = !interval || (layer + 1) % interval != 0;
        return rc;
    }
    rc = gd_json_array(&list, c->json, "no_rope_layers", c->path, err);
    entry = rc ? NULL : json_array_get(list, layer);
    if (!rc && !(json_is_integer(entry) && (json_integer_value(entry) == 0 || json_integer_value(entry) == 1)))
        return gd_fail(err, GD_EFORMAT,
                       "%s: the field \"no_rope_layers\" has %zu entries, but 0 or 1 for layer %zu is expected",
                       c->path, json_array_size(list), layer);
    *has = json_integer_value(entry) == 1;
    return rc;
}

gd_status gd_config_rope(const gd_config *c, size_t layer, gd_rope *rope, gd_error *err)
{
    bool has;
    size_t window = 0;
    gd_status rc = has_angles(c, layer, &has, err);

    if (!rc && c->has_local)
        rc = gd_config_window(c, layer, &window, err);
    *rope = has ? (window ? c->local : c->rope) : (gd_rope){ .type = GD_ROPE_NONE, .factor = 1 };
    return rc;
}

/* ---- windows ---- */

/* The window of the layers that have one; 0 when no layer can. */
static gd_status window_size(const gd_config *c, size_t *window, gd_error *err)
{
    bool used = true;
    gd_status rc = GD_OK;

    *window = 0;
    if (c->family == GD_FAMILY_QWEN2 || c->family == GD_FAMILY_QWEN3 || c->family == GD_FAMILY_SMOLLM3)
        rc = gd_config_bool(c, "use_sliding_window", &used, err);
    if (rc || !used || !gd_config_has(c, "sliding_window"))
        return rc;
    rc = gd_config_size(c, "sliding_window", window, err);
    if (!rc && *window == 0)
        return gd_fail(err, GD_EFORMAT,
                       "%s: the field \"sliding_window\" is 0, but a positive integer or null is expected", c->path);
    return rc;
}

/* The family's convention, used when no list says which layers slide. */
static gd_status slides_by_habit(const gd_config *c, size_t layer, bool *slides, gd_error *err)
{
    size_t first;
    gd_status rc;

    *slides = false;
    switch (c->family) {
    case GD_FAMILY_LLAMA:
    case GD_FAMILY_GEMMA:
    case GD_FAMILY_OLMO2:
    case GD_FAMILY_INTERNLM2: return GD_OK;
    case GD_FAMILY_MISTRAL:
    case GD_FAMILY_MINISTRAL3:
    case GD_FAMILY_PHI3: *slides = true; return GD_OK;
    case GD_FAMILY_OLMO3: *slides = (layer + 1) % 4 != 0; return GD_OK;
    case GD_FAMILY_GEMMA2: *slides = layer % 2 == 0; return GD_OK;
    case GD_FAMILY_GEMMA3:
        rc = gd_config_size(c, "sliding_window_pattern", &first, err);
        *slides = !rc && first && (layer + 1) % first != 0;
        return rc;
    case GD_FAMILY_SMOLLM3:
        rc = has_angles(c, layer, slides, err);
        *slides = !*slides;
        return rc;
    case GD_FAMILY_QWEN2:
    case GD_FAMILY_QWEN3:
        rc = gd_config_size(c, "max_window_layers", &first, err);
        *slides = !rc && layer >= first;
        return rc;
    default:
        return gd_fail(err, GD_EUNSUPPORTED,
                       "%s: the field \"sliding_window\" is set, but \"layer_types\" is missing and %s has "
                       "no known convention",
                       c->path, c->architecture);
    }
}

static gd_status slides_by_list(const gd_config *c, const json_t *types, size_t layer, bool *slides, gd_error *err)
{
    const char *type = json_string_value(json_array_get(types, layer));

    if (!type)
        return gd_fail(err, GD_EFORMAT,
                       "%s: the field \"layer_types\" has %zu entries, but a string for layer %zu is expected", c->path,
                       json_array_size(types), layer);
    *slides = strcmp(type, "sliding_attention") == 0;
    if (!*slides && strcmp(type, "full_attention") != 0)
        return gd_fail(err, GD_EUNSUPPORTED,
                       "%s: layer %zu has type \"%s\", but full_attention or sliding_attention is expected", c->path,
                       layer, type);
    return GD_OK;
}

gd_status gd_config_window(const gd_config *c, size_t layer, size_t *window, gd_error *err)
{
    const json_t *types;
    bool listed = false, habit = false;
    size_t size;
    gd_status rc = window_size(c, &size, err);

    *window = 0;
    if (rc)
        return rc;
    if (!gd_json_has(c->json, "layer_types")) {
        if (size)
            rc = slides_by_habit(c, layer, &habit, err);
        *window = habit ? size : 0;
        return rc;
    }
    rc = gd_json_array(&types, c->json, "layer_types", c->path, err);
    if (!rc)
        rc = slides_by_list(c, types, layer, &listed, err);
    if (rc)
        return rc;
    if (listed && !size)
        return gd_fail(err, GD_EFORMAT, "%s: layer %zu has type \"sliding_attention\", but there is no sliding window",
                       c->path, layer);
    /* Transformers' Mistral and Ministral 3 ignore the list: only one that agrees is accepted. */
    if ((c->family == GD_FAMILY_MISTRAL || c->family == GD_FAMILY_MINISTRAL3) && listed != (size > 0))
        return gd_fail(err, GD_EFORMAT,
                       "%s: layer %zu has type \"full_attention\", but \"sliding_window\" is %zu for every "
                       "layer of %s",
                       c->path, layer, size, c->architecture);
    *window = listed ? size : 0;
    return GD_OK;
}

gd_status gd_config_windows_check(const gd_config *c, gd_error *err)
{
    size_t layers, window;
    gd_status rc = GD_OK;

    if (!gd_config_has(c, "num_hidden_layers"))
        return GD_OK;
    rc = gd_config_size(c, "num_hidden_layers", &layers, err);
    for (size_t i = 0; i < layers && !rc; i++)
        rc = gd_config_window(c, i, &window, err);
    if (!rc && gd_json_has(c->json, "layer_types") &&
        json_array_size(json_object_get(c->json, "layer_types")) != layers)
        return gd_fail(err, GD_EFORMAT, "%s: the field \"layer_types\" has %zu entries, but there are %zu layers",
                       c->path, json_array_size(json_object_get(c->json, "layer_types")), layers);
    return rc;
}
