/* texts.h - what both sides of a cross-check run: the first texts of an input, and the rows that they have together.
 *
 * A row is a distinct prefix of the texts, whatever batches a side makes of them: its number is that of the trie of all
 * texts.  It belongs to the first text that it is a prefix of, and is recorded with that one. */
#ifndef GD_CROSS_TEXTS_H
#define GD_CROSS_TEXTS_H

#include "data/trie.h"
#include "reward/model.h"

typedef struct gd_cross_text {
    uint64_t item; /* the record, from 0 */
    size_t which;  /* of its texts */
    size_t step;   /* of the text, from 1; 0: it has none */
    bool of_pair;  /* which is 0 for chosen, 1 for rejected */
    char *excerpt; /* its end, which a score depends on most, for people to recognise it */
} gd_cross_text;

enum { GD_CROSS_PROBLEMS = 5 }; /* that are kept */

typedef struct gd_cross_texts {
    gd_span *ids; /* [count]; the arrays are ours */
    gd_cross_text *about;
    size_t count, room, about_room;
    uint64_t items, left_out;         /* records; those of them that could not be read, or were dropped as too long */
    char *problem[GD_CROSS_PROBLEMS]; /* of the first that could not be read */
    size_t problems;
    size_t *order; /* [count] sorted by ids */
    gd_trie trie;
    uint32_t *owner; /* [trie.rows] the text that the row belongs to */
    uint64_t digest; /* of all ids */
} gd_cross_texts;

/* Reads records of how->input until there are how->texts texts, and encodes them as scoring does; at least one. */
gd_status gd_cross_texts_read(gd_cross_texts *texts, const gd_encoder *encoder, const gd_crosscheck_options *how,
                              gd_error *err);

/* The same for one text of others. */
gd_status gd_cross_texts_one(gd_cross_texts *texts, const gd_cross_texts *of, size_t text, gd_error *err);

void gd_cross_texts_free(gd_cross_texts *texts);

#endif
