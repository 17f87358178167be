/* ranking.h - answers to one prompt in the order of their scores. */
#ifndef GD_JUDGE_RANKING_H
#define GD_JUDGE_RANKING_H

#include "guerdon.h"

/* The arrays grow and serve many rankings; all zero at first. */
typedef struct gd_ranking {
    size_t count;
    size_t *order; /* [count] answers from the best to the worst; equal scores in the order of the input */
    size_t *ranks; /* [count] of each answer, from 1; equal scores share one, and the ranks behind it are left out */
    size_t ties;   /* answers that share the best score with another: 0, or 2 and more */
    float margin;  /* between the best two, subtracted in float32; 0 when there is one answer */
    size_t order_room, rank_room;
} gd_ranking;

/* Scores are finite. */
gd_status gd_ranking_make(gd_ranking *ranking, const float *scores, size_t count, gd_error *err);
void gd_ranking_free(gd_ranking *ranking);

#endif
