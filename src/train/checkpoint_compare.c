/* checkpoint_compare.c - whether a checkpoint belongs to this run: what the two are, member by member; and whether
 * another name means the same model and data. */
#include "train/checkpoint_manifest.h"

#include "base/error.h"
#include "base/samefile.h"
#include "train/describe.h"

#include <string.h>

/* A comparison of all members, or without those of this name, which follow from others unless they are given. */
struct pass {
    const char *path;    /* of the checkpoint */
    const char *without; /* NULL: all */
};

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

static void put_value(gd_buf *out, const json_t *value, size_t digits);

/* The first few of a list, by what they are called: of sets to evaluate on, their paths. */
static void put_list(gd_buf *out, const json_t *list, size_t digits)
{
    enum { SHOWN = 3 };
    const size_t count = json_array_size(list);

    for (size_t i = 0; i < count && i < SHOWN; i++) {
        const json_t *item = json_array_get(list, i), *path = json_object_get(item, "path");

        gd_buf_str(out, i ? ", " : "");
        put_value(out, path ? path : item, digits);
    }
    if (count == 0)
        gd_buf_str(out, "none");
    if (count > SHOWN)
        gd_buf_printf(out, " and %zu more", count - SHOWN);
}

static void put_value(gd_buf *out, const json_t *value, size_t digits)
{
    if (!value || json_is_null(value))
        gd_buf_str(out, "not given");
    else if (json_is_array(value))
        put_list(out, value, digits);
    else
        gd_json_put(out, value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(digits));
}

/* The way out, by the outermost member that differs. */
static const char *advice(const struct place *place)
{
    static const struct {
        const char *member, *sentence;
    } ways[] = {
        { "data",
          "the training data have changed: continue with those that the run began with, or choose another output" },
        { GD_RUN_RECORDS,
          "the data have changed: continue with those that the run began with, or choose another output" },
        { "evals", "evaluate on the same data to continue, or choose another output" },
        { "guerdon", "continue with the version that began, or choose another output" },
    };

    while (place->outer)
        place = place->outer;
    for (size_t i = 0; place->key && i < sizeof ways / sizeof ways[0]; i++)
        if (!strcmp(place->key, ways[i].member))
            return ways[i].sentence;
    return "use the same settings to continue; to train on with others, choose another output and begin with this "
           "one's adapter (init_adapter)";
}

/* Numbers are shown with as many digits as tell them apart. */
static gd_status differs(const struct pass *pass, const struct place *place, const json_t *there, const json_t *here,
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
        (void)gd_fail(err, rc, "%.120s: %s is %.110s there, but %.110s here; %s", pass->path, name.data, texts[0].data,
                      texts[1].data, advice(place));
    gd_buf_free(&name);
    gd_buf_free(&texts[0]);
    gd_buf_free(&texts[1]);
    return rc;
}

static gd_status compare(const struct pass *pass, const struct place *place, const json_t *there, const json_t *here,
                         gd_error *err);

static gd_status compare_lists(const struct pass *pass, const struct place *place, const json_t *there,
                               const json_t *here, gd_error *err)
{
    gd_status rc = GD_OK;

    if (json_array_size(there) != json_array_size(here))
        return differs(pass, place, there, here, err);
    for (size_t i = 0; !rc && i < json_array_size(here); i++) {
        const struct place inner = { place, NULL, i };

        rc = compare(pass, &inner, json_array_get(there, i), json_array_get(here, i), err);
    }
    return rc;
}

static bool is_left_out(const struct pass *pass, const char *key)
{
    return pass->without && !strcmp(key, pass->without);
}

/* In the order in which this run has its members; then what only the other has. */
static gd_status compare_objects(const struct pass *pass, const struct place *place, const json_t *there,
                                 const json_t *here, gd_error *err)
{
    const char *key;
    const json_t *value;
    gd_status rc = GD_OK;

    json_object_foreach((json_t *)here, key, value) {
        const struct place inner = { place, key, 0 };

        if (!rc && !is_left_out(pass, key))
            rc = compare(pass, &inner, json_object_get(there, key), value, err);
    }
    json_object_foreach((json_t *)there, key, value) {
        const struct place inner = { place, key, 0 };

        if (!rc && !is_left_out(pass, key) && !json_object_get(here, key))
            rc = differs(pass, &inner, value, NULL, err);
    }
    return rc;
}

static gd_status compare(const struct pass *pass, const struct place *place, const json_t *there, const json_t *here,
                         gd_error *err)
{
    if (json_is_object(there) && json_is_object(here))
        return compare_objects(pass, place, there, here, err);
    if (json_is_array(there) && json_is_array(here))
        return compare_lists(pass, place, there, here, err);
    return json_equal(there, here) ? GD_OK : differs(pass, place, there, here, err);
}

/* Causes come before what follows from them. */
gd_status gd_manifest_compare(const char *path, const json_t *there, const json_t *here, gd_error *err)
{
    const struct pass causes = { path, "warmup_steps" }, all = { path, NULL };
    const gd_status rc = compare_objects(&causes, NULL, there, here, err);

    return rc ? rc : compare_objects(&all, NULL, there, here, err);
}

/* ---- names ---- */

static bool are_equal(const json_t *here, const json_t *there, const char *digests)
{
    const json_t *ours = json_object_get(here, digests);

    return ours && json_equal(ours, json_object_get(there, digests));
}

/* Whether two names can be told to mean the same without digests. */
static bool are_one(const json_t *a, const json_t *b)
{
    char real[2][PATH_MAX];

    return json_is_string(a) && json_is_string(b) && gd_path_real(real[0], json_string_value(a)) &&
           gd_path_real(real[1], json_string_value(b)) && !strcmp(real[0], real[1]);
}

static bool adopt_member(json_t *here, const json_t *there, const char *key, bool equal)
{
    json_t *name = json_object_get(there, key);

    return !json_is_string(name) || !(equal || are_one(json_object_get(here, key), name)) ||
           !json_object_set(here, key, name);
}

static bool adopt_paths(json_t *here, const json_t *there, bool equal)
{
    const json_t *ours = json_object_get(here, "evals"), *theirs = json_object_get(there, "evals");
    json_t *train = json_object_get(here, "train"), *name = json_array_get(json_object_get(there, "train"), 0);
    bool enough = true;

    if (json_is_string(name) && (equal || are_one(json_array_get(train, 0), name)))
        enough = !json_array_set(train, 0, name);
    for (size_t i = 0; enough && i < json_array_size(ours) && i < json_array_size(theirs); i++)
        enough = adopt_member(json_array_get(ours, i), json_array_get(theirs, i), "path", equal);
    return enough;
}

bool gd_manifest_adopt(json_t *here, const json_t *there)
{
    return adopt_member(here, there, "base", are_equal(here, there, GD_RUN_FILES)) &&
           adopt_member(json_object_get(here, "settings"), json_object_get(there, "settings"), "init_adapter", false) &&
           adopt_paths(here, there, are_equal(here, there, GD_RUN_RECORDS));
}
