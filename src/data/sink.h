/* sink.h - writes output to a file, a pipe or standard output; packed if the path ends in ".gz" or ".zst".
 *
 * An unfinished file can be resumed so that it ends up byte for byte the same as without the interruption:
 *  - The writer calls gd_sink_cut() after every N items, counted from the first one, never by time or batch size.
 *    A packed file then is a sequence of complete members, and the bytes of each depend only on its items: not on
 *    flushes, and not on what was packed before.
 *  - gd_sink_offset() tells how much of the file is complete; reward/journal.h records it.
 *  - gd_sink_open_at() cuts off the rest, and the writer continues with the next item.
 * A plain file needs no cuts: complete lines are enough.
 *
 * Memory: 128 KiB, plus 256 KiB for gzip or 4 MiB for zstd. */
#ifndef GD_DATA_SINK_H
#define GD_DATA_SINK_H

#include "guerdon.h"

#include <stdbool.h>

typedef struct gd_sink gd_sink;

/* path "-" is standard output, and so is /dev/stdout; another name of an open descriptor, such as /dev/fd/3, is written
 * from where the descriptor is.  An existing file is overwritten, unless it is also one of the `count` inputs (paths,
 * "-" or NULL), under whatever name or link.  Writing starts after the first `offset` bytes of the file; the rest is
 * cut off, but not before the first byte is written, or the sink is closed.  An offset other than 0 is only for regular
 * files, which must have that many bytes.  A file that another sink is open on, of this process or another one, is
 * refused with GD_EIO, unless that one is closed within two seconds. */
gd_status gd_sink_open_at(gd_sink **out, const char *path, const char *const *inputs, size_t count, uint64_t offset,
                          gd_error *err);

/* Buffered.  After a failure every later call fails in the same way, so one check at the end is enough. */
gd_status gd_sink_write(gd_sink *s, const void *data, size_t len, gd_error *err);

/* Hands everything so far to the system; for a packed file, except the data still in the compressor. */
gd_status gd_sink_flush(gd_sink *s, gd_error *err);

/* Hands everything so far to the system, and ends a packed file's member, so that what was written stays readable
 * whatever happens next.  Each cut makes the file larger: a member should hold 64 KiB of text or more.  Does nothing if
 * nothing was written since the last cut. */
gd_status gd_sink_cut(gd_sink *s, gd_error *err);

/* Whether anything was written; it may still be in the buffer. */
bool gd_sink_used(const gd_sink *s);

/* Drops all that was written after the first `offset` bytes; only gd_sink_close() may follow.  What the file had before
 * stays, if nothing has reached it.  False if the system has some of what was written and it can't be cut off: it is no
 * regular file. */
bool gd_sink_take_back(gd_sink *s, uint64_t offset);

/* Bytes of the file that the system has and that are complete: up to the last flush of a plain file, up to the last cut
 * of a packed one. */
uint64_t gd_sink_offset(const gd_sink *s);

/* Cuts, closes and frees, even on failure; NULL is fine. */
gd_status gd_sink_close(gd_sink *s, gd_error *err);

#endif
