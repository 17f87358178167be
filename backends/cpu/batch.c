/* batch.c - a batch's rows on the CPU. */
#include "backends/cpu/batch.h"

#include "base/error.h"
#include "base/mem.h"

gd_status gd_cpu_rows_make(gd_device *device, gd_device_rows **out, const gd_batch_rows *rows, gd_error *err)
{
    gd_device_rows *made = gd_alloc_zero(1, sizeof *made);

    (void)device;
    *out = NULL;
    if (!made)
        return gd_fail_memory(err, sizeof *made);
    made->host = *rows;
    made->pooled_position = gd_alloc(rows->pooled_count, sizeof *made->pooled_position);
    made->pooled_segment = gd_alloc(rows->pooled_count, sizeof *made->pooled_segment);
    if (!made->pooled_position || !made->pooled_segment) {
        gd_cpu_rows_free(device, made);
        return gd_fail_memory(err, 2 * rows->pooled_count * sizeof *made->pooled_position);
    }
    for (size_t p = 0; p < rows->pooled_count; p++) {
        made->pooled_position[p] = rows->position[rows->pooled[p]];
        made->pooled_segment[p] = rows->segment[rows->pooled[p]];
    }
    *out = made;
    return GD_OK;
}

void gd_cpu_rows_free(gd_device *device, gd_device_rows *rows)
{
    (void)device;
    if (!rows)
        return;
    gd_free(rows->pooled_position);
    gd_free(rows->pooled_segment);
    gd_free(rows);
}

gd_tile_lines gd_cpu_tile_lines(const gd_tile *tile)
{
    const gd_device_rows *batch = tile->batch;

    return (gd_tile_lines){ (tile->pooled ? batch->pooled_position : batch->host.position) + tile->first,
                            (tile->pooled ? batch->pooled_segment : batch->host.segment) + tile->first };
}
