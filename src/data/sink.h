/* sink.h - where output bytes go: a file, a pipe or standard output; packed when the path ends in ".gz" or ".zst".
 *
 * A file that was left unfinished can be continued so that it ends up byte for byte as if nobody had interrupted
 * it.  What that takes:
 *  - The writer calls gd_sink_cut() where the items say so (after every so many of them, counted from the first),
 *    never where time or the size of a batch says so.  A packed file then is a row of members that are whole in
 *    themselves, and the bytes of each depend on its items alone: not on flushes, and not on what was packed
 *    before.
 *  - gd_sink_offset() says how much of the file is whole, and somebody keeps that (reward/journal.h).
 *  - gd_sink_open_at() cuts the rest off, and the writer goes on with the item behind.
 * A plain file needs no cuts: whole lines are enough.
 *
 * Memory: 128 KiB, and what packing takes: 256 KiB for gzip, 4 MiB for zstd. */
#ifndef GD_DATA_SINK_H
#define GD_DATA_SINK_H

#include "guerdon.h"

typedef struct gd_sink gd_sink;

/* path "-" is standard output.  A file that is there is written over, but not one that is also one of the `count`
 * inputs (paths, "-" or NULL), whatever names and links lead to it.  Writing starts after the first `offset` bytes of
 * the file: what follows them is cut off.  An offset that is not 0 is for files alone, which must have that
 * many bytes. */
gd_status gd_sink_open_at(gd_sink **out, const char *path, const char *const *inputs, size_t count, uint64_t offset,
                          gd_error *err);

/* Buffered.  After a failure every later call fails in the same way, so that one check at the end is enough. */
gd_status gd_sink_write(gd_sink *s, const void *data, size_t len, gd_error *err);

/* Hands everything so far to the system; a packed file keeps back what it needs to go on packing. */
gd_status gd_sink_flush(gd_sink *s, gd_error *err);

/* Hands everything so far to the system, and ends a packed file's member, so that what was written can be read whatever
 * happens next.  Each cut costs some of the packing: a member should hold 64 KiB of text or more.  Without anything
 * written since the last cut, nothing happens. */
gd_status gd_sink_cut(gd_sink *s, gd_error *err);

/* Bytes of the file that the system has and that are whole: up to the last flush of a plain file, and up to the
 * last cut of a packed one. */
uint64_t gd_sink_offset(const gd_sink *s);

/* Cuts, closes and frees, also on failure; NULL is fine. */
gd_status gd_sink_close(gd_sink *s, gd_error *err);

#endif
