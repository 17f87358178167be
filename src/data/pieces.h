/* pieces.h - cuts an input into pieces of bounded length: lines, CSV rows, elements of a JSON array.
 *
 * A cutter decides where a piece ends; it sees each byte once, in portions of any size.  Memory is bounded for every
 * input: a piece that gets too long is given up. */
#ifndef GD_DATA_PIECES_H
#define GD_DATA_PIECES_H

#include "data/stream.h"

#include <stdbool.h>

/* The most bytes of one item, without its end: more than any sensible item has, few enough that a file without line
 * breaks can't use up the memory. */
#define GD_ITEM_MAX ((size_t)16 << 20)

typedef struct gd_piece {
    const char *data; /* with the line break that ends it, if any; not terminated; valid until the next call */
    size_t len;       /* at most GD_ITEM_MAX and the 2 bytes of a line break, unless it is too long */
    uint64_t line;    /* where it begins, from 1 */
    bool ended;       /* by the cutter; else the input ended first, or it is too long */
    bool too_long;    /* unless `ended`, data is only its beginning, and gd_pieces_skip() skips the rest */
} gd_piece;

typedef struct gd_cutter {
    /* Returns how many of these bytes belong to the piece: all of them, unless *done says that it ends after the last
     * one returned.  A piece has at least one byte. */
    size_t (*take)(void *state, const char *p, size_t len, bool *done);
    void *state;
} gd_cutter;

/* Cuts after each line feed; has no state. */
extern const gd_cutter gd_cut_lines;

typedef struct gd_pieces gd_pieces;

/* path as in gd_stream_open(); a byte order mark at the beginning is skipped, and UTF-16's is refused. */
gd_status gd_pieces_open(gd_pieces **out, const char *path, gd_pause pause, gd_error *err);
void gd_pieces_close(gd_pieces *p);

/* As gd_stream_on_pause(). */
void gd_pieces_on_pause(gd_pieces *p, gd_pause pause);

/* *more is false at the end. */
gd_status gd_pieces_next(gd_pieces *p, gd_cutter cutter, gd_piece *piece, bool *more, gd_error *err);

/* Skips bytes up to where the cutter ends a piece. */
gd_status gd_pieces_skip(gd_pieces *p, gd_cutter cutter, gd_error *err);

/* Gives back all but the first line of the last piece, which was not ended, to be read again.  The
 * piece's data stays valid until the next call. */
void gd_pieces_again(gd_pieces *p);

/* Skips blanks (JSON's: space, tab, CR, LF); *byte is the byte after them, which is not taken, or -1 at the end. */
gd_status gd_pieces_peek(gd_pieces *p, int *byte, gd_error *err);

/* Takes the byte that was peeked at, which is not a line feed. */
void gd_pieces_drop(gd_pieces *p);

/* Before anything was taken: the first line that is not blank, without the blanks before it and its line feed; empty
 * if it does not begin in the first 64 KiB.  *more says whether anything follows it; it is false, too, if the
 * line ends after them.  An array may be cut off after its bracket: the writer of a pipe may not end the line before it
 * has answers.  Valid until the next call. */
gd_status gd_pieces_first(gd_pieces *p, const char **line, size_t *len, bool *more, gd_error *err);

/* The line of the next byte. */
uint64_t gd_pieces_line(const gd_pieces *p);

/* As gd_stream_name(); the bytes of the file (packed, if it is) up to what was taken; as gd_stream_total(). */
const char *gd_pieces_name(const gd_pieces *p);
uint64_t gd_pieces_bytes_done(const gd_pieces *p);
uint64_t gd_pieces_bytes_total(const gd_pieces *p);

#endif
