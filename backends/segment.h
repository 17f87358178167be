/* segment.h - the shape of a batch: a forest of token prefixes.
 *
 * The texts of a batch form a trie; each distinct prefix token is one *row*.  Rows are numbered depth first, so that
 * all ancestors of a row have smaller numbers.  A *segment* is a maximal run of rows without a branch: consecutive
 * rows at consecutive positions.  The path of a row is its segment's rows up to itself, then the parent segment's
 * rows, and so on to a root. */
#ifndef GD_BACKENDS_SEGMENT_H
#define GD_BACKENDS_SEGMENT_H

#include <stdint.h>

typedef struct gd_segment {
    uint32_t first_row;
    uint32_t length;         /* rows */
    uint32_t first_position; /* position (depth from 0) of the first row */
    int32_t parent;          /* segment that ends at first_position - 1; -1 at a root */
} gd_segment;

#endif
