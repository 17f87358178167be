/* special.h - the pad and the end-of-sequence token of a model.
 *
 * The head of a reward model reads the rightmost token that is not pad, so a wrong pad id reads a wrong place. Places
 * are asked in the order in which Transformers would find each token, and the first that names it wins.
 *
 * pad, which the model pools by:
 *   1. config.json: pad_token_id, or the architecture's default (Gemma 2: 0). -1 (old Llama configs) says that no token
 *      is pad: the last token is read, whatever the tokenizer has.
 *   2. the tokenizer's pad_token. Scripts copy it into the model's config, and TRL does; the adapter of a LoRA run on a
 *      base without a pad id has it in the tokenizer's files alone.
 * eos, which is appended to texts:
 *   1. the tokenizer's eos_token, which TRL appends.
 *   2. config.json: eos_token_id, of a list its first. (That list is where generation stops: Llama 3's begins with a
 *      token that ends no answer.)
 *
 * "The tokenizer" is the adapter's directory, then the model's; in each, special_tokens_map.json before
 * tokenizer_config.json, unless the latter has added_tokens_decoder: then the former is not read. A token there is a
 * string, or an object with "content". */
#ifndef GD_QUANT_FREE_SPECIAL_H
#define GD_QUANT_FREE_SPECIAL_H

#include "quant-free/config.h"

/* The id of a token's content: true when there is one. The tokenizer answers; this folder knows none. */
typedef bool gd_token_lookup(void *context, const char *token, uint32_t *id);

typedef struct gd_special_ids {
    bool has_pad, has_eos;
    uint32_t pad, eos;
    const char *pad_from, *eos_from; /* "config.json" ...: for people, static; NULL when there is none */
} gd_special_ids;

/* Where to look, and whom to ask. */
typedef struct gd_special_sources {
    const gd_config *config; /* NULL: not asked */
    const char *dir;         /* the model */
    const char *adapter_dir; /* NULL for none */
    gd_token_lookup *lookup;
    void *context;
} gd_special_sources;

/* Files that are missing name nothing; a file that is there must be well-formed, and its tokens must have an id. An id
 * of config.json must be below its vocab_size. *out is all zero on failure. */
gd_status gd_special_ids_read(gd_special_ids *out, const gd_special_sources *from, gd_error *err);

#endif
