/* dialect_gym.c - NeMo Gym's POST /verify: a request and an answer of OpenAI's Responses become a conversation; and
 * POST /seed_session, which comes before it and begins nothing here. */
#include "serve/dialect.h"

#include <stdio.h>
#include <string.h>

/* ---- messages ---- */

static bool is_text_type(const json_t *part)
{
    const char *type = json_string_value(json_object_get(part, "type"));

    return type && (!strcmp(type, "input_text") || !strcmp(type, "output_text") || !strcmp(type, "text"));
}

/* A content is a text, or a list of one part that is one; NULL: refused. */
static json_t *content_of(sv_exchange *x, const json_t *message, const char *name)
{
    json_t *content = json_object_get(message, "content"), *part = json_array_get(content, 0);

    if (json_is_string(content))
        return content;
    if (json_array_size(content) == 1 && is_text_type(part) && json_is_string(json_object_get(part, "text")))
        return json_object_get(part, "text");
    (void)sv_refuse(x, 400, "%s: the content is expected to be a string, or a list of one part that is a text", name);
    return NULL;
}

static bool append(sv_exchange *x, json_t *messages, json_t *message)
{
    return json_array_append_new(messages, message) == 0 || sv_refuse_memory(x);
}

static bool add_as(sv_exchange *x, json_t *messages, const char *role, json_t *content)
{
    return append(x, messages, json_pack("{s:s,s:O}", "role", role, "content", content));
}

/* What others call the developer is the system here. */
static bool add(sv_exchange *x, json_t *messages, json_t *role, json_t *content)
{
    if (!strcmp(json_string_value(role), "developer"))
        return add_as(x, messages, "system", content);
    return append(x, messages, json_pack("{s:O,s:O}", "role", role, "content", content));
}

static bool add_message(sv_exchange *x, json_t *messages, const json_t *message, const char *name)
{
    const char *type = json_string_value(json_object_get(message, "type"));
    json_t *role = json_object_get(message, "role");
    json_t *content;

    if (type && !strcmp(type, "reasoning"))
        return true;
    if (type && strcmp(type, "message") != 0)
        return sv_refuse(x, 400, "%s is of the type \"%.60s\", but only messages and reasoning can be scored", name,
                         type);
    if (!json_is_string(role))
        return sv_refuse(x, 400, "%s has no role", name);
    content = content_of(x, message, name);
    return content && add(x, messages, role, content);
}

static bool add_list(sv_exchange *x, json_t *messages, const json_t *list, const char *field)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        char name[80];

        (void)snprintf(name, sizeof name, "%s[%zu]", field, i);
        if (!add_message(x, messages, json_array_get(list, i), name))
            return false;
    }
    return true;
}

/* ---- the request ---- */

/* Turns of the conversation that are not in the body, or not in words. */
static bool refuse_params(sv_exchange *x, const json_t *params)
{
    static const sv_unserved unserved[] = {
        { "tools", "only messages are scored" },
        { "prompt", "the template is not in the request" },
        { "conversation", "its turns are not in the request" },
        { "previous_response_id", "its turns are not in the request" },
    };

    for (size_t i = 0; i < sizeof unserved / sizeof unserved[0]; i++) {
        const json_t *value = json_object_get(params, unserved[i].field);

        if (value && !gd_json_nothing(value))
            return sv_refuse(x, 400, "responses_create_params.%s can't be served: %s", unserved[i].field,
                             unserved[i].reason);
    }
    return true;
}

static bool add_instructions(sv_exchange *x, json_t *messages, json_t *instructions)
{
    if (!instructions || json_is_null(instructions))
        return true;
    if (!json_is_string(instructions))
        return sv_refuse(x, 400, "responses_create_params.instructions is %s, but a string is expected",
                         gd_json_type_name(instructions));
    return add_as(x, messages, "system", instructions);
}

static bool add_request(sv_exchange *x, json_t *messages)
{
    const json_t *params = sv_field(x, "responses_create_params");
    json_t *input = json_object_get(params, "input");

    if (!refuse_params(x, params) || !add_instructions(x, messages, json_object_get(params, "instructions")))
        return false;
    if (json_is_string(input))
        return add_as(x, messages, "user", input);
    if (json_is_array(input))
        return add_list(x, messages, input, "responses_create_params.input");
    return sv_refuse(x, 400, "responses_create_params.input is %s, but a string or a list of messages is expected",
                     input ? gd_json_type_name(input) : "missing");
}

static bool add_answer(sv_exchange *x, json_t *messages)
{
    const json_t *output = json_object_get(sv_field(x, "response"), "output");
    const size_t before = json_array_size(messages);

    if (!json_is_array(output))
        return sv_refuse(x, 400, "response.output is %s, but a list is expected",
                         output ? gd_json_type_name(output) : "missing");
    return add_list(x, messages, output, "response.output") &&
           (json_array_size(messages) > before || sv_refuse(x, 400, "response.output has no message to score"));
}

static bool read_body(sv_exchange *x)
{
    json_t *record = json_pack("{s:[]}", "messages");
    json_t *messages = json_object_get(record, "messages");
    gd_item *item = sv_items(x, 1);
    bool ok;

    ok = item && (record || sv_refuse_memory(x)) && add_request(x, messages) && add_answer(x, messages) &&
         sv_record(x, record, "the conversation", item);
    if (ok && gd_json_has_odd(x->body))
        ok = sv_refuse(x, 400, "the body has NaN, Infinity, a number too large or half of a surrogate pair in it");
    json_decref(record);
    return ok;
}

/* ---- the answer: the request, with the reward ---- */

static void write_answer(sv_exchange *x)
{
    const char *key;
    json_t *value;
    sv_scores all;

    if (!sv_take_scores(x, "the conversation", false, &all))
        return;
    gd_buf_str(&x->answer, "{");
    json_object_foreach(x->body, key, value) {
        if (!strcmp(key, "reward"))
            continue;
        sv_put_string(&x->answer, key);
        gd_buf_str(&x->answer, ":");
        gd_json_put(&x->answer, value, JSON_COMPACT | JSON_ENCODE_ANY);
        gd_buf_str(&x->answer, ",");
    }
    gd_buf_str(&x->answer, "\"reward\":");
    gd_buf_json_float(&x->answer, all.scores[0]);
    gd_buf_str(&x->answer, "}");
}

const sv_dialect sv_gym = { "nemo_gym", 503, read_body, write_answer, sv_fail_detail };

/* ---- /seed_session ---- */

static bool read_seed(sv_exchange *x)
{
    (void)x;
    return true;
}

static void write_seed(sv_exchange *x) { gd_buf_str(&x->answer, "{}"); }

const sv_dialect sv_gym_seed = { "nemo_gym_seed", 503, read_seed, write_seed, sv_fail_detail };
