/* added.c - finding added tokens in text. */
#include "text/added.h"

#include "base/mem.h"
#include "base/utf8.h"
#include "text/unicode.h"

#include <string.h>

void gd_added_free(gd_added *added)
{
    for (size_t i = 0; i < added->count; i++)
        gd_free(added->tokens[i].own);
    gd_added_list_free(&added->list);
    gd_free(added->tokens);
    gd_free(added->by_id);
    gd_free(added->raw.sorted);
    gd_free(added->normalized.sorted);
    *added = (gd_added){ 0 };
}

const gd_added_token *gd_added_by_content(const gd_added *added, const char *content, size_t len)
{
    size_t first = 0, end = added->count;

    while (first < end) {
        const gd_added_token *token = &added->tokens[first + (end - first) / 2];
        int order = memcmp(token->content, content, token->len < len ? token->len : len);

        if (order == 0)
            order = (token->len > len) - (token->len < len);
        if (order == 0)
            return token;
        if (order < 0)
            first = (size_t)(token - added->tokens) + 1;
        else
            end = (size_t)(token - added->tokens);
    }
    return NULL;
}

const gd_added_token *gd_added_by_id(const gd_added *added, uint32_t id)
{
    size_t first = 0, end = added->count;

    while (first < end) {
        const size_t mid = first + (end - first) / 2;

        if (added->by_id[mid]->id == id)
            return added->by_id[mid];
        if (added->by_id[mid]->id < id)
            first = mid + 1;
        else
            end = mid;
    }
    return NULL;
}

/* The longest pattern that is at s, or NULL: the sorted list is narrowed byte by byte. */
static const gd_added_pattern *longest_at(const gd_added_set *set, const unsigned char *s, size_t len)
{
    const gd_added_pattern *found = NULL;
    size_t low = set->begin[s[0]], high = set->begin[s[0] + 1];

    for (size_t depth = 1; low < high; depth++) {
        size_t first, end;

        if (set->sorted[low].len == depth) /* a pattern sorts before those that begin with it */
            found = &set->sorted[low++];
        if (depth == len)
            break;
        for (first = low, end = high; first < end;) {
            const size_t mid = first + (end - first) / 2;

            if ((unsigned char)set->sorted[mid].s[depth] < s[depth])
                first = mid + 1;
            else
                end = mid;
        }
        low = first;
        for (end = high; first < end;) {
            const size_t mid = first + (end - first) / 2;

            if ((unsigned char)set->sorted[mid].s[depth] <= s[depth])
                first = mid + 1;
            else
                end = mid;
        }
        high = first;
    }
    return found;
}

static uint8_t class_before(const uint8_t *classes, const unsigned char *s, size_t at, size_t *start)
{
    size_t n;

    do
        at--;
    while (at > 0 && (s[at] & 0xC0) == 0x80);
    *start = at;
    return classes[gd_utf8_decode(s + at, &n)];
}

/* True if a word character touches the match: there, a token with single_word does not match. */
static bool inside_word(const uint8_t *classes, const unsigned char *s, size_t len, size_t from, size_t to)
{
    size_t n;

    return (from > 0 && (class_before(classes, s, from, &n) & GD_IS_WORD)) ||
           (to < len && (classes[gd_utf8_decode(s + to, &n)] & GD_IS_WORD));
}

static size_t strip_left(const uint8_t *classes, const unsigned char *s, size_t from, size_t done)
{
    size_t start;

    while (from > done && (class_before(classes, s, from, &start) & GD_IS_STRIP))
        from = start;
    return from;
}

static size_t strip_right(const uint8_t *classes, const unsigned char *s, size_t len, size_t to)
{
    size_t n;

    while (to < len && (classes[gd_utf8_decode(s + to, &n)] & GD_IS_STRIP))
        to += n;
    return to;
}

bool gd_added_find(const gd_added_set *set, const uint8_t *classes, const unsigned char *s, size_t len,
                   gd_added_search *search, gd_added_match *match)
{
    if (set->count == 0)
        return false;
    while (search->at < len) {
        const unsigned char *hit = s + search->at;
        const gd_added_pattern *pattern;
        const gd_added_token *token;
        size_t from;

        if (set->one_byte)
            hit = memchr(hit, set->first, len - search->at);
        from = search->at = hit ? (size_t)(hit - s) : len;
        if (!hit)
            break;
        if (set->begin[s[from]] == set->begin[s[from] + 1] || !(pattern = longest_at(set, s + from, len - from))) {
            search->at++;
            continue;
        }
        token = pattern->token;
        search->at = from + pattern->len;
        if (set->split_special && token->special)
            continue;
        if (token->single_word && inside_word(classes, s, len, from, search->at))
            continue;
        match->from = token->lstrip ? strip_left(classes, s, from, search->done) : from;
        match->to = token->rstrip ? strip_right(classes, s, len, search->at) : search->at;
        match->id = token->id;
        search->done = match->to;
        return true;
    }
    return false;
}
