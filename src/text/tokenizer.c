/* tokenizer.c - takes a text through the pipeline of a tokenizer. */
#include "text/tokenizer_parts.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "text/rebuild.h"
#include "text/unicode.h"

#include <string.h>

#define TEXT_LIMIT ((size_t)1 << 30)
#define KEEP_LIMIT ((size_t)64 << 10) /* the memory for a longer text is freed */

/* The state of a text in the pipeline, kept for the next one: grown buffers, cached pieces. */
struct gd_run {
    const gd_tokenizer *t;
    gd_ids *ids;
    gd_error *err;
    const unsigned char *text;
    gd_splitter splitter;
    gd_bpe_room bpe;
    gd_norm_room norm;
    gd_buf bytes; /* of a piece that is written in the characters that stand for bytes */
    struct gd_run *next;
};

void gd_ids_free(gd_ids *ids)
{
    gd_free(ids->data);
    *ids = (gd_ids){ 0 };
}

static void free_run(struct gd_run *r)
{
    gd_splitter_free(&r->splitter);
    gd_bpe_room_free(&r->bpe);
    gd_norm_room_free(&r->norm);
    gd_buf_free(&r->bytes);
    gd_free(r);
}

void gd_idle_runs_free(gd_idle_runs *idle)
{
    if (!idle)
        return;
    for (struct gd_run *r = idle->first, *next; r; r = next) {
        next = r->next;
        free_run(r);
    }
    (void)pthread_mutex_destroy(&idle->lock);
    gd_free(idle);
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

bool gd_tokenizer_look_up(const gd_tokenizer *tokenizer, uint32_t id, gd_text *content, bool *special)
{
    const gd_added_token *added = gd_added_by_id(&tokenizer->added, id);
    const uint32_t token = added ? GD_NO_TOKEN : gd_vocab_by_id(&tokenizer->bpe.vocab, id);

    if (!added && token == GD_NO_TOKEN)
        return false;
    *content = added ? (gd_text){ added->content, added->len } : gd_vocab_content(&tokenizer->bpe.vocab, token);
    *special = added && added->special;
    return true;
}

const char *gd_tokenizer_token(const gd_tokenizer *tokenizer, uint32_t id)
{
    gd_text content;
    bool special;

    return gd_tokenizer_look_up(tokenizer, id, &content, &special) ? content.data : NULL;
}

const char *gd_tokenizer_kind(const gd_tokenizer *tokenizer)
{
    if (tokenizer->from_model)
        return "tokenizer.model, BPE of characters";
    return tokenizer->bpe.vocab.plain ? "tokenizer.json, BPE of characters" : "tokenizer.json, BPE of bytes";
}

size_t gd_tokenizer_note_count(const gd_tokenizer *tokenizer) { return tokenizer->notes.count; }

const char *gd_tokenizer_note(const gd_tokenizer *tokenizer, size_t i) { return tokenizer->notes.text[i]; }

const char *gd_tokenizer_rebuilt(const gd_tokenizer *tokenizer, const char *model_type)
{
    const gd_added_list *list = &tokenizer->added.list;

    return gd_rebuild_class(&(gd_rebuild){ .class_name = list->class_name,
                                           .model_type = model_type,
                                           .prefix_space = list->prefix_space,
                                           .legacy = list->legacy,
                                           .normalizer = &tokenizer->normalizer,
                                           .bpe = &tokenizer->bpe,
                                           .pretoken = &tokenizer->pretoken });
}

/* ---- a text ---- */

static gd_status add_ids(struct gd_run *r, const uint32_t *more, size_t n)
{
    gd_ids *ids = r->ids;

    if (!gd_grow((void **)&ids->data, &ids->room, ids->len + n, sizeof *ids->data))
        return gd_fail_memory(r->err, (ids->len + n) * sizeof *ids->data);
    for (size_t i = 0; i < n; i++)
        ids->data[ids->len++] = more[i];
    return GD_OK;
}

static gd_status check_length(const struct gd_run *r, size_t len)
{
    const size_t most = r->t->most_piece;

    if (most && len > most)
        return gd_fail(r->err, GD_ETOOLONG,
                       "the text has %zu bytes without a break, which need too much memory as one word: the memory "
                       "limit allows at most %zu",
                       len, most);
    return GD_OK;
}

/* A piece that is merged by itself. */
static gd_status merge(void *context, const unsigned char *s, size_t len, size_t readable)
{
    struct gd_run *r = context;
    gd_status rc = check_length(r, len);

    if (rc)
        return rc;
    return gd_bpe_encode(&r->t->bpe, &r->bpe, s, len, readable, r->ids) ? GD_OK : gd_fail_memory(r->err, len);
}

/* A piece of characters: merged in parts that no merge joins. */
static gd_status merge_parts(void *context, const unsigned char *s, size_t len, size_t readable)
{
    struct gd_run *r = context;
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
static gd_status merge_written(void *context, const unsigned char *s, size_t len, size_t readable)
{
    struct gd_run *r = context;
    unsigned char *bytes;
    gd_status rc;

    (void)readable;
    gd_buf_clear(&r->bytes);
    gd_buf_bytes(&r->bytes, s, len);
    if (r->bytes.failed)
        return gd_fail_memory(r->err, len);
    bytes = (unsigned char *)r->bytes.data;
    len = gd_bytes_of_content(bytes, r->bytes.data, len);
    rc = check_length(r, len);
    if (rc)
        return rc;
    return gd_bpe_encode_afresh(&r->t->bpe, &r->bpe, bytes, len, r->ids) ? GD_OK : gd_fail_memory(r->err, len);
}

/* The steps of a pattern that a piece may take and still be remembered; it is charged all of them, so that whether a
 * text takes too many does not depend on what was tokenized before. */
static uint64_t steps_of(size_t len) { return 64 + 32 * (uint64_t)len; }

/* A piece that the stages after ByteLevel split. Its ids depend on its bytes alone: those of words are remembered. */
static gd_status split_bytes(void *context, size_t stage, const unsigned char *s, size_t len)
{
    struct gd_run *r = context;
    uint64_t *steps = &r->splitter.regex.steps;
    const uint64_t had = *steps, left = had - steps_of(len);
    gd_bpe_recall recall;
    gd_status rc;

    if (len > GD_MEMO_BYTES || had < steps_of(len))
        return gd_split_change(&r->splitter, stage, s, len);
    if (!gd_bpe_recall_piece(&recall, &r->bpe, s, len, r->ids))
        return gd_fail_memory(r->err, len);
    rc = recall.found ? GD_OK : gd_split_change(&r->splitter, stage, s, len);
    if (rc || *steps < left)
        return rc;
    *steps = left;
    if (!recall.found)
        gd_bpe_remember(&recall, r->ids);
    return GD_OK;
}

/* Passes what is between the added tokens of a text to the next step. */
static gd_status between(struct gd_run *r, const gd_added_set *set, const unsigned char *s, size_t len,
                         gd_status (*next)(struct gd_run *r, const unsigned char *s, size_t len))
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

static gd_status cut(struct gd_run *r, const unsigned char *s, size_t len) { return gd_split(&r->splitter, 0, s, len); }

static gd_status normalize(struct gd_run *r, const unsigned char *s, size_t len)
{
    const char *out;
    gd_status rc = gd_normalize(&r->t->normalizer, &r->norm, r->t->classes, (const char *)s, len, &out, &len, r->err);

    if (rc)
        return rc;
    r->splitter.beginning = s == r->text ? (const unsigned char *)out : NULL;
    return between(r, &r->t->added.normalized, (const unsigned char *)out, len, cut);
}

/* An idle run, or a new one; NULL without memory. */
static struct gd_run *take_run(const gd_tokenizer *t)
{
    struct gd_run *r;

    (void)pthread_mutex_lock(&t->idle->lock);
    r = t->idle->first;
    if (r)
        t->idle->first = r->next;
    (void)pthread_mutex_unlock(&t->idle->lock);
    if (r || !(r = gd_alloc_zero(1, sizeof *r)))
        return r;
    r->t = t;
    r->splitter = (gd_splitter){ .pretoken = &t->pretoken, .classes = t->classes, .context = r };
    r->splitter.bytes = split_bytes;
    r->splitter.piece = t->bpe.vocab.plain ? merge_parts : t->pretoken.as_bytes ? merge_written : merge;
    return r;
}

/* Keeps the run for the next text, unless this one was so long that its buffers are too large, or it failed. */
static void give_back(struct gd_run *r, size_t text_len, gd_status rc)
{
    gd_idle_runs *idle = r->t->idle;

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
    struct gd_run *r;

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
