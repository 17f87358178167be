/* normalize.h - the normalizer: the steps that change a text before it is split. */
#ifndef GD_TEXT_NORMALIZE_H
#define GD_TEXT_NORMALIZE_H

#include "text/nfc.h"
#include "text/regex.h"

#include <jansson.h>

#define GD_NORM_LIMIT 16

typedef struct gd_norm_step {
    enum {
        GD_NORM_NFC,
        GD_NORM_COMPATIBLE, /* compatibility decompositions; with GD_NORM_NFC after it, NFKC */
        GD_NORM_PREPEND,    /* `to` before a text that is not empty */
        GD_NORM_REPLACE,    /* each `from`, or each match of the pattern, becomes `to` */
    } kind;
    char *from, *to;
    size_t from_len, to_len;
    gd_regex *regex;
} gd_norm_step;

typedef struct gd_normalizer {
    gd_norm_step steps[GD_NORM_LIMIT];
    size_t count;
} gd_normalizer;

/* Buffers that are kept from one text to the next; all zero at first. */
typedef struct gd_norm_room {
    gd_nfc nfc;
    gd_buf out[2];
    gd_regex_room regex; /* its steps are set by the caller */
} gd_norm_room;

void gd_normalizer_free(gd_normalizer *normalizer);
void gd_norm_room_free(gd_norm_room *room);

/* Reads the field "normalizer" (NULL or null: no steps). */
gd_status gd_normalizer_load(gd_normalizer *normalizer, const json_t *value, const char *path, gd_error *err);

/* Takes a step over, with what it owns, which is freed if there is no room for it. */
gd_status gd_normalizer_add(gd_normalizer *normalizer, gd_norm_step step, const char *path, gd_error *err);

/* Takes well-formed UTF-8 through the steps. *out is `text` itself if nothing changes, else it is in the room until the
 * next call. */
gd_status gd_normalize(const gd_normalizer *normalizer, gd_norm_room *room, const uint8_t *classes, const char *text,
                       size_t len, const char **out, size_t *out_len, gd_error *err);

/* The text of s[*from..*from + len) that is found first, from *from on: *from becomes its place. */
bool gd_find_string(const char *string, size_t string_len, const unsigned char *s, size_t len, size_t *from);

#endif
