/* checkpoint_compare.c - whether a checkpoint belongs to this run: what the two are, member by member. */
#include "train/checkpoint_manifest.h"

#include "base/error.h"

#include <string.h>

/* A member on the way to the one being compared. */
struct place {
    const struct place *outer;
    const char *key; /* NULL: of a list, by its index */
    size_t index;
};

static void put_place(gd_buf *out, const struct place *place)
{
    if (place->outer)
        put_place(out, place->outer);
    if (!place->key)
        gd_buf_printf(out, "[%zu]", place->index);
    else
        gd_buf_printf(out, "%s%s", place->outer ? "." : "", place->key);
}

static void put_value(gd_buf *out, const json_t *value, size_t digits)
{
    if (value)
        gd_json_put(out, value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(digits));
    else
        gd_buf_str(out, "not given");
}

/* Numbers are shown with as many digits as tell them apart. */
static gd_status differs(const char *path, const struct place *place, const json_t *there, const json_t *here,
                         gd_error *err)
{
    gd_buf name = { 0 }, texts[2] = { { 0 }, { 0 } };
    gd_status rc = GD_EUSAGE;

    put_place(&name, place);
    for (size_t digits = 15; digits <= 17; digits += 2) {
        gd_buf_clear(&texts[0]);
        gd_buf_clear(&texts[1]);
        put_value(&texts[0], there, digits);
        put_value(&texts[1], here, digits);
        if (texts[0].len != texts[1].len || memcmp(texts[0].data, texts[1].data, texts[0].len) != 0)
            break;
    }
    if (!gd_buf_cstr(&name) || !gd_buf_cstr(&texts[0]) || !gd_buf_cstr(&texts[1]))
        rc = gd_fail_memory(err, name.len + texts[0].len + texts[1].len);
    else
        (void)gd_fail(err, rc,
                      "%s: %s is %.60s there, but %.60s here; use the same settings to continue, or another output",
                      path, name.data, texts[0].data, texts[1].data);
    gd_buf_free(&name);
    gd_buf_free(&texts[0]);
    gd_buf_free(&texts[1]);
    return rc;
}

static gd_status compare(const char *path, const struct place *place, const json_t *there, const json_t *here,
                         gd_error *err);

static gd_status compare_lists(const char *path, const struct place *place, const json_t *there, const json_t *here,
                               gd_error *err)
{
    gd_status rc = GD_OK;

    if (json_array_size(there) != json_array_size(here))
        return differs(path, place, there, here, err);
    for (size_t i = 0; !rc && i < json_array_size(here); i++) {
        const struct place inner = { place, NULL, i };

        rc = compare(path, &inner, json_array_get(there, i), json_array_get(here, i), err);
    }
    return rc;
}

/* In the order in which this run has its members; then what only the other has. */
static gd_status compare_objects(const char *path, const struct place *place, const json_t *there, const json_t *here,
                                 gd_error *err)
{
    const char *key;
    const json_t *value;
    gd_status rc = GD_OK;

    json_object_foreach((json_t *)here, key, value) {
        const struct place inner = { place, key, 0 };

        if (!rc)
            rc = compare(path, &inner, json_object_get(there, key), value, err);
    }
    json_object_foreach((json_t *)there, key, value) {
        const struct place inner = { place, key, 0 };

        if (!rc && !json_object_get(here, key))
            rc = differs(path, &inner, value, NULL, err);
    }
    return rc;
}

static gd_status compare(const char *path, const struct place *place, const json_t *there, const json_t *here,
                         gd_error *err)
{
    if (json_is_object(there) && json_is_object(here))
        return compare_objects(path, place, there, here, err);
    if (json_is_array(there) && json_is_array(here))
        return compare_lists(path, place, there, here, err);
    return json_equal(there, here) ? GD_OK : differs(path, place, there, here, err);
}

gd_status gd_manifest_compare(const char *path, const json_t *there, const json_t *here, gd_error *err)
{
    return compare_objects(path, NULL, there, here, err);
}
