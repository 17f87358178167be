/* shard.h - a run over one of N parts of an input: ranges of items that follow each other, cut only where an item ends,
 * so that the outputs of all parts, joined in their order, are the output of one run. */
#ifndef GD_REWARD_SHARD_H
#define GD_REWARD_SHARD_H

#include "guerdon.h"

#include <stdbool.h>

enum { GD_SHARDS_MAX = 1000000 };

typedef struct gd_shard {
    size_t which, of;    /* part `which`, from 1, of so many; all zero: the whole input */
    uint64_t items;      /* of the whole input, */
    uint64_t digest;     /* and gd_record's of the last of them */
    uint64_t first, end; /* its own items: those from `first` on, before `end` */
} gd_shard;

/* What a caller asks for: GD_EUSAGE unless both numbers are 0, or the first is one of 1 to the second. */
gd_status gd_shard_check(size_t which, size_t of, gd_error *err);

/* An input of which a shard is taken is read twice: GD_EUSAGE unless all are regular files. */
gd_status gd_shard_check_inputs(const char *const *inputs, size_t count, gd_error *err);

/* Sets the range, once the items are counted. */
void gd_shard_cut(gd_shard *shard, uint64_t items, uint64_t digest);

/* Whether item `index` is before the range; whether the range ends after the first `seen` items of the input. */
bool gd_shard_skips(const gd_shard *shard, uint64_t index);
bool gd_shard_ends(const gd_shard *shard, uint64_t seen);

/* How much of `whole` it has done with `items` of its own; 0 before they are counted. */
uint64_t gd_shard_part(const gd_shard *shard, uint64_t items, uint64_t whole);

/* Whether the input is still the one that was counted: `seen` items were read, the last of which has this digest, and
 * there are more, or not.  Fails with GD_EIO. */
gd_status gd_shard_same_input(const gd_shard *shard, uint64_t seen, uint64_t digest, bool more, gd_error *err);

#endif
