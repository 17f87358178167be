/* compare.h - what gd_compare() collects from two files of scores, and the result made from it. */
#ifndef GD_JUDGE_COMPARE_H
#define GD_JUDGE_COMPARE_H

#include "base/json.h"

/* Numbers that both files have, with their items. */
typedef struct gd_both {
    double *a, *b; /* exactly the float32 of the files */
    uint64_t *index;
    size_t count, room_a, room_b, room_index;
} gd_both;

typedef struct gd_comparison {
    const char *name_a, *name_b;
    gd_both scores;          /* of every text */
    gd_both margins;         /* of every pair */
    uint64_t items, skipped; /* skipped: error lines in either file */
    uint64_t identical;      /* scores with the same bits */
    uint64_t lists, best;    /* items with several answers; those of them whose best answer differs */
} gd_comparison;

/* The JSON of gd_compare(). */
gd_status gd_compare_result(const gd_comparison *found, char **json, gd_error *err);

#endif
