/* dialect_rerank.c - POST /rerank: that of TEI if the body has "texts", else what clients of vLLM, Jina, Cohere and
 * llama-server have in common.
 *
 * The query is a question and each document an answer to it: turns, if the model has a chat format. */
#include "serve/dialect.h"

#include <stdio.h>

struct state {
    gd_item like;
    sv_parts texts;
    bool sigmoid, with_texts;
    int64_t top; /* 0: all */
};

static bool is_tei(const sv_exchange *x) { return sv_field(x, "texts") != NULL; }

/* ---- the request ---- */

static const sv_unserved unserved[] = {
    { "max_tokens_per_query", "query and document become one conversation; truncate_prompt_tokens shortens it" },
    { "max_tokens_per_doc", "query and document become one conversation; truncate_prompt_tokens shortens it" },
    { "max_doc_length", "query and document become one conversation; truncate_prompt_tokens shortens it" },
    { "max_chunks_per_doc", "a document is scored whole" },
    { "rank_fields", "only the field \"text\" of a document is read" },
    { "chat_template", "conversations get the chat format that the server was started with" },
    { "chat_template_kwargs", "conversations get the chat format that the server was started with" },
    { "mm_processor_kwargs", "only texts are read" },
    { "instruct", "a reward model reads none" },
    { "instruction", "a reward model reads none" },
    { "return_embeddings", "only scores are returned" },
    { "priority", "requests are answered in the order of their arrival" },
    { NULL, NULL },
};

/* A text, or {"text":..}. */
static bool read_documents(sv_exchange *x, const char *field, sv_parts *texts)
{
    const json_t *list;

    if (!sv_list(x, field, &list))
        return false;
    texts->count = json_array_size(list);
    texts->parts = sv_alloc(x, texts->count, sizeof *texts->parts);
    if (!texts->parts)
        return sv_refuse_memory(x);
    for (size_t i = 0; i < texts->count; i++) {
        const json_t *one = json_array_get(list, i), *inside = json_object_get(one, "text");
        char name[40];

        (void)snprintf(name, sizeof name, "%s[%zu]", field, i);
        if (!sv_read_text(x, inside && !is_tei(x) ? inside : one, name, &texts->parts[i].text))
            return false;
    }
    return true;
}

static bool read_how(sv_exchange *x, struct state *s)
{
    static const char *const others[] = { "documents", NULL };
    bool raw = false;

    if (is_tei(x)) {
        if (!sv_refuse_beside(x, "texts", others) || !sv_read_tei(x, &s->like, &raw) ||
            !sv_bool(x, "return_text", &s->with_texts))
            return false;
        s->sigmoid = !raw;
        return true;
    }
    s->sigmoid = s->with_texts = true;
    return sv_refuse_fields(x, unserved) && sv_bool(x, "activation", &s->sigmoid) &&
           sv_bool(x, "use_activation", &s->sigmoid) && sv_bool(x, "return_documents", &s->with_texts) &&
           sv_whole(x, "top_n", 0, INT32_MAX, &s->top) && sv_read_truncation(x, &s->like) && sv_read_model(x);
}

static bool read_body(sv_exchange *x)
{
    struct state *s = sv_alloc(x, 1, sizeof *s);
    gd_text query;
    gd_part prompt;

    x->state = s;
    if (!s)
        return sv_refuse_memory(x);
    return read_how(x, s) && sv_read_text(x, sv_field(x, "query"), "query", &query) &&
           read_documents(x, is_tei(x) ? "texts" : "documents", &s->texts) && sv_question(x, query, &prompt) &&
           sv_answers_to(x, &prompt, &s->texts, &s->like);
}

/* ---- the answer ---- */

static void put_score(sv_exchange *x, const struct state *s, float score)
{
    gd_buf_json_float(&x->answer, s->sigmoid ? sv_sigmoid(score) : score);
}

static void put_tei(sv_exchange *x, const struct state *s, const sv_scores *all, size_t at)
{
    const gd_text text = s->texts.parts[at].text;

    gd_buf_printf(&x->answer, "{\"index\":%zu,\"score\":", at);
    put_score(x, s, all->scores[at]);
    if (s->with_texts) {
        gd_buf_str(&x->answer, ",\"text\":");
        gd_buf_json_string(&x->answer, text.data, text.len);
    }
    gd_buf_str(&x->answer, "}");
}

static void put_document(sv_exchange *x, const struct state *s, const sv_scores *all, size_t at)
{
    const gd_text text = s->texts.parts[at].text;

    gd_buf_printf(&x->answer, "{\"index\":%zu,", at);
    if (s->with_texts) {
        gd_buf_str(&x->answer, "\"document\":{\"text\":");
        gd_buf_json_string(&x->answer, text.data, text.len);
        gd_buf_str(&x->answer, ",\"multi_modal\":null},");
    }
    gd_buf_str(&x->answer, "\"relevance_score\":");
    put_score(x, s, all->scores[at]);
    gd_buf_str(&x->answer, "}");
}

/* The best first, by the scores of the model: from 18 on, all sigmoids are 1. */
static bool put_sorted(sv_exchange *x, const struct state *s, const sv_scores *all)
{
    const size_t top = s->top && (size_t)s->top < all->count ? (size_t)s->top : all->count;
    gd_ranking ranking;

    if (!sv_rank(x, all->scores, all->count, &ranking))
        return false;
    gd_buf_str(&x->answer, "[");
    for (size_t i = 0; i < top; i++) {
        gd_buf_str(&x->answer, i ? "," : "");
        (is_tei(x) ? put_tei : put_document)(x, s, all, ranking.order[i]);
    }
    gd_ranking_free(&ranking);
    gd_buf_str(&x->answer, "]");
    return true;
}

static void write_answer(sv_exchange *x)
{
    const struct state *s = x->state;
    sv_scores all;

    if (!sv_take_scores(x, is_tei(x) ? "texts" : "documents", false, &all))
        return;
    if (is_tei(x)) {
        if (put_sorted(x, s, &all))
            sv_put_tei_headers(x, &all);
        return;
    }
    gd_buf_str(&x->answer, "{");
    sv_put_head(x, "rerank", "list", sv_model_name(x));
    gd_buf_str(&x->answer, ",\"results\":");
    if (!put_sorted(x, s, &all))
        return;
    sv_put_usage(x, all.all_tokens);
    gd_buf_printf(&x->answer, ",\"meta\":{\"api_version\":{\"version\":\"2\"},\"tokens\":{\"input_tokens\":%zu}}}",
                  all.all_tokens);
}

static void fail(sv_exchange *x, int status, const char *sentence) { sv_fail_shared(x, is_tei(x), status, sentence); }

const sv_dialect sv_rerank = { "rerank", 503, read_body, write_answer, fail };
