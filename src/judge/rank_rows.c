/* rank_rows.c - rows with one answer each, as the answers to a prompt. */
#include "judge/rank_rows.h"

#include "base/digest.h"
#include "base/error.h"
#include "base/json_plain.h"
#include "base/mem.h"
#include "data/pieces.h"

#include <stdio.h>
#include <string.h>

enum { MOST_BAD = 1000 }; /* rows that can't be read end the group, so that they need not all be kept */

/* ---- rows ---- */

/* The row moves, also on failure. */
static gd_status push(gd_rank_list *list, gd_rank_row *row, gd_error *err)
{
    if (!gd_grow((void **)&list->row, &list->room, list->count + 1, sizeof *list->row)) {
        gd_record_free(&row->record);
        return gd_fail_memory(err, (list->count + 1) * sizeof *list->row);
    }
    list->row[list->count++] = *row;
    *row = (gd_rank_row){ 0 };
    return GD_OK;
}

static const char *name_of(const gd_rank_rows *rows) { return rows->job->keep.names[0]; }
static gd_text value_of(const gd_rank_row *row) { return row->record.kept[0]; }

static bool is_null(gd_text value) { return value.len == 4 && !memcmp(value.data, "null", 4); }

static bool is_same(gd_text a, gd_text b) { return a.len == b.len && (!a.len || !memcmp(a.data, b.data, a.len)); }

/* Whether a row has the value of the group, which may be spelt in another way: "caf\u00e9" and "café", 2 and 2.0. */
static gd_status belongs(gd_rank_rows *rows, gd_text value, bool *same, gd_error *err)
{
    *same = is_same(value_of(&rows->group.row[0]), value);
    if (*same)
        return GD_OK;
    gd_buf_clear(&rows->spare);
    gd_json_plain(&rows->spare, value);
    *same = is_same((gd_text){ rows->plain.data, rows->plain.len }, (gd_text){ rows->spare.data, rows->spare.len });
    return rows->spare.failed ? gd_fail_memory(err, value.len) : GD_OK;
}

static gd_status set_problem(gd_record *record, const char *why, gd_error *err)
{
    char sentence[GD_SENTENCE_ROOM];

    gd_record_drop_texts(record);
    record->problem = gd_strdup(gd_record_sentence(record, why, sentence));
    return record->problem ? GD_OK : gd_fail_memory(err, strlen(sentence));
}

/* A row does not say which group it belongs to.  Where no row before did, the name of the field may be wrong. */
static gd_status no_group(const gd_rank_rows *rows, gd_rank_row *row, gd_error *err)
{
    const char *prompt = gd_records_source_name(rows->job->records, "prompt");
    const bool typo = !rows->seen_count && gd_record_prompt(&row->record);
    char why[400];

    (void)snprintf(why, sizeof why, "the field \"%.100s\" is missing, by which rows are grouped%s%.100s", name_of(rows),
                   typo ? "; no row before has it, either: answers to one prompt are grouped by --group-by " : "",
                   typo ? prompt : "");
    return set_problem(&row->record, why, err);
}

/* A row must be one answer, and say which group it belongs to. */
static gd_status check_row(const gd_rank_rows *rows, gd_rank_row *row, gd_error *err)
{
    if (row->record.problem)
        return GD_OK;
    if (row->record.kind != GD_RECORD_TEXT)
        return set_problem(&row->record,
                           row->record.kind == GD_RECORD_PAIR ? "a pair; expected one answer, since rows are grouped"
                                                              : "several answers; expected one, since rows are grouped",
                           err);
    return is_null(value_of(row)) ? no_group(rows, row, err) : GD_OK;
}

/* The next row; without one, rows->ended is set. */
static gd_status read_row(gd_rank_rows *rows, gd_rank_row *row, gd_error *err)
{
    bool more;
    gd_status rc;

    if (rows->has_ahead) {
        *row = rows->ahead;
        rows->ahead = (gd_rank_row){ 0 };
        rows->has_ahead = false;
        return GD_OK;
    }
    *row = (gd_rank_row){ 0 };
    rc = gd_records_next(rows->job->records, &row->record, &more, err);
    rows->ended = !rc && !more;
    if (rc || !more)
        return rc;
    if (rows->from->reader) {
        gd_scored item = { .record = row->record };
        const bool bad = row->record.problem != NULL;

        rc = gd_from_scores_fill(rows->from, &item, err);
        row->record = item.record;
        row->dropped = item.dropped;
        row->truncated = item.truncated;
        row->score = item.count ? item.scores[0] : 0;
        row->tokens = item.count ? item.tokens[0] : 0;
        row->failed = row->record.problem && !bad;
    }
    return rc ? rc : check_row(rows, row, err);
}

/* ---- values that were there before ---- */

/* Never 0. */
static uint64_t hash_of(const gd_buf *value)
{
    const uint64_t hash = gd_digest(0, value->data, value->len);

    return hash ? hash : 1;
}

/* The place of a hash, or the free one where it belongs. */
static uint64_t *find_seen(uint64_t *seen, size_t room, uint64_t hash)
{
    size_t at = (size_t)(hash ^ hash >> 32) & (room - 1);

    while (seen[at] && seen[at] != hash)
        at = (at + 1) & (room - 1);
    return &seen[at];
}

static gd_status make_room(gd_rank_rows *rows, gd_error *err)
{
    const size_t room = rows->seen_room ? 2 * rows->seen_room : 1024;
    uint64_t *seen;

    if (2 * rows->seen_count < rows->seen_room)
        return GD_OK;
    seen = gd_alloc_zero(room, sizeof *seen);
    if (!seen)
        return gd_fail_memory(err, room * sizeof *seen);
    for (size_t i = 0; i < rows->seen_room; i++)
        if (rows->seen[i])
            *find_seen(seen, room, rows->seen[i]) = rows->seen[i];
    gd_free(rows->seen);
    rows->seen = seen;
    rows->seen_room = room;
    return GD_OK;
}

static gd_status see(gd_rank_rows *rows, const gd_rank_row *row, gd_error *err)
{
    char sentence[GD_SENTENCE_ROOM], why[400];
    uint64_t *place, hash;
    gd_status rc = make_room(rows, err);

    if (rc)
        return rc;
    gd_buf_clear(&rows->plain);
    gd_json_plain(&rows->plain, value_of(row));
    if (rows->plain.failed)
        return gd_fail_memory(err, value_of(row).len);
    hash = hash_of(&rows->plain);
    place = find_seen(rows->seen, rows->seen_room, hash);
    if (!*place) {
        *place = hash;
        rows->seen_count++;
        return GD_OK;
    }
    (void)
        snprintf(why, sizeof why,
                 "other rows with this \"%.100s\" came before, and then another; the rows of a group must follow each "
                 "other: sort the input by \"%.100s\" first",
                 name_of(rows), name_of(rows));
    rows->job->hopeless = true; /* and so are the groups that were written */
    return gd_fail(err, GD_EFORMAT, "%s", gd_record_sentence(&row->record, why, sentence));
}

/* ---- a group ---- */

/* What is wrong with the group: the first finding counts. */
static gd_status spoil(gd_rank_rows *rows, const gd_record *row, const char *why, gd_error *err)
{
    char sentence[GD_SENTENCE_ROOM];

    if (rows->problem)
        return GD_OK;
    rows->problem = gd_strdup(gd_record_sentence(row, why, sentence));
    return rows->problem ? GD_OK : gd_fail_memory(err, strlen(sentence));
}

static bool is_equal(const json_t *a, const json_t *b) { return a == b || json_equal(a, b); }

/* What a row has in another way than the first of its group, though all answer the same; NULL: nothing. */
static const char *difference(const gd_record *first, const gd_record *row)
{
    if (!is_equal(gd_record_prompt(first), gd_record_prompt(row)))
        return "prompt";
    return is_equal(gd_record_system(first), gd_record_system(row)) ? NULL : "system";
}

/* A row must have the prompt and the system message of its group. */
static gd_status check_shared(gd_rank_rows *rows, const gd_record *first, const gd_record *row, gd_error *err)
{
    const char *field = difference(first, row);
    char why[200];

    if (!field)
        return GD_OK;
    (void)snprintf(why, sizeof why, "the field \"%.100s\" is not that of the other rows of its group",
                   gd_records_source_name(rows->job->records, field));
    return spoil(rows, row, why, err);
}

/* What answers to a prompt in one item may not be, either. */
static gd_status check_answers(gd_rank_rows *rows, gd_error *err)
{
    const gd_rank_list *group = &rows->group;
    bool repeated = group->count >= 2, mixed = false;
    char why[300];

    for (size_t i = 0; i < group->count; i++) {
        const gd_record_text *text = group->row[i].record.texts, *first = group->row[0].record.texts;

        if (!text) /* it failed */
            return GD_OK;
        repeated = repeated && gd_record_repeats(text);
        mixed |= !text->messages != !first->messages;
    }
    if (mixed)
        return spoil(rows, &group->row[0].record,
                     "some answers of the group that begins here are conversations, and others texts", err);
    (void)snprintf(why, sizeof why, GD_REPEATED "; --fields prompt=_ scores them as they are",
                   gd_records_source_name(rows->job->records, "prompt"));
    return repeated ? spoil(rows, &group->row[0].record, why, err) : GD_OK;
}

/* Adds a row, or lets it go if the group has become too large. */
static gd_status add_row(gd_rank_rows *rows, gd_rank_row *row, gd_error *err)
{
    const gd_record *first = rows->group.count ? &rows->group.row[0].record : &row->record;
    gd_status rc = GD_OK;

    if (row->failed) /* whose sentence is whole */
        rc = spoil(rows, &(gd_record){ 0 }, row->record.problem, err);
    if (!rc)
        rc = check_shared(rows, first, &row->record, err);
    rows->bytes += row->record.length;
    if (!rc && rows->bytes > GD_ITEM_MAX)
        rc = spoil(rows, first, "the group that begins here has more than 16 MiB, the most that an item may have", err);
    if (!rc && rows->bytes <= GD_ITEM_MAX)
        return push(&rows->group, row, err);
    gd_record_free(&row->record);
    return rc;
}

/* Reads the rows after the first one that belong to its group. */
static gd_status read_group(gd_rank_rows *rows, gd_error *err)
{
    gd_status rc = GD_OK;

    while (!rc && !rows->ended && !rows->has_ahead && rows->bad.count < MOST_BAD) {
        gd_rank_row row;
        bool same = false;

        rc = read_row(rows, &row, err);
        if (!rc && !rows->ended && (!row.record.problem || row.failed))
            rc = belongs(rows, value_of(&row), &same, err);
        if (rc || rows->ended) {
            gd_record_free(&row.record);
        } else if (row.record.problem && !row.failed) {
            rc = push(&rows->bad, &row, err);
        } else if (same) {
            rc = add_row(rows, &row, err);
        } else {
            rows->ahead = row;
            rows->has_ahead = true;
        }
    }
    return rc;
}

/* Keeps the scores of the rows for gd_rank_rows_fill(). */
static gd_status keep_scores(gd_rank_rows *rows, const gd_rank_list *list, gd_error *err)
{
    if (!gd_grow((void **)&rows->scores, &rows->score_room, list->count, sizeof *rows->scores) ||
        !gd_grow((void **)&rows->tokens, &rows->token_room, list->count, sizeof *rows->tokens))
        return gd_fail_memory(err, list->count * (sizeof *rows->scores + sizeof *rows->tokens));
    rows->truncated = rows->dropped = false;
    for (size_t i = 0; i < list->count; i++) {
        rows->scores[i] = list->row[i].score;
        rows->tokens[i] = list->row[i].tokens;
        rows->truncated |= list->row[i].truncated;
        rows->dropped |= list->row[i].dropped;
    }
    return GD_OK;
}

/* Makes a record of rows, which move into it. */
static gd_status join(gd_rank_rows *rows, gd_rank_list *list, char *problem, gd_record *record, gd_error *err)
{
    gd_record *all = gd_alloc(list->count, sizeof *all);
    gd_status rc = all ? keep_scores(rows, list, err) : gd_fail_memory(err, list->count * sizeof *all);

    if (rc) {
        gd_free(all);
        gd_free(problem);
        return rc;
    }
    for (size_t i = 0; i < list->count; i++)
        all[i] = list->row[i].record;
    rc = gd_record_join(record, all, list->count, problem, err);
    list->count = 0;
    record->index = rows->index++;
    return rc;
}

/* A row that can't be read becomes an item of its own. */
static gd_status return_bad(gd_rank_rows *rows, gd_rank_row *row, gd_record *record, gd_error *err)
{
    gd_rank_list one = { .row = row, .count = 1 };
    char *problem = row->record.problem;
    gd_status rc;

    row->record.problem = NULL;
    rc = join(rows, &one, problem, record, err);
    if (one.count) /* it failed before it took the row */
        gd_record_free(&row->record);
    return rc;
}

static gd_status next_item(gd_rank_rows *rows, gd_record *record, bool *more, gd_error *err)
{
    gd_rank_row row = { 0 };
    char *problem;
    gd_status rc = GD_OK;

    *more = true;
    if (rows->bad_done < rows->bad.count)
        return return_bad(rows, &rows->bad.row[rows->bad_done++], record, err);
    rows->bad.count = rows->bad_done = 0;
    if (!rows->ended)
        rc = read_row(rows, &row, err);
    *more = !rc && !rows->ended;
    if (*more && row.record.problem && !row.failed)
        return return_bad(rows, &row, record, err);
    if (*more)
        rc = see(rows, &row, err);
    rows->bytes = 0;
    if (*more && !rc)
        rc = add_row(rows, &row, err);
    gd_record_free(&row.record);
    if (*more && !rc)
        rc = read_group(rows, err);
    if (*more && !rc)
        rc = check_answers(rows, err);
    if (rc || !*more)
        return rc;
    problem = rows->problem;
    rows->problem = NULL;
    return join(rows, &rows->group, problem, record, err);
}

gd_status gd_rank_rows_next(void *context, gd_record *record, uint64_t *bytes, bool *more, gd_error *err)
{
    gd_rank_rows *rows = context;
    const gd_status rc = next_item(rows, record, more, err);

    *bytes = gd_records_bytes_done(rows->job->records);
    *more &= !rc;
    return rc;
}

void gd_rank_rows_fill(gd_rank_rows *rows, gd_scored *item)
{
    item->finite = true;
    item->dropped = rows->dropped && !item->record.problem;
    if (item->record.problem || item->dropped)
        return;
    item->count = item->record.row_count;
    item->scores = rows->scores;
    item->tokens = rows->tokens;
    item->truncated = rows->truncated;
}

void gd_rank_rows_free(gd_rank_rows *rows)
{
    for (size_t i = rows->bad_done; i < rows->bad.count; i++)
        gd_record_free(&rows->bad.row[i].record);
    for (size_t i = 0; i < rows->group.count; i++)
        gd_record_free(&rows->group.row[i].record);
    gd_record_free(&rows->ahead.record);
    gd_free(rows->bad.row);
    gd_free(rows->group.row);
    gd_buf_free(&rows->plain);
    gd_buf_free(&rows->spare);
    gd_free(rows->problem);
    gd_free(rows->seen);
    gd_free(rows->scores);
    gd_free(rows->tokens);
}
