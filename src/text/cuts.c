/* cuts.c - finds where a piece of characters can be cut. */
#include "text/cuts.h"

#include "base/mem.h"
#include "base/utf8.h"
#include "text/bpe.h"

#include <string.h>

#define MARK 0x2581u /* SentencePiece's, a low block */

void gd_cuts_free(gd_cuts *cuts)
{
    gd_free(cuts->pairs);
    *cuts = (gd_cuts){ 0 };
}

static size_t hash(const gd_cuts *cuts, uint32_t a, uint32_t b)
{
    return (size_t)(((uint64_t)a << 21 | b) * 0x9E3779B97F4A7C15u >> 32) & cuts->mask;
}

static void note_neighbours(gd_cuts *cuts, const unsigned char *s, size_t len)
{
    size_t n;
    uint32_t last = gd_utf8_decode(s, &n);

    for (size_t at = n; at < len; at += n) {
        const uint32_t c = gd_utf8_decode(s + at, &n);
        const size_t bit = hash(cuts, last, c);

        cuts->pairs[bit / 64] |= (uint64_t)1 << bit % 64;
        last = c;
    }
}

static bool is_byte_token(const gd_bpe *bpe, uint32_t id)
{
    const gd_token *token = &bpe->vocab.tokens[gd_vocab_by_id(&bpe->vocab, id)];

    return token->bytes_len == 6 && !memcmp(bpe->vocab.bytes.data + token->bytes, "<0x", 3);
}

static bool bytes_are_free(const gd_bpe *bpe)
{
    for (unsigned b = 0; b < 256; b++)
        if (bpe->fallback[b] == GD_NO_TOKEN)
            return false;
    for (size_t i = 0; i <= bpe->mask; i++) {
        const uint64_t slot = bpe->slots[i];

        if (slot != GD_NO_MERGE &&
            (is_byte_token(bpe, (uint32_t)(slot >> 42)) || is_byte_token(bpe, (uint32_t)(slot >> 21) & 0x1FFFFF)))
            return false;
    }
    return true;
}

/* Whether a merge may cross the place between two characters. Those without a token become the tokens of their bytes,
 * or an unknown token, which may wait for the next one. */
static bool joins(const gd_bpe *bpe, uint32_t a, uint32_t b)
{
    const gd_cuts *cuts = &bpe->cuts;
    size_t bit;

    if (gd_charmap_get(&bpe->characters, a) == GD_NO_TOKEN || gd_charmap_get(&bpe->characters, b) == GD_NO_TOKEN)
        return !cuts->bytes_are_free;
    bit = hash(cuts, a, b);
    return cuts->pairs[bit / 64] >> bit % 64 & 1;
}

static uint32_t quick_character(uint32_t i) { return i < 0x80 ? i : MARK; }

bool gd_bpe_find_cuts(gd_bpe *bpe)
{
    gd_cuts *cuts = &bpe->cuts;
    size_t bits = 64;

    while (bits < 8 * bpe->vocab.count)
        bits *= 2;
    cuts->mask = bits - 1;
    cuts->pairs = gd_alloc_zero(bits / 64, sizeof *cuts->pairs);
    if (!cuts->pairs)
        return false;
    for (size_t i = 0; i < bpe->vocab.count; i++) {
        const gd_token *token = &bpe->vocab.tokens[i];

        note_neighbours(cuts, (const unsigned char *)bpe->vocab.bytes.data + token->bytes, token->bytes_len);
    }
    cuts->bytes_are_free = bytes_are_free(bpe);
    for (uint32_t a = 0; a < GD_QUICK; a++) {
        for (uint32_t b = 0; b < GD_QUICK; b++)
            cuts->joined[a][b / 64] |= (uint64_t)joins(bpe, quick_character(a), quick_character(b)) << b % 64;
    }
    return true;
}

/* The character at s[*at..], stepped over; *quick becomes its place among the quick ones, or GD_QUICK. */
static inline uint32_t next(const unsigned char *s, size_t *at, uint32_t *quick)
{
    size_t n = 1;
    uint32_t c = s[*at];

    *quick = c;
    if (c >= 0x80) {
        c = gd_utf8_decode(s + *at, &n);
        *quick = c == MARK ? 0x80 : GD_QUICK;
    }
    *at += n;
    return c;
}

size_t gd_bpe_part(const gd_bpe *bpe, const unsigned char *piece, size_t len, size_t at)
{
    uint32_t left, left_quick;

    left = next(piece, &at, &left_quick);
    while (at < len) {
        size_t after = at;
        uint32_t right_quick;
        const uint32_t right = next(piece, &after, &right_quick);
        const bool joined = left_quick < GD_QUICK && right_quick < GD_QUICK
                                ? bpe->cuts.joined[left_quick][right_quick / 64] >> right_quick % 64 & 1
                                : joins(bpe, left, right);

        if (!joined)
            break;
        at = after;
        left = right;
        left_quick = right_quick;
    }
    return at;
}
