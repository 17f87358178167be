/* bf16.h - the upper half of a float32, rounded to nearest even. */
#ifndef GD_QUANT_FREE_BF16_H
#define GD_QUANT_FREE_BF16_H

#include <stdint.h>
#include <string.h>

typedef uint16_t gd_bf16;

static inline float gd_bf16_to_f32(gd_bf16 h)
{
    const uint32_t bits = (uint32_t)h << 16;
    float f;

    memcpy(&f, &bits, 4);
    return f;
}

/* NaN stays NaN (made quiet); overflow becomes infinity, as rounding says. Denormal results are kept: the
 * contract's flushing belongs to arithmetic, and a conversion is none. */
static inline gd_bf16 gd_bf16_from_f32(float f)
{
    uint32_t bits;

    memcpy(&bits, &f, 4);
    if ((bits & 0x7FFFFFFFu) > 0x7F800000u)
        return (gd_bf16)(bits >> 16 | 0x40u);
    return (gd_bf16)((bits + 0x7FFFu + (bits >> 16 & 1u)) >> 16);
}

/* IEEE half precision to float32, exact. */
static inline float gd_f16_to_f32(uint16_t h)
{
    const uint32_t sign = (uint32_t)(h & 0x8000u) << 16, mant = h & 0x3FFu;
    const unsigned exp = h >> 10 & 0x1Fu;
    uint32_t bits;
    float f;

    if (exp == 0) {
        f = (float)mant * 0x1p-24f; /* zero and denormal halves are normal floats */
        return sign ? -f : f;
    }
    bits = sign | (exp == 31 ? 0x7F800000u : (uint32_t)(exp + 112) << 23) | mant << 13;
    memcpy(&f, &bits, 4);
    return f;
}

#endif
