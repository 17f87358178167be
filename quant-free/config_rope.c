/* config_rope.c - rotary embeddings and sliding windows, from either generation of config.json. */
#include "quant-free/config_inside.h"

#include "base/error.h"
#include "base/json.h"

#include <string.h>

#define THETA_DEFAULT 10000.0

/* The object that describes the embedding, or NULL: rope_parameters (Transformers 5) or rope_scaling (4). */
static gd_status find_object(const json_t **out, const gd_config *c, gd_error *err)
{
    static const char *const names[] = { "rope_scaling", "rope_parameters" };
    gd_status rc;

    *out = NULL;
    for (size_t i = 0; i < 2; i++) {
        const json_t *object;

        if (!gd_json_has(c->json, names[i]))
            continue;
        rc = gd_json_object(&object, c->json, names[i], c->path, err);
        if (rc)
            return rc;
        if (*out && !json_equal((json_t *)*out, (json_t *)object))
            return gd_fail(err, GD_EFORMAT,
                           "%s: the fields \"rope_scaling\" and \"rope_parameters\" contradict each other", c->path);
        *out = object;
    }
    return GD_OK;
}

/* The type, under its current or its older name. */
static gd_status read_type(const char **out, const gd_config *c, const json_t *o, gd_error *err)
{
    const char *old = NULL;
    gd_status rc = GD_OK;

    *out = "default";
    if (gd_json_has(o, "type"))
        rc = gd_json_string(&old, o, "type", c->path, err);
    if (!rc && old)
        *out = old;
    if (!rc && gd_json_has(o, "rope_type"))
        rc = gd_json_string(out, o, "rope_type", c->path, err);
    if (!rc && old && strcmp(old, *out) != 0)
        return gd_fail(err, GD_EFORMAT, "%s: \"rope_type\" is \"%s\", but \"type\" is \"%s\"", c->path, *out, old);
    return rc;
}

static gd_status positive(double *out, const gd_config *c, const json_t *o, const char *field, gd_error *err)
{
    gd_status rc = gd_json_number(out, o, field, c->path, err);

    if (!rc && !(*out > 0))
        return gd_fail(err, GD_EFORMAT, "%s: the field \"%s\" is %g, but a positive number is expected", c->path, field,
                       *out);
    return rc;
}

/* rope_parameters' theta, the one at the top level, or the default; two that differ are refused. */
static gd_status read_theta(gd_config *c, const json_t *o, gd_error *err)
{
    double inner = 0, outer = 0;
    gd_status rc = GD_OK;

    c->rope.theta = THETA_DEFAULT;
    if (json_object_get(c->json, "rope_theta")) {
        rc = positive(&outer, c, c->json, "rope_theta", err);
        c->rope.theta = outer;
    }
    if (!rc && o && json_object_get(o, "rope_theta")) {
        rc = positive(&inner, c, o, "rope_theta", err);
        c->rope.theta = inner;
    }
    if (!rc && inner > 0 && outer > 0 && inner != outer)
        return gd_fail(err, GD_EFORMAT,
                       "%s: the field \"rope_theta\" is %g at the top level, but %g in \"rope_parameters\"", c->path,
                       outer, inner);
    return rc;
}

/* Fields that a type does not read are refused, unless null: they were set for a reason. */
static gd_status check_fields(const gd_config *c, const json_t *o, const char *type, gd_error *err)
{
    static const char *const scaled[] = { "factor", "low_freq_factor", "high_freq_factor",
                                          "original_max_position_embeddings" };
    const size_t reads = c->rope.type == GD_ROPE_LLAMA3 ? 4 : c->rope.type == GD_ROPE_LINEAR ? 1 : 0;
    const char *field;
    json_t *value;

    json_object_foreach((json_t *)o, field, value) {
        bool fine = json_is_null(value) || strcmp(field, "rope_theta") == 0 || strcmp(field, "rope_type") == 0 ||
                    strcmp(field, "type") == 0;

        for (size_t i = 0; i < reads; i++)
            fine = fine || strcmp(field, scaled[i]) == 0;
        if (strcmp(field, "partial_rotary_factor") == 0 && json_number_value(value) == 1)
            fine = true;
        if (!fine)
            return gd_fail(err, GD_EUNSUPPORTED,
                           "%s: the rotary embedding has the field \"%s\", which type \"%s\" does not read", c->path,
                           field, type);
    }
    return GD_OK;
}

/* The object's field, or the one at the top level, or the model's longest text. When both were present,
 * different versions of Transformers used one or the other: two that differ are refused. */
static gd_status read_original_max(gd_config *c, const json_t *o, gd_error *err)
{
    static const char *const field = "original_max_position_embeddings";
    double inner = 0, outer = 0;
    gd_status rc = GD_OK;

    if (gd_json_has(c->json, field))
        rc = positive(&outer, c, c->json, field, err);
    if (!rc && gd_json_has(o, field))
        rc = positive(&inner, c, o, field, err);
    if (rc)
        return rc;
    if (inner > 0 && outer > 0 && inner != outer)
        return gd_fail(err, GD_EFORMAT, "%s: the field \"%s\" is %g at the top level, but %g in the rotary embedding",
                       c->path, field, outer, inner);
    c->rope.original_max_position = inner > 0 ? inner : outer;
    if (inner > 0 || outer > 0)
        return GD_OK;
    return gd_config_number(c, "max_position_embeddings", &c->rope.original_max_position, err);
}

static gd_status read_scaled(gd_config *c, const json_t *o, gd_error *err)
{
    gd_rope *r = &c->rope;
    gd_status rc = positive(&r->factor, c, o, "factor", err);

    if (rc || r->type == GD_ROPE_LINEAR)
        return rc;
    rc = positive(&r->low_freq_factor, c, o, "low_freq_factor", err);
    if (!rc)
        rc = positive(&r->high_freq_factor, c, o, "high_freq_factor", err);
    if (!rc)
        rc = read_original_max(c, o, err);
    if (!rc && !(r->high_freq_factor > r->low_freq_factor))
        return gd_fail(err, GD_EFORMAT,
                       "%s: the field \"high_freq_factor\" is %g, but more than \"low_freq_factor\", %g, is "
                       "expected",
                       c->path, r->high_freq_factor, r->low_freq_factor);
    return rc;
}

gd_status gd_config_rope_read(gd_config *c, gd_error *err)
{
    const json_t *o;
    const char *type = "default";
    gd_status rc = find_object(&o, c, err);

    c->rope = (gd_rope){ .factor = 1 };
    if (!rc)
        rc = read_theta(c, o, err);
    if (rc || !o)
        return rc;
    if (json_is_object(json_object_get(o, "full_attention")) || json_is_object(json_object_get(o, "sliding_attention")))
        return gd_fail(err, GD_EUNSUPPORTED, "%s: \"rope_parameters\" differs by layer type, which is not supported",
                       c->path);
    rc = read_type(&type, c, o, err);
    if (rc)
        return rc;
    if (strcmp(type, "llama3") == 0)
        c->rope.type = GD_ROPE_LLAMA3;
    else if (strcmp(type, "linear") == 0)
        c->rope.type = GD_ROPE_LINEAR;
    else if (strcmp(type, "default") != 0)
        return gd_fail(err, GD_EUNSUPPORTED,
                       "%s: the rotary embedding has type \"%s\", but default, linear or llama3 is expected", c->path,
                       type);
    rc = check_fields(c, o, type, err);
    if (!rc && c->rope.type != GD_ROPE_DEFAULT)
        rc = read_scaled(c, o, err);
    return rc;
}

void gd_config_rope(const gd_config *c, gd_rope *rope) { *rope = c->rope; }

/* The window of the layers that have one; 0 when no layer can. */
static gd_status window_size(const gd_config *c, size_t *window, gd_error *err)
{
    bool used = true;
    gd_status rc = GD_OK;

    *window = 0;
    if (c->family == GD_FAMILY_QWEN2 || c->family == GD_FAMILY_QWEN3)
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
    case GD_FAMILY_LLAMA: return GD_OK;
    case GD_FAMILY_MISTRAL: *slides = true; return GD_OK;
    case GD_FAMILY_GEMMA2: *slides = layer % 2 == 0; return GD_OK;
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
    /* Transformers' Mistral ignores the list: only one that agrees is accepted. */
    if (c->family == GD_FAMILY_MISTRAL && listed != (size > 0))
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
