/* preference.h - pairs of a better and a worse answer, made from ranked ones: what DPO and reward training read.
 *
 * A line is {"index":0,"prompt":..,"chosen":..,"rejected":..,"margin":..}: the prompt and the answers as they were in
 * the input, and the index of the item that they come from. */
#ifndef GD_JUDGE_PREFERENCE_H
#define GD_JUDGE_PREFERENCE_H

#include "base/buf.h"
#include "guerdon.h"
#include "judge/ranking.h"

#include <jansson.h>
#include <stdint.h>

/* What is taken of the answers to one prompt. */
typedef struct gd_preference {
    gd_rank_pairs pairs;
    float min_margin; /* pairs with less are left out; equal scores always are */
    uint64_t seed;    /* of GD_PAIRS_BEST_RANDOM */
} gd_preference;

/* Adds the lines of one item, in the order of the ranking. `object` has its prompt and answers. Returns how many. */
size_t gd_preference_lines(gd_buf *out, const gd_preference *how, uint64_t index, const json_t *object,
                           const gd_ranking *ranking, const float *scores);

/* A JSON value as it was read. */
void gd_put_json(gd_buf *out, const json_t *value);

#endif
