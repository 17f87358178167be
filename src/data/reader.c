/* reader.c - the lines of an input. */
#include "data/reader.h"

#include "base/error.h"
#include "base/mem.h"

static bool is_blank(const gd_line *line)
{
    for (size_t i = 0; i < line->len; i++)
        if (line->data[i] != ' ' && line->data[i] != '\t')
            return false;
    return true;
}

gd_status gd_line_next(gd_pieces *pieces, gd_line *line, bool *more, gd_error *err)
{
    gd_status rc;

    do {
        gd_piece piece;

        rc = gd_pieces_next(pieces, gd_cut_lines, &piece, more, err);
        if (rc || !*more) {
            *more = false;
            return rc;
        }
        if (piece.too_long) {
            *line = (gd_line){ .number = piece.line, .too_long = true };
            return piece.ended ? GD_OK : gd_pieces_skip(pieces, gd_cut_lines, err);
        }
        if (piece.len > 0 && piece.data[piece.len - 1] == '\n')
            piece.len--;
        if (piece.len > 0 && piece.data[piece.len - 1] == '\r')
            piece.len--;
        *line = (gd_line){ piece.data, piece.len, piece.line, piece.len > GD_LINE_MAX };
    } while (is_blank(line));
    if (line->too_long)
        line->data = NULL;
    return GD_OK;
}

struct gd_reader {
    gd_pieces *pieces;
};

gd_status gd_reader_open(gd_reader **out, const char *path, gd_pause pause, gd_error *err)
{
    gd_reader *r = gd_alloc_zero(1, sizeof *r);
    gd_status rc;

    *out = NULL;
    if (!r)
        return gd_fail_memory(err, sizeof *r);
    rc = gd_pieces_open(&r->pieces, path, pause, err);
    if (rc)
        gd_reader_close(r);
    else
        *out = r;
    return rc;
}

gd_status gd_reader_next(gd_reader *r, gd_line *line, bool *more, gd_error *err)
{
    return gd_line_next(r->pieces, line, more, err);
}

void gd_reader_close(gd_reader *r)
{
    if (!r)
        return;
    gd_pieces_close(r->pieces);
    gd_free(r);
}
