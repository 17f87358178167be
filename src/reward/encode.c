/* encode.c - a text becomes token ids and the place where the model is read. */
#include "reward/encode.h"

#include "base/error.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>

static bool wants_eos(const gd_encoder *encoder, const gd_ids *ids)
{
    if (encoder->add_eos == GD_ADD_EOS_AUTO)
        return !ids->len || ids->data[ids->len - 1] != encoder->special.eos;
    return encoder->add_eos == GD_ADD_EOS_ALWAYS;
}

static void remove_ids(gd_ids *ids, size_t at, size_t count)
{
    memmove(ids->data + at, ids->data + at + count, (ids->len - at - count) * sizeof *ids->data);
    ids->len -= count;
}

/* Drops `excess` ids at the side that the options say, between the template's special tokens. */
static bool shorten(const gd_encoder *encoder, gd_ids *ids, size_t excess)
{
    size_t before, after;

    gd_tokenizer_frame(encoder->tokenizer, &before, &after);
    if (before + after > ids->len || excess > ids->len - before - after)
        return false;
    remove_ids(ids, encoder->truncate == GD_TRUNCATE_LEFT ? before : ids->len - after - excess, excess);
    return true;
}

static gd_status limit_length(const gd_encoder *encoder, gd_ids *ids, size_t eos, gd_encoding *how, gd_error *err)
{
    const size_t max = encoder->max_length, have = ids->len + eos;

    if (max == 0 || have <= max)
        return GD_OK;
    if (encoder->truncate == GD_TRUNCATE_DROP) {
        *how = GD_DROPPED;
        return GD_OK;
    }
    if (encoder->truncate == GD_TRUNCATE_ERROR)
        return gd_fail(err, GD_ETOOLONG, "the text has %zu tokens, but at most %zu are allowed (see truncate)", have,
                       max);
    if (!shorten(encoder, ids, have - max))
        return gd_fail(err, GD_ETOOLONG, "at most %zu tokens are allowed, too few for the special tokens alone", max);
    *how = GD_TRUNCATED;
    return GD_OK;
}

gd_status gd_encode(const gd_encoder *encoder, gd_text text, gd_ids *ids, gd_encoding *how, gd_error *err)
{
    gd_status rc = gd_tokenize(encoder->tokenizer, text.data, text.len, ids, err);
    bool eos;

    *how = GD_ENCODED;
    if (rc)
        return rc;
    eos = wants_eos(encoder, ids);
    rc = limit_length(encoder, ids, eos, how, err);
    if (rc || !eos || *how == GD_DROPPED)
        return rc;
    if (!gd_grow((void **)&ids->data, &ids->room, ids->len + 1, sizeof *ids->data))
        return gd_fail_memory(err, (ids->len + 1) * sizeof *ids->data);
    ids->data[ids->len++] = encoder->special.eos;
    return GD_OK;
}

void gd_encoded_problem(gd_encoded *out, const gd_record *record, size_t which, const char *why)
{
    char name[GD_TEXT_NAME_ROOM];

    (void)snprintf(out->sentence, sizeof out->sentence, "line %llu: %s%s", (unsigned long long)record->line,
                   gd_record_text_name(record->kind, which, name), why);
    out->problem = out->sentence;
}

static gd_status encode_text(const gd_encoder *encoder, const gd_record *record, size_t which, gd_encoded *out,
                             gd_error *err)
{
    gd_error why = { 0 };
    gd_encoding how = GD_ENCODED;

    if (gd_encode(encoder, record->texts[which], &out->ids[which], &how, &why) == GD_ENOMEM)
        return gd_fail(err, GD_ENOMEM, "%s", why.text);
    if (why.status)
        gd_encoded_problem(out, record, which, why.text);
    out->dropped |= how == GD_DROPPED;
    out->truncated |= how == GD_TRUNCATED;
    return GD_OK;
}

/* Empty ids for more texts than there ever were. */
static gd_status make_room(gd_encoded *out, size_t count, gd_error *err)
{
    const size_t had = out->room;

    if (!gd_grow((void **)&out->ids, &out->room, count, sizeof *out->ids))
        return gd_fail_memory(err, count * sizeof *out->ids);
    if (out->room > had)
        memset(out->ids + had, 0, (out->room - had) * sizeof *out->ids);
    return GD_OK;
}

gd_status gd_encode_record(const gd_encoder *encoder, const gd_record *record, gd_encoded *out, gd_error *err)
{
    gd_status rc = make_room(out, record->count, err);

    out->truncated = out->dropped = false;
    out->problem = record->problem;
    out->count = 0;
    for (size_t t = 0; !rc && t < record->count && !out->problem; t++)
        rc = encode_text(encoder, record, t, out, err);
    if (out->problem)
        out->dropped = out->truncated = false;
    else if (!out->dropped)
        out->count = record->count;
    return rc;
}

void gd_encoded_free(gd_encoded *encoded)
{
    for (size_t i = 0; i < encoded->room; i++)
        gd_ids_free(&encoded->ids[i]);
    gd_free(encoded->ids);
    *encoded = (gd_encoded){ 0 };
}

size_t gd_pooled_position(const gd_special_ids *special, const uint32_t *ids, size_t count)
{
    size_t p = count - 1;

    while (special->has_pad && p > 0 && ids[p] == special->pad)
        p--;
    return p;
}
