/* trace_file.h - a trace in a file: one side of a cross-check on one machine, the other on another.
 *
 * A line of JSON that says what it is, the arrays in little-endian, and a digest of all of it: doc/formats.md. */
#ifndef GD_CROSS_TRACE_FILE_H
#define GD_CROSS_TRACE_FILE_H

#include "cross/trace.h"

/* Writes to a file, a device or a pipe; after a failure no file is left. */
gd_status gd_trace_save(const gd_trace *trace, const char *path, gd_error *err);

/* Reads one that was made of the same texts with a model of the same steps; otherwise, or if the file is damaged, fails
 * with GD_EFORMAT. */
gd_status gd_trace_load(gd_trace *trace, const gd_plan *plan, const gd_cross_texts *texts, const char *path,
                        gd_error *err);

#endif
