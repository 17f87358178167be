/* encode.h - a text becomes token ids and the place where the model is read. */
#ifndef GD_REWARD_ENCODE_H
#define GD_REWARD_ENCODE_H

#include "data/record.h"
#include "reward/model.h"

typedef enum gd_encoding {
    GD_ENCODED,   /* ids are ready */
    GD_TRUNCATED, /* the same, after tokens were dropped */
    GD_DROPPED    /* too long, and the options say to leave it out */
} gd_encoding;

/*
 * Replaces *ids by the ids of a text: tokenizer, then truncation (the tokenizer's own leading and trailing special
 * tokens stay), then the end-of-sequence token, which counts towards the limit.
 *
 * Fails with GD_ETOOLONG (truncation is GD_TRUNCATE_ERROR), GD_EFORMAT (not UTF-8) or GD_ENOMEM.
 */
gd_status gd_encode(const gd_encoder *encoder, gd_text text, gd_ids *ids, gd_encoding *how, gd_error *err);

/* The same for one of a record's texts, which may be ids or a conversation.  Ids get nothing but truncation.  Of a
 * conversation the format makes text, and ids without the tokenizer's special tokens and the end-of-sequence token
 * where the format has its own; GD_TRUNCATE_OLDEST_TURNS drops turns until the rest fits.  `scratch` is for the
 * text. */
gd_status gd_encode_text(const gd_encoder *encoder, const gd_record_text *text, gd_buf *scratch, gd_ids *ids,
                         gd_encoding *how, gd_error *err);

/* The ids of a record's texts, or why there are none. All zero at first; one can serve many records. */
typedef struct gd_encoded {
    gd_ids *ids; /* [count] and more that were used before */
    size_t room;
    size_t count; /* as the record's; 0 with a problem, or when it was dropped */
    bool truncated, dropped;
    const char *problem; /* NULL, or a sentence that names the line (and which text of a pair): the record's own or
                          * in `sentence`; good until the next call */
    gd_status status;    /* what kind of problem it is */
    gd_buf scratch;
    char sentence[GD_SENTENCE_ROOM];
} gd_encoded;

/* Gives the record a problem with one of its texts: the sentence names the line and the text. */
void gd_encoded_problem(gd_encoded *encoded, const gd_record *record, size_t which, const gd_error *why);

/* Encodes all texts of a record. What is wrong with a text is its problem; only a lack of memory fails. */
gd_status gd_encode_record(const gd_encoder *encoder, const gd_record *record, gd_encoded *out, gd_error *err);
void gd_encoded_free(gd_encoded *encoded);

/* The position whose hidden state the head reads: the rightmost id that is not the pad id, as Transformers has it
 * (modeling_layers.py, GenericForSequenceClassification); the last one when no pad id is known; 0 when all are pad. */
size_t gd_pooled_position(const gd_special_ids *special, const uint32_t *ids, size_t count);

#endif
