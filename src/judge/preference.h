/* preference.h - makes preference pairs, for DPO or for training reward models, from ranked answers.
 *
 * A line is {"index":0,"prompt":..,"chosen":..,"rejected":..,"score_chosen":..,"score_rejected":..,"score_margin":..}:
 * the index of the item, the prompt and the answers as in the input, and the scores.  Where trainers could not join
 * these (a prompt that only one side repeats, a text beside messages, messages in two forms, a field "system"), both
 * sides are the whole conversations that were scored, without a prompt.  No field is called "margin": TRL's
 * RewardTrainer would subtract it in its loss. */
#ifndef GD_JUDGE_PREFERENCE_H
#define GD_JUDGE_PREFERENCE_H

#include "base/buf.h"
#include "data/record.h"
#include "judge/as_written.h"
#include "judge/ranking.h"

/* Which pairs to make of the answers to one prompt. */
typedef struct gd_preference {
    gd_rank_pairs pairs;
    float min_margin;             /* pairs with a smaller one are left out, and so are equal scores */
    uint64_t seed;                /* for GD_PAIRS_BEST_RANDOM */
    const gd_as_written *written; /* of the record; or NULL */
} gd_preference;

/* The fields of a pair that lines of other outputs do not have; ends with NULL. */
extern const char *const gd_preference_names[];

/* Whether an item's texts, of which there are `count`, are needed for its lines. */
bool gd_preference_needs_texts(const gd_record *record, size_t count);

/* Adds the lines of one item, in the order of the ranking, and returns their number. Its object has the prompt and
 * the answers. */
size_t gd_preference_lines(gd_buf *out, const gd_preference *how, const gd_record *record, const gd_ranking *ranking,
                           const float *scores);

/* Whether the prompt and the `count` answers of a record can be written: a field inside a message, which nobody reads,
 * may hold what JSON can't express. */
bool gd_can_put(const gd_record *record, size_t count);

/* Adds a JSON value, as it is written in the input if that is known. */
void gd_put_json(gd_buf *out, const json_t *value, gd_text written);

#endif
