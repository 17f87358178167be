/* st_header.c - the JSON header of a safetensors file, read and checked. */
#include "quant-free/st_header.h"

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "quant-free/safetensors.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* The deepest legal nesting is 3; the rest allows an error in "__metadata__" to name its field. */
#define DEPTH_MAX 16
/* Commas and colons: 65,536 tensors of rank 8 have fewer. */
#define MARKS_MAX 2000000

/* Every type of the format, with its bits: sizes are checked even for tensors that are never read. */
static const struct type {
    const char *name;
    unsigned bits;
    int weights; /* a gd_dtype, or -1 */
} types[] = {
    { "BF16", 16, GD_BF16 }, { "F32", 32, GD_F32 },    { "F16", 16, GD_F16 },    { "F64", 64, -1 },
    { "I64", 64, -1 },       { "U64", 64, -1 },        { "I32", 32, -1 },        { "U32", 32, -1 },
    { "I16", 16, -1 },       { "U16", 16, -1 },        { "I8", 8, -1 },          { "U8", 8, -1 },
    { "BOOL", 8, -1 },       { "C64", 64, -1 },        { "F8_E4M3", 8, -1 },     { "F8_E5M2", 8, -1 },
    { "F8_E8M0", 8, -1 },    { "F8_E4M3FNUZ", 8, -1 }, { "F8_E5M2FNUZ", 8, -1 }, { "F6_E2M3", 6, -1 },
    { "F6_E3M2", 6, -1 },    { "F4", 4, -1 },
};

/* The parser builds a tree of its whole input, so the input is bounded first: a header of 100 MB of "[[" or
 * "0,0,0," would otherwise take gigabytes before it is refused. */
static gd_status check_bounds(const char *text, size_t len, const char *path, gd_error *err)
{
    size_t objects = 0, marks = 0, depth = 0;
    bool quoted = false;

    for (size_t i = 0; i < len; i++) {
        const char c = text[i];

        if (quoted) {
            i += c == '\\';
            quoted = c != '"';
            continue;
        }
        quoted = c == '"';
        marks += c == ',' || c == ':';
        objects += c == '{';
        if (c == '{' || c == '[')
            depth++;
        else if ((c == '}' || c == ']') && depth)
            depth--;
        if (depth > DEPTH_MAX)
            return gd_fail(err, GD_EFORMAT, "%s: the header is nested deeper than %d", path, DEPTH_MAX);
        if (objects > GD_ST_TENSORS_MAX + 2 || marks > MARKS_MAX)
            return gd_fail(err, GD_EFORMAT, "%s: the header has more than %u tensors, the most accepted", path,
                           GD_ST_TENSORS_MAX);
    }
    return GD_OK;
}

static gd_status check_metadata(const json_t *meta, const char *path, gd_error *err)
{
    const char *key;
    json_t *value;

    if (json_is_null(meta))
        return GD_OK;
    if (!json_is_object(meta))
        return gd_fail(err, GD_EFORMAT, "%s: \"__metadata__\" is not an object of strings", path);
    json_object_foreach((json_t *)meta, key, value)
        if (!json_is_string(value))
            return gd_fail(err, GD_EFORMAT, "%s: \"__metadata__\" has a value for \"%s\" that is not a string", path,
                           key);
    return GD_OK;
}

static gd_status read_dtype(gd_st_entry *e, unsigned *bits, const json_t *value, const char *path, gd_error *err)
{
    const char *name = json_string_value(value);

    if (!name)
        return gd_fail(err, GD_EFORMAT, "%s: tensor \"%s\": \"dtype\" is missing or not a string", path, e->view.name);
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (strlen(types[i].name) != json_string_length(value) || strcmp(types[i].name, name) != 0)
            continue;
        e->dtype = types[i].name;
        e->weights = types[i].weights >= 0;
        e->view.dtype = e->weights ? (gd_dtype)types[i].weights : GD_BF16;
        *bits = types[i].bits;
        return GD_OK;
    }
    return gd_fail(err, GD_EFORMAT, "%s: tensor \"%s\": the dtype \"%s\" is unknown", path, e->view.name, name);
}

/* Sets shape, rank and bytes. Zero dimensions are left out of the product, so that they cannot hide an
 * overflow. */
static gd_status read_shape(gd_st_entry *e, unsigned bits, const json_t *value, const char *path, gd_error *err)
{
    const char *name = e->view.name;
    size_t product = bits;
    bool empty = false;

    if (!json_is_array(value))
        return gd_fail(err, GD_EFORMAT, "%s: tensor \"%s\": \"shape\" is missing or not a list", path, name);
    if (json_array_size(value) > GD_MAX_RANK)
        return gd_fail(err, GD_EFORMAT, "%s: tensor \"%s\": rank %zu, but at most %d is accepted", path, name,
                       json_array_size(value), GD_MAX_RANK);
    e->view.rank = (unsigned)json_array_size(value);
    for (unsigned i = 0; i < e->view.rank; i++) {
        const json_t *dim = json_array_get(value, i);
        const json_int_t n = json_integer_value(dim);

        if (!json_is_integer(dim) || n < 0 || (uint64_t)n > GD_ST_DIM_MAX)
            return gd_fail(err, GD_EFORMAT, "%s: tensor \"%s\": dimension %u is not an integer from 0 to 2^48", path,
                           name, i);
        e->view.shape[i] = (size_t)n;
        empty = empty || n == 0;
        if (n > 0 && !gd_mul(product, (size_t)n, &product))
            return gd_fail(err, GD_EFORMAT, "%s: tensor \"%s\": the product of its shape overflows", path, name);
    }
    if (empty)
        product = 0;
    if (product % 8)
        return gd_fail(err, GD_EFORMAT, "%s: tensor \"%s\": %zu bits are not a whole number of bytes", path, name,
                       product);
    e->view.bytes = product / 8;
    e->view.mapped = true;
    return GD_OK;
}

static gd_status read_offsets(gd_st_entry *e, const json_t *value, size_t room, const char *path, gd_error *err)
{
    const char *name = e->view.name;
    json_int_t at[2];

    if (!json_is_array(value) || json_array_size(value) != 2)
        return gd_fail(err, GD_EFORMAT, "%s: tensor \"%s\": \"data_offsets\" is missing or not a list of two", path,
                       name);
    for (size_t i = 0; i < 2; i++) {
        const json_t *offset = json_array_get(value, i);

        at[i] = json_integer_value(offset);
        if (!json_is_integer(offset) || at[i] < 0)
            return gd_fail(err, GD_EFORMAT, "%s: tensor \"%s\": \"data_offsets\" are not non-negative integers", path,
                           name);
    }
    if (at[1] < at[0])
        return gd_fail(err, GD_EFORMAT, "%s: tensor \"%s\": it ends at %" PRId64 ", before its beginning at %" PRId64,
                       path, name, (int64_t)at[1], (int64_t)at[0]);
    if ((uint64_t)at[1] > room)
        return gd_fail(err, GD_EFORMAT, "%s: tensor \"%s\": it ends at %" PRId64 ", but the file has %zu bytes of data",
                       path, name, (int64_t)at[1], room);
    e->begin = (size_t)at[0];
    e->end = (size_t)at[1];
    if (e->end - e->begin != e->view.bytes)
        return gd_fail(err, GD_EFORMAT, "%s: tensor \"%s\": dtype and shape need %zu bytes, but the offsets span %zu",
                       path, name, e->view.bytes, e->end - e->begin);
    return GD_OK;
}

static gd_status read_entry(gd_st_entry *e, const char *name, const json_t *value, size_t room, const char *path,
                            gd_error *err)
{
    unsigned bits = 0;
    const char *key;
    json_t *field;
    gd_status rc;

    *e = (gd_st_entry){ .view.name = name };
    if (!json_is_object(value))
        return gd_fail(err, GD_EFORMAT, "%s: tensor \"%s\": its entry is not an object", path, name);
    json_object_foreach((json_t *)value, key, field)
        if (strcmp(key, "dtype") != 0 && strcmp(key, "shape") != 0 && strcmp(key, "data_offsets") != 0)
            return gd_fail(err, GD_EFORMAT, "%s: tensor \"%s\": the field \"%s\" is unknown", path, name, key);
    rc = read_dtype(e, &bits, json_object_get(value, "dtype"), path, err);
    if (!rc)
        rc = read_shape(e, bits, json_object_get(value, "shape"), path, err);
    if (!rc)
        rc = read_offsets(e, json_object_get(value, "data_offsets"), room, path, err);
    return rc;
}

static int by_place(const void *a, const void *b)
{
    const gd_st_entry *x = a, *y = b;

    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return x->end < y->end ? -1 : x->end > y->end;
}

/* Each tensor begins where the previous one ends, and the last ends with the file: no overlaps, no hidden
 * bytes. */
static gd_status check_cover(gd_st_entry *e, size_t count, size_t room, const char *path, gd_error *err)
{
    size_t at = 0;

    qsort(e, count, sizeof *e, by_place);
    for (size_t i = 0; i < count; i++) {
        if (e[i].begin != at)
            return gd_fail(err, GD_EFORMAT, "%s: tensor \"%s\": it begins at %zu, but the previous tensor ends at %zu",
                           path, e[i].view.name, e[i].begin, at);
        at = e[i].end;
    }
    if (at != room)
        return gd_fail(err, GD_EFORMAT, "%s: the tensors end at %zu, but the file has %zu bytes of data", path, at,
                       room);
    return GD_OK;
}

static gd_status read_entries(gd_st_entry *entries, size_t *count, const json_t *json, size_t room, const char *path,
                              gd_error *err)
{
    const char *name;
    json_t *value;
    gd_status rc = GD_OK;

    json_object_foreach((json_t *)json, name, value) {
        if (strcmp(name, "__metadata__") == 0)
            rc = check_metadata(value, path, err);
        else
            rc = read_entry(&entries[(*count)++], name, value, room, path, err);
        if (rc)
            return rc;
    }
    return rc;
}

gd_status gd_st_header_read(gd_st_entry **out, size_t *count, json_t **json, const char *text, size_t len, size_t room,
                            const char *path, gd_error *err)
{
    gd_st_entry *entries = NULL;
    gd_status rc;

    *out = NULL;
    *count = 0;
    *json = NULL;
    if (len == 0)
        return gd_fail(err, GD_EFORMAT, "%s: the header is empty, but a JSON object is expected", path);
    rc = check_bounds(text, len, path, err);
    if (!rc)
        rc = gd_json_parse(json, text, len, path, err);
    if (rc)
        return rc;
    if (!json_is_object(*json))
        return gd_fail(err, GD_EFORMAT, "%s: the header is not a JSON object", path);
    if (json_object_size(*json) > GD_ST_TENSORS_MAX + 1) /* check_bounds does not see entries that are not objects */
        return gd_fail(err, GD_EFORMAT, "%s: the header has more than %u tensors, the most accepted", path,
                       GD_ST_TENSORS_MAX);
    entries = gd_alloc_zero(json_object_size(*json), sizeof *entries);
    if (!entries)
        return gd_fail_memory(err, json_object_size(*json) * sizeof *entries);
    rc = read_entries(entries, count, *json, room, path, err);
    if (!rc)
        rc = check_cover(entries, *count, room, path, err);
    if (rc)
        gd_free(entries);
    else
        *out = entries;
    return rc;
}
