/* added.h - added tokens, which are cut out of the text before anything else happens to it. */
#ifndef GD_TEXT_ADDED_H
#define GD_TEXT_ADDED_H

#include "base/notes.h"
#include "text/added_list.h"
#include "text/normalize.h"
#include "text/vocab.h"

typedef struct gd_added_token {
    const char *content; /* in the list; NUL-terminated, and may contain NULs */
    size_t len;
    const char *normal; /* its normal form: `own`, or the content itself */
    size_t normal_len;
    char *own;
    uint32_t id;
    bool special, single_word, lstrip, rstrip;
    bool in_raw, in_normalized; /* in which texts it is found: if two files disagree about "normalized", in both */
} gd_added_token;

typedef struct gd_added_pattern {
    const char *s; /* what is searched for */
    size_t len;
    const gd_added_token *token;
} gd_added_pattern;

/* The tokens to find in one kind of text, sorted by pattern. */
typedef struct gd_added_set {
    gd_added_pattern *sorted;
    size_t count;
    uint32_t begin[257]; /* sorted[begin[b]] is the first whose pattern begins with byte b or a larger one */
    bool one_byte;       /* all patterns begin with the byte `first`, mostly '<' */
    bool split_special;  /* special tokens are passed over: they are text */
    unsigned char first;
} gd_added_set;

typedef struct gd_added {
    gd_added_list list;     /* what the files say */
    gd_added_token *tokens; /* sorted by content */
    size_t count;
    const gd_added_token **by_id; /* [count] sorted by id */
    gd_added_set raw;             /* found in the original text */
    gd_added_set normalized;      /* found in the normalized text between those */
} gd_added;

void gd_added_free(gd_added *added);

/* What the tokens are made with. */
typedef struct gd_added_parts {
    const gd_vocab *vocab;
    const uint8_t *classes;
    const gd_normalizer *normalizer;
    const char *path; /* of tokenizer.json, for messages */
    gd_notes *notes;
} gd_added_parts;

/* Makes the declarations in added->list into tokens. */
gd_status gd_added_make(gd_added *added, const gd_added_parts *parts, gd_error *err);

/* The token with this content, or NULL. */
const gd_added_token *gd_added_by_content(const gd_added *added, const char *content, size_t len);

/* The token with this id, or NULL. */
const gd_added_token *gd_added_by_id(const gd_added *added, uint32_t id);

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
