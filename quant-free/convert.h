/* convert.h - the numbers of a view as float32 or bf16. Views may be misaligned (safetensors guarantees no
 * alignment), so every element is copied out before it is read. */
#ifndef GD_QUANT_FREE_CONVERT_H
#define GD_QUANT_FREE_CONVERT_H

#include "quant-free/bf16.h"
#include "quant-free/view.h"

#include <stdbool.h>

/* Elements of the whole view; 1 for rank 0. */
size_t gd_view_elements(const gd_view *view);

/* Elements of one row: the product of all dimensions but the first, 1 for rank 0 and 1. */
size_t gd_view_row_elements(const gd_view *view);

/* Exact: BF16 and F16 are float32 with fewer digits. `to` has room for gd_view_elements() floats. */
void gd_view_to_f32(const gd_view *view, float *to);

/* BF16 is copied bit for bit; F32 and F16 are rounded once, to nearest even. A half has ten bits of mantissa
 * and bf16 has seven, so F16 weights do lose digits in bf16: `--precision fp32` keeps them. */
void gd_view_to_bf16(const gd_view *view, gd_bf16 *to);

/* The same for `count` rows from row `first`: slices [first, first + count) of the first dimension, which must
 * have them. */
void gd_view_rows_to_f32(const gd_view *view, size_t first, size_t count, float *to);
void gd_view_rows_to_bf16(const gd_view *view, size_t first, size_t count, gd_bf16 *to);

/* The reverse: n numbers as `type`, rounded to nearest even. False if one is not finite, or becomes infinite. */
bool gd_f32_to_type(gd_dtype type, const float *from, size_t n, void *to);

/* True when every element is a finite number. One pass over the bytes. */
bool gd_view_finite(const gd_view *view);

/* True when every element is zero, of either sign. */
bool gd_view_all_zero(const gd_view *view);

#endif
