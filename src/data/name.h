/* name.h - whether the name of an output says what is written to it. */
#ifndef GD_DATA_NAME_H
#define GD_DATA_NAME_H

#include "guerdon.h"

/* GD_EUSAGE for a name that promises what it won't get: another format than that of the lines, such as .csv or .parquet
 * for JSON lines, or a compression other than gzip and zstd.  A name that promises nothing is fine, and so is whatever
 * isn't a regular file. */
gd_status gd_output_name(const char *path, gd_format lines, gd_error *err);

#endif
