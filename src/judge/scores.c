/* scores.c - reads the output of `guerdon score`. */
#include "judge/scores.h"

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "data/reader.h"
#include "reward/journal.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

struct gd_score_reader {
    gd_reader *lines;
    char *name;
};

/* Scores that are still being written, or whose run was interrupted, would count as those of all items. */
static gd_status check_finished(const char *path, gd_error *err)
{
    gd_journal journal;
    struct stat sb;
    gd_status rc = gd_journal_name(&journal, path, err);

    if (!rc && journal.path && lstat(journal.path, &sb) == 0)
        rc = gd_fail(err, GD_EUSAGE, "%s is unfinished, as %s says: finish that run with --resume first", path,
                     journal.path);
    gd_journal_free(&journal);
    return rc;
}

gd_status gd_score_reader_open(gd_score_reader **out, const char *path, gd_pause pause, gd_error *err)
{
    gd_score_reader *reader = gd_alloc_zero(1, sizeof *reader);
    gd_status rc;

    *out = NULL;
    if (!reader)
        return gd_fail_memory(err, sizeof *reader);
    reader->name = gd_strdup(strcmp(path, "-") ? path : "standard input");
    rc = reader->name ? check_finished(path, err) : gd_fail_memory(err, strlen(path));
    if (!rc)
        rc = gd_reader_open(&reader->lines, path, pause, err);
    if (rc)
        gd_score_reader_close(reader);
    else
        *out = reader;
    return rc;
}

const char *gd_score_reader_name(const gd_score_reader *reader) { return reader->name; }

void gd_score_reader_close(gd_score_reader *reader)
{
    if (!reader)
        return;
    gd_reader_close(reader->lines);
    gd_free(reader->name);
    gd_free(reader);
}

void gd_score_line_free(gd_score_line *line)
{
    gd_free(line->scores);
    gd_free(line->tokens);
    gd_free(line->error);
    gd_keep_free(&line->others);
    gd_buf_free(&line->text);
    *line = (gd_score_line){ 0 };
}

/* ---- one line; `where` names the file and the line ---- */

static gd_status make_room(gd_score_line *line, size_t count, gd_error *err)
{
    line->count = count;
    if (gd_grow((void **)&line->scores, &line->room, count, sizeof *line->scores))
        return GD_OK;
    return gd_fail_memory(err, count * sizeof *line->scores);
}

static gd_status take_number(float *out, const json_t *value, const char *key, const char *where, gd_error *err)
{
    const double number = json_is_number(value) ? json_number_value(value) : NAN;

    if (!value)
        return gd_fail(err, GD_EFORMAT, "%s: the field \"%s\" is missing", where, key);
    if (!(fabs(number) <= (double)FLT_MAX))
        return gd_fail(err, GD_EFORMAT, "%s: \"%s\" is not a finite float32", where, key);
    *out = (float)number;
    return GD_OK;
}

static gd_status take_list(gd_score_line *line, const json_t *list, const char *where, gd_error *err)
{
    gd_status rc = make_room(line, json_array_size(list), err);

    if (!rc && !json_array_size(list))
        return gd_fail(err, GD_EFORMAT, "%s: \"scores\" is not a list of numbers", where);
    for (size_t i = 0; !rc && i < line->count; i++)
        rc = take_number(&line->scores[i], json_array_get(list, i), "scores", where, err);
    return rc;
}

static gd_status take_scores(gd_score_line *line, const json_t *object, const char *where, gd_error *err)
{
    gd_status rc;

    line->list = json_object_get(object, "scores") != NULL;
    line->pair = !line->list && json_object_get(object, "chosen") != NULL;
    if (line->list)
        return take_list(line, json_object_get(object, "scores"), where, err);
    rc = make_room(line, line->pair ? 2 : 1, err);
    if (!rc && !line->pair)
        return take_number(&line->scores[0], json_object_get(object, "score"), "score", where, err);
    if (!rc)
        rc = take_number(&line->scores[0], json_object_get(object, "chosen"), "chosen", where, err);
    return rc ? rc : take_number(&line->scores[1], json_object_get(object, "rejected"), "rejected", where, err);
}

/* The numbers of tokens, if the line has one for each score; for most uses they don't matter. */
static gd_status take_tokens(gd_score_line *line, const json_t *tokens, gd_error *err)
{
    const bool one = json_is_integer(tokens);

    if (!one && json_array_size(tokens) != line->count)
        return GD_OK;
    if (!gd_grow((void **)&line->tokens, &line->token_room, line->count, sizeof *line->tokens))
        return gd_fail_memory(err, line->count * sizeof *line->tokens);
    for (size_t i = 0; i < line->count; i++) {
        const json_t *value = one ? tokens : json_array_get(tokens, i);

        if (!json_is_integer(value) || json_integer_value(value) < 0)
            return GD_OK;
        line->tokens[i] = (size_t)json_integer_value(value);
    }
    line->token_count = one && line->count > 1 ? 0 : line->count;
    return GD_OK;
}

static gd_status take_error(gd_score_line *line, const json_t *error, gd_error *err)
{
    line->error = gd_strdup(json_is_string(error) ? json_string_value(error) : "failed");
    return line->error ? GD_OK : gd_fail_memory(err, json_string_length(error));
}

static gd_status take_line(gd_score_line *line, const json_t *object, const char *where, gd_error *err)
{
    const json_t *index = json_object_get(object, "index");
    gd_status rc;

    if (!json_is_object(object))
        return gd_fail(err, GD_EFORMAT, "%s: %s; expected a line of guerdon score", where, gd_json_type_name(object));
    if (!json_is_integer(index) || json_integer_value(index) < 0)
        return gd_fail(err, GD_EFORMAT, "%s: \"index\" is not a whole number; expected a line of guerdon score", where);
    line->index = (uint64_t)json_integer_value(index);
    line->failed = json_object_get(object, "error") != NULL;
    line->truncated = json_is_true(json_object_get(object, "truncated"));
    if (line->failed)
        return take_error(line, json_object_get(object, "error"), err);
    rc = take_scores(line, object, where, err);
    return rc ? rc : take_tokens(line, json_object_get(object, "tokens"), err);
}

static gd_status take_others(gd_score_line *line, json_t *object, const gd_line *text, gd_error *err)
{
    const char *name;
    json_t *value;
    gd_status rc = GD_OK;

    json_object_foreach(object, name, value)
        if (!rc && !gd_keep_is_ours(name))
            rc = gd_keep_add(&line->others, name, err);
    if (line->others.count)
        gd_buf_bytes(&line->text, text->data, text->len);
    return !rc && line->text.failed ? gd_fail_memory(err, text->len) : rc;
}

gd_status gd_score_reader_next(gd_score_reader *reader, gd_score_line *line, bool *more, gd_error *err)
{
    char where[400];
    json_t *object = NULL;
    gd_line text;
    gd_status rc = gd_reader_next(reader->lines, &text, more, err);

    gd_free(line->error);
    line->error = NULL;
    gd_keep_free(&line->others);
    gd_buf_clear(&line->text);
    line->count = line->token_count = 0;
    line->pair = line->list = line->truncated = false;
    if (rc || !*more)
        return rc;
    line->line = text.number;
    (void)snprintf(where, sizeof where, "%.300s: line %" PRIu64, reader->name, text.number);
    if (text.too_long)
        return gd_fail(err, GD_EFORMAT, "%s: more than %zu bytes", where, GD_LINE_MAX);
    rc = gd_json_parse(&object, text.data, text.len, where, err);
    if (!rc)
        rc = take_line(line, object, where, err);
    if (!rc)
        rc = take_others(line, object, &text, err);
    json_decref(object);
    return rc;
}
