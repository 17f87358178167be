/* tokenizer.h - text to token ids, exactly as the Python package tokenizers 0.22 does it.
 *
 * A tokenizer.json is a pipeline: added tokens are cut out of the text, the rest is normalized (normalize.h), split
 * into pieces (pretoken.h), and the bytes or the characters of each piece are merged pair by pair (bpe.h); finally
 * a template may put special tokens around the result. Everything that this module supports, it does as the reference
 * does; a part or a value that it doesn't know is refused by name when the file is opened. Nothing is ever guessed.
 *
 * Character classes and normalization use our own tables (unicode/), generated with the reference: ids don't depend
 * on the version of any library.
 *
 * The fields "truncation" and "padding" are read but not applied: how long a text may be is up to the caller, and
 * Transformers replaces these fields at every call as well. */
#ifndef GD_TEXT_TOKENIZER_H
#define GD_TEXT_TOKENIZER_H

#include "base/notes.h"
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

/* Reads dir/tokenizer.json (at most 64 MiB), or if there is none dir/tokenizer.model (sentencepiece.h), and from
 * tokenizer_config.json, special_tokens_map.json and added_tokens.json the tokens that these add to it (added_list.h).
 * *out is NULL on failure.
 * GD_EIO, GD_EFORMAT (the file is malformed), GD_EUNSUPPORTED (the file requires something that this module doesn't
 * do), GD_ENOMEM. */
gd_status gd_tokenizer_open(gd_tokenizer **out, const char *dir, gd_error *err);

/* The same with the other files from another directory. */
gd_status gd_tokenizer_open_beside(gd_tokenizer **out, const char *dir, const char *beside, gd_error *err);

/* Adds a sentence for each part of the files for which gd_tokenizer_open_beside() would fail. */
gd_status gd_tokenizer_problems(gd_notes *problems, const char *dir, const char *beside, gd_error *err);

/* What it is: "tokenizer.json, BPE of bytes". */
const char *gd_tokenizer_kind(const gd_tokenizer *tokenizer);

/* NULL is fine. */
void gd_tokenizer_close(gd_tokenizer *tokenizer);

/* From now on, GD_ETOOLONG for a text with a piece (a word, say) of more bytes: merging it takes up to 64 times as much
 * memory. */
void gd_tokenizer_limit_pieces(gd_tokenizer *tokenizer, size_t bytes);

/* Replaces the contents of *ids with the ids of the text, including the special tokens of the template. The text is
 * UTF-8 and may contain any character, even NUL. Many threads may share one tokenizer, each with its own *ids.
 * On failure *ids is unspecified, but the caller must still free it.
 * GD_EFORMAT (not UTF-8: the message gives the offset of the first bad byte; or a pattern of the file takes
 * too long on this text), GD_ETOOLONG (more than 1 GiB), GD_ENOMEM.
 * Time: at worst len * log(len). Memory: up to 64 bytes per byte of the longest piece, and at most 128 MiB for a match
 * of a pattern that repeats groups (regex.h). The memory for a text of up to 64 KiB, and a word cache of 2 MiB, are
 * kept for the next text, for each thread that called this at the same time. */
gd_status gd_tokenize(const gd_tokenizer *tokenizer, const char *text, size_t len, gd_ids *ids, gd_error *err);

/* The same without the special tokens of the template: for a text that has its own, written by a chat format. */
gd_status gd_tokenize_bare(const gd_tokenizer *tokenizer, const char *text, size_t len, gd_ids *ids, gd_error *err);

/* One more than the largest id that the tokenizer can return. */
size_t gd_tokenizer_size(const gd_tokenizer *tokenizer);

/* The id of a token by its content as written in the file (where a leading space is U+0120): added tokens first,
 * then the vocabulary. For pad and eos. */
bool gd_tokenizer_find(const gd_tokenizer *tokenizer, const char *token, uint32_t *id);

/* The content of an id, and whether the files call the token special; false if no token has it. What it points to is
 * NUL-terminated, and valid as long as the tokenizer. */
bool gd_tokenizer_look_up(const gd_tokenizer *tokenizer, uint32_t id, gd_text *content, bool *special);

/* The same for messages; NULL if no token has it. */
const char *gd_tokenizer_token(const gd_tokenizer *tokenizer, uint32_t id);

/* What a user should know about the files although they can be used; each is one line. */
size_t gd_tokenizer_note_count(const gd_tokenizer *tokenizer);
const char *gd_tokenizer_note(const gd_tokenizer *tokenizer, size_t i);

/* The class with which Transformers 5 would build another tokenizer for a model of this type (rebuild.h), or NULL. */
const char *gd_tokenizer_rebuilt(const gd_tokenizer *tokenizer, const char *model_type);

/* The number of special tokens that the template puts before and after every text: truncation keeps them. */
void gd_tokenizer_frame(const gd_tokenizer *tokenizer, size_t *before, size_t *after);

#endif
