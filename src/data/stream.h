/* stream.h - reads the bytes of an input, unpacked if it is gzip or zstd (by its first bytes, not by its name). */
#ifndef GD_DATA_STREAM_H
#define GD_DATA_STREAM_H

#include "guerdon.h"

typedef struct gd_stream gd_stream;

/* What to do before a read that would block, because the writer of a pipe has nothing yet; a failure is that of the
 * read. */
typedef struct gd_pause {
    gd_status (*work)(void *context, gd_error *err); /* NULL: nothing */
    void *context;
} gd_pause;

/* path "-" is standard input.  Pipes are fine; directories and files of known other kinds (bzip2, xz, zip, Parquet,
 * Arrow) are refused: this waits for the first bytes of a pipe. */
gd_status gd_stream_open(gd_stream **out, const char *path, gd_pause pause, gd_error *err);

/* Reads up to `room` bytes; *got is 0 only at the end.  Any number of members or frames read as one; a truncated or
 * damaged one gives GD_EFORMAT, after the bytes before the fault have been returned.  A file that was changed since it
 * was opened gives GD_EIO.
 *
 * Memory: 64 KiB, plus 32 KiB for gzip or the frame's window for zstd (8 MiB at level 19; a frame that needs more than
 * 128 MiB is GD_EUNSUPPORTED). */
gd_status gd_stream_read(gd_stream *s, unsigned char *p, size_t room, size_t *got, gd_error *err);

/* From now on. */
void gd_stream_on_pause(gd_stream *s, gd_pause pause);

void gd_stream_close(gd_stream *s);

/* Its name in messages: the path, or "standard input". */
const char *gd_stream_name(const gd_stream *s);

/* Bytes of the file itself (packed, if it is) read so far, and in all, or 0 if unknown. */
uint64_t gd_stream_done(const gd_stream *s);
uint64_t gd_stream_total(const gd_stream *s);

/* "gzip", "zstd" or, if it isn't packed, NULL.  gd_stream_done() counts packed bytes, gd_stream_read() returns unpacked
 * ones. */
const char *gd_stream_packed(const gd_stream *s);

#endif
