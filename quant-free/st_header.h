/* st_header.h - the JSON header of a safetensors file, read and checked. Internal to safetensors.c. */
#ifndef GD_QUANT_FREE_ST_HEADER_H
#define GD_QUANT_FREE_ST_HEADER_H

#include "guerdon.h"
#include "quant-free/view.h"

#include <jansson.h>
#include <stdbool.h>

/* One entry. In `view`, `dtype` is valid only if `weights` is true, and `data` is set by the caller. */
typedef struct gd_st_entry {
    gd_view view;
    const char *dtype; /* as in the file; static */
    bool weights;
    size_t begin, end; /* from the end of the header */
} gd_st_entry;

/* Checks the header's text of `len` bytes against the `room` bytes that follow it in the file. *entries
 * (freed with gd_free) is sorted by begin; names point into *json, on which the caller calls json_decref()
 * after use. */
gd_status gd_st_header_read(gd_st_entry **entries, size_t *count, json_t **json, const char *text, size_t len,
                            size_t room, const char *path, gd_error *err);

#endif
