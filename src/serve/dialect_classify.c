/* dialect_classify.c - vLLM's POST /classify and POST /pooling: a text, several, token ids, or a conversation.
 *
 * A body of SGLang's own /classify gets its answer. */
#include "serve/dialect.h"

struct state {
    gd_item like;
    bool sigmoid;
};

/* ---- the request ---- */

static const sv_unserved unserved[] = {
    { "chat_template", "conversations get the chat format that the server was started with" },
    { "chat_template_kwargs", "conversations get the chat format that the server was started with" },
    { "add_generation_prompt", "a reward model reads a conversation that ends with the answer" },
    { "continue_final_message", "a reward model reads a conversation that ends with the answer" },
    { "mm_processor_kwargs", "only texts are read" },
    { "normalize", "use_activation chooses between the score and its sigmoid" },
    { "priority", "requests are answered in the order of their arrival" },
    { "dimensions", "a score has one dimension" },
    { NULL, NULL },
};

/* The three names that vLLM has had for it. */
static bool read_activation(sv_exchange *x, bool *sigmoid)
{
    *sigmoid = true;
    return sv_bool(x, "softmax", sigmoid) && sv_bool(x, "activation", sigmoid) && sv_bool(x, "use_activation", sigmoid);
}

static bool read_conversation(sv_exchange *x, const gd_item *like)
{
    json_t *record = json_object();
    gd_item *item = sv_items(x, 1);
    bool special = false, ok = item != NULL;

    if (ok)
        *item = *like;
    ok = ok && sv_bool(x, "add_special_tokens", &special);
    if (ok && special)
        ok = sv_refuse(x, 400,
                       "the field \"add_special_tokens\" is true, but a conversation has its special tokens "
                       "from the chat format");
    if (ok &&
        (!record || json_object_set(record, "messages", json_object_get(x->body, "messages")) ||
         (sv_field(x, "tools") && json_object_set(record, "tools", json_object_get(x->body, "tools"))) ||
         (sv_field(x, "documents") && json_object_set(record, "documents", json_object_get(x->body, "documents")))))
        ok = sv_refuse_memory(x);
    ok = ok && sv_record(x, record, "the conversation", item);
    json_decref(record);
    return ok;
}

static bool read_texts(sv_exchange *x, gd_item *like)
{
    bool special = true;
    sv_parts parts = { 0 };

    if (!sv_bool(x, "add_special_tokens", &special))
        return false;
    like->plain = !special;
    return sv_read_parts(x, json_object_get(x->body, "input"), "input", &parts) && sv_items_of(x, &parts, like);
}

static bool read_inputs(sv_exchange *x, struct state *s)
{
    if (!sv_refuse_fields(x, unserved) || !read_activation(x, &s->sigmoid) || !sv_read_model(x) ||
        !sv_read_truncation(x, &s->like))
        return false;
    if (sv_field(x, "messages") && sv_field(x, "input"))
        return sv_refuse(x, 400, "the fields \"input\" and \"messages\" don't go together");
    return sv_field(x, "messages") ? read_conversation(x, &s->like) : read_texts(x, &s->like);
}

static bool read_classify(sv_exchange *x)
{
    x->state = sv_alloc(x, 1, sizeof(struct state));
    return x->state ? read_inputs(x, x->state) : sv_refuse_memory(x);
}

static bool read_pooling(sv_exchange *x)
{
    static const char *const tasks[] = { "classify", NULL }, *const encodings[] = { "float", NULL },
                             *const types[] = { "float32", NULL };
    const char *ignored;

    return sv_one_of(x, "task", tasks, &ignored) && sv_one_of(x, "encoding_format", encodings, &ignored) &&
           sv_one_of(x, "embed_dtype", types, &ignored) && read_classify(x);
}

/* ---- the answer ---- */

static void write_list(sv_exchange *x, const char *prefix, const char *before, const char *after)
{
    const struct state *s = x->state;
    const char *name = sv_field(x, "messages") ? "messages" : "input";
    sv_scores all;

    if (!sv_take_scores(x, name, s->sigmoid, &all))
        return;
    gd_buf_str(&x->answer, "{");
    sv_put_head(x, prefix, "list", sv_model_name(x));
    gd_buf_str(&x->answer, ",\"data\":[");
    for (size_t i = 0; i < all.count; i++) {
        gd_buf_printf(&x->answer, "%s{\"index\":%zu,%s", i ? "," : "", i, before);
        gd_buf_json_float(&x->answer, all.scores[i]);
        gd_buf_str(&x->answer, after);
    }
    gd_buf_str(&x->answer, "]");
    sv_put_usage(x, all.all_tokens);
    gd_buf_str(&x->answer, "}");
}

/* "LABEL_0" is what Transformers calls the only label of a model. */
static void write_classify(sv_exchange *x)
{
    write_list(x, "classify", "\"label\":\"LABEL_0\",\"probs\":[", "],\"num_classes\":1}");
}

static void write_pooling(sv_exchange *x) { write_list(x, "pool", "\"object\":\"pooling\",\"data\":[", "]}"); }

/* ---- /classify of both ---- */

static bool read_either(sv_exchange *x)
{
    return sv_is_sglang_classify(x) ? sv_read_sglang_classify(x) : read_classify(x);
}

static void write_either(sv_exchange *x)
{
    if (sv_is_sglang_classify(x))
        sv_write_sglang_classify(x);
    else
        write_classify(x);
}

static void fail_either(sv_exchange *x, int status, const char *sentence)
{
    if (sv_is_sglang_classify(x))
        sv_fail_sglang(x, status, sentence);
    else
        sv_fail_openai(x, status, sentence);
}

const sv_dialect sv_classify = { "classify", 503, read_either, write_either, fail_either };
const sv_dialect sv_vllm_pooling = { "vllm_pooling", 503, read_pooling, write_pooling, sv_fail_openai };
