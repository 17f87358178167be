/* steps.c - the score of a text from those of its steps. */
#include "reward/steps.h"

static float least(const float *steps, size_t count)
{
    float found = steps[0];

    for (size_t i = 1; i < count; i++)
        found = steps[i] < found ? steps[i] : found;
    return found;
}

static float mean(const float *steps, size_t count)
{
    double sum = 0;

    for (size_t i = 0; i < count; i++)
        sum += (double)steps[i];
    return (float)(sum / (double)count);
}

static float product(const float *steps, size_t count)
{
    double all = 1;

    for (size_t i = 0; i < count; i++)
        all *= (double)steps[i];
    return (float)all;
}

float gd_steps_score(gd_step_rule rule, const float *steps, size_t count)
{
    switch (rule) {
    case GD_STEPS_MIN: return least(steps, count);
    case GD_STEPS_MEAN: return mean(steps, count);
    case GD_STEPS_PRODUCT: return product(steps, count);
    default: return steps[count - 1];
    }
}
