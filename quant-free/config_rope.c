/* config_rope.c - rotary embeddings, from either generation of config.json. */
#include "quant-free/config_inside.h"

#include "base/error.h"
#include "base/json.h"

#include <string.h>

/* The object of that name, or NULL; an empty one says nothing. */
static gd_status find_object(const json_t **out, const gd_config *c, const char *name, gd_error *err)
{
    gd_status rc = GD_OK;

    *out = NULL;
    if (gd_json_has(c->json, name))
        rc = gd_json_object(out, c->json, name, c->path, err);
    if (*out && json_object_size(*out) == 0)
        *out = NULL;
    return rc;
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

/* What an absent theta means. */
static double default_theta(const gd_config *c, bool local)
{
    if (local)
        return 1e4;
    return c->family == GD_FAMILY_GEMMA3 ? 1e6 : c->family == GD_FAMILY_SMOLLM3 ? 2e6 : 1e4;
}

/* The object's theta, the one at the top level, or the default; two that differ are refused. */
static gd_status read_theta(gd_rope *r, const gd_config *c, const json_t *o, bool local, gd_error *err)
{
    const char *field = local ? "rope_local_base_freq" : "rope_theta";
    double inner = 0, outer = 0;
    gd_status rc = GD_OK;

    r->theta = default_theta(c, local);
    if (json_object_get(c->json, field)) {
        rc = positive(&outer, c, c->json, field, err);
        r->theta = outer;
    }
    if (!rc && o && json_object_get(o, "rope_theta")) {
        rc = positive(&inner, c, o, "rope_theta", err);
        r->theta = inner;
    }
    if (!rc && inner > 0 && outer > 0 && inner != outer)
        return gd_fail(err, GD_EFORMAT, "%s: the field \"%s\" is %g at the top level, but %g in \"rope_parameters\"",
                       c->path, field, outer, inner);
    return rc;
}

/* The fields that each type reads; all of them may have rope_theta. */
static const char *const scaled_fields[][9] = {
    [GD_ROPE_DEFAULT] = { NULL },
    [GD_ROPE_LINEAR] = { "factor", NULL },
    [GD_ROPE_LLAMA3] = { "factor", "original_max_position_embeddings", "low_freq_factor", "high_freq_factor", NULL },
    [GD_ROPE_YARN] = { "factor", "original_max_position_embeddings", "attention_factor", "beta_fast", "beta_slow",
                       "mscale", "mscale_all_dim", "truncate", NULL },
    [GD_ROPE_LONGROPE] = { "factor", "original_max_position_embeddings", "attention_factor", "short_factor",
                           "long_factor", NULL },
};

/* What other implementations of YaRN write, and Transformers ignores. */
static const char *const yarn_ignored[] = { "attn_factor", "extrapolation_factor", "finetuned" };

static bool is_ignored(const gd_rope *r, const char *field)
{
    for (size_t i = 0; r->type == GD_ROPE_YARN && i < sizeof yarn_ignored / sizeof yarn_ignored[0]; i++) {
        if (strcmp(field, yarn_ignored[i]) == 0)
            return true;
    }
    return false;
}

/* Fields that a type does not read are refused, unless null: they were set for a reason. */
static gd_status check_fields(const gd_rope *r, const gd_config *c, const json_t *o, const char *type, gd_error *err)
{
    const char *field;
    json_t *value;

    json_object_foreach((json_t *)o, field, value) {
        bool fine = json_is_null(value) || strcmp(field, "rope_theta") == 0 || strcmp(field, "rope_type") == 0 ||
                    strcmp(field, "type") == 0 || is_ignored(r, field);

        for (const char *const *reads = scaled_fields[r->type]; *reads; reads++)
            fine = fine || strcmp(field, *reads) == 0;
        if (c->family == GD_FAMILY_MINISTRAL3 && r->type == GD_ROPE_YARN)
            fine = fine || strcmp(field, "llama_4_scaling_beta") == 0 || strcmp(field, "max_position_embeddings") == 0;
        if (strcmp(field, "partial_rotary_factor") == 0 &&
            (c->family == GD_FAMILY_PHI3 || json_number_value(value) == 1))
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
static gd_status read_original_max(gd_rope *r, const gd_config *c, const json_t *o, gd_error *err)
{
    static const char *const field = "original_max_position_embeddings";
    double inner = 0, outer = 0;
    gd_status rc = GD_OK;

    if (gd_json_has(c->json, field))
        rc = positive(&outer, c, c->json, field, err);
    else if (r->type == GD_ROPE_LONGROPE && gd_config_has(c, field))
        rc = gd_config_number(c, field, &outer, err);
    if (!rc && gd_json_has(o, field))
        rc = positive(&inner, c, o, field, err);
    if (rc)
        return rc;
    if (inner > 0 && outer > 0 && inner != outer)
        return gd_fail(err, GD_EFORMAT, "%s: the field \"%s\" is %g at the top level, but %g in the rotary embedding",
                       c->path, field, outer, inner);
    r->original_max_position = inner > 0 ? inner : outer;
    if (inner > 0 || outer > 0)
        return GD_OK;
    return gd_config_number(c, "max_position_embeddings", &r->original_max_position, err);
}

static gd_status read_llama3(gd_rope *r, const gd_config *c, const json_t *o, gd_error *err)
{
    gd_status rc = positive(&r->factor, c, o, "factor", err);

    if (!rc)
        rc = positive(&r->low_freq_factor, c, o, "low_freq_factor", err);
    if (!rc)
        rc = positive(&r->high_freq_factor, c, o, "high_freq_factor", err);
    if (!rc)
        rc = read_original_max(r, c, o, err);
    if (!rc && !(r->high_freq_factor > r->low_freq_factor))
        return gd_fail(err, GD_EFORMAT,
                       "%s: the field \"high_freq_factor\" is %g, but more than \"low_freq_factor\", %g, is "
                       "expected",
                       c->path, r->high_freq_factor, r->low_freq_factor);
    return rc;
}

/* A number that may be absent, null or 0, all of which mean the default. */
static gd_status optional(double *out, const gd_config *c, const json_t *o, const char *field, double otherwise,
                          gd_error *err)
{
    const json_t *value = json_object_get(o, field);

    *out = otherwise;
    if (!value || json_is_null(value) || (json_is_number(value) && json_number_value(value) == 0))
        return GD_OK;
    return positive(out, c, o, field, err);
}

/* How much of a head rotates: the object's field, or the one at the top level. Two that differ are refused, as for
 * rope_theta. */
static gd_status read_rotary(gd_rope *r, const gd_config *c, const json_t *o, gd_error *err)
{
    static const char *const field = "partial_rotary_factor";
    double outer = 1, inner, dim;
    gd_status rc = GD_OK;

    if (c->family != GD_FAMILY_PHI3)
        return GD_OK;
    if (gd_json_has(c->json, field))
        rc = positive(&outer, c, c->json, field, err);
    inner = outer;
    if (!rc && o && gd_json_has(o, field))
        rc = positive(&inner, c, o, field, err);
    if (!rc)
        rc = gd_config_number(c, "head_dim", &dim, err);
    if (rc)
        return rc;
    if (inner != outer && gd_json_has(c->json, field))
        return gd_fail(err, GD_EFORMAT, "%s: the field \"%s\" is %g at the top level, but %g in the rotary embedding",
                       c->path, field, outer, inner);
    if (inner == 1)
        return GD_OK;
    r->rotary = inner < 1 ? (size_t)(dim * inner) : 0;
    if (r->rotary == 0 || r->rotary % 2)
        return gd_fail(err, GD_EFORMAT,
                       "%s: the field \"%s\" is %g, of heads of %g elements, but an even number of them, not more than "
                       "there are, is expected",
                       c->path, field, inner, dim);
    return GD_OK;
}

/* Absent means true, but null means false: so does Transformers read it. */
static gd_status read_truncate(gd_rope *r, const gd_config *c, const json_t *o, gd_error *err)
{
    r->truncate = !json_object_get(o, "truncate");
    return gd_json_has(o, "truncate") ? gd_json_bool(&r->truncate, o, "truncate", c->path, err) : GD_OK;
}

/* Like Transformers, a factor of null is the ratio of the two lengths; with longrope, one that is absent, too. */
static gd_status read_ratio(gd_rope *r, const gd_config *c, const json_t *o, gd_error *err)
{
    double longest;
    gd_status rc;

    if (!json_is_null(json_object_get(o, "factor")) && !(r->type == GD_ROPE_LONGROPE && !gd_json_has(o, "factor")))
        return positive(&r->factor, c, o, "factor", err);
    rc = gd_config_number(c, "max_position_embeddings", &longest, err);
    r->factor = rc ? 0 : longest / r->original_max_position;
    return rc;
}

/* Ministral 3's: its attention can't do without, and takes the original length from the same object alone. */
static gd_status read_growth(gd_rope *r, const gd_config *c, const json_t *o, gd_error *err)
{
    gd_status rc;

    if (c->family != GD_FAMILY_MINISTRAL3)
        return GD_OK;
    rc = gd_json_number(&r->growth, o, "llama_4_scaling_beta", c->path, err);
    if (!rc && !(r->growth >= 0))
        return gd_fail(err, GD_EFORMAT,
                       "%s: the field \"llama_4_scaling_beta\" is %g, but 0 or a positive number is expected", c->path,
                       r->growth);
    if (!rc && !gd_json_has(o, "original_max_position_embeddings"))
        return gd_fail(err, GD_EFORMAT,
                       "%s: \"rope_parameters\" lacks \"original_max_position_embeddings\", by which "
                       "\"llama_4_scaling_beta\" counts",
                       c->path);
    return rc;
}

static gd_status read_yarn(gd_rope *r, const gd_config *c, const json_t *o, gd_error *err)
{
    gd_status rc = read_original_max(r, c, o, err);

    if (!rc)
        rc = read_ratio(r, c, o, err);
    if (!rc)
        rc = optional(&r->beta_fast, c, o, "beta_fast", 32, err);
    if (!rc)
        rc = optional(&r->beta_slow, c, o, "beta_slow", 1, err);
    if (!rc)
        rc = optional(&r->mscale, c, o, "mscale", 0, err);
    if (!rc)
        rc = optional(&r->mscale_all_dim, c, o, "mscale_all_dim", 0, err);
    if (!rc && gd_json_has(o, "attention_factor"))
        rc = positive(&r->attention_factor, c, o, "attention_factor", err);
    if (!rc)
        rc = read_truncate(r, c, o, err);
    if (!rc)
        rc = read_growth(r, c, o, err);
    if (!rc && r->beta_fast < r->beta_slow)
        return gd_fail(err, GD_EFORMAT,
                       "%s: the field \"beta_fast\" is %g, but at least \"beta_slow\", %g, is expected", c->path,
                       r->beta_fast, r->beta_slow);
    if (!rc && r->theta == 1)
        return gd_fail(err, GD_EFORMAT, "%s: the field \"rope_theta\" is 1, with which type \"yarn\" is undefined",
                       c->path);
    return rc;
}

/* A list of a positive number for each pair that rotates. */
static gd_status read_list(double *out, size_t pairs, const gd_config *c, const json_t *o, const char *field,
                           gd_error *err)
{
    const json_t *list;
    gd_status rc = gd_json_array(&list, o, field, c->path, err);

    if (!rc && json_array_size(list) != pairs)
        return gd_fail(
            err, GD_EFORMAT,
            "%s: the field \"%s\" has %zu entries, but one for each of the %zu pairs of a head that rotate is "
            "expected",
            c->path, field, json_array_size(list), pairs);
    for (size_t i = 0; !rc && i < pairs; i++) {
        const json_t *entry = json_array_get(list, i);

        out[i] = json_number_value(entry);
        if (!(out[i] > 0))
            return gd_fail(err, GD_EFORMAT, "%s: entry %zu of the field \"%s\" is not a positive number", c->path, i,
                           field);
    }
    return rc;
}

/* The long factors are for texts that are not accepted, but must be possible. */
static gd_status read_longrope(gd_rope *r, const gd_config *c, const json_t *o, gd_error *err)
{
    double dim, unread[GD_ROPE_PAIRS];
    size_t pairs;
    gd_status rc = gd_config_number(c, "head_dim", &dim, err);

    if (rc)
        return rc;
    pairs = (r->rotary ? r->rotary : (size_t)dim) / 2;
    if (pairs > GD_ROPE_PAIRS)
        return gd_fail(err, GD_EUNSUPPORTED,
                       "%s: the rotary embedding has type \"longrope\" and rotates %zu pairs of a head, but at most %d "
                       "are supported",
                       c->path, pairs, GD_ROPE_PAIRS);
    rc = read_original_max(r, c, o, err);
    if (!rc)
        rc = read_ratio(r, c, o, err);
    if (!rc && gd_json_has(o, "attention_factor"))
        rc = positive(&r->attention_factor, c, o, "attention_factor", err);
    if (!rc)
        rc = read_list(r->divisor, pairs, c, o, "short_factor", err);
    if (!rc)
        rc = read_list(unread, pairs, c, o, "long_factor", err);
    if (!rc && r->original_max_position <= 1)
        return gd_fail(err, GD_EFORMAT,
                       "%s: the original length is %g tokens, with which type \"longrope\" is undefined", c->path,
                       r->original_max_position);
    return rc;
}

static gd_status read_scaled(gd_rope *r, const gd_config *c, const json_t *o, gd_error *err)
{
    switch (r->type) {
    case GD_ROPE_LINEAR: return positive(&r->factor, c, o, "factor", err);
    case GD_ROPE_LLAMA3: return read_llama3(r, c, o, err);
    case GD_ROPE_YARN: return read_yarn(r, c, o, err);
    case GD_ROPE_LONGROPE: return read_longrope(r, c, o, err);
    default: return GD_OK;
    }
}

/* "dynamic" changes the angles of texts beyond max_position_embeddings, of which there are none; it reads `factor`. */
static bool is_dynamic(const char *type, const json_t *o)
{
    size_t fields = json_object_size(o);

    if (strcmp(type, "dynamic") != 0)
        return false;
    fields -= json_object_get(o, "type") != NULL;
    fields -= json_object_get(o, "rope_type") != NULL;
    fields -= json_object_get(o, "rope_theta") != NULL;
    return fields == 1 && json_is_number(json_object_get(o, "factor"));
}

/* The embedding that an object describes; NULL: the default type. */
static gd_status read_rope(gd_rope *r, const gd_config *c, const json_t *o, bool local, gd_error *err)
{
    static const char *const names[] = { [GD_ROPE_DEFAULT] = "default",
                                         [GD_ROPE_LLAMA3] = "llama3",
                                         [GD_ROPE_LINEAR] = "linear",
                                         [GD_ROPE_YARN] = "yarn",
                                         [GD_ROPE_LONGROPE] = "longrope" };
    const char *type = "default";
    unsigned t = 0;
    gd_status rc;

    *r = (gd_rope){ .factor = 1 };
    rc = read_theta(r, c, o, local, err);
    if (!rc)
        rc = read_rotary(r, c, o, err);
    if (rc || !o)
        return rc;
    if (json_is_object(json_object_get(o, "full_attention")) || json_is_object(json_object_get(o, "sliding_attention")))
        return gd_fail(err, GD_EUNSUPPORTED, "%s: \"rope_parameters\" differs by layer type, which is not supported",
                       c->path);
    rc = read_type(&type, c, o, err);
    if (rc || is_dynamic(type, o))
        return rc;
    if (c->family == GD_FAMILY_PHI3 && (strcmp(type, "su") == 0 || strcmp(type, "yarn") == 0))
        type = "longrope"; /* as earlier versions of Phi-3 called it */
    while (t <= GD_ROPE_LONGROPE && strcmp(type, names[t]) != 0)
        t++;
    if (t > GD_ROPE_LONGROPE)
        return gd_fail(
            err, GD_EUNSUPPORTED,
            "%s: the rotary embedding has type \"%s\", but default, linear, llama3, yarn, longrope, or dynamic "
            "with a factor alone, is expected",
            c->path, type);
    r->type = t;
    rc = check_fields(r, c, o, type, err);
    return rc ? rc : read_scaled(r, c, o, err);
}

bool gd_rope_equal(const gd_rope *a, const gd_rope *b)
{
    return a->type == b->type && a->theta == b->theta && a->factor == b->factor &&
           a->low_freq_factor == b->low_freq_factor && a->high_freq_factor == b->high_freq_factor &&
           a->original_max_position == b->original_max_position && a->beta_fast == b->beta_fast &&
           a->beta_slow == b->beta_slow && a->attention_factor == b->attention_factor && a->mscale == b->mscale &&
           a->mscale_all_dim == b->mscale_all_dim && a->growth == b->growth && a->truncate == b->truncate &&
           a->rotary == b->rotary && memcmp(a->divisor, b->divisor, sizeof a->divisor) == 0;
}

static gd_status note_ignored(gd_config *c, const json_t *o, gd_error *err)
{
    const char *field;
    json_t *value;
    gd_status rc = GD_OK;

    json_object_foreach((json_t *)o, field, value) {
        if (!rc && is_ignored(&c->rope, field))
            rc = gd_notes_add(&c->notes, err, "%s: the rotary embedding's field \"%s\" is ignored, as in Transformers",
                              c->path, field);
    }
    return rc;
}

/* Transformers 5 writes Gemma 3's by the type of layer; 4 writes the theta of those with a window by itself. */
static gd_status read_local(gd_config *c, const json_t **parameters, gd_error *err)
{
    const json_t *local = *parameters ? json_object_get(*parameters, "sliding_attention") : NULL;
    const json_t *full = *parameters ? json_object_get(*parameters, "full_attention") : NULL;

    c->has_local = c->family == GD_FAMILY_GEMMA3;
    if (!c->has_local)
        return GD_OK;
    if (json_is_object(local) || json_is_object(full)) /* either may be absent: the default */
        *parameters = json_is_object(full) ? full : NULL;
    return read_rope(&c->local, c, json_is_object(local) ? local : NULL, true, err);
}

/* Ministral 3's class has an embedding of its own where the file has none. */
static gd_status fill_parameters(gd_config *c, const json_t **parameters, gd_error *err)
{
    c->filled = json_pack("{s:s,s:f,s:f,s:i,s:f,s:f,s:f,s:f,s:f}", "rope_type", "yarn", "rope_theta", 1e6, "factor",
                          16.0, "original_max_position_embeddings", 16384, "beta_fast", 32.0, "beta_slow", 1.0,
                          "mscale", 1.0, "mscale_all_dim", 1.0, "llama_4_scaling_beta", 0.1);
    *parameters = c->filled;
    return c->filled ? GD_OK : gd_fail_memory(err, 512);
}

/* Transformers 4 writes rope_scaling, 5 writes rope_parameters; where both are set, 5 reads rope_scaling alone. So
 * both are accepted if they describe the same embedding, each with the top level's rope_theta if it has none. */
gd_status gd_config_rope_read(gd_config *c, gd_error *err)
{
    const json_t *scaling, *parameters = NULL;
    gd_rope other;
    gd_status rc = find_object(&scaling, c, "rope_scaling", err);

    if (!rc)
        rc = find_object(&parameters, c, "rope_parameters", err);
    if (!rc)
        rc = read_local(c, &parameters, err);
    if (!rc && c->family == GD_FAMILY_MINISTRAL3 && !scaling && !parameters)
        rc = fill_parameters(c, &parameters, err);
    if (!rc)
        rc = read_rope(&c->rope, c, scaling ? scaling : parameters, false, err);
    if (!rc && scaling && parameters) {
        rc = read_rope(&other, c, parameters, false, err);
        if (!rc && !gd_rope_equal(&c->rope, &other))
            rc = gd_fail(err, GD_EFORMAT,
                         "%s: the fields \"rope_scaling\" and \"rope_parameters\" contradict each other", c->path);
    }
    return rc ? rc : note_ignored(c, scaling ? scaling : parameters, err);
}

gd_status gd_config_longest(const gd_config *c, size_t *tokens, const char **field, gd_error *err)
{
    gd_status rc = gd_config_size(c, "max_position_embeddings", tokens, err);

    *field = "max_position_embeddings";
    if (!rc && c->rope.type == GD_ROPE_LONGROPE && c->rope.original_max_position < (double)*tokens) {
        *tokens = (size_t)c->rope.original_max_position;
        *field = "original_max_position_embeddings";
    }
    return rc;
}
