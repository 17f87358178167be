/* dialect_tokenize.c - vLLM's POST /tokenize: the ids of a text, as it would be scored. */
#include "serve/dialect.h"

#include <inttypes.h>

static const sv_unserved unserved[] = {
    { "messages", "only a text becomes ids here" },
    { "inputs", "this is vLLM's /tokenize, which takes \"prompt\"" },
    { "return_token_strs", "only ids are returned" },
    { NULL, NULL },
};

static bool read_body(sv_exchange *x)
{
    gd_part *part = sv_alloc(x, 1, sizeof *part);
    gd_item like = { .ids_only = 1 }, *item;
    bool special = true;

    if (!part)
        return sv_refuse_memory(x);
    if (!sv_refuse_fields(x, unserved) || !sv_bool(x, "add_special_tokens", &special) || !sv_read_model(x) ||
        !sv_read_text(x, sv_field(x, "prompt"), "prompt", &part->text))
        return false;
    item = sv_items(x, 1);
    if (!item)
        return false;
    like.plain = !special;
    like.parts = part;
    like.part_count = 1;
    *item = like;
    return true;
}

static void write_answer(sv_exchange *x)
{
    const gd_item_result *result = x->items.results;
    const bool whole = !result->status && !result->dropped && result->count == 1;
    const size_t count = whole ? result->tokens[0] : 0;

    if (!whole) {
        (void)sv_refuse(x, sv_item_status(result), "prompt: %s",
                        result->error ? result->error : "it has more tokens than are allowed");
        return;
    }
    gd_buf_printf(&x->answer, "{\"count\":%zu,\"max_model_len\":%zu,\"tokens\":[", count, x->info->max_length);
    for (size_t i = 0; i < count; i++)
        gd_buf_printf(&x->answer, "%s%" PRIu32, i ? "," : "", result->ids[0][i]);
    gd_buf_str(&x->answer, "],\"token_strs\":null}");
}

const sv_dialect sv_tokenize = { "tokenize", 503, read_body, write_answer, sv_fail_openai };
