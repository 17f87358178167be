/* ptx_variant.c - which instruction set the operations are compiled for. */
#include "tests/ptx/ptx_ops.h"

#include "backends/cpu/isa.h"

#include <string.h>

static const ptx_variant *chosen;

static const struct known {
    const ptx_variant *variant;
    gd_isa needs;
} known[] = {
    { &ptx_variant_generic, GD_ISA_GENERIC },
#if HAVE_AVX2
    { &ptx_variant_avx2, GD_ISA_AVX2 },
#endif
#if HAVE_AVX512
    { &ptx_variant_avx512, GD_ISA_AVX2 | GD_ISA_AVX512 },
#endif
};

/* The last one that fits. */
static const ptx_variant *find(const char *name)
{
    const gd_isa have = gd_isa_detect();
    const ptx_variant *found = NULL;

    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if ((known[i].needs & ~have) == 0 && (!name || strcmp(known[i].variant->name, name) == 0))
            found = known[i].variant;
    return found;
}

bool ptx_choose(const char *variant)
{
    const ptx_variant *found = find(variant);

    chosen = found ? found : chosen;
    return found != NULL;
}

const ptx_variant *ptx_chosen(void) { return chosen ? chosen : find(NULL); }
