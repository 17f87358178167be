/* shards.h - how a checkpoint is divided into files: one model.safetensors, or several with an index if that would be
 * too large, named as in Transformers. */
#ifndef GD_QUANT_FREE_SHARDS_H
#define GD_QUANT_FREE_SHARDS_H

#include "base/buf.h"
#include "guerdon.h"
#include "quant-free/view.h"

#define GD_SHARD_BYTES 5000000000u /* "5GB": the limit of Transformers 4 */

typedef struct gd_shard {
    char name[64];
    size_t first, count; /* of the tensors */
} gd_shard;

typedef struct gd_shards {
    gd_shard *list;
    size_t count;
    uint64_t bytes; /* of all tensors */
} gd_shards;

/* Divides tensors, given in order of their names, and puts those of each file in the file's order. A file has at most
 * `limit` bytes of tensors, or a single larger tensor. Free it even after failure. */
gd_status gd_shards_plan(gd_shards *shards, const gd_view **views, size_t count, uint64_t limit, gd_error *err);
void gd_shards_free(gd_shards *shards);

/* model.safetensors.index.json; only for more than one file. */
void gd_shards_index(const gd_shards *shards, const gd_view *const *views, gd_buf *json);

#endif
