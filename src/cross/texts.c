/* texts.c - the texts of a cross-check, and their rows. */
#include "cross/texts.h"

#include "base/digest.h"
#include "base/error.h"
#include "base/mem.h"
#include "reward/encode.h"

#include <string.h>

enum { USUAL_TEXTS = 32, EXCERPT = 160 };

/* The end of a text, from the beginning of a character on; of a conversation, that of its last message. */
static char *excerpt_of(const gd_record_text *text)
{
    const gd_text all = text->messages ? text->messages[text->message_count - 1].content : text->text;
    size_t from = all.len > EXCERPT ? all.len - EXCERPT : 0;
    gd_buf out = { 0 };
    char *excerpt;

    while (from < all.len && ((unsigned char)all.data[from] & 0xC0) == 0x80)
        from++;
    gd_buf_str(&out, from ? "\xe2\x80\xa6" : "");
    gd_buf_bytes(&out, all.data + from, all.len - from);
    return gd_buf_take(&out, &excerpt, NULL) ? NULL : excerpt;
}

/* Takes over about->excerpt, also on failure. */
static gd_status add_text(gd_cross_texts *texts, gd_span ids, const gd_cross_text *about, gd_error *err)
{
    const size_t need = texts->count + 1;
    uint32_t *own = gd_alloc(ids.len, sizeof *own);

    if (!about->excerpt || !own || !gd_grow((void **)&texts->ids, &texts->room, need, sizeof *texts->ids) ||
        !gd_grow((void **)&texts->about, &texts->about_room, need, sizeof *texts->about)) {
        gd_free(about->excerpt);
        gd_free(own);
        return gd_fail_memory(err, ids.len * sizeof *own);
    }
    memcpy(own, ids.ids, ids.len * sizeof *own);
    texts->about[texts->count] = *about;
    texts->ids[texts->count++] = (gd_span){ .ids = own, .len = ids.len };
    texts->digest = gd_digest(texts->digest, own, ids.len * sizeof *own);
    return GD_OK;
}

static gd_status leave_out(gd_cross_texts *texts, const char *problem, gd_error *err)
{
    texts->left_out++;
    if (!problem || texts->problems == GD_CROSS_PROBLEMS)
        return GD_OK;
    texts->problem[texts->problems] = gd_strdup(problem);
    return texts->problem[texts->problems++] ? GD_OK : gd_fail_memory(err, strlen(problem));
}

/* A text without a place at which it is read becomes encoded->problem. */
static gd_status find_places(const gd_encoder *encoder, const gd_record *record, size_t t, gd_encoded *encoded,
                             gd_ids *places, gd_error *err)
{
    gd_error why = { 0 };
    const gd_status rc = gd_places_find(&encoder->places, &encoder->special, &encoded->ids[t], places, &why);

    if (rc == GD_EFORMAT)
        gd_encoded_problem(encoded, record, t, &why);
    else if (rc)
        return gd_fail(err, rc, "%s", why.text);
    return GD_OK;
}

/* What comes after a place cannot change its score: each step is that of a text of its own, which ends there. */
static gd_status add_places(gd_cross_texts *texts, const gd_encoder *encoder, const gd_record *record, size_t t,
                            const gd_ids *ids, const gd_ids *places, gd_error *err)
{
    const bool steps = gd_places_have_steps(&encoder->places);
    gd_status rc = GD_OK;

    for (size_t i = 0; !rc && i < places->len; i++) {
        const gd_cross_text about = { record->index, t, steps ? i + 1 : 0, record->kind == GD_RECORD_PAIR && !steps,
                                      excerpt_of(&record->texts[t]) };

        rc = add_text(texts, (gd_span){ .ids = ids->data, .len = (size_t)places->data[i] + 1 }, &about, err);
    }
    return rc;
}

static gd_status add_record(gd_cross_texts *texts, const gd_encoder *encoder, const gd_record *record,
                            gd_encoded *encoded, gd_error *err)
{
    gd_status rc = gd_encode_record(encoder, record, encoded, err);
    gd_ids places = { 0 };

    if (rc)
        return rc;
    texts->items++;
    gd_encoded_refuse_empty(encoded, record);
    if (encoded->problem || encoded->dropped)
        return leave_out(texts, encoded->problem, err);
    for (size_t t = 0; !rc && !encoded->problem && t < encoded->count; t++)
        rc = find_places(encoder, record, t, encoded, &places, err);
    if (!rc && encoded->problem)
        rc = leave_out(texts, encoded->problem, err);
    for (size_t t = 0; !rc && !encoded->problem && t < encoded->count; t++) {
        rc = find_places(encoder, record, t, encoded, &places, err);
        if (!rc)
            rc = add_places(texts, encoder, record, t, &encoded->ids[t], &places, err);
    }
    gd_ids_free(&places);
    return rc;
}

static gd_status read_records(gd_cross_texts *texts, const gd_encoder *encoder, gd_records *records, size_t wanted,
                              gd_error *err)
{
    gd_encoded encoded = { 0 };
    gd_status rc = GD_OK;
    bool more = true;

    while (!rc && more && texts->count < wanted) {
        gd_record record = { 0 };

        rc = gd_records_next(records, &record, &more, err);
        if (!rc && more)
            rc = add_record(texts, encoder, &record, &encoded, err);
        gd_record_free(&record);
    }
    gd_encoded_free(&encoded);
    return rc;
}

/* Walks up from the end of each text, in their order, as far as rows belong to nobody. */
static void find_owners(gd_cross_texts *texts)
{
    const gd_trie *trie = &texts->trie;

    memset(texts->owner, 0xFF, trie->rows * sizeof *texts->owner);
    for (size_t t = 0; t < texts->count; t++)
        for (uint32_t row = trie->pooled[t]; row != UINT32_MAX && texts->owner[row] == UINT32_MAX;
             row = gd_trie_parent(trie, row))
            texts->owner[row] = (uint32_t)t;
}

static gd_status find_rows(gd_cross_texts *texts, gd_error *err)
{
    gd_status rc = gd_span_sort(&texts->order, texts->ids, texts->count, err);

    if (!rc)
        rc = gd_trie_build(&texts->trie, texts->ids, texts->count, NULL, texts->order, err);
    if (rc)
        return rc;
    texts->owner = gd_alloc(texts->trie.rows, sizeof *texts->owner);
    if (!texts->owner)
        return gd_fail_memory(err, texts->trie.rows * sizeof *texts->owner);
    find_owners(texts);
    return GD_OK;
}

static gd_status check_some(const gd_cross_texts *texts, const char *input, gd_error *err)
{
    if (texts->count)
        return GD_OK;
    if (texts->problems)
        return gd_fail(err, GD_EFORMAT, "%.200s: there is no text to compare; the first problem is %.250s", input,
                       texts->problem[0]);
    return gd_fail(err, GD_EFORMAT, "%.200s: there is no text to compare in %llu records", input,
                   (unsigned long long)texts->items);
}

gd_status gd_cross_texts_read(gd_cross_texts *texts, const gd_encoder *encoder, const gd_crosscheck_options *how,
                              gd_error *err)
{
    const gd_entries_options from = { .inputs = &how->input,
                                      .count = 1,
                                      .format = how->format,
                                      .fields = how->fields,
                                      .frugal = encoder->most_texts != 0 };
    gd_records *records = NULL;
    gd_status rc = gd_records_open(&records, &from, err);

    *texts = (gd_cross_texts){ 0 };
    if (!rc && encoder->places.has_also)
        rc = gd_fail(err, GD_EUNSUPPORTED,
                     "the model's head reads two places of a text, which can be scored with, but not cross-checked");
    if (!rc && encoder->turns == GD_TURNS_ON)
        gd_records_make_turns(records);
    if (!rc)
        rc = read_records(texts, encoder, records, how->texts ? how->texts : USUAL_TEXTS, err);
    gd_records_close(records);
    if (!rc)
        rc = check_some(texts, how->input, err);
    return rc ? rc : find_rows(texts, err);
}

gd_status gd_cross_texts_one(gd_cross_texts *texts, const gd_cross_texts *of, size_t text, gd_error *err)
{
    gd_cross_text about = of->about[text];
    gd_status rc;

    *texts = (gd_cross_texts){ 0 };
    about.excerpt = gd_strdup(about.excerpt);
    rc = add_text(texts, of->ids[text], &about, err);
    return rc ? rc : find_rows(texts, err);
}

void gd_cross_texts_free(gd_cross_texts *texts)
{
    for (size_t t = 0; t < texts->count; t++) {
        gd_free((uint32_t *)texts->ids[t].ids);
        gd_free(texts->about[t].excerpt);
    }
    for (size_t i = 0; i < texts->problems; i++)
        gd_free(texts->problem[i]);
    gd_free(texts->ids);
    gd_free(texts->about);
    gd_free(texts->order);
    gd_free(texts->owner);
    gd_trie_free(&texts->trie);
    *texts = (gd_cross_texts){ 0 };
}
