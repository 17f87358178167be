/* dialect_sglang.c - SGLang's POST /v1/embeddings, where verl reads scores, POST /v1/classify, and its own /classify.
 *
 * All give the score as the model does.  (SGLang's own /v1/classify gives the softmax over the labels, which is 1 for
 * every text where there is one.) */
#include "serve/dialect.h"

#include <stdio.h>
#include <string.h>

static const sv_unserved unserved[] = {
    { "dimensions", "a score has one dimension" },
    { "image", "only texts are read" },
    { "lora_path", "the field \"model\" names the adapter" },
    { NULL, NULL },
};

static bool read_body(sv_exchange *x)
{
    static const char *const encodings[] = { "float", NULL };
    gd_item *like = sv_alloc(x, 1, sizeof *like);
    sv_parts parts = { 0 };
    const char *ignored;

    x->state = like;
    if (!like)
        return sv_refuse_memory(x);
    return sv_refuse_fields(x, unserved) && sv_one_of(x, "encoding_format", encodings, &ignored) && sv_read_model(x) &&
           sv_read_parts(x, sv_field(x, "input"), "input", &parts) && sv_items_of(x, &parts, like);
}

static void put_list(sv_exchange *x, const sv_scores *all, const char *before, const char *after)
{
    gd_buf_str(&x->answer, "\"data\":[");
    for (size_t i = 0; i < all->count; i++) {
        gd_buf_printf(&x->answer, "%s{\"index\":%zu,%s", i ? "," : "", i, before);
        gd_buf_json_float(&x->answer, all->scores[i]);
        gd_buf_str(&x->answer, after);
    }
    gd_buf_str(&x->answer, "]");
}

static void write_embeddings(sv_exchange *x)
{
    sv_scores all;

    if (!sv_take_scores(x, "input", false, &all))
        return;
    gd_buf_str(&x->answer, "{\"object\":\"list\",");
    put_list(x, &all, "\"object\":\"embedding\",\"embedding\":[", "]}");
    gd_buf_str(&x->answer, ",\"model\":");
    sv_put_string(&x->answer, sv_model_name(x));
    gd_buf_printf(&x->answer, ",\"usage\":{\"prompt_tokens\":%zu,\"total_tokens\":%zu}}", all.all_tokens,
                  all.all_tokens);
}

static void write_classify(sv_exchange *x)
{
    sv_scores all;

    if (!sv_take_scores(x, "input", false, &all))
        return;
    gd_buf_str(&x->answer, "{");
    sv_put_head(x, "classify", "list", sv_model_name(x));
    gd_buf_str(&x->answer, ",");
    put_list(x, &all, "\"label\":\"LABEL_0\",\"probs\":[", "],\"num_classes\":1}");
    sv_put_usage(x, all.all_tokens);
    gd_buf_str(&x->answer, "}");
}

const sv_dialect sv_sglang_embeddings = { "sglang_embeddings", 503, read_body, write_embeddings, sv_fail_sglang };
const sv_dialect sv_sglang_classify = { "sglang_classify", 503, read_body, write_classify, sv_fail_sglang };

/* ---- its own /classify, which has "text", "input_ids" or "conv" in place of vLLM's "input" and "messages" ---- */

struct native {
    const char *field;
    bool alone; /* one text or conversation, not a list of them */
};

static const char *const native_fields[] = { "text", "input_ids", "conv" };
enum { NATIVE_FIELDS = sizeof native_fields / sizeof native_fields[0] };

static const char *native_field(const sv_exchange *x)
{
    for (size_t i = 0; i < NATIVE_FIELDS; i++)
        if (sv_field(x, native_fields[i]))
            return native_fields[i];
    return NULL;
}

bool sv_is_sglang_classify(const sv_exchange *x) { return native_field(x) != NULL; }

static bool read_conversation(sv_exchange *x, const json_t *messages, const char *name, gd_item *item)
{
    json_t *record = json_object();
    bool ok = record && json_object_set(record, "messages", (json_t *)messages) == 0;

    ok = ok ? sv_record(x, record, name, item) : sv_refuse_memory(x);
    json_decref(record);
    return ok;
}

/* One conversation is a list of messages, several are a list of them. */
static bool read_conversations(sv_exchange *x, struct native *n)
{
    const json_t *list;
    gd_item *items;
    char name[40];

    if (!sv_list(x, "conv", &list))
        return false;
    n->alone = json_is_object(json_array_get(list, 0));
    items = sv_items(x, n->alone ? 1 : json_array_size(list));
    if (!items)
        return false;
    if (n->alone)
        return read_conversation(x, list, "conv", items);
    for (size_t i = 0; i < x->items.count; i++) {
        (void)snprintf(name, sizeof name, "conv[%zu]", i);
        if (!read_conversation(x, json_array_get(list, i), name, &items[i]))
            return false;
    }
    return true;
}

static bool read_native_texts(sv_exchange *x, struct native *n)
{
    const gd_item like = { 0 };
    sv_parts parts = { 0 };

    if (!sv_read_parts(x, sv_field(x, n->field), n->field, &parts))
        return false;
    n->alone = parts.alone;
    return sv_items_of(x, &parts, &like);
}

bool sv_read_sglang_classify(sv_exchange *x)
{
    static const char *const others[] = { "input", "messages", "input_ids", "conv", NULL };
    struct native *n = sv_alloc(x, 1, sizeof *n);

    x->state = n;
    if (!n)
        return sv_refuse_memory(x);
    n->field = native_field(x);
    if (!sv_refuse_beside(x, n->field, others) || !sv_refuse_fields(x, unserved) || !sv_read_model(x))
        return false;
    return !strcmp(n->field, "conv") ? read_conversations(x, n) : read_native_texts(x, n);
}

/* One object for one text, a list of them for several. */
void sv_write_sglang_classify(sv_exchange *x)
{
    const struct native *n = x->state;
    sv_scores all;

    if (!sv_take_scores(x, n->field, false, &all))
        return;
    gd_buf_str(&x->answer, n->alone ? "" : "[");
    for (size_t i = 0; i < all.count; i++) {
        gd_buf_str(&x->answer, i ? ",{\"embedding\":" : "{\"embedding\":");
        gd_buf_json_floats(&x->answer, &all.scores[i], 1);
        gd_buf_printf(&x->answer, ",\"meta_info\":{\"prompt_tokens\":%zu}}", all.tokens[i]);
    }
    gd_buf_str(&x->answer, n->alone ? "" : "]");
}
