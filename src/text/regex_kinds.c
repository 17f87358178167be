/* regex_kinds.c - sets of characters, and the kinds of characters that they distinguish. */
#include "text/regex_kinds.h"

#include "base/mem.h"

#include <string.h>

#define WORDS (GD_UNICODE_END / 64)

gd_kinds *gd_kinds_make(void)
{
    gd_kinds *kinds = gd_alloc_zero(1, sizeof *kinds);

    if (kinds) {
        kinds->count = 1;
        kinds->sizes[0] = GD_UNICODE_END;
    }
    return kinds;
}

void gd_kinds_add(gd_kinds *kinds, uint32_t low, uint32_t high)
{
    const uint64_t first = UINT64_MAX << (low & 63), last = UINT64_MAX >> (63 - (high & 63));

    if (low >> 6 == high >> 6) {
        kinds->set[low >> 6] |= first & last;
        return;
    }
    kinds->set[low >> 6] |= first;
    for (uint32_t w = (low >> 6) + 1; w < high >> 6; w++)
        kinds->set[w] = UINT64_MAX;
    kinds->set[high >> 6] |= last;
}

void gd_kinds_add_runs(gd_kinds *kinds, const uint32_t *runs, size_t count, unsigned shift, uint32_t values)
{
    for (size_t i = 0; i < count; i++) {
        const uint32_t end = i + 1 < count ? runs[i + 1] >> shift : GD_UNICODE_END;

        if (values >> (runs[i] & ((1u << shift) - 1)) & 1)
            gd_kinds_add(kinds, runs[i] >> shift, end - 1);
    }
}

/* Whether the 64 characters of a word are all in the set, and of one kind, as in most of Unicode. */
static bool is_uniform(const gd_kinds *kinds, uint32_t w)
{
    const uint8_t *of = &kinds->of[64 * w];

    return kinds->set[w] == UINT64_MAX && !memcmp(of, of + 1, 63);
}

bool gd_kinds_split(gd_kinds *kinds, uint32_t in_set[GD_KINDS])
{
    const unsigned before = kinds->count;
    uint8_t now[GD_KINDS];

    memset(in_set, 0, GD_KINDS * sizeof *in_set);
    for (uint32_t w = 0; w < WORDS; w++) {
        const bool uniform = is_uniform(kinds, w);

        in_set[kinds->of[64 * w]] += uniform ? 64 : 0;
        for (uint64_t bits = uniform ? 0 : kinds->set[w]; bits; bits &= bits - 1)
            in_set[kinds->of[64 * w + (uint32_t)__builtin_ctzll(bits)]]++;
    }
    for (unsigned k = 0; k < before; k++) {
        now[k] = (uint8_t)k;
        if (in_set[k] == 0 || in_set[k] == kinds->sizes[k])
            continue;
        if (kinds->count == GD_KINDS)
            return false;
        now[k] = (uint8_t)kinds->count;
        kinds->sizes[kinds->count++] = in_set[k];
        kinds->sizes[k] -= in_set[k];
    }
    for (uint32_t w = 0; w < WORDS && kinds->count > before; w++) {
        const bool uniform = is_uniform(kinds, w);

        if (uniform)
            memset(&kinds->of[64 * w], now[kinds->of[64 * w]], 64);
        for (uint64_t bits = uniform ? 0 : kinds->set[w]; bits; bits &= bits - 1) {
            uint8_t *of = &kinds->of[64 * w + (uint32_t)__builtin_ctzll(bits)];

            *of = now[*of];
        }
    }
    memset(kinds->set, 0, sizeof kinds->set);
    return true;
}
