/* components.h - reading the small parts of a tokenizer.json. */
#ifndef GD_TEXT_COMPONENTS_H
#define GD_TEXT_COMPONENTS_H

#include "text/pretoken.h"
#include "text/tokenizer.h"

/* Special tokens that the post-processor puts around the text. */
typedef struct gd_template {
    gd_ids before, after;
} gd_template;

/* Reads "post_processor". Ids must be smaller than `size`. */
gd_status gd_template_load(gd_template *template, const json_t *value, size_t size, const char *path, gd_error *err);

/* Read "truncation" and "padding", which are not applied. */
gd_status gd_truncation_check(const json_t *value, const char *path, gd_error *err);
gd_status gd_padding_check(const json_t *value, const char *path, gd_error *err);

#endif
