/* items.c - the caller's items in memory, and their results: arrays whose elements have the caller's sizes. */
#include "reward/items.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/sized.h"
#include "reward/item.h"

#include <string.h>

static const gd_sized items_kind = GD_SIZED(gd_items, results);
static const gd_sized item_kind = GD_SIZED(gd_item, part_count);
static const gd_sized result_kind = GD_SIZED(gd_item_result, error);

void gd_items_init_sized(gd_items *items, size_t struct_size, size_t item_size, size_t result_size)
{
    gd_sized_init(items, struct_size);
    if (struct_size < items_kind.first)
        return;
    items->item_size = item_size;
    items->result_size = result_size;
}

gd_status gd_items_read(gd_items *own, const gd_items *theirs, gd_error *err)
{
    gd_status rc = gd_sized_read(own, &items_kind, theirs, err);

    if (!rc)
        rc = gd_sized_check_size(item_kind.first, own->item_size, items_kind.name, "item_size", err);
    if (!rc)
        rc = gd_sized_check_size(result_kind.first, own->result_size, items_kind.name, "result_size", err);
    if (!rc && own->count && !own->results)
        return gd_fail(err, GD_EUSAGE, "gd_items.results is NULL, but room for %zu is expected", own->count);
    return rc;
}

/* ---- the caller's arrays, whose elements have the caller's sizes ---- */

static gd_status read_item(const gd_items *items, size_t i, gd_item *own, gd_error *why)
{
    const char *at = (const char *)items->items + i * items->item_size;

    return gd_sized_copy(own, &item_kind, at, items->item_size, why);
}

/* What a caller's struct has no room for must not be made. */
static bool has_room(const gd_items *items, size_t end) { return items->result_size >= end; }

static void put_result(const gd_items *items, size_t i, const gd_item_result *result)
{
    char *at = (char *)items->results + i * items->result_size;
    const size_t known = items->result_size < sizeof *result ? items->result_size : sizeof *result;

    memcpy(at, result, known);
    memset(at + known, 0, items->result_size - known);
}

void gd_items_not_yet(const gd_items *items)
{
    static const gd_item_result not_yet = { .status = GD_EINTERRUPTED };

    for (size_t i = 0; i < items->count; i++)
        put_result(items, i, &not_yet);
}

static void free_result(gd_item_result *result)
{
    for (size_t i = 0; result->ids && i < result->count; i++)
        gd_free(result->ids[i]);
    gd_free(result->ids);
    for (size_t i = 0; result->steps && i < result->count; i++)
        gd_free(result->steps[i]);
    gd_free(result->steps);
    gd_free(result->labels);
    gd_free(result->step_counts);
    gd_free(result->scores);
    gd_free(result->tokens);
    gd_free(result->error);
    *result = (gd_item_result){ 0 };
}

/* If `items` can't be read, no call made results either. */
void gd_items_free_results(const gd_items *items)
{
    gd_items own;

    if (gd_items_read(&own, items, NULL))
        return;
    for (size_t i = 0; i < own.count; i++) {
        gd_item_result result = { 0 };

        memcpy(&result, (const char *)own.results + i * own.result_size,
               own.result_size < sizeof result ? own.result_size : sizeof result);
        free_result(&result);
        put_result(&own, i, &result);
    }
}

/* ---- items in ---- */

gd_status gd_items_record(const gd_items *items, size_t i, const gd_model *model, gd_record *record, uint64_t *bytes,
                          gd_error *err)
{
    gd_error why = { 0 };
    gd_item item;
    gd_status rc = read_item(items, i, &item, &why);

    record->index = i;
    if (!rc) {
        rc = gd_item_read(record, &item, model, &why, err);
        *bytes += gd_item_bytes(&item);
    }
    if (!why.status)
        return rc;
    gd_record_drop_texts(record);
    record->status = why.status;
    record->problem = gd_strdup(why.text);
    return record->problem ? GD_OK : gd_fail_memory(err, sizeof why.text);
}

uint64_t gd_items_bytes(const gd_items *items)
{
    uint64_t bytes = 0;
    gd_item item;

    for (size_t i = 0; i < items->count; i++)
        if (!read_item(items, i, &item, NULL))
            bytes += gd_item_bytes(&item);
    return bytes;
}

/* ---- results out ---- */

static gd_status copy_tokens(gd_item_result *result, const gd_scored *item, gd_error *err)
{
    result->tokens = gd_alloc(item->count, sizeof *result->tokens);
    if (!result->tokens)
        return gd_fail_memory(err, item->count * sizeof *result->tokens);
    memcpy(result->tokens, item->tokens, item->count * sizeof *result->tokens);
    result->count = item->count;
    return GD_OK;
}

static gd_status copy_scores(gd_item_result *result, const gd_scored *item, gd_error *err)
{
    result->scores = gd_alloc(item->count, sizeof *result->scores);
    if (!result->scores)
        return gd_fail_memory(err, item->count * sizeof *result->scores);
    memcpy(result->scores, item->scores, item->count * sizeof *result->scores);
    return GD_OK;
}

/* The count is there first: what is there after a failure can be freed. */
static gd_status copy_ids(gd_item_result *result, const gd_scored *item, gd_error *err)
{
    result->ids = gd_alloc_zero(item->count, sizeof *result->ids);
    if (!result->ids)
        return gd_fail_memory(err, item->count * sizeof *result->ids);
    for (size_t i = 0; i < item->count; i++) {
        result->ids[i] = gd_alloc(item->tokens[i], sizeof *result->ids[i]);
        if (!result->ids[i])
            return gd_fail_memory(err, item->tokens[i] * sizeof *result->ids[i]);
        memcpy(result->ids[i], item->ids[i], item->tokens[i] * sizeof *result->ids[i]);
    }
    return GD_OK;
}

/* The counts are there first: what is there after a failure can be freed. */
static gd_status copy_steps(gd_item_result *result, const gd_scored *item, gd_error *err)
{
    result->step_counts = gd_alloc_zero(item->count, sizeof *result->step_counts);
    result->steps = gd_alloc_zero(item->count, sizeof *result->steps);
    if (!result->step_counts || !result->steps)
        return gd_fail_memory(err, item->count * sizeof *result->steps);
    for (size_t i = 0; i < item->count; i++) {
        const gd_beside *beside = &item->beside[i];

        result->steps[i] = gd_alloc(beside->step_count, sizeof *beside->steps);
        if (!result->steps[i])
            return gd_fail_memory(err, beside->step_count * sizeof *beside->steps);
        memcpy(result->steps[i], beside->steps, beside->step_count * sizeof *beside->steps);
        result->step_counts[i] = beside->step_count;
    }
    return GD_OK;
}

static gd_status copy_labels(gd_item_result *result, const gd_scored *item, gd_error *err)
{
    const size_t n = item->label_count;

    result->labels = gd_alloc(item->count * n, sizeof *result->labels);
    if (!result->labels)
        return gd_fail_memory(err, item->count * n * sizeof *result->labels);
    for (size_t i = 0; i < item->count; i++)
        memcpy(result->labels + i * n, item->beside[i].labels, n * sizeof *result->labels);
    result->label_names = item->label_names;
    result->label_count = n;
    return GD_OK;
}

#define END_OF(member) (offsetof(gd_item_result, member) + sizeof((gd_item_result *)NULL)->member)

static gd_status copy_beside(const gd_items *items, gd_item_result *result, const gd_scored *item, gd_error *err)
{
    gd_status rc = GD_OK;

    if (item->beside[0].step_count && has_room(items, END_OF(steps)))
        rc = copy_steps(result, item, err);
    if (!rc && item->label_count && has_room(items, END_OF(labels)))
        rc = copy_labels(result, item, err);
    return rc;
}

static gd_status copy_result(const gd_items *items, gd_item_result *result, const gd_scored *item, gd_error *err)
{
    gd_status rc = copy_tokens(result, item, err);

    if (!rc && item->ids)
        return has_room(items, END_OF(ids)) ? copy_ids(result, item, err) : GD_OK;
    if (!rc)
        rc = copy_scores(result, item, err);
    return rc ? rc : copy_beside(items, result, item, err);
}

gd_status gd_items_take(const gd_items *items, const gd_scored *item, bool *failed, gd_error *err)
{
    const char *why = item->record.problem ? item->record.problem : "the model's score is not finite";
    gd_item_result result = { .truncated = item->truncated, .dropped = item->dropped, .kind = item->record.kind };
    gd_status rc = GD_OK;

    *failed = item->record.problem || !item->finite;
    if (*failed) {
        result.status = item->record.problem ? item->status : GD_EFORMAT;
        result.error = gd_strdup(why);
        rc = result.error ? GD_OK : gd_fail_memory(err, strlen(why));
    } else if (!item->dropped) {
        rc = copy_result(items, &result, item, err);
    }
    if (rc)
        free_result(&result);
    else
        put_result(items, item->record.index, &result);
    return rc;
}
