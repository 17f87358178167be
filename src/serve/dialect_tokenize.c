/* dialect_tokenize.c - POST /tokenize: the ids of texts, as they would be scored, and the tokens that these stand for:
 * TEI's if the body has "inputs", else vLLM's. */
#include "serve/dialect.h"

#include <inttypes.h>
#include <stdio.h>

struct state {
    bool plain;      /* no special tokens are added */
    bool with_texts; /* of vLLM: tokens as well as ids */
    gd_part *parts;  /* one of each item */
};

static bool is_tei(const sv_exchange *x) { return sv_field(x, "inputs") != NULL; }

/* ---- the request ---- */

static bool make_items(sv_exchange *x, struct state *s, size_t count)
{
    gd_item *items = sv_items(x, count);

    if (!items)
        return false;
    s->parts = sv_alloc(x, count, sizeof *s->parts);
    if (!s->parts)
        return sv_refuse_memory(x);
    for (size_t i = 0; i < count; i++)
        items[i] = (gd_item){ .parts = &s->parts[i], .part_count = 1, .plain = s->plain, .ids_only = 1 };
    return true;
}

static bool read_tei(sv_exchange *x, struct state *s)
{
    static const sv_unserved unserved[] = {
        { "prompt_name", "the model has no prompts with names" },
        { NULL, NULL },
    };
    static const char *const others[] = { "prompt", NULL };
    const json_t *inputs = sv_field(x, "inputs");

    if (!sv_refuse_beside(x, "inputs", others) || !sv_refuse_fields(x, unserved))
        return false;
    if (!json_is_array(inputs))
        return make_items(x, s, 1) && sv_read_text(x, inputs, "inputs", &s->parts->text);
    if (!make_items(x, s, json_array_size(inputs)))
        return false;
    for (size_t i = 0; i < json_array_size(inputs); i++) {
        char name[40];

        (void)snprintf(name, sizeof name, "inputs[%zu]", i);
        if (!sv_read_text(x, json_array_get(inputs, i), name, &s->parts[i].text))
            return false;
    }
    return true;
}

static bool read_vllm(sv_exchange *x, struct state *s)
{
    static const sv_unserved unserved[] = {
        { "messages", "only a text becomes ids here" },
        { NULL, NULL },
    };

    return sv_refuse_fields(x, unserved) && sv_bool(x, "return_token_strs", &s->with_texts) && sv_read_model(x) &&
           make_items(x, s, 1) && sv_read_text(x, sv_field(x, "prompt"), "prompt", &s->parts->text);
}

static bool read_body(sv_exchange *x)
{
    struct state *s = sv_alloc(x, 1, sizeof *s);
    bool special = true;

    x->state = s;
    if (!s)
        return sv_refuse_memory(x);
    if (!sv_bool(x, "add_special_tokens", &special))
        return false;
    s->plain = !special;
    return is_tei(x) ? read_tei(x, s) : read_vllm(x, s);
}

/* ---- the answer ---- */

static bool look_up(sv_exchange *x, uint32_t id, gd_text *token, int *special)
{
    const size_t adapter = sv_adapter_of(x)->number;
    gd_error err = { GD_OK, "" };

    return !x->info->token(x->info->model, adapter, id, token, special, &err) || sv_refuse(x, 500, "%s", err.text);
}

static bool put_vllm(sv_exchange *x, const struct state *s, const uint32_t *ids, size_t count)
{
    gd_buf_printf(&x->answer, "{\"count\":%zu,\"max_model_len\":%zu,\"tokens\":[", count, x->info->max_length);
    for (size_t i = 0; i < count; i++)
        gd_buf_printf(&x->answer, "%s%" PRIu32, i ? "," : "", ids[i]);
    gd_buf_str(&x->answer, s->with_texts ? "],\"token_strs\":[" : "],\"token_strs\":null");
    for (size_t i = 0; s->with_texts && i < count; i++) {
        gd_text token;

        if (!look_up(x, ids[i], &token, NULL))
            return false;
        gd_buf_str(&x->answer, i ? "," : "");
        gd_buf_json_string(&x->answer, token.data, token.len);
    }
    gd_buf_str(&x->answer, s->with_texts ? "]}" : "}");
    return true;
}

/* TEI knows no place of a token that it adds, and then gives its content; we know none of the others either. */
static bool put_tei(sv_exchange *x, const uint32_t *ids, size_t count)
{
    gd_buf_str(&x->answer, "[");
    for (size_t i = 0; i < count; i++) {
        gd_text token;
        int special;

        if (!look_up(x, ids[i], &token, &special))
            return false;
        gd_buf_printf(&x->answer, "%s{\"id\":%" PRIu32 ",\"text\":", i ? "," : "", ids[i]);
        gd_buf_json_string(&x->answer, token.data, token.len);
        gd_buf_printf(&x->answer, ",\"special\":%s,\"start\":null,\"stop\":null}", special ? "true" : "false");
    }
    gd_buf_str(&x->answer, "]");
    return true;
}

static bool check_result(sv_exchange *x, size_t i)
{
    const gd_item_result *result = &x->items.results[i];
    const char *why = result->error ? result->error : "it has more tokens than are allowed";

    if (!result->status && !result->dropped && result->count == 1)
        return true;
    if (x->items.count > 1)
        return sv_refuse(x, sv_item_status(result), "inputs[%zu]: %s", i, why);
    return sv_refuse(x, sv_item_status(result), "%s: %s", is_tei(x) ? "inputs" : "prompt", why);
}

static void write_answer(sv_exchange *x)
{
    const struct state *s = x->state;

    gd_buf_str(&x->answer, is_tei(x) ? "[" : "");
    for (size_t i = 0; i < x->items.count; i++) {
        const gd_item_result *result = &x->items.results[i];

        if (!check_result(x, i))
            return;
        gd_buf_str(&x->answer, i ? "," : "");
        if (!(is_tei(x) ? put_tei(x, result->ids[0], result->tokens[0])
                        : put_vllm(x, s, result->ids[0], result->tokens[0])))
            return;
    }
    gd_buf_str(&x->answer, is_tei(x) ? "]" : "");
}

static void fail(sv_exchange *x, int status, const char *sentence) { sv_fail_shared(x, is_tei(x), status, sentence); }

const sv_dialect sv_tokenize = { "tokenize", 503, read_body, write_answer, fail };
