/* card_steps.c - steps through the card, by the kernel of the self-test or by that of probe_wgmma.cu. */
#include "bench/gpu/card_steps.h"

#include "backends/cuda/kernels/rows.h"
#include "backends/cuda/ops.h"
#include "base/error.h"
#include "base/mem.h"
#include "bench/gpu/probe.h"

gd_status card_steps_open(card_steps *steps, size_t count, gd_error *err)
{
    *steps = (card_steps){ .count = count,
                           .a = gd_alloc_zero(count * STEP_TERMS, sizeof(gd_bf16)),
                           .b = gd_alloc_zero(count * STEP_TERMS, sizeof(gd_bf16)),
                           .c = gd_alloc_zero(count, sizeof(float)),
                           .d = gd_alloc_zero(count, sizeof(float)) };
    return steps->a && steps->b && steps->c && steps->d ? GD_OK : gd_fail_memory(err, count * 72);
}

void card_steps_close(card_steps *steps)
{
    gd_free(steps->a);
    gd_free(steps->b);
    gd_free(steps->c);
    gd_free(steps->d);
}

static void start(gd_device *device, const card_steps *steps, gd_cuda_steps *argument)
{
    void *arguments[] = { argument };

    if (!steps->wgmma)
        gd_cuda_start(device, GD_KERNEL_steps, gd_cuda_ceil(steps->count, GD_CUDA_BLOCK_STEPS), argument);
    else
        (void)gd_cuda_failed(device,
                             device->driver->launch(steps->wgmma, (unsigned)gd_cuda_ceil(steps->count, GD_WGMMA_STEPS),
                                                    1, 1, GD_WGMMA_THREADS, 1, 1, 0, device->compute, arguments, NULL),
                             "wgmma was tried");
}

gd_status card_steps_run(gd_device *device, card_steps *steps, gd_error *err)
{
    const size_t n = steps->count, pairs = n * STEP_TERMS * sizeof(gd_bf16);
    gd_cu_address block;
    gd_status rc = gd_cuda_alloc(device, &block, 2 * pairs + 2 * n * sizeof(float), err);
    const gd_cu_address b = block + pairs, c = b + pairs, d = c + n * sizeof(float);
    gd_cuda_steps argument = { (const uint16_t *)(uintptr_t)block, (const uint16_t *)(uintptr_t)b,
                               (const float *)(uintptr_t)c, (float *)(uintptr_t)d, (uint32_t)n };

    if (rc)
        return rc;
    rc = gd_cuda_upload(device, (void *)(uintptr_t)block, steps->a, pairs, err);
    if (!rc)
        rc = gd_cuda_upload(device, (void *)(uintptr_t)b, steps->b, pairs, err);
    if (!rc)
        rc = gd_cuda_upload(device, (void *)(uintptr_t)c, steps->c, n * sizeof(float), err);
    if (!rc) {
        start(device, steps, &argument);
        rc = gd_cuda_download(device, steps->d, (const void *)(uintptr_t)d, n * sizeof(float), err);
    }
    gd_cuda_free(device, block);
    return rc;
}

float card_steps_expected(const card_steps *steps, size_t i, const gd_tensor_rule *rule)
{
    float sum = steps->c[i];

    for (size_t k = 0; k < STEP_TERMS; k += rule->products)
        sum = gd_tensor_step(rule, steps->a + i * STEP_TERMS + k, steps->b + i * STEP_TERMS + k, sum);
    return sum;
}

const gd_tensor_rule *card_steps_rule(const gd_device *device)
{
    static const gd_tensor_rule tensor = { GD_TENSOR_RULE }, tensor8 = { GD_TENSOR8_RULE };

    return gd_cu_arithmetic(&device->card) == GD_TENSOR ? &tensor : &tensor8;
}
