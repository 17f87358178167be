/* isa.h - instruction sets: what this CPU has, and what a kernel needs. */
#ifndef GD_CPU_ISA_H
#define GD_CPU_ISA_H

#include "guerdon.h"

#include <stdbool.h>

typedef unsigned gd_isa; /* a set of the bits below */

#define GD_ISA_GENERIC 0u
#define GD_ISA_AVX2 1u       /* AVX2 and FMA and F16C */
#define GD_ISA_AVX512 2u     /* AVX-512 F, BW, DQ and VL */
#define GD_ISA_AVX512BF16 4u /* VDPBF16PS */
#define GD_ISA_NEON 8u       /* Advanced SIMD of AArch64, which every such CPU has */
#define GD_ISA_SLOW_BF16 16u /* VDPBF16PS does half the work of fused multiply-adds here: chosen only if asked for */

/* Everything that this CPU and its operating system can run. */
gd_isa gd_isa_detect(void);

/* Whether a line fetched as non-temporal is kept in the second-level cache alone: true of AMD's processors. Others may
 * drop it before it is read. */
bool gd_isa_fetches_past_last_cache(void);

/* The levels that --isa names, each holding the ones below: "generic" < "avx2" < "avx512" < "avx512bf16"; "neon".
 * NULL or "auto" gives the best of `have`.  An unknown name, or one that `have` lacks, is an error that lists the
 * available levels.  A pure function of its arguments, so a test can ask about a CPU that it does not run on. */
gd_status gd_isa_parse(gd_isa *out, const char *name, gd_isa have, gd_error *err);

/* The name of level number `index` of those in the set, the best one last; NULL after the end. */
const char *gd_isa_level(gd_isa isa, size_t index);

/* The name of the best level in the set. */
const char *gd_isa_name(gd_isa isa);

#endif
