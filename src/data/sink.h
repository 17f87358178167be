/* sink.h - where output bytes go: a file, a pipe or standard output; gzip when the path ends in ".gz". */
#ifndef GD_DATA_SINK_H
#define GD_DATA_SINK_H

#include "guerdon.h"

typedef struct gd_sink gd_sink;

/* path "-" is standard output.  A file that is there is written over, but not one that is also `input` (a path, "-"
 * or NULL), whatever names and links lead to it. */
gd_status gd_sink_open(gd_sink **out, const char *path, const char *input, gd_error *err);

/* Buffered.  After a failure every later call fails in the same way, so that one check at the end is enough. */
gd_status gd_sink_write(gd_sink *s, const void *data, size_t len, gd_error *err);

/* Hands everything so far to the system; a packed file keeps its last block until it is closed. */
gd_status gd_sink_flush(gd_sink *s, gd_error *err);

/* Flushes, closes and frees, also on failure; NULL is fine. */
gd_status gd_sink_close(gd_sink *s, gd_error *err);

#endif
