/* card_steps.h - single steps of the card's tensor cores, and what the contract's definition says of them. */
#ifndef GD_BENCH_GPU_CARD_STEPS_H
#define GD_BENCH_GPU_CARD_STEPS_H

#include "backends/cpu/tensor.h"
#include "backends/cuda/device.h"

enum { STEP_TERMS = 16 };

/* Some steps: d = c + the 16 products of a and b. */
typedef struct card_steps {
    size_t count;
    gd_bf16 *a, *b;       /* [count][STEP_TERMS] */
    float *c, *d;         /* [count] */
    gd_cu_function wgmma; /* the kernel gd_wgmma_steps; NULL: gd_steps, which is mma.sync */
} card_steps;

gd_status card_steps_open(card_steps *steps, size_t count, gd_error *err);
void card_steps_close(card_steps *steps);

/* Fills d by the kernel, which takes the diagonal of a product. */
gd_status card_steps_run(gd_device *device, card_steps *steps, gd_error *err);

/* Step i by the definition; a rule of fewer products takes several steps. */
float card_steps_expected(const card_steps *steps, size_t i, const gd_tensor_rule *rule);

/* The contract's rule of this card. */
const gd_tensor_rule *card_steps_rule(const gd_device *device);

#endif
