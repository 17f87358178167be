/* filter_verdict.c - decides what filter does with a scored record. */
#include "judge/filter_verdict.h"

#include <math.h>

/* The two best scores. */
static void best_two(const float *scores, size_t count, float *best, float *second)
{
    *best = *second = -INFINITY;
    for (size_t i = 0; i < count; i++) {
        const float lower = scores[i] > *best ? *best : scores[i];

        *second = lower > *second ? lower : *second;
        *best = scores[i] > *best ? scores[i] : *best;
    }
}

static float margin_of(gd_record_kind kind, const float *scores, size_t count)
{
    float best, second;

    if (kind == GD_RECORD_PAIR)
        return scores[0] - scores[1];
    best_two(scores, count, &best, &second);
    return best - second;
}

static float score_of(gd_record_kind kind, const float *scores, size_t count)
{
    float best, second;

    if (kind != GD_RECORD_ANSWERS)
        return scores[0];
    best_two(scores, count, &best, &second);
    return best;
}

const char *gd_filter_misfit(gd_filter_by by, gd_record_kind kind, size_t count)
{
    if (by == GD_FILTER_FLIP_BELOW && kind != GD_RECORD_PAIR)
        return "only a pair, \"chosen\" and \"rejected\", can be flipped";
    if (by == GD_FILTER_MIN_MARGIN && kind == GD_RECORD_TEXT)
        return "a single text has no margin; expected a pair or answers to a prompt";
    if (by != GD_FILTER_MIN_SCORE && kind == GD_RECORD_ANSWERS && count < 2)
        return "a single answer has no margin; expected two or more";
    return NULL;
}

bool gd_filter_value_of(gd_filter_by by, gd_record_kind kind, const float *scores, size_t count, float *value,
                        const char **why)
{
    *why = gd_filter_misfit(by, kind, count);
    if (*why)
        return false;
    for (size_t i = 0; i < count; i++)
        if (!isfinite(scores[i]))
            *why = "a score is not a finite number";
    *value = by == GD_FILTER_MIN_SCORE || kind == GD_RECORD_TEXT ? score_of(kind, scores, count)
                                                                 : margin_of(kind, scores, count);
    if (!*why && !isfinite(*value))
        *why = "the margin is not a finite number";
    return !*why;
}

gd_filter_verdict gd_filter_decide(gd_filter_by by, double limit, float value)
{
    if (by == GD_FILTER_FLIP_BELOW)
        return (double)value < -limit ? GD_VERDICT_FLIP : GD_VERDICT_KEEP;
    return (double)value >= limit ? GD_VERDICT_KEEP : GD_VERDICT_REJECT;
}
