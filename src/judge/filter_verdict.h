/* filter_verdict.h - what filter makes of one scored record. */
#ifndef GD_JUDGE_FILTER_VERDICT_H
#define GD_JUDGE_FILTER_VERDICT_H

#include "data/record.h"

typedef enum gd_filter_verdict {
    GD_VERDICT_KEEP,
    GD_VERDICT_REJECT,
    GD_VERDICT_FLIP,
    GD_VERDICT_FAIL
} gd_filter_verdict;

/* The number that filter looks at: by min_score a text's score, a pair's chosen one or the best answer's; else a text's
 * score, a pair's margin or what the best two answers differ by.  False with a reason when this kind of record has
 * none, or when it is not a finite number. */
bool gd_filter_value_of(gd_filter_by by, gd_record_kind kind, const float *scores, size_t count, float *value,
                        const char **why);

/* For all but GD_FILTER_TOP_FRACTION, which needs to see every record first. */
gd_filter_verdict gd_filter_decide(gd_filter_by by, double limit, float value);

#endif
