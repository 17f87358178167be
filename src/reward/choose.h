/* choose.h - whose tokenizer and chat template count when an adapter brings its own: the adapter's, because a training
 * run saves there what it trained with. Scoring with the adapter and merging it choose alike. */
#ifndef GD_REWARD_CHOOSE_H
#define GD_REWARD_CHOOSE_H

#include "base/notes.h"
#include "guerdon.h"

#include <stddef.h>

/* Directories, of the model or of the adapter. */
typedef struct gd_choice {
    const char
        *tokenizer;      /* whose tokenizer.json: the model's if the adapter's has ids without a row in the embedding */
    const char *beside;  /* whose tokenizer_config.json and special_tokens_map.json */
    const char *chat;    /* whose chat template */
    const char *special; /* whose files name the special tokens that it writes */
} gd_choice;

/* adapter_dir may be NULL; rows is the size of the embedding, 0 if it is unknown. Where both directories have a
 * tokenizer.json and they differ, a notice says which is used. */
gd_status gd_choose(gd_choice *choice, const char *dir, const char *adapter_dir, size_t rows, gd_notes *notes,
                    gd_error *err);

/* The file that contains the directory's chat template: a Jinja file, or tokenizer_config.json. *path is NULL if there
 * is none; the caller frees it. */
gd_status gd_choose_template(char **path, const char *dir, gd_error *err);

#endif
