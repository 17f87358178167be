/* regex_kinds.h - sets of characters and the kinds that they distinguish (regex_kinds.c); the pattern rewritten in
 * kinds (regex_rewrite.c). */
#ifndef GD_TEXT_REGEX_KINDS_H
#define GD_TEXT_REGEX_KINDS_H

#include "base/buf.h"
#include "guerdon.h"
#include "text/unicode.h"

/* Kinds are smaller: no character has the kind GD_KINDS. */
#define GD_KINDS 255u

typedef struct gd_kinds {
    uint8_t of[GD_UNICODE_END];        /* the kind of each code point */
    uint64_t set[GD_UNICODE_END / 64]; /* the current set, one bit per code point */
    uint32_t sizes[GD_KINDS];          /* number of code points of each kind */
    unsigned count;
} gd_kinds;

/* A single kind and an empty set, freed with gd_free; NULL without memory. */
gd_kinds *gd_kinds_make(void);

/* Add to the current set. values: a bit for each value of the runs whose code points to add. */
void gd_kinds_add(gd_kinds *kinds, uint32_t low, uint32_t high);
void gd_kinds_add_runs(gd_kinds *kinds, const uint32_t *runs, size_t count, unsigned shift, uint32_t values);

/* Splits the kinds that are only partly in the set, and empties it. in_set: the number of code points of each kind in
 * the set, before the split. False if there would be too many kinds. */
bool gd_kinds_split(gd_kinds *kinds, uint32_t in_set[GD_KINDS]);

/* Finds the kinds of characters of the pattern, and rewrites it in their numbers: each character and each class becomes
 * a class of kinds. Refuses what isn't supported; `path` begins the message. */
gd_status gd_regex_rewrite(gd_buf *out, gd_kinds *kinds, const char *pattern, size_t len, const char *path,
                           gd_error *err);

#endif
