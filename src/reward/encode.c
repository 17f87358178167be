/* encode.c - turns a text into token ids. */
#include "reward/encode.h"

#include "base/error.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>

/* How a record becomes ids, whose wishes may differ from what the model was opened with: either the encoder, or a copy
 * in the room, which shares everything that it points to. */
static const gd_encoder *encoder_of(const gd_encoder *encoder, const gd_record *record, gd_encoder *room)
{
    const gd_record_wish *wish = &record->wish;

    if (!wish->cuts && !wish->max_length && !wish->plain)
        return encoder;
    *room = *encoder;
    if (wish->cuts)
        room->truncate = wish->truncate;
    if (wish->max_length)
        room->max_length = wish->max_length;
    if (wish->plain) {
        room->plain = true;
        room->add_eos = GD_ADD_EOS_NEVER;
    }
    return room;
}

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

/* How many special tokens the tokenizer itself adds at each end; truncation keeps them. */
struct frame {
    size_t before, after;
};

static struct frame frame_of(const gd_encoder *encoder)
{
    struct frame frame = { 0 };

    if (!encoder->plain)
        gd_tokenizer_frame(encoder->tokenizer, &frame.before, &frame.after);
    return frame;
}

/* Drops `excess` ids on the side that the options name, inside the frame. */
static bool shorten(const gd_encoder *encoder, gd_ids *ids, struct frame frame, size_t excess)
{
    const size_t kept = frame.before + frame.after;

    if (kept > ids->len || excess > ids->len - kept)
        return false;
    remove_ids(ids, encoder->truncate == GD_TRUNCATE_LEFT ? frame.before : ids->len - frame.after - excess, excess);
    return true;
}

/* `turns`: the ids are those of a conversation. */
static gd_status limit_length(const gd_encoder *encoder, gd_ids *ids, size_t eos, struct frame frame, bool turns,
                              gd_encoding *how, gd_error *err)
{
    const size_t max = encoder->max_length, have = ids->len + eos;

    if (max == 0 || have <= max)
        return GD_OK;
    if (encoder->truncate == GD_TRUNCATE_DROP) {
        *how = GD_DROPPED;
        return GD_OK;
    }
    if (encoder->truncate == GD_TRUNCATE_ERROR)
        return gd_fail(err, GD_ETOOLONG, "the text has %zu tokens, but at most %zu are allowed; --truncate can cut it",
                       have, max);
    if (encoder->truncate == GD_TRUNCATE_OLDEST_TURNS && !turns)
        return gd_fail(err, GD_ETOOLONG,
                       "the text has %zu tokens, but at most %zu are allowed, and it is not a conversation, of which "
                       "oldest-turns could drop turns; --truncate left or right can cut it",
                       have, max);
    if (encoder->truncate == GD_TRUNCATE_OLDEST_TURNS)
        return gd_fail(err, GD_ETOOLONG,
                       "the text has %zu tokens, but at most %zu are allowed, and there are no older "
                       "turns to drop",
                       have, max);
    if (!shorten(encoder, ids, frame, have - max))
        return gd_fail(err, GD_ETOOLONG, "at most %zu tokens are allowed, too few for the special tokens alone", max);
    *how = GD_TRUNCATED;
    return GD_OK;
}

static gd_status append_eos(const gd_encoder *encoder, gd_ids *ids, gd_error *err)
{
    if (!gd_grow((void **)&ids->data, &ids->room, ids->len + 1, sizeof *ids->data))
        return gd_fail_memory(err, (ids->len + 1) * sizeof *ids->data);
    ids->data[ids->len++] = encoder->special.eos;
    return GD_OK;
}

/* Tokenizes, with the tokenizer's own special tokens or without them. */
static gd_status encode_text_ids(const gd_encoder *encoder, gd_text text, bool bare, gd_ids *ids, gd_error *err)
{
    const gd_status rc = bare ? gd_tokenize_bare(encoder->tokenizer, text.data, text.len, ids, err)
                              : gd_tokenize(encoder->tokenizer, text.data, text.len, ids, err);

    if (rc || !encoder->rows || gd_tokenizer_size(encoder->tokenizer) <= encoder->rows)
        return rc;
    for (size_t i = 0; i < ids->len; i++) {
        if (ids->data[i] >= encoder->rows)
            return gd_fail(err, GD_EFORMAT, "the token \"%.80s\" has the id %u, but the embedding has only %zu rows",
                           gd_tokenizer_token(encoder->tokenizer, ids->data[i]), ids->data[i], encoder->rows);
    }
    return GD_OK;
}

gd_status gd_encode(const gd_encoder *encoder, gd_text text, gd_ids *ids, gd_encoding *how, gd_error *err)
{
    gd_status rc = encode_text_ids(encoder, text, encoder->plain, ids, err);
    bool eos;

    *how = GD_ENCODED;
    if (rc)
        return rc;
    eos = wants_eos(encoder, ids);
    rc = limit_length(encoder, ids, eos, frame_of(encoder), false, how, err);
    if (rc || !eos || *how == GD_DROPPED)
        return rc;
    return append_eos(encoder, ids, err);
}

/* So many more bytes are about to become ids. */
static gd_status count_bytes(gd_encoded *out, size_t bytes, gd_error *err)
{
    out->counted += bytes;
    if (out->counted < GD_PAUSE_BYTES || !out->pause.work)
        return GD_OK;
    out->counted = 0;
    return out->pause.work(out->pause.context, err);
}

/* Encodes the messages without limiting their length. */
static gd_status encode_messages(const gd_encoder *encoder, const gd_chat_message *messages, size_t count,
                                 const json_t *tools, gd_encoded *out, gd_error *err)
{
    gd_buf *scratch = &out->scratch;
    gd_status rc;

    gd_buf_clear(scratch);
    rc = gd_chat_render(encoder->chat, messages, count, tools, scratch, err);
    if (!rc)
        rc = count_bytes(out, scratch->len, err);
    if (rc)
        return rc;
    return encode_text_ids(encoder, (gd_text){ scratch->data, scratch->len },
                           encoder->plain || gd_chat_has_tokens(encoder->chat), &out->whole, err);
}

/* Drops the oldest turns, one by one, of a conversation that is too long. */
static gd_status drop_turns(const gd_encoder *encoder, const gd_record_text *text, gd_encoded *out, size_t eos,
                            gd_encoding *how, gd_error *err)
{
    size_t count = text->message_count, from, to;
    gd_chat_message *left = gd_alloc(count, sizeof *left);
    gd_status rc = GD_OK;

    if (!left)
        return gd_fail_memory(err, count * sizeof *left);
    memcpy(left, text->messages, count * sizeof *left);
    while (!rc && out->whole.len + eos > encoder->max_length && gd_chat_oldest_turn(left, count, &from, &to)) {
        memmove(left + from, left + to, (count - to) * sizeof *left);
        count -= to - from;
        *how = GD_TRUNCATED;
        rc = encode_messages(encoder, left, count, text->tools, out, err);
    }
    gd_free(left);
    return rc;
}

static gd_status encode_conversation(const gd_encoder *encoder, const gd_record_text *text, gd_encoded *out,
                                     gd_encoding *how, gd_error *err)
{
    gd_ids *ids = &out->whole;
    struct frame frame = { 0 };
    bool eos;
    gd_status rc;

    *how = GD_ENCODED;
    if (!encoder->chat)
        return gd_fail(err, GD_EUNSUPPORTED, "this is a conversation, and %s", encoder->chat_problem);
    rc = encode_messages(encoder, text->messages, text->message_count, text->tools, out, err);
    if (rc)
        return rc;
    eos = !gd_chat_has_tokens(encoder->chat) && wants_eos(encoder, ids);
    if (!gd_chat_has_tokens(encoder->chat))
        frame = frame_of(encoder);
    if (encoder->truncate == GD_TRUNCATE_OLDEST_TURNS && encoder->max_length)
        rc = drop_turns(encoder, text, out, eos, how, err);
    if (!rc)
        rc = limit_length(encoder, ids, eos, frame, true, how, err);
    return rc || !eos || *how == GD_DROPPED ? rc : append_eos(encoder, ids, err);
}

static gd_status encode_ids(const gd_encoder *encoder, const gd_record_text *text, gd_ids *ids, gd_encoding *how,
                            gd_error *err)
{
    *how = GD_ENCODED;
    if (!gd_grow((void **)&ids->data, &ids->room, text->id_count, sizeof *ids->data))
        return gd_fail_memory(err, text->id_count * sizeof *ids->data);
    ids->len = text->id_count;
    if (ids->len)
        memcpy(ids->data, text->ids, ids->len * sizeof *ids->data);
    return limit_length(encoder, ids, 0, (struct frame){ 0, 0 }, false, how, err);
}

/* A text with what comes before it. */
static gd_status encode_joined(const gd_encoder *encoder, const gd_record_text *text, gd_encoded *out, gd_encoding *how,
                               gd_error *err)
{
    gd_buf *scratch = &out->scratch;

    gd_buf_clear(scratch);
    gd_buf_bytes(scratch, text->before.data, text->before.len);
    gd_buf_bytes(scratch, text->text.data, text->text.len);
    if (scratch->failed)
        return gd_fail_memory(err, text->before.len + text->text.len);
    return gd_encode(encoder, (gd_text){ scratch->data, scratch->len }, &out->whole, how, err);
}

/* Replaces out->whole with the ids of a text, of a conversation, or with those given, which are only truncated.  A
 * conversation becomes text as its format says; where the format has its own special tokens, the tokenizer's and the
 * end-of-sequence token are left out. */
static gd_status encode_any(const gd_encoder *encoder, const gd_record_text *text, gd_encoded *out, gd_encoding *how,
                            gd_error *err)
{
    gd_status rc;

    if (text->ids)
        return encode_ids(encoder, text, &out->whole, how, err);
    if (text->messages)
        return encode_conversation(encoder, text, out, how, err);
    rc = count_bytes(out, text->before.len + text->text.len, err);
    if (rc)
        return rc;
    return text->before.len ? encode_joined(encoder, text, out, how, err)
                            : gd_encode(encoder, text->text, &out->whole, how, err);
}

void gd_encoded_problem(gd_encoded *out, const gd_record *record, size_t which, const gd_error *why)
{
    char name[GD_TEXT_NAME_ROOM], text[GD_TEXT_NAME_ROOM + sizeof why->text];

    (void)snprintf(text, sizeof text, "%s%s", gd_record_text_name(record->kind, which, name), why->text);
    out->problem = gd_record_sentence(record, text, out->sentence);
    out->status = why->status;
}

void gd_encoded_refuse_empty(gd_encoded *encoded, const gd_record *record)
{
    static const gd_error no_tokens = { GD_EFORMAT, "the text has no tokens" };
    size_t t = 0;

    while (t < encoded->count && encoded->ids[t].len)
        t++;
    if (t < encoded->count)
        gd_encoded_problem(encoded, record, t, &no_tokens);
}

static gd_status encode_text(const gd_encoder *encoder, const gd_record *record, size_t which, gd_encoded *out,
                             gd_error *err)
{
    gd_ids *ids = &out->ids[which];
    gd_error why = { 0 };
    gd_encoding how = GD_ENCODED;
    const gd_status rc = encode_any(encoder, &record->texts[which], out, &how, &why);

    if (rc == GD_ENOMEM || rc == GD_EINTERRUPTED)
        return gd_fail(err, rc, "%s", why.text);
    if (why.status) {
        gd_encoded_problem(out, record, which, &why);
    } else if (!gd_grow((void **)&ids->data, &ids->room, out->whole.len, sizeof *ids->data)) {
        return gd_fail_memory(err, out->whole.len * sizeof *ids->data);
    } else {
        ids->len = out->whole.len;
        if (ids->len)
            memcpy(ids->data, out->whole.data, ids->len * sizeof *ids->data);
    }
    out->dropped |= how == GD_DROPPED;
    out->truncated |= how == GD_TRUNCATED;
    return GD_OK;
}

/* Grows the array of ids; new elements start empty, old ones keep their memory. */
static gd_status make_room(gd_encoded *out, size_t count, gd_error *err)
{
    const size_t had = out->room;

    if (!gd_grow((void **)&out->ids, &out->room, count, sizeof *out->ids))
        return gd_fail_memory(err, count * sizeof *out->ids);
    if (out->room > had)
        memset(out->ids + had, 0, (out->room - had) * sizeof *out->ids);
    return GD_OK;
}

static void refuse_many(const gd_encoder *encoder, const gd_record *record, gd_encoded *out)
{
    char why[160];

    (void)snprintf(why, sizeof why, "the item has %zu texts, but the memory limit allows at most %zu", record->count,
                   encoder->most_texts);
    out->problem = gd_record_sentence(record, why, out->sentence);
    out->status = GD_ETOOLONG;
}

gd_status gd_encode_record(const gd_encoder *encoder, const gd_record *record, gd_encoded *out, gd_error *err)
{
    const bool many = encoder->most_texts && record->count > encoder->most_texts;
    gd_encoder wanted;
    gd_status rc = many ? GD_OK : make_room(out, record->count, err);

    out->truncated = out->dropped = false;
    out->problem = record->problem;
    out->status = record->status ? record->status : GD_EFORMAT;
    out->count = out->conversations = out->joined = 0;
    if (many)
        refuse_many(encoder, record, out);
    encoder = encoder_of(encoder, record, &wanted);
    for (size_t t = 0; !rc && t < record->count && !out->problem; t++) {
        rc = encode_text(encoder, record, t, out, err);
        out->conversations += record->texts[t].messages != NULL;
    }
    if (out->problem)
        out->dropped = out->truncated = false;
    else if (!out->dropped)
        out->count = record->count;
    if (record->joined && encoder->chat && encoder->turns == GD_TURNS_AUTO)
        out->joined = out->count;
    return rc;
}

void gd_encoded_free(gd_encoded *encoded)
{
    for (size_t i = 0; i < encoded->room; i++)
        gd_ids_free(&encoded->ids[i]);
    gd_free(encoded->ids);
    gd_ids_free(&encoded->whole);
    gd_buf_free(&encoded->scratch);
    *encoded = (gd_encoded){ 0 };
}
