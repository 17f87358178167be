/* output.h - the directory of a run. */
#ifndef GD_TRAIN_OUTPUT_H
#define GD_TRAIN_OUTPUT_H

#include "guerdon.h"

#include <stdbool.h>

/* Makes the directory, whose parent must exist, or takes one that is empty or was made by a run; with `anew`, only an
 * empty one. */
gd_status gd_output_take(const char *path, int anew, gd_error *err);

/* Fails as gd_output_take() would, but makes nothing: *there, the directory exists and is not empty. */
gd_status gd_output_check(const char *path, int anew, bool *there, gd_error *err);

/* Fails with GD_EIO if the file system has fewer bytes left. */
gd_status gd_output_room(const char *path, uint64_t bytes, gd_error *err);

#endif
