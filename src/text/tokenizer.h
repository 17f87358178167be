/* tokenizer.h - text to token ids, exactly as the Python package tokenizers 0.22 does it.
 *
 * A tokenizer.json is a pipeline: added tokens are cut out of the text, the rest is normalized (NFC), split
 * into pieces (patterns, digits), and each piece's bytes are merged pair by pair (byte-level BPE); at the end
 * a template may put special tokens around. Whatever this module reads, it does as the reference does; a part
 * or a value that it doesn't know is refused by name when the file is opened. Nothing is ever guessed.
 *
 * The character classes and the normalization are tables of our own (unicode/), made by asking the reference:
 * ids don't depend on the versions of any library.
 *
 * The block "truncation" is read and not applied: how long a text may be is the caller's decision, and
 * Transformers replaces the block at every call as well. */
#ifndef GD_TEXT_TOKENIZER_H
#define GD_TEXT_TOKENIZER_H

#include "guerdon.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct gd_tokenizer gd_tokenizer;

/* A growing list of token ids; all zero is an empty one. */
typedef struct gd_ids {
    uint32_t *data;
    size_t len, room;
} gd_ids;

void gd_ids_free(gd_ids *ids);

/* Reads dir/tokenizer.json (at most 64 MiB). *out is NULL on failure.
 * GD_EIO, GD_EFORMAT (the file is broken), GD_EUNSUPPORTED (the file asks for something this module doesn't
 * do), GD_ENOMEM. */
gd_status gd_tokenizer_open(gd_tokenizer **out, const char *dir, gd_error *err);

/* NULL is fine. */
void gd_tokenizer_close(gd_tokenizer *tokenizer);

/* Replaces what *ids held by the ids of the text, special tokens of the template included. The text is UTF-8
 * and may hold any character, NUL too. Many threads may share one tokenizer, each with its own *ids.
 * On failure *ids is unspecified, but still the caller's to free.
 * GD_EFORMAT (not UTF-8: the sentence gives the offset of the first bad byte; or a pattern of the file takes
 * too long on this text), GD_ETOOLONG (more than 1 GiB), GD_ENOMEM.
 * Time: len * log(len) at worst; memory: up to 64 bytes for each byte of the longest piece, and 128 MiB at most for a
 * match of a pattern that repeats groups (regex.h). What a text of up to 64 KiB needed, and 2 MiB of words that
 * came by, are kept for the next text, for each thread that was here at the same time. */
gd_status gd_tokenize(const gd_tokenizer *tokenizer, const char *text, size_t len, gd_ids *ids, gd_error *err);

/* The same without the special tokens of the template: for a text that has its own, as a chat format writes them. */
gd_status gd_tokenize_bare(const gd_tokenizer *tokenizer, const char *text, size_t len, gd_ids *ids, gd_error *err);

/* One past the largest id that the tokenizer can give. */
size_t gd_tokenizer_size(const gd_tokenizer *tokenizer);

/* The id of a token by its content as written in the file (so a leading space is U+0120): added tokens first,
 * then the vocabulary. For pad and eos. */
bool gd_tokenizer_find(const gd_tokenizer *tokenizer, const char *token, uint32_t *id);

/* The content of an id, for messages; NULL when no token has it. Lives as long as the tokenizer. */
const char *gd_tokenizer_token(const gd_tokenizer *tokenizer, uint32_t id);

/* How many special tokens the template puts in front of every text and behind it: truncation keeps them. */
void gd_tokenizer_frame(const gd_tokenizer *tokenizer, size_t *before, size_t *after);

#endif
