/* adam.h - the optimiser: AdamW (Loshchilov and Hutter, 2019) as torch.optim.AdamW has it, and clipping.
 *
 * Everything is computed in double and rounded to fp32 once, element by element, with denormals: the same bits on every
 * machine and with every number of threads. */
#ifndef GD_TRAIN_ADAM_H
#define GD_TRAIN_ADAM_H

#include "base/pool.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct gd_adam {
    double beta1, beta2, eps, decay; /* decay: weight decay, relative to the learning rate */
} gd_adam;

/* One parameter with its gradient and its two moments. */
typedef struct gd_parameter {
    float *value, *gradient, *m, *v;
    size_t count;
    bool decays; /* norms and biases don't */
} gd_parameter;

/* Which step it is. */
typedef struct gd_adam_moment {
    size_t step;         /* from 1 */
    double rate, factor; /* learning rate; what gradients are multiplied by */
} gd_adam_moment;

void gd_adam_step(const gd_adam *adam, const gd_adam_moment *at, const gd_parameter *const *list, size_t count,
                  gd_pool *pool);

/* The sum of the squares of each parameter's gradients; NaN or infinite if one of them is. */
void gd_gradient_squares(const gd_parameter *const *list, size_t count, double *sums, gd_pool *pool);

/* The factor that clips gradients of this norm to `most`, as torch.nn.utils.clip_grad_norm_; 1 if most is 0. */
double gd_clip_factor(double norm, double most);

#endif
