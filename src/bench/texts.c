/* texts.c - texts to score. */
#include "bench/texts.h"

#include "base/error.h"
#include "base/mem.h"
#include "data/record.h"
#include "reward/encode.h"
#include "reward/queue.h"

#include <string.h>

static uint32_t next_random(gd_bench_words *words, size_t below)
{
    words->random = words->random * 1664525u + 1013904223u;
    return (uint32_t)(((uint64_t)(words->random >> 8) * below) >> 24);
}

/* A token of a space and letters, as in vocabularies: the space is U+0120. */
static bool looks_like_a_word(const char *content)
{
    size_t letters = 0;

    if (!content || (unsigned char)content[0] != 0xc4 || (unsigned char)content[1] != 0xa0)
        return false;
    while ((content[2 + letters] | 0x20) >= 'a' && (content[2 + letters] | 0x20) <= 'z')
        letters++;
    return letters && letters + 2 < GD_BENCH_WORD_ROOM && content[2 + letters] == '\0';
}

/* Keeps the word if, written twice, it becomes two tokens: not every token can result from text. */
static gd_status try_word(gd_bench_words *words, const gd_tokenizer *tokenizer, const char *letters, gd_ids *ids,
                          gd_error *err)
{
    char *word = words->word[words->count];
    char twice[2 * GD_BENCH_WORD_ROOM];
    const size_t len = strlen(letters) + 1;
    gd_status rc;

    word[0] = ' ';
    memcpy(word + 1, letters, len);
    memcpy(twice, word, len);
    memcpy(twice + len, word, len);
    rc = gd_tokenize(tokenizer, twice, 2 * len, ids, err);
    if (!rc && ids->len == 2 + words->frame)
        words->count++;
    return rc;
}

gd_status gd_bench_words_find(gd_bench_words *words, const gd_tokenizer *tokenizer, gd_error *err)
{
    const size_t size = gd_tokenizer_size(tokenizer), step = size % 7919 ? 7919 : 1; /* a prime: visits each id once */
    size_t before, after;
    gd_ids ids = { 0 };
    gd_status rc = GD_OK;

    *words = (gd_bench_words){ .random = 1, .exact = true };
    gd_tokenizer_frame(tokenizer, &before, &after);
    words->frame = before + after;
    for (size_t i = 0; !rc && i < size && words->count < GD_BENCH_WORDS; i++) {
        const char *content = gd_tokenizer_token(tokenizer, (uint32_t)(i * step % size));

        if (looks_like_a_word(content))
            rc = try_word(words, tokenizer, content + 2, &ids, err);
    }
    gd_ids_free(&ids);
    if (words->count >= 8)
        return rc;
    words->exact = false; /* another script, or a tiny vocabulary: use letters */
    for (words->count = 0; words->count < 26; words->count++)
        memcpy(words->word[words->count], (const char[]){ ' ', (char)('a' + words->count), '\0' }, 3);
    return rc;
}

void gd_bench_texts_free(gd_bench_texts *texts)
{
    gd_buf_free(&texts->bytes);
    gd_free(texts->begin);
    gd_free(texts->texts);
    *texts = (gd_bench_texts){ 0 };
}

static gd_status begin_text(gd_bench_texts *texts, gd_error *err)
{
    if (!gd_grow((void **)&texts->begin, &texts->begin_room, texts->count + 1, sizeof *texts->begin))
        return gd_fail_memory(err, (texts->count + 1) * sizeof *texts->begin);
    texts->begin[texts->count++] = texts->bytes.len;
    return GD_OK;
}

gd_status gd_bench_texts_add(gd_bench_texts *texts, gd_text text, gd_error *err)
{
    const gd_status rc = begin_text(texts, err);

    if (!rc)
        gd_buf_bytes(&texts->bytes, text.data, text.len);
    return rc;
}

gd_status gd_bench_texts_end(gd_bench_texts *texts, gd_error *err)
{
    if (texts->bytes.failed ||
        !gd_grow((void **)&texts->texts, &texts->text_room, texts->count + 1, sizeof *texts->texts))
        return gd_fail_memory(err, texts->bytes.len);
    for (size_t i = 0; i < texts->count; i++) {
        const size_t end = i + 1 < texts->count ? texts->begin[i + 1] : texts->bytes.len;

        texts->texts[i] = (gd_text){ texts->bytes.data + texts->begin[i], end - texts->begin[i] };
    }
    return GD_OK;
}

static void add_words(gd_buf *bytes, gd_bench_words *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        gd_buf_str(bytes, words->word[next_random(words, words->count)]);
}

gd_status gd_bench_texts_make(gd_bench_texts *texts, gd_bench_words *words, const gd_bench_recipe *recipe,
                              gd_error *err)
{
    const size_t shared = recipe->shared > words->frame ? recipe->shared - words->frame : 1;
    gd_status rc = GD_OK;

    for (size_t g = 0; !rc && g < recipe->groups; g++) {
        gd_buf common = { 0 };

        add_words(&common, words, shared);
        for (size_t t = 0; !rc && t < recipe->each; t++) {
            rc = gd_bench_texts_add(texts, (gd_text){ common.data, common.len }, err);
            if (recipe->own) { /* begins with a word unique in the group, while words last */
                gd_buf_str(&texts->bytes, words->word[t % words->count]);
                add_words(&texts->bytes, words, recipe->own - 1);
            }
        }
        texts->bytes.failed |= common.failed;
        gd_buf_free(&common);
        texts->groups++;
    }
    return rc ? rc : gd_bench_texts_end(texts, err);
}

static gd_status add_text(gd_bench_texts *texts, const gd_model *model, const gd_record_text *text, gd_error *err)
{
    gd_buf talk = { 0 };
    gd_status rc;

    gd_buf_bytes(&talk, text->before.data, text->before.len);
    gd_buf_bytes(&talk, text->text.data, text->text.len);
    rc = talk.failed ? gd_fail_memory(err, text->before.len + text->text.len) : GD_OK;
    if (!rc && text->messages)
        rc = gd_chat_render(model->encoder.chat, text->messages, text->message_count, text->tools, &talk, err);
    if (!rc)
        rc = gd_bench_texts_add(texts, (gd_text){ talk.data, talk.len }, err);
    gd_buf_free(&talk);
    return rc;
}

/* Adds a record's texts, unless one of them can't be scored, which has 0 tokens. */
static gd_status add_record(gd_bench_texts *texts, const gd_model *model, const gd_record *record, gd_encoded *encoded,
                            size_t *tokens, gd_error *err)
{
    gd_status rc = gd_encode_record(&model->encoder, record, encoded, err);

    *tokens = 0;
    for (size_t i = 0; !rc && i < encoded->count; i++) {
        *tokens += encoded->ids[i].len;
        rc = add_text(texts, model, &record->texts[i], err);
    }
    texts->groups += encoded->count > 1;
    return rc;
}

gd_status gd_bench_texts_read(gd_bench_texts *texts, const gd_model *model, const gd_bench_options *how, size_t tokens,
                              size_t *left_out, gd_error *err)
{
    const gd_entries_options input = { .inputs = &how->input,
                                       .count = 1,
                                       .format = how->format,
                                       .fields = how->fields };
    gd_records *records = NULL;
    gd_encoded encoded = { 0 };
    bool more = true;
    size_t have = 0;
    gd_status rc = gd_records_open(&records, &input, err);

    *left_out = 0;
    if (!rc && model->encoder.turns == GD_TURNS_ON)
        gd_records_make_turns(records);
    while (!rc && more && (have == 0 || have < tokens)) {
        gd_record record = { 0 };
        size_t added = 0;

        rc = gd_records_next(records, &record, &more, err);
        if (!rc && more)
            rc = add_record(texts, model, &record, &encoded, &added, err);
        *left_out += more && added == 0;
        have += added;
        gd_record_free(&record);
    }
    gd_encoded_free(&encoded);
    gd_records_close(records);
    if (!rc && have == 0)
        rc = gd_fail(err, GD_EFORMAT, "%s: none of the %zu records can be scored", how->input, *left_out);
    return rc ? rc : gd_bench_texts_end(texts, err);
}

/* The rows of a single batch of all texts. */
static gd_status count_rows(size_t *rows, const gd_ids *ids, size_t n, gd_error *err)
{
    gd_span *spans = gd_alloc(n, sizeof *spans);
    size_t *order = NULL;
    gd_status rc = spans ? GD_OK : gd_fail_memory(err, n * sizeof *spans);

    for (size_t i = 0; !rc && i < n; i++)
        spans[i] = (gd_span){ .ids = ids[i].data, .len = ids[i].len };
    if (!rc)
        rc = gd_span_sort(&order, spans, n, err);
    if (!rc)
        *rows = gd_span_rows(spans, order, n);
    gd_free(order);
    gd_free(spans);
    return rc;
}

gd_status gd_bench_texts_count(gd_bench_count *count, const gd_bench_texts *texts, const gd_model *model, gd_error *err)
{
    gd_ids *ids = gd_alloc_zero(texts->count, sizeof *ids);
    gd_status rc = ids ? GD_OK : gd_fail_memory(err, texts->count * sizeof *ids);

    *count = (gd_bench_count){ 0 };
    for (size_t i = 0; !rc && i < texts->count; i++) {
        gd_encoding how;

        rc = gd_encode(&model->encoder, texts->texts[i], &ids[i], &how, err);
        count->tokens += ids[i].len;
    }
    count->rows = count->tokens;
    if (!rc && model->share_prefix)
        rc = count_rows(&count->rows, ids, texts->count, err);
    for (size_t i = 0; ids && i < texts->count; i++)
        gd_ids_free(&ids[i]);
    gd_free(ids);
    return rc;
}

static gd_status run_queue(gd_queue *queue, gd_bench_count *count, gd_error *err)
{
    gd_status rc = GD_OK;

    while (!rc && queue->oldest < queue->item_count)
        rc = gd_queue_run(queue, err);
    count->rows += queue->rows;
    gd_queue_clear(queue);
    return rc;
}

gd_status gd_bench_texts_score(gd_bench_count *count, const gd_bench_texts *texts, gd_model *model, gd_error *err)
{
    gd_queue queue = { .model = model };
    gd_ids ids = { 0 };
    gd_status rc = GD_OK;

    *count = (gd_bench_count){ 0 };
    for (size_t i = 0; !rc && i < texts->count; i++) {
        gd_encoding how;

        if (gd_queue_is_full(&queue))
            rc = run_queue(&queue, count, err);
        if (!rc)
            rc = gd_encode(&model->encoder, texts->texts[i], &ids, &how, err);
        if (!rc && ids.len)
            rc = gd_queue_add(&queue, &ids, 1, 0, err);
        count->tokens += ids.len;
    }
    if (!rc)
        rc = run_queue(&queue, count, err);
    gd_ids_free(&ids);
    gd_queue_free(&queue);
    return rc;
}
