/* merge.h - the parts of gd_merge(): the files of a merged model other than its weights. */
#ifndef GD_REWARD_MERGE_H
#define GD_REWARD_MERGE_H

#include "base/buf.h"
#include "base/newdir.h"
#include "quant-free/config.h"
#include "reward/choose.h"
#include "reward/reads.h"

/* Where the files come from. */
typedef struct gd_merge_source {
    const char *dir, *adapter_dir;
    const gd_config *config;
    bool own_head; /* the model is read by a head that none of Transformers' classes has */
} gd_merge_source;

/* config.json of the merged model: the base's, made a classifier with one label unless it has a head of its own, whose
 * class stays; of that type unless it is NULL. If it
 * names no pad token, the one that `guerdon score --adapter` would find (special.h) is added, since the merged model
 * won't have the adapter's files to find it in. Every other field stays. */
gd_status gd_merge_config(gd_buf *json, const gd_merge_source *from, const char *type, gd_error *err);

/* Whose files are copied: those that scoring with the adapter uses. */
gd_status gd_merge_choose(gd_choice *choice, const gd_merge_source *from, gd_error *err);

/* Copies the tokenizer's files, so that texts become the same ids as with --adapter. (If the special tokens are the
 * adapter's, those that only the model's files name are lost.) */
gd_status gd_merge_tokenizer(gd_newdir *out, const gd_merge_source *from, gd_error *err);

/* The names that these files may have; NULL after the last. */
const char *gd_merge_tokenizer_file(size_t i);

/* Copies the adapter's settings (trained.h), if it has any: what was trained with them is scored with them. */
gd_status gd_merge_settings(gd_newdir *out, const gd_merge_source *from, gd_error *err);

/* Adds the files that gd_merge_tokenizer() may copy although scoring doesn't read them. */
gd_status gd_merge_reads(gd_reads *reads, const char *dir, const char *adapter_dir, gd_error *err);

/* gd_merge() with a limit on the bytes of tensors per file; 0: the default. */
gd_status gd_merge_sharded(const gd_options *options, const char *output, uint64_t shard_bytes,
                           const gd_progress *progress, gd_error *err);

#endif
