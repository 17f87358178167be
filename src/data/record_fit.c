/* record_fit.c - how a prompt and an answer go together.
 *
 * A text goes before a text.  A conversation goes before a conversation, or before a text, which becomes the
 * assistant's turn.  An answer that is a whole conversation may have its prompt beside it, as in UltraFeedback: as the
 * text of one of the user's messages, or as the messages that it begins with.  Then the prompt is left out. */
#include "data/record_inside.h"

#include "base/error.h"
#include "base/mem.h"
#include "data/find.h"

#include <string.h>

static const gd_text user = { "user", 4 }, assistant = { "assistant", 9 }, tool = { "tool", 4 };

/* What to do about a fault, if the item was read from a file. */
static const char *way_out(const gd_reading *r, const char *flags) { return r->entries ? flags : ""; }

static bool same(gd_text a, gd_text b) { return a.len == b.len && (!a.len || !memcmp(a.data, b.data, a.len)); }

bool gd_record_starts(gd_text text, gd_text with)
{
    return text.len >= with.len && (!with.len || !memcmp(text.data, with.data, with.len));
}

bool gd_record_before_holds(const gd_record *record, gd_text part)
{
    return record->count && gd_holds(record->texts[0].before, part);
}

static bool same_calls(const json_t *a, const json_t *b)
{
    return a == b || (a && b && json_equal((json_t *)a, (json_t *)b));
}

bool gd_record_begins(const gd_chat_message *all, size_t count, const gd_chat_message *first, size_t first_count)
{
    if (first_count > count)
        return false;
    for (size_t i = 0; i < first_count; i++)
        if (!same(all[i].role, first[i].role) || !same(all[i].content, first[i].content) ||
            !same_calls(all[i].calls, first[i].calls))
            return false;
    return true;
}

bool gd_record_says(const gd_chat_message *all, size_t count, gd_text text)
{
    bool found = false;

    for (size_t i = 0; i < count; i++)
        found |= same(all[i].role, user) && same(all[i].content, text);
    return found;
}

/* ---- turns that a text holds ---- */

/* Where HelpSteer's prompts of several turns change to the next role. */
static const struct {
    gd_text mark, role;
} changes[] = { { { "\n<extra_id_1>Assistant\n", 23 }, { "assistant", 9 } },
                { { "\n<extra_id_1>User\n", 18 }, { "user", 4 } } };

/* The first turn of a text, which becomes the rest; *next is the role of the rest, if there is one. */
static gd_text first_turn(gd_text *rest, gd_text *next)
{
    const gd_text all = *rest;
    gd_text tail = all;

    for (const char *lf; tail.len && (lf = memchr(tail.data, '\n', tail.len)) != NULL; tail.data++, tail.len--) {
        tail = (gd_text){ lf, all.len - (size_t)(lf - all.data) };
        for (size_t i = 0; i < 2; i++)
            if (gd_record_starts(tail, changes[i].mark)) {
                *next = changes[i].role;
                *rest = (gd_text){ tail.data + changes[i].mark.len, tail.len - changes[i].mark.len };
                return (gd_text){ all.data, (size_t)(lf - all.data) };
            }
    }
    *rest = (gd_text){ all.data, 0 };
    *next = (gd_text){ NULL, 0 };
    return all;
}

/* A prompt that ends with the mark of the assistant has no such turn yet: the answer is it. */
static gd_text without_open_turn(gd_text prompt)
{
    const gd_text mark = changes[0].mark;

    for (size_t len = mark.len; len >= mark.len - 1; len--) /* the last line may lack its end */
        if (prompt.len >= len && !memcmp(prompt.data + prompt.len - len, mark.data, len))
            return (gd_text){ prompt.data, prompt.len - len };
    return prompt;
}

/* Counts the turns of a prompt that is a text, and writes them unless `to` is NULL. */
static size_t prompt_turns(gd_chat_message *to, gd_text prompt)
{
    gd_text role = user, next;
    size_t count = 0;

    prompt = without_open_turn(prompt);
    do {
        const gd_text content = first_turn(&prompt, &next);

        if (to)
            to[count] = (gd_chat_message){ role, content, NULL };
        count++;
        role = next;
    } while (next.data);
    return count;
}

/* Texts that are formatted already, which would be a turn inside a turn. */
static const char *mark_of(gd_text text)
{
    static const char *const marks[] = {
        "\n\nHuman:", "Human:", "<|im_start|>", "<|begin_of_text|>", "<|start_header_id|>", "[INST]",
        "<s>",        "<bos>",  "<extra_id_0>", "<extra_id_1>",      "<start_of_turn>"
    };

    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++)
        if (gd_record_starts(text, (gd_text){ marks[i], strlen(marks[i]) }))
            return marks[i] + strspn(marks[i], "\n");
    return NULL;
}

/* ---- joining ---- */

static size_t turns_of(const gd_record_part *part, bool is_prompt)
{
    if (!part->name)
        return 0;
    if (part->messages)
        return part->count;
    return is_prompt ? prompt_turns(NULL, part->text) : 1;
}

static void put_turns(gd_record_text *to, const gd_record_part *part, bool is_prompt)
{
    gd_chat_message *at = to->messages + to->message_count;
    const size_t count = turns_of(part, is_prompt);

    if (!count)
        return;
    if (part->messages)
        memcpy(at, part->messages, count * sizeof *at);
    else if (is_prompt)
        (void)prompt_turns(at, part->text);
    else
        *at = (gd_chat_message){ assistant, part->text, NULL };
    to->message_count += count;
}

static gd_status join(const gd_reading *r, gd_record_text *to, const gd_record_part *prompt,
                      const gd_record_part *answer)
{
    size_t count;

    if (gd_add(turns_of(prompt, true), turns_of(answer, false), &count))
        to->messages = gd_alloc(count, sizeof *to->messages);
    if (!to->messages)
        return gd_fail_memory(r->err, SIZE_MAX);
    put_turns(to, prompt, true);
    put_turns(to, answer, false);
    return gd_chat_check_answer(to->messages, to->message_count, answer->name, r->why);
}

/* ---- a prompt beside a conversation ---- */

static bool has_user(const gd_record_part *part)
{
    bool found = false;

    for (size_t i = 0; i < part->count; i++)
        found |= same(part->messages[i].role, user);
    return found;
}

static gd_status fit_text(const gd_reading *r, gd_record_text *to, const gd_record_part *prompt,
                          const gd_record_part *answer)
{
    static const gd_record_part none = { 0 };

    if (!prompt->text.len || gd_record_says(answer->messages, answer->count, prompt->text))
        return join(r, to, &none, answer);
    if (has_user(answer))
        return gd_fail(r->why, GD_EFORMAT, "the field \"%s\" is a text that is none of the user's messages in \"%s\"%s",
                       prompt->name, answer->name,
                       way_out(r, "; --fields prompt=_ scores the conversation without it"));
    if (!r->turns)
        return gd_fail(r->why, GD_EFORMAT, "the field \"%s\" is a text and \"%s\" a conversation%s", prompt->name,
                       answer->name, way_out(r, "; --turns on makes the text the user's turn"));
    return join(r, to, prompt, answer);
}

/* The number of messages at the end of the prompt that the answer begins with. */
static size_t overlap(const gd_record_part *prompt, const gd_record_part *answer)
{
    size_t n = prompt->count < answer->count ? prompt->count : answer->count;

    while (n > 0 && !gd_record_begins(answer->messages, answer->count, prompt->messages + prompt->count - n, n))
        n--;
    return n;
}

/* Whether a message of this role can come after a prompt that it does not repeat. */
static bool follows(const gd_record_part *prompt, gd_text role)
{
    const gd_text last = prompt->messages[prompt->count - 1].role;

    return same(last, assistant) || (!same(last, user) && !same(last, tool) && same(role, user));
}

static gd_status fit_conversation(const gd_reading *r, gd_record_text *to, const gd_record_part *prompt,
                                  const gd_record_part *answer)
{
    static const gd_record_part none = { 0 };
    const size_t shared = overlap(prompt, answer);
    const gd_text first = answer->messages[0].role;

    if (shared == prompt->count && (answer->count > shared || !same(first, assistant)))
        return join(r, to, &none, answer);
    if (same(first, assistant) || (!shared && (answer->count == 1 || follows(prompt, first))))
        return join(r, to, prompt, answer);
    if (!shared)
        return gd_fail(r->why, GD_EFORMAT,
                       "\"%s\" begins with a message of the role \"%.*s\", but not with the messages of \"%s\", which "
                       "would come before it%s",
                       answer->name, (int)first.len, first.data, prompt->name,
                       way_out(r, "; --fields prompt=_ scores it without the prompt"));
    return gd_fail(r->why, GD_EFORMAT, "\"%s\" begins with the last message%s of \"%s\", but not with all of them%s",
                   answer->name, shared > 1 ? "s" : "", prompt->name,
                   way_out(r, "; --fields prompt=_ scores it without the prompt"));
}

/* ---- all together ---- */

static gd_status make_turns(const gd_reading *r, gd_record_text *to, const gd_record_part *prompt,
                            const gd_record_part *answer)
{
    if (!prompt->name)
        return gd_fail(r->why, GD_EFORMAT,
                       "the field \"%s\" is a text without a prompt, of which no turns can be made%s", answer->name,
                       way_out(r, "; --turns off scores it as it is"));
    if (mark_of(prompt->text))
        return gd_fail(r->why, GD_EFORMAT, "the field \"%s\" begins with \"%s\": it has turns already%s", prompt->name,
                       mark_of(prompt->text), way_out(r, "; --turns off joins it with the answer"));
    return join(r, to, prompt, answer);
}

gd_status gd_record_fit(const gd_reading *r, gd_record_text *to, const gd_record_part *prompt,
                        const gd_record_part *answer, bool *before)
{
    if (answer->messages && prompt->messages)
        return fit_conversation(r, to, prompt, answer);
    if (answer->messages && prompt->name)
        return fit_text(r, to, prompt, answer);
    if (answer->messages || prompt->messages)
        return join(r, to, prompt, answer);
    if (r->turns)
        return make_turns(r, to, prompt, answer);
    to->text = answer->text;
    *before |= prompt->text.len > 0;
    return GD_OK;
}

/* Whether a text is more than a word, with which answers may begin by chance. */
static bool is_long(gd_text text)
{
    bool found = false;

    for (size_t i = 1; i + 1 < text.len; i++)
        found |= text.data[i] == ' ' || text.data[i] == '\n' || (unsigned char)text.data[i] >= 0x80;
    return found;
}

bool gd_record_repeats(const gd_record_text *text)
{
    return is_long(text->before) && gd_record_starts(text->text, text->before);
}

gd_status gd_record_put_prompt(const gd_reading *r, gd_text prompt)
{
    bool all = r->record->count >= 2;

    gd_record_put_before(r->record, prompt);
    for (size_t i = 0; i < r->record->count; i++)
        all = all && gd_record_repeats(&r->record->texts[i]);
    if (all)
        return gd_fail(r->why, GD_EFORMAT, GD_REPEATED "%s", gd_reading_name(r, "prompt"),
                       way_out(r, "; --fields prompt=_ scores them as they are"));
    r->record->joined = prompt.len > 0;
    return GD_OK;
}
