/* dialect_score.c - POST /score and /v1/score: vLLM's pairs of texts, and SGLang's items after a query.
 *
 * vLLM's pairs are a question and its answer, which become turns if the model has a chat format.  SGLang joins the
 * query and each item as they are. */
#include "serve/dialect.h"

struct state {
    gd_item like;
    bool sigmoid, sglang;
};

/* ---- vLLM ---- */

static const sv_unserved vllm_unserved[] = {
    { "max_tokens_per_query", "the texts of a pair become one conversation; truncate_prompt_tokens shortens it" },
    { "max_tokens_per_doc", "the texts of a pair become one conversation; truncate_prompt_tokens shortens it" },
    { "chat_template", "conversations get the chat format that the server was started with" },
    { "chat_template_kwargs", "conversations get the chat format that the server was started with" },
    { "mm_processor_kwargs", "only texts are read" },
    { "instruction", "a reward model reads none" },
    { "priority", "requests are answered in the order of their arrival" },
    { NULL, NULL },
};

/* The names of the two fields. */
static bool find_pair(sv_exchange *x, const char *names[2])
{
    static const char *const pairs[][2] = { { "text_1", "text_2" },
                                            { "queries", "documents" },
                                            { "queries", "items" },
                                            { "data_1", "data_2" } };
    size_t found = 0;

    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        if (!sv_field(x, pairs[i][0]) || !sv_field(x, pairs[i][1]))
            continue;
        names[0] = pairs[i][0];
        names[1] = pairs[i][1];
        found++;
    }
    if (found == 1)
        return true;
    return sv_refuse(x, 400,
                     "exactly one pair of fields is expected: text_1 and text_2, queries and documents, queries and "
                     "items, data_1 and data_2, or SGLang's query and items");
}

static bool read_side(sv_exchange *x, const char *name, sv_parts *side)
{
    if (!sv_read_parts(x, json_object_get(x->body, name), name, side))
        return false;
    for (size_t i = 0; i < side->count; i++)
        if (side->parts[i].ids)
            return sv_refuse(x, 400,
                             "the field \"%s\" has token ids, but texts are expected: /v1/score with query and "
                             "items takes ids",
                             name);
    return true;
}

/* Questions and answers, one each. */
static bool make_pairs(sv_exchange *x, const sv_parts *questions, const sv_parts *answers, const gd_item *like)
{
    const size_t count = answers->count;
    gd_part *prompts = sv_alloc(x, count, sizeof *prompts);
    gd_item *items = prompts ? sv_items(x, count) : NULL;

    if (!prompts)
        return sv_refuse_memory(x);
    for (size_t i = 0; items && i < count; i++) {
        items[i] = *like;
        items[i].kind = GD_ITEM_TEXT;
        items[i].prompt = &prompts[i];
        items[i].parts = &answers->parts[i];
        items[i].part_count = 1;
        if (!sv_question(x, questions->parts[i].text, &prompts[i]))
            return false;
    }
    return items != NULL;
}

static bool make_items(sv_exchange *x, const char *const names[2], const sv_parts *questions, const sv_parts *answers,
                       const gd_item *like)
{
    gd_part prompt;

    if (questions->count == 1 && answers->count != 1)
        return sv_question(x, questions->parts[0].text, &prompt) && sv_answers_to(x, &prompt, answers, like);
    if (questions->count == answers->count)
        return make_pairs(x, questions, answers, like);
    return sv_refuse(x, 400,
                     "the field \"%s\" has %zu texts and \"%s\" has %zu, but one text, or as many as in the other, is "
                     "expected",
                     names[0], questions->count, names[1], answers->count);
}

static bool read_vllm(sv_exchange *x, struct state *s)
{
    const char *names[2] = { NULL, NULL };
    sv_parts questions = { 0 }, answers = { 0 };

    s->sigmoid = true;
    return sv_refuse_fields(x, vllm_unserved) && sv_bool(x, "activation", &s->sigmoid) &&
           sv_bool(x, "use_activation", &s->sigmoid) && sv_read_truncation(x, &s->like) && find_pair(x, names) &&
           read_side(x, names[0], &questions) && read_side(x, names[1], &answers) &&
           make_items(x, names, &questions, &answers, &s->like);
}

static void write_vllm(sv_exchange *x, const sv_scores *all)
{
    gd_buf_str(&x->answer, "{");
    sv_put_head(x, "score", "list", sv_model_name(x));
    gd_buf_str(&x->answer, ",\"data\":[");
    for (size_t i = 0; i < all->count; i++) {
        gd_buf_printf(&x->answer, "%s{\"index\":%zu,\"object\":\"score\",\"score\":", i ? "," : "", i);
        gd_buf_json_float(&x->answer, all->scores[i]);
        gd_buf_str(&x->answer, "}");
    }
    gd_buf_str(&x->answer, "]");
    sv_put_usage(x, all->all_tokens);
    gd_buf_str(&x->answer, "}");
}

/* ---- SGLang ---- */

static const sv_unserved sglang_unserved[] = {
    { "label_token_ids", "a reward model has a score in place of probabilities of tokens" },
    { "apply_softmax", "the softmax of one score is always 1" },
    { "item_first", "an answer follows its prompt" },
    { "return_pooled_hidden_states", "only scores are returned" },
    { NULL, NULL },
};

static bool read_sglang(sv_exchange *x, struct state *s)
{
    static const char *const others[] = { "text_1", "text_2", "queries", "documents", "data_1", "data_2", NULL };
    gd_part query;
    sv_parts items = { 0 };

    s->sglang = true;
    if (!sv_refuse_beside(x, "query", others) || !sv_refuse_fields(x, sglang_unserved) ||
        !sv_read_part(x, sv_field(x, "query"), "query", &query) ||
        !sv_read_parts(x, sv_field(x, "items"), "items", &items))
        return false;
    for (size_t i = 0; i < items.count; i++)
        if (!items.parts[i].ids != !query.ids)
            return sv_refuse(x, 400, "items[%zu] is %s, and the query is %s, but both must be of the same kind", i,
                             items.parts[i].ids ? "a list of token ids" : "a text",
                             query.ids ? "a list of token ids" : "a text");
    return sv_answers_to(x, &query, &items, &s->like);
}

static void write_sglang(sv_exchange *x, const sv_scores *all)
{
    gd_buf_str(&x->answer, "{\"scores\":[");
    for (size_t i = 0; i < all->count; i++) {
        gd_buf_str(&x->answer, i ? "," : "");
        gd_buf_json_floats(&x->answer, &all->scores[i], 1);
    }
    gd_buf_str(&x->answer, "],\"model\":");
    sv_put_string(&x->answer, sv_model_name(x));
    sv_put_usage(x, all->all_tokens);
    gd_buf_str(&x->answer, ",\"object\":\"scoring\",\"pooled_hidden_states\":null}");
}

/* ---- both ---- */

static bool read_body(sv_exchange *x)
{
    struct state *s = sv_alloc(x, 1, sizeof *s);

    x->state = s;
    if (!s)
        return sv_refuse_memory(x);
    if (!sv_read_model(x))
        return false;
    return sv_field(x, "query") ? read_sglang(x, s) : read_vllm(x, s);
}

static void write_answer(sv_exchange *x)
{
    const struct state *s = x->state;
    sv_scores all;

    if (!sv_take_scores(x, s->sglang ? "items" : "pair", s->sigmoid, &all))
        return;
    if (s->sglang)
        write_sglang(x, &all);
    else
        write_vllm(x, &all);
}

static void fail(sv_exchange *x, int status, const char *sentence)
{
    if (sv_field(x, "query"))
        sv_fail_sglang(x, status, sentence);
    else
        sv_fail_openai(x, status, sentence);
}

const sv_dialect sv_score = { "score", 503, read_body, write_answer, fail };
