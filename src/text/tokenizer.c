/* tokenizer.c - opens a tokenizer.json, and takes a text through its pipeline. */
#include "text/tokenizer.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "text/added.h"
#include "text/bpe.h"
#include "text/components.h"
#include "text/fields.h"
#include "text/peek.h"
#include "text/rebuild.h"
#include "text/unicode.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define FILE_LIMIT ((size_t)64 << 20)
#define TEXT_LIMIT ((size_t)1 << 30)
#define KEEP_LIMIT ((size_t)64 << 10) /* the memory for a longer text is freed */

/* The state of a text in the pipeline, kept for the next one: grown buffers, cached pieces. */
struct run {
    const gd_tokenizer *t;
    gd_ids *ids;
    gd_error *err;
    const unsigned char *text;
    gd_splitter splitter;
    gd_bpe_room bpe;
    gd_norm_room norm;
    gd_buf bytes; /* of a piece that is written in the characters that stand for bytes */
    struct run *next;
};

/* The runs that are not in use. */
struct idle_runs {
    pthread_mutex_t lock;
    struct run *first;
};

struct gd_tokenizer {
    uint8_t *classes;
    gd_bpe bpe;
    gd_added added;
    gd_normalizer normalizer;
    gd_pretoken pretoken;
    gd_template template;
    size_t size;
    size_t most_piece; /* bytes; 0: no limit */
    gd_notes notes;
    struct idle_runs *idle; /* with gd_bpe's `whole`, the only part that changes once the tokenizer is open */
};

void gd_ids_free(gd_ids *ids)
{
    gd_free(ids->data);
    *ids = (gd_ids){ 0 };
}

static void free_run(struct run *r)
{
    gd_splitter_free(&r->splitter);
    gd_bpe_room_free(&r->bpe);
    gd_norm_room_free(&r->norm);
    gd_buf_free(&r->bytes);
    gd_free(r);
}

static void free_idle(struct idle_runs *idle)
{
    if (!idle)
        return;
    for (struct run *r = idle->first, *next; r; r = next) {
        next = r->next;
        free_run(r);
    }
    (void)pthread_mutex_destroy(&idle->lock);
    gd_free(idle);
}

void gd_tokenizer_close(gd_tokenizer *tokenizer)
{
    if (!tokenizer)
        return;
    free_idle(tokenizer->idle);
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

/* ---- opening ---- */

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

static gd_status build(gd_tokenizer *t, const char *beside, gd_jscan *js, const gd_jspan *fields, json_t *const *trees)
{
    gd_status rc = check_version(js, fields[F_VERSION]);

    if (!rc && !fields[F_MODEL].len)
        rc = gd_fail(js->err, GD_EFORMAT, "%s: the field \"model\" is missing", js->path);
    if (!rc)
        rc = gd_truncation_check(trees[F_TRUNCATION], js->path, js->err);
    if (!rc)
        rc = gd_padding_check(trees[F_PADDING], js->path, js->err);
    if (!rc)
        rc = gd_normalizer_load(&t->normalizer, trees[F_NORMALIZER], js->path, js->err);
    if (!rc)
        rc = gd_pretoken_load(&t->pretoken, trees[F_PRE_TOKENIZER], js->path, js->err);
    if (!rc)
        rc = gd_bpe_load(&t->bpe, js, fields[F_MODEL], t->pretoken.byte_level);
    t->classes = rc ? NULL : gd_classes_make();
    if (!rc && !t->classes)
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

gd_status gd_tokenizer_open_beside(gd_tokenizer **out, const char *dir, const char *beside, gd_error *err)
{
    gd_jscan js = { .err = err };
    gd_tokenizer *t = NULL;
    char *path, *text = NULL;
    gd_status rc;

    *out = NULL;
    rc = gd_tokenizer_look(dir, err);
    if (rc)
        return rc;
    path = gd_path_join(dir, "tokenizer.json");
    if (!path)
        return gd_fail_memory(err, strlen(dir));
    rc = gd_file_read(&text, &js.len, path, FILE_LIMIT, err);
    if (rc)
        goto out;
    js.text = text;
    js.path = path;
    t = gd_alloc_zero(1, sizeof *t);
    rc = t ? read_all(t, beside, &js) : gd_fail_memory(err, sizeof *t);
    if (rc)
        goto out;
    *out = t;
    t = NULL;
out:
    gd_tokenizer_close(t);
    gd_jscan_free(&js);
    gd_free(text);
    gd_free(path);
    return rc;
}

void gd_tokenizer_limit_pieces(gd_tokenizer *tokenizer, size_t bytes) { tokenizer->most_piece = bytes; }

/* ---- tokens ---- */

size_t gd_tokenizer_size(const gd_tokenizer *tokenizer) { return tokenizer->size; }

bool gd_tokenizer_find(const gd_tokenizer *tokenizer, const char *token, uint32_t *id)
{
    const size_t len = strlen(token);
    const gd_added_token *added = gd_added_by_content(&tokenizer->added, token, len);
    const uint32_t found = added ? GD_NO_TOKEN : gd_vocab_by_content(&tokenizer->bpe.vocab, token, len);

    if (!added && found == GD_NO_TOKEN)
        return false;
    *id = added ? added->id : tokenizer->bpe.vocab.tokens[found].id;
    return true;
}

const char *gd_tokenizer_token(const gd_tokenizer *tokenizer, uint32_t id)
{
    const gd_vocab *vocab = &tokenizer->bpe.vocab;
    const uint32_t token = gd_vocab_by_id(vocab, id);

    for (size_t i = 0; token == GD_NO_TOKEN && i < tokenizer->added.count; i++) {
        if (tokenizer->added.tokens[i].id == id)
            return tokenizer->added.tokens[i].content;
    }
    return token == GD_NO_TOKEN ? NULL : vocab->content.data + vocab->tokens[token].content;
}

size_t gd_tokenizer_note_count(const gd_tokenizer *tokenizer) { return tokenizer->notes.count; }

const char *gd_tokenizer_note(const gd_tokenizer *tokenizer, size_t i) { return tokenizer->notes.text[i]; }

const char *gd_tokenizer_rebuilt(const gd_tokenizer *tokenizer, const char *model_type)
{
    const gd_added_list *list = &tokenizer->added.list;

    return gd_rebuild_class(&(gd_rebuild){ .class_name = list->class_name,
                                           .model_type = model_type,
                                           .prefix_space = list->prefix_space,
                                           .normalizer = &tokenizer->normalizer,
                                           .ignore_merges = tokenizer->bpe.ignore_merges,
                                           .pretoken = &tokenizer->pretoken });
}

/* ---- a text ---- */

static gd_status add_ids(struct run *r, const uint32_t *more, size_t n)
{
    gd_ids *ids = r->ids;

    if (!gd_grow((void **)&ids->data, &ids->room, ids->len + n, sizeof *ids->data))
        return gd_fail_memory(r->err, (ids->len + n) * sizeof *ids->data);
    for (size_t i = 0; i < n; i++)
        ids->data[ids->len++] = more[i];
    return GD_OK;
}

/* A piece that is merged by itself. */
static gd_status merge(struct run *r, const unsigned char *s, size_t len, size_t readable)
{
    const size_t most = r->t->most_piece;

    if (most && len > most)
        return gd_fail(r->err, GD_ETOOLONG,
                       "the text has %zu bytes without a break, which need too much memory as one word: the memory "
                       "limit allows at most %zu",
                       len, most);
    return gd_bpe_encode(&r->t->bpe, &r->bpe, s, len, readable, r->ids) ? GD_OK : gd_fail_memory(r->err, len);
}

/* A piece of characters: merged in parts that no merge joins. */
static gd_status merge_parts(struct run *r, const unsigned char *s, size_t len, size_t readable)
{
    gd_status rc = GD_OK;
    uint32_t id;

    if (gd_bpe_whole(&r->t->bpe, s, len, &id))
        return add_ids(r, &id, 1);
    for (size_t at = 0, end; at < len && !rc; at = end) {
        end = gd_bpe_part(&r->t->bpe, s, len, at);
        rc = merge(r, s + at, end - at, readable - at);
    }
    return rc;
}

/* A piece that stages after ByteLevel have split. */
static gd_status merge_written(struct run *r, const unsigned char *s, size_t len)
{
    gd_buf_clear(&r->bytes);
    gd_buf_bytes(&r->bytes, s, len);
    if (r->bytes.failed)
        return gd_fail_memory(r->err, len);
    len = gd_bytes_of_content((unsigned char *)r->bytes.data, r->bytes.data, len);
    return merge(r, (const unsigned char *)r->bytes.data, len, len);
}

static gd_status piece(void *context, const unsigned char *s, size_t len, size_t readable)
{
    struct run *r = context;

    if (r->t->bpe.vocab.plain)
        return merge_parts(r, s, len, readable);
    return r->t->pretoken.as_bytes ? merge_written(r, s, len) : merge(r, s, len, readable);
}

/* Passes what is between the added tokens of a text to the next step. */
static gd_status between(struct run *r, const gd_added_set *set, const unsigned char *s, size_t len,
                         gd_status (*next)(struct run *r, const unsigned char *s, size_t len))
{
    gd_added_search search = { 0, 0 };
    gd_added_match match;
    size_t done = 0;
    gd_status rc = GD_OK;

    while (!rc && gd_added_find(set, r->t->classes, s, len, &search, &match)) {
        if (match.from > done)
            rc = next(r, s + done, match.from - done);
        if (!rc)
            rc = add_ids(r, &match.id, 1);
        done = match.to;
    }
    return rc || done >= len ? rc : next(r, s + done, len - done);
}

static gd_status cut(struct run *r, const unsigned char *s, size_t len) { return gd_split(&r->splitter, 0, s, len); }

static gd_status normalize(struct run *r, const unsigned char *s, size_t len)
{
    const char *out;
    gd_status rc = gd_normalize(&r->t->normalizer, &r->norm, r->t->classes, (const char *)s, len, &out, &len, r->err);

    if (rc)
        return rc;
    r->splitter.beginning = s == r->text ? (const unsigned char *)out : NULL;
    return between(r, &r->t->added.normalized, (const unsigned char *)out, len, cut);
}

/* An idle run, or a new one; NULL without memory. */
static struct run *take_run(const gd_tokenizer *t)
{
    struct run *r;

    (void)pthread_mutex_lock(&t->idle->lock);
    r = t->idle->first;
    if (r)
        t->idle->first = r->next;
    (void)pthread_mutex_unlock(&t->idle->lock);
    if (r || !(r = gd_alloc_zero(1, sizeof *r)))
        return r;
    r->t = t;
    r->splitter = (gd_splitter){ .pretoken = &t->pretoken, .classes = t->classes, .piece = piece, .context = r };
    return r;
}

/* Keeps the run for the next text, unless this one was so long that its buffers are too large, or it failed. */
static void give_back(struct run *r, size_t text_len, gd_status rc)
{
    struct idle_runs *idle = r->t->idle;

    if (text_len > KEEP_LIMIT || rc) {
        free_run(r);
        return;
    }
    (void)pthread_mutex_lock(&idle->lock);
    r->next = idle->first;
    idle->first = r;
    (void)pthread_mutex_unlock(&idle->lock);
}

/* `framed`: with the special tokens of the template. */
static gd_status tokenize(const gd_tokenizer *tokenizer, const char *text, size_t len, bool framed, gd_ids *ids,
                          gd_error *err)
{
    const size_t bad = len > TEXT_LIMIT ? len : gd_utf8_check(text, len);
    gd_status rc;
    struct run *r;

    ids->len = 0;
    if (len > TEXT_LIMIT)
        return gd_fail(err, GD_ETOOLONG, "a text has %zu bytes, but at most %zu are supported", len, TEXT_LIMIT);
    if (bad < len)
        return gd_fail(err, GD_EFORMAT, "a text is not valid UTF-8 at byte %zu", bad);
    r = take_run(tokenizer);
    if (!r)
        return gd_fail_memory(err, sizeof *r);
    r->ids = ids;
    r->err = r->splitter.err = err;
    r->text = (const unsigned char *)text;
    r->splitter.regex.steps = r->norm.regex.steps = gd_regex_steps(len);
    rc = framed ? add_ids(r, tokenizer->template.before.data, tokenizer->template.before.len) : GD_OK;
    if (!rc)
        rc = between(r, &tokenizer->added.raw, (const unsigned char *)text, len, normalize);
    if (!rc && framed)
        rc = add_ids(r, tokenizer->template.after.data, tokenizer->template.after.len);
    give_back(r, len, rc);
    return rc;
}

gd_status gd_tokenize(const gd_tokenizer *tokenizer, const char *text, size_t len, gd_ids *ids, gd_error *err)
{
    return tokenize(tokenizer, text, len, true, ids, err);
}

gd_status gd_tokenize_bare(const gd_tokenizer *tokenizer, const char *text, size_t len, gd_ids *ids, gd_error *err)
{
    return tokenize(tokenizer, text, len, false, ids, err);
}

void gd_tokenizer_frame(const gd_tokenizer *tokenizer, size_t *before, size_t *after)
{
    *before = tokenizer->template.before.len;
    *after = tokenizer->template.after.len;
}
