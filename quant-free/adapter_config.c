/* adapter_config.c - adapter_config.json: which modules, which rank, which scale. The matching follows PEFT's
 * check_target_module_exists() and get_pattern_key(). */
#include "quant-free/adapter_config.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "quant-free/adapter.h"

#include <math.h>
#include <string.h>
#include <strings.h>

#define BYTES_MAX ((size_t)4 << 20)
#define RANK_MAX 65536
#define PATTERNS_MAX 4096

/* PEFT's targets for our families when the field is null. */
static const char *const default_targets[] = { "q_proj", "v_proj" };

static gd_status read_number(double *out, const json_t *o, const char *key, bool whole, const char *path, gd_error *err)
{
    int64_t n;
    gd_status rc;

    if (whole) {
        rc = gd_json_int(&n, o, key, 1, RANK_MAX, path, err);
        *out = rc ? 0 : (double)n;
        return rc;
    }
    rc = gd_json_number(out, o, key, path, err);
    if (!rc && !(*out > 0))
        return gd_fail(err, GD_EFORMAT, "%s: the field \"%s\" is %g, but a positive number is expected", path, key,
                       *out);
    return rc;
}

static gd_status read_overrides(gd_overrides *out, const gd_adapter_config *c, const char *field, bool whole,
                                gd_error *err)
{
    const json_t *object;
    const char *key;
    json_t *value;
    size_t count;
    gd_status rc;

    if (!gd_json_has(c->json, field))
        return GD_OK;
    rc = gd_json_object(&object, c->json, field, c->path, err);
    if (rc)
        return rc;
    count = json_object_size(object);
    if (count > PATTERNS_MAX)
        return gd_fail(err, GD_EUNSUPPORTED, "%s: the field \"%s\" has %zu patterns, but at most %d are accepted",
                       c->path, field, count, PATTERNS_MAX);
    out->patterns = gd_alloc_zero(count, sizeof *out->patterns);
    out->values = gd_alloc_zero(count, sizeof *out->values);
    if (!out->patterns || !out->values)
        return gd_fail_memory(err, count * (sizeof *out->patterns + sizeof *out->values));
    json_object_foreach((json_t *)object, key, value) {
        rc = read_number(&out->values[out->count], object, key, whole, c->path, err);
        if (!rc)
            rc = gd_pattern_open(&out->patterns[out->count], key, GD_PATTERN_SUFFIX, field, c->path, err);
        if (rc)
            return rc;
        out->count++;
    }
    return GD_OK;
}

static gd_status check_strings(const gd_adapter_config *c, const json_t *list, const char *field, gd_error *err)
{
    const json_t *entry;
    size_t i;

    json_array_foreach((json_t *)list, i, entry)
        if (!json_is_string(entry) || json_string_length(entry) == 0 ||
            strlen(json_string_value(entry)) != json_string_length(entry))
            return gd_fail(err, GD_EFORMAT, "%s: the field \"%s\" has an entry that is not a name", c->path, field);
    return GD_OK;
}

static gd_status read_set(gd_module_set *set, const gd_adapter_config *c, const char *field, bool target, gd_error *err)
{
    const json_t *value = json_object_get(c->json, field);

    if (!value || json_is_null(value) || (!target && gd_json_nothing(value)))
        return GD_OK;
    if (json_is_array(value)) {
        set->kind = GD_MODULES_LIST;
        set->list = value;
        return check_strings(c, value, field, err);
    }
    if (!json_is_string(value))
        return gd_fail(err, GD_EFORMAT, "%s: the field \"%s\" is neither a list nor a string", c->path, field);
    if (target && strcasecmp(json_string_value(value), "all-linear") == 0) {
        set->kind = GD_MODULES_ALL;
        return GD_OK;
    }
    set->kind = GD_MODULES_PATTERN;
    return gd_pattern_open(&set->pattern, json_string_value(value), GD_PATTERN_FULL, field, c->path, err);
}

static gd_status read_layer_patterns(gd_adapter_config *c, gd_error *err)
{
    const json_t *value = json_object_get(c->json, "layers_pattern");
    const bool list = json_is_array(value);
    const size_t count = list ? json_array_size(value) : 1;
    gd_status rc = GD_OK;

    if (!value || gd_json_nothing(value))
        return GD_OK;
    if (!list && !json_is_string(value))
        return gd_fail(err, GD_EFORMAT, "%s: the field \"layers_pattern\" is neither a list nor a string", c->path);
    if (!c->layers)
        return gd_fail(err, GD_EFORMAT, "%s: the field \"layers_pattern\" is set, but \"layers_to_transform\" is not",
                       c->path);
    if (list)
        rc = check_strings(c, value, "layers_pattern", err);
    if (rc)
        return rc;
    c->layer_patterns = gd_alloc_zero(count, sizeof(gd_pattern *));
    if (!c->layer_patterns)
        return gd_fail_memory(err, count * sizeof(gd_pattern *));
    for (; c->layer_pattern_count < count && !rc; c->layer_pattern_count += !rc)
        rc = gd_pattern_open(&c->layer_patterns[c->layer_pattern_count],
                             json_string_value(list ? json_array_get(value, c->layer_pattern_count) : value),
                             GD_PATTERN_LAYER, "layers_pattern", c->path, err);
    return rc;
}

static gd_status read_layers(gd_adapter_config *c, gd_error *err)
{
    const json_t *value = json_object_get(c->json, "layers_to_transform"), *entry;
    size_t i;

    if (!value || json_is_null(value) || (json_is_array(value) && json_array_size(value) == 0))
        return read_layer_patterns(c, err);
    if (!json_is_integer(value) && !json_is_array(value))
        return gd_fail(err, GD_EFORMAT, "%s: the field \"layers_to_transform\" is neither an integer nor a list",
                       c->path);
    if (json_is_array(value)) {
        json_array_foreach((json_t *)value, i, entry)
            if (!json_is_integer(entry))
                return gd_fail(err, GD_EFORMAT,
                               "%s: the field \"layers_to_transform\" has an entry that is not an integer", c->path);
    }
    if (c->targets.kind == GD_MODULES_PATTERN || c->targets.kind == GD_MODULES_ALL)
        return gd_fail(err, GD_EFORMAT,
                       "%s: the field \"layers_to_transform\" is set, but \"target_modules\" is a string", c->path);
    c->layers = value;
    return read_layer_patterns(c, err);
}

/* "model.embed_tokens" and "embed_tokens" are the same. */
static bool is_module(const char *entry, const char *module)
{
    const char *dot = strrchr(entry, '.');

    return strcmp(dot ? dot + 1 : entry, module) == 0;
}

/* Whether the entry is the head: its module, the end of that module's name, or a module that has it. */
static bool names_head(const char *entry, const char *head)
{
    const size_t all = strlen(head), len = strlen(entry);

    if (!strcmp(entry, head))
        return true;
    return len < all && ((!strncmp(entry, head, len) && head[len] == '.') ||
                         (!strcmp(entry, head + all - len) && head[all - len - 1] == '.'));
}

/* The head and the embedding can be saved whole, and an output layer is ignored. For SEQ_CLS, PEFT adds "classifier"
 * and "score", whichever the model has. */
static gd_status read_saved(gd_adapter_config *c, gd_error *err)
{
    const json_t *list, *entry;
    size_t i;
    gd_status rc;

    if (!gd_json_has(c->json, "modules_to_save"))
        return GD_OK;
    rc = gd_json_array(&list, c->json, "modules_to_save", c->path, err);
    if (!rc)
        rc = check_strings(c, list, "modules_to_save", err);
    if (rc)
        return rc;
    json_array_foreach((json_t *)list, i, entry) {
        const char *name = json_string_value(entry);

        if (names_head(name, c->head))
            c->saves_head = true;
        else if (is_module(name, GD_ADAPTER_EMBEDDING))
            c->saves_embedding = true;
        else if (strcmp(name, "classifier") != 0 && strcmp(name, "score") != 0 && !is_module(name, "lm_head"))
            return gd_fail(err, GD_EUNSUPPORTED,
                           "%s: the field \"modules_to_save\" names \"%.80s\", but only the head \"%s\" and the "
                           "embedding can be saved",
                           c->path, name, c->head);
    }
    return GD_OK;
}

static gd_status read_fields(gd_adapter_config *c, gd_error *err)
{
    gd_status rc = gd_adapter_fields_check(c->json, c->path, err);

    if (!rc)
        rc = read_number(&c->rank, c->json, "r", true, c->path, err);
    if (!rc)
        rc = read_number(&c->alpha, c->json, "lora_alpha", false, c->path, err);
    if (!rc && gd_json_has(c->json, "use_rslora"))
        rc = gd_json_bool(&c->rslora, c->json, "use_rslora", c->path, err);
    if (!rc)
        rc = read_set(&c->targets, c, "target_modules", true, err);
    if (!rc)
        rc = read_set(&c->excludes, c, "exclude_modules", false, err);
    if (!rc)
        rc = read_layers(c, err);
    if (!rc)
        rc = read_saved(c, err);
    if (!rc)
        rc = read_overrides(&c->ranks, c, "rank_pattern", true, err);
    return rc ? rc : read_overrides(&c->alphas, c, "alpha_pattern", false, err);
}

char *gd_adapter_module_of(const char *tensor)
{
    const size_t len = strlen(tensor);
    const bool weight = len > 7 && strcmp(tensor + len - 7, ".weight") == 0;

    return gd_strndup(tensor, weight ? len - 7 : len);
}

gd_status gd_adapter_config_read(gd_adapter_config *c, const char *dir, const char *head, gd_error *err)
{
    gd_status rc;

    c->head = gd_adapter_module_of(head);
    if (!c->head)
        return gd_fail_memory(err, strlen(head) + 1);
    c->path = gd_path_join(dir, "adapter_config.json");
    if (!c->path)
        return gd_fail_memory(err, strlen(dir) + 21);
    rc = gd_json_load(&c->json, c->path, BYTES_MAX, err);
    if (rc)
        return rc;
    if (!json_is_object(c->json))
        return gd_fail(err, GD_EFORMAT, "%s: not a JSON object", c->path);
    return read_fields(c, err);
}

static void free_patterns(gd_pattern **patterns, size_t count)
{
    for (size_t i = 0; i < count; i++)
        gd_pattern_close(patterns[i]);
    gd_free(patterns);
}

void gd_adapter_config_free(gd_adapter_config *c)
{
    gd_pattern_close(c->targets.pattern);
    gd_pattern_close(c->excludes.pattern);
    free_patterns(c->ranks.patterns, c->ranks.count);
    free_patterns(c->alphas.patterns, c->alphas.count);
    free_patterns(c->layer_patterns, c->layer_pattern_count);
    gd_free(c->ranks.values);
    gd_free(c->alphas.values);
    json_decref(c->json);
    gd_free(c->head);
    gd_free(c->path);
    *c = (gd_adapter_config){ 0 };
}

/* The whole name, or its end after a dot. */
static bool names(const char *entry, const char *module, bool *whole)
{
    const size_t n = strlen(entry), m = strlen(module);

    *whole = n == m && strcmp(entry, module) == 0;
    return *whole || (m > n && module[m - n - 1] == '.' && strcmp(module + m - n, entry) == 0);
}

static bool list_names(const json_t *list, const char *module, bool *whole)
{
    bool found = false;
    const json_t *entry;
    size_t i;

    *whole = false;
    json_array_foreach((json_t *)list, i, entry) {
        bool this_whole;

        found = names(json_string_value(entry), module, &this_whole) || found;
        *whole = *whole || this_whole;
    }
    return found;
}

static gd_status set_holds(const gd_module_set *set, const char *module, bool *yes, bool *whole, gd_error *err)
{
    size_t unused;

    *whole = true; /* layers restrict only the suffixes of a list */
    *yes = set->kind == GD_MODULES_ALL;
    if (set->kind == GD_MODULES_LIST)
        *yes = list_names(set->list, module, whole);
    if (set->kind == GD_MODULES_PATTERN)
        return gd_pattern_match(set->pattern, module, yes, &unused, err);
    return GD_OK;
}

/* The first number between dots with two names or more before it, as in "model.layers.7.mlp": its offset, or
 * the end. */
static size_t find_layer(const char *module)
{
    size_t segment = 0;

    for (const char *p = module; *p; p += *p == '.') {
        const size_t digits = strspn(p, "0123456789");

        if (segment >= 2 && digits && p[digits] == '.')
            return (size_t)(p - module);
        p += strcspn(p, ".");
        segment++;
    }
    return strlen(module);
}

static gd_status layer_is_wanted(const gd_adapter_config *c, const char *module, bool *yes, gd_error *err)
{
    size_t at = c->layer_pattern_count ? strlen(module) : find_layer(module), i;
    bool found = false;
    const json_t *entry;
    json_int_t layer = 0;

    for (i = 0; i < c->layer_pattern_count && !found; i++) {
        gd_status rc = gd_pattern_match(c->layer_patterns[i], module, &found, &at, err);

        if (rc)
            return rc;
    }
    *yes = false;
    if (!module[at])
        return GD_OK;
    for (const char *p = module + at; *p >= '0' && *p <= '9'; p++)
        layer = layer > 100000000 ? layer : layer * 10 + (*p - '0'); /* no model has that many layers */
    if (json_is_integer(c->layers))
        *yes = json_integer_value(c->layers) == layer;
    json_array_foreach((json_t *)c->layers, i, entry)
        *yes = *yes || json_integer_value(entry) == layer;
    return GD_OK;
}

/* The head and its submodules are saved whole, and get no LoRA. */
static bool is_saved(const gd_adapter_config *c, const char *module)
{
    const size_t len = strlen(c->head);

    return c->saves_head && strncmp(module, c->head, len) == 0 && (!module[len] || module[len] == '.');
}

gd_status gd_adapter_config_targets(const gd_adapter_config *c, const char *module, bool *yes, gd_error *err)
{
    bool whole = true;
    gd_status rc = set_holds(&c->excludes, module, yes, &whole, err);

    if (rc)
        return rc;
    if (*yes || is_saved(c, module)) {
        *yes = false;
        return GD_OK;
    }
    if (c->targets.kind == GD_MODULES_NONE) {
        whole = false;
        for (size_t i = 0; i < sizeof default_targets / sizeof default_targets[0]; i++)
            *yes = names(default_targets[i], module, &whole) || *yes;
    } else {
        rc = set_holds(&c->targets, module, yes, &whole, err);
    }
    if (!rc && *yes && !whole && c->layers)
        rc = layer_is_wanted(c, module, yes, err);
    return rc;
}

static gd_status override(const gd_overrides *o, const char *module, double *value, gd_error *err)
{
    for (size_t i = 0; i < o->count; i++) {
        bool matches;
        size_t unused;
        gd_status rc = gd_pattern_match(o->patterns[i], module, &matches, &unused, err);

        if (rc || matches) {
            *value = o->values[i];
            return rc;
        }
    }
    return GD_OK;
}

gd_status gd_adapter_config_scale(const gd_adapter_config *c, const char *module, size_t *rank, float *scale,
                                  gd_error *err)
{
    double r = c->rank, alpha = c->alpha;
    gd_status rc = override(&c->ranks, module, &r, err);

    if (!rc)
        rc = override(&c->alphas, module, &alpha, err);
    *rank = (size_t)r;
    *scale = (float)(c->rslora ? alpha / sqrt(r) : alpha / r);
    if (!rc && !isfinite(*scale))
        return gd_fail(err, GD_EFORMAT, "%s: the scale of \"%s\" is too large: alpha %g, rank %g", c->path, module,
                       alpha, r);
    return rc;
}
