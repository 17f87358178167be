/* config.c - config.json of a model directory: opening, the sizes, the getters. */
#include "quant-free/config.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "quant-free/config_inside.h"

#include <math.h>
#include <string.h>

#define BYTES_MAX ((size_t)4 << 20)
#define EXACT_MAX 9007199254740992.0 /* 2^53: a double holds all integers up to it */

/* The sizes that every model has, with limits a hundred times the sizes of the largest models. */
static const struct size_rule {
    const char *field;
    int64_t max;
} size_rules[] = {
    { "hidden_size", 1 << 20 },      { "intermediate_size", 1 << 24 },
    { "num_hidden_layers", 4096 },   { "num_attention_heads", 4096 },
    { "num_key_value_heads", 4096 }, { "head_dim", 4096 },
    { "vocab_size", 1 << 22 },       { "max_position_embeddings", (int64_t)1 << 31 },
};

static gd_status check_sizes(const gd_config *c, gd_error *err)
{
    for (size_t i = 0; i < sizeof size_rules / sizeof size_rules[0]; i++) {
        const char *field = size_rules[i].field;
        const bool filled = strcmp(field, "num_key_value_heads") == 0 || strcmp(field, "head_dim") == 0;
        int64_t n;
        gd_status rc;

        if (!gd_json_has(c->json, field) &&
            (filled || c->family == GD_FAMILY_OTHER || gd_config_default_find(c->family, field)))
            continue;
        rc = gd_json_int(&n, c->json, field, 1, size_rules[i].max, c->path, err);
        rc = gd_notes_collect(c->problems, rc, err);
        if (rc)
            return rc;
    }
    return GD_OK;
}

/* The constraints between sizes. */
static gd_status check_heads(const gd_config *c, gd_error *err)
{
    double heads, kv, dim, hidden;
    gd_status rc;

    if (!gd_config_has(c, "num_attention_heads") || !gd_config_has(c, "hidden_size"))
        return GD_OK; /* an unknown family: its graph will check for what it needs */
    rc = gd_config_number(c, "num_attention_heads", &heads, err);
    if (!rc)
        rc = gd_config_number(c, "hidden_size", &hidden, err);
    if (!rc)
        rc = gd_config_number(c, "num_key_value_heads", &kv, err);
    if (rc)
        return rc;
    if (fmod(heads, kv) != 0)
        return gd_fail(err, GD_EFORMAT,
                       "%s: the field \"num_attention_heads\" is %g, but a multiple of \"num_key_value_heads\", "
                       "%g, is expected",
                       c->path, heads, kv);
    if (!gd_json_has(c->json, "head_dim") && !gd_config_default_find(c->family, "head_dim") && fmod(hidden, heads) != 0)
        return gd_fail(err, GD_EFORMAT,
                       "%s: the field \"hidden_size\" is %g, but a multiple of \"num_attention_heads\", %g, is "
                       "expected",
                       c->path, hidden, heads);
    rc = gd_config_number(c, "head_dim", &dim, err);
    if (!rc && fmod(dim, 2) != 0)
        return gd_fail(err, GD_EFORMAT, "%s: \"head_dim\" is %g, but an even number is expected", c->path, dim);
    return rc;
}

static gd_status check_eps(const gd_config *c, gd_error *err)
{
    double eps;
    gd_status rc;

    if (c->family == GD_FAMILY_OTHER && !gd_config_has(c, "rms_norm_eps"))
        return GD_OK;
    rc = gd_config_number(c, "rms_norm_eps", &eps, err);
    if (!rc && !(eps > 0 && eps < 1))
        return gd_fail(err, GD_EFORMAT,
                       "%s: the field \"rms_norm_eps\" is %g, but a number between 0 and 1 is expected", c->path, eps);
    return rc;
}

/* Transformers stores no num_labels: it counts id2label. */
static gd_status count_labels(gd_config *c, gd_error *err)
{
    static const char *const class = "ForSequenceClassification";
    const size_t len = strlen(c->architecture), end = strlen(class);
    const json_t *labels = NULL;
    int64_t n = 1;
    gd_status rc = GD_OK;

    c->labels = 1;
    if (len < end || strcmp(c->architecture + len - end, class) != 0)
        return GD_OK;
    if (gd_json_has(c->root, "num_labels"))
        rc = gd_json_int(&n, c->root, "num_labels", 0, INT32_MAX, c->path, err);
    if (!rc && gd_json_has(c->root, "id2label"))
        rc = gd_json_object(&labels, c->root, "id2label", c->path, err);
    if (rc)
        return rc;
    if (labels && gd_json_has(c->root, "num_labels") && n != (int64_t)json_object_size(labels))
        return gd_fail(err, GD_EFORMAT, "%s: the field \"num_labels\" is %d, but \"id2label\" has %zu labels", c->path,
                       (int)n, json_object_size(labels));
    c->labels = labels ? json_object_size(labels) : (size_t)n;
    return GD_OK;
}

gd_status gd_config_one_label(const gd_config *c, gd_error *err)
{
    return c->labels == 1
               ? GD_OK
               : gd_fail(err, GD_EUNSUPPORTED,
                         "%s: the model has %zu labels, but a reward model with one score is expected; --head can "
                         "name one that makes it of them (guerdon models lists heads)",
                         c->outer ? c->outer : c->path, c->labels);
}

/* The class in the file; absent, null and [] mean that model_type decides. */
static gd_status read_architecture(gd_config *c, gd_error *err)
{
    const json_t *list = NULL;
    gd_status rc = GD_OK;

    if (gd_json_has(c->json, "architectures"))
        rc = gd_json_array(&list, c->json, "architectures", c->path, err);
    if (rc)
        return rc;
    if (json_array_size(list) == 0)
        return gd_config_family_of_type(c, err);
    if (json_array_size(list) != 1 || !json_is_string(json_array_get(list, 0)) ||
        strlen(json_string_value(json_array_get(list, 0))) != json_string_length(json_array_get(list, 0)))
        return gd_fail(err, GD_EFORMAT, "%s: the field \"architectures\" is not a list of one name", c->path);
    c->architecture = json_string_value(json_array_get(list, 0));
    return gd_config_family_read(c, err);
}

static gd_status read_config(gd_config *c, gd_error *err)
{
    bool nested = false;
    gd_status rc = gd_json_load(&c->root, c->path, BYTES_MAX, err);

    if (rc)
        return rc;
    if (!json_is_object(c->root))
        return gd_fail(err, GD_EFORMAT, "%s: not a JSON object", c->path);
    c->json = c->root;
    rc = gd_config_nested_read(c, &nested, err);
    if (!rc && !nested)
        rc = gd_notes_collect(c->problems, read_architecture(c, err), err);
    if (!rc && !c->architecture)
        c->architecture = "";
    if (!rc)
        rc = gd_notes_collect(c->problems, count_labels(c, err), err);
    if (!rc && nested)
        rc = gd_config_nested_check(c, err);
    if (!rc)
        rc = gd_notes_collect(c->problems, gd_config_fields_check(c, err), err);
    if (!rc)
        rc = check_sizes(c, err);
    if (!rc)
        rc = gd_notes_collect(c->problems, check_heads(c, err), err);
    if (!rc)
        rc = gd_notes_collect(c->problems, check_eps(c, err), err);
    if (!rc)
        rc = gd_notes_collect(c->problems, gd_config_activation_read(c, err), err);
    if (!rc)
        rc = gd_notes_collect(c->problems, gd_config_rope_read(c, err), err);
    return rc ? rc : gd_notes_collect(c->problems, gd_config_windows_check(c, err), err);
}

gd_status gd_config_open_anyway(gd_config **out, const char *dir, gd_notes *problems, gd_error *err)
{
    gd_config *c;
    gd_status rc;

    *out = NULL;
    c = gd_alloc_zero(1, sizeof *c);
    if (!c)
        return gd_fail_memory(err, sizeof *c);
    c->problems = problems;
    c->path = gd_path_join(dir, "config.json");
    rc = c->path ? read_config(c, err) : gd_fail_memory(err, strlen(dir) + 13);
    if (rc)
        gd_config_close(c);
    else
        *out = c;
    return gd_notes_collect(problems, rc, err);
}

gd_status gd_config_open(gd_config **out, const char *dir, gd_error *err)
{
    return gd_config_open_anyway(out, dir, NULL, err);
}

void gd_config_close(gd_config *c)
{
    if (!c)
        return;
    json_decref(c->root);
    json_decref(c->filled);
    gd_notes_free(&c->notes);
    gd_free(c->path);
    gd_free(c->outer);
    gd_free(c);
}

const char *gd_config_path(const gd_config *c) { return c->path; }
const char *gd_config_architecture(const gd_config *c) { return c->architecture; }

const char *gd_config_classifier(const gd_config *c)
{
    return c->classifier ? c->classifier : c->trunk && strstr(c->trunk, "ForSequenceClassification") ? c->trunk : NULL;
}

const char *gd_config_trunk(const gd_config *c) { return c->trunk ? c->trunk : c->architecture; }
const json_t *gd_config_json(const gd_config *c) { return c->root; }
bool gd_config_nested(const gd_config *c) { return c->json != c->root; }
const json_t *gd_config_text_json(const gd_config *c) { return c->json; }
size_t gd_config_note_count(const gd_config *c) { return c->notes.count; }
const char *gd_config_note(const gd_config *c, size_t i) { return c->notes.text[i]; }

/* The default applies only to an absent field: null was written on purpose. */
static const gd_config_default *find_default(const gd_config *c, const char *field)
{
    return json_object_get(c->json, field) ? NULL : gd_config_default_find(c->family, field);
}

/* "dtype" is "torch_dtype" in older files; if both are present, dtype wins, as in Transformers. */
static const char *file_name(const gd_config *c, const char *field)
{
    if (strcmp(field, "dtype") != 0 && strcmp(field, "torch_dtype") != 0)
        return field;
    return gd_json_has(c->json, "dtype") ? "dtype" : "torch_dtype";
}

bool gd_config_has(const gd_config *c, const char *field)
{
    return strcmp(field, "rope_theta") == 0 || strcmp(field, "num_key_value_heads") == 0 ||
           strcmp(field, "head_dim") == 0 || gd_json_has(c->json, file_name(c, field)) || find_default(c, field);
}

gd_status gd_config_number(const gd_config *c, const char *field, double *out, gd_error *err)
{
    const gd_config_default *d = find_default(c, field);
    double hidden, heads;
    gd_status rc;

    if (strcmp(field, "rope_theta") == 0) {
        *out = c->rope.theta;
        return GD_OK;
    }
    if (d) {
        *out = d->number;
        return GD_OK;
    }
    if (strcmp(field, "num_key_value_heads") == 0 && !gd_json_has(c->json, field))
        return gd_config_number(c, "num_attention_heads", out, err);
    if (strcmp(field, "head_dim") == 0 && !gd_json_has(c->json, field)) {
        rc = gd_config_number(c, "hidden_size", &hidden, err);
        if (!rc)
            rc = gd_config_number(c, "num_attention_heads", &heads, err);
        if (!rc)
            *out = floor(hidden / heads);
        return rc;
    }
    return gd_json_number(out, c->json, field, c->path, err);
}

gd_status gd_config_size(const gd_config *c, const char *field, size_t *out, gd_error *err)
{
    double n;
    gd_status rc = gd_config_number(c, field, &n, err);

    if (rc)
        return rc;
    if (!(n >= 0 && n <= EXACT_MAX) || n != floor(n))
        return gd_fail(err, GD_EFORMAT, "%s: the field \"%s\" is %g, but a non-negative integer is expected", c->path,
                       field, n);
    *out = (size_t)n;
    return GD_OK;
}

gd_status gd_config_string(const gd_config *c, const char *field, const char **out, gd_error *err)
{
    const gd_config_default *d = find_default(c, field);

    if (c->activation && strcmp(field, "hidden_act") == 0) {
        *out = c->activation;
        return GD_OK;
    }
    if (d && d->string) {
        *out = d->string;
        return GD_OK;
    }
    return gd_json_string(out, c->json, file_name(c, field), c->path, err);
}

gd_status gd_config_bool(const gd_config *c, const char *field, bool *out, gd_error *err)
{
    const gd_config_default *d = find_default(c, field);

    if (d) {
        *out = d->flag;
        return GD_OK;
    }
    return gd_json_bool(out, c->json, field, c->path, err);
}
