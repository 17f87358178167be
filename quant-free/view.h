/* view.h - a tensor in a checkpoint: a name, a type, a shape and the bytes in the mapped file. */
#ifndef GD_QUANT_FREE_VIEW_H
#define GD_QUANT_FREE_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The types that weights may have. All of them are kept unquantised. */
typedef enum gd_dtype { GD_BF16 = 0, GD_F32, GD_F16 } gd_dtype;

#define GD_MAX_RANK 8

typedef struct gd_view {
    const char *name; /* the checkpoint's name, owned by the file it comes from */
    gd_dtype dtype;
    unsigned rank;
    size_t shape[GD_MAX_RANK];
    const void *data; /* row-major, little-endian; may be misaligned; valid while the file is open */
    size_t bytes;     /* of its elements */
    bool mapped;      /* the bytes are a file's, whose pages may be released and read again; else our own memory */
    /* Rows of a larger tensor, as a fused projection has them: blocks of so many rows, which begin so many rows apart.
     * Both are 0 where the rows follow one another. */
    size_t block, apart;
} gd_view;

static inline size_t gd_dtype_size(gd_dtype t) { return t == GD_F32 ? 4 : 2; }

/* Bytes of one row: of all dimensions but the first. */
size_t gd_view_row_bytes(const gd_view *view);

/* Where a row begins; shape[0] has it. */
const void *gd_view_row(const gd_view *view, size_t row);

/* How many rows follow one another from `row` on, at most `most`: at least 1 if there are any. */
size_t gd_view_run(const gd_view *view, size_t row, size_t most);

/* Bytes from `data` to the end of the last row. */
size_t gd_view_span(const gd_view *view);

/* The matrix of `blocks` blocks of `block` rows each, the first from row `first` on, that begin `apart` rows from one
 * another.  The view has these rows. */
gd_view gd_view_cut(const gd_view *view, size_t first, size_t block, size_t apart, size_t blocks);

/* Bytes `from` .. from + bytes - 1 of the elements are no longer needed: a file's pages are released, and read again
 * when touched.  Our own memory is left alone: it would come back as zeros. */
void gd_view_release(const gd_view *view, size_t from, size_t bytes);

/* "BF16", "F32", "F16": as in safetensors files. */
const char *gd_dtype_name(gd_dtype t);

#endif
