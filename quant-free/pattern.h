/* pattern.h - the regular expressions of adapter_config.json, written for Python's `re` and matched by PCRE2.
 *
 * Only syntax that means the same in both is accepted: no recursion, verbs, flags, POSIX classes or escapes
 * other than \d \w \s \b and punctuation. Work is bounded: a pattern that backtracks endlessly is an
 * error. */
#ifndef GD_QUANT_FREE_PATTERN_H
#define GD_QUANT_FREE_PATTERN_H

#include "guerdon.h"

#include <stdbool.h>

typedef struct gd_pattern gd_pattern;

typedef enum gd_pattern_kind {
    GD_PATTERN_FULL,   /* re.fullmatch(P, name): target_modules, exclude_modules */
    GD_PATTERN_SUFFIX, /* re.match("(.*\.)?(P)$", name): rank_pattern, alpha_pattern */
    GD_PATTERN_LAYER   /* re.match("(?:^|.*?\.)P\.(?P<idx>\d+)\.", name): layers_pattern; finds the number */
} gd_pattern_kind;

/* Compiles `text`, which is (part of) the field `field` in the file `path`. */
gd_status gd_pattern_open(gd_pattern **out, const char *text, gd_pattern_kind kind, const char *field, const char *path,
                          gd_error *err);

/* NULL is fine. */
void gd_pattern_close(gd_pattern *pattern);

/* *matches says whether `name` matches; for GD_PATTERN_LAYER, *layer becomes the digits' offset in `name`, or the
 * length of `name` if it matched without them. */
gd_status gd_pattern_match(const gd_pattern *pattern, const char *name, bool *matches, size_t *layer, gd_error *err);

#endif
