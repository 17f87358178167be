/* json_span.c - finds the members of a JSON object in its text. */
#include "base/json_span.h"

#include "base/utf8.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

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

bool gd_json_span_item(gd_text *at, gd_text *value)
{
    const char *end = at->data + at->len, *p = at->len ? skip_space(at->data, end) : end, *begin;

    if (p < end && (*p == '[' || *p == ','))
        p = skip_space(p + 1, end);
    if (p == end || *p == ']')
        return false;
    begin = p;
    p = skip_value(begin, end);
    *value = (gd_text){ begin, (size_t)(p - begin) };
    *at = (gd_text){ p, (size_t)(end - p) };
    return p > begin;
}

/* Four hexadecimal digits, which valid JSON has after \\u. */
static uint32_t hex4(const char *p)
{
    const char digits[] = { p[0], p[1], p[2], p[3], '\0' };

    return (uint32_t)strtoul(digits, NULL, 16);
}

const char *gd_json_span_unescape(const char *p, const char *end, unsigned char utf8[4], size_t *len)
{
    static const char names[] = "bfnrt", values[] = "\b\f\n\r\t";
    const char *name;
    uint32_t code;

    if (p >= end)
        return NULL;
    name = *p ? strchr(names, *p) : NULL;
    if (*p != 'u') {
        utf8[0] = (unsigned char)(name ? values[name - names] : *p);
        *len = 1;
        return p + 1;
    }
    if (end - p < 5)
        return NULL;
    code = hex4(p + 1);
    p += 5;
    if (code >= 0xD800 && code < 0xE000) {
        const uint32_t low = end - p >= 6 && p[0] == '\\' && p[1] == 'u' ? hex4(p + 2) : 0;

        if (code >= 0xDC00 || low < 0xDC00 || low > 0xDFFF)
            return NULL;
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
        p += 6;
    }
    *len = gd_utf8_encode(code, utf8);
    return p;
}

bool gd_json_span_is(gd_text name, const char *wanted)
{
    const char *p = name.data, *end = p + name.len;
    size_t left = strlen(wanted);

    while (p < end) {
        unsigned char utf8[4] = { (unsigned char)*p };
        size_t len = 1;

        p = *p == '\\' && p + 1 < end ? gd_json_span_unescape(p + 1, end, utf8, &len) : p + 1;
        if (!p || len > left || memcmp(wanted, utf8, len) != 0)
            return false;
        wanted += len;
        left -= len;
    }
    return left == 0;
}

bool gd_json_span_value(gd_text text, const char *key, gd_text *value)
{
    gd_text name;

    while (gd_json_span_next(&text, &name, value))
        if (gd_json_span_is(name, key))
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
