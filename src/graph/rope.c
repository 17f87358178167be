/* rope.c - rotary tables: double precision throughout, rounded to fp32 once. */
#include "base/realmath.h"
#include "graph/plan.h"

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

/* Radians per position by which pair i of the head is rotated. */
static double frequency_of(const gd_rope *rope, size_t i, size_t head_dim)
{
    const double frequency = gd_real_pow(rope->theta, -(double)(2 * i) / (double)head_dim);

    switch (rope->type) {
    case GD_ROPE_LLAMA3: return llama3(rope, frequency);
    case GD_ROPE_LINEAR: return frequency / rope->factor;
    default: return frequency;
    }
}

void gd_rope_table(const gd_rope *rope, size_t head_dim, size_t positions, float *cos_table, float *sin_table)
{
    const size_t half = head_dim / 2;

    for (size_t i = 0; i < half; i++) {
        const double frequency = frequency_of(rope, i, head_dim);

        for (size_t p = 0; p < positions; p++) {
            double sine, cosine;

            gd_real_sincos((double)p * frequency, &sine, &cosine);
            cos_table[p * half + i] = (float)cosine;
            sin_table[p * half + i] = (float)sine;
        }
    }
}
