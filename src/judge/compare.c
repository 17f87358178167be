/* compare.c - gd_compare(): compares two files of scores line by line. */
#include "judge/compare.h"

#include "base/error.h"
#include "base/mem.h"
#include "judge/scores.h"

#include <inttypes.h>
#include <string.h>

struct side {
    gd_score_reader *reader;
    gd_score_line line;
    bool more;
};

static gd_status add(gd_both *both, uint64_t index, float a, float b, gd_error *err)
{
    const size_t need = both->count + 1;

    if (!gd_grow((void **)&both->a, &both->room_a, need, sizeof *both->a) ||
        !gd_grow((void **)&both->b, &both->room_b, need, sizeof *both->b) ||
        !gd_grow((void **)&both->index, &both->room_index, need, sizeof *both->index))
        return gd_fail_memory(err, need * (2 * sizeof *both->a + sizeof *both->index));
    both->a[both->count] = (double)a;
    both->b[both->count] = (double)b;
    both->index[both->count++] = index;
    return GD_OK;
}

static void free_both(gd_both *both)
{
    gd_free(both->a);
    gd_free(both->b);
    gd_free(both->index);
}

static size_t best_of(const gd_score_line *line)
{
    size_t best = 0;

    for (size_t i = 1; i < line->count; i++)
        if (line->scores[i] > line->scores[best])
            best = i;
    return best;
}

/* Checks that both files are of the same items. */
static gd_status check_lines(const struct side *a, const struct side *b, gd_error *err)
{
    const char *name_a = gd_score_reader_name(a->reader), *name_b = gd_score_reader_name(b->reader);

    if (a->more != b->more)
        return gd_fail(err, GD_EFORMAT,
                       "%.200s ends before item %" PRIu64 " of %.200s: expected scores of the same input",
                       a->more ? name_b : name_a, a->more ? a->line.index : b->line.index, a->more ? name_a : name_b);
    if (a->more && a->line.index != b->line.index)
        return gd_fail(err, GD_EFORMAT,
                       "%.180s: line %" PRIu64 " is of item %" PRIu64 ", but line %" PRIu64 " of %.180s is of %" PRIu64,
                       name_a, a->line.line, a->line.index, b->line.line, name_b, b->line.index);
    if (a->more && !a->line.failed && !b->line.failed &&
        (a->line.count != b->line.count || a->line.pair != b->line.pair))
        return gd_fail(err, GD_EFORMAT,
                       "item %" PRIu64 " has %zu scores in %.180s and %zu in %.180s, or scores of different kinds",
                       a->line.index, a->line.count, name_a, b->line.count, name_b);
    return GD_OK;
}

static gd_status add_item(gd_comparison *found, const gd_score_line *a, const gd_score_line *b, gd_error *err)
{
    gd_status rc = GD_OK;

    found->items++;
    if (a->failed || b->failed) {
        found->skipped++;
        return GD_OK;
    }
    for (size_t i = 0; !rc && i < a->count; i++) {
        rc = add(&found->scores, a->index, a->scores[i], b->scores[i], err);
        found->identical += !memcmp(&a->scores[i], &b->scores[i], sizeof a->scores[i]);
    }
    if (!rc && a->pair) /* subtracted in float32, as by guerdon score; the file's own margin is not needed */
        rc = add(&found->margins, a->index, a->scores[0] - a->scores[1], b->scores[0] - b->scores[1], err);
    if (!rc && !a->pair && a->count > 1) {
        found->lists++;
        found->best += best_of(a) != best_of(b);
    }
    return rc;
}

static gd_status read_both(gd_comparison *found, struct side *a, struct side *b, gd_error *err)
{
    gd_status rc = GD_OK;

    for (a->more = b->more = true; !rc && a->more && b->more;) {
        rc = gd_score_reader_next(a->reader, &a->line, &a->more, err);
        if (!rc)
            rc = gd_score_reader_next(b->reader, &b->line, &b->more, err);
        if (!rc)
            rc = check_lines(a, b, err);
        if (!rc && a->more)
            rc = add_item(found, &a->line, &b->line, err);
    }
    return rc;
}

gd_status gd_compare(const char *scores_a, const char *scores_b, char **json, gd_error *err)
{
    gd_comparison found = { .name_a = scores_a, .name_b = scores_b };
    struct side a = { 0 }, b = { 0 };
    gd_status rc;

    *json = NULL;
    if (!strcmp(scores_a, "-") && !strcmp(scores_b, "-"))
        return gd_fail(err, GD_EUSAGE, "both files are standard input; expected two different files");
    rc = gd_score_reader_open(&a.reader, scores_a, (gd_pause){ 0 }, err);
    if (!rc)
        rc = gd_score_reader_open(&b.reader, scores_b, (gd_pause){ 0 }, err);
    if (!rc)
        rc = read_both(&found, &a, &b, err);
    if (!rc)
        rc = gd_compare_result(&found, json, err);
    gd_score_reader_close(a.reader);
    gd_score_reader_close(b.reader);
    gd_score_line_free(&a.line);
    gd_score_line_free(&b.line);
    free_both(&found.scores);
    free_both(&found.margins);
    return rc;
}
