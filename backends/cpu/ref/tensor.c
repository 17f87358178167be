/* tensor.c - the definition of a tensor core's step and of a block: every other variant is right if it agrees with this
 * one bit for bit.  Written to be read; it is never tuned. */
#include "backends/cpu/tensor.h"

#include <math.h>
#include <string.h>

static const gd_tensor_rule tensor = { GD_TENSOR_RULE }, tensor8 = { GD_TENSOR8_RULE };

enum { MOST_PRODUCTS = 16 };

/* A term: sign * magnitude * 2^(exponent - fraction). The magnitude isn't normalised. */
struct term {
    bool negative;
    uint32_t magnitude;
    int fraction, exponent;
};

/* Eight bits by eight, exact. */
static struct term product_of(gd_bf16 a, gd_bf16 b)
{
    const int ea = a >> 7 & 0xFF, eb = b >> 7 & 0xFF;
    const uint32_t ma = ea ? (a & 0x7Fu) | 0x80u : 0, mb = eb ? (b & 0x7Fu) | 0x80u : 0;

    return (struct term){ (a ^ b) >> 15 & 1, ma * mb, 14, ea + eb - 254 };
}

/* The accumulator may be subnormal. */
static struct term term_of(float acc)
{
    uint32_t bits;
    int e;

    memcpy(&bits, &acc, 4);
    e = (int)(bits >> 23 & 0xFF);
    return (struct term){ bits >> 31, (bits & 0x7FFFFFu) | (e ? 0x800000u : 0), 23, (e ? e : 1) - 127 };
}

/* In units of 2^(top - bits), cut towards zero. The exponent of zero may be above top. */
static int64_t cut(const struct term *t, int top, int bits)
{
    const int left = t->magnitude ? bits - t->fraction - (top - t->exponent) : 0;
    const int64_t magnitude = left >= 0 ? (int64_t)t->magnitude << left : left > -32 ? t->magnitude >> -left : 0;

    return t->negative ? -magnitude : magnitude;
}

static float float_of(bool negative, uint32_t bits)
{
    float f;

    bits |= (uint32_t)negative << 31;
    memcpy(&f, &bits, 4);
    return f;
}

/* sum * 2^unit, cut towards zero to fp32; infinity from 2^128 on. */
static float to_f32(int64_t sum, int unit)
{
    uint64_t magnitude = sum < 0 ? -(uint64_t)sum : (uint64_t)sum;
    int exponent = unit + 23; /* of the bit that leads in fp32 */

    if (magnitude == 0)
        return 0.0f;
    for (; magnitude >> 24; exponent++)
        magnitude >>= 1;
    for (; !(magnitude >> 23) && exponent > -126; exponent--)
        magnitude <<= 1;
    for (; exponent < -126; exponent++) /* subnormal */
        magnitude >>= 1;
    if (exponent > 127)
        return float_of(sum < 0, 0x7F800000u);
    if (magnitude == 0)
        return 0.0f; /* never -0, so that a step of zeros changes nothing */
    return float_of(sum < 0, ((uint32_t)(exponent + 126) << 23) + (uint32_t)magnitude);
}

static bool is_finite(gd_bf16 x) { return (x & 0x7F80u) != 0x7F80u; }

float gd_tensor_step(const gd_tensor_rule *rule, const gd_bf16 *a, const gd_bf16 *b, float acc)
{
    struct term terms[MOST_PRODUCTS + 1];
    const size_t n = rule->products;
    bool finite = isfinite(acc);
    int top = rule->floor;
    int64_t sum = 0;

    for (size_t i = 0; i < n; i++) {
        terms[i] = product_of(a[i], b[i]);
        finite = finite && is_finite(a[i]) && is_finite(b[i]);
    }
    terms[n] = term_of(acc);
    if (!finite)
        return NAN;
    for (size_t i = 0; i <= n; i++)
        if (terms[i].magnitude && terms[i].exponent > top)
            top = terms[i].exponent;
    for (size_t i = 0; i <= n; i++)
        sum += cut(&terms[i], top, rule->bits);
    return to_f32(sum, top - rule->bits);
}

/* The elements of a step, from pairs `stride` elements apart; those past the end are zero. */
static void gather(gd_bf16 *to, const gd_bf16 *pairs, size_t stride, size_t first, size_t end, size_t count)
{
    for (size_t i = 0; i < count; i++)
        to[i] = first + i < end ? pairs[(first + i) / 2 * stride + (first + i) % 2] : 0;
}

static float chain(const gd_tensor_rule *rule, const gd_bf16 *x, const gd_bf16 *w, size_t w_stride, size_t count)
{
    float acc = 0.0f;

    for (size_t i = 0; i < count; i += rule->products) {
        gd_bf16 a[MOST_PRODUCTS], b[MOST_PRODUCTS];

        gather(a, x, 2, i, count, rule->products);
        gather(b, w, w_stride, i, count, rule->products);
        acc = gd_tensor_step(rule, a, b, acc);
    }
    return acc;
}

static void products(const gd_tensor_rule *rule, const gd_tensor_block *b)
{
    for (size_t r = 0; r < b->rows; r++)
        for (size_t c = 0; c < b->vectors * 16; c++) {
            const gd_bf16 *x = (const gd_bf16 *)((const char *)b->x + r * b->x_stride), *w = b->w;
            const float value = chain(rule, x, w + 2 * c, b->w_stride / sizeof *w, 2 * b->pairs);
            float *sum = &b->sum[r * b->sum_stride + c];

            *sum = b->add ? *sum + value : value;
        }
}

void gd_tensor_ref_TENSOR(const gd_tensor_block *b) { products(&tensor, b); }
void gd_tensor_ref_TENSOR8(const gd_tensor_block *b) { products(&tensor8, b); }
