/* yaml.h - reading a YAML file (libyaml) into a bounded tree, with errors that name file, line and column.
 *
 * Only plain YAML is read: one document of mappings, lists and scalars. Anchors, aliases, tags, merge keys
 * and directives are refused, since our files need none of them and each is a known way to say one thing and
 * mean another (or to mean a billion things); so are duplicate keys. A scalar is text; its meaning is up to the
 * caller, so "no" is never a truth value and "1_000" never a number. */
#ifndef GD_BASE_YAML_H
#define GD_BASE_YAML_H

#include "guerdon.h"

#include <stdbool.h>

#define GD_YAML_MAX_BYTES 1048576u /* a file */
#define GD_YAML_MAX_DEPTH 32u      /* mappings and lists inside each other */
#define GD_YAML_MAX_NODES 100000u
#define GD_YAML_MAX_KEYS 1024u   /* of one mapping */
#define GD_YAML_MAX_SCALAR 4096u /* bytes */

typedef enum gd_yaml_kind { GD_YAML_SCALAR, GD_YAML_LIST, GD_YAML_MAP } gd_yaml_kind;

typedef struct gd_yaml_node {
    gd_yaml_kind kind;
    bool plain;                 /* a scalar without quotes */
    unsigned line, column;      /* from 1 */
    const char *file;           /* the name of what was read */
    const char *text;           /* scalar: NUL-terminated; the only control characters are newlines from "\n" or | */
    size_t count;               /* list: items; map: pairs */
    struct gd_yaml_node *child; /* list: first item; map: first key, whose `next` is its value, and so on */
    struct gd_yaml_node *next;
} gd_yaml_node;

typedef struct gd_yaml gd_yaml;

/* Reads len bytes; `name` (a path) begins every message. gd_yaml_free() frees the tree. */
gd_status gd_yaml_parse(gd_yaml **out, const char *text, size_t len, const char *name, gd_error *err);
void gd_yaml_free(gd_yaml *doc);

/* Reads more, of another name, into the same tree, which owns it: *root is its own root. */
gd_status gd_yaml_add(gd_yaml *doc, const gd_yaml_node **root, const char *text, size_t len, const char *name,
                      gd_error *err);

/* That of what was read first. */
const gd_yaml_node *gd_yaml_root(const gd_yaml *doc);

/* Fails with the node's "name:line:column: " before the message. */
gd_status gd_yaml_fail(const gd_yaml *doc, const gd_yaml_node *at, gd_error *err, gd_status status, const char *format,
                       ...) __attribute__((format(printf, 5, 6)));

/* The value of a key of a map, or NULL. */
const gd_yaml_node *gd_yaml_get(const gd_yaml_node *map, const char *key);

/* Fails unless the node, called `what` in the message, is of this kind. */
gd_status gd_yaml_expect(const gd_yaml *doc, const gd_yaml_node *node, gd_yaml_kind kind, const char *what,
                         gd_error *err);

/* true or false, without quotes. */
gd_status gd_yaml_bool(bool *out, const gd_yaml *doc, const gd_yaml_node *node, const char *what, gd_error *err);

#endif
