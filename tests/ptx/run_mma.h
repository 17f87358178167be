/* run_mma.h - mma.sync m16n8k16 by section 3T of doc/arithmetic.md: eight columns of a row at a time.
 *
 * As backends/cpu/tensor_impl.h does it: a term times 2^(bits - top) is cut by its conversion to an integer, and a sum
 * with the accumulator is exact in double.  Where a term is not finite, or `top` so far out that a factor would not be
 * a normal number, the step is computed by its definition. */
#include "backends/cpu/tensor.h"

enum { COLUMNS = 8, ROWS = 16, DEPTH = 16, NO_EXPONENT = -10000, LEAST_TOP = -90, MOST_TOP = 90 };

typedef float floats __attribute__((vector_size(4 * COLUMNS)));
typedef int32_t ints __attribute__((vector_size(4 * COLUMNS)));
typedef uint32_t bits __attribute__((vector_size(4 * COLUMNS)));
typedef double doubles __attribute__((vector_size(8 * COLUMNS)));
typedef int64_t longs __attribute__((vector_size(8 * COLUMNS)));

/* The operands of one instruction, element by element. */
struct tile {
    gd_bf16 a[ROWS][DEPTH], b[COLUMNS][DEPTH];
    floats acc[ROWS]; /* in the order of column_at() */
    float a_value[ROWS][DEPTH];
    int32_t a_exponent[ROWS][DEPTH];
    floats b_value[DEPTH];
    ints b_exponent[DEPTH];
    bool finite;
};

INLINE ints larger(ints a, ints b)
{
    const ints above = a > b;

    return (a & above) | (b & ~above);
}

INLINE ints exponents_of(floats acc)
{
    const bits size = (bits)acc & 0x7FFFFFFFu;
    const ints field = (ints)(size >> 23), none = size == 0;

    return (none & NO_EXPONENT) | (~none & (larger(field, field - field + 1) - 127));
}

static floats step_by_rule(const gd_tensor_rule *rule, const struct tile *t, unsigned row, unsigned first, floats acc)
{
    for (unsigned c = 0; c < COLUMNS; c++)
        acc[c] = gd_tensor_step(rule, t->a[row] + first, t->b[c] + first, acc[c]);
    return acc;
}

INLINE floats step(const gd_tensor_rule *rule, const struct tile *t, unsigned row, unsigned first, unsigned products,
                   floats acc)
{
    ints top = exponents_of(acc), sum = { 0 };
    bits outside;
    floats scale;
    longs whole;
    uint64_t any[COLUMNS / 2];

#pragma GCC unroll 16
    for (unsigned k = first; k < first + products; k++)
        top = larger(top, t->b_exponent[k] + t->a_exponent[row][k]);
    outside = (bits)(top - LEAST_TOP) > (uint32_t)(MOST_TOP - LEAST_TOP);
    outside &= (bits)(top > NO_EXPONENT / 2);
    memcpy(any, &outside, sizeof any);
    if (__builtin_expect(!t->finite || (any[0] | any[1] | any[2] | any[3]), false))
        return step_by_rule(rule, t, row, first, acc);
    top = larger(top, top - top + LEAST_TOP);
    scale = (floats)((rule->bits + 127 - top) << 23);
#pragma GCC unroll 16
    for (unsigned k = first; k < first + products; k++)
        sum += __builtin_convertvector(t->b_value[k] * t->a_value[row][k] * scale, ints);
    whole = (longs)(__builtin_convertvector(sum, doubles) +
                    __builtin_convertvector(__builtin_convertvector(acc * scale, ints), doubles));
    whole &= -(1ll << 29); /* a double's last 29 bits are those that fp32 lacks */
    return __builtin_convertvector((doubles)whole, floats) * (floats)((top - rule->bits + 127) << 23);
}

INLINE int32_t exponent_of(gd_bf16 x) { return x & 0x7F80u ? (x >> 7 & 0xFF) - 127 : NO_EXPONENT; }

/* Columns are kept in the order in which the accumulator's registers have them: 0 2 4 6 1 3 5 7. */
INLINE unsigned column_at(unsigned c) { return c % 4 * 2 + c / 4; }

/* Four neighbouring lanes have eight neighbouring elements of a row. */
INLINE void load_fragments(ptx_warp *w, const ptx_mma *m, struct tile *t)
{
    for (unsigned g = 0; g < 8; g++) {
        for (unsigned i = 0; i < 4; i++) {
            memcpy(&t->a[g + i % 2 * 8][i / 2 * 8], row32(w, m->a[i]) + 4 * g, 16);
            memcpy((char *)&t->acc[g + i / 2 * 8] + i % 2 * 16, row32(w, m->c[i]) + 4 * g, 16);
        }
        for (unsigned c = 0; c < COLUMNS; c++)
            if (column_at(c) == g)
                for (unsigned i = 0; i < 2; i++)
                    memcpy(&t->b[c][i * 8], row32(w, m->b[i]) + 4 * g, 16);
    }
}

static void load_tile(ptx_warp *w, const ptx_mma *m, struct tile *t)
{
    const gd_bf16 *a = &t->a[0][0];
    uint32_t largest = 0;

    load_fragments(w, m, t);
    for (unsigned i = 0; i < ROWS * DEPTH; i++) {
        (&t->a_value[0][0])[i] = float_of((uint32_t)a[i] << 16);
        (&t->a_exponent[0][0])[i] = exponent_of(a[i]);
        largest = (a[i] & 0x7F80u) > largest ? a[i] & 0x7F80u : largest;
    }
#pragma GCC unroll 16
    for (unsigned k = 0; k < DEPTH; k++) {
        const bits column = { t->b[0][k], t->b[1][k], t->b[2][k], t->b[3][k],
                              t->b[4][k], t->b[5][k], t->b[6][k], t->b[7][k] };
        const ints field = (ints)(column & 0x7F80u), none = field == 0;

        t->b_value[k] = (floats)(column << 16);
        t->b_exponent[k] = (none & NO_EXPONENT) | (~none & ((field >> 7) - 127));
        for (unsigned c = 0; c < COLUMNS; c++)
            largest = (uint32_t)field[c] > largest ? (uint32_t)field[c] : largest;
    }
    t->finite = largest != 0x7F80u;
}

INLINE void steps(const gd_tensor_rule *rule, struct tile *t, unsigned products)
{
    for (unsigned r = 0; r < ROWS; r++)
        for (unsigned first = 0; first < DEPTH; first += products)
            t->acc[r] = step(rule, t, r, first, products, t->acc[r]);
}

static ptx_step run_mma(ptx_warp *w, const ptx_op *op, uint32_t lanes)
{
    const ptx_mma *m = op->more;
    const ptx_launch *launch = w->block->launch;
    const gd_tensor_rule rule = { launch->mma_products, launch->mma_bits, launch->mma_floor };
    struct tile t;

    if (lanes != PTX_ALL)
        return ptx_fault(w, op, -1, "mma in divergent code: lanes %08x", lanes);
    load_tile(w, m, &t);
    if (rule.products == DEPTH)
        steps(&rule, &t, DEPTH);
    else
        steps(&rule, &t, DEPTH / 2);
    for (unsigned r = 0; r < ROWS; r++)
        for (unsigned i = 0; i < 2; i++) {
            const unsigned reg = r / 8 * 2 + i;
            uint32_t *d = row32(w, m->d[reg]) + r % 8 * 4;

            for (unsigned c = 0; c < 4; c++)
                d[c] = canonical(t.acc[r][4 * i + c]);
        }
    return PTX_NEXT;
}
