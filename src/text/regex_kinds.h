/* regex_kinds.h - sets of characters and the kinds that they tell apart: regex_kinds.c; the pattern written in kinds:
 * regex_rewrite.c. */
#ifndef GD_TEXT_REGEX_KINDS_H
#define GD_TEXT_REGEX_KINDS_H

#include "base/buf.h"
#include "guerdon.h"
#include "text/unicode.h"

/* Kinds are smaller: number GD_KINDS belongs to no character. */
#define GD_KINDS 255u

typedef struct gd_kinds {
    uint8_t of[GD_UNICODE_END];        /* the kind of each code point */
    uint64_t set[GD_UNICODE_END / 64]; /* the set at hand, a bit a code point */
    uint32_t sizes[GD_KINDS];          /* code points of each kind */
    unsigned count;
} gd_kinds;

/* One kind, and an empty set; NULL without memory, freed with gd_free. */
gd_kinds *gd_kinds_make(void);

/* Each adds to the set at hand. values: a bit for each value of the runs whose code points are wanted. */
void gd_kinds_add(gd_kinds *kinds, uint32_t low, uint32_t high);
void gd_kinds_add_runs(gd_kinds *kinds, const uint32_t *runs, size_t count, unsigned shift, uint32_t values);

/* Splits the kinds that are only partly in the set, and empties it. in_set: how many code points of each kind were in
 * it, before the split. False when there would be too many kinds. */
bool gd_kinds_split(gd_kinds *kinds, uint32_t in_set[GD_KINDS]);

/* Finds the kinds of characters of the pattern, and writes it in their numbers: each character and each class is a
 * class of kinds. Refuses what isn't supported; `path` begins the message. */
gd_status gd_regex_rewrite(gd_buf *out, gd_kinds *kinds, const char *pattern, size_t len, const char *path,
                           gd_error *err);

#endif
