/* keep.h - fields of the input that are not read, but carried into the output as they are: ids, sources, labels.
 *
 * A value is kept as JSON text: of JSON, its very bytes, on one line; of CSV and TSV, the cell as a string. */
#ifndef GD_DATA_KEEP_H
#define GD_DATA_KEEP_H

#include "base/buf.h"
#include "data/entries.h"

/* The names of the fields, as in the input. Initially all zero. */
typedef struct gd_keep {
    char **names;
    size_t count, room;
} gd_keep;

/* Adds the names of "id,source"; a comma or a backslash in a name is escaped with a backslash.  NULL adds none.
 * GD_EUSAGE for a name that is empty, given twice, or one that an output has already: any of its own, or one of
 * `taken` (a list that ends with NULL, or NULL). */
gd_status gd_keep_parse(gd_keep *keep, const char *spec, const char *const *taken, gd_error *err);
/* Whether lines of outputs have a field of this name of their own, so that it is none of the input's. */
bool gd_keep_is_ours(const char *name);

/* Adds a name that lines need not get. */
gd_status gd_keep_add(gd_keep *keep, const char *name, gd_error *err);
void gd_keep_free(gd_keep *keep);

/* GD_EUSAGE if the input has columns, and they are not among them. */
gd_status gd_keep_check(const gd_keep *keep, const gd_entries *entries, gd_error *err);

/* The item's values, [keep->count] in one block that the caller frees; a field that the item lacks is null.  *why says
 * what is wrong with one that can't be kept: it is there twice, or holds NaN or Infinity, which are not JSON. */
gd_status gd_keep_take(gd_text **values, const gd_keep *keep, const gd_entries *entries, const gd_entry *entry,
                       gd_error *why, gd_error *err);

/* Adds ,"id":7,"source":"a" to a line. */
void gd_keep_put(gd_buf *line, const gd_keep *keep, const gd_text *values);

#endif
