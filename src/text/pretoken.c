/* pretoken.c - splits text into pieces. */
#include "text/pretoken.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "text/normalize.h"
#include "text/unicode.h"
#include "text/vocab.h"

#include <string.h>

void gd_pretoken_free(gd_pretoken *pretoken)
{
    for (size_t i = 0; i < pretoken->count; i++) {
        gd_free(pretoken->stages[i].string);
        gd_regex_close(pretoken->stages[i].regex);
    }
    *pretoken = (gd_pretoken){ 0 };
}

void gd_splitter_free(gd_splitter *splitter)
{
    gd_buf_free(&splitter->prefixed);
    gd_buf_free(&splitter->spaced);
    gd_buf_free(&splitter->as_bytes);
    gd_regex_room_free(&splitter->regex);
}

/* The next character that is numeric, or punctuation. */
static bool find_character(const gd_splitter *splitter, const gd_stage *stage, const unsigned char *s, size_t len,
                           size_t *from, size_t *to)
{
    size_t n;

    for (; *from < len; *from += n) {
        const uint32_t c = gd_utf8_decode(s + *from, &n);

        if (stage->kind == GD_STAGE_NUMERIC ? splitter->classes[c] & GD_IS_NUMERIC : gd_is_punctuation(c)) {
            *to = *from + n;
            return true;
        }
    }
    return false;
}

/* The next match from *from on: *from and *to become its ends; both become len if there is none. */
static gd_status next_match(gd_splitter *splitter, const gd_stage *stage, gd_regex_piece *piece, size_t *from,
                            size_t *to)
{
    const unsigned char *s = piece->s;
    bool found = true;

    switch (stage->kind) {
    case GD_STAGE_SCAN: *to = stage->scan(splitter->classes, s, piece->len, *from); break;
    case GD_STAGE_STRING:
        found = gd_find_string(stage->string, stage->string_len, s, piece->len, from);
        *to = *from + stage->string_len;
        break;
    case GD_STAGE_NUMERIC:
    case GD_STAGE_PUNCTUATION: found = find_character(splitter, stage, s, piece->len, from, to); break;
    default: return gd_regex_next(stage->regex, &splitter->regex, piece, from, to, splitter->err);
    }
    if (!found)
        *from = *to = piece->len;
    return GD_OK;
}

/* A piece that may still grow. */
struct joiner {
    size_t from, to;
    bool open, was_match; /* was_match: of the last part; false before the first one */
};

static gd_status flush(gd_splitter *splitter, size_t stage, const unsigned char *s, struct joiner *j)
{
    const bool open = j->open && j->to > j->from;

    j->open = false;
    return open ? gd_split(splitter, stage + 1, s + j->from, j->to - j->from) : GD_OK;
}

/* Takes the next part, a match or what is between two; parts come in order and cover the text. */
static gd_status part(gd_splitter *splitter, size_t stage, const unsigned char *s, struct joiner *j, size_t from,
                      size_t to, bool match)
{
    bool join = false;
    gd_status rc;

    match ^= splitter->pretoken->stages[stage].invert;
    switch (splitter->pretoken->stages[stage].behavior) {
    case GD_ISOLATED: break;
    case GD_REMOVED:
        if (match)
            return GD_OK;
        break;
    case GD_CONTIGUOUS: join = match == j->was_match; break;
    case GD_MERGED_WITH_PREVIOUS: join = match && !j->was_match; break;
    case GD_MERGED_WITH_NEXT: join = !match && j->was_match; break;
    }
    j->was_match = match;
    if (join && j->open) {
        j->to = to;
        return GD_OK;
    }
    rc = flush(splitter, stage, s, j);
    j->from = from;
    j->to = to;
    j->open = true;
    return rc;
}

static gd_status split_by_stage(gd_splitter *splitter, size_t number, const unsigned char *s, size_t len)
{
    const gd_stage *stage = &splitter->pretoken->stages[number];
    gd_regex_piece piece = { .s = s, .len = len };
    struct joiner j = { 0 };
    gd_status rc = GD_OK;

    if (stage->kind == GD_STAGE_REGEX && !gd_regex_begin(stage->regex, &splitter->regex, &piece, s, len))
        return gd_fail_memory(splitter->err, len);
    for (size_t at = 0; at < len && !rc;) {
        size_t from = at, to = at;

        rc = next_match(splitter, stage, &piece, &from, &to);
        if (!rc && from > at)
            rc = part(splitter, number, s, &j, at, from, false);
        if (!rc && to > from)
            rc = part(splitter, number, s, &j, from, to, true);
        at = to;
    }
    if (!rc)
        rc = flush(splitter, number, s, &j);
    if (stage->kind == GD_STAGE_REGEX)
        gd_regex_end(&splitter->regex, &piece);
    return rc;
}

static void prefix(gd_buf *out, const unsigned char *s, size_t len)
{
    if (s[0] != ' ')
        gd_buf_bytes(out, " ", 1);
    gd_buf_bytes(out, s, len);
}

static void metaspace(gd_buf *out, const gd_stage *stage, const unsigned char *s, size_t len, bool beginning)
{
    const bool marked = len >= stage->string_len && !memcmp(s, stage->string, stage->string_len);
    size_t done = 0, at = 0;

    if (s[0] != ' ' && !marked &&
        (stage->prepend == GD_PREPEND_ALWAYS || (stage->prepend == GD_PREPEND_FIRST && beginning)))
        gd_buf_bytes(out, stage->string, stage->string_len);
    while (gd_find_string(" ", 1, s, len, &at)) {
        gd_buf_bytes(out, s + done, at - done);
        gd_buf_bytes(out, stage->string, stage->string_len);
        done = ++at;
    }
    gd_buf_bytes(out, s + done, len - done);
}

static void write_as_bytes(gd_buf *out, const unsigned char *s, size_t len)
{
    size_t done = 0;

    for (size_t i = 0; i < len; i++) {
        unsigned char utf8[4];

        if (s[i] > ' ' && s[i] < 0x7F)
            continue;
        gd_buf_bytes(out, s + done, i - done);
        gd_buf_bytes(out, utf8, gd_utf8_encode(gd_char_of_byte(s[i]), utf8));
        done = i + 1;
    }
    gd_buf_bytes(out, s + done, len - done);
}

gd_status gd_split_change(gd_splitter *splitter, size_t number, const unsigned char *s, size_t len)
{
    const gd_stage *stage = &splitter->pretoken->stages[number];
    gd_buf *out = stage->kind == GD_STAGE_PREFIX      ? &splitter->prefixed
                  : stage->kind == GD_STAGE_METASPACE ? &splitter->spaced
                                                      : &splitter->as_bytes;

    gd_buf_clear(out);
    if (stage->kind == GD_STAGE_PREFIX)
        prefix(out, s, len);
    else if (stage->kind == GD_STAGE_METASPACE)
        metaspace(out, stage, s, len, s == splitter->beginning);
    else
        write_as_bytes(out, s, len);
    if (out->failed)
        return gd_fail_memory(splitter->err, len);
    return gd_split(splitter, number + 1, (const unsigned char *)out->data, out->len);
}

/* Recursive by stage: at most GD_STAGE_LIMIT deep, whatever the text. */
gd_status gd_split(gd_splitter *splitter, size_t stage, const unsigned char *s, size_t len)
{
    const gd_stage *one = &splitter->pretoken->stages[stage];
    const bool last = stage + 1 == splitter->pretoken->count;
    gd_status rc = GD_OK;

    if (len == 0)
        return GD_OK;
    if (stage == splitter->pretoken->count)
        return splitter->piece(splitter->context, s, len, len);
    if (one->kind == GD_STAGE_BYTES && splitter->bytes)
        return splitter->bytes(splitter->context, stage, s, len);
    if (one->kind >= GD_STAGE_PREFIX)
        return gd_split_change(splitter, stage, s, len);
    if (one->kind != GD_STAGE_SCAN || one->behavior != GD_ISOLATED)
        return split_by_stage(splitter, stage, s, len);
    for (size_t at = 0, end; at < len && !rc; at = end) {
        end = one->scan(splitter->classes, s, len, at);
        rc = last ? splitter->piece(splitter->context, s + at, end - at, len - at)
                  : gd_split(splitter, stage + 1, s + at, end - at);
    }
    return rc;
}
