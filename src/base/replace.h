/* replace.h - writes a small file anew, so that whoever opens it sees the old one or the new one, whole. */
#ifndef GD_BASE_REPLACE_H
#define GD_BASE_REPLACE_H

#include "guerdon.h"

/* Writes "PATH.part" and renames it; after a failure, the file is as it was.  Not synced: after a crash of the system
 * the file may be the old one. */
gd_status gd_file_replace(const char *path, const void *data, size_t len, gd_error *err);

#endif
