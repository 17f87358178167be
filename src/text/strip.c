/* strip.c - strips the ends of texts. */
#include "text/strip.h"

#include "base/utf8.h"

#include <string.h>

static bool is_blank(uint32_t c)
{
    return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

/* Bytes of the whitespace character at the beginning; 0 if there is none. */
static size_t blank_before(gd_text text)
{
    const unsigned char *p = (const unsigned char *)text.data;
    size_t n = gd_utf8_valid_len(p, text.len);

    return n && is_blank(gd_utf8_decode(p, &n)) ? n : 0;
}

/* Bytes of the whitespace character at the end: the longest has three. */
static size_t blank_after(gd_text text)
{
    for (size_t n = 1; n <= 3 && n <= text.len; n++) {
        if (blank_before((gd_text){ text.data + text.len - n, n }) == n)
            return n;
    }
    return 0;
}

gd_text gd_strip(gd_text text)
{
    for (size_t n; (n = blank_before(text)) > 0; text.len -= n)
        text.data += n;
    for (size_t n; (n = blank_after(text)) > 0;)
        text.len -= n;
    return text;
}

gd_text gd_strip_newlines_before(gd_text text)
{
    for (; text.len && *text.data == '\n'; text.len--)
        text.data++;
    return text;
}

gd_text gd_strip_newlines_after(gd_text text)
{
    while (text.len && text.data[text.len - 1] == '\n')
        text.len--;
    return text;
}

static bool stands_at(gd_text text, size_t at, const char *mark, size_t len)
{
    return text.len - at >= len && !memcmp(text.data + at, mark, len);
}

bool gd_find_first(gd_text text, const char *mark, size_t *at)
{
    const size_t len = strlen(mark);

    for (size_t i = 0; i < text.len; i++) {
        const char *p = memchr(text.data + i, *mark, text.len - i);

        if (!p)
            return false;
        i = (size_t)(p - text.data);
        if (stands_at(text, i, mark, len)) {
            *at = i;
            return true;
        }
    }
    return false;
}

bool gd_find_last(gd_text text, const char *mark, size_t *at)
{
    const size_t len = strlen(mark);

    for (size_t i = text.len; i-- > 0;) {
        if (text.data[i] == *mark && stands_at(text, i, mark, len)) {
            *at = i;
            return true;
        }
    }
    return false;
}
