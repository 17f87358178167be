/* names.h - the names that a checkpoint or an adapter gives the tensors which a graph reads.
 *
 * A graph names tensors in one way, and the same model may be saved in another: inside a model that also reads images,
 * or as the inner model alone. An alias says how a beginning of the graph's names may begin elsewhere; which of these
 * is in use is looked up once. */
#ifndef GD_QUANT_FREE_NAMES_H
#define GD_QUANT_FREE_NAMES_H

#include "guerdon.h"

#include <stdbool.h>

enum { GD_ALIASES_MAX = 8, GD_ALIAS_FORMS = 8, GD_ALIAS_BYTES = 64, GD_NAME_BYTES = 512 };

/* A beginning of the graph's names, which is one of the forms itself, and its other forms; "" is one, too. */
typedef struct gd_alias {
    const char *from;
    const char *to[GD_ALIAS_FORMS];
    size_t count;
} gd_alias;

/* The forms in use, where they are not the graph's. */
typedef struct gd_names {
    struct gd_name_form {
        char graph[GD_ALIAS_BYTES], file[GD_ALIAS_BYTES];
    } list[GD_ALIASES_MAX];
    size_t count;
} gd_names;

typedef bool gd_names_has(const void *context, const char *name);

/* What the caller wants to find, and where. */
typedef struct gd_names_search {
    const gd_alias *aliases;
    size_t alias_count;
    const char *const *wanted; /* the graph's names */
    size_t count;
    gd_names_has *has;
    const void *context;
    const char *path; /* for messages */
} gd_names_search;

/* Looks for the forms under which there are wanted names; fails if there are some under one form, and some under
 * another. Where there are none, the graph's form stays. */
gd_status gd_names_find(gd_names *out, const gd_names_search *search, gd_error *err);

/* The file's name for one of the graph's, and the other way: `name` itself, or a text in `room`. */
const char *gd_names_in_file(const gd_names *names, const char *name, char room[GD_NAME_BYTES]);
const char *gd_names_in_graph(const gd_names *names, const char *name, char room[GD_NAME_BYTES]);

/* The same with one form, whether it is in use or not; NULL if `name` doesn't begin with `from`, or is too long. */
const char *gd_names_put(const char *name, const char *from, const char *to, char room[GD_NAME_BYTES]);

#endif
