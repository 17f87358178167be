/* vocab.c - the vocabulary of a tokenizer. */
#include "text/vocab.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/utf8.h"

#include <string.h>

/* Keys come from a file that may be crafted to make them collide: a lookup never walks further than this. With a third
 * of the slots empty, honest keys walk a few dozen slots at most. */
#define MAX_WALK 2000

#define AHEAD 16 /* keys whose slots are prefetched while others are inserted */

void gd_vocab_free(gd_vocab *vocab)
{
    gd_free(vocab->tokens);
    gd_free(vocab->slots);
    gd_free(vocab->by_id);
    gd_buf_free(&vocab->bytes);
    gd_buf_free(&vocab->content);
    *vocab = (gd_vocab){ 0 };
}

/* GPT-2's alphabet: the visible characters of Latin-1 stand for themselves, the other 68 bytes for U+0100
 * and up, in order. */
static bool is_visible(uint32_t c) { return (c >= 0x21 && c <= 0x7E) || (c >= 0xA1 && c <= 0xFF && c != 0xAD); }

uint32_t gd_char_of_byte(unsigned char byte)
{
    if (is_visible(byte))
        return byte;
    if (byte <= 0x20)
        return 0x100u + byte;
    return byte == 0xAD ? 0x100 + 67 : 0x100u + 33 + (byte - 0x7Fu);
}

/* The byte that c stands for, or -1. */
static int byte_of_char(uint32_t c)
{
    if (is_visible(c))
        return (int)c;
    if (c < 0x100 || c >= 0x100 + 68)
        return -1;
    if (c < 0x100 + 33) /* 0x00 to 0x20 */
        return (int)(c - 0x100);
    return c == 0x100 + 67 ? 0xAD : (int)(c - (0x100 + 33)) + 0x7F;
}

size_t gd_bytes_of_content(unsigned char *bytes, const char *content, size_t len)
{
    const unsigned char *s = (const unsigned char *)content;
    size_t count = 0;

    for (size_t i = 0; i < len; i++) {
        uint32_t c = s[i];
        int byte;

        if (c >= 0xC2 && c <= 0xC5 && i + 1 < len) /* the alphabet has characters of one and two bytes */
            c = (c & 0x1F) << 6 | (s[++i] & 0x3F);
        else if (c >= 0x80)
            return SIZE_MAX;
        byte = c > 0x20 && c < 0x7F ? (int)c : byte_of_char(c);
        if (byte < 0)
            return SIZE_MAX;
        bytes[count++] = (unsigned char)byte;
    }
    return count;
}

size_t gd_vocab_bytes(const gd_vocab *vocab, unsigned char *bytes, const char *content, size_t len)
{
    if (!vocab->plain)
        return gd_bytes_of_content(bytes, content, len);
    memmove(bytes, content, len);
    return len;
}

bool gd_vocab_add(gd_vocab *vocab, const char *content, size_t len, uint32_t id)
{
    gd_token token = { .id = id, .bytes = (uint32_t)vocab->bytes.len, .content = (uint32_t)vocab->content.len };
    size_t n;

    gd_buf_bytes(&vocab->bytes, content, len);
    gd_buf_bytes(&vocab->content, content, len);
    gd_buf_bytes(&vocab->content, "", 1);
    if (vocab->bytes.failed || vocab->content.failed ||
        !gd_grow((void **)&vocab->tokens, &vocab->room, vocab->count + 1, sizeof *vocab->tokens))
        return false;
    n = len ? gd_vocab_bytes(vocab, (unsigned char *)vocab->bytes.data + token.bytes, content, len) : 0;
    token.from_bytes = n != SIZE_MAX;
    if (token.from_bytes)
        vocab->bytes.len = token.bytes + n;
    else /* restores what was written before the first character outside the alphabet */
        memcpy(vocab->bytes.data + token.bytes, content, len);
    token.bytes_len = (uint32_t)(vocab->bytes.len - token.bytes);
    vocab->tokens[vocab->count++] = token;
    if (token.bytes_len > vocab->longest)
        vocab->longest = token.bytes_len;
    return true;
}

gd_text gd_vocab_content(const gd_vocab *vocab, uint32_t place)
{
    const uint32_t at = vocab->tokens[place].content;
    const size_t end = place + 1 < vocab->count ? vocab->tokens[place + 1].content : vocab->content.len;

    return (gd_text){ vocab->content.data + at, end - at - 1 };
}

struct key {
    const unsigned char *bytes;
    size_t len;
    bool from_bytes;
    uint64_t head;
    uint32_t tag, hash;
};

/* The first 8 bytes, padded with zeros: by fixed loads that overlap, since a memcpy of variable length would cost more
 * than all the rest. */
static uint64_t head_of(const unsigned char *s, size_t len)
{
    uint64_t eight;
    uint32_t low, high;

    if (len >= 8) {
        memcpy(&eight, s, 8);
        return eight;
    }
    if (len >= 4) {
        memcpy(&low, s, 4);
        memcpy(&high, s + len - 4, 4);
        return low | (uint64_t)high << 8 * (len - 4);
    }
    return s[0] | (uint64_t)s[len / 2] << 8 * (len / 2) | (uint64_t)s[len - 1] << 8 * (len - 1);
}

static struct key make_key(const void *bytes, size_t len, bool from_bytes)
{
    struct key k = { bytes, len, from_bytes, 0, 0, 0 };
    uint64_t h = (len + 1) * 0x9E3779B97F4A7C15u ^ from_bytes;
    size_t at = 0;

    k.head = head_of(bytes, len);
    do { /* the last iteration may read bytes a second time */
        uint64_t eight = k.head;

        if (at)
            memcpy(&eight, k.bytes + (at + 8 <= len ? at : len - 8), 8);
        h = (h ^ eight) * 0xD6E8FEB86659FD93u;
        h ^= h >> 32;
        at += 8;
    } while (at < len);
    h *= 0xD6E8FEB86659FD93u;
    k.hash = (uint32_t)(h >> 32);
    k.tag = ((uint32_t)h & 0xFFFFFF00u) | (len < 255 && from_bytes ? (uint32_t)len : 255);
    return k;
}

/* The slot of the key, or the empty one where it belongs; mask + 1 if the walk is too long. */
static size_t find_slot(const gd_vocab *vocab, const struct key *k)
{
    size_t at = k->hash & vocab->mask;

    for (unsigned walk = 0; walk < MAX_WALK; walk++, at = (at + 1) & vocab->mask) {
        const gd_vocab_slot *slot = &vocab->slots[at];
        const gd_token *token;

        if (slot->token == GD_NO_TOKEN)
            return at;
        if (slot->tag != k->tag || slot->head != k->head)
            continue;
        if ((k->tag & 255) <= 8)
            return at;
        token = &vocab->tokens[slot->token];
        if (token->bytes_len == k->len && token->from_bytes == k->from_bytes &&
            !memcmp(vocab->bytes.data + token->bytes, k->bytes, k->len))
            return at;
    }
    return vocab->mask + 1;
}

static uint32_t find(const gd_vocab *vocab, const void *bytes, size_t len, bool from_bytes)
{
    size_t at;
    struct key k;

    if (!vocab->slots || len == 0 || len > vocab->longest)
        return GD_NO_TOKEN;
    k = make_key(bytes, len, from_bytes);
    at = find_slot(vocab, &k);
    return at <= vocab->mask ? vocab->slots[at].token : GD_NO_TOKEN;
}

uint32_t gd_vocab_by_bytes(const gd_vocab *vocab, const void *bytes, size_t len)
{
    return find(vocab, bytes, len, true);
}

uint32_t gd_vocab_by_content(const gd_vocab *vocab, const char *content, size_t len)
{
    unsigned char few[256], *bytes = len <= sizeof few ? few : gd_alloc(len, 1);
    uint32_t token = GD_NO_TOKEN;
    size_t n;

    if (!bytes)
        return token;
    n = gd_vocab_bytes(vocab, bytes, content, len);
    token = n != SIZE_MAX ? find(vocab, bytes, n, true) : find(vocab, content, len, false);
    if (bytes != few)
        gd_free(bytes);
    return token;
}

/* The key of a token that isn't empty; prefetches its slot. */
static struct key next_key(const gd_vocab *vocab, uint32_t place)
{
    const gd_token *token = &vocab->tokens[place];
    const struct key k = make_key(vocab->bytes.data + token->bytes, token->bytes_len, token->from_bytes);

    __builtin_prefetch(&vocab->slots[k.hash & vocab->mask], 1);
    return k;
}

static gd_status insert(gd_vocab *vocab, uint32_t place, const struct key *k, const char *path, gd_error *err)
{
    const gd_token *token = &vocab->tokens[place];
    const char *content = vocab->content.data + token->content;
    const size_t at = find_slot(vocab, k);

    if (at > vocab->mask)
        return gd_fail(err, GD_EFORMAT, "%s: model.vocab: the tokens are crafted to collide in a hash table", path);
    if (vocab->slots[at].token != GD_NO_TOKEN)
        return gd_fail(err, GD_EFORMAT, "%s: model.vocab: the token \"%.80s\" appears twice", path, content);
    vocab->slots[at] = (gd_vocab_slot){ k->head, place, k->tag };
    if (vocab->by_id[token->id] != GD_NO_TOKEN)
        return gd_fail(err, GD_EFORMAT, "%s: model.vocab: the tokens \"%.80s\" and \"%.80s\" both have the id %u", path,
                       vocab->content.data + vocab->tokens[vocab->by_id[token->id]].content, content, token->id);
    vocab->by_id[token->id] = place;
    return GD_OK;
}

gd_status gd_vocab_finish(gd_vocab *vocab, const char *path, gd_error *err)
{
    size_t slots = 16;
    struct key ahead[AHEAD];

    for (size_t i = 0; i < vocab->count; i++) {
        if (vocab->tokens[i].bytes_len == 0)
            return gd_fail(err, GD_EFORMAT, "%s: model.vocab: the token with id %u is empty", path,
                           vocab->tokens[i].id);
        if (vocab->tokens[i].id >= vocab->size)
            vocab->size = (size_t)vocab->tokens[i].id + 1;
    }
    while (slots < vocab->count + vocab->count / 2)
        slots *= 2;
    vocab->mask = slots - 1;
    vocab->slots = gd_alloc_aligned(slots * sizeof *vocab->slots);
    vocab->by_id = gd_alloc(vocab->size, sizeof *vocab->by_id);
    if (!vocab->slots || !vocab->by_id)
        return gd_fail_memory(err, slots * sizeof *vocab->slots);
    memset(vocab->slots, 0xFF, slots * sizeof *vocab->slots);
    memset(vocab->by_id, 0xFF, vocab->size * sizeof *vocab->by_id);
    for (uint32_t i = 0; i < AHEAD && i < vocab->count; i++)
        ahead[i] = next_key(vocab, i);
    for (uint32_t i = 0; i < vocab->count; i++) {
        const gd_status rc = insert(vocab, i, &ahead[i % AHEAD], path, err);

        if (rc)
            return rc;
        if (vocab->count - i > AHEAD)
            ahead[i % AHEAD] = next_key(vocab, i + AHEAD);
    }
    return GD_OK;
}
