/* salvage.h - finds the complete part of an unfinished output file, after which a run can resume (see sink.h). */
#ifndef GD_TESTS_RECORDS_SALVAGE_H
#define GD_TESTS_RECORDS_SALVAGE_H

#include "guerdon.h"

typedef struct gd_salvage {
    uint64_t bytes; /* complete lines of a plain file, complete members of a packed one; for gd_sink_open_at() */
    uint64_t lines; /* in these bytes */
    char last[256]; /* the beginning of the last of these lines, NUL-terminated: {"index":41,... */
} gd_salvage;

/* A missing or empty file has nothing.  A truncated file is what this is for; a damaged packed file counts up to the
 * last good member.  A file that is not packed as its name says is GD_EFORMAT: another program wrote it. */
gd_status gd_salvage_file(gd_salvage *out, const char *path, gd_error *err);

#endif
