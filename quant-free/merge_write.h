/* merge_write.h - the weights of a merged model, written tensor by tensor.
 *
 * A module with LoRA is merged (merge.h). The adapter's head takes the place of the base's, in the base's type; where
 * the base has none, in the type of its largest tensor (PEFT gives it the model's). An output layer for words,
 * lm_head, is left out: a classifier has none. Every other tensor is copied byte for byte. Tensors of other types
 * than weights have are not read by any of our models, and are left out.
 *
 * Memory: A and B of one module in fp32, 4 MiB of its rows, and the pages of them that are being read. */
#ifndef GD_QUANT_FREE_MERGE_WRITE_H
#define GD_QUANT_FREE_MERGE_WRITE_H

#include "base/newdir.h"
#include "quant-free/adapter.h"
#include "quant-free/weights.h"

typedef struct gd_merge_parts {
    const gd_weights *weights;
    const gd_adapter *adapter;
    const char *head;            /* the name of the head's tensor: "score.weight" */
    unsigned threads;            /* >= 1 */
    uint64_t shard_bytes;        /* of tensors in one file; 0: GD_SHARD_BYTES */
    const gd_progress *progress; /* NULL, or told the tensors and bytes that are done, some times a tensor */
} gd_merge_parts;

/* Writes model.safetensors, or shards and their index, into the directory. Whether the adapter and the weights make
 * up a model is for the caller to know; here each module must have a weight, and a shape that fits. */
gd_status gd_merge_write(gd_newdir *dir, const gd_merge_parts *parts, gd_error *err);

#endif
