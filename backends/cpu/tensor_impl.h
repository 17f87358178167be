/* tensor_impl.h - the products of tensor cores (tensor.h), written once for LANES columns at a time.
 *
 * A term's distance from the largest exponent says how far it is cut: multiplied by 2^(bits - top), it is cut by its
 * conversion to an integer.  The products of a step fit into 32 bits; with the accumulator their sum may not, so that
 * one is added in double, which holds it exactly.  Exponents are 16-bit integers, two products' in a lane.
 *
 * That holds where nothing overflows: for numbers and exponents in a range that those of models keep.  A step outside
 * it is computed by the definition.
 *
 * A file for one instruction set defines LANES, the vectors t_floats and t_ints of so many 32-bit lanes, and
 *
 *     t_set t_load t_store t_mul t_add        floats; t_load and t_store at any alignment
 *     t_ints_set t_ints_load t_ints_store     integers
 *     t_ints_add t_ints_sub t_ints_max        of 32 bits
 *     t_pairs_set t_pairs_add t_pairs_sub     twice as many 16-bit integers
 *     t_pairs_max t_pairs_least               the larger as signed ones, the smaller as unsigned ones
 *     t_exponents(pairs)                      of pairs of bf16: without bias, NONE for zero and subnormals
 *     t_even(pairs) t_odd(pairs)              their values
 *     t_larger_half(pairs)                    the larger of the two 16-bit integers of each lane
 *     t_exponent(acc)                         of floats: NONE for zero
 *     t_power(e)                              2^e
 *     t_cut(x)                                to integers, towards zero
 *     t_cut_sum(a, b)                         a + b of integers, cut towards zero to 24 bits
 *     t_strange(top)                          whether any is above 127, or below LEAST but not NONE */
#include "backends/cpu/tensor.h"

#include <string.h>

#define INLINE static inline __attribute__((always_inline))

enum {
    STEP_PAIRS = 8, /* at most */
    LARGEST_X = 27, /* a row's number times 2^(bits - top) does not overflow if it is below 2^28 ... */
    WEIGHT = 100    /* ... nor that times a column's between 2^-100 and 2^101 */
};

/* LANES columns of a block. */
typedef struct columns {
    t_floats even[GD_TENSOR_PAIRS], odd[GD_TENSOR_PAIRS];
    t_ints exponents[GD_TENSOR_PAIRS];
    bool usual; /* all numbers are in the range */
} columns;

/* A row of a block. */
typedef struct row {
    float value[2 * GD_TENSOR_PAIRS];
    int16_t exponents[2 * GD_TENSOR_PAIRS];
    bool usual;
} row;

/* Of the 16-bit integers: the largest as signed ones, the least as unsigned ones. */
static int largest_of(t_ints e)
{
    int16_t x[2 * LANES], most = INT16_MIN;

    t_ints_store(x, e);
    for (size_t i = 0; i < 2 * LANES; i++)
        most = x[i] > most ? x[i] : most;
    return most;
}

static unsigned least_of(t_ints e)
{
    uint16_t x[2 * LANES], least = UINT16_MAX;

    t_ints_store(x, e);
    for (size_t i = 0; i < 2 * LANES; i++)
        least = x[i] < least ? x[i] : least;
    return least;
}

/* at: the first pair of the columns; pairs that are missing count as zero. */
static void load_columns(columns *c, const gd_tensor_block *b, const char *at)
{
    t_ints largest = t_ints_set(0), least = t_ints_set(-1);

    for (size_t j = 0; j < GD_TENSOR_PAIRS; j++) {
        const t_ints pairs = j < b->pairs ? t_ints_load(at + j * b->w_stride) : t_ints_set(0);
        const t_ints e = t_exponents(pairs);

        c->even[j] = t_even(pairs);
        c->odd[j] = t_odd(pairs);
        c->exponents[j] = e;
        largest = t_pairs_max(largest, e);
        least = t_pairs_least(least, t_pairs_sub(e, t_pairs_set(NONE + 1))); /* NONE becomes the largest */
    }
    c->usual = largest_of(largest) <= WEIGHT && least_of(least) >= (unsigned)(-WEIGHT - NONE - 1);
}

static void load_row(row *r, const gd_tensor_block *b, const char *at)
{
    gd_bf16 x[2 * GD_TENSOR_PAIRS] = { 0 };
    t_ints largest = t_pairs_set(NONE);

    memcpy(x, at, 2 * b->pairs * sizeof *x);
    for (size_t i = 0; i < 2 * GD_TENSOR_PAIRS; i += 2 * LANES) {
        const t_ints e = t_exponents(t_ints_load(x + i));

        t_ints_store(r->exponents + i, e);
        largest = t_pairs_max(largest, e);
    }
    for (size_t i = 0; i < 2 * GD_TENSOR_PAIRS; i++)
        r->value[i] = gd_bf16_to_f32(x[i]);
    r->usual = largest_of(largest) <= LARGEST_X;
}

INLINE gd_bf16 upper_half(const float *x)
{
    uint32_t bits;

    memcpy(&bits, x, sizeof bits);
    return (gd_bf16)(bits >> 16);
}

/* A step by the definition. */
static __attribute__((noinline)) t_floats step_by_rule(const gd_tensor_rule *rule, const row *r, const columns *c,
                                                       size_t pair, t_floats acc)
{
    float sum[LANES];

    t_store(sum, acc);
    for (size_t lane = 0; lane < LANES; lane++) {
        gd_bf16 x[2 * STEP_PAIRS], w[2 * STEP_PAIRS];

        for (size_t i = 0; i < rule->products; i++) {
            const t_floats *from = i % 2 ? c->odd : c->even;

            x[i] = upper_half(&r->value[2 * pair + i]);
            w[i] = upper_half((const float *)&from[pair + i / 2] + lane);
        }
        sum[lane] = gd_tensor_step(rule, x, w, sum[lane]);
    }
    return t_load(sum);
}

/* The largest exponent among the terms; below NONE / 2 if all are zero. */
INLINE t_ints top_of(size_t pairs, const row *r, const columns *c, size_t pair, t_floats acc)
{
    t_ints top = t_ints_set(0);

#pragma GCC unroll 8
    for (size_t j = 0; j < pairs; j++) {
        t_ints both;
        int x;

        memcpy(&x, r->exponents + 2 * (pair + j), sizeof x);
        both = t_pairs_add(c->exponents[pair + j], t_ints_set(x));
        top = j ? t_pairs_max(top, both) : both;
    }
    return t_ints_max(t_larger_half(top), t_exponent(acc));
}

/* The rule is a constant where this is inlined. */
INLINE t_floats step(const gd_tensor_rule *rule, const row *r, const columns *c, size_t pair, t_floats acc)
{
    const t_ints top = top_of(rule->products / 2, r, c, pair, acc), at = t_ints_max(top, t_ints_set(LEAST));
    const t_floats scale = t_power(t_ints_sub(t_ints_set(rule->bits), at));
    t_ints sum = t_ints_set(0);

    if (__builtin_expect(t_strange(top), false))
        return step_by_rule(rule, r, c, pair, acc);
#pragma GCC unroll 8
    for (size_t j = pair; j < pair + rule->products / 2; j++) {
        const t_floats even = t_mul(scale, t_set(r->value[2 * j])), odd = t_mul(scale, t_set(r->value[2 * j + 1]));

        sum = t_ints_add(sum, t_cut(t_mul(even, c->even[j])));
        sum = t_ints_add(sum, t_cut(t_mul(odd, c->odd[j])));
    }
    return t_mul(t_cut_sum(sum, t_cut(t_mul(acc, scale))), t_power(t_ints_sub(at, t_ints_set(rule->bits))));
}

INLINE t_floats chain_step(const gd_tensor_rule *rule, const row *r, const columns *c, size_t pair, t_floats acc)
{
    if (__builtin_expect(r->usual && c->usual, true))
        return step(rule, r, c, pair, acc);
    return step_by_rule(rule, r, c, pair, acc);
}

enum { CHAINS = 2 }; /* that overlap: each is a long sequence of dependent instructions */

/* CHAINS times LANES columns, from the first of them on. */
INLINE void products_of(const gd_tensor_rule *rule, const gd_tensor_block *b, size_t chains, size_t first)
{
    columns c[CHAINS];

    for (size_t v = 0; v < chains; v++)
        load_columns(&c[v], b, (const char *)b->w + (first + v * LANES) * 2 * sizeof(gd_bf16));
    for (size_t i = 0; i < b->rows; i++) {
        float *sum = b->sum + i * b->sum_stride + first;
        t_floats acc[CHAINS];
        row r;

        load_row(&r, b, (const char *)b->x + i * b->x_stride);
        for (size_t v = 0; v < chains; v++)
            acc[v] = t_set(0.0f);
        for (size_t pair = 0; pair < b->pairs; pair += rule->products / 2)
            for (size_t v = 0; v < chains; v++)
                acc[v] = chain_step(rule, &r, &c[v], pair, acc[v]);
        for (size_t v = 0; v < chains; v++)
            t_store(sum + v * LANES, b->add ? t_add(t_load(sum + v * LANES), acc[v]) : acc[v]);
    }
}

INLINE void products(const gd_tensor_rule *rule, const gd_tensor_block *b)
{
    size_t first = 0;

    for (; first + CHAINS * LANES <= b->vectors * 16; first += CHAINS * LANES)
        products_of(rule, b, CHAINS, first);
    for (; first < b->vectors * 16; first += LANES)
        products_of(rule, b, 1, first);
}

/* The kernel's two functions. */
#define TENSOR_PRODUCTS(variant)                                 \
    void gd_tensor_##variant##_TENSOR(const gd_tensor_block *b)  \
    {                                                            \
        static const gd_tensor_rule rule = { GD_TENSOR_RULE };   \
                                                                 \
        products(&rule, b);                                      \
    }                                                            \
    void gd_tensor_##variant##_TENSOR8(const gd_tensor_block *b) \
    {                                                            \
        static const gd_tensor_rule rule = { GD_TENSOR8_RULE };  \
                                                                 \
        products(&rule, b);                                      \
    }
