/* compare.h - what gd_compare() gathers from two files of scores, and the result that is made of it. */
#ifndef GD_JUDGE_COMPARE_H
#define GD_JUDGE_COMPARE_H

#include "base/json.h"

/* Numbers that both files have, with the items that they are of. */
typedef struct gd_both {
    double *a, *b; /* exactly the float32 of the files */
    uint64_t *index;
    size_t count, room_a, room_b, room_index;
} gd_both;

typedef struct gd_comparison {
    const char *name_a, *name_b;
    gd_both scores;          /* of every text */
    gd_both margins;         /* of every pair */
    uint64_t items, skipped; /* skipped: those that are error lines in one file or in both */
    uint64_t identical;      /* scores of the same bits */
    uint64_t lists, best;    /* items with several answers; of them: those whose best answer is another one */
} gd_comparison;

/* The JSON of gd_compare(). */
gd_status gd_compare_result(const gd_comparison *found, char **json, gd_error *err);

#endif
