/* pretoken.h - the pre-tokenizer: how a text is cut into the pieces that are merged one by one. */
#ifndef GD_TEXT_PRETOKEN_H
#define GD_TEXT_PRETOKEN_H

#include "base/buf.h"
#include "text/regex.h"
#include "text/scan.h"

#include <jansson.h>
#include <stdbool.h>

#define GD_STAGE_LIMIT 16

/* What a split makes of what the pattern matched and of what lies between (the reference's names). */
typedef enum gd_behavior {
    GD_ISOLATED,             /* each match and each part between is a piece */
    GD_REMOVED,              /* the parts between */
    GD_CONTIGUOUS,           /* as isolated, neighbouring matches joined */
    GD_MERGED_WITH_PREVIOUS, /* a match belongs to the part before it */
    GD_MERGED_WITH_NEXT      /* a match belongs to the part behind it */
} gd_behavior;

typedef struct gd_stage {
    enum {
        GD_STAGE_SCAN,    /* one of the patterns of scan.h: matches everywhere */
        GD_STAGE_REGEX,   /* any other pattern */
        GD_STAGE_STRING,  /* a plain string */
        GD_STAGE_NUMERIC, /* a character that Rust calls numeric */
        GD_STAGE_PREFIX   /* no split: a piece that begins without a space gets one */
    } kind;
    gd_behavior behavior;
    bool invert; /* matches count as the parts between, and the other way round */
    gd_scan *scan;
    gd_regex *regex;
    char *string;
    size_t string_len;
} gd_stage;

/* Pieces go through the stages in order; what leaves the last one is taken byte by byte. */
typedef struct gd_pretoken {
    gd_stage stages[GD_STAGE_LIMIT];
    size_t count;
} gd_pretoken;

void gd_pretoken_free(gd_pretoken *pretoken);

/* Reads the field "pre_tokenizer". */
gd_status gd_pretoken_load(gd_pretoken *pretoken, const json_t *value, const char *path, gd_error *err);

/* What becomes of each finished piece: GD_OK to go on. From s on, `readable` bytes may be read. */
typedef gd_status gd_take_piece(void *context, const unsigned char *s, size_t len, size_t readable);

typedef struct gd_splitter {
    const gd_pretoken *pretoken;
    const uint8_t *classes;
    gd_take_piece *piece;
    void *context;
    gd_error *err;
    gd_buf prefixed;     /* a piece with its new space; a file has one such stage at most */
    gd_regex_room regex; /* shared by all patterns; its steps are set by the caller */
} gd_splitter;

/* Cuts s into pieces, from stage `stage` on (0). */
gd_status gd_split(gd_splitter *splitter, size_t stage, const unsigned char *s, size_t len);
void gd_splitter_free(gd_splitter *splitter);

#endif
