/* random.h - the Mersenne Twister MT19937 (Matsumoto and Nishimura, 1998), as PyTorch's CPU generator has it: the same
 * seed shuffles data in the same order. */
#ifndef GD_BASE_RANDOM_H
#define GD_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

enum { GD_RANDOM_WORDS = 624 };

typedef struct gd_random {
    uint32_t state[GD_RANDOM_WORDS];
    size_t at; /* the next word */
} gd_random;

void gd_random_seed(gd_random *random, uint32_t seed);

uint32_t gd_random_next(gd_random *random); /* any 32 bits, equally likely */

/* Uniform in [from, to): 24 bits, as torch.empty(n).uniform_(from, to) takes them. */
float gd_random_uniform(gd_random *random, float from, float to);

/* A permutation of 0 .. n - 1, as torch.randperm(n) gives it; n < 2^32 / 20. */
void gd_random_permutation(gd_random *random, uint32_t *out, size_t n);

#endif
