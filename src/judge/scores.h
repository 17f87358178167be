/* scores.h - reads the output of `guerdon score`. */
#ifndef GD_JUDGE_SCORES_H
#define GD_JUDGE_SCORES_H

#include "base/buf.h"
#include "data/keep.h"
#include "data/stream.h"
#include "guerdon.h"

#include <stdbool.h>

typedef struct gd_score_line {
    uint64_t index, line; /* of the item; in the file, from 1 */
    bool failed;          /* an error line: no scores */
    char *error;          /* its sentence, or NULL */
    bool pair;            /* the scores are of a chosen and of a rejected text */
    bool list;            /* the scores are of several answers */
    bool truncated;
    float *scores;
    size_t *tokens;                              /* of each text */
    size_t count, room, token_count, token_room; /* token_count: `count`, or 0 if the line does not give them all */
    gd_keep others;                              /* the names of fields that score kept from the input, */
    gd_buf text;                                 /* and the line that has them; only if there are any */
} gd_score_line;

typedef struct gd_score_reader gd_score_reader;

/* path and pause as in gd_stream_open().  GD_EUSAGE for an output that is unfinished: one with a journal beside it. */
gd_status gd_score_reader_open(gd_score_reader **out, const char *path, gd_pause pause, gd_error *err);

/* Reads the next line into *line, reusing its memory; *more is false at the end. Fails on any other kind of line, with
 * a message that names it. */
gd_status gd_score_reader_next(gd_score_reader *reader, gd_score_line *line, bool *more, gd_error *err);

const char *gd_score_reader_name(const gd_score_reader *reader);
void gd_score_reader_close(gd_score_reader *reader);
void gd_score_line_free(gd_score_line *line);

#endif
