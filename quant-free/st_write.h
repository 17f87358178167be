/* st_write.h - writes a safetensors file, in the form that safetensors.h accepts and the Python package writes:
 * "format" is "pt", the data begin at a multiple of 8, wide types come first. So every tensor is aligned to its type,
 * which PyTorch requires to map it. */
#ifndef GD_QUANT_FREE_ST_WRITE_H
#define GD_QUANT_FREE_ST_WRITE_H

#include "base/newdir.h"
#include "quant-free/view.h"

/* Sorts tensors into the order of a file. */
void gd_st_sort(const gd_view **views, size_t count);

/* Begins a file with these tensors, in this order. Of the views, name, type, shape and bytes are used, but not the
 * data: the caller writes the bytes of all tensors with gd_newdir_write(), then calls gd_newdir_end(). */
gd_status gd_st_write_begin(gd_newdir *dir, const char *name, const gd_view *const *views, size_t count, gd_error *err);

#endif
