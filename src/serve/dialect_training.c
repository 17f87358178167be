/* dialect_training.c - what RL trainers ask for: POST /get_reward as OpenRLHF does, and POST /rm as slime does.
 *
 * Both send texts that a chat template made, with the special tokens in them: none are added. */
#include "serve/dialect.h"

/* ---- OpenRLHF ---- */

static bool read_queries(sv_exchange *x)
{
    const gd_item like = { .plain = 1 };
    const json_t *list;
    sv_parts parts = { 0 };

    return sv_list(x, "query", &list) && sv_read_elements(x, list, "query", &parts) && sv_items_of(x, &parts, &like);
}

static void write_rewards(sv_exchange *x)
{
    static const char *const names[] = { "{\"rewards\":", ",\"scores\":", ",\"extra_logs\":{\"dummy_scores\":" };
    sv_scores all;

    if (!sv_take_scores(x, "query", false, &all))
        return;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        gd_buf_str(&x->answer, names[i]);
        gd_buf_json_floats(&x->answer, all.scores, all.count);
    }
    gd_buf_str(&x->answer, "}}");
}

const sv_dialect sv_openrlhf = { "openrlhf", 503, read_queries, write_rewards, sv_fail_detail };

/* ---- slime ---- */

/* A prompt that is a conversation makes a record, whose reader knows all forms of messages. */
static bool read_conversation(sv_exchange *x, gd_item *item)
{
    json_t *record = json_pack("{s:O,s:O}", "prompt", sv_field(x, "prompt"), "response", sv_field(x, "response"));
    bool ok;

    if (!record)
        return sv_refuse_memory(x);
    ok = sv_record(x, record, "the conversation", item);
    json_decref(record);
    return ok;
}

static bool read_texts(sv_exchange *x, gd_item *item)
{
    gd_part *parts = sv_alloc(x, 2, sizeof *parts);

    if (!parts)
        return sv_refuse_memory(x);
    if (!sv_read_text(x, sv_field(x, "prompt"), "prompt", &parts[0].text))
        return false;
    parts[1].text = (gd_text){ json_string_value(sv_field(x, "response")),
                               json_string_length(sv_field(x, "response")) };
    *item = (gd_item){ .plain = 1, .prompt = &parts[0], .parts = &parts[1], .part_count = 1 };
    return true;
}

static bool read_sample(sv_exchange *x)
{
    gd_text response;
    gd_item *item;

    if (!sv_read_text(x, sv_field(x, "response"), "response", &response))
        return false;
    item = sv_items(x, 1);
    if (!item)
        return false;
    return json_is_array(sv_field(x, "prompt")) ? read_conversation(x, item) : read_texts(x, item);
}

static void write_reward(sv_exchange *x)
{
    sv_scores all;

    if (sv_take_scores(x, "the sample", false, &all))
        gd_buf_json_float(&x->answer, all.scores[0]);
}

const sv_dialect sv_slime = { "slime", 503, read_sample, write_reward, sv_fail_detail };
