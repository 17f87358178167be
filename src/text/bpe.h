/* bpe.h - byte-pair encoding: the bytes of a piece, or its characters, become symbols, and neighbours are merged,
 * always the pair with the lowest rank, leftmost first, until no pair has a merge.
 *
 * There are two implementations with the same order of merges, and so the same ids: short pieces search an array,
 * long ones keep a heap of pairs and linked symbols, n log n. */
#ifndef GD_TEXT_BPE_H
#define GD_TEXT_BPE_H

#include "base/jscan.h"
#include "text/charmap.h"
#include "text/cuts.h"
#include "text/memo.h"
#include "text/tokenizer.h"
#include "text/vocab.h"

#include <stdatomic.h>

#define GD_MERGE_LIMIT ((size_t)1 << 21)
#define GD_NO_RANK UINT32_MAX
#define GD_NO_MERGE UINT64_MAX

/* The symbol of a byte before any merge. */
typedef struct gd_byte_symbol {
    enum { GD_BYTE_TOKEN, GD_BYTE_FALLBACK, GD_BYTE_UNKNOWN } kind;
    uint8_t count;   /* 1, or 2 for a fallback of two tokens <0x..> */
    uint32_t ids[2]; /* for GD_BYTE_UNKNOWN: the unknown token */
} gd_byte_symbol;

typedef struct gd_bpe {
    gd_vocab vocab;
    uint64_t *slots; /* left id << 42 | right id << 21 | rank; GD_NO_MERGE if empty */
    size_t mask;
    uint32_t *results; /* [merges] the resulting id, by rank */
    size_t merges, results_room;
    gd_byte_symbol symbols[256];
    unsigned byte_symbols; /* the largest count among them */
    /* If characters are merged: one that has no token becomes those of its bytes, or else the unknown token. */
    gd_charmap characters;
    uint32_t fallback[256]; /* the ids of <0x00> to <0xFF>, or GD_NO_TOKEN */
    uint32_t unknown;       /* or GD_NO_TOKEN */
    gd_cuts cuts;           /* where a piece of characters can be cut without a change of ids */
    unsigned lost;          /* number of control characters that are left out of a text, as by the reference */
    bool ignore_merges;     /* a piece that is a token becomes that token, whatever its merges give */
    bool fuse_unknown;      /* a run of unknown symbols is one token */
    /* [tokens] What the text of a token becomes. 0: not known yet; 1: other tokens; else just this token, and this is
     * its id + 2. Filled as texts are tokenized; all threads write the same values. */
    atomic_uint *whole;
} gd_bpe;

/* Buffers that are kept from one piece to the next; each thread has its own. */
typedef struct gd_bpe_room {
    uint32_t *ids, *ranks, *before, *after; /* of each symbol; ranks: of the pair that it begins */
    uint64_t *heap;                         /* rank << 32 | place */
    size_t ids_room, ranks_room, before_room, after_room, heap_room;
    size_t heap_len;
    gd_memo *memos; /* of this tokenizer only */
    uint64_t work;  /* symbols visited and heap moves made, for tests of the complexity */
} gd_bpe_room;

void gd_bpe_free(gd_bpe *bpe);
void gd_bpe_room_free(gd_bpe_room *room);

/* Reads the field "model". `byte_level`: are bytes merged, or characters? */
gd_status gd_bpe_load(gd_bpe *bpe, gd_jscan *js, gd_jspan model, bool byte_level);

/* For the loader: finds the symbols, once the vocabulary and the merges are there. */
gd_status gd_bpe_find_bytes(gd_bpe *bpe, bool fallback, const char *path, gd_error *err);
gd_status gd_bpe_find_characters(gd_bpe *bpe, bool fallback, const char *path, gd_error *err);

bool gd_bpe_find_cuts(gd_bpe *bpe);

/* Has each byte of a character without a token a token <0x..>? */
static inline bool gd_bpe_falls_back(const gd_bpe *bpe, const unsigned char *s, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (bpe->fallback[s[i]] == GD_NO_TOKEN)
            return false;
    return true;
}

/* If the piece is a token that is taken whole, whatever its merges give: true, and its id. */
bool gd_bpe_whole(const gd_bpe *bpe, const unsigned char *piece, size_t len, uint32_t *id);

/* The next part of a piece, from *at on, that can be merged by itself: *at becomes its end. */
size_t gd_bpe_part(const gd_bpe *bpe, const unsigned char *piece, size_t len, size_t at);

/* Appends the ids of one piece. `readable` bytes may be read from its beginning (len at least; more than 16 are of no
 * use). False without memory. */
bool gd_bpe_encode(const gd_bpe *bpe, gd_bpe_room *room, const unsigned char *piece, size_t len, size_t readable,
                   gd_ids *ids);

/* The same without the memos. */
bool gd_bpe_encode_afresh(const gd_bpe *bpe, gd_bpe_room *room, const unsigned char *piece, size_t len, gd_ids *ids);

/* The memos for whoever splits pieces further before they are merged.  A room is used either so, with
 * gd_bpe_encode_afresh(), or by gd_bpe_encode(): the same bytes could mean something else to each. */
typedef struct gd_bpe_recall {
    gd_memo wanted, *place;
    size_t before; /* ids that were there */
    bool found;
} gd_bpe_recall;

/* Adds the ids of a piece of 1 to GD_MEMO_BYTES bytes, if they are known; false without memory. */
bool gd_bpe_recall_piece(gd_bpe_recall *recall, gd_bpe_room *room, const unsigned char *piece, size_t len, gd_ids *ids);

/* The ids that were added since are those of the piece. */
void gd_bpe_remember(gd_bpe_recall *recall, const gd_ids *ids);

/* The rank of a pair, or GD_NO_RANK. */
uint32_t gd_bpe_rank(const gd_bpe *bpe, uint32_t left, uint32_t right);

/* For the loader: adds the next merge; its rank is the number of merges before it. */
typedef enum gd_merge_added { GD_MERGE_ADDED, GD_MERGE_TWICE, GD_MERGE_COLLIDES, GD_MERGE_NO_MEMORY } gd_merge_added;
gd_merge_added gd_bpe_add_merge(gd_bpe *bpe, uint32_t left, uint32_t right, uint32_t result);

/* Makes the table large enough for one more merge, with a third of it empty. */
gd_merge_added gd_bpe_make_room(gd_bpe *bpe);

#endif
