/* gemm_strips.h - how kernels with tiles of up to 6 rows by 16 outputs walk through a block.  The including
 * file defines how a tile is computed. */
#ifndef GD_CPU_GEMM_STRIPS_H
#define GD_CPU_GEMM_STRIPS_H

#include "backends/cpu/gemm_tile.h"

enum { MR = GD_GEMM_HIGH_AVX2 };
_Static_assert(GD_GEMM_HIGH_AVX2 == GD_GEMM_HIGH_NEON, "both walk in strips of one height");

/* How a tile finds its weights: packed BF16, packed F32, or expanded: [half][pairs][odd 16, even 16]. */
enum form { PACKED_BF16, PACKED_F32, EXPANDED };

ALWAYS size_t pair_bytes(enum form form) { return form == PACKED_F32 ? 256 : 128; }

/* The including file defines it: mr rows by one half of the outputs or both. mr, halves and form are constants wherever
 * it is inlined. */
ALWAYS void tile(int mr, int halves, enum form form, const struct work *k, const char *w, float *sum);

/* mr rows by all 32 outputs: in two halves, or, with one or two rows, in one pass to have enough sums in flight. */
ALWAYS void strip(int mr, enum form form, struct work *k)
{
    if (mr <= 2 && form != EXPANDED) {
        tile(mr, 2, form, k, k->w, k->sum);
    } else {
        tile(mr, 1, form, k, k->w, k->sum);
        k->next += k->pairs * k->step;
        tile(mr, 1, form, k, k->w + (form == EXPANDED ? 128 * k->pairs : 64), k->sum + 16);
        k->next += k->pairs * k->step;
    }
}

/* How many tiles share the fetching of the next block. */
ALWAYS size_t tiles_of(size_t m) { return m <= 2 ? 1 : 2 * ((m + MR - 1) / MR); }

/* All rows, in tiles of nearly equal height: 8 rows are 4 + 4, not 6 + 2. */
ALWAYS void strips(enum form form, struct work k)
{
    for (size_t left = (k.m + MR - 1) / MR; left > 0; left--) {
        const size_t mr = (k.m + left - 1) / left;

        switch (mr) {
        case 1: strip(1, form, &k); break;
        case 2: strip(2, form, &k); break;
        case 3: strip(3, form, &k); break;
        case 4: strip(4, form, &k); break;
        case 5: strip(5, form, &k); break;
        default: strip(6, form, &k); break;
        }
        k.m -= mr;
        k.x += mr * GD_GEMM_BLOCK * sizeof(float);
        k.sum += mr * GD_GEMM_PANEL;
    }
}

#endif
