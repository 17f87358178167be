/* merge.h - an adapter added to its base's weights: W' = W + scale * B A, permanently.
 *
 * It reproduces PEFT 0.21's merge_and_unload() on a CPU, with the adapter as PeftModel.from_pretrained() loads it
 * (autocast_adapter_dtype is true by default: a 16-bit adapter is widened to fp32, an fp32 one is kept):
 *
 *     d  = B A              fp32 products and sums; PEFT leaves their order to a matrix library
 *     d  = fp32(d * scale)  the scale is rounded to fp32 first
 *     d  = fp32(W + d)
 *     W' = d in the base's type: one rounding, to nearest even
 *
 * Denormals are kept. A sum begins with zero and adds the rank's terms in order, each product exact until it is added
 * (a fused multiply-add, done in double without the instruction), so the bytes are the same on every machine. Matrix
 * libraries do the same up to a rank of about 256, from where on they sum in parts: then a weight may fall on the other
 * side of a rounding boundary, one step of bf16 or f16 away. (Where W and d almost cancel, and in an fp32 base, steps
 * are so small that it may be several: the difference of the fp32 sums.)
 *
 * With autocast_adapter_dtype=False PEFT rounds A, B and d to 16 bits before adding them: that loses digits, and is not
 * reproduced. */
#ifndef GD_QUANT_FREE_MERGE_H
#define GD_QUANT_FREE_MERGE_H

#include "base/pool.h"
#include "quant-free/adapter.h"
#include "quant-free/view.h"

#include <stdatomic.h>

/* A matrix being merged. */
typedef struct gd_merged {
    const gd_view *base; /* [rows, cols] */
    size_t rows, cols, rank;
    float scale;
    float *a; /* [cols / 32, rank, 32], zero after the last column */
    float *b; /* [rows, rank] */
    atomic_bool broken;
} gd_merged;

/* Widens A and B, whose shapes must fit (gd_lora_check). Free it even after failure. Memory: both in fp32. */
gd_status gd_merge_begin(gd_merged *merge, const gd_view *base, const gd_lora *lora, gd_error *err);
void gd_merge_free(gd_merged *merge);

/* Rows first .. first + count of W', in the base's type. False if a number is not finite: the base's was not, or it is
 * too large for the type. */
bool gd_merge_rows(gd_merged *merge, gd_pool *pool, size_t first, size_t count, void *out);

#endif
