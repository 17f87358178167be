/* json_span.c - finds the members of a JSON object in its text. */
#include "base/json_span.h"

#include <stdlib.h>

static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

static const char *skip_space(const char *p, const char *end)
{
    while (p < end && is_space(*p))
        p++;
    return p;
}

/* The position after the string that begins at p. */
static const char *skip_string(const char *p, const char *end)
{
    for (p++; p < end && *p != '"'; p++)
        p += *p == '\\';
    return p < end ? p + 1 : end;
}

/* The position after the value that begins at p, found by counting brackets outside strings. */
static const char *skip_value(const char *p, const char *end)
{
    size_t depth = 0;

    while (p < end) {
        if (*p == '"') {
            p = skip_string(p, end);
            if (depth == 0)
                return p;
            continue;
        }
        if (depth == 0 && (*p == ',' || *p == '}' || *p == ']' || is_space(*p)))
            return p;
        depth += *p == '{' || *p == '[';
        depth -= *p == '}' || *p == ']';
        p++;
        if (depth == 0 && (p[-1] == '}' || p[-1] == ']'))
            return p;
    }
    return end;
}

bool gd_json_span_next(gd_text *at, gd_text *name, gd_text *value)
{
    const char *end = at->data + at->len, *p = skip_space(at->data, end), *begin;

    if (p < end && (*p == '{' || *p == ','))
        p = skip_space(p + 1, end);
    if (p == end || *p != '"')
        return false;
    begin = p + 1;
    p = skip_string(p, end);
    *name = (gd_text){ begin, p > begin ? (size_t)(p - 1 - begin) : 0 };
    p = skip_space(p, end);
    if (p == end || *p != ':')
        return false;
    begin = skip_space(p + 1, end);
    p = skip_value(begin, end);
    *value = (gd_text){ begin, (size_t)(p - begin) };
    *at = (gd_text){ p, (size_t)(end - p) };
    return true;
}

/* Whether a name, as it is written, is this key of letters, which only \\u can spell in another way. */
static bool is_key(const char *name, const char *end, const char *key)
{
    for (; *key && name < end; key++) {
        unsigned long code = (unsigned char)*name++;

        if (code == '\\' && end - name >= 5 && *name == 'u') {
            const char digits[] = { name[1], name[2], name[3], name[4], '\0' };

            code = strtoul(digits, NULL, 16);
            name += 5;
        }
        if (code != (unsigned char)*key)
            return false;
    }
    return !*key && name == end;
}

bool gd_json_span_value(gd_text text, const char *key, gd_text *value)
{
    gd_text name;

    while (gd_json_span_next(&text, &name, value))
        if (is_key(name.data, name.data + name.len, key))
            return true;
    return false;
}

const char *gd_json_span_end(gd_text text, bool *empty)
{
    const char *end = text.data + text.len, *p;

    while (end > text.data && end[-1] != '}')
        end--;
    if (end == text.data)
        return NULL;
    for (p = end - 1; p > text.data && is_space(p[-1]); p--)
        ;
    *empty = p > text.data && p[-1] == '{' && skip_space(text.data, p) == p - 1;
    return end - 1;
}
