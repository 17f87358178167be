/* added_load.c - makes the declarations of added tokens (added_list.h) into the tokens that a tokenizer looks for. */
#include "text/added.h"

#include "base/error.h"
#include "base/mem.h"
#include "text/fields.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int compare(const char *a, size_t a_len, const char *b, size_t b_len)
{
    const int order = memcmp(a, b, a_len < b_len ? a_len : b_len);

    return order ? order : (a_len > b_len) - (a_len < b_len);
}

/* By content, then in the order of the list. */
static int by_content(const void *a, const void *b)
{
    const gd_added_entry *x = *(gd_added_entry *const *)a, *y = *(gd_added_entry *const *)b;
    const int order = compare(x->content, x->len, y->content, y->len);

    return order ? order : (x > y) - (x < y);
}

static int by_pattern(const void *a, const void *b)
{
    const gd_added_pattern *x = a, *y = b;

    return compare(x->s, x->len, y->s, y->len);
}

static int by_id(const void *a, const void *b)
{
    const gd_added_token *x = *(const gd_added_token *const *)a, *y = *(const gd_added_token *const *)b;

    return (x->id > y->id) - (x->id < y->id);
}

/* ---- the flags ---- */

/* The declarations of one token, in order. */
struct group {
    gd_added_entry **entries;
    size_t count;
    bool strong;        /* it is in added_tokens or in a list: names add nothing */
    bool named;         /* it is a named token */
    bool makes_special; /* see gd_added_entry */
};

static struct group describe(gd_added_entry **entries, size_t count)
{
    struct group g = { entries, count, false, false, false };

    for (size_t i = 0; i < count; i++) {
        g.strong |= entries[i]->origin <= GD_ADDED_LISTED;
        g.named |= entries[i]->origin == GD_ADDED_NAMED;
        g.makes_special |= entries[i]->makes_special;
    }
    return g;
}

static unsigned code(const gd_added_flags *f)
{
    return f->single_word * 1u | f->lstrip * 2u | f->rstrip * 4u | f->normalized * 8u | f->special * 16u;
}

/* True if the declaration counts; its flags become what they are for the reference. */
static bool counts(const struct group *g, gd_added_entry *e, uint32_t *seen)
{
    if (g->strong && e->origin > GD_ADDED_LISTED)
        return false;
    if (e->special_by_name)
        e->flags.special = !(e->flags.normalized = !g->makes_special);
    if (g->named && e->origin == GD_ADDED_LISTED)
        e->flags.special = true;
    if (*seen >> code(&e->flags) & 1)
        return false;
    *seen |= 1u << code(&e->flags);
    return true;
}

/* tokenizer.json comes first, then all other files at once. */
static unsigned round_of(const gd_added_entry *e) { return e->origin != GD_ADDED_FILE; }

/* Each declaration replaces the flags of those before it, except in one respect: the first special one decides in which
 * texts the token is looked for; the others are looked for too if they are of an earlier round. (tokenizers 0.22,
 * added_vocabulary.rs: special_tokens, added_tokens and added_tokens_map_r.) */
static void decide(gd_added_token *token, const struct group *g, bool decoder)
{
    const gd_added_entry *special = NULL;
    uint32_t seen = 0;
    size_t n = 0;

    for (size_t i = 0; i < g->count; i++) {
        gd_added_entry *e = g->entries[i];

        if (!counts(g, e, &seen))
            continue;
        if (e->flags.special && !special)
            special = e;
        g->entries[n++] = e;
        token->single_word = e->flags.single_word;
        token->lstrip = e->flags.lstrip;
        token->rstrip = e->flags.rstrip;
    }
    for (size_t i = 0; i < n; i++) {
        const gd_added_entry *e = g->entries[i];

        if (special && e != special && round_of(e) >= round_of(special))
            continue;
        token->in_raw |= !e->flags.normalized;
        token->in_normalized |= e->flags.normalized;
    }
    token->special = special || (g->named && !decoder);
}

/* ---- the ids ---- */

static gd_status check_file_id(const gd_added_entry *e, uint32_t id, bool known, size_t place, const char *path,
                               gd_error *err)
{
    if (e->id == (int64_t)id)
        return GD_OK;
    return gd_fail(err, GD_EFORMAT, "%s: added_tokens[%zu]: the id of \"%.80s\" is %lld, but %s %u", path, place,
                   e->content, (long long)e->id,
                   known ? "model.vocab gives it the id"
                         : "new tokens are numbered in order after the vocabulary, and this is",
                   id);
}

/* The id that is next after those of tokenizer.json. */
static uint32_t next_id(const gd_added *added, const gd_vocab *vocab)
{
    uint32_t next = (uint32_t)vocab->count;

    for (size_t i = 0; i < added->count; i++) {
        const uint32_t id = added->tokens[i].id;

        if (id != GD_NO_TOKEN && id >= next)
            next = id + 1;
    }
    return next;
}

/* The reference numbers added tokens itself: as in the vocabulary if it has the content, else in order after it; it
 * only compares the ids of the files, and warns. Here a difference in tokenizer.json is an error. In the other files,
 * whose ids the reference does not even compare, it is a notice. */
static gd_status number(gd_added *added, const gd_added_parts *parts, gd_error *err)
{
    const gd_vocab *vocab = parts->vocab;
    uint32_t next = (uint32_t)vocab->count;
    bool noticed = false;
    gd_status rc = GD_OK;

    for (size_t i = 0; i < added->list.count && !rc; i++) {
        const gd_added_entry *e = &added->list.entries[i];
        gd_added_token *token = &added->tokens[e->token];
        const uint32_t known = gd_vocab_by_content(vocab, e->content, e->len);

        if (i == added->list.files)
            next = next_id(added, vocab);
        if (e->origin == GD_ADDED_FILE && token->id != GD_NO_TOKEN)
            return gd_fail(err, GD_EFORMAT, "%s: added_tokens: \"%.80s\" appears twice", parts->path, e->content);
        if (token->id == GD_NO_TOKEN)
            token->id = known != GD_NO_TOKEN ? vocab->tokens[known].id : next++;
        if (e->origin == GD_ADDED_FILE)
            rc = check_file_id(e, token->id, known != GD_NO_TOKEN, i, parts->path, err);
        if (!rc && known == GD_NO_TOKEN && gd_vocab_by_id(vocab, token->id) != GD_NO_TOKEN)
            rc = gd_fail(err, GD_EFORMAT, "%s: the id %u of \"%.80s\" belongs to another token of model.vocab",
                         parts->path, token->id, e->content);
        if (!rc && e->origin == GD_ADDED_LISTED && e->id != (int64_t)token->id && !noticed) {
            noticed = true;
            rc = gd_notes_add(parts->notes, err,
                              "%s gives \"%.40s\" the id %lld, but it gets %u: like Transformers, guerdon numbers new "
                              "tokens in order",
                              added->list.decoder ? "added_tokens_decoder" : "added_tokens.json", e->content,
                              (long long)e->id, token->id);
        }
    }
    return rc;
}

/* ---- the sets ---- */

static gd_status normalize(gd_added_token *token, gd_norm_room *room, const gd_added_parts *parts, gd_error *err)
{
    const char *out;
    size_t len;
    gd_status rc;

    room->regex.steps = gd_regex_steps(token->len);
    rc = gd_normalize(parts->normalizer, room, parts->classes, token->content, token->len, &out, &len, err);
    if (rc || out == token->content)
        return rc;
    if (len == 0)
        return gd_fail(err, GD_EUNSUPPORTED, "%s: added_tokens: nothing is left of \"%.80s\" once it is normalized",
                       parts->path, token->content);
    token->own = gd_strndup(out, len);
    token->normal = token->own;
    token->normal_len = len;
    return token->own ? GD_OK : gd_fail_memory(err, len);
}

static gd_status make_set(gd_added_set *set, const gd_added *added, bool normalized, const char *path, gd_error *err)
{
    uint32_t at = 0;

    set->sorted = gd_alloc(added->count, sizeof *set->sorted);
    if (!set->sorted)
        return gd_fail_memory(err, added->count * sizeof *set->sorted);
    for (size_t i = 0; i < added->count; i++) {
        const gd_added_token *t = &added->tokens[i];

        if (normalized ? t->in_normalized : t->in_raw)
            set->sorted[set->count++] = normalized ? (gd_added_pattern){ t->normal, t->normal_len, t }
                                                   : (gd_added_pattern){ t->content, t->len, t };
    }
    qsort(set->sorted, set->count, sizeof *set->sorted, by_pattern);
    for (size_t i = 1; i < set->count; i++) {
        if (by_pattern(&set->sorted[i - 1], &set->sorted[i]) == 0)
            return gd_fail(err, GD_EFORMAT, "%s: added_tokens: \"%.80s\" appears twice", path,
                           set->sorted[i].token->content);
    }
    for (unsigned b = 0; b <= 256; b++) {
        while (at < set->count && (unsigned char)set->sorted[at].s[0] < b)
            at++;
        set->begin[b] = at;
    }
    if (set->count) {
        set->first = (unsigned char)set->sorted[0].s[0];
        set->one_byte = set->first == (unsigned char)set->sorted[set->count - 1].s[0];
    }
    return GD_OK;
}

static gd_status make_sets(gd_added *added, const gd_added_parts *parts, gd_error *err)
{
    gd_norm_room room = { 0 };
    gd_status rc = GD_OK;

    for (size_t i = 0; i < added->count && !rc; i++) {
        if (added->tokens[i].in_normalized)
            rc = normalize(&added->tokens[i], &room, parts, err);
    }
    gd_norm_room_free(&room);
    if (!rc)
        rc = make_set(&added->raw, added, false, parts->path, err);
    if (!rc)
        rc = make_set(&added->normalized, added, true, parts->path, err);
    added->raw.split_special = added->normalized.split_special = added->list.split_special;
    return rc;
}

/* Groups the declarations by content: each group becomes a token. */
static void make_tokens(gd_added *added, gd_added_entry **sorted)
{
    const gd_added_list *list = &added->list;

    for (size_t i = 0, end; i < list->count; i = end) {
        gd_added_token *token = &added->tokens[added->count];
        struct group g;

        for (end = i; end < list->count && (end == i || !compare(sorted[i]->content, sorted[i]->len,
                                                                 sorted[end]->content, sorted[end]->len));
             end++)
            sorted[end]->token = added->count;
        g = describe(sorted + i, end - i);
        *token = (gd_added_token){ .content = sorted[i]->content, .len = sorted[i]->len, .id = GD_NO_TOKEN };
        token->normal = token->content;
        token->normal_len = token->len;
        decide(token, &g, list->decoder);
        added->count++;
    }
}

gd_status gd_added_make(gd_added *added, const gd_added_parts *parts, gd_error *err)
{
    const gd_added_list *list = &added->list;
    gd_added_entry **sorted;
    gd_status rc;

    if (list->count == 0)
        return GD_OK;
    sorted = gd_alloc(list->count, sizeof *sorted);
    added->tokens = gd_alloc_zero(list->count, sizeof *added->tokens);
    added->by_id = gd_alloc(list->count, sizeof *added->by_id);
    if (!sorted || !added->tokens || !added->by_id) {
        gd_free(sorted);
        return gd_fail_memory(err, list->count * sizeof *added->tokens);
    }
    for (size_t i = 0; i < list->count; i++)
        sorted[i] = &list->entries[i];
    qsort(sorted, list->count, sizeof *sorted, by_content);
    make_tokens(added, sorted);
    gd_free(sorted);
    rc = number(added, parts, err);
    for (size_t i = 0; i < added->count; i++)
        added->by_id[i] = &added->tokens[i];
    qsort(added->by_id, added->count, sizeof *added->by_id, by_id);
    return rc ? rc : make_sets(added, parts, err);
}
