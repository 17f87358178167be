/* peek.c - what is in a tokenizer.json, of any kind, without opening it as a tokenizer. */
#include "text/peek.h"

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "base/jscan.h"

#include <string.h>

#define FILE_LIMIT ((size_t)64 << 20)
#define MOST_FIELDS 32

struct field {
    const char *name, *value; /* as they are written */
    size_t name_len, value_len;
};

/* A file being walked through. */
struct peek {
    gd_jscan js;
    char *path, *text;
    struct field fields[MOST_FIELDS]; /* those that are applied */
    size_t count;
    gd_jspan model, added; /* the values of the fields that have ids */
};

static void close_peek(struct peek *p)
{
    gd_jscan_free(&p->js);
    gd_free(p->text);
    gd_free(p->path);
}

static gd_status open_peek(struct peek *p, const char *dir, gd_error *err)
{
    gd_status rc;

    p->js.err = err;
    p->path = gd_path_join(dir, "tokenizer.json");
    if (!p->path)
        return gd_fail_memory(err, strlen(dir));
    rc = gd_file_read(&p->text, &p->js.len, p->path, FILE_LIMIT, err);
    p->js.text = p->text;
    p->js.path = p->path;
    return rc;
}

static bool is(const char *name, size_t len, const char *wanted)
{
    return len == strlen(wanted) && !memcmp(name, wanted, len);
}

/* ---- comparing ---- */

static gd_status read_field(struct peek *p)
{
    gd_jscan *js = &p->js;
    gd_jspan span, *ids;
    bool applied;
    const char *name;
    size_t from, len;
    gd_status rc;

    (void)gd_jscan_peek(js);
    from = js->at + 1;
    rc = gd_jscan_key(js, &name, &len);
    if (rc)
        return rc;
    ids = is(name, len, "model") ? &p->model : is(name, len, "added_tokens") ? &p->added : NULL;
    applied = !is(name, len, "truncation") && !is(name, len, "padding");
    rc = gd_jscan_skip(js, &span); /* the name is gone */
    if (rc)
        return rc;
    if (p->count == MOST_FIELDS)
        return gd_fail(js->err, GD_EUNSUPPORTED, "%s: more than %d fields are not supported", p->path, MOST_FIELDS);
    p->fields[p->count] = (struct field){ p->text + from, p->text + span.at, len, span.len };
    p->count += applied;
    if (ids)
        *ids = span;
    return GD_OK;
}

static gd_status read_fields(struct peek *p)
{
    gd_jscan *js = &p->js;
    const size_t bad = gd_utf8_check(js->text, js->len);
    gd_status rc;
    bool more = true;

    if (bad < js->len)
        return gd_fail(js->err, GD_EFORMAT, "%s: not valid UTF-8 at byte %zu", p->path, bad);
    rc = gd_jscan_enter(js, '{', "the file");
    for (bool first = true; !rc && more; first = false) {
        rc = gd_jscan_next(js, '{', first, &more);
        if (!rc && more)
            rc = read_field(p);
    }
    return rc;
}

static bool has_field(const struct peek *p, const struct field *f)
{
    for (size_t i = 0; i < p->count; i++) {
        const struct field *own = &p->fields[i];

        if (own->name_len == f->name_len && !memcmp(own->name, f->name, f->name_len))
            return own->value_len == f->value_len && !memcmp(own->value, f->value, f->value_len);
    }
    return false;
}

static bool is_same(const struct peek *a, const struct peek *b)
{
    bool same = a->count == b->count;

    for (size_t i = 0; same && i < a->count; i++)
        same = has_field(b, &a->fields[i]);
    return same;
}

/* ---- the largest id ---- */

/* The next value in an object or a list, over its name; *more is false at the end. */
static gd_status step(gd_jscan *js, char open, bool first, bool *more, const char **name, size_t *len)
{
    gd_status rc = gd_jscan_next(js, open, first, more);

    *len = 0;
    return rc || !*more || open == '[' ? rc : gd_jscan_key(js, name, len);
}

static gd_status count_id(gd_jscan *js, size_t *size)
{
    uint64_t id;
    const gd_status rc = gd_jscan_natural(js, &id, UINT32_MAX, "an id");

    if (!rc && id >= *size)
        *size = (size_t)id + 1;
    return rc;
}

/* {"token": id, ...}, or a list, whose places are the ids. */
static gd_status walk_vocab(gd_jscan *js, size_t *size)
{
    const char open = gd_jscan_peek(js) == '[' ? '[' : '{', *name;
    gd_status rc = gd_jscan_enter(js, open, "model.vocab");
    size_t len, count = 0;
    bool more;

    for (bool first = true; !rc; first = false) {
        gd_jspan span;

        rc = step(js, open, first, &more, &name, &len);
        if (rc || !more)
            break;
        rc = open == '[' ? gd_jscan_skip(js, &span) : count_id(js, size);
        if (++count > *size && open == '[')
            *size = count;
    }
    return rc;
}

/* An object: `field` is walked through, any other value is stepped over. */
static gd_status walk_object(gd_jscan *js, const char *what, const char *field,
                             gd_status (*walk)(gd_jscan *js, size_t *size), size_t *size)
{
    gd_status rc = gd_jscan_enter(js, '{', what);
    const char *name;
    size_t len;
    bool more;

    for (bool first = true; !rc; first = false) {
        gd_jspan span;

        rc = step(js, '{', first, &more, &name, &len);
        if (rc || !more)
            break;
        rc = is(name, len, field) ? walk(js, size) : gd_jscan_skip(js, &span);
    }
    return rc;
}

static gd_status walk_model(gd_jscan *js, size_t *size) { return walk_object(js, "model", "vocab", walk_vocab, size); }

static gd_status walk_added(gd_jscan *js, size_t *size)
{
    gd_status rc = gd_jscan_enter(js, '[', "added_tokens");
    const char *name;
    size_t len;
    bool more;

    for (bool first = true; !rc; first = false) {
        rc = step(js, '[', first, &more, &name, &len);
        if (rc || !more)
            break;
        rc = walk_object(js, "an added token", "id", count_id, size);
    }
    return rc;
}

static gd_status find_size(struct peek *p, size_t *size)
{
    gd_status rc = GD_OK;

    *size = 0;
    p->js.at = p->model.at;
    if (p->model.len)
        rc = walk_model(&p->js, size);
    p->js.at = p->added.at;
    return rc || !p->added.len ? rc : walk_added(&p->js, size);
}

/* ---- both ---- */

static gd_status compare(bool *same, size_t *ids, struct peek *a, struct peek *b)
{
    gd_status rc;

    *same = a->js.len == b->js.len && !memcmp(a->text, b->text, a->js.len);
    if (*same)
        return GD_OK;
    rc = read_fields(a);
    if (!rc)
        rc = read_fields(b);
    *same = !rc && is_same(a, b);
    return rc || *same ? rc : find_size(b, ids);
}

gd_status gd_tokenizer_compare(bool *same, size_t *ids, const char *dir, const char *other_dir, gd_error *err)
{
    struct peek a = { 0 }, b = { 0 };
    gd_status rc = open_peek(&a, dir, err);

    *same = false;
    *ids = 0;
    if (!rc)
        rc = open_peek(&b, other_dir, err);
    if (!rc)
        rc = compare(same, ids, &a, &b);
    close_peek(&a);
    close_peek(&b);
    return rc;
}

/* ---- a missing file ---- */

gd_status gd_tokenizer_missing(const char *dir, gd_error *err)
{
    static const char *const names[] = { "vocab.json", "tekken.json", "vocab.txt" };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char *path;
        bool there;
        const gd_status rc = gd_file_find(&path, &there, dir, names[i], err);

        gd_free(path);
        if (rc)
            return rc;
        if (there)
            return gd_fail(err, GD_EIO,
                           "%.100s: there is no tokenizer.json, only %s; Transformers makes one: "
                           "AutoTokenizer.from_pretrained(DIR).save_pretrained(DIR)",
                           dir, names[i]);
    }
    return GD_OK;
}
