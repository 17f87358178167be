/* queue.c - items waiting to be scored, and which of them are computed together. */
#include "reward/queue.h"

#include "base/error.h"
#include "base/mem.h"
#include "reward/encode.h"
#include "reward/rehearsal.h"

#include <stdlib.h>
#include <string.h>

/* A text joins an older one's batch out of turn if it shares at least this many tokens with it, and at least one in
 * WORTH_PART of its own. */
enum { WORTH_TOKENS = 16, WORTH_PART = 4 };

/* Bookkeeping: a text takes a few words of each array, and a block for its ids; an item takes one of ours, and one of
 * the owner's. */
enum { TEXT_BYTES = 128, ITEM_BYTES = 192 };

/* No text. */
#define NONE SIZE_MAX

/* LIMIT_BYTES is a full queue's size. engine.c counts ROW_BYTES for each row of a batch. */
enum { LIMIT_BYTES = 8 << 20, ROW_BYTES = 64 };

bool gd_queue_is_full(const gd_queue *queue)
{
    const gd_model *model = queue->model;
    const bool small = model->limited && model->batch_rows < LIMIT_BYTES / ROW_BYTES;

    return queue->bytes >= (small ? model->batch_rows * ROW_BYTES : (size_t)LIMIT_BYTES);
}

/* One block has a text's ids, its positions and their scores. */
static void free_text(gd_queue *queue, size_t text) { gd_free((void *)queue->texts[text].ids); }

static void forget_order(gd_queue *queue)
{
    gd_free(queue->order);
    gd_free(queue->place);
    gd_free(queue->line);
    queue->order = queue->place = queue->line = NULL;
}

void gd_queue_clear(gd_queue *queue)
{
    for (size_t t = 0; t < queue->text_count; t++)
        free_text(queue, t);
    forget_order(queue);
    queue->item_count = queue->text_count = queue->oldest = queue->tokens = queue->bytes = queue->rows =
        queue->batches = 0;
}

void gd_queue_free(gd_queue *queue)
{
    gd_queue_clear(queue);
    gd_batch_free(&queue->batch);
    gd_free(queue->items);
    gd_free(queue->texts);
    gd_free(queue->places);
    gd_free(queue->owner);
    gd_free(queue->results);
    gd_ids_free(&queue->found);
    gd_free(queue->members);
}

/* ---- items in ---- */

/* How many numbers the model gives for a text. */
static size_t result_count(const gd_queue *queue, size_t pooled)
{
    const gd_plan *plan = queue->model->plan;

    return pooled / plan->place_count * (1 + plan->label_count);
}

/* Of a text's ids, its positions and its results. */
static size_t block_bytes(const gd_queue *queue, size_t tokens, size_t pooled)
{
    return (tokens + pooled) * sizeof(uint32_t) + result_count(queue, pooled) * sizeof(float);
}

static size_t text_bytes(const gd_queue *queue, size_t text)
{
    return TEXT_BYTES + block_bytes(queue, queue->texts[text].len, queue->places[text].len);
}

/* A limit on memory is kept: a text that has too many rows by itself is refused. */
static gd_status check_length(const gd_queue *queue, size_t len, gd_error *err)
{
    const gd_model *model = queue->model;

    if (!model->limited || len <= model->item_rows)
        return GD_OK;
    return gd_fail(err, GD_ETOOLONG, "the text has %zu tokens, but the memory limit allows at most %zu", len,
                   model->item_rows);
}

static gd_status make_room(gd_queue *queue, size_t need, gd_error *err)
{
    if (!gd_grow((void **)&queue->texts, &queue->text_room, need, sizeof *queue->texts) ||
        !gd_grow((void **)&queue->places, &queue->place_room, need, sizeof *queue->places) ||
        !gd_grow((void **)&queue->owner, &queue->owner_room, need, sizeof *queue->owner) ||
        !gd_grow((void **)&queue->results, &queue->result_room, need, sizeof *queue->results))
        return gd_fail_memory(err, need * sizeof *queue->texts);
    return GD_OK;
}

/* How many ids the model has to see: those up to the last position. */
static size_t length_to_read(const gd_ids *places)
{
    size_t len = 0;

    for (size_t i = 0; i < places->len; i++)
        if (places->data[i] >= len)
            len = (size_t)places->data[i] + 1;
    return len;
}

static gd_status copy_text(gd_queue *queue, gd_span text, const gd_ids *places, gd_error *err)
{
    const size_t at = queue->text_count, len = text.len;
    const size_t bytes = block_bytes(queue, len, places->len);
    uint32_t *copy = gd_alloc(1, bytes);

    if (!copy)
        return gd_fail_memory(err, bytes);
    memcpy(copy, text.ids, len * sizeof *copy);
    memcpy(copy + len, places->data, places->len * sizeof *copy);
    queue->texts[at] = (gd_span){ copy, len, text.group };
    queue->places[at] = (gd_span){ .ids = copy + len, .len = places->len };
    queue->results[at] = (float *)(void *)(copy + len + places->len);
    queue->owner[at] = queue->item_count;
    queue->text_count++;
    queue->tokens += len;
    queue->bytes += text_bytes(queue, at);
    return GD_OK;
}

static gd_status add_text(gd_queue *queue, const gd_ids *ids, size_t adapter, gd_error *err)
{
    const gd_encoder *encoder = gd_model_encoder(queue->model, adapter);
    gd_ids *places = &queue->found;
    gd_status rc = gd_places_find(&encoder->places, &encoder->special, ids, places, err);

    if (!rc)
        rc = check_length(queue, length_to_read(places), err);
    if (!rc)
        rc = make_room(queue, queue->text_count + 1, err);
    return rc ? rc : copy_text(queue, (gd_span){ ids->data, length_to_read(places), adapter }, places, err);
}

static void drop_texts(gd_queue *queue, size_t first)
{
    while (queue->text_count > first) {
        const size_t text = queue->text_count - 1;

        queue->tokens -= queue->texts[text].len;
        queue->bytes -= text_bytes(queue, text);
        free_text(queue, text);
        queue->text_count--;
    }
}

gd_status gd_queue_add(gd_queue *queue, const gd_ids *ids, size_t count, size_t adapter, gd_error *err)
{
    const gd_queue_item item = { .first = queue->text_count, .count = count, .last = NONE, .done = count == 0 };
    gd_status rc = GD_OK;

    if (!gd_grow((void **)&queue->items, &queue->item_room, queue->item_count + 1, sizeof *queue->items))
        return gd_fail_memory(err, (queue->item_count + 1) * sizeof *queue->items);
    for (size_t t = 0; !rc && t < count; t++) {
        rc = add_text(queue, &ids[t], adapter, err);
        queue->refused = t;
    }
    if (rc) {
        drop_texts(queue, item.first);
        return rc;
    }
    queue->items[queue->item_count++] = item;
    queue->bytes += ITEM_BYTES;
    return GD_OK;
}

/* ---- a batch out ---- */

static gd_status make_places(gd_queue *queue, gd_error *err)
{
    const size_t n = queue->text_count;

    queue->place = gd_alloc(n, sizeof *queue->place);
    if (!queue->place)
        return gd_fail_memory(err, n * sizeof *queue->place);
    for (size_t i = 0; i < n; i++)
        queue->place[queue->order[i]] = i;
    return GD_OK;
}

/* Counts the rows that each item needs by itself: a text shares rows with the item's previous text in sorted order. */
static void count_rows(gd_queue *queue)
{
    for (size_t i = 0; i < queue->text_count; i++) {
        const size_t t = queue->order[i];
        gd_queue_item *item = &queue->items[queue->owner[t]];
        const bool shares = queue->model->share_prefix && item->last != NONE;

        item->pooled += queue->places[t].len;
        item->rows += queue->texts[t].len - (shares ? gd_span_common(queue->texts[item->last], queue->texts[t]) : 0);
        item->last = t;
    }
}

/* An item and its place in the line. */
struct in_line {
    uint64_t turn;
    size_t item;
};

static int compare_turns(const void *a, const void *b)
{
    const struct in_line *one = a, *other = b;

    if (one->turn != other->turn)
        return one->turn < other->turn ? -1 : 1;
    return one->item < other->item ? -1 : 1;
}

static gd_status make_line(gd_queue *queue, gd_error *err)
{
    const size_t n = queue->item_count;
    struct in_line *sorted = gd_alloc(n, sizeof *sorted);

    queue->line = gd_alloc(n, sizeof *queue->line);
    if (!sorted || !queue->line) {
        gd_free(sorted);
        return gd_fail_memory(err, n * sizeof *sorted);
    }
    for (size_t i = 0; i < n; i++)
        sorted[i] = (struct in_line){ queue->items[i].turn, i };
    qsort(sorted, n, sizeof *sorted, compare_turns);
    for (size_t i = 0; i < n; i++)
        queue->line[i] = sorted[i].item;
    queue->ahead = 0;
    gd_free(sorted);
    return GD_OK;
}

/* The only place where texts are sorted. */
static gd_status sort_texts(gd_queue *queue, gd_error *err)
{
    gd_status rc = gd_span_sort(&queue->order, queue->texts, queue->text_count, err);

    if (!rc)
        rc = make_places(queue, err);
    if (!rc)
        rc = make_line(queue, err);
    if (!rc)
        count_rows(queue);
    return rc;
}

static bool waits(const gd_queue_item *item) { return item->picked < item->count; }

static gd_batch_text batch_text(const gd_queue *queue, size_t text)
{
    return (gd_batch_text){ queue->texts[text], queue->places[text], queue->place[text], queue->results[text] };
}

static gd_status pick_text(gd_queue *queue, gd_queue_item *item, gd_error *err)
{
    gd_batch *batch = &queue->batch;
    const size_t number = item->first + item->picked;
    const gd_batch_text text = batch_text(queue, number);
    const size_t before = batch->rows;
    gd_status rc;

    if (!gd_grow((void **)&queue->members, &queue->member_room, batch->count + 1, sizeof *queue->members))
        return gd_fail_memory(err, (batch->count + 1) * sizeof *queue->members);
    queue->members[batch->count] = number;
    item->picked++;
    rc = gd_batch_add(batch, &text, err);
    item->computed += batch->rows - before;
    return rc;
}

/* Whether the whole item fits. What its first text shares with the batch is not computed again. */
static gd_status fits(gd_queue *queue, const gd_queue_item *item, bool *yes, gd_error *err)
{
    const gd_batch_text first = batch_text(queue, item->first);
    size_t more = 0;
    const gd_status rc = gd_batch_more(&queue->batch, &first, &more, err);

    *yes = item->picked == 0 &&
           gd_batch_fits(&queue->batch, item->rows - (first.ids.len - more), item->pooled, queue->model->batch_rows);
    return rc;
}

/* Fills a batch with as many texts as fit, at least one, of an item that is larger than a batch. */
static gd_status pick_part(gd_queue *queue, gd_queue_item *item, bool *full, gd_error *err)
{
    gd_status rc = pick_text(queue, item, err);

    while (!rc && !*full && waits(item)) {
        const gd_batch_text text = batch_text(queue, item->first + item->picked);
        size_t more = 0;

        rc = gd_batch_more(&queue->batch, &text, &more, err);
        *full = !gd_batch_fits(&queue->batch, more, text.places.len, queue->model->batch_rows);
        if (!rc && !*full)
            rc = pick_text(queue, item, err);
    }
    return rc;
}

/* Adds the item unless it would make the batch too large. */
static gd_status pick(gd_queue *queue, size_t index, bool *full, gd_error *err)
{
    gd_queue_item *item = &queue->items[index];
    bool whole;
    gd_status rc;

    if (!waits(item))
        return GD_OK;
    rc = fits(queue, item, &whole, err);
    if (!rc && !whole && queue->batch.count == 0)
        return pick_part(queue, item, full, err);
    *full = !whole;
    while (!rc && whole && waits(item))
        rc = pick_text(queue, item, err);
    return rc;
}

/* Whether computing `other` with `text` saves enough. */
static bool is_relative(gd_span text, gd_span other)
{
    const size_t common = gd_span_common(text, other);

    return common >= WORTH_TOKENS && common >= other.len / WORTH_PART;
}

/* Whether the search from `text` goes on to `other`.  It ends at a text of the same item: what lies beyond begins even
 * more like that one, whose own search finds it. */
static bool may_pick(const gd_queue *queue, size_t text, size_t other)
{
    return queue->owner[text] != queue->owner[other] && is_relative(queue->texts[text], queue->texts[other]);
}

/* In sorted order, texts that begin alike are neighbours. */
static gd_status pick_relatives(gd_queue *queue, size_t text, bool *full, gd_error *err)
{
    const size_t place = queue->place[text];
    gd_status rc = GD_OK;

    for (size_t p = place; !rc && !*full && p-- > 0 && may_pick(queue, text, queue->order[p]);)
        rc = pick(queue, queue->owner[queue->order[p]], full, err);
    for (size_t p = place + 1; !rc && !*full && p < queue->text_count && may_pick(queue, text, queue->order[p]); p++)
        rc = pick(queue, queue->owner[queue->order[p]], full, err);
    return rc;
}

static gd_status fill_batch(gd_queue *queue, gd_error *err)
{
    gd_status rc = GD_OK;
    bool full = false;

    gd_batch_clear(&queue->batch, queue->model->share_prefix);
    while (queue->ahead < queue->item_count && !waits(&queue->items[queue->line[queue->ahead]]))
        queue->ahead++;
    for (size_t i = queue->ahead; !rc && !full && i < queue->item_count; i++) {
        const gd_queue_item *item = &queue->items[queue->line[i]];

        if (!waits(item))
            continue;
        if (!queue->batch.count)
            queue->turn = item->turn;
        rc = pick(queue, queue->line[i], &full, err);
        for (size_t t = item->first; !rc && !full && queue->model->share_prefix && t < item->first + item->count; t++)
            rc = pick_relatives(queue, t, &full, err);
    }
    return rc;
}

/* In a dry run every score is 0. */
static gd_status run_batch(gd_queue *queue, gd_error *err)
{
    gd_rehearsal *rehearsal = queue->model->rehearsal;

    if (!rehearsal)
        return gd_batch_run(&queue->batch, queue->model, err);
    for (size_t i = 0; i < queue->batch.count; i++)
        memset(queue->batch.results[i], 0, result_count(queue, queue->batch.places[i].len) * sizeof(float));
    rehearsal->rows += queue->batch.rows;
    rehearsal->batches++;
    return GD_OK;
}

gd_status gd_queue_run(gd_queue *queue, gd_error *err)
{
    gd_status rc = queue->order ? GD_OK : sort_texts(queue, err);

    if (!rc)
        rc = fill_batch(queue, err);
    if (!rc && queue->batch.count)
        rc = run_batch(queue, err);
    if (rc)
        return rc;
    queue->rows += queue->batch.rows;
    queue->batches += queue->batch.count > 0;
    for (size_t m = 0; m < queue->batch.count; m++) {
        const size_t text = queue->members[m];

        queue->items[queue->owner[text]].done = !waits(&queue->items[queue->owner[text]]);
    }
    while (queue->oldest < queue->item_count && queue->items[queue->oldest].done)
        queue->oldest++;
    return GD_OK;
}

/* ---- items out ---- */

static void free_item(gd_queue *queue, const gd_queue_item *item)
{
    for (size_t t = item->first; t < item->first + item->count; t++) {
        queue->tokens -= queue->texts[t].len;
        queue->bytes -= text_bytes(queue, t);
        free_text(queue, t);
    }
    queue->bytes -= ITEM_BYTES;
}

/* Moves an item with its texts to the places that have become free before it; its rows are counted anew. */
static void move_item(gd_queue *queue, gd_queue_item item, size_t to, size_t first)
{
    for (size_t t = 0; t < item.count; t++) {
        queue->texts[first + t] = queue->texts[item.first + t];
        queue->places[first + t] = queue->places[item.first + t];
        queue->results[first + t] = queue->results[item.first + t];
        queue->owner[first + t] = to;
    }
    item.first = first;
    item.last = NONE;
    item.rows = item.pooled = 0;
    queue->items[to] = item;
}

void gd_queue_remove(gd_queue *queue, const bool *gone)
{
    size_t items = 0, texts = 0;

    for (size_t i = 0; i < queue->item_count; i++) {
        const gd_queue_item item = queue->items[i];

        if (gone[i]) {
            free_item(queue, &item);
            continue;
        }
        move_item(queue, item, items++, texts);
        texts += item.count;
    }
    forget_order(queue);
    queue->item_count = items;
    queue->text_count = texts;
    queue->oldest = 0;
    while (queue->oldest < items && queue->items[queue->oldest].done)
        queue->oldest++;
}
