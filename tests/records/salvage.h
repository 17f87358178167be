/* salvage.h - what of an unfinished output file is whole, so that a run can go on behind it (see sink.h). */
#ifndef GD_TESTS_RECORDS_SALVAGE_H
#define GD_TESTS_RECORDS_SALVAGE_H

#include "guerdon.h"

typedef struct gd_salvage {
    uint64_t bytes; /* of the file: whole lines of a plain one, whole members of a packed one; for gd_sink_open_at() */
    uint64_t lines; /* that they hold */
    char last[256]; /* how the last of these lines begins, NUL-terminated: {"index":41,... */
} gd_salvage;

/* A file that is not there, or empty, has nothing.  One that ends in the middle is what this is for; a packed one
 * that is damaged counts up to the last member before.  A file that is not packed as its name says is GD_EFORMAT:
 * it is another program's. */
gd_status gd_salvage_file(gd_salvage *out, const char *path, gd_error *err);

#endif
