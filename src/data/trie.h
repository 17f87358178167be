/* trie.h - the texts of a batch as a forest of token prefixes: each distinct prefix is one row, computed once.
 *
 *     text 0:  a b c d        rows       0 1 2 3 | 4 5 | 6        segments     0: a b       parent -1
 *     text 1:  a b e f        tokens     a b c d   e f   g                     1: c d       parent  0
 *     text 2:  a b c d        positions  0 1 2 3   2 3   0                     2: e f       parent  0
 *     text 3:  g                                                               3: g         parent -1
 *
 * Rows are in depth-first order with siblings by token id, so every ancestor of a row has a smaller index, and a
 * row's parent is the row before it unless the row begins a segment.  The rows depend only on the set of texts; equal
 * texts share all their rows, a text without tokens has none. */
#ifndef GD_DATA_TRIE_H
#define GD_DATA_TRIE_H

#include "backends/segment.h"
#include "guerdon.h"

#include <stdbool.h>

/* The token ids of a text.  Texts of different groups share nothing, as if the group were a first token: each group has
 * an adapter of its own. */
typedef struct gd_span {
    const uint32_t *ids;
    size_t len;
    size_t group;
} gd_span;

/* Length of the longest common prefix. */
size_t gd_span_common(gd_span a, gd_span b);

/* *order becomes the numbers of the n texts sorted by their groups, then by their ids (a prefix comes first, equal ones
 * keep their order); free it with gd_free(). */
gd_status gd_span_sort(size_t **order, const gd_span *texts, size_t n, gd_error *err);

/* The rows that the texts need together, in the order of gd_span_sort(). */
size_t gd_span_rows(const gd_span *texts, const size_t *order, size_t n);

/* The positions at which the model's output is read, for each of n texts. */
typedef struct gd_pooled {
    const size_t *first;      /* [n + 1] text i has entries first[i] .. first[i + 1] - 1 */
    const uint32_t *position; /* each below its text's length, in any order */
} gd_pooled;

/* Rows of one group that follow each other. */
typedef struct gd_trie_run {
    size_t group, end; /* end: the row after its last */
} gd_trie_run;

typedef struct gd_trie {
    size_t rows, segments, texts; /* R, S, N */
    size_t pooled_count;          /* P */
    uint32_t *token;              /* [R] */
    uint32_t *position;           /* [R] depth, from 0 at a text's first token */
    uint32_t *row_segment;        /* [R] */
    gd_segment *segment;          /* [S] parents come before children */
    size_t *text_pooled;          /* [N + 1] the first pooled row of each text, then P; none without tokens */
    uint32_t *pooled;             /* [P] the rows at which the model's output is read, text by text */
    gd_trie_run *runs;            /* [run_count] all rows; one if all are of one group */
    size_t run_count;
} gd_trie;

/* Builds the trie of n texts.  With pooled NULL each text is read only at its last token.  `order` comes from
 * gd_span_sort() or a gd_row_count; with NULL nothing is shared: each text has its own rows, in the order of the texts.
 * Time: one step per token.  Fails with GD_ENOMEM, also for 2^31 tokens or more. */
gd_status gd_trie_build(gd_trie *trie, const gd_span *texts, size_t n, const gd_pooled *pooled, const size_t *order,
                        gd_error *err);

/* The same for texts that are each read at one position, below its length, and share what they can. */
gd_status gd_trie_share(gd_trie *trie, const gd_span *texts, size_t n, const uint32_t *position, gd_error *err);

/* The row before this one on its path; UINT32_MAX at a root. */
uint32_t gd_trie_parent(const gd_trie *trie, uint32_t row);

/* The group of a row. */
size_t gd_trie_group(const gd_trie *trie, uint32_t row);

/* Frees the arrays; an all-zero trie is fine. */
void gd_trie_free(gd_trie *trie);

/* Counts the rows that texts need together as they are added one by one, to end a batch in time.  Initially all zero;
 * free with gd_row_count_free(). */
typedef struct gd_row_count {
    size_t texts;  /* so far: numbers 0 .. texts - 1 */
    size_t *order; /* [texts] sorted by their ids */
    size_t room;
} gd_row_count;

/* The number of rows that text number count->texts would add; *place is for gd_row_count_add().  rank[i] is the place
 * of text i in one order, from gd_span_sort(), of all texts that may be counted: they are not compared again. */
size_t gd_row_count_more(const gd_row_count *count, const gd_span *texts, const size_t *rank, size_t *place);

/* Adds that text. */
gd_status gd_row_count_add(gd_row_count *count, size_t place, gd_error *err);

/* Removes all texts; keeps the memory. */
void gd_row_count_clear(gd_row_count *count);
void gd_row_count_free(gd_row_count *count);

#endif
