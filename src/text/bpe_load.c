/* bpe_load.c - reads the field "model" of a tokenizer.json. */
#include "text/bpe.h"

#include "base/error.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>

enum { TYPE, DROPOUT, UNKNOWN, PREFIX, SUFFIX, FUSE, FALLBACK, IGNORE, VOCAB, MERGES, FIELDS };

static const char *const names[FIELDS] = {
    "type",
    "dropout",
    "unk_token",
    "continuing_subword_prefix",
    "end_of_word_suffix",
    "fuse_unk",
    "byte_fallback",
    "ignore_merges",
    "vocab",
    "merges",
};

/* True if the field is present and not null; moves the scanner to it. */
static bool present(gd_jscan *js, const gd_jspan *field)
{
    js->at = field->at;
    return field->len && gd_jscan_peek(js) != 'n';
}

static gd_status read_bool(gd_jscan *js, const gd_jspan *field, const char *name, bool *value)
{
    *value = false;
    if (!present(js, field))
        return GD_OK;
    if (gd_jscan_peek(js) != 't')
        return gd_fail(js->err, GD_EFORMAT, "%s: model.%s is expected to be true or false", js->path, name);
    *value = js->text[js->at] == 't';
    return GD_OK;
}

static gd_status refuse_text(gd_jscan *js, const gd_jspan *field, const char *name)
{
    const char *s;
    char what[64];
    size_t len;
    gd_status rc;

    if (!present(js, field))
        return GD_OK;
    (void)snprintf(what, sizeof what, "model.%s", name);
    rc = gd_jscan_string(js, &s, &len, what);
    if (!rc && len)
        rc = gd_fail(js->err, GD_EUNSUPPORTED, "%s: %s is \"%.*s\", but only \"\" is supported", js->path, what,
                     (int)(len > 80 ? 80 : len), s);
    return rc;
}

static gd_status check_type(gd_jscan *js, const gd_jspan *fields)
{
    const char *s;
    size_t len;
    gd_status rc;

    if (fields[TYPE].len) { /* files from before 2021 have none */
        js->at = fields[TYPE].at;
        rc = gd_jscan_string(js, &s, &len, "model.type");
        if (rc)
            return rc;
        if (len != 3 || memcmp(s, "BPE", 3) != 0)
            return gd_fail(js->err, GD_EUNSUPPORTED, "%s: model.type is \"%.*s\", but only \"BPE\" is supported",
                           js->path, (int)(len > 80 ? 80 : len), s);
    }
    for (int i = VOCAB; i <= MERGES; i++) {
        if (!fields[i].len)
            return gd_fail(js->err, GD_EFORMAT, "%s: the field model.%s is missing", js->path, names[i]);
    }
    if (present(js, &fields[DROPOUT])) {
        const bool zero = fields[DROPOUT].len <= 3 && !strncmp(js->text + js->at, "0.0", fields[DROPOUT].len);

        if (!zero)
            return gd_fail(js->err, GD_EUNSUPPORTED,
                           "%s: model.dropout is %.*s, but only null or 0.0 gives the same ids every time", js->path,
                           (int)(fields[DROPOUT].len > 40 ? 40 : fields[DROPOUT].len), js->text + js->at);
    }
    rc = refuse_text(js, &fields[PREFIX], names[PREFIX]);
    return rc ? rc : refuse_text(js, &fields[SUFFIX], names[SUFFIX]);
}

/* A fast path for the usual id of a token: digits, and what may follow a number. */
static bool quick_id(gd_jscan *js, uint64_t *id)
{
    size_t at = js->at;

    while (at < js->len && js->text[at] == ' ')
        at++;
    for (*id = 0; at < js->len && js->text[at] >= '0' && js->text[at] <= '9' && *id < GD_ID_LIMIT; at++) {
        if (*id == 0 && js->text[at] == '0' && (js->text[at + 1] >= '0' && js->text[at + 1] <= '9'))
            return false;
        *id = *id * 10 + (uint64_t)(js->text[at] - '0');
    }
    if (at == js->len || *id >= GD_ID_LIMIT || !strchr(",} \r\n\t", js->text[at]) || js->text[at - 1] < '0' ||
        js->text[at - 1] > '9')
        return false;
    js->at = at;
    return true;
}

static gd_status read_vocab(gd_bpe *bpe, gd_jscan *js)
{
    gd_status rc = gd_jscan_enter(js, '{', "model.vocab");
    bool more;

    for (bool first = true; !rc; first = false) {
        char what[128];
        const char *s;
        uint64_t id;
        size_t len;

        rc = gd_jscan_next(js, '{', first, &more);
        if (rc || !more)
            break;
        if (bpe->vocab.count == GD_VOCAB_LIMIT)
            return gd_fail(js->err, GD_EUNSUPPORTED, "%s: model.vocab has more than %zu tokens", js->path,
                           GD_VOCAB_LIMIT);
        rc = gd_jscan_key(js, &s, &len);
        if (rc)
            break;
        if (!quick_id(js, &id)) {
            (void)snprintf(what, sizeof what, "model.vocab: the id of \"%.*s\"", (int)(len > 80 ? 80 : len), s);
            rc = gd_jscan_natural(js, &id, GD_ID_LIMIT - 1, what);
        }
        if (!rc && !gd_vocab_add(&bpe->vocab, s, len, (uint32_t)id))
            rc = gd_fail_memory(js->err, len);
    }
    return rc ? rc : gd_vocab_finish(&bpe->vocab, js->path, js->err);
}

/* "PATH: model.merges[7]: BEFORE "token" AFTER". */
static gd_status bad_merge(gd_jscan *js, size_t place, const char *before, const char *s, size_t len, const char *after)
{
    return gd_fail(js->err, GD_EFORMAT, "%s: model.merges[%zu]: %s\"%.*s\"%s", js->path, place, before,
                   (int)(len > 80 ? 80 : len), s, after);
}

/* The reference skips an entry that is the first line of a merges.txt. */
static bool is_version(const char *s, size_t len) { return len >= 8 && !memcmp(s, "#version", 8); }

/* ["left", "right"] */
static gd_status merge_list(gd_jscan *js, size_t place, gd_buf *pair, size_t *left)
{
    gd_status rc = gd_jscan_enter(js, '[', "a merge");

    for (int i = 0; i < 3 && !rc; i++) {
        const char *s;
        size_t len;
        bool more;

        rc = gd_jscan_next(js, '[', i == 0, &more);
        if (!rc && (more != (i < 2) || (more && gd_jscan_peek(js) != '"')))
            return gd_fail(js->err, GD_EFORMAT, "%s: model.merges[%zu] is expected to have two strings", js->path,
                           place);
        if (rc || !more)
            break;
        rc = gd_jscan_string(js, &s, &len, "a merge");
        if (rc)
            break;
        if (i == 1)
            gd_buf_bytes(pair, " ", 1);
        gd_buf_bytes(pair, s, len);
        if (i == 0)
            *left = len;
    }
    return rc;
}

/* One merge: "left right" or ["left", "right"]. pair becomes left, a space, right; *left is the length of
 * left, or SIZE_MAX if there is nothing to merge. */
static gd_status merge_text(gd_jscan *js, size_t place, gd_buf *pair, size_t *left)
{
    const char *s, *space;
    size_t len;
    gd_status rc;

    gd_buf_clear(pair);
    if (gd_jscan_peek(js) == '[')
        return merge_list(js, place, pair, left);
    if (gd_jscan_peek(js) != '"')
        return gd_fail(js->err, GD_EFORMAT, "%s: model.merges[%zu] is expected to be a string or a list", js->path,
                       place);
    rc = gd_jscan_string(js, &s, &len, "a merge");
    if (rc)
        return rc;
    *left = SIZE_MAX;
    if (is_version(s, len))
        return GD_OK;
    space = memchr(s, ' ', len);
    if (!space || memchr(space + 1, ' ', len - (size_t)(space + 1 - s)))
        return bad_merge(js, place, "", s, len, " is expected to be two tokens separated by one space");
    *left = (size_t)(space - s);
    gd_buf_bytes(pair, s, len);
    return GD_OK;
}

/* The places of left, right and both together. If all characters stand for bytes, the bytes of both are those of
 * left and right; and merges are mostly in the order of the tokens that they make. */
static void find_tokens(const gd_bpe *bpe, gd_buf *pair, size_t left, uint32_t *a, uint32_t *b, uint32_t *both)
{
    const gd_vocab *vocab = &bpe->vocab;
    const uint32_t guess = *both + 1;
    char *s = pair->data;
    const size_t right = pair->len - left - 1;
    unsigned char *bytes = (unsigned char *)s + pair->len; /* room that the caller made */
    const size_t n = gd_vocab_bytes(vocab, bytes, s, left);
    const size_t m = n == SIZE_MAX ? n : gd_vocab_bytes(vocab, bytes + n, s + left + 1, right);

    if (m == SIZE_MAX) {
        *a = gd_vocab_by_content(vocab, s, left);
        *b = gd_vocab_by_content(vocab, s + left + 1, right);
        memmove(bytes, s, left);
        memmove(bytes + left, s + left + 1, right);
        *both = gd_vocab_by_content(vocab, (const char *)bytes, left + right);
        return;
    }
    *a = gd_vocab_by_bytes(vocab, bytes, n);
    *b = gd_vocab_by_bytes(vocab, bytes + n, m);
    if (guess < vocab->count && vocab->tokens[guess].from_bytes && vocab->tokens[guess].bytes_len == n + m &&
        !memcmp(vocab->bytes.data + vocab->tokens[guess].bytes, bytes, n + m))
        *both = guess;
    else
        *both = gd_vocab_by_bytes(vocab, bytes, n + m);
}

static gd_status add_merge(gd_bpe *bpe, gd_jscan *js, size_t place, gd_buf *pair, size_t left, uint32_t *last)
{
    const gd_token *tokens = bpe->vocab.tokens;
    const size_t len = pair->len;
    uint32_t a, b;

    if (!gd_grow((void **)&pair->data, &pair->room, 2 * len, 1))
        return gd_fail_memory(js->err, 2 * len);
    find_tokens(bpe, pair, left, &a, &b, last);
    if (a == GD_NO_TOKEN)
        return bad_merge(js, place, "the token ", pair->data, left, " is not in model.vocab");
    if (b == GD_NO_TOKEN)
        return bad_merge(js, place, "the token ", pair->data + left + 1, len - left - 1, " is not in model.vocab");
    if (*last == GD_NO_TOKEN)
        return bad_merge(js, place, "the result of ", pair->data, len, " is not in model.vocab");
    switch (gd_bpe_add_merge(bpe, tokens[a].id, tokens[b].id, tokens[*last].id)) {
    case GD_MERGE_ADDED: return GD_OK;
    case GD_MERGE_TWICE: return bad_merge(js, place, "", pair->data, len, " appears twice");
    case GD_MERGE_COLLIDES:
        return gd_fail(js->err, GD_EFORMAT, "%s: model.merges: the pairs are crafted to collide in a hash table",
                       js->path);
    default: return gd_fail_memory(js->err, bpe->merges * sizeof *bpe->slots);
    }
}

static gd_status read_merges(gd_bpe *bpe, gd_jscan *js, gd_jspan field)
{
    gd_status rc;
    gd_buf pair = { 0 };
    uint32_t last = GD_NO_TOKEN;
    char form = '\0';

    js->at = field.at;
    rc = gd_jscan_enter(js, '[', "model.merges");
    for (size_t i = 0; !rc; i++) {
        size_t left = SIZE_MAX;
        bool more;

        rc = gd_jscan_next(js, '[', i == 0, &more);
        if (rc || !more)
            break;
        if (i == GD_MERGE_LIMIT)
            rc = gd_fail(js->err, GD_EUNSUPPORTED, "%s: model.merges has more than %zu entries", js->path,
                         GD_MERGE_LIMIT);
        if (i == 0)
            form = gd_jscan_peek(js);
        if (!rc && gd_jscan_peek(js) != form)
            rc = gd_fail(js->err, GD_EFORMAT, "%s: model.merges[%zu] has a different form from those before it",
                         js->path, i);
        if (!rc)
            rc = merge_text(js, i, &pair, &left);
        if (!rc && pair.failed)
            rc = gd_fail_memory(js->err, pair.len);
        if (!rc && left != SIZE_MAX)
            rc = add_merge(bpe, js, i, &pair, left, &last);
    }
    gd_buf_free(&pair);
    return rc;
}

static gd_status read_symbols(gd_bpe *bpe, gd_jscan *js, const gd_jspan *fields)
{
    uint32_t unknown = GD_NO_TOKEN;
    bool fallback;
    const char *s;
    size_t len;
    gd_status rc = read_bool(js, &fields[FALLBACK], names[FALLBACK], &fallback);

    if (!rc)
        rc = read_bool(js, &fields[FUSE], names[FUSE], &bpe->fuse_unknown);
    if (!rc)
        rc = read_bool(js, &fields[IGNORE], names[IGNORE], &bpe->ignore_merges);
    if (!rc && present(js, &fields[UNKNOWN])) {
        rc = gd_jscan_string(js, &s, &len, "model.unk_token");
        if (!rc)
            unknown = gd_vocab_by_content(&bpe->vocab, s, len);
    }
    if (rc)
        return rc;
    bpe->unknown = unknown == GD_NO_TOKEN ? unknown : bpe->vocab.tokens[unknown].id;
    return bpe->vocab.plain ? gd_bpe_find_characters(bpe, fallback, js->path, js->err)
                            : gd_bpe_find_bytes(bpe, fallback, js->path, js->err);
}

gd_status gd_bpe_load(gd_bpe *bpe, gd_jscan *js, gd_jspan model, bool byte_level)
{
    gd_jspan fields[FIELDS];
    gd_status rc;

    bpe->vocab.plain = !byte_level;
    js->at = model.at;
    rc = gd_jscan_enter(js, '{', "model");
    if (!rc)
        rc = gd_jscan_fields(js, names, FIELDS, fields, "model: ");
    if (!rc)
        rc = check_type(js, fields);
    if (rc)
        return rc;
    js->at = fields[VOCAB].at;
    rc = read_vocab(bpe, js);
    if (!rc && gd_bpe_make_room(bpe) != GD_MERGE_ADDED) /* a lookup needs a table, even an empty one */
        rc = gd_fail_memory(js->err, bpe->vocab.count * sizeof *bpe->slots);
    if (!rc)
        rc = read_merges(bpe, js, fields[MERGES]);
    if (!rc)
        rc = read_symbols(bpe, js, fields);
    if (rc)
        return rc;
    bpe->whole = gd_alloc_zero(bpe->vocab.count, sizeof *bpe->whole);
    return bpe->whole ? GD_OK : gd_fail_memory(js->err, bpe->vocab.count);
}
