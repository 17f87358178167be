/* places.c - the tokens of a text at which the head reads it. */
#include "reward/places.h"

#include "base/error.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/* ---- what is looked for ---- */

static gd_status take_id(gd_place *place, uint32_t id, gd_error *err)
{
    place->ids = gd_alloc(1, sizeof *place->ids);
    if (!place->ids)
        return gd_fail_memory(err, sizeof *place->ids);
    place->ids[0] = id;
    place->count = 1;
    return GD_OK;
}

/* The id as it is, which must be that of a row. */
static gd_status read_id(gd_place *place, size_t vocab, const char *dir, gd_error *err)
{
    const unsigned long long id = strtoull(place->text, NULL, 10);

    if (strlen(place->text) > 10 || id >= vocab)
        return gd_fail(err, GD_EFORMAT, "%s: the head reads texts at the token %.40s, but the embedding has %zu rows",
                       dir, place->text, vocab);
    return take_id(place, (uint32_t)id, err);
}

static gd_status encode_text(gd_place *place, const gd_tokenizer *tokenizer, gd_error *err)
{
    gd_ids ids = { 0 };
    const gd_status rc = gd_tokenize_bare(tokenizer, place->text, strlen(place->text), &ids, err);

    place->ids = ids.data;
    place->count = ids.len;
    return rc;
}

/* The name that the vocabulary has for the token, or else the text that becomes it. */
static gd_status read_token(gd_place *place, const gd_tokenizer *tokenizer, const char *dir, gd_error *err)
{
    uint32_t id;
    gd_status rc;

    if (gd_tokenizer_find(tokenizer, place->text, &id))
        return take_id(place, id, err);
    rc = encode_text(place, tokenizer, err);
    if (rc || place->count == 1)
        return rc;
    return gd_fail(err, GD_EFORMAT,
                   "%s: the head reads texts at the token \"%.80s\", but the tokenizer makes %zu tokens of it: "
                   "each_pattern finds such",
                   dir, place->text, place->count);
}

static gd_status read_pattern(gd_place *place, const gd_tokenizer *tokenizer, const char *dir, gd_error *err)
{
    const gd_status rc = encode_text(place, tokenizer, err);

    if (rc || place->count)
        return rc;
    return gd_fail(err, GD_EFORMAT, "%s: the head reads texts at \"%.80s\", of which the tokenizer makes no token", dir,
                   place->text);
}

static gd_status open_place(gd_place *place, const gd_plan_place *from, size_t vocab, const gd_tokenizer *tokenizer,
                            const char *dir, gd_error *err)
{
    place->pool = from->pool;
    place->first_token = from->first_token;
    place->is_id = from->is_id;
    if (!from->text)
        return GD_OK;
    place->text = gd_strdup(from->text);
    if (!place->text)
        return gd_fail_memory(err, strlen(from->text) + 1);
    if (place->is_id)
        return read_id(place, vocab, dir, err);
    return from->pool == GD_POOL_AT ? read_token(place, tokenizer, dir, err) : read_pattern(place, tokenizer, dir, err);
}

gd_status gd_places_open(gd_places *places, const gd_plan *plan, const gd_tokenizer *tokenizer, const char *dir,
                         gd_error *err)
{
    gd_status rc;

    *places = (gd_places){ .has_also = plan->place_count == 2 };
    rc = open_place(&places->place, &plan->place, plan->vocab, tokenizer, dir, err);
    return rc || !places->has_also ? rc : open_place(&places->also, &plan->also, plan->vocab, tokenizer, dir, err);
}

void gd_places_close(gd_places *places)
{
    gd_free(places->place.ids);
    gd_free(places->place.text);
    gd_free(places->also.ids);
    gd_free(places->also.text);
    *places = (gd_places){ 0 };
}

bool gd_places_have_steps(const gd_places *places) { return gd_pooling_has_steps(places->place.pool); }

size_t gd_places_a_score(const gd_places *places) { return places->has_also ? 2 : 1; }

/* ---- where it is ---- */

static size_t rightmost_non_pad(uint32_t pad, const uint32_t *ids, size_t count)
{
    size_t p = count - 1;

    while (p > 0 && ids[p] == pad)
        p--;
    return p;
}

/* Where the first token is pad, those classes read the last: position -1. */
static size_t before_first_pad(uint32_t pad, const uint32_t *ids, size_t count)
{
    size_t p = 0;

    while (p < count && ids[p] != pad)
        p++;
    return (p ? p : count) - 1;
}

size_t gd_pooled_position(gd_pooling pool, const gd_special_ids *special, const uint32_t *ids, size_t count)
{
    if (pool == GD_POOL_FIRST)
        return 0;
    if (pool == GD_POOL_LAST || !special->has_pad)
        return count - 1;
    return pool == GD_POOL_BEFORE_FIRST_PAD ? before_first_pad(special->pad, ids, count)
                                            : rightmost_non_pad(special->pad, ids, count);
}

static gd_status add_position(gd_ids *out, size_t position, gd_error *err)
{
    if (!gd_grow((void **)&out->data, &out->room, out->len + 1, sizeof *out->data))
        return gd_fail_memory(err, (out->len + 1) * sizeof *out->data);
    out->data[out->len++] = (uint32_t)position;
    return GD_OK;
}

/* Whether the place's ids end at this position. */
static bool ends_at(const gd_place *place, const gd_ids *ids, size_t position)
{
    return position + 1 >= place->count &&
           !memcmp(ids->data + position + 1 - place->count, place->ids, place->count * sizeof *place->ids);
}

/* The text in quotes, with the line breaks that it may consist of as \n. */
static gd_status fail_absent(const gd_place *place, gd_error *err)
{
    gd_buf quoted = { 0 };
    gd_status rc;

    if (place->is_id)
        return gd_fail(err, GD_EFORMAT, "the text has no token of the id %u, at which the model's head reads it",
                       place->ids[0]);
    gd_buf_json_string(&quoted, place->text, strlen(place->text));
    rc = gd_buf_cstr(&quoted)
             ? gd_fail(err, GD_EFORMAT, "the text has no %.200s, at which the model's head reads it", quoted.data)
             : gd_fail_memory(err, 0);
    gd_buf_free(&quoted);
    return rc;
}

/* Occurrences may overlap. */
static gd_status look_for(const gd_place *place, const gd_ids *ids, gd_ids *out, gd_error *err)
{
    const size_t before = out->len;
    gd_status rc = GD_OK;

    for (size_t p = 0; !rc && p < ids->len; p++) {
        if (!ends_at(place, ids, p))
            continue;
        if (place->pool == GD_POOL_LAST_PATTERN)
            out->len = before; /* forget the one before */
        rc = add_position(out, place->first_token ? p + 1 - place->count : p, err);
        if (place->pool == GD_POOL_FIRST_PATTERN)
            break;
    }
    if (rc || out->len > before)
        return rc;
    return fail_absent(place, err);
}

static gd_status find_place(const gd_place *place, const gd_special_ids *special, const gd_ids *ids, gd_ids *out,
                            gd_error *err)
{
    return place->ids ? look_for(place, ids, out, err)
                      : add_position(out, gd_pooled_position(place->pool, special, ids->data, ids->len), err);
}

gd_status gd_places_find(const gd_places *places, const gd_special_ids *special, const gd_ids *ids, gd_ids *out,
                         gd_error *err)
{
    gd_status rc;

    out->len = 0;
    rc = find_place(&places->place, special, ids, out, err);
    return rc || !places->has_also ? rc : find_place(&places->also, special, ids, out, err);
}
