/* dialect_sglang.c - SGLang's POST /v1/embeddings, where verl reads scores, POST /v1/classify, and its own /classify.
 *
 * All give the score as the model does.  (SGLang's own /v1/classify gives the softmax over the labels, which is 1 for
 * every text where there is one.) */
#include "serve/dialect.h"

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

/* ---- its own /classify, which has "text" or "input_ids" in place of vLLM's "input" ---- */

static const char *native_field(const sv_exchange *x) { return sv_field(x, "input_ids") ? "input_ids" : "text"; }

bool sv_is_sglang_classify(const sv_exchange *x) { return sv_field(x, native_field(x)) != NULL; }

bool sv_read_sglang_classify(sv_exchange *x)
{
    const char *field = native_field(x);
    const gd_item like = { 0 };
    sv_parts *parts = sv_alloc(x, 1, sizeof *parts);

    x->state = parts;
    if (!parts)
        return sv_refuse_memory(x);
    if (sv_field(x, "input_ids") && sv_field(x, "text"))
        return sv_refuse(x, 400, "the fields \"text\" and \"input_ids\" don't go together");
    return sv_refuse_fields(x, unserved) && sv_read_model(x) && sv_read_parts(x, sv_field(x, field), field, parts) &&
           sv_items_of(x, parts, &like);
}

/* One object for one text, a list of them for several. */
void sv_write_sglang_classify(sv_exchange *x)
{
    const sv_parts *parts = x->state;
    sv_scores all;

    if (!sv_take_scores(x, native_field(x), false, &all))
        return;
    gd_buf_str(&x->answer, parts->alone ? "" : "[");
    for (size_t i = 0; i < all.count; i++) {
        gd_buf_str(&x->answer, i ? ",{\"embedding\":" : "{\"embedding\":");
        gd_buf_json_floats(&x->answer, &all.scores[i], 1);
        gd_buf_printf(&x->answer, ",\"meta_info\":{\"prompt_tokens\":%zu}}", all.tokens[i]);
    }
    gd_buf_str(&x->answer, parts->alone ? "" : "]");
}
