/* nearest.h - the known word that an unknown one is most like, for messages. */
#ifndef GD_BASE_NEAREST_H
#define GD_BASE_NEAREST_H

#include <stddef.h>

/* The best candidate so far for a word; all zero but for `word` at first. */
typedef struct gd_nearest {
    const char *word;
    const char *found; /* NULL: none is near enough */
    size_t distance;
} gd_nearest;

/* Takes another candidate into account, which must live as long as the result is used. One is near if at most a sixth
 * of the word's bytes would have to change. */
void gd_nearest_try(gd_nearest *nearest, const char *candidate);

#endif
