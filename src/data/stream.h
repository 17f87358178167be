/* stream.h - the bytes of an input, unpacked when it is gzip or zstd (told by its first bytes, not by its name). */
#ifndef GD_DATA_STREAM_H
#define GD_DATA_STREAM_H

#include "guerdon.h"

typedef struct gd_stream gd_stream;

/* path "-" is standard input.  Pipes are fine; a directory, and a file that begins as one of another kind (bzip2,
 * xz, zip, Parquet, Arrow) does, are refused. */
gd_status gd_stream_open(gd_stream **out, const char *path, gd_error *err);

/* Up to `room` bytes to p; *got is 0 at the end only.  Members or frames, however many, read as one; a cut or
 * damaged one is GD_EFORMAT, after the bytes before the fault have been given.
 *
 * Memory: 64 KiB, and what unpacking takes: 32 KiB for gzip, the frame's window for zstd (8 MiB at level 19; a
 * frame that wants more than 128 MiB is GD_EUNSUPPORTED). */
gd_status gd_stream_read(gd_stream *s, unsigned char *p, size_t room, size_t *got, gd_error *err);

void gd_stream_close(gd_stream *s);

/* What messages call it: the path, or "standard input". */
const char *gd_stream_name(const gd_stream *s);

/* Bytes of the file itself (packed, if it is) that were taken in so far; of how many, or 0 when nobody knows. */
uint64_t gd_stream_done(const gd_stream *s);
uint64_t gd_stream_total(const gd_stream *s);

/* How it is packed: "gzip", "zstd", or NULL; when it is, done counts other bytes than read gives. */
const char *gd_stream_packed(const gd_stream *s);

#endif
