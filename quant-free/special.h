/* special.h - the pad and the end-of-sequence token of a model.
 *
 * The head of a reward model reads the rightmost token that is not pad, so a wrong pad id reads a wrong place. Places
 * are asked in this order, and the first that names the token wins:
 *   1. config.json: pad_token_id, eos_token_id (a list: its first). It is what Transformers pools by.
 *   2. the adapter's directory, then the model's: tokenizer_config.json, then special_tokens_map.json; pad_token and
 *      eos_token, a string or an object with "content". A LoRA run on a base without a pad id leaves it there alone.
 * A pad_token_id of -1 (old Llama configs) is no token, as it is none to Transformers. */
#ifndef GD_QUANT_FREE_SPECIAL_H
#define GD_QUANT_FREE_SPECIAL_H

#include "quant-free/config.h"

/* The id of a token's content: true when there is one. The tokenizer answers; this folder knows none. */
typedef bool gd_token_lookup(void *context, const char *token, uint32_t *id);

typedef struct gd_special_ids {
    bool has_pad, has_eos;
    uint32_t pad, eos;
    const char *pad_from, *eos_from; /* "config.json" ...: for people, static */
} gd_special_ids;

/* Where to look, and whom to ask. */
typedef struct gd_special_sources {
    const gd_config *config; /* NULL: not asked */
    const char *dir;         /* the model */
    const char *adapter_dir; /* NULL for none */
    gd_token_lookup *lookup;
    void *context;
} gd_special_sources;

gd_status gd_special_ids_read(gd_special_ids *out, const gd_special_sources *from, gd_error *err);

#endif
