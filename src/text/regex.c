/* regex.c - matches a pattern with PCRE2, on the numbers of its kinds of characters. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "text/regex.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "text/regex_kinds.h"

#include <pcre2.h>

#define HEAP_LIMIT ((uint32_t)128 << 10) /* in KiB; for backtracking */

struct gd_regex {
    gd_kinds *kinds;
    pcre2_code *code;
    pcre2_general_context *memory;
};

static void *allocate(PCRE2_SIZE size, void *context)
{
    (void)context;
    return gd_alloc(size, 1);
}

static void release(void *p, void *context)
{
    (void)context;
    gd_free(p);
}

void gd_regex_close(gd_regex *regex)
{
    if (!regex)
        return;
    pcre2_code_free(regex->code);
    pcre2_general_context_free(regex->memory);
    gd_free(regex->kinds);
    gd_free(regex);
}

static gd_status compile(gd_regex *regex, const gd_buf *pattern, const char *path, gd_error *err)
{
    pcre2_compile_context *context = pcre2_compile_context_create(regex->memory);
    PCRE2_UCHAR message[200];
    PCRE2_SIZE at;
    int error = 0;

    if (!context)
        return gd_fail_memory(err, pattern->len);
    regex->code = pcre2_compile((PCRE2_SPTR)pattern->data, pattern->len, PCRE2_AUTO_CALLOUT, &error, &at, context);
    pcre2_compile_context_free(context);
    if (regex->code) {
        (void)pcre2_jit_compile(regex->code, PCRE2_JIT_COMPLETE); /* without it, matching is only slower */
        return GD_OK;
    }
    if (error == PCRE2_ERROR_HEAP_FAILED)
        return gd_fail_memory(err, pattern->len);
    if (error == PCRE2_ERROR_PATTERN_TOO_LARGE)
        return gd_fail(err, GD_EUNSUPPORTED, "%s: the pattern is too long", path);
    (void)pcre2_get_error_message(error, message, sizeof message);
    return gd_fail(err, GD_EUNSUPPORTED, "%s: PCRE2 cannot compile the pattern: %s", path, (const char *)message);
}

gd_status gd_regex_open(gd_regex **out, const char *pattern, size_t len, const char *path, gd_error *err)
{
    gd_regex *regex = gd_alloc_zero(1, sizeof *regex);
    gd_buf rewritten = { 0 };
    gd_status rc;

    *out = NULL;
    if (!regex)
        return gd_fail_memory(err, sizeof *regex);
    regex->kinds = gd_kinds_make();
    regex->memory = pcre2_general_context_create(allocate, release, NULL);
    rc = regex->kinds && regex->memory ? GD_OK : gd_fail_memory(err, sizeof *regex->kinds);
    if (!rc)
        rc = gd_regex_rewrite(&rewritten, regex->kinds, pattern, len, path, err);
    if (!rc)
        rc = compile(regex, &rewritten, path, err);
    gd_buf_free(&rewritten);
    if (rc)
        gd_regex_close(regex);
    else
        *out = regex;
    return rc;
}

/* ---- matching ---- */

void gd_regex_room_free(gd_regex_room *room)
{
    gd_free(room->kinds);
    pcre2_match_data_free(room->match);
    pcre2_match_context_free(room->context);
    *room = (gd_regex_room){ 0 };
}

uint64_t gd_regex_steps(size_t len) { return 5000000 + 300 * (uint64_t)len; }

/* Called before each item of the pattern: counts one step, and one for each character passed since the last call. */
static int step(pcre2_callout_block *block, void *context)
{
    gd_regex_room *room = context;
    const size_t at = block->current_position, last = room->last;
    const size_t steps = 1 + (at > last ? at - last : last - at);

    room->last = at;
    if (room->steps < steps)
        return PCRE2_ERROR_CALLOUT;
    room->steps -= steps;
    return 0;
}

static bool make_room(const gd_regex *regex, gd_regex_room *room)
{
    if (!room->match)
        room->match = pcre2_match_data_create(1, regex->memory);
    if (!room->context) {
        room->context = pcre2_match_context_create(regex->memory);
        if (room->context) {
            (void)pcre2_set_callout(room->context, step, room);
            (void)pcre2_set_heap_limit(room->context, HEAP_LIMIT);
        }
    }
    return room->match && room->context;
}

bool gd_regex_begin(const gd_regex *regex, gd_regex_room *room, gd_regex_piece *piece, const unsigned char *s,
                    size_t len)
{
    const uint8_t *kind_of = regex->kinds->of;
    unsigned char *kinds;
    size_t count = 0, n;

    /* One more: kinds must not be NULL, even for an empty piece. */
    if (!make_room(regex, room) || !gd_grow((void **)&room->kinds, &room->kinds_room, room->kinds_len + len + 1, 1))
        return false;
    kinds = room->kinds + room->kinds_len;
    for (size_t at = 0; at < len; at += n) {
        n = 1;
        kinds[count++] = kind_of[s[at] < 0x80 ? s[at] : gd_utf8_decode(s + at, &n)];
    }
    *piece = (gd_regex_piece){ .s = s, .len = len, .first = room->kinds_len, .count = count };
    room->kinds_len += count;
    return true;
}

void gd_regex_end(gd_regex_room *room, const gd_regex_piece *piece) { room->kinds_len = piece->first; }

/* The offset in bytes of character number `number`, which is not before piece->seen. */
static size_t advance(gd_regex_piece *piece, size_t number)
{
    for (; piece->seen < number; piece->seen++) {
        do
            piece->at++;
        while (piece->at < piece->len && (piece->s[piece->at] & 0xC0) == 0x80);
    }
    return piece->at;
}

gd_status gd_regex_next(const gd_regex *regex, gd_regex_room *room, gd_regex_piece *piece, size_t *from, size_t *to,
                        gd_error *err)
{
    const unsigned char *kinds = room->kinds + piece->first;
    const PCRE2_SIZE *ends;
    int rc;

    room->last = piece->seen;
    rc = pcre2_match(regex->code, kinds, piece->count, piece->seen, 0, room->match, room->context);
    if (rc == PCRE2_ERROR_JIT_STACKLIMIT) /* the interpreter backtracks on the heap */
        rc = pcre2_match(regex->code, kinds, piece->count, piece->seen, PCRE2_NO_JIT, room->match, room->context);
    *from = *to = piece->len;
    if (rc == PCRE2_ERROR_NOMATCH)
        return GD_OK;
    if (rc == PCRE2_ERROR_NOMEMORY)
        return gd_fail_memory(err, piece->len);
    if (rc < 0)
        return gd_fail(err, GD_EFORMAT,
                       "a pattern of the tokenizer takes too many steps on this text, after byte %zu of a piece",
                       piece->at);
    ends = pcre2_get_ovector_pointer(room->match);
    *from = advance(piece, ends[0]);
    *to = advance(piece, ends[1]);
    return GD_OK;
}
