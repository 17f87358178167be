/* special.h - the pad and the end-of-sequence token of a model.
 *
 * The head of a reward model reads the rightmost token that is not pad, so with a wrong pad id it reads the wrong
 * token. Sources are consulted in the order in which Transformers finds each token, and the first that has it wins.
 *
 * pad, which determines the pooled token:
 *   1. config.json: pad_token_id, or the architecture's default (Gemma 2: 0). -1 (old Llama configs) means that no
 *      token is pad: the last token is read, whatever the tokenizer says.
 *   2. the tokenizer's pad_token. TRL and many scripts copy it into the model's config; the adapter of a LoRA run on a
 *      base without a pad id has it only in the tokenizer's files.
 * eos, which is appended to texts:
 *   1. the tokenizer's eos_token, which TRL appends.
 *   2. config.json: eos_token_id, or the first of a list. (The list says where generation stops: Llama 3's begins
 *      with a token that does not end answers.)
 *
 * "The tokenizer" is the adapter's directory, then the model's; in each, special_tokens_map.json comes before
 * tokenizer_config.json, unless the latter has added_tokens_decoder: then the former is not read. A token is a string,
 * or an object with "content". */
#ifndef GD_QUANT_FREE_SPECIAL_H
#define GD_QUANT_FREE_SPECIAL_H

#include "quant-free/config.h"

/* Finds the id of a token's content; false if there is none. Supplied by the tokenizer, which this folder does not
 * know. */
typedef bool gd_token_lookup(void *context, const char *token, uint32_t *id);

typedef struct gd_special_ids {
    bool has_pad, has_eos;
    uint32_t pad, eos;
    const char *pad_from, *eos_from; /* "config.json" ...: for messages, static; NULL if there is none */
} gd_special_ids;

/* The sources. */
typedef struct gd_special_sources {
    const gd_config *config; /* NULL: not consulted */
    const char *dir;         /* the model */
    const char *adapter_dir; /* NULL for none */
    gd_token_lookup *lookup;
    void *context;
} gd_special_sources;

/* Missing files are skipped; an existing file must be well-formed. A token that it names but that has no id ends the
 * search without one: no text contains it. An id in config.json must be below its vocab_size. *out is all zero on
 * failure. */
gd_status gd_special_ids_read(gd_special_ids *out, const gd_special_sources *from, gd_error *err);

#endif
