/* filter_verdict.h - decides what filter does with a scored record. */
#ifndef GD_JUDGE_FILTER_VERDICT_H
#define GD_JUDGE_FILTER_VERDICT_H

#include "data/record.h"

typedef enum gd_filter_verdict {
    GD_VERDICT_KEEP,
    GD_VERDICT_REJECT,
    GD_VERDICT_FLIP,
    GD_VERDICT_FAIL
} gd_filter_verdict;

/* Why a record of this kind can't be filtered in this way, or NULL. */
const char *gd_filter_misfit(gd_filter_by by, gd_record_kind kind, size_t count);

/* The value that filter decides by: for min_score the score of the text, the chosen side or the best answer; else the
 * score of the text, the pair's margin or the difference of the two best answers.  False with a reason if this kind of
 * record has none, or if it is not finite. */
bool gd_filter_value_of(gd_filter_by by, gd_record_kind kind, const float *scores, size_t count, float *value,
                        const char **why);

/* Not for GD_FILTER_TOP_FRACTION, which must see every record first. */
gd_filter_verdict gd_filter_decide(gd_filter_by by, double limit, float value);

#endif
