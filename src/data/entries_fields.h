/* entries_fields.h - names of fields: what we call them, and what the input does. */
#ifndef GD_DATA_ENTRIES_FIELDS_H
#define GD_DATA_ENTRIES_FIELDS_H

#include "guerdon.h"

#include <jansson.h>
#include <stdbool.h>

/* The names that mean something to us. */
enum { GD_FIELD_COUNT = 7 };
extern const char *const gd_field_names[GD_FIELD_COUNT];

typedef struct gd_fields {
    size_t count;
    struct gd_field {
        const char *ours; /* one of gd_field_names */
        char *theirs;
    } map[GD_FIELD_COUNT];
} gd_fields;

/* Reads "text=instruction,chosen=good": ours = theirs.  A comma or a backslash in a name is written with a backslash in
 * front.  NULL and "" map nothing. */
gd_status gd_fields_parse(gd_fields *fields, const char *spec, gd_error *err);
void gd_fields_free(gd_fields *fields);

/* What the input calls it. */
const char *gd_fields_theirs(const gd_fields *fields, const char *ours);

/* Renames an object's fields.  One of our names that is mapped means the mapped field and no other, even if the object
 * has a field of our name besides.  False without memory. */
bool gd_fields_rename(const gd_fields *fields, json_t *object);

#endif
