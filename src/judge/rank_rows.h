/* rank_rows.h - rows with one answer each, as the answers to a prompt: rows that follow each other and have the same
 * value in one field, however it is spelt.
 *
 * Memory: that of one group, which may have 16 MiB as any item, and 16 bytes for each group before. */
#ifndef GD_JUDGE_RANK_ROWS_H
#define GD_JUDGE_RANK_ROWS_H

#include "base/buf.h"
#include "judge/from_scores.h"

/* A row and, if the scores are there, its own. */
typedef struct gd_rank_row {
    gd_record record;
    float score;
    size_t tokens;
    bool truncated, dropped;
    bool failed; /* in the scores, though it can be read */
} gd_rank_row;

typedef struct gd_rank_list {
    gd_rank_row *row;
    size_t count, room;
} gd_rank_list;

/* Set job and from; the rest is all zero at first. */
typedef struct gd_rank_rows {
    gd_job *job; /* its group_by names the field */
    gd_from_scores *from;
    gd_rank_list group; /* the rows of the group that is being read */
    size_t bytes;       /* of these */
    char *problem;      /* NULL, or what is wrong with it */
    gd_rank_list bad;   /* rows that can't be read, to be returned after it */
    size_t bad_done;    /* how many of these were */
    gd_rank_row ahead;  /* the first row after the group */
    bool has_ahead, ended;
    uint64_t index;      /* of the next item */
    gd_buf plain, spare; /* the value of the group, and one to compare with it, as gd_json_plain() spells them */
    uint64_t *seen;      /* [seen_room] hashes of the values before, 0: none */
    size_t seen_count, seen_room;
    float *scores;  /* of the group returned last */
    size_t *tokens; /* the same */
    size_t score_room, token_room;
    bool truncated, dropped; /* at least one of its rows was */
} gd_rank_rows;

/* The next group, as one record; a row that can't be read, as a record with its problem.  A gd_next_record.  GD_EFORMAT
 * if the rows of a group do not follow each other. */
gd_status gd_rank_rows_next(void *rows, gd_record *record, uint64_t *bytes, bool *more, gd_error *err);

/* Gives the record that was returned last the scores of its rows. */
void gd_rank_rows_fill(gd_rank_rows *rows, gd_scored *item);

void gd_rank_rows_free(gd_rank_rows *rows);

#endif
