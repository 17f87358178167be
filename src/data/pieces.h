/* pieces.h - an input cut into pieces of bounded length: lines, rows of CSV, elements of a JSON array.
 *
 * Where a piece ends is for a cutter to say, which sees each byte once, in whatever portions they come.  Memory stays
 * bounded, whatever the input: a piece is given up when it gets too long. */
#ifndef GD_DATA_PIECES_H
#define GD_DATA_PIECES_H

#include "guerdon.h"

#include <stdbool.h>

/* Bytes of one item, without its end. More than any honest item, few enough that a file without a line break cannot
 * take all memory. */
#define GD_ITEM_MAX ((size_t)16 << 20)

typedef struct gd_piece {
    const char *data; /* with what ends it, not terminated; good until the next call */
    size_t len;       /* at most GD_ITEM_MAX and the 2 bytes of a line break, unless it is too long */
    uint64_t line;    /* where it begins, from 1 */
    bool ended;       /* by the cutter; else the input ended first, or it is too long */
    bool too_long;    /* if it isn't ended, this is its beginning, and the rest waits: see gd_pieces_skip() */
} gd_piece;

typedef struct gd_cutter {
    /* How many of these bytes belong to the piece; *done when it ends behind the last of them, else it takes all.
     * A piece has a byte at least. */
    size_t (*take)(void *state, const char *p, size_t len, bool *done);
    void *state;
} gd_cutter;

/* Cuts behind each line feed; without state. */
extern const gd_cutter gd_cut_lines;

typedef struct gd_pieces gd_pieces;

/* path as in gd_stream_open(); a byte order mark at the beginning is skipped, and that of UTF-16 refused. */
gd_status gd_pieces_open(gd_pieces **out, const char *path, gd_error *err);
void gd_pieces_close(gd_pieces *p);

/* *more is false at the end. */
gd_status gd_pieces_next(gd_pieces *p, gd_cutter cutter, gd_piece *piece, bool *more, gd_error *err);

/* Takes bytes up to where the cutter says that a piece ends, and keeps none of them. */
gd_status gd_pieces_skip(gd_pieces *p, gd_cutter cutter, gd_error *err);

/* Gives back all but the first line of the last piece, which was not ended: they come again.  The
 * piece's data stays good until the next call. */
void gd_pieces_again(gd_pieces *p);

/* Takes blanks (JSON's: space, tab, CR, LF) away; *byte is what comes then and waits, -1 at the end. */
gd_status gd_pieces_peek(gd_pieces *p, int *byte, gd_error *err);

/* Takes the byte that was peeked at, which is no line feed. */
void gd_pieces_drop(gd_pieces *p);

/* Before anything was taken: the first byte that is no blank, as far as the first 64 KiB hold one; else -1. */
gd_status gd_pieces_first(gd_pieces *p, int *byte, gd_error *err);

/* Of the next byte. */
uint64_t gd_pieces_line(const gd_pieces *p);

/* As gd_stream_name(); bytes of the file (packed ones, if it is packed) behind what was taken, and as
 * gd_stream_total(). */
const char *gd_pieces_name(const gd_pieces *p);
uint64_t gd_pieces_bytes_done(const gd_pieces *p);
uint64_t gd_pieces_bytes_total(const gd_pieces *p);

#endif
