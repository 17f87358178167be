/* encode.h - turns a text into token ids. */
#ifndef GD_REWARD_ENCODE_H
#define GD_REWARD_ENCODE_H

#include "data/record.h"
#include "reward/model.h"

typedef enum gd_encoding {
    GD_ENCODED,   /* the ids are ready */
    GD_TRUNCATED, /* the ids are ready, but tokens were dropped */
    GD_DROPPED    /* too long, and the options say to leave such texts out */
} gd_encoding;

/*
 * Replaces *ids with the ids of a text: tokenizes, truncates (the tokenizer's own leading and trailing special
 * tokens stay), then appends the end-of-sequence token, which counts towards the limit.
 *
 * Fails with GD_ETOOLONG (truncation is GD_TRUNCATE_ERROR), GD_EFORMAT (not UTF-8) or GD_ENOMEM.
 */
gd_status gd_encode(const gd_encoder *encoder, gd_text text, gd_ids *ids, gd_encoding *how, gd_error *err);

/* One item may take long: many answers may follow the same long prompt, or a conversation may be read again for every
 * turn that it loses.  Whoever waits must be able to stop in between. */
enum { GD_PAUSE_BYTES = 1 << 20 };

/* The ids of a record's texts, or why there are none. Starts all zero but for `pause`; can be reused for many
 * records. */
typedef struct gd_encoded {
    gd_pause pause; /* called after every GD_PAUSE_BYTES of text; may fail with GD_EINTERRUPTED */
    size_t counted; /* bytes since then */
    gd_ids *ids;    /* [count], then those left from larger records */
    size_t room;
    size_t count;         /* the record's number of texts; 0 if it has a problem or was dropped */
    size_t conversations; /* among the texts */
    size_t joined;        /* as in gd_summary */
    bool truncated, dropped;
    const char *problem; /* NULL, or a sentence that names the line (and which text of a pair): the record's own, or
                          * in `sentence`; valid until the next call */
    gd_status status;    /* what kind of problem it is */
    gd_buf scratch;      /* the text that `whole` is made from */
    gd_ids whole;        /* of one text, before most of it may be cut off: each in turn, so that only one is so large */
    char sentence[GD_SENTENCE_ROOM];
} gd_encoded;

/* Gives the record a problem with one of its texts: the sentence names the line and the text. */
void gd_encoded_problem(gd_encoded *encoded, const gd_record *record, size_t which, const gd_error *why);

/* Gives the record a problem with its first text without tokens, if it has one: there is no row to read a score from.
 */
void gd_encoded_refuse_empty(gd_encoded *encoded, const gd_record *record);

/* Encodes all texts of a record. A bad text becomes out->problem; the call fails only for lack of memory,
 * or because out->pause does. */
gd_status gd_encode_record(const gd_encoder *encoder, const gd_record *record, gd_encoded *out, gd_error *err);
void gd_encoded_free(gd_encoded *encoded);

#endif
