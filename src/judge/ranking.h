/* ranking.h - ranks the answers to one prompt by score. */
#ifndef GD_JUDGE_RANKING_H
#define GD_JUDGE_RANKING_H

#include "guerdon.h"

/* Can be used for many rankings; its arrays grow. Initially all zero. */
typedef struct gd_ranking {
    size_t count;
    size_t *order; /* [count] answers from the best to the worst; equal scores in the order of the input */
    size_t *ranks; /* [count] of each answer, from 1; equal scores share one, and the ranks after it are skipped */
    size_t ties;   /* answers that share the best score: 0, or 2 or more */
    float margin;  /* of the two best scores, subtracted in float32; 0 if there is only one answer */
    size_t order_room, rank_room;
} gd_ranking;

/* The scores must be finite. */
gd_status gd_ranking_make(gd_ranking *ranking, const float *scores, size_t count, gd_error *err);
void gd_ranking_free(gd_ranking *ranking);

#endif
