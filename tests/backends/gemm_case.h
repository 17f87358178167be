/* gemm_case.h - one matmul to test: random operands, the definition spelled out once more without packing, and
 * an output inside a frame of canaries. */
#ifndef GD_TESTS_GEMM_CASE_H
#define GD_TESTS_GEMM_CASE_H

#include "tests/check.h"

#include "backends/cpu/gemm.h"
#include "base/fpenv.h"
#include "base/mem.h"
#include "quant-free/bf16.h"

#include <math.h>

enum gemm_fill {
    FILL_NORMAL,  /* of a magnitude around 1 */
    FILL_RANGE,   /* any exponent that keeps sums finite: cancellation, absorbed terms */
    FILL_SPECIAL, /* occasional infinities, NaNs and zeros */
    FILL_TINY     /* denormals, and denormal products: flushed to zero */
};

static inline uint64_t test_random(uint64_t *state)
{
    uint64_t z = *state += 0x9E3779B97F4A7C15u; /* splitmix64 */

    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

static inline double test_uniform(uint64_t *state) { return (double)(test_random(state) >> 11) * 0x1p-53; }

static inline float test_value(uint64_t *state, enum gemm_fill fill)
{
    static const float special[] = { INFINITY, -INFINITY, NAN, 0.0f, -0.0f, 0x1p-130f, -0x1p-130f };
    const float unit = (float)(test_uniform(state) + test_uniform(state) + test_uniform(state) - 1.5);
    const uint64_t r = test_random(state);

    if (fill == FILL_RANGE)
        return ldexpf(unit, (int)(r % 40) - 20);
    if (fill == FILL_TINY)
        return ldexpf(unit, -(int)(r % 140));
    if (fill == FILL_SPECIAL && r % 97 == 0)
        return special[(r >> 32) % (sizeof special / sizeof special[0])];
    return unit;
}

/* count values that are exact in a type. */
static inline void *test_values(size_t count, gd_dtype dtype, enum gemm_fill fill, uint64_t *state)
{
    void *p = gd_alloc_aligned((count + 1) * gd_dtype_size(dtype));

    assert_non_null(p);
    for (size_t i = 0; i < count; i++) {
        const float v = test_value(state, fill);

        if (dtype == GD_F32)
            ((float *)p)[i] = v;
        else
            ((gd_bf16 *)p)[i] = gd_bf16_from_f32(v);
    }
    return p;
}

static inline float test_element(const void *p, gd_dtype dtype, size_t i)
{
    return dtype == GD_F32 ? ((const float *)p)[i] : gd_bf16_to_f32(((const gd_bf16 *)p)[i]);
}

/* doc/arithmetic.md, section 3, taken literally. Call it between gd_fpenv_enter and gd_fpenv_leave. */
static inline float test_dot(const void *x, const void *w, gd_dtype dtype, size_t xi, size_t wi, size_t k)
{
    float total = 0;

    for (size_t at = 0; at < k; at += 512) {
        float acc = 0;

        for (size_t j = at; j < at + 512 && j < k; j += 2) {
            const float a = j + 1 < k ? test_element(x, dtype, xi + j + 1) : 0;
            const float b = j + 1 < k ? test_element(w, dtype, wi + j + 1) : 0;

            acc = fmaf(a, b, acc);
            acc = fmaf(test_element(x, dtype, xi + j), test_element(w, dtype, wi + j), acc);
        }
        total = at == 0 ? acc : total + acc;
    }
    return total;
}

/* A block: up to 128 elements, by steps that the definition computes. */
static inline float test_tensor_chain(const gd_tensor_rule *rule, const gd_bf16 *x, const gd_bf16 *w, size_t count)
{
    float acc = 0;

    for (size_t j = 0; j < count; j += rule->products) {
        gd_bf16 a[16] = { 0 }, b[16] = { 0 };
        const size_t some = count - j < rule->products ? count - j : rule->products;

        memcpy(a, x + j, some * sizeof *a);
        memcpy(b, w + j, some * sizeof *b);
        acc = gd_tensor_step(rule, a, b, acc);
    }
    return acc;
}

/* Section 3T. The first block is added to nothing: a sum with zero would flush one that is subnormal, and compilers may
 * make such a sum of `first ? block : total + block`. */
static inline float test_tensor_dot(const gd_tensor_rule *rule, const gd_bf16 *x, const gd_bf16 *w, size_t k)
{
    float total = test_tensor_chain(rule, x, w, k < 128 ? k : 128);

    for (size_t at = 128; at < k; at += 128)
        total += test_tensor_chain(rule, x + at, w + at, k - at < 128 ? k - at : 128);
    return total;
}

/* The same bits, or both NaN. */
static inline bool test_same(float a, float b) { return !memcmp(&a, &b, sizeof a) || (isnan(a) && isnan(b)); }

struct gemm_case {
    size_t m, n, k;
    gd_dtype operand;
    enum gemm_fill fill;
    uint64_t seed;
    bool there;   /* rows are read in place: only for kernels that can */
    void *x, *w;  /* [m, k], [n, k] */
    void *packed; /* w packed, as every kernel reads it */
};

static inline void gemm_case_open(struct gemm_case *c)
{
    uint64_t state = c->seed;
    size_t bytes;

    c->x = test_values(c->m * c->k, c->operand, c->fill, &state);
    c->w = test_values(c->n * c->k, c->operand, c->fill, &state);
    assert_true(gd_gemm_packed_bytes(c->n, c->k, c->operand, &bytes));
    c->packed = gd_alloc_aligned(bytes);
    assert_non_null(c->packed);
    memset(c->packed, 0xFF, bytes); /* NaN wherever packing omits an element */
    for (size_t p = 0; p < (c->n + 31) / 32; p++)
        gd_gemm_pack_panel(c->packed, c->operand,
                           &(gd_view){ .name = "w",
                                       .dtype = c->operand,
                                       .rank = 2,
                                       .shape = { c->n, c->k },
                                       .data = c->w,
                                       .bytes = c->n * c->k * gd_dtype_size(c->operand) },
                           p);
}

static inline void gemm_case_close(struct gemm_case *c)
{
    gd_free(c->x);
    gd_free(c->w);
    gd_free(c->packed);
}

#define CANARY 12345.5f
enum { FRAME = 5 };

/* x w^T by one kernel into y [m][n]; returns the number of writes outside it. */
static inline size_t gemm_case_run(const struct gemm_case *c, const gd_gemm_kernel *kernel, gd_pool *pool, float *y)
{
    const size_t stride = c->n + 2 * FRAME, framed = (c->m + 2 * FRAME) * stride;
    void *rows = gd_alloc_aligned(gd_gemm_rows_bytes(c->m, c->k));
    void *scratch = gd_alloc_aligned(gd_gemm_scratch_bytes(c->m, gd_pool_threads(pool)));
    float *frame = gd_alloc(framed, sizeof *frame);
    size_t strays = 0;

    assert_true(rows && scratch && frame);
    memset(rows, 0xFF, gd_gemm_rows_bytes(c->m, c->k));
    memset(scratch, 0xFF, gd_gemm_scratch_bytes(c->m, gd_pool_threads(pool)));
    for (size_t i = 0; i < framed; i++)
        frame[i] = CANARY;
    gd_gemm_pack_rows(kernel, rows, c->x, c->k, c->m, c->k, 0, c->m);
    gd_gemm_run(&(gd_gemm_job){ .kernel = kernel,
                                .m = c->m,
                                .n = c->n,
                                .k = c->k,
                                .x = c->there ? gd_gemm_rows_there(c->x, c->k) : gd_gemm_rows_packed(rows, c->m),
                                .w = { .packed = c->packed },
                                .y = frame + FRAME * stride + FRAME,
                                .dtype = GD_F32,
                                .stride = stride },
                1, pool, scratch);
    for (size_t i = 0; i < framed; i++) {
        const size_t row = i / stride, col = i % stride;

        if (row >= FRAME && row < FRAME + c->m && col >= FRAME && col < FRAME + c->n)
            y[(row - FRAME) * c->n + col - FRAME] = frame[i];
        else
            strays += frame[i] != CANARY;
    }
    gd_free(rows);
    gd_free(scratch);
    gd_free(frame);
    return strays;
}

#endif
