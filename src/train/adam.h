/* adam.h - the optimiser: AdamW (Loshchilov and Hutter, 2019) as torch.optim.AdamW has it, and clipping.
 *
 * Everything is computed in double and rounded to fp32 once, element by element, in a fixed order: the same bits on
 * every machine. */
#ifndef GD_TRAIN_ADAM_H
#define GD_TRAIN_ADAM_H

#include <stddef.h>

typedef struct gd_adam {
    double beta1, beta2, eps, decay; /* decay: weight decay, relative to the learning rate */
} gd_adam;

/* One parameter with its gradient and its two moments. */
typedef struct gd_parameter {
    float *value, *gradient, *m, *v;
    size_t count;
} gd_parameter;

/* Step number `step`, from 1, with gradients multiplied by `factor`. */
void gd_adam_step(const gd_adam *adam, const gd_parameter *p, size_t step, double rate, double factor);

/* The sum of the squares of all gradients; NaN or infinite if one of them is. */
double gd_gradient_squares(const gd_parameter *p);

/* The factor that clips gradients of this norm to `most`, as torch.nn.utils.clip_grad_norm_; 1 if most is 0. */
double gd_clip_factor(double norm, double most);

#endif
