/* vocab.h - the vocabulary of a tokenizer: tokens by content, by bytes and by id.
 *
 * If the model merges bytes, the content of a token is written with one visible character per byte (GPT-2's alphabet: a
 * space is U+0120). Tokens are stored by the bytes that they stand for, so that a piece of text is looked up without
 * translation. A content with a character outside that alphabet can't come from text; it is found only by its content.
 * If the model merges characters, the content is the text itself. */
#ifndef GD_TEXT_VOCAB_H
#define GD_TEXT_VOCAB_H

#include "base/buf.h"
#include "guerdon.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GD_VOCAB_LIMIT ((size_t)1 << 20) /* tokens */
#define GD_ID_LIMIT ((uint32_t)0x1FFFFF) /* ids are smaller: 21 bits, except for one value that means none */
#define GD_NO_TOKEN UINT32_MAX

typedef struct gd_token {
    uint32_t id;
    uint32_t bytes, bytes_len; /* in gd_vocab.bytes */
    uint32_t content;          /* in gd_vocab.content, NUL-terminated */
    bool from_bytes;           /* every character of the content stands for a byte */
} gd_token;

/* Most tokens are short: their bytes are in the slot, and a lookup touches one cache line. */
typedef struct gd_vocab_slot {
    uint64_t head;  /* the first 8 bytes, padded with zeros */
    uint32_t token; /* place in tokens, or GD_NO_TOKEN */
    uint32_t tag;   /* 24 bits of hash, and the length; 255: 255 or more, or not from bytes */
} gd_vocab_slot;

typedef struct gd_vocab {
    bool plain; /* contents are text; set before the first token is added */
    gd_token *tokens;
    size_t count, room;
    gd_vocab_slot *slots;
    size_t mask;
    uint32_t *by_id; /* place in tokens, or GD_NO_TOKEN */
    size_t size;     /* one more than the largest id */
    size_t longest;  /* bytes_len */
    gd_buf bytes, content;
} gd_vocab;

void gd_vocab_free(gd_vocab *vocab);

/* Adds a token; duplicates are found by gd_vocab_finish(). False without memory. */
bool gd_vocab_add(gd_vocab *vocab, const char *content, size_t len, uint32_t id);

/* Builds the tables; refuses empty contents, and duplicate contents or ids. */
gd_status gd_vocab_finish(gd_vocab *vocab, const char *path, gd_error *err);

/* Places in tokens, or GD_NO_TOKEN. */
uint32_t gd_vocab_by_bytes(const gd_vocab *vocab, const void *bytes, size_t len);
uint32_t gd_vocab_by_content(const gd_vocab *vocab, const char *content, size_t len);

static inline uint32_t gd_vocab_by_id(const gd_vocab *vocab, uint32_t id)
{
    return id < vocab->size ? vocab->by_id[id] : GD_NO_TOKEN;
}

/* What the file has for the token at this place. */
gd_text gd_vocab_content(const gd_vocab *vocab, uint32_t place);

/* The content with each character replaced by the byte that it stands for; `bytes` has room for len.
 * Returns the number of bytes, or SIZE_MAX if a character stands for none. */
size_t gd_bytes_of_content(unsigned char *bytes, const char *content, size_t len);

/* The same for the contents of this vocabulary, which may be plain. */
size_t gd_vocab_bytes(const gd_vocab *vocab, unsigned char *bytes, const char *content, size_t len);

/* The character that stands for a byte. */
uint32_t gd_char_of_byte(unsigned char byte);

#endif
