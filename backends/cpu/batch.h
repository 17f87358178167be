/* batch.h - a batch's rows on the CPU: they stay where the host has them. */
#ifndef GD_CPU_BATCH_H
#define GD_CPU_BATCH_H

#include "backends/backend.h"

struct gd_device_rows {
    gd_batch_rows host;                         /* its arrays belong to the caller */
    uint32_t *pooled_position, *pooled_segment; /* [pooled_count] */
    /* To train: */
    uint32_t *segment_end;           /* [segment_count] the row after the last one whose path has the segment */
    struct gd_key_block *key_blocks; /* [key_block_count] all rows, at most GD_ATTENTION_KEYS of a segment at a time */
    size_t key_block_count;
};

typedef struct gd_key_block {
    uint32_t segment, first, count; /* rows first ... */
} gd_key_block;

/* Entry r belongs to line r of the call's tile. */
typedef struct gd_tile_lines {
    const uint32_t *position, *segment;
} gd_tile_lines;

gd_tile_lines gd_cpu_tile_lines(const gd_tile *tile);

/* The rows functions of gd_backend_cpu. */
gd_status gd_cpu_rows_make(gd_device *device, gd_device_rows **out, const gd_batch_rows *rows, gd_error *err);
void gd_cpu_rows_free(gd_device *device, gd_device_rows *rows);

#endif
