/* data.c - what a run learns from and is evaluated on. */
#include "train/data.h"

#include "base/digest.h"
#include "base/error.h"
#include "base/mem.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* ---- reading ---- */

/* "NAME=path", or only a path. */
static gd_status split_name(gd_train_input *input, const char *given, gd_error *err)
{
    size_t len = 0;

    while (isalnum((unsigned char)given[len]) || (given[len] && strchr("_.-", given[len])))
        len++;
    len = given[len] == '=' ? len : 0;
    input->path = len ? given + len + 1 : given;
    input->name = gd_alloc_zero(len + 1, 1);
    if (!input->name)
        return gd_fail_memory(err, len + 1);
    memcpy(input->name, given, len);
    return *input->path ? GD_OK : gd_fail(err, GD_EUSAGE, "eval \"%.100s\" has no path after the name", given);
}

/* Says what was left out. */
static gd_status note_counts(const gd_train_input *input, gd_notes *notes, gd_error *err)
{
    const gd_pairs_counts *c = &input->pairs.counts;
    const struct {
        uint64_t count;
        const char *why;
    } left_out[] = { { c->too_long, "a text has more than max_length tokens" },
                     { c->equal, "the texts are equal" },
                     { c->indifferent, "the ranks are equal" } };
    gd_status rc = GD_OK;

    for (size_t i = 0; !rc && i < sizeof left_out / sizeof left_out[0]; i++)
        if (left_out[i].count)
            rc = gd_notes_add(notes, err, "%.200s: %llu of %llu records left out: %s", input->path,
                              (unsigned long long)left_out[i].count, (unsigned long long)c->records, left_out[i].why);
    if (!rc && c->failed)
        rc = gd_notes_add(notes, err, "%.200s: %llu of %llu records can't be used; the first: %s", input->path,
                          (unsigned long long)c->failed, (unsigned long long)c->records, input->pairs.problem);
    return rc;
}

static gd_status note_margins(const gd_train_input *input, gd_notes *notes, gd_error *err)
{
    if (!input->pairs.margins)
        return GD_OK;
    return gd_notes_add(notes, err,
                        "%.200s: %llu of the records have a number \"" GD_PAIRS_MARGIN
                        "\", which only margin_field=" GD_PAIRS_MARGIN " makes part of the loss",
                        input->path, (unsigned long long)input->pairs.margins);
}

static gd_status note_format(const gd_train_input *input, const gd_encoder *encoder, gd_notes *notes, gd_error *err)
{
    if (!input->pairs.talks)
        return GD_OK;
    return gd_notes_add(notes, err, "%.200s: conversations become text by the chat format %s", input->path,
                        gd_chat_name(encoder->chat));
}

/* A field that no record has tells nothing apart. */
static gd_status note_groups(const gd_train_input *eval, const char *by, gd_notes *notes, gd_error *err)
{
    const gd_groups *groups = &eval->pairs.groups;

    if (!by || groups->count != 1 || strcmp(groups->names[0], GD_NO_GROUP) != 0)
        return GD_OK;
    return gd_notes_add(notes, err, "%.200s: no record has a field \"%.60s\" (by) with a text, a number or a boolean",
                        eval->path, by);
}

/* An instruct model is rarely meant to read an answer without its turns. */
static gd_status note_joined(const gd_train_input *input, gd_notes *notes, gd_error *err)
{
    if (!input->pairs.joined)
        return GD_OK;
    return gd_notes_add(notes, err,
                        "%.200s: prompts and answers that are texts are joined as they are, although a chat "
                        "format is known, and so will scoring do; --turns on makes turns of them",
                        input->path);
}

/* Why no record is left; the reason of the first that is malformed comes last. */
static void put_reasons(gd_buf *b, const gd_train_input *input, size_t max_length)
{
    const gd_pairs_counts *c = &input->pairs.counts;
    const char *between = ": ";

    if (c->too_long) {
        gd_buf_printf(b, "%s%llu have a text of more than %zu tokens (max_length)", between,
                      (unsigned long long)c->too_long, max_length);
        between = ", ";
    }
    if (c->equal + c->indifferent) {
        gd_buf_printf(b, "%s%llu have only equal texts or ranks", between,
                      (unsigned long long)(c->equal + c->indifferent));
        between = ", ";
    }
    if (c->failed)
        gd_buf_printf(b, "%s%llu are malformed: %s", between, (unsigned long long)c->failed, input->pairs.problem);
}

static gd_status check_some_left(const gd_train_input *input, const gd_train_settings *settings, gd_error *err)
{
    const gd_pairs_counts *c = &input->pairs.counts;
    gd_buf reasons = { 0 };
    const char *text;
    gd_status rc;

    if (c->kept)
        return GD_OK;
    if (!c->records)
        return gd_fail(err, GD_EFORMAT, "%.200s has no records, but preferences are expected", input->path);
    put_reasons(&reasons, input, settings->model.max_length);
    text = gd_buf_cstr(&reasons);
    rc = text ? gd_fail(err, GD_EFORMAT, "%.200s: none of %llu records can be used%s", input->path,
                        (unsigned long long)c->records, text)
              : gd_fail_memory(err, reasons.len);
    gd_buf_free(&reasons);
    return rc;
}

static gd_baselines baselines_of(const gd_pairs *pairs)
{
    const gd_train_set *set = &pairs->set;
    double shorter = 0, count = 0;

    for (size_t i = 0; i < set->count; i++)
        for (size_t p = 0; p < set->items[i].preference_count; p++, count++) {
            const gd_preference *one = &set->items[i].preferences[p];
            const gd_span *texts = set->texts + set->first_text[i];
            const size_t better = texts[one->better].len, worse = texts[one->worse].len;

            shorter += better < worse ? 1 : better == worse ? 0.5 : 0;
        }
    return (gd_baselines){ shorter / count, 1 - shorter / count };
}

static gd_status read_input(gd_train_input *input, const gd_train_settings *settings, const gd_encoder *encoder,
                            const char *by, gd_notes *notes, gd_error *err)
{
    const gd_train_options *o = &settings->options;
    const char *also[3] = { "ranks", o->margin_field ? o->margin_field : GD_PAIRS_MARGIN };
    gd_entries_options how = { .inputs = &input->path,
                               .count = 1,
                               .format = o->format,
                               .fields = o->fields,
                               .also = also,
                               .also_count = 2 };
    const gd_pairs_options pairs = { .margin = o->margin_field, .keep_equal = settings->trl, .by = by };
    gd_records *records = NULL;
    gd_status rc;

    if (by)
        also[how.also_count++] = by;
    rc = gd_records_open(&records, &how, err);
    if (!rc && encoder->turns == GD_TURNS_ON)
        gd_records_make_turns(records);
    if (!rc)
        rc = gd_pairs_read(&input->pairs, records, encoder, &pairs, err);
    gd_records_close(records);
    if (!rc)
        rc = note_counts(input, notes, err);
    if (!rc)
        rc = check_some_left(input, settings, err);
    if (!rc)
        input->baselines = baselines_of(&input->pairs);
    return rc;
}

/* ---- overlap ---- */

static int compare_numbers(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

static uint64_t digest_of(const gd_span *text) { return gd_digest(0, text->ids, text->len * sizeof *text->ids); }

static size_t count_seen(const gd_train_set *eval, const uint64_t *known, size_t count)
{
    size_t seen = 0;

    for (size_t i = 0; i < eval->count; i++) {
        bool found = false;

        for (size_t t = eval->first_text[i]; !found && t < eval->first_text[i + 1]; t++) {
            const uint64_t digest = digest_of(&eval->texts[t]);

            found = bsearch(&digest, known, count, sizeof *known, compare_numbers) != NULL;
        }
        seen += found;
    }
    return seen;
}

/* An evaluation on what was learnt by heart says nothing. */
static gd_status find_overlap(gd_train_data *data, gd_notes *notes, gd_error *err)
{
    const gd_train_set *train = &data->train.pairs.set;
    const size_t count = train->first_text[train->count];
    uint64_t *known = gd_alloc(count, sizeof *known);
    gd_status rc = known ? GD_OK : gd_fail_memory(err, count * sizeof *known);

    for (size_t t = 0; !rc && t < count; t++)
        known[t] = digest_of(&train->texts[t]);
    if (!rc)
        qsort(known, count, sizeof *known, compare_numbers);
    for (size_t i = 0; !rc && i < data->eval_count; i++) {
        gd_train_input *eval = &data->evals[i];

        eval->seen = count_seen(&eval->pairs.set, known, count);
        if (eval->seen)
            rc = gd_notes_add(notes, err,
                              "%.200s: %zu of %zu evaluation records share a text with the training data; their "
                              "accuracy says little",
                              eval->path, eval->seen, eval->pairs.set.count);
    }
    gd_free(known);
    return rc;
}

static gd_status fail_names(const gd_train_input *a, const gd_train_input *b, gd_error *err)
{
    if (!*a->name)
        return gd_fail(err, GD_EUSAGE, "%.100s and %.100s are both evaluated on; NAME=FILE gives each a name", a->path,
                       b->path);
    return gd_fail(err, GD_EUSAGE, "%.100s and %.100s are both called %.50s; NAME=FILE gives each its own name",
                   a->path, b->path, a->name);
}

static gd_status check_names(const gd_train_data *data, gd_error *err)
{
    for (size_t i = 0; i < data->eval_count; i++) {
        if (!strcmp(data->evals[i].name, "train"))
            return gd_fail(err, GD_EUSAGE, "%.150s: \"train\" is the name of the training data; choose another name",
                           data->evals[i].path);
        for (size_t j = 0; j < i; j++)
            if (!strcmp(data->evals[i].name, data->evals[j].name))
                return fail_names(&data->evals[j], &data->evals[i], err);
    }
    return GD_OK;
}

gd_status gd_train_data_read(gd_train_data *data, const gd_train_settings *settings, const gd_encoder *encoder,
                             gd_notes *notes, gd_error *err)
{
    const gd_train_options *o = &settings->options;
    gd_status rc = GD_OK;

    *data = (gd_train_data){ .train = { .path = o->train } };
    data->evals = gd_alloc_zero(o->eval_count, sizeof *data->evals);
    if (!data->evals)
        return gd_fail_memory(err, o->eval_count * sizeof *data->evals);
    for (; !rc && data->eval_count < o->eval_count; data->eval_count++)
        rc = split_name(&data->evals[data->eval_count], o->evals[data->eval_count], err);
    if (!rc)
        rc = check_names(data, err);
    if (!rc)
        rc = read_input(&data->train, settings, encoder, NULL, notes, err);
    if (!rc)
        rc = note_margins(&data->train, notes, err);
    if (!rc)
        rc = note_format(&data->train, encoder, notes, err);
    if (!rc)
        rc = note_joined(&data->train, notes, err);
    for (size_t i = 0; !rc && i < data->eval_count; i++)
        rc = read_input(&data->evals[i], settings, encoder, o->by, notes, err);
    for (size_t i = 0; !rc && i < data->eval_count; i++)
        rc = note_groups(&data->evals[i], o->by, notes, err);
    return rc ? rc : find_overlap(data, notes, err);
}

void gd_train_data_free(gd_train_data *data)
{
    gd_pairs_free(&data->train.pairs);
    for (size_t i = 0; i < data->eval_count; i++) {
        gd_pairs_free(&data->evals[i].pairs);
        gd_free(data->evals[i].name);
    }
    gd_free(data->evals);
    *data = (gd_train_data){ 0 };
}

gd_status gd_train_item_rows(const gd_train_set *set, size_t **rows, gd_error *err)
{
    gd_status rc = GD_OK;

    *rows = gd_alloc(set->count, sizeof **rows);
    if (!*rows)
        return gd_fail_memory(err, set->count * sizeof **rows);
    for (size_t i = 0; !rc && i < set->count; i++) {
        const gd_span *texts = set->texts + set->first_text[i];
        const size_t count = set->first_text[i + 1] - set->first_text[i];
        size_t *order = NULL;

        rc = gd_span_sort(&order, texts, count, err);
        if (!rc)
            (*rows)[i] = gd_span_rows(texts, order, count);
        gd_free(order);
    }
    return rc;
}
