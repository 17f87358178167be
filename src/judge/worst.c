/* worst.c - the pairs with the lowest margins. */
#include "judge/worst.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"

#include <string.h>

enum { COMMON_LEAST = 80, WORD_MOST = 60 };
#define ELLIPSIS "\xe2\x80\xa6"

/* ---- texts ---- */

/* "role: content", one paragraph per message. */
static void add_messages(gd_buf *b, const json_t *list)
{
    const json_t *message;
    size_t i;

    json_array_foreach(list, i, message) {
        const json_t *role = json_object_get(message, "role");
        const json_t *content = json_object_get(message, "content");

        gd_buf_str(b, i ? "\n\n" : "");
        gd_buf_bytes(b, json_string_value(role), json_string_length(role));
        gd_buf_str(b, ": ");
        gd_buf_bytes(b, json_string_value(content), json_string_length(content));
    }
}

static bool is_message(const json_t *value)
{
    return json_is_string(json_object_get(value, "role")) && json_is_string(json_object_get(value, "content"));
}

static bool are_messages(const json_t *value)
{
    const json_t *message;
    size_t i;

    json_array_foreach(value, i, message) {
        if (!is_message(message))
            return false;
    }
    return json_array_size(value) > 0;
}

static void add_value(gd_buf *b, const json_t *value)
{
    if (json_is_string(value))
        gd_buf_bytes(b, json_string_value(value), json_string_length(value));
    else if (are_messages(value))
        add_messages(b, value);
    else if (value)
        gd_json_put(b, value, JSON_COMPACT | JSON_ENCODE_ANY);
}

static bool is_inside(char c) { return ((unsigned char)c & 0xc0) == 0x80; } /* of a character */

/* The length of the common beginning in bytes, cut at the start of a word if one is near; 0 if it is too short. */
static size_t common_beginning(const gd_buf *a, const gd_buf *b)
{
    const size_t most = a->len < b->len ? a->len : b->len;
    size_t len = 0, word;

    while (len < most && a->data[len] == b->data[len])
        len++;
    while (len > 0 && len < a->len && is_inside(a->data[len]))
        len--;
    for (word = len; word > 0 && len - word < WORD_MOST && a->data[word - 1] != ' ' && a->data[word - 1] != '\n';)
        word--;
    if (word > 0 && (a->data[word - 1] == ' ' || a->data[word - 1] == '\n'))
        len = word;
    return len >= COMMON_LEAST ? len : 0;
}

/* A copy of at most GD_WORST_TEXT bytes, in whole characters; NULL if out of memory. */
static char *cut(const char *text, size_t len, bool keep_end)
{
    size_t from = keep_end && len > GD_WORST_TEXT ? len - GD_WORST_TEXT : 0;
    size_t to = !keep_end && len > GD_WORST_TEXT ? GD_WORST_TEXT : len;
    gd_buf b = { 0 };

    while (from > 0 && from < len && is_inside(text[from]))
        from++;
    while (to < len && to > 0 && is_inside(text[to]))
        to--;
    gd_buf_str(&b, from > 0 ? ELLIPSIS : "");
    for (size_t i = from; i < to; i++)
        gd_buf_bytes(&b, text[i] ? &text[i] : "\xef\xbf\xbd", text[i] ? 1 : 3);
    gd_buf_str(&b, to < len ? ELLIPSIS : "");
    if (!gd_buf_cstr(&b))
        gd_buf_free(&b);
    return b.data;
}

static void free_texts(gd_worst_pair *pair)
{
    gd_free(pair->beginning);
    gd_free(pair->chosen);
    gd_free(pair->rejected);
}

static gd_status make_texts(gd_worst_pair *pair, gd_buf *prompt, gd_buf *chosen, gd_buf *rejected, gd_error *err)
{
    size_t common;

    if (!gd_buf_cstr(chosen) || !gd_buf_cstr(rejected)) /* from here on even an empty text has a pointer */
        return gd_fail_memory(err, chosen->len + rejected->len);
    common = common_beginning(chosen, rejected);
    gd_buf_bytes(prompt, chosen->data, common);
    if (!gd_buf_cstr(prompt))
        return gd_fail_memory(err, prompt->len + common);
    pair->beginning = cut(prompt->data, prompt->len, true);
    pair->chosen = cut(chosen->data + common, chosen->len - common, false);
    pair->rejected = cut(rejected->data + common, rejected->len - common, false);
    if (!pair->beginning || !pair->chosen || !pair->rejected)
        return gd_fail_memory(err, GD_WORST_TEXT);
    return GD_OK;
}

/* ---- the list ---- */

bool gd_worst_wants(const gd_worst *worst, float margin)
{
    return worst->count < GD_WORST || margin < worst->list[GD_WORST - 1].margin;
}

/* Removes the last one if the list is full. */
static void insert(gd_worst *worst, const gd_worst_pair *pair)
{
    size_t at = worst->count;

    if (worst->count == GD_WORST)
        free_texts(&worst->list[--at]);
    else
        worst->count++;
    for (; at > 0 && pair->margin < worst->list[at - 1].margin; at--)
        worst->list[at] = worst->list[at - 1];
    worst->list[at] = *pair;
}

gd_status gd_worst_add(gd_worst *worst, gd_worst_pair pair, const json_t *prompt, const json_t *chosen,
                       const json_t *rejected, gd_error *err)
{
    gd_buf before = { 0 }, one = { 0 }, other = { 0 };
    gd_status rc;

    pair.beginning = pair.chosen = pair.rejected = NULL;
    add_value(&before, prompt);
    add_value(&one, chosen);
    add_value(&other, rejected);
    rc = make_texts(&pair, &before, &one, &other, err);
    if (rc)
        free_texts(&pair);
    else
        insert(worst, &pair);
    gd_buf_free(&before);
    gd_buf_free(&one);
    gd_buf_free(&other);
    return rc;
}

void gd_worst_free(gd_worst *worst)
{
    for (size_t i = 0; i < worst->count; i++)
        free_texts(&worst->list[i]);
    worst->count = 0;
}
