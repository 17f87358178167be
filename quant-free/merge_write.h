/* merge_write.h - writes the weights of a merged model, tensor by tensor.
 *
 * A module with LoRA is merged (merge.h). The adapter's head and embedding replace the base's, in the base's type; a
 * head that the base does not have gets the type of its largest tensor (PEFT uses the model's). The language model's
 * output layer, lm_head, is left out unless keeps_output: a classifier has none. Every other tensor is copied byte for
 * byte. Tensors whose type no weight has are not read by any of our models, and are left out.
 *
 * Memory: A and B of one module in fp32, 4 MiB of its rows, and those of its pages that are being read. */
#ifndef GD_QUANT_FREE_MERGE_WRITE_H
#define GD_QUANT_FREE_MERGE_WRITE_H

#include "base/newdir.h"
#include "quant-free/adapter.h"
#include "quant-free/weights.h"

typedef struct gd_merge_parts {
    const gd_weights *weights;
    const gd_adapter *adapter;
    const char *head;            /* the name of the head's tensor: "score.weight" */
    const char *head_bias;       /* and that of its bias, or NULL */
    bool keeps_output;           /* the language model's output layer stays */
    unsigned threads;            /* >= 1 */
    uint64_t shard_bytes;        /* of tensors in one file; 0: GD_SHARD_BYTES */
    const gd_progress *progress; /* NULL, or called with the tensors and bytes done, several times per tensor */
} gd_merge_parts;

/* Writes model.safetensors, or shards and their index, into the directory. The caller must make sure that
 * the adapter fits the model; checked here is only that each module has a weight of a matching shape. */
gd_status gd_merge_write(gd_newdir *dir, const gd_merge_parts *parts, gd_error *err);

#endif
