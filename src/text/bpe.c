/* bpe.c - byte-pair encoding of one piece. */
#include "text/bpe.h"

#include "base/mem.h"
#include "base/utf8.h"

#include <string.h>

#define SHORT 40      /* bytes of a piece up to which an array is searched */
#define MAX_WALK 2000 /* as in vocab.c */
#define NOWHERE UINT32_MAX

void gd_bpe_free(gd_bpe *bpe)
{
    gd_vocab_free(&bpe->vocab);
    gd_free(bpe->slots);
    gd_free(bpe->results);
    gd_free(bpe->whole);
    gd_charmap_free(&bpe->characters);
    gd_cuts_free(&bpe->cuts);
    *bpe = (gd_bpe){ 0 };
}

void gd_bpe_room_free(gd_bpe_room *room)
{
    gd_free(room->ids);
    gd_free(room->ranks);
    gd_free(room->before);
    gd_free(room->after);
    gd_free(room->heap);
    gd_free(room->memos);
    *room = (gd_bpe_room){ 0 };
}

static size_t first_slot(const gd_bpe *bpe, uint64_t pair)
{
    return (size_t)((pair ^ pair >> 21) * 0x9E3779B97F4A7C15u >> 32) & bpe->mask;
}

uint32_t gd_bpe_rank(const gd_bpe *bpe, uint32_t left, uint32_t right)
{
    const uint64_t pair = (uint64_t)left << 21 | right;

    for (size_t at = first_slot(bpe, pair);; at = (at + 1) & bpe->mask) {
        const uint64_t slot = bpe->slots[at];

        if (slot >> 21 == pair)
            return (uint32_t)slot & 0x1FFFFF;
        if (slot == GD_NO_MERGE)
            return GD_NO_RANK;
    }
}

static gd_merge_added put(gd_bpe *bpe, uint64_t slot)
{
    size_t at = first_slot(bpe, slot >> 21);

    for (unsigned walk = 0; walk < MAX_WALK; walk++, at = (at + 1) & bpe->mask) {
        if (bpe->slots[at] == GD_NO_MERGE) {
            bpe->slots[at] = slot;
            return GD_MERGE_ADDED;
        }
        if (bpe->slots[at] >> 21 == slot >> 21)
            return GD_MERGE_TWICE;
    }
    return GD_MERGE_COLLIDES;
}

gd_merge_added gd_bpe_make_room(gd_bpe *bpe)
{
    uint64_t *old = bpe->slots;
    const size_t old_count = old ? bpe->mask + 1 : 0;
    size_t count = old_count ? 2 * old_count : 16;
    gd_merge_added result = GD_MERGE_ADDED;

    if (bpe->merges + bpe->merges / 2 < old_count)
        return GD_MERGE_ADDED;
    while (!old && count < bpe->vocab.count + bpe->vocab.count / 2) /* most tokens come from one merge */
        count *= 2;
    bpe->slots = gd_alloc(count, sizeof *bpe->slots);
    if (!bpe->slots) {
        bpe->slots = old;
        return GD_MERGE_NO_MEMORY;
    }
    bpe->mask = count - 1;
    memset(bpe->slots, 0xFF, count * sizeof *bpe->slots);
    for (size_t i = 0; i < old_count && result == GD_MERGE_ADDED; i++) {
        if (old[i] != GD_NO_MERGE)
            result = put(bpe, old[i]);
    }
    gd_free(old);
    return result;
}

gd_merge_added gd_bpe_add_merge(gd_bpe *bpe, uint32_t left, uint32_t right, uint32_t result)
{
    gd_merge_added added = gd_bpe_make_room(bpe);

    if (added == GD_MERGE_ADDED &&
        !gd_grow((void **)&bpe->results, &bpe->results_room, bpe->merges + 1, sizeof *bpe->results))
        added = GD_MERGE_NO_MEMORY;
    if (added == GD_MERGE_ADDED)
        added = put(bpe, (uint64_t)left << 42 | (uint64_t)right << 21 | bpe->merges);
    if (added == GD_MERGE_ADDED)
        bpe->results[bpe->merges++] = result;
    return added;
}

gd_memo *gd_memos_make(void)
{
    const size_t bytes = sizeof(gd_memo) << GD_MEMO_BITS;
    gd_memo *memos = gd_alloc_aligned(bytes);

    return memos ? memset(memos, 0, bytes) : NULL;
}

/* The symbols of a piece before any merge; ids has room for two per byte. A pending unknown token and a byte fallback
 * are written in the same order as in the reference. */
static size_t first_symbols(const gd_bpe *bpe, const unsigned char *piece, size_t len, uint32_t *ids)
{
    uint32_t unknown = GD_NO_TOKEN;
    size_t n = 0;

    for (size_t i = 0; i < len; i++) {
        const gd_byte_symbol *symbol = &bpe->symbols[piece[i]];

        if (symbol->kind == GD_BYTE_UNKNOWN) {
            if (unknown != GD_NO_TOKEN && !bpe->fuse_unknown)
                ids[n++] = unknown;
            unknown = symbol->ids[0];
            continue;
        }
        if (symbol->kind == GD_BYTE_TOKEN && unknown != GD_NO_TOKEN) {
            ids[n++] = unknown;
            unknown = GD_NO_TOKEN;
        }
        for (unsigned k = 0; k < symbol->count; k++)
            ids[n++] = symbol->ids[k];
    }
    if (unknown != GD_NO_TOKEN)
        ids[n++] = unknown;
    return n;
}

/* The same for a vocabulary of characters; ids has room for one per byte. */
static size_t first_characters(const gd_bpe *bpe, const unsigned char *piece, size_t len, uint32_t *ids)
{
    uint32_t unknown = GD_NO_TOKEN;
    size_t n = 0, bytes;

    for (size_t i = 0; i < len; i += bytes) {
        const uint32_t id = gd_charmap_get(&bpe->characters, gd_utf8_decode(piece + i, &bytes));

        if (id != GD_NO_TOKEN) {
            if (unknown != GD_NO_TOKEN)
                ids[n++] = unknown;
            unknown = GD_NO_TOKEN;
            ids[n++] = id;
        } else if (gd_bpe_falls_back(bpe, piece + i, bytes)) {
            for (size_t k = 0; k < bytes; k++)
                ids[n++] = bpe->fallback[piece[i + k]];
        } else {
            if (unknown != GD_NO_TOKEN && !bpe->fuse_unknown)
                ids[n++] = unknown;
            unknown = bpe->unknown;
        }
    }
    if (unknown != GD_NO_TOKEN)
        ids[n++] = unknown;
    return n;
}

static size_t symbols_of(const gd_bpe *bpe, const unsigned char *piece, size_t len, uint32_t *ids)
{
    return bpe->vocab.plain ? first_characters(bpe, piece, len, ids) : first_symbols(bpe, piece, len, ids);
}

/* Merges in place by searching; returns the number of symbols left. ranks has room for n. */
static size_t merge_short(const gd_bpe *bpe, uint32_t *ids, uint32_t *ranks, size_t n)
{
    for (size_t i = 0; i + 1 < n; i++)
        ranks[i] = gd_bpe_rank(bpe, ids[i], ids[i + 1]);
    while (n > 1) {
        size_t best = 0;

        for (size_t i = 1; i + 1 < n; i++) {
            if (ranks[i] < ranks[best])
                best = i;
        }
        if (ranks[best] == GD_NO_RANK)
            break;
        ids[best] = bpe->results[ranks[best]];
        n--;
        memmove(ids + best + 1, ids + best + 2, (n - best - 1) * sizeof *ids);
        memmove(ranks + best, ranks + best + 1, (n - best - 1) * sizeof *ranks);
        if (best + 1 < n)
            ranks[best] = gd_bpe_rank(bpe, ids[best], ids[best + 1]);
        if (best > 0)
            ranks[best - 1] = gd_bpe_rank(bpe, ids[best - 1], ids[best]);
    }
    return n;
}

static void sift_down(gd_bpe_room *room, size_t at)
{
    uint64_t *heap = room->heap;
    const uint64_t key = heap[at];

    for (;;) {
        const size_t child = 4 * at + 1;
        const size_t end = child + 4 < room->heap_len ? child + 4 : room->heap_len;
        size_t least = child;

        if (child >= room->heap_len)
            break;
        for (size_t i = child + 1; i < end; i++) {
            if (heap[i] < heap[least])
                least = i;
        }
        room->work++;
        if (heap[least] >= key)
            break;
        heap[at] = heap[least];
        at = least;
    }
    heap[at] = key;
}

static void push(gd_bpe_room *room, uint64_t key)
{
    size_t at = room->heap_len++;

    while (at > 0 && room->heap[(at - 1) / 4] > key) {
        room->heap[at] = room->heap[(at - 1) / 4];
        at = (at - 1) / 4;
        room->work++;
    }
    room->heap[at] = key;
}

static uint64_t pop(gd_bpe_room *room)
{
    const uint64_t key = room->heap[0];

    room->heap[0] = room->heap[--room->heap_len];
    if (room->heap_len)
        sift_down(room, 0);
    return key;
}

/* The pair that begins at `at` has changed. */
static void renew_pair(const gd_bpe *bpe, gd_bpe_room *room, uint32_t at)
{
    const uint32_t next = room->after[at];

    room->ranks[at] = next == NOWHERE ? GD_NO_RANK : gd_bpe_rank(bpe, room->ids[at], room->ids[next]);
    if (room->ranks[at] != GD_NO_RANK)
        push(room, (uint64_t)room->ranks[at] << 32 | at);
}

static bool make_room(gd_bpe_room *room, size_t n)
{
    return gd_grow((void **)&room->ids, &room->ids_room, n, sizeof *room->ids) &&
           gd_grow((void **)&room->ranks, &room->ranks_room, n, sizeof *room->ranks) &&
           gd_grow((void **)&room->before, &room->before_room, n, sizeof *room->before) &&
           gd_grow((void **)&room->after, &room->after_room, n, sizeof *room->after) &&
           gd_grow((void **)&room->heap, &room->heap_room, 2 * n + 2, sizeof *room->heap);
}

/* Merges room->ids[0..n) and packs what is left; each merge removes one entry from the heap and adds at most
 * two, so 2 n entries are enough. */
static size_t merge_long(const gd_bpe *bpe, gd_bpe_room *room, size_t n)
{
    size_t left = 0;

    room->heap_len = 0;
    room->work += n;
    for (size_t i = 0; i < n; i++) {
        room->before[i] = i ? (uint32_t)i - 1 : NOWHERE;
        room->after[i] = i + 1 < n ? (uint32_t)i + 1 : NOWHERE;
        room->ranks[i] = i + 1 < n ? gd_bpe_rank(bpe, room->ids[i], room->ids[i + 1]) : GD_NO_RANK;
        if (room->ranks[i] != GD_NO_RANK)
            room->heap[room->heap_len++] = (uint64_t)room->ranks[i] << 32 | i;
    }
    for (size_t i = room->heap_len; i-- > 0;)
        sift_down(room, i);
    while (room->heap_len) {
        const uint64_t key = pop(room);
        const uint32_t at = (uint32_t)key, rank = (uint32_t)(key >> 32);
        uint32_t gone;

        if (room->ranks[at] != rank) /* the pair has changed since */
            continue;
        gone = room->after[at];
        room->ids[at] = bpe->results[rank];
        room->after[at] = room->after[gone];
        room->ranks[gone] = GD_NO_RANK;
        if (room->after[at] != NOWHERE)
            room->before[room->after[at]] = at;
        renew_pair(bpe, room, at);
        if (room->before[at] != NOWHERE)
            renew_pair(bpe, room, room->before[at]);
    }
    for (uint32_t at = 0; at != NOWHERE; at = room->after[at])
        room->ids[left++] = room->ids[at];
    return left;
}

static bool add(gd_ids *ids, const uint32_t *more, size_t n)
{
    if (!gd_grow((void **)&ids->data, &ids->room, ids->len + n, sizeof *ids->data))
        return false;
    if (n > 0) /* of none, `more` may be NULL */
        memcpy(ids->data + ids->len, more, n * sizeof *more);
    ids->len += n;
    return true;
}

static bool add_one(gd_ids *ids, uint32_t id)
{
    if (ids->len < ids->room) {
        ids->data[ids->len++] = id;
        return true;
    }
    return add(ids, &id, 1);
}

/* Merges a piece, and if it is a token, records what it became. */
static bool merge(const gd_bpe *bpe, gd_bpe_room *room, const unsigned char *piece, size_t len, uint32_t token,
                  gd_ids *ids)
{
    uint32_t few[2 * SHORT], ranks[2 * SHORT];
    uint32_t *symbols = few;
    size_t n;

    if (len <= SHORT) { /* a byte is at most two symbols */
        n = symbols_of(bpe, piece, len, few);
        n = merge_short(bpe, few, ranks, n);
    } else {
        if (!make_room(room, bpe->byte_symbols * len))
            return false;
        symbols = room->ids;
        n = symbols_of(bpe, piece, len, symbols);
        n = n ? merge_long(bpe, room, n) : 0;
    }
    if (token != GD_NO_TOKEN) {
        const uint32_t id = bpe->vocab.tokens[token].id;

        atomic_store_explicit(&bpe->whole[token], n == 1 && symbols[0] == id ? id + 2 : 1, memory_order_relaxed);
    }
    return add(ids, symbols, n);
}

static bool encode(const gd_bpe *bpe, gd_bpe_room *room, const unsigned char *piece, size_t len, gd_ids *ids)
{
    const uint32_t token = gd_vocab_by_bytes(&bpe->vocab, piece, len);

    if (token != GD_NO_TOKEN) {
        const uint32_t whole = atomic_load_explicit(&bpe->whole[token], memory_order_relaxed);

        if (whole > 1)
            return add_one(ids, whole - 2);
        if (bpe->ignore_merges && !bpe->vocab.plain) /* a piece of characters may be a part of one: gd_bpe_whole() */
            return add_one(ids, bpe->vocab.tokens[token].id);
    }
    return merge(bpe, room, piece, len, token, ids);
}

bool gd_bpe_whole(const gd_bpe *bpe, const unsigned char *piece, size_t len, uint32_t *id)
{
    const uint32_t token = bpe->ignore_merges ? gd_vocab_by_bytes(&bpe->vocab, piece, len) : GD_NO_TOKEN;

    if (token != GD_NO_TOKEN)
        *id = bpe->vocab.tokens[token].id;
    return token != GD_NO_TOKEN;
}

bool gd_bpe_encode_afresh(const gd_bpe *bpe, gd_bpe_room *room, const unsigned char *piece, size_t len, gd_ids *ids)
{
    return encode(bpe, room, piece, len, ids);
}

static bool has_memos(gd_bpe_room *room) { return room->memos || (room->memos = gd_memos_make()) != NULL; }

/* Adds what a memo has; false without memory. */
static bool copy_memo(const gd_memo *memo, gd_ids *ids)
{
    if (ids->room - ids->len < GD_MEMO_IDS &&
        !gd_grow((void **)&ids->data, &ids->room, ids->len + GD_MEMO_IDS, sizeof *ids->data))
        return false;
    memcpy(ids->data + ids->len, memo->ids, sizeof memo->ids); /* any beyond memo->count are overwritten later */
    ids->len += memo->count;
    return true;
}

/* The piece has become the ids from `before` on. */
static void keep_memo(gd_memo *memo, gd_memo *wanted, const gd_ids *ids, size_t before)
{
    if (ids->len - before > GD_MEMO_IDS)
        return;
    wanted->count = (uint8_t)(ids->len - before);
    for (size_t i = 0; i < GD_MEMO_IDS; i++)
        wanted->ids[i] = i < wanted->count ? ids->data[before + i] : 0;
    *memo = *wanted;
}

bool gd_bpe_encode(const gd_bpe *bpe, gd_bpe_room *room, const unsigned char *piece, size_t len, size_t readable,
                   gd_ids *ids)
{
    const size_t before = ids->len;
    gd_memo wanted, *memo;

    if (len > GD_MEMO_BYTES)
        return encode(bpe, room, piece, len, ids);
    if (!has_memos(room))
        return false;
    memo = gd_memo_place(room->memos, piece, len, readable, &wanted);
    if (gd_memo_is(memo, &wanted))
        return copy_memo(memo, ids);
    if (!encode(bpe, room, piece, len, ids))
        return false;
    keep_memo(memo, &wanted, ids, before);
    return true;
}

bool gd_bpe_recall_piece(gd_bpe_recall *recall, gd_bpe_room *room, const unsigned char *piece, size_t len, gd_ids *ids)
{
    if (!has_memos(room))
        return false;
    recall->before = ids->len;
    recall->place = gd_memo_place(room->memos, piece, len, len, &recall->wanted);
    recall->found = gd_memo_is(recall->place, &recall->wanted);
    return !recall->found || copy_memo(recall->place, ids);
}

void gd_bpe_remember(gd_bpe_recall *recall, const gd_ids *ids)
{
    keep_memo(recall->place, &recall->wanted, ids, recall->before);
}
