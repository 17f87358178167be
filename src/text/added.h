/* added.h - added tokens, which are cut out of the text before anything else happens to it. */
#ifndef GD_TEXT_ADDED_H
#define GD_TEXT_ADDED_H

#include "text/nfc.h"
#include "text/vocab.h"

#include <jansson.h>

#define GD_ADDED_LIMIT ((size_t)65536)
#define GD_ADDED_BYTES ((size_t)1024) /* of one content */

typedef struct gd_added_token {
    char *content; /* NUL-terminated, and may contain NULs */
    size_t len;
    char *pattern; /* what is searched for: the content, or its normal form */
    size_t pattern_len;
    uint32_t id;
    bool special, normalized, single_word, lstrip, rstrip;
} gd_added_token;

/* The tokens to find in one kind of text, sorted by pattern. */
typedef struct gd_added_set {
    const gd_added_token **sorted;
    size_t count;
    uint32_t begin[257]; /* sorted[begin[b]] is the first whose pattern begins with byte b or a larger one */
    bool one_byte;       /* all patterns begin with the byte `first`, mostly '<' */
    unsigned char first;
} gd_added_set;

typedef struct gd_added {
    gd_added_token *tokens;
    size_t count;
    gd_added_set raw;        /* found in the original text */
    gd_added_set normalized; /* found in the normalized text between those */
} gd_added;

void gd_added_free(gd_added *added);

/* Reads the field "added_tokens" (NULL: none). nfc: does the tokenizer normalize? */
gd_status gd_added_load(gd_added *added, const json_t *list, const gd_vocab *vocab, const uint8_t *classes, bool nfc,
                        const char *path, gd_error *err);

/* A match: the id replaces the text from..to. */
typedef struct gd_added_match {
    size_t from, to;
    uint32_t id;
} gd_added_match;

/* The state of a search in one text; all zero at first. */
typedef struct gd_added_search {
    size_t at;   /* where the next match may begin */
    size_t done; /* the end of the last match, stripped spaces included */
} gd_added_search;

/* The next match: the leftmost, and the longest of those. `from` is never before search->done, except for a token that
 * begins within the spaces that the previous match stripped: then the two overlap, as in the reference. */
bool gd_added_find(const gd_added_set *set, const uint8_t *classes, const unsigned char *s, size_t len,
                   gd_added_search *search, gd_added_match *match);

#endif
