/* reader.h - the lines of an input, counted as an editor counts them. */
#ifndef GD_DATA_READER_H
#define GD_DATA_READER_H

#include "data/pieces.h"

#define GD_LINE_MAX GD_ITEM_MAX

typedef struct gd_line {
    const char *data; /* not terminated; valid until the next call */
    size_t len;       /* bytes, without the line break (LF or CRLF) */
    uint64_t number;  /* from 1; blank lines count */
    bool too_long;    /* more than GD_LINE_MAX bytes: data is NULL; reading continues with the next line */
} gd_line;

/* The next line that is not blank (spaces and tabs alone are blank); *more is false at the end.  The last line needs no
 * line break. */
gd_status gd_line_next(gd_pieces *pieces, gd_line *line, bool *more, gd_error *err);

typedef struct gd_reader gd_reader;

/* path and pause as in gd_stream_open(). */
gd_status gd_reader_open(gd_reader **out, const char *path, gd_pause pause, gd_error *err);

/* As gd_line_next(); a byte order mark before the first line is skipped. */
gd_status gd_reader_next(gd_reader *r, gd_line *line, bool *more, gd_error *err);

void gd_reader_close(gd_reader *r);

#endif
