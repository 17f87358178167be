/* sentencepiece.h - a tokenizer.model of SentencePiece, which older models have beside their tokenizer.json, or
 * instead.
 *
 * Only BPE is read. It becomes the text of a tokenizer.json, as LlamaTokenizer of Transformers 5 makes one of it: each
 * two pieces that together are a piece are a merge, in the order of the pieces that they make, and spaces are
 * Metaspace's. What of the file that would leave out (a table of characters to replace, blanks to remove) is
 * refused. */
#ifndef GD_TEXT_SENTENCEPIECE_H
#define GD_TEXT_SENTENCEPIECE_H

#include "base/buf.h"
#include "guerdon.h"

#include <stdbool.h>
#include <stdint.h>

/* Of a piece; 0: none that is known. */
enum { GD_PIECE_NORMAL = 1, GD_PIECE_UNKNOWN, GD_PIECE_CONTROL, GD_PIECE_USER, GD_PIECE_UNUSED, GD_PIECE_BYTE };

typedef struct gd_piece {
    size_t at, len; /* in the file */
    int type;
} gd_piece;

typedef struct gd_sentencepiece {
    const char *data, *path;
    gd_piece *pieces; /* in the order of their ids */
    size_t count, room;
    int64_t bos, eos; /* ids; -1: none */
    bool byte_fallback;
    bool prefix; /* a text gets a space before it */
} gd_sentencepiece;

/* What the files beside it say of the ends of a text. */
typedef struct gd_sentencepiece_ends {
    bool add_bos, add_eos, prefix, every_part; /* every_part: also after an added token */
} gd_sentencepiece_ends;

/* Reads the file, of at most 64 MiB, and makes the text of a tokenizer.json, freed with gd_free(). `beside` is the
 * directory of tokenizer_config.json: its add_bos_token, add_eos_token, add_prefix_space and legacy count. */
gd_status gd_sentencepiece_read(char **text, size_t *len, const char *path, const char *beside, gd_error *err);

/* Writes the text. */
gd_status gd_sentencepiece_write(gd_buf *out, const gd_sentencepiece *model, const gd_sentencepiece_ends *ends,
                                 gd_error *err);

#endif
