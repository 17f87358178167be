/* isa.c - instruction sets. */
#include "backends/cpu/isa.h"

#include "base/error.h"

#include <stdio.h>
#include <string.h>

static const struct level {
    const char *name;
    gd_isa holds;
} levels[] = {
    { "generic", GD_ISA_GENERIC },
    { "avx2", GD_ISA_AVX2 },
    { "avx512", GD_ISA_AVX2 | GD_ISA_AVX512 },
    { "avx512bf16", GD_ISA_AVX2 | GD_ISA_AVX512 | GD_ISA_AVX512BF16 },
    { "neon", GD_ISA_NEON },
};
static const size_t level_count = sizeof levels / sizeof levels[0];

gd_isa gd_isa_detect(void)
{
    gd_isa have = GD_ISA_GENERIC;

#if defined(__x86_64__)
    /* The builtins also check that the operating system saves the wide registers. */
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        have |= GD_ISA_AVX2;
    if ((have & GD_ISA_AVX2) && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
        have |= GD_ISA_AVX512;
    if ((have & GD_ISA_AVX512) && __builtin_cpu_supports("avx512bf16"))
        have |= GD_ISA_AVX512BF16;
    if ((have & GD_ISA_AVX512BF16) && __builtin_cpu_is("intel")) /* a Xeon with AMX: 116 of 234 GFLOP/s a core */
        have |= GD_ISA_SLOW_BF16;
#elif defined(__aarch64__)
    have |= GD_ISA_NEON;
#endif
    return have;
}

bool gd_isa_fetches_past_last_cache(void)
{
#if defined(__x86_64__)
    return __builtin_cpu_is("amd"); /* gd_isa_detect() has initialised it */
#else
    return false;
#endif
}

gd_status gd_isa_parse(gd_isa *out, const char *name, gd_isa have, gd_error *err)
{
    char known[128] = "";
    size_t len = 0;

    if (!name || !strcmp(name, "auto"))
        name = gd_isa_name(have);
    for (size_t i = 0; i < level_count; i++) {
        const bool can = (levels[i].holds & ~have) == 0;

        if (!strcmp(name, levels[i].name) && can) {
            *out = levels[i].holds;
            return GD_OK;
        }
        if (can)
            len += (size_t)snprintf(known + len, sizeof known - len, "%s%s", len ? ", " : "", levels[i].name);
    }
    for (size_t i = 0; i < level_count; i++)
        if (!strcmp(name, levels[i].name))
            return gd_fail(err, GD_EUNSUPPORTED, "this CPU does not support %s; it can run: %s", name, known);
    return gd_fail(err, GD_EUSAGE, "unknown instruction set \"%s\"; this CPU can run: %s", name, known);
}

/* The set without what would make it slower. */
static gd_isa best_of(gd_isa isa)
{
    return isa & GD_ISA_SLOW_BF16 ? isa & ~(GD_ISA_SLOW_BF16 | GD_ISA_AVX512BF16) : isa;
}

const char *gd_isa_name(gd_isa isa)
{
    const char *best = levels[0].name;

    for (size_t i = 0; i < level_count; i++)
        if ((levels[i].holds & ~best_of(isa)) == 0 && levels[i].holds)
            best = levels[i].name;
    return best;
}

const char *gd_isa_level(gd_isa isa, size_t index)
{
    const char *best = gd_isa_name(isa);

    for (size_t i = 0; i < level_count; i++)
        if ((levels[i].holds & ~isa) == 0 && strcmp(levels[i].name, best) != 0 && index-- == 0)
            return levels[i].name;
    return index == 0 ? best : NULL;
}
