/* fields.h - two helpers for reading the parts of a tokenizer.json. */
#ifndef GD_TEXT_FIELDS_H
#define GD_TEXT_FIELDS_H

#include "guerdon.h"

#include <jansson.h>

#define GD_WHERE 400 /* room for a path and a place in the file */

/* Refuses a value that is not an object, and any field that is not in the list (which ends with NULL): a field that
 * only a newer version of the reference knows could change ids. */
gd_status gd_fields_known(const json_t *object, const char *const *names, const char *path, gd_error *err);

#endif
