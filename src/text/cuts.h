/* cuts.h - where a piece of characters can be cut without a change of ids.
 *
 * A tokenizer like Llama 2's doesn't split a text into words: the whole text is one piece. But a merge that crosses
 * the place between two characters makes a token in which they are neighbours; where no token has these neighbours, no
 * merge will ever cross, and the parts can be merged by themselves. Most spaces are such places, so parts are words. */
#ifndef GD_TEXT_CUTS_H
#define GD_TEXT_CUTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GD_QUICK 129u /* characters that are looked up first: ASCII, and the mark that stands for a space */

typedef struct gd_cuts {
    uint64_t *pairs; /* a bit for each hash of two neighbours in a token; a collision only loses a cut */
    size_t mask;
    bool bytes_are_free;          /* no merge takes the token of a byte, and each byte has one */
    uint64_t joined[GD_QUICK][3]; /* a bit for each pair of quick characters that can't be cut */
} gd_cuts;

void gd_cuts_free(gd_cuts *cuts);

#endif
