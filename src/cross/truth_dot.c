/* truth_dot.c - dot products in float64, and the bounds of their sums. */
#include "cross/truth_inside.h"

static size_t ceil_div(size_t a, size_t b) { return (a + b - 1) / b; }
static size_t least(size_t a, size_t b) { return a < b ? a : b; }

size_t gd_truth_room(size_t n) { return ceil_div(n, GD_TRUTH_CHUNK) * GD_TRUTH_CHUNK; }

/* As many sums as a chunk has elements, so that the compiler can compute them side by side. */
static void add_chunk(const double *restrict a, const float *restrict b, double *restrict value, double *restrict size)
{
    for (size_t i = 0; i < GD_TRUTH_CHUNK; i++) {
        const double product = a[i] * (double)b[i];

        value[i] += product;
        size[i] += __builtin_fabs(product);
    }
}

static void widen_chunk(const gd_bf16 *restrict from, float *restrict to)
{
    for (size_t i = 0; i < GD_TRUTH_CHUNK; i++)
        to[i] = gd_bf16_to_f32(from[i]);
}

gd_products gd_truth_products(const double *a, const void *b, gd_dtype type, size_t n)
{
    double value[GD_TRUTH_CHUNK] = { 0 }, size[GD_TRUTH_CHUNK] = { 0 };
    gd_products all = { 0, 0 };
    float wide[GD_TRUTH_CHUNK];

    for (size_t i = 0; i < n; i += GD_TRUTH_CHUNK) {
        if (type == GD_BF16)
            widen_chunk((const gd_bf16 *)b + i, wide);
        add_chunk(a + i, type == GD_BF16 ? wide : (const float *)b + i, value, size);
    }
    for (size_t i = 0; i < GD_TRUTH_CHUNK; i++) {
        all.value += value[i];
        all.size += size[i];
    }
    return all;
}

/* A chain of steps of a tensor core.  With the magnitude S of all terms so far and the error E so far, a step cuts all
 * terms but the largest by less than 2^-bits (S + E) each, and the sum by 2^-23 (S + E). */
static double tensor_block_error(gd_arithmetic arithmetic, size_t n)
{
    const size_t products = arithmetic == GD_TENSOR ? 16 : 8;
    const double unit = arithmetic == GD_TENSOR ? 0x1p-25 : 0x1p-24;

    return (double)ceil_div(n, products) * ((double)products * unit + 0x1p-23);
}

/* One rounding more than there are: it stands for those of float64. */
double gd_truth_dot_error(const gd_truth_rule *rule, size_t n)
{
    double block;
    size_t roundings; /* besides those in a block */

    if (rule->any_order) {
        block = 0;
        roundings = n + (rule->operand == GD_F32); /* fp32's products are rounded, too */
    } else if (rule->arithmetic == GD_EXACT) {
        block = (double)least(n, 512) * GD_UNIT;
        roundings = ceil_div(n, 512);
    } else {
        block = tensor_block_error(rule->arithmetic, least(n, 128));
        roundings = ceil_div(n, 128);
    }
    return gd_truth_growth(block + (double)roundings * GD_UNIT);
}

double gd_truth_lanes_error(size_t n) { return gd_truth_growth((double)(ceil_div(n, 16) + 5) * GD_UNIT); }
