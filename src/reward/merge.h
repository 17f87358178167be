/* merge.h - the files of a merged model other than its weights: what gd_merge() is made of. */
#ifndef GD_REWARD_MERGE_H
#define GD_REWARD_MERGE_H

#include "base/buf.h"
#include "base/newdir.h"
#include "quant-free/config.h"

/* Where the files come from. */
typedef struct gd_merge_source {
    const char *dir, *adapter_dir;
    const gd_config *config;
} gd_merge_source;

/* config.json of the merged model: the base's, but a classifier with one label. Where it names no pad token, the one
 * that `guerdon score --adapter` would find (special.h) is written down: the adapter's directory won't be there to
 * ask. Every other field stays. */
gd_status gd_merge_config(gd_buf *json, const gd_merge_source *from, gd_error *err);

/* Copies the tokenizer's files, so that texts become the ids that they become with --adapter: the vocabulary from
 * where gd_tokenizer_dir() finds it (model.h); the special tokens and the chat template from the adapter's directory
 * if it has them. (What special tokens the adapter's files leave unsaid, the model's don't say any more.) */
gd_status gd_merge_tokenizer(gd_newdir *out, const gd_merge_source *from, gd_error *err);

/* gd_merge() with another limit for the tensors' bytes in one file; 0: the usual one. */
gd_status gd_merge_sharded(const gd_options *options, const char *output, uint64_t shard_bytes,
                           const gd_progress *progress, gd_error *err);

#endif
