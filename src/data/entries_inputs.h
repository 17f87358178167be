/* entries_inputs.h - which files an input names. */
#ifndef GD_DATA_ENTRIES_INPUTS_H
#define GD_DATA_ENTRIES_INPUTS_H

#include "guerdon.h"

typedef struct gd_inputs {
    char **paths;
    size_t count, room;
} gd_inputs;

/* Each name is a path, "-", or a pattern as of glob(7), which becomes the files that it matches, sorted by their
 * bytes.  A file whose name holds the pattern's characters is that file.  GD_EUSAGE when a pattern matches nothing,
 * when there is no name at all, or "-" comes twice. */
gd_status gd_inputs_find(gd_inputs *inputs, const char *const *names, size_t count, gd_error *err);
void gd_inputs_free(gd_inputs *inputs);

#endif
