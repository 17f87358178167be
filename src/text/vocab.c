/* vocab.c - the vocabulary of a byte-level tokenizer. */
#include "text/vocab.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/utf8.h"

#include <string.h>

/* Keys come from a file that may be made to collide: a lookup never has to walk further than this. With half
 * of the slots empty, honest keys walk a few dozen at most. */
#define MAX_WALK 2000

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
    uint32_t c = 0x100;

    if (is_visible(byte))
        return byte;
    for (unsigned b = 0; b < byte; b++)
        c += !is_visible(b);
    return c;
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

bool gd_bytes_of_content(gd_buf *bytes, const char *content, size_t len)
{
    const size_t before = bytes->len;
    size_t n;

    for (size_t i = 0; i < len; i += n) {
        const int byte = byte_of_char(gd_utf8_decode((const unsigned char *)content + i, &n));
        const unsigned char value = (unsigned char)byte;

        if (byte < 0) {
            bytes->len = before;
            return false;
        }
        gd_buf_bytes(bytes, &value, 1);
    }
    return true;
}

bool gd_vocab_add(gd_vocab *vocab, const char *content, size_t len, uint32_t id)
{
    gd_token token = { .id = id, .bytes = (uint32_t)vocab->bytes.len, .content = (uint32_t)vocab->content.len };

    if (!gd_grow((void **)&vocab->tokens, &vocab->room, vocab->count + 1, sizeof *vocab->tokens))
        return false;
    token.from_bytes = gd_bytes_of_content(&vocab->bytes, content, len);
    if (!token.from_bytes)
        gd_buf_bytes(&vocab->bytes, content, len);
    gd_buf_bytes(&vocab->content, content, len);
    gd_buf_bytes(&vocab->content, "", 1);
    token.bytes_len = (uint32_t)(vocab->bytes.len - token.bytes);
    vocab->tokens[vocab->count++] = token;
    if (token.bytes_len > vocab->longest)
        vocab->longest = token.bytes_len;
    return !vocab->bytes.failed && !vocab->content.failed;
}

static uint32_t hash_of(const void *bytes, size_t len, bool from_bytes)
{
    const unsigned char *p = bytes;
    uint64_t h = (len + 1) * 0x9E3779B97F4A7C15u ^ from_bytes, tail = 0;

    for (; len >= 8; p += 8, len -= 8) {
        uint64_t eight;

        memcpy(&eight, p, 8);
        h = (h ^ eight) * 0xD6E8FEB86659FD93u;
        h ^= h >> 32;
    }
    memcpy(&tail, p, len);
    h = (h ^ tail) * 0xD6E8FEB86659FD93u;
    h ^= h >> 29;
    h *= 0xD6E8FEB86659FD93u;
    return (uint32_t)(h >> 32);
}

/* The slot that holds the key, or the empty one where it belongs; mask + 1 when the walk is too long. */
static size_t find_slot(const gd_vocab *vocab, const void *bytes, size_t len, bool from_bytes, uint32_t hash)
{
    size_t at = hash & vocab->mask;

    for (unsigned walk = 0; walk < MAX_WALK; walk++, at = (at + 1) & vocab->mask) {
        const gd_vocab_slot *slot = &vocab->slots[at];
        const gd_token *token;

        if (slot->token == GD_NO_TOKEN)
            return at;
        if (slot->hash != hash)
            continue;
        token = &vocab->tokens[slot->token];
        if (token->bytes_len == len && token->from_bytes == from_bytes &&
            !memcmp(vocab->bytes.data + token->bytes, bytes, len))
            return at;
    }
    return vocab->mask + 1;
}

static uint32_t find(const gd_vocab *vocab, const void *bytes, size_t len, bool from_bytes)
{
    size_t at;

    if (!vocab->slots || len == 0 || len > vocab->longest)
        return GD_NO_TOKEN;
    at = find_slot(vocab, bytes, len, from_bytes, hash_of(bytes, len, from_bytes));
    return at <= vocab->mask ? vocab->slots[at].token : GD_NO_TOKEN;
}

uint32_t gd_vocab_by_bytes(const gd_vocab *vocab, const void *bytes, size_t len)
{
    return find(vocab, bytes, len, true);
}

uint32_t gd_vocab_by_content(const gd_vocab *vocab, const char *content, size_t len)
{
    char stack[1024]; /* the bytes are never more than the content: no allocation for a merge's usual tokens */
    gd_buf bytes = { 0 };
    uint32_t token = GD_NO_TOKEN;

    if (len <= sizeof stack)
        bytes = (gd_buf){ .data = stack, .room = sizeof stack };
    if (gd_bytes_of_content(&bytes, content, len)) {
        if (!bytes.failed)
            token = find(vocab, bytes.data, bytes.len, true);
    } else {
        token = find(vocab, content, len, false);
    }
    if (bytes.data != stack)
        gd_buf_free(&bytes);
    return token;
}

static gd_status insert(gd_vocab *vocab, uint32_t place, const char *path, gd_error *err)
{
    const gd_token *token = &vocab->tokens[place];
    const char *content = vocab->content.data + token->content;
    const char *bytes = vocab->bytes.data + token->bytes;
    const uint32_t hash = hash_of(bytes, token->bytes_len, token->from_bytes);
    size_t at;

    if (token->bytes_len == 0)
        return gd_fail(err, GD_EFORMAT, "%s: model.vocab: the token of id %u is empty", path, token->id);
    at = find_slot(vocab, bytes, token->bytes_len, token->from_bytes, hash);
    if (at > vocab->mask)
        return gd_fail(err, GD_EFORMAT, "%s: model.vocab: the tokens are made to collide in a hash table", path);
    if (vocab->slots[at].token != GD_NO_TOKEN)
        return gd_fail(err, GD_EFORMAT, "%s: model.vocab: the token \"%.80s\" is there twice", path, content);
    vocab->slots[at] = (gd_vocab_slot){ place, hash };
    if (vocab->by_id[token->id] != GD_NO_TOKEN)
        return gd_fail(err, GD_EFORMAT, "%s: model.vocab: the tokens \"%.80s\" and \"%.80s\" both have the id %u", path,
                       vocab->content.data + vocab->tokens[vocab->by_id[token->id]].content, content, token->id);
    vocab->by_id[token->id] = place;
    return GD_OK;
}

gd_status gd_vocab_finish(gd_vocab *vocab, const char *path, gd_error *err)
{
    size_t slots = 16;

    for (size_t i = 0; i < vocab->count; i++) {
        if (vocab->tokens[i].id >= vocab->size)
            vocab->size = (size_t)vocab->tokens[i].id + 1;
    }
    while (slots < 2 * vocab->count)
        slots *= 2;
    vocab->mask = slots - 1;
    vocab->slots = gd_alloc(slots, sizeof *vocab->slots);
    vocab->by_id = gd_alloc(vocab->size, sizeof *vocab->by_id);
    if (!vocab->slots || !vocab->by_id)
        return gd_fail_memory(err, slots * sizeof *vocab->slots);
    memset(vocab->slots, 0xFF, slots * sizeof *vocab->slots);
    memset(vocab->by_id, 0xFF, vocab->size * sizeof *vocab->by_id);
    for (uint32_t i = 0; i < vocab->count; i++) {
        gd_status rc = insert(vocab, i, path, err);

        if (rc)
            return rc;
    }
    return GD_OK;
}
