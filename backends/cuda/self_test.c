/* self_test.c - do the card's tensor cores add as the contract says (doc/arithmetic.md, section 3T)?
 *
 * The steps tell the rules apart: exponents far apart, sums that cancel, terms below the cut, subnormal accumulators.
 * Operands are never subnormal: the contract takes them for zero, and weights are sent so (weight.c). */
#include "backends/cpu/tensor.h"
#include "backends/cuda/kernels/rows.h"
#include "backends/cuda/ops.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/random.h"

#include <string.h>

enum { STEPS = 4096, TERMS = 16 };

struct steps {
    gd_bf16 a[STEPS * TERMS], b[STEPS * TERMS];
    float c[STEPS], d[STEPS];
};

static uint32_t below(gd_random *random, uint32_t end) { return gd_random_next(random) % end; }

/* A bf16 number whose exponent is one of `spread` below `top`; or zero, one time in sixteen. */
static gd_bf16 operand(gd_random *random, uint32_t top, uint32_t spread)
{
    const uint32_t exponent = top - below(random, spread), sign = below(random, 2), digits = below(random, 128);

    return below(random, 16) ? (gd_bf16)(sign << 15 | exponent << 7 | digits) : 0;
}

static float accumulator(gd_random *random, uint32_t top, uint32_t spread)
{
    const uint32_t bits = (uint32_t)operand(random, top, spread) << 16 | below(random, 1u << 16);
    float c;

    memcpy(&c, &bits, sizeof c);
    return c;
}

/* Four kinds in turn: ordinary; far apart; cancelling; near the smallest number. */
static void make_step(struct steps *steps, size_t i, gd_random *random)
{
    static const uint32_t top[] = { 129, 150, 127, 72 }, spread[] = { 4, 60, 2, 16 };
    static const uint32_t c_top[] = { 131, 170, 128, 18 };
    gd_bf16 *a = steps->a + i * TERMS, *b = steps->b + i * TERMS;
    const size_t kind = i % 4;

    for (size_t k = 0; k < TERMS; k++) {
        a[k] = operand(random, top[kind], spread[kind]);
        b[k] = operand(random, top[kind], spread[kind]);
        if (kind == 2 && k % 2) { /* the opposite of the product before, or nearly */
            a[k] = (gd_bf16)(a[k - 1] ^ 0x8000u);
            b[k] = (gd_bf16)(b[k - 1] ^ below(random, 2));
        }
    }
    steps->c[i] = accumulator(random, c_top[kind], kind == 3 ? 18 : spread[kind]);
}

static float expected(const struct steps *steps, size_t i, gd_arithmetic arithmetic)
{
    static const gd_tensor_rule tensor = { GD_TENSOR_RULE }, tensor8 = { GD_TENSOR8_RULE };
    const gd_tensor_rule *rule = arithmetic == GD_TENSOR ? &tensor : &tensor8;
    float sum = steps->c[i];

    for (size_t k = 0; k < TERMS; k += rule->products)
        sum = gd_tensor_step(rule, steps->a + i * TERMS + k, steps->b + i * TERMS + k, sum);
    return sum;
}

/* Through the card; d is fetched. */
static gd_status run(gd_device *device, struct steps *steps, gd_error *err)
{
    const size_t in = offsetof(struct steps, d);
    gd_cu_address block;
    gd_status rc = gd_cuda_alloc(device, &block, sizeof *steps, err);
    const char *at = (const char *)(uintptr_t)block;
    gd_cuda_steps argument = { (const uint16_t *)(at + offsetof(struct steps, a)),
                               (const uint16_t *)(at + offsetof(struct steps, b)),
                               (const float *)(at + offsetof(struct steps, c)), (float *)(uintptr_t)(block + in),
                               STEPS };

    if (rc)
        return rc;
    rc = gd_cuda_upload(device, (void *)(uintptr_t)block, steps, in, err);
    if (!rc) {
        gd_cuda_start(device, GD_KERNEL_steps, gd_cuda_ceil(STEPS, GD_CUDA_BLOCK_STEPS), &argument);
        rc = gd_cuda_download(device, steps->d, (const void *)(uintptr_t)(block + in), sizeof steps->d, err);
    }
    gd_cuda_free(device, block);
    return rc;
}

static gd_status compare(const gd_device *device, const struct steps *steps, gd_error *err)
{
    size_t wrong = 0;

    for (size_t i = 0; i < STEPS; i++) {
        const float want = expected(steps, i, device->arithmetic);

        wrong += memcmp(&want, &steps->d[i], sizeof want) != 0;
    }
    if (wrong == 0)
        return GD_OK;
    return gd_fail(err, GD_EUNSUPPORTED,
                   "%s (%s): %zu of %d sums of its tensor cores are not those of numerics %s; use exact, and please "
                   "report this card and its driver",
                   device->card.name, device->about, wrong, STEPS, gd_arithmetic_name(device->arithmetic));
}

gd_status gd_cuda_self_test(gd_device *device, gd_error *err)
{
    struct steps *steps = gd_alloc_zero(1, sizeof *steps);
    gd_random random;
    gd_status rc;

    if (!steps)
        return gd_fail_memory(err, sizeof *steps);
    gd_random_seed(&random, 3);
    for (size_t i = 0; i < STEPS; i++)
        make_step(steps, i, &random);
    rc = run(device, steps, err);
    if (!rc)
        rc = compare(device, steps, err);
    gd_free(steps);
    return rc;
}
