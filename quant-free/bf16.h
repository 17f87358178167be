/* bf16.h - the upper half of a float32, and IEEE half precision; rounded to nearest even. */
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

/* NaN stays NaN (made quiet); overflow rounds to infinity. Denormal results are kept: the contract flushes those of
 * arithmetic, and a conversion is not arithmetic. */
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

/* The nearest half, ties to even; denormal halves are kept, overflow becomes infinity. */
static inline uint16_t gd_f16_from_f32(float f)
{
    uint32_t bits, size, sign;

    memcpy(&bits, &f, 4);
    sign = bits >> 16 & 0x8000u;
    size = bits & 0x7FFFFFFFu;
    if (size > 0x7F800000u)
        return (uint16_t)(sign | 0x7E00u);
    if (size >= 0x477FF000u) /* from halfway between 65504 and 65536 on */
        return (uint16_t)(sign | 0x7C00u);
    if (size < 0x38800000u) { /* below 2^-14 the halves are the multiples of 2^-24 */
        const uint32_t shift = 126 - (size >> 23), mant = (size & 0x7FFFFFu) | 0x800000u;

        if (shift > 24) /* below 2^-25 */
            return (uint16_t)sign;
        return (uint16_t)(sign | ((mant + (1u << (shift - 1)) - 1 + (mant >> shift & 1u)) >> shift));
    }
    size -= 112u << 23;
    return (uint16_t)(sign | ((size + 0xFFFu + (size >> 13 & 1u)) >> 13));
}

#endif
