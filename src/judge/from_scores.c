/* from_scores.c - scores that are there, in place of a model's. */
#include "judge/from_scores.h"

#include "base/error.h"
#include "base/json_plain.h"
#include "base/json_span.h"
#include "base/mem.h"
#include "judge/rank_rows.h"

#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

/* ---- the file ---- */

static void make_identity(gd_from_scores *from, const char *path)
{
    struct stat sb;
    const bool known = strcmp(path, "-") != 0 && stat(path, &sb) == 0 && S_ISREG(sb.st_mode);

    gd_buf_str(&from->identity, "\"from_scores\":");
    if (known)
        gd_job_put_path(&from->identity, path);
    else
        gd_buf_json_string(&from->identity, path, strlen(path));
    gd_buf_printf(&from->identity,
                  ",\"from_scores_bytes\":%lld,\"from_scores_time\":\"%lld.%09ld\",\"skip_unscored\":%d",
                  known ? (long long)sb.st_size : 0, known ? (long long)sb.st_mtim.tv_sec : 0,
                  known ? sb.st_mtim.tv_nsec : 0, from->skip);
}

/* The input, or the scores, are a pipe that has nothing more at the moment: the lines so far are not kept from whoever
 * waits for them. */
static gd_status flush_early(void *context, gd_error *err)
{
    gd_from_scores *from = context;
    const gd_status rc = from->unsaved ? gd_job_flush(from->job, from->done, err) : GD_OK;

    from->unsaved &= rc != GD_OK;
    return rc ? rc : gd_job_report(from->job, err);
}

gd_status gd_from_scores_open(gd_from_scores *from, const gd_model *model, const char *path, const char *input,
                              size_t skip, gd_job *job, gd_error *err)
{
    *from = (gd_from_scores){ .input = strcmp(input, "-") ? input : "standard input", .skip = skip != 0, .more = true };
    if (!model && !path)
        return gd_fail(err, GD_EUSAGE, "there is neither a model nor from_scores, but one of them is needed");
    if (model && path)
        return gd_fail(err, GD_EUSAGE, "there are a model and from_scores, but only one of them can give the scores");
    if (model)
        return skip ? gd_fail(err, GD_EUSAGE, "skip_unscored is for from_scores; with a model, every item is scored")
                    : GD_OK;
    if (!strcmp(path, "-") && !strcmp(input, "-"))
        return gd_fail(err, GD_EUSAGE, "standard input can't be both the input and its scores");
    from->job = job;
    job->scores = path;
    make_identity(from, path);
    if (!gd_buf_cstr(&from->identity))
        return gd_fail_memory(err, strlen(path));
    return gd_score_reader_open(&from->reader, path, (gd_pause){ flush_early, from }, err);
}

const gd_encoder *gd_from_scores_encoder(gd_from_scores *from, const gd_model *model)
{
    from->none.identity = from->identity.data;
    from->none.truncate = from->skip ? GD_TRUNCATE_DROP : GD_TRUNCATE_ERROR;
    return from->reader ? &from->none : &model->encoder;
}

void gd_from_scores_close(gd_from_scores *from)
{
    gd_score_reader_close(from->reader);
    gd_score_line_free(&from->line);
    gd_buf_free(&from->identity);
}

/* ---- the line of a record ---- */

static gd_status next_line(gd_from_scores *from, gd_error *err)
{
    const uint64_t before = from->line.index, line = from->line.line;
    const gd_status rc = gd_score_reader_next(from->reader, &from->line, &from->more, err);

    from->waits = !rc && from->more;
    if (from->waits && line && from->line.index <= before)
        return gd_fail(err, GD_EFORMAT,
                       "%.300s: line %" PRIu64 " is of item %" PRIu64 ", after item %" PRIu64
                       "; expected lines in the order of the items",
                       gd_score_reader_name(from->reader), from->line.line, from->line.index, before);
    return rc;
}

/* Finds the record's line; *found is false if there is none. */
static gd_status find_line(gd_from_scores *from, const gd_record *record, bool *found, gd_error *err)
{
    const char *name = gd_score_reader_name(from->reader);
    gd_status rc = from->waits || !from->more ? GD_OK : next_line(from, err);

    *found = !rc && from->waits && from->line.index == record->index;
    if (rc || *found || from->skip)
        return rc;
    return gd_fail(err, GD_EFORMAT,
                   "%.150s has no line of item %" PRIu64 " (line %" PRIu64
                   " of %.150s): the scores are of another input, "
                   "or partial; --skip-unscored leaves out items without scores",
                   name, record->index, record->line, from->input);
}

/* ---- fields that score kept ---- */

static bool is_same(gd_text a, gd_text b)
{
    gd_buf x = { 0 }, y = { 0 };
    bool same = a.len == b.len && !memcmp(a.data, b.data, a.len);

    if (!same) { /* one of the files may have been written again since */
        gd_json_plain(&x, a);
        gd_json_plain(&y, b);
        same = x.len == y.len && (!x.len || !memcmp(x.data, y.data, x.len));
    }
    gd_buf_free(&x);
    gd_buf_free(&y);
    return same;
}

/* A value as it can stand in a sentence: the beginning of one that is long. */
static int most(gd_text value) { return value.len < 60 ? (int)value.len : 60; }

/* The index says only how many items came before: of lines in another order, or of another file as long, these fields
 * alone show it.  A row that lacks one says nothing. */
static gd_status check_others(const gd_from_scores *from, const gd_record *record, gd_error *err)
{
    const gd_score_line *line = &from->line;
    gd_text *values = NULL, scored;
    gd_status rc;

    if (!line->others.count || !record->raw || record->problem ||
        gd_records_format(from->job->records) == GD_FORMAT_TEXT)
        return GD_OK;
    rc = gd_records_take(&values, from->job->records, record, &line->others, err);
    for (size_t i = 0; !rc && i < line->others.count; i++) {
        const char *name = line->others.names[i];

        if (is_same(values[i], (gd_text){ "null", 4 }) ||
            !gd_json_span_value((gd_text){ line->text.data, line->text.len }, name, &scored) ||
            is_same(values[i], scored))
            continue;
        rc = gd_fail(err, GD_EFORMAT,
                     "%.120s: line %" PRIu64 " has the score of an item whose \"%.60s\" is %.*s, but item %" PRIu64
                     " of %.120s has %.*s: expected scores of the same input, in the same order",
                     gd_score_reader_name(from->reader), line->line, name, most(scored), scored.data, record->index,
                     from->input, most(values[i]), values[i].data);
    }
    gd_free(values);
    return rc;
}

/* ---- the scores of a record ---- */

static const char *kind_of(bool pair, bool list) { return pair ? "a pair" : list ? "answers to a prompt" : "one text"; }

/* Whether the line can be of this record. */
static gd_status check_line(const gd_from_scores *from, const gd_record *record, gd_error *err)
{
    const gd_score_line *line = &from->line;
    const char *name = gd_score_reader_name(from->reader);
    const bool pair = record->kind == GD_RECORD_PAIR, list = record->kind == GD_RECORD_ANSWERS;

    if (record->problem)
        return gd_fail(err, GD_EFORMAT,
                       "%.120s: line %" PRIu64 " has scores of item %" PRIu64
                       ", which can't be read from %.120s: %.200s",
                       name, line->line, line->index, from->input, record->problem);
    if (line->pair != pair || line->list != list)
        return gd_fail(err, GD_EFORMAT,
                       "%.150s: line %" PRIu64 " has scores of %s, but item %" PRIu64
                       " of %.150s is %s: expected scores "
                       "of the same input",
                       name, line->line, kind_of(line->pair, line->list), line->index, from->input,
                       kind_of(pair, list));
    if (line->count != record->count)
        return gd_fail(err, GD_EFORMAT,
                       "%.150s: line %" PRIu64 " has %zu scores, but item %" PRIu64
                       " of %.150s has %zu answers: expected "
                       "scores of the same input",
                       name, line->line, line->count, line->index, from->input, record->count);
    if (line->token_count != line->count)
        return gd_fail(err, GD_EFORMAT, "%.300s: line %" PRIu64 ": \"tokens\" is not the number of tokens of each text",
                       name, line->line);
    return GD_OK;
}

static gd_status fill(gd_from_scores *from, gd_scored *item, gd_error *err)
{
    gd_record *record = &item->record;
    gd_score_line *line = &from->line;
    bool found;
    gd_status rc = find_line(from, record, &found, err);

    if (rc)
        return rc;
    from->waits &= !found;
    from->items++;
    item->dropped = !found;
    if (!found)
        return GD_OK;
    rc = check_others(from, record, err);
    if (rc)
        return rc;
    item->finite = true;
    if (line->failed) {
        gd_free(record->problem);
        record->problem = line->error;
        line->error = NULL;
        item->status = GD_EFORMAT;
        return GD_OK;
    }
    item->count = line->count;
    item->scores = line->scores;
    item->tokens = line->tokens;
    item->truncated = line->truncated;
    return check_line(from, record, err);
}

gd_status gd_from_scores_fill(gd_from_scores *from, gd_scored *item, gd_error *err)
{
    const gd_status rc = fill(from, item, err);

    from->alien |= rc == GD_EFORMAT;
    return rc;
}

/* ---- the run ---- */

static gd_status take_record(gd_from_scores *from, gd_pipeline *run, gd_record *record, uint64_t bytes, gd_error *err)
{
    gd_scored item = { .record = *record, .bytes = bytes };
    gd_status rc = GD_OK;

    if (from->rows)
        gd_rank_rows_fill(from->rows, &item);
    else
        rc = gd_from_scores_fill(from, &item, err);
    if (!rc && !item.dropped)
        rc = gd_pipeline_check(run, &item, err);
    *record = item.record; /* which the caller frees */
    if (rc || record->index < run->job->journal.done.items)
        return rc;
    rc = gd_pipeline_take(run, &item, err);
    if (rc)
        return rc;
    from->done = record->index + 1;
    from->unsaved = true;
    return from->done % GD_CUT_ITEMS ? GD_OK : flush_early(from, err);
}

/* No line may be left. */
static gd_status check_end(gd_from_scores *from, gd_error *err)
{
    gd_status rc = from->waits || !from->more ? GD_OK : next_line(from, err);

    from->alien |= rc == GD_EFORMAT || (!rc && from->waits);
    if (rc || !from->waits)
        return rc;
    return gd_fail(err, GD_EFORMAT,
                   "%.180s: line %" PRIu64 " is of item %" PRIu64 ", but %.180s has only %" PRIu64
                   " items: expected scores "
                   "of the same input",
                   gd_score_reader_name(from->reader), from->line.line, from->line.index, from->input, from->items);
}

/* The scores are not those of this input, so what was made of them is wrong from the first line. */
static gd_status take_back(gd_job *job, gd_status rc, gd_error *err)
{
    gd_error why = err ? *err : (gd_error){ 0 };

    if (gd_job_take_back(job) || !err)
        return rc;
    *err = (gd_error){ 0 };
    return gd_fail(err, rc, "%.400s; the lines that were already written are wrong, too", why.text);
}

gd_status gd_from_scores_run(gd_from_scores *from, gd_pipeline *run, gd_error *err)
{
    bool more = true;
    gd_status rc = GD_OK;

    if (!from->reader)
        return gd_pipeline_run(run, err);
    if (run->job->journal.done.complete)
        return GD_OK;
    from->done = run->job->journal.done.items;
    gd_records_read_either(run->job->records);
    gd_records_keep_raw(run->job->records);
    gd_records_on_pause(run->job->records, (gd_pause){ flush_early, from });
    while (!rc && more) {
        gd_record record = { 0 };
        uint64_t bytes = 0;

        rc = gd_pipeline_next(run, &record, &bytes, &more, err);
        if (!rc && more)
            rc = take_record(from, run, &record, bytes, err);
        gd_record_free(&record);
    }
    if (!rc)
        rc = check_end(from, err);
    if (from->alien)
        return take_back(run->job, rc, err);
    return rc ? rc : gd_job_flush(run->job, from->done, err);
}
