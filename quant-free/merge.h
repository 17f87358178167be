/* merge.h - an adapter added to its base's weights: W' = W + scale * B A, once and for all.
 *
 * It reproduces what PEFT 0.21 does in merge_and_unload() on a CPU, with the adapter as PeftModel.from_pretrained()
 * loads it (autocast_adapter_dtype is true by default: a 16-bit adapter is widened to fp32, a fp32 one stays):
 *
 *     d  = B A              fp32 products and sums; PEFT leaves their order to a matrix library
 *     d  = fp32(d * scale)  the scale is rounded to fp32 first
 *     d  = fp32(W + d)
 *     W' = the base's type of d: one rounding, to nearest even
 *
 * Denormals are kept. Here a sum begins with zero and adds the rank's terms in their order, each product exact until
 * it is added (a fused multiply-add, done in double without the instruction), so the bytes are the same on every
 * machine. Matrix libraries do just that up to a rank of some 256, where they begin to sum in parts: then a weight may
 * land on the other side of a rounding boundary, by one step of bf16 or f16. (Where W and d almost cancel, and in an
 * fp32 base, steps are so fine that it may be more of them: what fp32 sums differ by.)
 *
 * With autocast_adapter_dtype=False PEFT rounds A, B and d to 16 bits before it adds them: that loses digits, and is
 * not reproduced. */
#ifndef GD_QUANT_FREE_MERGE_H
#define GD_QUANT_FREE_MERGE_H

#include "base/pool.h"
#include "quant-free/adapter.h"
#include "quant-free/view.h"

#include <stdatomic.h>

/* One matrix on its way. */
typedef struct gd_merged {
    const gd_view *base; /* [rows, cols] */
    size_t rows, cols, rank;
    float scale;
    float *a; /* [cols / 32, rank, 32], zero behind the last column */
    float *b; /* [rows, rank] */
    atomic_bool broken;
} gd_merged;

/* Widens A and B, whose shapes must fit (gd_lora_check). Free it after success and failure. Memory: both in fp32. */
gd_status gd_merge_begin(gd_merged *merge, const gd_view *base, const gd_lora *lora, gd_error *err);
void gd_merge_free(gd_merged *merge);

/* Rows first .. first + count of W', in the base's type. False when a number is not finite: the base's was not, or it
 * is too large for the type. */
bool gd_merge_rows(gd_merged *merge, gd_pool *pool, size_t first, size_t count, void *out);

#endif
