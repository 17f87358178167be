/* stream.h - the bytes of an input, unpacked when it is gzip (told by its first bytes, not by its name). */
#ifndef GD_DATA_STREAM_H
#define GD_DATA_STREAM_H

#include "guerdon.h"

typedef struct gd_stream gd_stream;

/* path "-" is standard input.  Pipes are fine; a directory, and the magic of another compression, are refused. */
gd_status gd_stream_open(gd_stream **out, const char *path, gd_error *err);

/* Up to `room` bytes to p; *got is 0 at the end only.  gzip of several members reads as one; a cut or damaged one
 * is GD_EFORMAT, after the bytes before the fault have been given. */
gd_status gd_stream_read(gd_stream *s, unsigned char *p, size_t room, size_t *got, gd_error *err);

void gd_stream_close(gd_stream *s);

/* What messages call it: the path, or "standard input". */
const char *gd_stream_name(const gd_stream *s);

/* Bytes of the file itself (packed, if it is) that were taken in so far; of how many, or 0 when nobody knows. */
uint64_t gd_stream_done(const gd_stream *s);
uint64_t gd_stream_total(const gd_stream *s);

/* Not 0 when it is being unpacked: then done counts other bytes than read gives. */
int gd_stream_packed(const gd_stream *s);

#endif
