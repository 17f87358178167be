/* reader.h - the lines of an input, counted as an editor counts them. */
#ifndef GD_DATA_READER_H
#define GD_DATA_READER_H

#include "guerdon.h"

#include <stdbool.h>

/* Bytes of one line, without its end. More than any honest record, few enough that a file without a line break
 * cannot take all memory. */
#define GD_LINE_MAX ((size_t)16 << 20)

typedef struct gd_line {
    const char *data; /* not terminated; good until the next call */
    size_t len;       /* bytes, without the line break (LF or CRLF) */
    uint64_t number;  /* from 1; blank lines count */
    bool too_long;    /* more than GD_LINE_MAX bytes: data is NULL, the next line is found all the same */
} gd_line;

typedef struct gd_reader gd_reader;

/* path as in gd_stream_open(). */
gd_status gd_reader_open(gd_reader **out, const char *path, gd_error *err);

/* The next line that is not blank (spaces and tabs alone are blank); *more is false at the end.  A byte order mark
 * before the first line is skipped, the last line needs no line break. */
gd_status gd_reader_next(gd_reader *r, gd_line *line, bool *more, gd_error *err);

void gd_reader_close(gd_reader *r);

/* For a progress bar: bytes of the file (packed ones, if it is gzip) behind the last line, and bytes that it has,
 * 0 for a pipe. */
uint64_t gd_reader_bytes_done(const gd_reader *r);
uint64_t gd_reader_bytes_total(const gd_reader *r);

#endif
