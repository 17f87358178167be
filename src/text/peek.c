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

/* A file being walked through. */
struct peek {
    gd_jscan js;
    char *path, *text;
};

static void close_peek(struct peek *p)
{
    gd_jscan_free(&p->js);
    gd_free(p->text);
    gd_free(p->path);
}

static gd_status open_peek(struct peek *p, const char *dir, gd_error *err)
{
    size_t bad;
    gd_status rc;

    *p = (struct peek){ .js = { .err = err } };
    p->path = gd_path_join(dir, "tokenizer.json");
    if (!p->path)
        return gd_fail_memory(err, strlen(dir));
    rc = gd_file_read(&p->text, &p->js.len, p->path, FILE_LIMIT, err);
    if (rc)
        return rc;
    p->js.text = p->text;
    p->js.path = p->path;
    bad = gd_utf8_check(p->text, p->js.len);
    if (bad < p->js.len)
        return gd_fail(err, GD_EFORMAT, "%s: not valid UTF-8 at byte %zu", p->path, bad);
    return GD_OK;
}

/* ---- comparing ---- */

struct field {
    const char *name, *value;
    size_t name_len, value_len;
};

static bool applied(const struct field *f)
{
    return !(f->name_len == 10 && !memcmp(f->name, "truncation", 10)) &&
           !(f->name_len == 7 && !memcmp(f->name, "padding", 7));
}

/* The fields of the file's object that are applied. */
static gd_status read_fields(struct peek *p, struct field *fields, size_t *count)
{
    gd_jscan *js = &p->js;
    gd_status rc = gd_jscan_enter(js, '{', "the file");
    bool more;

    *count = 0;
    for (bool first = true; !rc; first = false) {
        struct field f;
        gd_jspan span;
        size_t from;

        rc = gd_jscan_next(js, '{', first, &more);
        if (rc || !more)
            break;
        (void)gd_jscan_peek(js);
        from = js->at + 1;
        rc = gd_jscan_key(js, &f.name, &f.name_len);
        f.name = p->text + from; /* as it is written, which stays valid */
        if (!rc)
            rc = gd_jscan_skip(js, &span);
        if (rc)
            break;
        f.value = p->text + span.at;
        f.value_len = span.len;
        if (*count == MOST_FIELDS)
            return gd_fail(js->err, GD_EUNSUPPORTED, "%s: more than %d fields are not supported", p->path, MOST_FIELDS);
        if (applied(&f))
            fields[(*count)++] = f;
    }
    return rc;
}

static bool has_field(const struct field *fields, size_t count, const struct field *f)
{
    for (size_t i = 0; i < count; i++) {
        if (fields[i].name_len == f->name_len && !memcmp(fields[i].name, f->name, f->name_len))
            return fields[i].value_len == f->value_len && !memcmp(fields[i].value, f->value, f->value_len);
    }
    return false;
}

gd_status gd_tokenizer_same(bool *same, const char *dir, const char *other_dir, gd_error *err)
{
    struct field a_fields[MOST_FIELDS], b_fields[MOST_FIELDS];
    struct peek a = { 0 }, b = { 0 };
    size_t a_count = 0, b_count = 0;
    gd_status rc = open_peek(&a, dir, err);

    *same = false;
    if (!rc)
        rc = open_peek(&b, other_dir, err);
    if (!rc && a.js.len == b.js.len && !memcmp(a.text, b.text, a.js.len)) {
        *same = true;
        goto out;
    }
    if (!rc)
        rc = read_fields(&a, a_fields, &a_count);
    if (!rc)
        rc = read_fields(&b, b_fields, &b_count);
    *same = !rc && a_count == b_count;
    for (size_t i = 0; *same && i < a_count; i++)
        *same = has_field(b_fields, b_count, &a_fields[i]);
out:
    close_peek(&a);
    close_peek(&b);
    return rc;
}

/* ---- the largest id ---- */

/* The next value in an object or a list, over its name; *more is false at the end. */
static gd_status step(gd_jscan *js, char open, bool first, bool *more, const char **name, size_t *len)
{
    gd_status rc = gd_jscan_next(js, open, first, more);

    *len = 0;
    return rc || !*more || open == '[' ? rc : gd_jscan_key(js, name, len);
}

static bool is(const char *name, size_t len, const char *wanted)
{
    return len == strlen(wanted) && !memcmp(name, wanted, len);
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

gd_status gd_tokenizer_ids(size_t *size, const char *dir, gd_error *err)
{
    struct peek p;
    gd_status rc = open_peek(&p, dir, err);

    *size = 0;
    if (!rc)
        rc = walk_object(&p.js, "the file", "model", walk_model, size);
    p.js.at = 0;
    if (!rc)
        rc = walk_object(&p.js, "the file", "added_tokens", walk_added, size);
    close_peek(&p);
    return rc;
}

/* ---- a missing file ---- */

gd_status gd_tokenizer_look(const char *dir, gd_error *err)
{
    static const char *const names[] = { "tokenizer.json", "vocab.json", "tokenizer.model", "tekken.json",
                                         "vocab.txt" };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char *path;
        bool there;
        const gd_status rc = gd_file_find(&path, &there, dir, names[i], err);

        gd_free(path);
        if (rc || (there && i == 0))
            return rc;
        if (there)
            return gd_fail(err, GD_EIO,
                           "%.100s: there is no tokenizer.json, only %s; Transformers makes one: "
                           "AutoTokenizer.from_pretrained(DIR).save_pretrained(DIR)",
                           dir, names[i]);
    }
    return GD_OK;
}
