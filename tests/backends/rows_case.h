/* rows_case.h - shared by the tests of row kernels: variants that this CPU can run, random numbers, comparing bits. */
#ifndef GD_TESTS_ROWS_CASE_H
#define GD_TESTS_ROWS_CASE_H

#include "tests/check.h"

#include "backends/cpu/rows.h"
#include "base/fpenv.h"
#include "base/mem.h"
#include "quant-free/bf16.h"

#include <math.h>

/* Calls `each` for every variant that can run here; reports the others as skipped. */
static inline void test_each_variant(void (*each)(const gd_row_kernels *k))
{
    const gd_isa have = gd_isa_detect();

    for (size_t i = 0; i < gd_row_variant_count; i++) {
        if (gd_row_variants[i]->needs & ~have)
            print_message("skipped: this CPU cannot run rows:%s\n", gd_row_variants[i]->name);
        else
            each(gd_row_variants[i]);
    }
}

/* A small generator (splitmix64), so that a case is given by its seed. */
static inline uint64_t test_random(uint64_t *state)
{
    uint64_t z = *state += 0x9E3779B97F4A7C15u;

    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

static inline size_t test_below(uint64_t *state, size_t n) { return (size_t)(test_random(state) % n); }

/* Roughly normal: the sum of twelve uniform numbers minus six. */
static inline float test_normal(uint64_t *state)
{
    double sum = -6.0;

    for (int i = 0; i < 12; i++)
        sum += (double)(test_random(state) >> 11) * 0x1p-53;
    return (float)sum;
}

/* n values that are exact in a type. */
static inline void *test_values(size_t n, gd_dtype type, uint64_t *state)
{
    void *p = gd_alloc_aligned(n * gd_dtype_size(type) + 1);

    assert_non_null(p);
    for (size_t i = 0; i < n; i++) {
        const float x = test_normal(state);

        if (type == GD_F32)
            ((float *)p)[i] = x;
        else
            ((gd_bf16 *)p)[i] = gd_bf16_from_f32(x);
    }
    return p;
}

static inline float test_value(const void *p, gd_dtype type, size_t i)
{
    return type == GD_F32 ? ((const float *)p)[i] : gd_bf16_to_f32(((const gd_bf16 *)p)[i]);
}

/* The same bits, or both NaN: which NaN is the processor's choice. */
static inline bool test_same(float a, float b) { return memcmp(&a, &b, sizeof a) == 0 || (isnan(a) && isnan(b)); }

#endif
