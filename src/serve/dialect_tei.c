/* dialect_tei.c - Text Embeddings Inference: POST /predict, GET /info, and what its /rerank shares with them. */
#include "base/clock.h"
#include "serve/dialect.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- what its routes share ---- */

static const char *error_type(int status)
{
    return status == 429 ? "Overloaded" : status == 503 ? "Unhealthy" : status >= 424 ? "Backend" : "Validation";
}

void sv_fail_tei(sv_exchange *x, int status, const char *sentence)
{
    x->status = status == 400 ? 422 : status == 500 ? 424 : status;
    gd_buf_str(&x->answer, "{\"error\":");
    sv_put_string(&x->answer, sentence);
    gd_buf_printf(&x->answer, ",\"error_type\":\"%s\"}", error_type(x->status));
}

void sv_fail_shared(sv_exchange *x, bool tei, int status, const char *sentence)
{
    if (tei)
        sv_fail_tei(x, status == 503 ? 429 : status, sentence);
    else
        sv_fail_openai(x, status, sentence);
}

static size_t characters_of_text(gd_text text)
{
    size_t count = 0;

    for (size_t i = 0; i < text.len; i++)
        count += ((unsigned char)text.data[i] & 0xC0) != 0x80; /* it begins a character */
    return count;
}

static size_t characters_of(const gd_part *part)
{
    size_t count = part ? characters_of_text(part->text) : 0;

    for (size_t i = 0; part && i < part->message_count; i++)
        count += characters_of_text(part->messages[i].content);
    return count;
}

/* A question counts with each of its answers, as its tokens do. */
static size_t all_characters(const gd_items *items)
{
    size_t count = 0;

    for (size_t i = 0; i < items->count; i++) {
        const gd_item *item = &items->items[i];

        count += characters_of(item->prompt) * item->part_count;
        for (size_t k = 0; k < item->part_count; k++)
            count += characters_of(&item->parts[k]);
    }
    return count;
}

static void put_milliseconds(sv_exchange *x, const char *name, double seconds)
{
    sv_put_header(x, name, "%" PRIu64, (uint64_t)(1000 * seconds));
}

void sv_put_tei_headers(sv_exchange *x, const sv_scores *all)
{
    const double whole = gd_clock() - x->arrived;

    sv_put_header(x, "x-compute-type", "%s", x->info->compute);
    put_milliseconds(x, "x-compute-time", whole);
    sv_put_header(x, "x-compute-characters", "%zu", all_characters(&x->items));
    sv_put_header(x, "x-compute-tokens", "%zu", all->all_tokens);
    put_milliseconds(x, "x-total-time", whole);
    put_milliseconds(x, "x-tokenization-time", x->times.tokenizing);
    put_milliseconds(x, "x-queue-time", x->times.waiting);
    put_milliseconds(x, "x-inference-time", x->times.computing);
}

bool sv_read_tei(sv_exchange *x, gd_item *like, bool *raw)
{
    static const char *const ways[] = { "left", "right", "Left", "Right", NULL };
    const char *way = "right";
    bool cut = false;

    if (!sv_bool(x, "raw_scores", raw) || !sv_bool(x, "truncate", &cut) ||
        !sv_one_of(x, "truncation_direction", ways, &way))
        return false;
    if (sv_field(x, "truncate"))
        like->truncate = !cut ? "error" : *way == 'l' || *way == 'L' ? "left" : "right";
    return true;
}

/* ---- /predict ---- */

struct state {
    gd_item like;
    bool raw, alone; /* alone: `inputs` is one text or one pair */
};

static bool read_text(sv_exchange *x, const json_t *value, const char *name, const gd_item *like, gd_item *item)
{
    gd_part *part = sv_alloc(x, 1, sizeof *part);

    *item = *like;
    if (!part)
        return sv_refuse_memory(x);
    item->parts = part;
    item->part_count = 1;
    return sv_read_text(x, value, name, &part->text);
}

/* A list of one text, or of a question and its answer. */
static bool read_list(sv_exchange *x, const json_t *list, const char *name, const gd_item *like, gd_item *item)
{
    const size_t count = json_array_size(list);
    gd_part *prompt = sv_alloc(x, 1, sizeof *prompt);
    gd_text question;

    if (!prompt)
        return sv_refuse_memory(x);
    if (count < 1 || count > 2)
        return sv_refuse(x, 400, "%s has %zu elements, but a text, or two for a pair, is expected", name, count);
    if (!read_text(x, json_array_get(list, count - 1), name, like, item))
        return false;
    if (count == 1)
        return true;
    item->prompt = prompt;
    return sv_read_text(x, json_array_get(list, 0), name, &question) && sv_question(x, question, prompt);
}

static bool read_input(sv_exchange *x, const json_t *value, const char *name, const gd_item *like, gd_item *item)
{
    return json_is_array(value) ? read_list(x, value, name, like, item) : read_text(x, value, name, like, item);
}

/* "a" is a text, ["a","b"] one pair, [["a"],["b","c"]] several texts and pairs. */
static bool read_inputs(sv_exchange *x, struct state *s)
{
    const json_t *inputs = sv_field(x, "inputs");
    gd_item *items;

    s->alone = !json_is_array(inputs) || json_is_string(json_array_get(inputs, 0));
    items = sv_items(x, s->alone ? 1 : json_array_size(inputs));
    if (!items)
        return false;
    if (s->alone)
        return read_input(x, inputs, "inputs", &s->like, items);
    for (size_t i = 0; i < x->items.count; i++) {
        const json_t *value = json_array_get(inputs, i);
        char name[40];

        (void)snprintf(name, sizeof name, "inputs[%zu]", i);
        if (!json_is_array(value))
            return sv_refuse(x, 400, "%s is %s, but a list of a text or a pair is expected", name,
                             gd_json_type_name(value));
        if (!read_input(x, value, name, &s->like, &items[i]))
            return false;
    }
    return true;
}

static bool read_predict(sv_exchange *x)
{
    struct state *s = sv_alloc(x, 1, sizeof *s);

    x->state = s;
    if (!s)
        return sv_refuse_memory(x);
    return sv_read_tei(x, &s->like, &s->raw) && read_inputs(x, s);
}

static void write_predict(sv_exchange *x)
{
    const struct state *s = x->state;
    sv_scores all;

    if (!sv_take_scores(x, "inputs", !s->raw, &all))
        return;
    gd_buf_str(&x->answer, s->alone ? "" : "[");
    for (size_t i = 0; i < all.count; i++) {
        gd_buf_printf(&x->answer, "%s[{\"score\":", i ? "," : "");
        gd_buf_json_float(&x->answer, all.scores[i]);
        gd_buf_str(&x->answer, ",\"label\":\"LABEL_0\"}]");
    }
    gd_buf_str(&x->answer, s->alone ? "" : "]");
    sv_put_tei_headers(x, &all);
}

const sv_dialect sv_tei_predict = { "tei_predict", 429, read_predict, write_predict, sv_fail_tei };

/* ---- /info ---- */

static void put_name(gd_buf *out, const char *before, const char *value)
{
    gd_buf_str(out, before);
    sv_put_string(out, value);
}

static void put_names(gd_buf *out, const char *before, const char *const *names, size_t count)
{
    gd_buf_str(out, before);
    for (size_t i = 0; i < count; i++)
        put_name(out, i ? "," : "", names[i]);
    gd_buf_str(out, "]");
}

/* The members of TEI, then those that only Guerdon has. */
static void put_adapters(gd_buf *out, const sv_info *info)
{
    gd_buf_str(out, ",\"adapters\":[");
    for (size_t i = 0; i < info->adapter_count; i++) {
        gd_buf_str(out, i ? "," : "");
        sv_put_string(out, info->adapters[i].name);
    }
    gd_buf_str(out, "]");
}

static void write_info(sv_exchange *x)
{
    const sv_info *info = x->info;
    gd_buf *out = &x->answer;

    put_name(out, "{\"model_id\":", info->name);
    put_name(out, ",\"model_sha\":", info->model_hash);
    put_name(out, ",\"model_dtype\":", !strcmp(info->precision, "fp32") ? "float32" : "bfloat16");
    put_name(out, ",\"served_model_name\":", info->name);
    gd_buf_str(out, ",\"model_type\":{\"reranker\":{\"id2label\":{\"0\":\"LABEL_0\"},\"label2id\":{\"LABEL_0\":0}}}");
    gd_buf_printf(out, ",\"max_input_length\":%zu,\"max_client_batch_size\":%zu", info->max_length, info->max_items);
    put_name(out, ",\"version\":", info->version);
    put_name(out, ",\"numerics\":", info->numerics);
    put_name(out, ",\"adapter_sha\":", info->own.hash);
    put_adapters(out, info);
    put_names(out, ",\"labels\":[", info->label_names, info->label_count);
    gd_buf_printf(out, ",\"conversations\":%s,\"steps\":%s,\"batch_invariant\":true}",
                  info->has_chat ? "true" : "false", info->has_steps ? "true" : "false");
}

const sv_dialect sv_tei_info = { "tei_info", 429, sv_read_nothing, write_info, sv_fail_tei };
