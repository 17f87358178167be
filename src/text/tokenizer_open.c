/* tokenizer_open.c - opens a tokenizer.json, or a tokenizer.model that is made into one. */
#include "text/tokenizer_parts.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "text/fields.h"
#include "text/peek.h"
#include "text/sentencepiece.h"
#include "text/unicode.h"

#include <stdio.h>
#include <string.h>

#define FILE_LIMIT ((size_t)64 << 20)

void gd_tokenizer_close(gd_tokenizer *tokenizer)
{
    if (!tokenizer)
        return;
    gd_idle_runs_free(tokenizer->idle);
    gd_free(tokenizer->classes);
    gd_bpe_free(&tokenizer->bpe);
    gd_added_free(&tokenizer->added);
    gd_normalizer_free(&tokenizer->normalizer);
    gd_pretoken_free(&tokenizer->pretoken);
    gd_ids_free(&tokenizer->template.before);
    gd_ids_free(&tokenizer->template.after);
    gd_notes_free(&tokenizer->notes);
    gd_free(tokenizer);
}

enum {
    F_VERSION,
    F_TRUNCATION,
    F_PADDING,
    F_ADDED,
    F_NORMALIZER,
    F_PRE_TOKENIZER,
    F_POST_PROCESSOR,
    F_DECODER,
    F_MODEL,
    FIELDS
};

static const char *const names[FIELDS] = {
    "version",       "truncation",     "padding", "added_tokens", "normalizer",
    "pre_tokenizer", "post_processor", "decoder", "model",
};

static gd_status check_version(gd_jscan *js, gd_jspan field)
{
    const char *s;
    size_t len;
    gd_status rc;

    if (!field.len)
        return GD_OK;
    js->at = field.at;
    rc = gd_jscan_string(js, &s, &len, "version");
    if (!rc && (len != 3 || memcmp(s, "1.0", 3) != 0))
        rc = gd_fail(js->err, GD_EUNSUPPORTED, "%s: version is \"%.*s\", but only \"1.0\" is supported", js->path,
                     (int)(len > 80 ? 80 : len), s);
    return rc;
}

/* The small fields as trees; a missing one stays NULL. */
static gd_status parse_small(json_t **trees, gd_jscan *js, const gd_jspan *fields)
{
    gd_status rc = GD_OK;

    for (int i = F_TRUNCATION; i < F_DECODER && !rc; i++) {
        char where[GD_WHERE];

        (void)snprintf(where, sizeof where, "%s: %s", js->path, names[i]);
        if (fields[i].len)
            rc = gd_json_parse(&trees[i], js->text + fields[i].at, fields[i].len, where, js->err);
    }
    return rc;
}

static void find_size(gd_tokenizer *t)
{
    t->size = t->bpe.vocab.size;
    for (size_t i = 0; i < t->added.count; i++) {
        if (t->added.tokens[i].id >= t->size)
            t->size = (size_t)t->added.tokens[i].id + 1;
    }
}

static gd_status load_added(gd_tokenizer *t, const char *beside, json_t *const *trees, const char *path, gd_error *err)
{
    const gd_added_parts parts = { &t->bpe.vocab, t->classes, &t->normalizer, path, &t->notes };
    gd_status rc = gd_added_list_file(&t->added.list, trees[F_ADDED], path, err);

    if (!rc)
        rc = gd_added_list_dir(&t->added.list, beside, trees[F_PADDING], path, err);
    return rc ? rc : gd_added_make(&t->added, &parts, err);
}

/* Versions of Transformers differ about add_bos_token and add_eos_token. */
static gd_status notice_switch(gd_tokenizer *t, const char *key, int value, size_t added, const char *end,
                               gd_error *err)
{
    if (value == -1 || value == (added > 0))
        return GD_OK;
    return gd_notes_add(&t->notes, err,
                        "tokenizer_config.json: %s is %s, but tokenizer.json puts %s token at the %s of a text: it is "
                        "followed, as by Transformers 5; other versions may do otherwise",
                        key, value ? "true" : "false", added ? "a" : "no", end);
}

/* Such a text is scored as if it didn't have them. */
static gd_status notice_lost(gd_tokenizer *t, const char *path, gd_error *err)
{
    if (!t->bpe.lost)
        return GD_OK;
    return gd_notes_add(&t->notes, err,
                        "%s: %u control characters have no token and are left out of a text, as by Transformers", path,
                        t->bpe.lost);
}

static gd_status finish(gd_tokenizer *t, const json_t *post_processor, const char *path, gd_error *err)
{
    gd_status rc;

    find_size(t);
    rc = gd_template_load(&t->template, post_processor, t->size, path, err);
    if (!rc)
        rc = notice_lost(t, path, err);
    if (!rc)
        rc = notice_switch(t, "add_bos_token", t->added.list.add_bos, t->template.before.len, "beginning", err);
    return rc ? rc : notice_switch(t, "add_eos_token", t->added.list.add_eos, t->template.after.len, "end", err);
}

/* The parts that do not depend on one another; each is named if several are bad. */
static gd_status build_parts(gd_tokenizer *t, gd_jscan *js, const gd_jspan *fields, json_t *const *trees)
{
    gd_notes *problems = t->problems;
    gd_status rc = gd_notes_collect(problems, check_version(js, fields[F_VERSION]), js->err);

    if (!rc && !fields[F_MODEL].len)
        rc = gd_notes_collect(problems, gd_fail(js->err, GD_EFORMAT, "%s: the field \"model\" is missing", js->path),
                              js->err);
    if (!rc)
        rc = gd_notes_collect(problems, gd_truncation_check(trees[F_TRUNCATION], js->path, js->err), js->err);
    if (!rc)
        rc = gd_notes_collect(problems, gd_padding_check(trees[F_PADDING], js->path, js->err), js->err);
    if (!rc)
        rc = gd_notes_collect(problems, gd_normalizer_load(&t->normalizer, trees[F_NORMALIZER], js->path, js->err),
                              js->err);
    if (!rc)
        rc = gd_notes_collect(problems, gd_pretoken_load(&t->pretoken, trees[F_PRE_TOKENIZER], js->path, js->err),
                              js->err);
    if (!rc && fields[F_MODEL].len)
        rc = gd_notes_collect(problems, gd_bpe_load(&t->bpe, js, fields[F_MODEL], t->pretoken.byte_level), js->err);
    return rc;
}

static gd_status build(gd_tokenizer *t, const char *beside, gd_jscan *js, const gd_jspan *fields, json_t *const *trees)
{
    gd_status rc = build_parts(t, js, fields, trees);

    if (!rc && t->problems && t->problems->count) /* the rest needs them, but for the size of the vocabulary */
        return gd_template_load(&t->template, trees[F_POST_PROCESSOR], UINT32_MAX, js->path, js->err);
    if (rc)
        return rc;
    t->classes = gd_classes_make();
    if (!t->classes)
        rc = gd_fail_memory(js->err, GD_UNICODE_END);
    if (!rc)
        rc = load_added(t, beside, trees, js->path, js->err);
    if (rc)
        return rc;
    t->idle = gd_alloc_zero(1, sizeof *t->idle);
    if (!t->idle || pthread_mutex_init(&t->idle->lock, NULL)) {
        gd_free(t->idle);
        t->idle = NULL;
        return gd_fail_memory(js->err, sizeof *t->idle);
    }
    return finish(t, trees[F_POST_PROCESSOR], js->path, js->err);
}

static gd_status read_all(gd_tokenizer *t, const char *beside, gd_jscan *js)
{
    const size_t bad = gd_utf8_check(js->text, js->len);
    json_t *trees[FIELDS] = { 0 };
    gd_jspan fields[FIELDS];
    gd_status rc;

    if (bad < js->len)
        return gd_fail(js->err, GD_EFORMAT, "%s: not valid UTF-8 at byte %zu", js->path, bad);
    rc = gd_jscan_enter(js, '{', "the file");
    if (!rc)
        rc = gd_jscan_fields(js, names, FIELDS, fields, "");
    if (!rc && gd_jscan_peek(js) != '\0')
        rc = gd_fail(js->err, GD_EFORMAT, "%s: not valid JSON at byte %zu: the end of the file is expected", js->path,
                     js->at);
    if (!rc)
        rc = parse_small(trees, js, fields);
    if (!rc)
        rc = build(t, beside, js, fields, trees);
    for (int i = 0; i < FIELDS; i++)
        json_decref(trees[i]);
    return rc;
}

gd_status gd_tokenizer_open(gd_tokenizer **out, const char *dir, gd_error *err)
{
    return gd_tokenizer_open_beside(out, dir, dir, err);
}

/* The text of the file, and its path, to be freed with gd_free(). */
static gd_status read_file(char **text, size_t *len, char **path, const char *dir, const char *beside, gd_error *err)
{
    bool there;
    gd_status rc = gd_file_find(path, &there, dir, "tokenizer.json", err);

    char *other = NULL;

    if (rc || there)
        return rc ? rc : gd_file_read(text, len, *path, FILE_LIMIT, err);
    rc = gd_file_find(&other, &there, dir, "tokenizer.model", err);
    if (!rc && there) {
        gd_free(*path);
        *path = other;
        return gd_sentencepiece_read(text, len, other, beside, err);
    }
    gd_free(other);
    if (!rc)
        rc = gd_tokenizer_missing(dir, err);
    return rc ? rc : gd_file_read(text, len, *path, FILE_LIMIT, err); /* says that the file isn't there */
}

/* problems: NULL, or what to go on after. */
static gd_status open_beside(gd_tokenizer **out, const char *dir, const char *beside, gd_notes *problems, gd_error *err)
{
    gd_jscan js = { .err = err };
    gd_tokenizer *t = NULL;
    char *path = NULL, *text = NULL;
    gd_status rc = read_file(&text, &js.len, &path, dir, beside, err);

    *out = NULL;
    if (!rc) {
        js.text = text;
        js.path = path;
        t = gd_alloc_zero(1, sizeof *t);
        rc = t ? GD_OK : gd_fail_memory(err, sizeof *t);
    }
    if (!rc) {
        const char *slash = strrchr(path, '/');

        t->problems = problems;
        t->from_model = !strcmp(slash ? slash + 1 : path, "tokenizer.model");
        rc = read_all(t, beside, &js);
    }
    if (!rc)
        *out = t;
    else
        gd_tokenizer_close(t);
    gd_jscan_free(&js);
    gd_free(text);
    gd_free(path);
    return rc;
}

gd_status gd_tokenizer_open_beside(gd_tokenizer **out, const char *dir, const char *beside, gd_error *err)
{
    return open_beside(out, dir, beside, NULL, err);
}

gd_status gd_tokenizer_problems(gd_notes *problems, const char *dir, const char *beside, gd_error *err)
{
    gd_notes found = { 0 };
    gd_tokenizer *t;
    gd_status rc = gd_notes_collect(&found, open_beside(&t, dir, beside, &found, err), err);

    for (size_t i = 0; !rc && i < found.count; i++)
        rc = gd_notes_add(problems, err, "%s", found.text[i]);
    gd_tokenizer_close(t);
    gd_notes_free(&found);
    return rc;
}
