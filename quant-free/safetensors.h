/* safetensors.h - one mapped safetensors file.
 *
 * The format: 8 bytes N (little-endian), N bytes of JSON, then the tensors' bytes. The JSON maps each name to
 * {"dtype", "shape", "data_offsets": [begin, end]}, offsets counted from the end of the JSON; "__metadata__"
 * maps strings to strings.
 *
 * A file is accepted if the reference reader (the Rust crate) accepts it and it also has no duplicate keys, no
 * fields beyond the three, rank <= 8, dimensions <= 2^48, no overflow in the product of the non-zero
 * dimensions, and at most 65,536 tensors. As in the reference: N <= 100,000,000; the tensors cover the rest of
 * the file exactly, without holes, overlaps or trailing bytes; white space around the JSON is fine; tensors may
 * be misaligned or empty. Every number is checked against the file's size before it is used in arithmetic.
 *
 * The tensors may be read only between gd_guard_enter() and gd_guard_leave() of base/guard.h, and gd_st_unchanged()
 * says afterwards whether the file was still the same. */
#ifndef GD_QUANT_FREE_SAFETENSORS_H
#define GD_QUANT_FREE_SAFETENSORS_H

#include "guerdon.h"
#include "quant-free/view.h"

#include <stdbool.h>

#define GD_ST_HEADER_MAX 100000000u
#define GD_ST_TENSORS_MAX 65536u
#define GD_ST_DIM_MAX ((size_t)1 << 48)

typedef struct gd_st gd_st;

/* A tensor of a type that weights do not have: an integer buffer, say. It is checked like the others, but
 * otherwise ignored unless requested by name. */
typedef struct gd_st_other {
    const char *name, *dtype;
} gd_st_other;

/* Maps and checks. *out is NULL on failure. Pickles (.bin, .pt, .pth, or their first bytes) are refused:
 * reading one means running it. Memory: about twice the header while opening, the names and 120 bytes per
 * tensor afterwards. */
gd_status gd_st_open(gd_st **out, const char *path, gd_error *err);

/* Fails with GD_EIO if the file was changed since it was opened, or part of it could not be read: what was computed
 * from its tensors is worthless. */
gd_status gd_st_unchanged(const gd_st *st, gd_error *err);

/* Unmaps: every view of the file becomes invalid. NULL is fine. */
void gd_st_close(gd_st *st);

const char *gd_st_path(const gd_st *st);

/* The tensors of the types that weights have (BF16, F16, F32), by name in byte order. */
size_t gd_st_count(const gd_st *st);
const gd_view *gd_st_at(const gd_st *st, size_t i);

/* The tensors of other types, in the same order. */
size_t gd_st_other_count(const gd_st *st);
const gd_st_other *gd_st_other_at(const gd_st *st, size_t i);

/* The tensor of that name, or NULL if there is none that could be weights. Time: log2(count) comparisons. */
const gd_view *gd_st_find(const gd_st *st, const char *name);

/* Whether there is a tensor of that name, of whatever type. */
bool gd_st_holds(const gd_st *st, const char *name);

/* The same for a required tensor: fails with a message if it is absent or has another type. */
gd_status gd_st_need(const gd_view **out, const gd_st *st, const char *name, gd_error *err);

#endif
