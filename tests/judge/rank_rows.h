/* rank_rows.h - ranks rows of one answer each by scores that are written down. */
#ifndef GD_TESTS_RANK_ROWS_H
#define GD_TESTS_RANK_ROWS_H

#include "tests/judge/filtering.h"

/* Lines of scores, one for each row: a number, or ! for a row that failed. */
static void put_scores(const char *dir, const char *scores)
{
    char *text = calloc(1, 1 << 18), *at = text;

    for (int index = 0; *scores; index++) {
        const int len = (int)strcspn(scores, " ");

        if (*scores == '!')
            at += sprintf(at, "{\"index\":%d,\"error\":\"line %d: too long\"}\n", index, index + 1);
        else
            at += sprintf(at, "{\"index\":%d,\"score\":%.*s,\"tokens\":%d}\n", index, len, scores, index + 1);
        scores += len + (scores[len] == ' ');
    }
    write_text(dir, "scores", text);
    free(text);
}

/* Ranks rows in.jsonl (or as named) by these scores. */
static gd_status rank_rows(const char *dir, const char *name, const char *input, const char *scores,
                           gd_rank_options *how, gd_error *err)
{
    write_text(dir, name, input);
    put_scores(dir, scores);
    how->struct_size = sizeof *how;
    how->input = in_dir(dir, name);
    how->output = in_dir(dir, "out");
    how->from_scores = in_dir(dir, "scores");
    if (how->pairs)
        how->pairs_output = in_dir(dir, "pairs");
    return gd_rank_file(NULL, how, NULL, NULL, err);
}

#endif
