/* preference.c - makes preference pairs from ranked answers. */
#include "judge/preference.h"

#include "base/json.h"

#include <string.h>

const char *const gd_preference_names[] = { "prompt", "score_chosen", "score_rejected", "score_margin", NULL };

bool gd_can_put(const gd_record *record, size_t count)
{
    bool can = !gd_json_has_odd(gd_record_prompt(record));

    for (size_t i = 0; i < count && can; i++)
        can = !gd_json_has_odd(gd_record_answer_of(record, i));
    return can;
}

void gd_put_json(gd_buf *out, const json_t *value, gd_text written)
{
    if (written.data)
        gd_buf_bytes(out, written.data, written.len);
    else if (json_is_string(value))
        gd_buf_json_string(out, json_string_value(value), json_string_length(value));
    else
        gd_json_put(out, value, JSON_COMPACT | JSON_ENCODE_ANY);
}

/* A prompt or an answer; a single message becomes a list, which trainers expect. */
static void put_part(gd_buf *out, const json_t *part, gd_text written)
{
    gd_buf_str(out, json_is_object(part) ? "[" : "");
    gd_put_json(out, part, written);
    gd_buf_str(out, json_is_object(part) ? "]" : "");
}

static bool is_conversation(const json_t *part) { return json_is_array(part) || json_is_object(part); }

/* A text that answers a conversation becomes an assistant turn, since trainers expect both in the same form. */
static void put_answer(gd_buf *out, const json_t *prompt, const json_t *answer, gd_text written)
{
    const bool turn = is_conversation(prompt) && json_is_string(answer);

    gd_buf_str(out, turn ? "[{\"role\":\"assistant\",\"content\":" : "");
    put_part(out, answer, written);
    gd_buf_str(out, turn ? "}]" : "");
}

static void put_score(gd_buf *out, const char *name, float score)
{
    gd_buf_printf(out, ",\"%s\":", name);
    gd_buf_json_float(out, score);
}

/* ---- answers that repeat the prompt ---- */

/* Of a message in either of the forms that messages have; the records were read, so it is well formed. */
static const json_t *content_of(const json_t *message)
{
    const json_t *content = json_object_get(message, gd_json_has(message, "role") ? "content" : "value");

    return json_is_array(content) ? json_object_get(json_array_get(content, 0), "text") : content;
}

static const char *role_of(const json_t *message)
{
    const char *role = json_string_value(json_object_get(message, gd_json_has(message, "role") ? "role" : "from"));

    if (role && !strcmp(role, "human"))
        return "user";
    return !role ? "" : strcmp(role, "gpt") ? role : "assistant";
}

static bool is_same(const json_t *a, const json_t *b)
{
    return !strcmp(role_of(a), role_of(b)) && json_equal(content_of(a), content_of(b));
}

/* Whether a conversation has the text as a message of its user. */
static bool says(const json_t *conversation, const json_t *text)
{
    const json_t *message;
    bool found = false;
    size_t i;

    json_array_foreach(conversation, i, message)
        found |= !strcmp(role_of(message), "user") && json_equal(content_of(message), text);
    return found;
}

/* Whether an answer is a conversation that repeats its prompt, which trainers would put before it once more. */
static bool is_whole(const json_t *prompt, const json_t *answer)
{
    const json_t *first = json_is_object(prompt) ? prompt : json_array_get(prompt, 0);
    bool same = json_array_size(prompt) < json_array_size(answer) && is_same(first, json_array_get(answer, 0));

    for (size_t i = 1; same && i < json_array_size(prompt); i++)
        same = is_same(json_array_get(prompt, i), json_array_get(answer, i));
    if (!json_is_string(prompt))
        return same;
    return says(answer, prompt) || (json_is_array(answer) && !json_string_length(prompt));
}

/* ---- pairs that are written as they were scored ---- */

/* The forms of messages, OpenAI's and ShareGPT's. */
enum { OPENAI = 1, SHAREGPT = 2 };

static unsigned forms_of(const json_t *part)
{
    const json_t *message;
    unsigned forms = 0;
    size_t i;

    if (json_is_object(part))
        return gd_json_has(part, "role") ? OPENAI : SHAREGPT;
    json_array_foreach(part, i, message)
        forms |= forms_of(message);
    return forms;
}

bool gd_preference_needs_texts(const gd_record *record, size_t count)
{
    const json_t *prompt = gd_record_prompt(record);
    const bool first = is_whole(prompt, gd_answer_inside(gd_record_answer_of(record, 0)));
    unsigned forms = forms_of(prompt);
    bool needs = gd_record_system(record) != NULL;

    for (size_t i = 0; i < count; i++) {
        const json_t *answer = gd_answer_inside(gd_record_answer_of(record, i));
        const bool whole = is_whole(prompt, answer);

        needs |= whole != first || (!whole && json_is_string(prompt) && is_conversation(answer));
        forms |= is_conversation(prompt) && json_is_string(answer) ? OPENAI : forms_of(answer);
    }
    return needs || forms == (OPENAI | SHAREGPT);
}

static const gd_record_text *text_of(const gd_record *record, size_t which)
{
    if (record->row_count)
        return record->rows[which].texts;
    return record->texts ? &record->texts[which] : NULL;
}

static void put_messages(gd_buf *out, const gd_record_text *text)
{
    for (size_t i = 0; i < text->message_count; i++) {
        const gd_chat_message *message = &text->messages[i];

        gd_buf_str(out, i ? ",{\"role\":" : "[{\"role\":");
        gd_buf_json_string(out, message->role.data, message->role.len);
        gd_buf_str(out, ",\"content\":");
        gd_buf_json_string(out, message->content.data, message->content.len);
        if (message->calls) {
            gd_buf_str(out, ",\"tool_calls\":");
            gd_json_put(out, message->calls, JSON_COMPACT);
        }
        gd_buf_str(out, "}");
    }
    gd_buf_str(out, "]");
}

/* Adds the two sides as whole conversations, if the record has these. */
static bool put_whole(gd_buf *out, const gd_record *record, size_t chosen, size_t rejected)
{
    const gd_record_text *better = text_of(record, chosen), *worse = text_of(record, rejected);

    if (!better || !worse || !better->messages || !worse->messages)
        return false;
    gd_buf_str(out, ",\"chosen\":");
    put_messages(out, better);
    gd_buf_str(out, ",\"rejected\":");
    put_messages(out, worse);
    return true;
}

static void put_parts(gd_buf *out, const gd_preference *how, const gd_record *record, size_t chosen, size_t rejected)
{
    const json_t *prompt = gd_record_prompt(record);
    const json_t *sides[] = { gd_record_answer_of(record, chosen), gd_record_answer_of(record, rejected) };
    const json_t *better = gd_answer_inside(sides[0]), *worse = gd_answer_inside(sides[1]);

    if (prompt && !(is_whole(prompt, better) && is_whole(prompt, worse))) { /* answers in two lists may have none */
        gd_buf_str(out, ",\"prompt\":");
        put_part(out, prompt, how->written ? how->written->prompt : (gd_text){ NULL, 0 });
    }
    gd_buf_str(out, ",\"chosen\":");
    put_answer(out, prompt, better, gd_as_written_inside(sides[0], gd_as_written_answer(how->written, chosen)));
    gd_buf_str(out, ",\"rejected\":");
    put_answer(out, prompt, worse, gd_as_written_inside(sides[1], gd_as_written_answer(how->written, rejected)));
}

/* Adds one pair, if its margin is large enough; returns how many were added. */
static size_t put_pair(gd_buf *out, const gd_preference *how, const gd_record *record, const float *scores,
                       size_t chosen, size_t rejected)
{
    const float margin = scores[chosen] - scores[rejected];

    if (!(margin > 0) || margin < how->min_margin)
        return 0;
    gd_record_begin_pair(out, record, chosen, rejected);
    if (!put_whole(out, record, chosen, rejected))
        put_parts(out, how, record, chosen, rejected);
    if (gd_record_tools(record)) {
        gd_buf_str(out, ",\"tools\":");
        gd_json_put(out, gd_record_tools(record), JSON_COMPACT);
    }
    put_score(out, "score_chosen", scores[chosen]);
    put_score(out, "score_rejected", scores[rejected]);
    put_score(out, "score_margin", margin);
    gd_buf_str(out, "}\n");
    return 1;
}

/* A number that depends only on the seed and the item (the finaliser of SplitMix64), so that a resumed run draws what
 * the interrupted one would have drawn. */
static uint64_t draw(uint64_t seed, uint64_t index)
{
    uint64_t z = seed + (index + 1) * 0x9E3779B97F4A7C15u;

    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

/* The best answer against a random worse one. */
static size_t put_random(gd_buf *out, const gd_preference *how, const gd_record *record, const gd_ranking *ranking,
                         const float *scores)
{
    const size_t first = ranking->ties ? ranking->ties : 1, worse = ranking->count - first;

    if (worse == 0)
        return 0;
    return put_pair(out, how, record, scores, ranking->order[0],
                    ranking->order[first + draw(how->seed, record->index) % worse]);
}

static size_t put_all(gd_buf *out, const gd_preference *how, const gd_record *record, const gd_ranking *ranking,
                      const float *scores)
{
    size_t count = 0;

    for (size_t better = 0; better < ranking->count; better++)
        for (size_t worse = better + 1; worse < ranking->count; worse++)
            count += put_pair(out, how, record, scores, ranking->order[better], ranking->order[worse]);
    return count;
}

size_t gd_preference_lines(gd_buf *out, const gd_preference *how, const gd_record *record, const gd_ranking *ranking,
                           const float *scores)
{
    switch (how->pairs) {
    case GD_PAIRS_BEST_WORST:
        return put_pair(out, how, record, scores, ranking->order[0], ranking->order[ranking->count - 1]);
    case GD_PAIRS_BEST_RANDOM: return put_random(out, how, record, ranking, scores);
    case GD_PAIRS_ALL: return put_all(out, how, record, ranking, scores);
    case GD_PAIRS_NONE: break;
    }
    return 0;
}
