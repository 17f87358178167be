/* scan.c - hand-written matchers for the patterns of GPT-2, Llama 3 and Qwen 2.
 *
 * The alternatives are tried in the order of the pattern; a comment quotes the one that the code below it matches. */
#include "text/scan.h"

#include "base/utf8.h"
#include "text/unicode.h"

#include <stdbool.h>
#include <string.h>

#define MODERN(numbers)                                                                                      \
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|" numbers "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|" \
    "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"

const char gd_pattern_gpt2[] = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

gd_scan *gd_scan_for(const char *pattern)
{
    if (!strcmp(pattern, MODERN("\\p{N}")))
        return gd_scan_qwen2;
    if (!strcmp(pattern, MODERN("\\p{N}{1,3}")))
        return gd_scan_llama3;
    return strcmp(pattern, gd_pattern_gpt2) ? NULL : gd_scan_gpt2;
}

/* The class of the character at `at`, and its length; 0 at the end of the piece. */
static inline uint8_t class_at(const uint8_t *classes, const unsigned char *s, size_t len, size_t at, size_t *n)
{
    *n = 0;
    if (at >= len)
        return 0;
    if (s[at] < 0x80) {
        *n = 1;
        return classes[s[at]];
    }
    return classes[gd_utf8_decode(s + at, n)];
}

/* The end of a run of ASCII letters from `at`, as far as it can be found eight bytes at a time: most words end within
 * eight bytes, and finding the end costs no branch misprediction. */
static inline size_t ascii_letters(const unsigned char *s, size_t len, size_t at)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    const uint64_t ones = 0x0101010101010101u, high = 0x80 * ones;

    while (len - at >= 8) {
        uint64_t eight, low, letters;

        memcpy(&eight, s + at, 8);
        low = (eight | 0x20 * ones) & ~high;
        /* the high bit of each byte: not below 'a', not above 'z', and not part of a longer character */
        letters = (low + (0x80 - 'a') * ones) & ~(low + (0x7F - 'z') * ones) & ~eight & high;
        if (letters != high)
            return at + (size_t)__builtin_ctzll(letters ^ high) / 8;
        at += 8;
    }
#endif
    return at;
}

/* The end of the longest run from `at` of characters whose class has a bit of `some` (any class, if `some` is 0) and
 * none of `none`. */
static inline size_t run(const uint8_t *classes, const unsigned char *s, size_t len, size_t at, uint8_t some,
                         uint8_t none)
{
    size_t n;

    if (some == GD_IS_LETTER)
        at = ascii_letters(s, len, at);
    while (at < len) {
        const uint8_t c = class_at(classes, s, len, at, &n);

        if ((c & none) || (some && !(c & some)))
            break;
        at += n;
    }
    return at;
}

/* At an apostrophe: 's 't 're 've 'm 'll 'd, with `fold` in capitals too; returns its length or 0. U+017F, the long s,
 * matches s in a pattern that ignores case. */
static size_t contraction(const unsigned char *s, size_t len, size_t at, bool fold)
{
    const unsigned lower = fold ? 0x20 : 0;
    unsigned char a, b;

    if (len - at < 2)
        return 0;
    a = (unsigned char)(s[at + 1] | lower);
    b = len - at > 2 ? (unsigned char)(s[at + 2] | lower) : 0;
    if (a == 's' || a == 't' || a == 'm' || a == 'd')
        return 2;
    if (((a == 'r' || a == 'v') && b == 'e') || (a == 'l' && b == 'l'))
        return 3;
    return fold && len - at > 2 && s[at + 1] == 0xC5 && s[at + 2] == 0xBF ? 3 : 0;
}

/* \s+(?!\S)|\s+ - a run of spaces, without its last character if text follows, unless it is the only one. */
static size_t spaces(const uint8_t *classes, const unsigned char *s, size_t len, size_t at)
{
    const size_t end = run(classes, s, len, at, GD_IS_SPACE, 0);
    size_t last = end;

    if (end == len)
        return end;
    do
        last--;
    while ((s[last] & 0xC0) == 0x80);
    return last > at ? last : end;
}

size_t gd_scan_gpt2(const uint8_t *classes, const unsigned char *s, size_t len, size_t at)
{
    const size_t short_form = s[at] == '\'' ? contraction(s, len, at, false) : 0;
    const size_t word = at + (s[at] == ' '); /* " ?" of the next three */
    size_t n;
    uint8_t c;

    if (short_form)
        return at + short_form;
    c = class_at(classes, s, len, word, &n);
    if (c & GD_IS_LETTER) /* " ?\p{L}+" */
        return run(classes, s, len, word, GD_IS_LETTER, 0);
    if (c & GD_IS_NUMBER) /* " ?\p{N}+" */
        return run(classes, s, len, word, GD_IS_NUMBER, 0);
    if (n && !(c & GD_IS_SPACE)) /* " ?[^\s\p{L}\p{N}]+" */
        return run(classes, s, len, word, 0, GD_IS_SPACE | GD_IS_LETTER | GD_IS_NUMBER);
    return spaces(classes, s, len, at);
}

/* What follows the numbers in the pattern: " ?[^\s\p{L}\p{N}]+[\r\n]*", "\s*[\r\n]+", and the spaces. */
static size_t modern_rest(const uint8_t *classes, const unsigned char *s, size_t len, size_t at)
{
    const size_t sign = at + (s[at] == ' ');
    size_t n, end;

    if (sign < len && !(class_at(classes, s, len, sign, &n) & (GD_IS_SPACE | GD_IS_LETTER | GD_IS_NUMBER))) {
        end = run(classes, s, len, sign, 0, GD_IS_SPACE | GD_IS_LETTER | GD_IS_NUMBER);
        return run(classes, s, len, end, GD_IS_NEWLINE, 0);
    }
    end = run(classes, s, len, at, GD_IS_SPACE, 0);
    while (end > at && s[end - 1] != '\n' && s[end - 1] != '\r') /* back to the last newline of the run */
        end--;
    return end > at ? end : spaces(classes, s, len, at);
}

/* most: the number of digits that one match may take. */
static inline size_t modern(const uint8_t *classes, const unsigned char *s, size_t len, size_t at, int most)
{
    const size_t short_form = s[at] == '\'' ? contraction(s, len, at, true) : 0;
    size_t n, after;
    uint8_t c;

    if (short_form)
        return at + short_form;
    c = class_at(classes, s, len, at, &n);
    if (c & GD_IS_LETTER) /* "[^\r\n\p{L}\p{N}]?\p{L}+" without the first part */
        return run(classes, s, len, at, GD_IS_LETTER, 0);
    if (c & GD_IS_NUMBER) {
        size_t end = at;

        for (int i = 0; i < most && (class_at(classes, s, len, end, &n) & GD_IS_NUMBER); i++)
            end += n;
        return end;
    }
    if (!(c & GD_IS_NEWLINE) && (class_at(classes, s, len, at + n, &after) & GD_IS_LETTER))
        return run(classes, s, len, at + n, GD_IS_LETTER, 0);
    return modern_rest(classes, s, len, at);
}

size_t gd_scan_qwen2(const uint8_t *classes, const unsigned char *s, size_t len, size_t at)
{
    return modern(classes, s, len, at, 1);
}

size_t gd_scan_llama3(const uint8_t *classes, const unsigned char *s, size_t len, size_t at)
{
    return modern(classes, s, len, at, 3);
}
