/* added_list.h - the added tokens as the files of a directory declare them.
 *
 * Up to four files do, and Transformers 5 (tokenization_utils_base.py, _from_pretrained();
 * tokenization_utils_tokenizers.py, TokenizersBackend.__init__()) reads them in this order:
 *   1. tokenizer.json: added_tokens.
 *   2. tokenizer_config.json: added_tokens_decoder; without that, added_tokens.json. Their flags replace those of 1.
 *   3. the named tokens, bos_token and so on, in tokenizer_config.json, and in special_tokens_map.json, which wins,
 *      but is not read if there is an added_tokens_decoder. They become added tokens unless 1 or 2 have them.
 *   4. extra_special_tokens, formerly additional_special_tokens, in the same two files: likewise.
 * Tokens that are new get the next free ids in this order, whatever id a file of 2 gives them. */
#ifndef GD_TEXT_ADDED_LIST_H
#define GD_TEXT_ADDED_LIST_H

#include "guerdon.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GD_ADDED_LIMIT ((size_t)65536)
#define GD_ADDED_BYTES ((size_t)1024) /* of one content */

typedef struct gd_added_flags {
    bool single_word, lstrip, rstrip, normalized, special;
} gd_added_flags;

typedef enum gd_added_origin { GD_ADDED_FILE, GD_ADDED_LISTED, GD_ADDED_NAMED, GD_ADDED_EXTRA } gd_added_origin;

/* One declaration. */
typedef struct gd_added_entry {
    char *content;
    size_t len;
    gd_added_flags flags;
    gd_added_origin origin;
    int64_t id;           /* as declared; -1: by its place in the order */
    bool special_by_name; /* of added_tokens.json: special if a named or an extra token has the same content ... */
    bool makes_special;   /* ... in which this is set */
    size_t token;         /* for gd_added_make(): the place of its token */
} gd_added_entry;

/* All zero is an empty list. */
typedef struct gd_added_list {
    gd_added_entry *entries; /* in the order of their origins */
    size_t count, room;
    size_t files;       /* how many of them are from tokenizer.json: the first ones */
    bool decoder;       /* there is an added_tokens_decoder */
    bool split_special; /* split_special_tokens: special tokens in a text are text */
    /* add_bos_token and add_eos_token: -1 if absent, else 0 or 1 */
    int add_bos, add_eos;
    char class_name[64]; /* tokenizer_class, empty if absent */
    int prefix_space;    /* add_prefix_space: likewise */
    bool legacy;
} gd_added_list;

void gd_added_list_free(gd_added_list *list);

/* Adds a copy of the content; an empty one is passed over, as the reference does. *added becomes the entry, valid until
 * the next call, or NULL. */
gd_status gd_added_declare(gd_added_list *list, gd_added_origin origin, const json_t *content, gd_added_flags flags,
                           gd_added_entry **added, const char *where, gd_error *err);

/* The same for an object with "content" and some of the flags. */
gd_status gd_added_declare_object(gd_added_list *list, gd_added_origin origin, const json_t *object,
                                  gd_added_entry **added, const char *where, gd_error *err);

/* Reads the field "added_tokens" of tokenizer.json (NULL: none). */
gd_status gd_added_list_file(gd_added_list *list, const json_t *tokens, const char *path, gd_error *err);

/* Reads the other files of the directory, as far as they exist. `padding` is that field of tokenizer.json (`path`), or
 * NULL: it names the pad token if no file does. */
gd_status gd_added_list_dir(gd_added_list *list, const char *dir, json_t *padding, const char *path, gd_error *err);

#endif
