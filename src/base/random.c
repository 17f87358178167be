/* random.c - the Mersenne Twister MT19937. */
#include "base/random.h"

enum { WORDS = GD_RANDOM_WORDS, AHEAD = 397 };

void gd_random_seed(gd_random *random, uint32_t seed)
{
    random->state[0] = seed;
    for (uint32_t i = 1; i < WORDS; i++) {
        const uint32_t before = random->state[i - 1];

        random->state[i] = 1812433253u * (before ^ before >> 30) + i;
    }
    random->at = WORDS;
}

static void refill(gd_random *random)
{
    uint32_t *s = random->state;

    for (size_t i = 0; i < WORDS; i++) {
        const uint32_t y = (s[i] & 0x80000000u) | (s[(i + 1) % WORDS] & 0x7fffffffu);

        s[i] = s[(i + AHEAD) % WORDS] ^ y >> 1 ^ (y & 1 ? 0x9908b0dfu : 0);
    }
    random->at = 0;
}

uint32_t gd_random_next(gd_random *random)
{
    uint32_t y;

    if (random->at == WORDS)
        refill(random);
    y = random->state[random->at++];
    y ^= y >> 11;
    y ^= y << 7 & 0x9d2c5680u;
    y ^= y << 15 & 0xefc60000u;
    return y ^ y >> 18;
}

float gd_random_uniform(gd_random *random, float from, float to)
{
    const float unit = (float)(gd_random_next(random) & 0xffffffu) * 0x1p-24f;

    return unit * (to - from) + from;
}

void gd_random_permutation(gd_random *random, uint32_t *out, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = (uint32_t)i;
    for (size_t i = 0; i + 1 < n; i++) {
        const size_t other = i + gd_random_next(random) % (n - i);
        const uint32_t swapped = out[i];

        out[i] = out[other];
        out[other] = swapped;
    }
}
