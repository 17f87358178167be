/* entries_inputs.h - finds the files that an input names. */
#ifndef GD_DATA_ENTRIES_INPUTS_H
#define GD_DATA_ENTRIES_INPUTS_H

#include "guerdon.h"

typedef struct gd_inputs {
    char **paths;
    size_t count, room;
} gd_inputs;

/* Each name is a path, "-", or a pattern as in glob(7), which is replaced by the files that match, sorted by bytes.  If
 * a file with exactly the pattern's name exists, it is taken instead.  GD_EUSAGE if a pattern matches nothing, if there
 * are no names, or if "-" comes twice. */
gd_status gd_inputs_find(gd_inputs *inputs, const char *const *names, size_t count, gd_error *err);
void gd_inputs_free(gd_inputs *inputs);

#endif
