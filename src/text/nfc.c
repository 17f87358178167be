/* nfc.c - Unicode normalization form C.
 *
 * Nearly all text is already normalized. So the text is copied unchanged up to the first character that could
 * change (GD_IS_ACTIVE); from the character before that one, with which it could compose, the algorithm of the
 * Unicode standard runs until the next character that can't change, and so on. */
#include "text/nfc.h"

#include "base/mem.h"
#include "base/utf8.h"
#include "text/unicode.h"

#include <string.h>

#define HANGUL 0xAC00u /* 19 leading consonants, 21 vowels, 27 final consonants or none */
#define HANGUL_END 0xD7A4u
#define LEAD 0x1100u
#define VOWEL 0x1161u
#define FINAL 0x11A7u

void gd_nfc_free(gd_nfc *nfc)
{
    gd_buf_free(&nfc->out);
    gd_free(nfc->marks);
    gd_free(nfc->sorted);
    *nfc = (gd_nfc){ 0 };
}

static size_t skip_back(const unsigned char *s, size_t at)
{
    do
        at--;
    while (at > 0 && (s[at] & 0xC0) == 0x80);
    return at;
}

static size_t skip_ascii(const unsigned char *s, size_t len, size_t at)
{
    uint64_t eight;

    for (; len - at >= 8; at += 8) {
        memcpy(&eight, s + at, 8);
        if (eight & 0x8080808080808080u)
            break;
    }
    while (at < len && s[at] < 0x80)
        at++;
    return at;
}

/* The first character from `at` on that is active (or that isn't, if wanted is 0), or len. */
static size_t find(const uint8_t *classes, const unsigned char *s, size_t len, size_t at, uint8_t wanted)
{
    size_t n;

    while (at < len) {
        if (wanted && s[at] < 0xCC) { /* nothing below U+0300 is active */
            at = s[at] < 0x80 ? skip_ascii(s, len, at) : at + 1;
            continue;
        }
        if ((classes[gd_utf8_decode(s + at, &n)] & GD_IS_ACTIVE) == wanted)
            return at;
        at += n;
    }
    return len;
}

/* Appends the full decomposition of c; it has at most 4 characters. */
static size_t decompose(uint32_t c, uint32_t *out)
{
    uint32_t stack[8];
    size_t depth = 0, n = 0;

    if (c >= HANGUL && c < HANGUL_END) {
        const uint32_t s = c - HANGUL;

        out[n++] = LEAD + s / 588;
        out[n++] = VOWEL + s % 588 / 28;
        if (s % 28)
            out[n++] = FINAL + s % 28;
        return n;
    }
    stack[depth++] = c;
    while (depth > 0 && n < 4) {
        uint32_t a, b;

        c = stack[--depth];
        if (!gd_decompose(c, &a, &b)) {
            out[n++] = c;
            continue;
        }
        if (b)
            stack[depth++] = b;
        stack[depth++] = a;
    }
    return n;
}

static uint32_t compose(uint32_t a, uint32_t b)
{
    if (a >= LEAD && a < LEAD + 19 && b >= VOWEL && b < VOWEL + 21)
        return HANGUL + (a - LEAD) * 588 + (b - VOWEL) * 28;
    if (a >= HANGUL && a < HANGUL_END && (a - HANGUL) % 28 == 0 && b > FINAL && b < FINAL + 28)
        return a + (b - FINAL);
    return gd_compose(a, b);
}

/* Sorts a run of marks by class, keeping the order within a class: by counting, so that the time is linear even for a
 * megabyte of marks. */
static void sort_marks(uint32_t *marks, size_t n, uint32_t *sorted)
{
    size_t start[257] = { 0 };

    if (n < 2)
        return;
    for (size_t i = 0; i < n; i++)
        start[(marks[i] >> 24) + 1]++;
    for (size_t i = 1; i < 257; i++)
        start[i] += start[i - 1];
    for (size_t i = 0; i < n; i++)
        sorted[start[marks[i] >> 24]++] = marks[i];
    memcpy(marks, sorted, n * sizeof *marks);
}

/* Decomposes s into nfc->marks, in canonical order; *count is the number of characters. */
static bool decompose_all(gd_nfc *nfc, const unsigned char *s, size_t len, size_t *count)
{
    size_t n = 0, run = 0, bytes;

    for (size_t at = 0; at < len; at += bytes) {
        uint32_t parts[4];
        const size_t more = decompose(gd_utf8_decode(s + at, &bytes), parts);

        if (!gd_grow((void **)&nfc->marks, &nfc->marks_room, n + more, sizeof *nfc->marks) ||
            !gd_grow((void **)&nfc->sorted, &nfc->sorted_room, n + more, sizeof *nfc->sorted))
            return false;
        for (size_t i = 0; i < more; i++) {
            const uint32_t ccc = gd_combining_class(parts[i]);

            if (ccc == 0) {
                sort_marks(nfc->marks + run, n - run, nfc->sorted);
                run = n + 1;
            }
            nfc->marks[n++] = ccc << 24 | parts[i];
        }
    }
    sort_marks(nfc->marks + run, n - run, nfc->sorted);
    *count = n;
    return true;
}

/* Normalizes one stretch and appends it. */
static bool stretch(gd_nfc *nfc, const unsigned char *s, size_t len)
{
    size_t n, kept = 0, starter = SIZE_MAX;
    uint32_t last = 0; /* class of the last mark that didn't compose; 0: none since the starter */

    if (!decompose_all(nfc, s, len, &n))
        return false;
    for (size_t i = 0; i < n; i++) {
        const uint32_t ccc = nfc->marks[i] >> 24, c = nfc->marks[i] & 0xFFFFFF;

        if (starter != SIZE_MAX && (last == 0 || last < ccc)) {
            const uint32_t both = compose(nfc->marks[starter], c);

            if (both) {
                nfc->marks[starter] = both;
                continue;
            }
        }
        if (ccc == 0)
            starter = kept;
        last = ccc;
        nfc->marks[kept++] = c;
    }
    for (size_t i = 0; i < kept; i++) {
        unsigned char utf8[4];

        gd_buf_bytes(&nfc->out, utf8, gd_utf8_encode(nfc->marks[i], utf8));
    }
    return true;
}

bool gd_nfc_run(gd_nfc *nfc, const uint8_t *classes, const char *text, size_t len, const char **out, size_t *out_len)
{
    const unsigned char *s = (const unsigned char *)text;
    size_t done = 0, active = find(classes, s, len, 0, GD_IS_ACTIVE);

    *out = text;
    *out_len = len;
    if (active == len)
        return true;
    gd_buf_clear(&nfc->out);
    while (active < len) {
        const size_t from = active > done ? skip_back(s, active) : active;
        const size_t end = find(classes, s, len, active, 0);

        gd_buf_bytes(&nfc->out, s + done, from - done);
        if (!stretch(nfc, s + from, end - from))
            return false;
        done = end;
        active = find(classes, s, len, end, GD_IS_ACTIVE);
    }
    gd_buf_bytes(&nfc->out, s + done, len - done);
    *out = nfc->out.data;
    *out_len = nfc->out.len;
    return !nfc->out.failed;
}
