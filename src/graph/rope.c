/* rope.c - rotary tables: double precision throughout, rounded to fp32 once. */
#include "base/realmath.h"
#include "graph/plan.h"

#include <math.h>

#define TWO_PI 0x1.921fb54442d18p+2

/* Llama 3: long waves are slowed down by `factor`, short ones are kept, those in between interpolated. */
static double llama3(const gd_rope *rope, double frequency)
{
    const double wavelength = TWO_PI / frequency, context = rope->original_max_position;
    double smooth;

    if (wavelength < context / rope->high_freq_factor)
        return frequency;
    if (wavelength > context / rope->low_freq_factor)
        return frequency / rope->factor;
    smooth = (context / wavelength - rope->low_freq_factor) / (rope->high_freq_factor - rope->low_freq_factor);
    return (1 - smooth) * frequency / rope->factor + smooth * frequency;
}

/* The pair (a fraction of one, in general) that makes `turns` full turns within the original length. */
static double yarn_pair(const gd_rope *rope, double turns, size_t head_dim)
{
    return (double)head_dim * gd_real_log(rope->original_max_position / (turns * TWO_PI)) /
           (2 * gd_real_log(rope->theta));
}

/* YaRN: pairs with many turns are kept, those with few slowed down by `factor`, with a linear blend in between. */
static double yarn(const gd_rope *rope, double frequency, size_t i, size_t head_dim)
{
    double low = yarn_pair(rope, rope->beta_fast, head_dim), high = yarn_pair(rope, rope->beta_slow, head_dim);
    double slowed;

    if (rope->truncate) {
        low = floor(low);
        high = ceil(high);
    }
    low = low > 0 ? low : 0;
    high = high < (double)head_dim - 1 ? high : (double)head_dim - 1;
    if (low == high)
        high += 0.001;
    slowed = ((double)i - low) / (high - low);
    slowed = slowed < 0 ? 0 : slowed > 1 ? 1 : slowed;
    return frequency / rope->factor * slowed + frequency * (1 - slowed);
}

static double yarn_mscale(double factor, double mscale)
{
    return factor <= 1 ? 1 : 0.1 * mscale * gd_real_log(factor) + 1;
}

static double longrope_size(const gd_rope *rope)
{
    return rope->factor <= 1 ? 1 : sqrt(1 + gd_real_log(rope->factor) / gd_real_log(rope->original_max_position));
}

/* What sines and cosines are multiplied by. */
static double attention_factor(const gd_rope *rope)
{
    if (rope->type != GD_ROPE_YARN && rope->type != GD_ROPE_LONGROPE)
        return 1;
    if (rope->attention_factor > 0)
        return rope->attention_factor;
    if (rope->type == GD_ROPE_LONGROPE)
        return longrope_size(rope);
    if (rope->mscale > 0 && rope->mscale_all_dim > 0)
        return yarn_mscale(rope->factor, rope->mscale) / yarn_mscale(rope->factor, rope->mscale_all_dim);
    return yarn_mscale(rope->factor, 1);
}

/* Queries that grow with the position are rotated by a table of their own. */
static double growth(const gd_rope *rope, size_t position)
{
    return rope->growth > 0 ? 1 + rope->growth * gd_real_log(1 + floor((double)position / rope->original_max_position))
                            : 1;
}

/* Radians per position by which pair i of the head is rotated. */
static double frequency_of(const gd_rope *rope, size_t i, size_t head_dim)
{
    const double frequency = gd_real_pow(rope->theta, -(double)(2 * i) / (double)head_dim);

    switch (rope->type) {
    case GD_ROPE_LLAMA3: return llama3(rope, frequency);
    case GD_ROPE_YARN: return yarn(rope, frequency, i, head_dim);
    case GD_ROPE_LINEAR: return frequency / rope->factor;
    case GD_ROPE_LONGROPE: return frequency / rope->divisor[i];
    default: return frequency;
    }
}

void gd_rope_table(const gd_rope *rope, size_t head_dim, size_t positions, float *cos_table, float *sin_table)
{
    const size_t half = head_dim / 2, rotary = rope->rotary ? rope->rotary : head_dim;
    const double size = attention_factor(rope);

    for (size_t i = 0; i < half; i++) {
        const bool turns = rope->type != GD_ROPE_NONE && i < rotary / 2;
        const double frequency = turns ? frequency_of(rope, i, rotary) : 0;

        for (size_t p = 0; p < positions; p++) {
            double sine, cosine;

            gd_real_sincos((double)p * frequency, &sine, &cosine);
            cos_table[p * half + i] = (float)(cosine * (size * growth(rope, p)));
            sin_table[p * half + i] = (float)(sine * (size * growth(rope, p)));
        }
    }
}
