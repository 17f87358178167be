/* pairs.c - the data of a training run. */
#include "train/pairs.h"

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* A record being read. */
struct reading {
    const gd_pairs_options *options;
    const gd_record *record;
    const gd_encoded *encoded;
    gd_preference *found; /* [room] */
    size_t count, room;
    size_t equal; /* preferences of equal texts */
    gd_error why; /* GD_OK, or what is wrong with the record */
};

static bool same_ids(const gd_ids *a, const gd_ids *b)
{
    return a->len == b->len && (!a->len || !memcmp(a->data, b->data, a->len * sizeof *a->data));
}

static gd_status prefer(struct reading *r, size_t better, size_t worse, float margin, gd_error *err)
{
    if (!r->options->keep_equal && same_ids(&r->encoded->ids[better], &r->encoded->ids[worse])) {
        r->equal++;
        return GD_OK;
    }
    if (!gd_grow((void **)&r->found, &r->room, r->count + 1, sizeof *r->found))
        return gd_fail_memory(err, (r->count + 1) * sizeof *r->found);
    r->found[r->count++] = (gd_preference){ (uint32_t)better, (uint32_t)worse, margin };
    return GD_OK;
}

/* The margin of a record: any finite number, or none. */
static bool read_margin(struct reading *r, float *margin)
{
    const char *field = r->options->margin;
    const json_t *value = field ? json_object_get(r->record->object, field) : NULL;

    *margin = 0;
    if (!value || json_is_null(value))
        return true;
    if (json_is_number(value))
        *margin = (float)json_number_value(value);
    if (json_is_number(value) && isfinite(*margin))
        return true;
    (void)gd_fail(&r->why, GD_EFORMAT, "the field \"%s\" is %s, but a number is expected", field,
                  json_is_number(value) ? "too large" : gd_json_type_name(value));
    return false;
}

/* Each of the first texts is better than each of the others. */
static gd_status prefer_first(struct reading *r, size_t first, gd_error *err)
{
    float margin;
    gd_status rc = GD_OK;

    if (!read_margin(r, &margin))
        return GD_OK;
    for (size_t i = 0; !rc && i < first; i++)
        for (size_t j = first; !rc && j < r->record->count; j++)
            rc = prefer(r, i, j, margin, err);
    return rc;
}

/* ranks[i] is 1 for the best answers, 2 for the next .. */
static bool check_ranks(struct reading *r, const json_t *ranks)
{
    const size_t count = r->record->count;

    if (!json_is_array(ranks))
        (void)gd_fail(&r->why, GD_EFORMAT,
                      "the field \"ranks\" is %s, but a list with a rank for each answer is expected",
                      gd_json_type_name(ranks));
    else if (json_array_size(ranks) != count)
        (void)gd_fail(&r->why, GD_EFORMAT, "\"ranks\" has %zu entries for %zu answers", json_array_size(ranks), count);
    for (size_t i = 0; !r->why.status && i < count; i++) {
        const json_t *rank = json_array_get(ranks, i);

        if (!json_is_integer(rank) || json_integer_value(rank) < 1)
            (void)gd_fail(&r->why, GD_EFORMAT, "ranks[%zu] is %s; a whole number is expected, 1 for the best", i,
                          json_is_integer(rank) ? "below 1" : gd_json_type_name(rank));
    }
    return !r->why.status;
}

/* Every answer with a better rank is better than every other. */
static gd_status prefer_ranks(struct reading *r, const json_t *ranks, gd_error *err)
{
    const size_t count = r->record->count;
    float margin;
    gd_status rc = GD_OK;

    if (!check_ranks(r, ranks) || !read_margin(r, &margin))
        return GD_OK;
    for (size_t i = 0; !rc && i < count; i++)
        for (size_t j = 0; !rc && j < count; j++)
            if (json_integer_value(json_array_get(ranks, i)) < json_integer_value(json_array_get(ranks, j)))
                rc = prefer(r, i, j, margin, err);
    return rc;
}

/* What to say of a record with one text. In the files of ms-swift and OpenPipe, that is the chosen conversation; the
 * other one, or what it ends with, is beside it. */
static const char *one_text(const json_t *object)
{
    if (gd_json_has(object, "rejected_messages"))
        return "the chosen conversation is in \"messages\", and \"rejected_messages\" is not read; with "
               "--fields chosen=messages,rejected=rejected_messages, they are a pair";
    if (gd_json_has(object, "rejected_response") || gd_json_has(object, "rejected_message"))
        return "the last message of \"messages\" is the chosen answer, and the rejected one is beside them; expected "
               "two whole conversations, \"chosen\" and \"rejected\", or a \"prompt\" and two answers";
    return "one text; expected a \"chosen\" and a \"rejected\" one, or \"responses\" with \"ranks\"";
}

static gd_status find_preferences(struct reading *r, gd_error *err)
{
    const json_t *object = r->record->object, *ranks = json_object_get(object, "ranks");

    if (r->record->kind == GD_RECORD_PAIR)
        return prefer_first(r, 1, err);
    if (r->record->kind == GD_RECORD_ANSWERS && json_is_array(json_object_get(object, "chosen")))
        return prefer_first(r, json_array_size(json_object_get(object, "chosen")), err);
    if (r->record->kind == GD_RECORD_ANSWERS && ranks)
        return prefer_ranks(r, ranks, err);
    (void)gd_fail(&r->why, GD_EFORMAT, "%s",
                  r->record->kind == GD_RECORD_ANSWERS
                      ? "\"responses\" without \"ranks\", which say which answers are better"
                      : one_text(object));
    return GD_OK;
}

/* ---- the set ---- */

static size_t least(const size_t *rooms, size_t count)
{
    size_t room = rooms[0];

    for (size_t i = 1; i < count; i++)
        room = rooms[i] < room ? rooms[i] : room;
    return room;
}

static gd_status reserve(gd_pairs *pairs, size_t texts, gd_error *err)
{
    gd_train_set *set = &pairs->set;
    const size_t have = set->count ? set->first_text[set->count] : 0;
    const struct {
        void **array;
        size_t *room, need, size;
    } arrays[] = {
        { (void **)&set->items, &pairs->item_room, set->count + 1, sizeof *set->items },
        { (void **)&set->first_text, &pairs->item_room, set->count + 2, sizeof *set->first_text },
        { (void **)&pairs->index, &pairs->item_room, set->count + 1, sizeof *pairs->index },
        { (void **)&pairs->group, &pairs->item_room, set->count + 1, sizeof *pairs->group },
        { (void **)&set->texts, &pairs->text_room, have + texts, sizeof *set->texts },
        { (void **)&set->pooled, &pairs->text_room, have + texts, sizeof *set->pooled },
    };
    size_t rooms[sizeof arrays / sizeof arrays[0]];

    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++) {
        rooms[i] = *arrays[i].room;
        if (!gd_grow(arrays[i].array, &rooms[i], arrays[i].need, arrays[i].size))
            return gd_fail_memory(err, arrays[i].need * arrays[i].size);
    }
    pairs->item_room = least(rooms, 4);
    pairs->text_room = least(rooms + 4, 2);
    return GD_OK;
}

/* Takes over the record's ids and the preferences found. */
static gd_status keep(gd_pairs *pairs, struct reading *r, gd_encoded *encoded, const gd_encoder *encoder, gd_error *err)
{
    gd_train_set *set = &pairs->set;
    gd_status rc = reserve(pairs, encoded->count, err);
    uint32_t group;
    size_t at;

    if (!rc)
        rc = gd_groups_find(&pairs->groups, r->record->object, r->options->by ? r->options->by : "", &group, err);
    if (rc)
        return rc;
    pairs->index[set->count] = r->record->index;
    pairs->group[set->count] = group;
    pairs->preferences += r->count;
    if (set->count == 0)
        set->first_text[0] = 0;
    at = set->first_text[set->count];
    for (size_t i = 0; i < encoded->count; i++, at++) {
        gd_ids *ids = &encoded->ids[i];

        set->texts[at] = (gd_span){ .ids = ids->data, .len = ids->len };
        set->pooled[at] = (uint32_t)gd_pooled_position(encoder->places.place.pool, &encoder->special, ids->data,
                                                       ids->len);
        pairs->tokens += ids->len;
        pairs->longest = ids->len > pairs->longest ? ids->len : pairs->longest;
        *ids = (gd_ids){ 0 };
    }
    set->items[set->count++] = (gd_train_item){ r->found, r->count, encoded->count };
    set->first_text[set->count] = at;
    r->found = NULL;
    pairs->counts.kept++;
    pairs->joined += encoded->joined > 0;
    pairs->talks += encoded->conversations > 0;
    pairs->margins += !r->options->margin && json_is_number(json_object_get(r->record->object, GD_PAIRS_MARGIN));
    return GD_OK;
}

static void fail_record(gd_pairs *pairs, const gd_record *record, const char *why)
{
    char room[GD_SENTENCE_ROOM];

    if (pairs->counts.failed++ == 0)
        (void)snprintf(pairs->problem, sizeof pairs->problem, "%s", gd_record_sentence(record, why, room));
}

static bool has_empty_text(const gd_encoded *encoded)
{
    bool found = false;

    for (size_t i = 0; i < encoded->count; i++)
        found |= encoded->ids[i].len == 0;
    return found;
}

static gd_status take(gd_pairs *pairs, const gd_record *record, gd_encoded *encoded, const gd_encoder *encoder,
                      const gd_pairs_options *options, gd_error *err)
{
    struct reading r = { .options = options, .record = record, .encoded = encoded };
    gd_status rc = find_preferences(&r, err);

    if (!rc && r.why.status)
        fail_record(pairs, record, r.why.text);
    else if (!rc && r.count)
        rc = keep(pairs, &r, encoded, encoder, err);
    else if (!rc)
        *(r.equal ? &pairs->counts.equal : &pairs->counts.indifferent) += 1;
    gd_free(r.found);
    return rc;
}

static gd_status read_record(gd_pairs *pairs, const gd_record *record, gd_encoded *encoded, const gd_encoder *encoder,
                             const gd_pairs_options *options, gd_error *err)
{
    const gd_status rc = gd_encode_record(encoder, record, encoded, err);

    pairs->counts.records++;
    pairs->digest = record->digest;
    if (rc)
        return rc;
    if (encoded->problem) {
        if (pairs->counts.failed++ == 0)
            (void)snprintf(pairs->problem, sizeof pairs->problem, "%s", encoded->problem);
    } else if (encoded->dropped) {
        pairs->counts.too_long++;
    } else if (has_empty_text(encoded)) {
        fail_record(pairs, record, "a text has no tokens");
    } else {
        return take(pairs, record, encoded, encoder, options, err);
    }
    return GD_OK;
}

gd_status gd_pairs_read(gd_pairs *pairs, gd_records *records, const gd_encoder *encoder,
                        const gd_pairs_options *options, gd_error *err)
{
    gd_encoded encoded = { 0 };
    gd_status rc = GD_OK;
    bool more = true;

    while (!rc && more) {
        gd_record record = { 0 };

        rc = gd_records_next(records, &record, &more, err);
        if (!rc && more)
            rc = read_record(pairs, &record, &encoded, encoder, options, err);
        gd_record_free(&record);
    }
    gd_encoded_free(&encoded);
    return rc;
}

void gd_pairs_free(gd_pairs *pairs)
{
    gd_train_set *set = &pairs->set;

    for (size_t t = 0; set->count && t < set->first_text[set->count]; t++)
        gd_free((void *)set->texts[t].ids);
    for (size_t i = 0; i < set->count; i++)
        gd_free((void *)set->items[i].preferences);
    gd_free(set->items);
    gd_free(set->first_text);
    gd_free(set->texts);
    gd_free(set->pooled);
    gd_free(pairs->index);
    gd_free(pairs->group);
    gd_groups_free(&pairs->groups);
    *pairs = (gd_pairs){ 0 };
}
