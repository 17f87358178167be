/* batch.c - a batch's rows on the CPU. */
#include "backends/cpu/batch.h"

#include "backends/cpu/rows.h"
#include "base/error.h"
#include "base/mem.h"

/* Children come after their parents. */
static void find_ends(gd_device_rows *made)
{
    const gd_segment *segments = made->host.segments;

    for (size_t s = 0; s < made->host.segment_count; s++)
        made->segment_end[s] = segments[s].first_row + segments[s].length;
    for (size_t s = made->host.segment_count; s-- > 0;) {
        const int32_t parent = segments[s].parent;

        if (parent >= 0 && made->segment_end[parent] < made->segment_end[s])
            made->segment_end[parent] = made->segment_end[s];
    }
}

static void cut_keys(gd_device_rows *made)
{
    for (size_t s = 0; s < made->host.segment_count; s++) {
        const gd_segment *segment = &made->host.segments[s];

        for (uint32_t at = 0; at < segment->length; at += GD_ATTENTION_KEYS) {
            const uint32_t left = segment->length - at;

            made->key_blocks[made->key_block_count++] = (gd_key_block){ (uint32_t)s, segment->first_row + at,
                                                                        left < GD_ATTENTION_KEYS ? left
                                                                                                 : GD_ATTENTION_KEYS };
        }
    }
}

static gd_status prepare_back(gd_device_rows *made, gd_error *err)
{
    const size_t segments = made->host.segment_count, blocks = segments + made->host.rows / GD_ATTENTION_KEYS;

    made->segment_end = gd_alloc(segments, sizeof *made->segment_end);
    made->key_blocks = gd_alloc(blocks, sizeof *made->key_blocks);
    if (!made->segment_end || !made->key_blocks)
        return gd_fail_memory(err, segments * sizeof *made->segment_end + blocks * sizeof *made->key_blocks);
    find_ends(made);
    cut_keys(made);
    return GD_OK;
}

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
    if (rows->train && prepare_back(made, err)) {
        gd_cpu_rows_free(device, made);
        return GD_ENOMEM;
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
    gd_free(rows->segment_end);
    gd_free(rows->key_blocks);
    gd_free(rows);
}

gd_tile_lines gd_cpu_tile_lines(const gd_tile *tile)
{
    const gd_device_rows *batch = tile->batch;

    return (gd_tile_lines){ (tile->pooled ? batch->pooled_position : batch->host.position) + tile->first,
                            (tile->pooled ? batch->pooled_segment : batch->host.segment) + tile->first };
}
