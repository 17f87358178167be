/* entries_fields.h - the names of fields: ours and the input's. */
#ifndef GD_DATA_ENTRIES_FIELDS_H
#define GD_DATA_ENTRIES_FIELDS_H

#include "guerdon.h"

#include <jansson.h>
#include <stdbool.h>

/* The names of the fields that we read, or refuse if they are not empty. */
enum { GD_FIELD_COUNT = 11 };
extern const char *const gd_field_names[GD_FIELD_COUNT];

/* Other names that data sets use for these fields.  They are read, too, but only to say what is missing. */
typedef struct gd_field_alias {
    const char *theirs, *ours;
} gd_field_alias;
enum { GD_FIELD_ALIASES = 31, GD_FIELD_QUESTIONS = 4 }; /* the first ones may hold the question of a pair */
extern const gd_field_alias gd_field_aliases[GD_FIELD_ALIASES];

typedef struct gd_fields {
    size_t count;
    struct gd_field {
        const char *ours; /* one of gd_field_names */
        char *theirs;
    } map[GD_FIELD_COUNT];
    const char *const *also; /* [also_count] the input's names of other fields that are read; borrowed */
    size_t also_count;
    bool frugal; /* an item's values may take only a few megabytes besides what its bytes allow */
} gd_fields;

/* The name of no field: "prompt=_" leaves "prompt" out. */
#define GD_FIELD_NONE "_"

/* Reads "text=instruction,chosen=good": ours = theirs.  A comma or a backslash in a name is escaped with a backslash.
 * NULL and "" map nothing. */
gd_status gd_fields_parse(gd_fields *fields, const char *spec, gd_error *err);
void gd_fields_free(gd_fields *fields);

/* Reads a name up to the next comma, without backslashes; *spec moves to the comma or the end.  The caller frees it;
 * NULL if out of memory. */
char *gd_fields_unescaped(const char **spec);

/* What the input's field of this name is for: nothing, so that it need not even be valid; to say what may be meant, for
 * which a string is read, and of anything else only that it is there; or to be read. */
typedef enum gd_field_use { GD_FIELD_SKIPPED, GD_FIELD_HINT, GD_FIELD_READ } gd_field_use;
gd_field_use gd_fields_use(const gd_fields *fields, const char *name, size_t len);

/* The input's name of the field that we call `ours`. */
const char *gd_fields_theirs(const gd_fields *fields, const char *ours);

/* Renames an object's fields to our names.  A name of ours that is mapped means only the mapped field: a field that
 * already has the name is dropped.  False if out of memory. */
bool gd_fields_rename(const gd_fields *fields, json_t *object);

#endif
