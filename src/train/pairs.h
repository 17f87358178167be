/* pairs.h - the data of a training run: records whose answers are preferred to others, as token ids.
 *
 *     {"chosen": C, "rejected": R}                    C is better; with a "prompt", and "margin", by which
 *     {"chosen": [C, D], "rejected": [R]}             each of the first is better than each of the others
 *     {"prompt": P, "responses": [..], "ranks": [..]} rank 1 is best; equal ranks say nothing
 *
 * A record's margin is that of each of its preferences.
 *
 * A record is left out if one of its texts is too long (as TRL does; nothing is cut), if it prefers nothing, or if it
 * cannot be read. Preferences of equal texts are left out: they teach nothing, and count as wrong. */
#ifndef GD_TRAIN_PAIRS_H
#define GD_TRAIN_PAIRS_H

#include "judge/groups.h"
#include "reward/encode.h"
#include "train/trainer.h"

/* What became of the records. */
typedef struct gd_pairs_counts {
    uint64_t records, kept, too_long, equal, indifferent, failed; /* indifferent: equal ranks only */
} gd_pairs_counts;

typedef struct gd_pairs {
    gd_train_set set; /* its arrays belong to the pairs */
    uint64_t *index;  /* [set.count] of each item's record in the input, from 0 */
    uint32_t *group;  /* [set.count] the number of its group */
    gd_groups groups; /* the values of options->by; without it, one group */
    gd_pairs_counts counts;
    char problem[GD_SENTENCE_ROOM]; /* of the first record that failed, or "" */
    size_t item_room, text_room;
    uint64_t tokens; /* of all texts kept */
    size_t longest;  /* tokens of the longest one */
    uint64_t preferences;
    uint64_t margins; /* records kept that have a number "margin", though margins are not read */
    uint64_t joined;  /* records kept whose prompt was joined to its answers, though turns could be made of them */
    uint64_t talks;   /* records kept that are conversations, or were made turns */
    uint64_t digest;  /* of all records: gd_record's */
} gd_pairs;

/* The column from which TRL reads margins by default. */
#define GD_PAIRS_MARGIN "margin"

typedef struct gd_pairs_options {
    const char *margin; /* the name of a field, or NULL: margins are not read */
    bool keep_equal;    /* preferences of equal texts stay, as in TRL */
    const char *by;     /* the name of a field, or NULL: its values are the groups */
} gd_pairs_options;

/* Reads all records; the encoder's `truncate` must be GD_TRUNCATE_DROP, and fields "ranks", options->margin (else
 * "margin") and options->by must be among the records' `also`. Fails only where the input breaks off, or without
 * memory. */
gd_status gd_pairs_read(gd_pairs *pairs, gd_records *records, const gd_encoder *encoder,
                        const gd_pairs_options *options, gd_error *err);
void gd_pairs_free(gd_pairs *pairs); /* all zero is fine */

#endif
