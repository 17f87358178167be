/* pretoken.h - the pre-tokenizer, which splits a text into the pieces that are merged separately. */
#ifndef GD_TEXT_PRETOKEN_H
#define GD_TEXT_PRETOKEN_H

#include "base/buf.h"
#include "text/regex.h"
#include "text/scan.h"

#include <jansson.h>
#include <stdbool.h>

#define GD_STAGE_LIMIT 16

/* What a split does with matches of the pattern and the parts between them (names as in the reference). */
typedef enum gd_behavior {
    GD_ISOLATED,             /* each match and each part between matches is a piece */
    GD_REMOVED,              /* the parts between matches are the pieces */
    GD_CONTIGUOUS,           /* as isolated, with neighbouring matches joined */
    GD_MERGED_WITH_PREVIOUS, /* a match belongs to the part before it */
    GD_MERGED_WITH_NEXT      /* a match belongs to the part after it */
} gd_behavior;

typedef struct gd_stage {
    enum {
        GD_STAGE_SCAN,    /* one of the patterns of scan.h: matches everywhere */
        GD_STAGE_REGEX,   /* any other pattern */
        GD_STAGE_STRING,  /* a plain string */
        GD_STAGE_NUMERIC, /* a character that Rust calls numeric */
        GD_STAGE_PUNCTUATION,
        /* no split, but the piece changes: */
        GD_STAGE_PREFIX,    /* one that begins without a space gets one */
        GD_STAGE_METASPACE, /* `string` for each space, and perhaps before the piece */
        GD_STAGE_BYTES      /* the characters that stand for its bytes (vocab.h), for stages after ByteLevel */
    } kind;
    enum { GD_PREPEND_NEVER, GD_PREPEND_FIRST, GD_PREPEND_ALWAYS } prepend; /* FIRST: at the beginning of a text */
    gd_behavior behavior;
    bool invert; /* swaps matches and the parts between them */
    gd_scan *scan;
    gd_regex *regex;
    char *string;
    size_t string_len;
} gd_stage;

/* Pieces go through the stages in order. */
typedef struct gd_pretoken {
    gd_stage stages[GD_STAGE_LIMIT];
    size_t count;
    bool byte_level; /* there is a ByteLevel: the model merges bytes, not characters */
    bool as_bytes;   /* what leaves the last stage is written in the characters that stand for bytes */
} gd_pretoken;

void gd_pretoken_free(gd_pretoken *pretoken);

/* Reads the field "pre_tokenizer". */
gd_status gd_pretoken_load(gd_pretoken *pretoken, const json_t *value, const char *path, gd_error *err);

/* Takes each finished piece; returns GD_OK to continue. `readable` bytes may be read from s. */
typedef gd_status gd_take_piece(void *context, const unsigned char *s, size_t len, size_t readable);

/* Takes a piece that stage number `stage`, a GD_STAGE_BYTES, and those after it split: gd_split_change() does so. */
typedef gd_status gd_take_bytes(void *context, size_t stage, const unsigned char *s, size_t len);

typedef struct gd_splitter {
    const gd_pretoken *pretoken;
    const uint8_t *classes;
    gd_take_piece *piece;
    gd_take_bytes *bytes; /* NULL: none of these stages */
    void *context;
    gd_error *err;
    gd_buf prefixed; /* a piece as the stages of these kinds change it; a file has at most one of each */
    gd_buf spaced, as_bytes;
    const unsigned char *beginning; /* where a text begins; NULL for what comes after an added token */
    gd_regex_room regex;            /* shared by all patterns; its steps are set by the caller */
} gd_splitter;

/* Splits s into pieces, beginning with stage `stage` (0). */
gd_status gd_split(gd_splitter *splitter, size_t stage, const unsigned char *s, size_t len);

/* The same for a stage that changes the piece. */
gd_status gd_split_change(gd_splitter *splitter, size_t stage, const unsigned char *s, size_t len);
void gd_splitter_free(gd_splitter *splitter);

#endif
