/* rebuild.h - the classes of tokenizers that Transformers 5 builds anew.
 *
 * Transformers 4 uses a tokenizer.json as it is, and so does Transformers 5 for most classes.  Some have a normalizer
 * and a pre-tokenizer of their own, and take only the vocabulary, the merges, the added tokens and the template from
 * the file: __init__() in models/.../tokenization_*.py, convert_to_native_format() in tokenization_utils_tokenizers.py.
 * A file that was edited, or belongs to another model, then gives other ids than it says.  Here it is followed: so was
 * the model trained, unless it was with Transformers 5. */
#ifndef GD_TEXT_REBUILD_H
#define GD_TEXT_REBUILD_H

#include "text/bpe.h"
#include "text/normalize.h"
#include "text/pretoken.h"

#include <stdbool.h>

/* What of a tokenizer such a class has in itself. */
typedef struct gd_rebuild {
    const char *class_name; /* tokenizer_class of tokenizer_config.json; empty if absent */
    const char *model_type; /* of config.json, or NULL */
    int prefix_space;       /* add_prefix_space there; -1 if absent */
    bool legacy;            /* the same */
    const gd_bpe *bpe;
    const gd_normalizer *normalizer;
    const gd_pretoken *pretoken;
} gd_rebuild;

/* The name, without "Fast", of the class that would build something else than this; NULL if the file is used as it is,
 * or it makes no difference. */
const char *gd_rebuild_class(const gd_rebuild *file);

#endif
