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
    size_t bytes;
    bool mapped; /* the bytes are a file's, whose pages may be released and read again; else our own memory */
} gd_view;

static inline size_t gd_dtype_size(gd_dtype t) { return t == GD_F32 ? 4 : 2; }

/* Bytes `from` .. from + bytes - 1 are no longer needed: a file's pages are released, and read again when touched.
 * Our own memory is left alone: it would come back as zeros. */
void gd_view_release(const gd_view *view, size_t from, size_t bytes);

/* "BF16", "F32", "F16": as in safetensors files. */
const char *gd_dtype_name(gd_dtype t);

#endif
