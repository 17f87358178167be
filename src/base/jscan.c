/* jscan.c - walking through JSON text without building a tree. */
#include "base/jscan.h"

#include "base/error.h"
#include "base/utf8.h"

#include <inttypes.h>
#include <string.h>

enum { NOTED_DEPTH = 64 }; /* to which long values inside others are remembered */
#define LONG_VALUE ((size_t)64 << 10)

void gd_jscan_free(gd_jscan *js)
{
    gd_buf_free(&js->unescaped);
    gd_buf_free(&js->open);
}

static const char *path_of(const gd_jscan *js) { return js->path ? js->path : ""; }
static const char *colon(const gd_jscan *js) { return js->path ? ": " : ""; }

/* The line and the character in it, from 1. */
static void find_place(const gd_jscan *js, size_t *line, size_t *column)
{
    *line = *column = 1;
    for (size_t i = 0; i < js->at; i++) {
        if (js->text[i] == '\n') {
            ++*line;
            *column = 1;
        } else {
            *column += ((unsigned char)js->text[i] & 0xC0) != 0x80;
        }
    }
}

gd_status gd_jscan_fail(gd_jscan *js, const char *expected)
{
    size_t line, column;

    js->expected = expected;
    if (js->at >= js->len)
        return gd_fail(js->err, GD_EFORMAT, "%s%snot valid JSON: the text ends where %s is expected", path_of(js),
                       colon(js), expected);
    find_place(js, &line, &column);
    return gd_fail(js->err, GD_EFORMAT, "%s%snot valid JSON at line %zu column %zu: %s is expected", path_of(js),
                   colon(js), line, column, expected);
}

static void skip_space(gd_jscan *js)
{
    while (js->at < js->len) {
        const char c = js->text[js->at];

        if (c != ' ' && c != '\n' && c != '\t' && c != '\r')
            break;
        js->at++;
    }
}

static bool take(gd_jscan *js, char c)
{
    if (js->at >= js->len || js->text[js->at] != c)
        return false;
    js->at++;
    return true;
}

char gd_jscan_peek(gd_jscan *js)
{
    char c;

    skip_space(js);
    c = js->at < js->len ? js->text[js->at] : '\0';
    if (c == '-' || c == 'N' || c == 'I' || (c >= '0' && c <= '9'))
        return '0';
    return c == 'f' ? 't' : c;
}

gd_status gd_jscan_enter(gd_jscan *js, char open, const char *what)
{
    skip_space(js);
    if (take(js, open))
        return GD_OK;
    return gd_fail(js->err, GD_EFORMAT, "%s%s%s is expected to be %s", path_of(js), colon(js), what,
                   open == '{' ? "an object" : "a list");
}

gd_status gd_jscan_next(gd_jscan *js, char open, bool first, bool *more)
{
    skip_space(js);
    *more = !take(js, open == '{' ? '}' : ']');
    if (!*more || first)
        return GD_OK;
    if (!take(js, ','))
        return gd_jscan_fail(js, open == '{' ? "',' or '}'" : "',' or ']'");
    skip_space(js);
    return GD_OK;
}

static bool hex4(gd_jscan *js, uint32_t *value)
{
    *value = 0;
    for (int i = 0; i < 4; i++) {
        static const char digits[] = "0123456789abcdefABCDEF";
        const char *digit = js->at < js->len && js->text[js->at] ? strchr(digits, js->text[js->at]) : NULL;
        size_t v;

        if (!digit)
            return false;
        v = (size_t)(digit - digits);
        *value = *value << 4 | (uint32_t)(v < 16 ? v : v - 6);
        js->at++;
    }
    return true;
}

/* After \\u and the code of a surrogate: the code of the pair, or U+FFFD for a half. */
static uint32_t join_surrogates(gd_jscan *js, uint32_t code)
{
    const size_t after = js->at;
    uint32_t low;

    if (code < 0xDC00 && take(js, '\\') && take(js, 'u') && hex4(js, &low) && low >= 0xDC00 && low <= 0xDFFF)
        return 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    js->at = after; /* what follows is read again, as a character of its own */
    js->odd = true;
    return 0xFFFD;
}

/* After a backslash. */
static gd_status unescape(gd_jscan *js)
{
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    const char c = js->at < js->len ? js->text[js->at] : '\0';
    const char *name = c ? strchr(names, c) : NULL;
    unsigned char utf8[4];
    uint32_t code;

    if (name) {
        gd_buf_bytes(&js->unescaped, values + (name - names), 1);
        js->at++;
        return GD_OK;
    }
    if (c != 'u')
        return gd_jscan_fail(js, "an escape sequence");
    js->at++;
    if (!hex4(js, &code))
        return gd_jscan_fail(js, "a hexadecimal digit");
    if (code >= 0xD800 && code < 0xE000)
        code = join_surrogates(js, code);
    gd_buf_bytes(&js->unescaped, utf8, gd_utf8_encode(code, utf8));
    return GD_OK;
}

/* The first quote, backslash or control character from `at` on; checks eight bytes at a time. */
static size_t plain_end(const char *text, size_t len, size_t at)
{
    while (len - at >= 8) {
        const uint64_t ones = 0x0101010101010101u;
        uint64_t eight, quote, slash, stops;

        memcpy(&eight, text + at, 8);
        quote = eight ^ '"' * ones;
        slash = eight ^ '\\' * ones;
        /* sets the high bit of each byte that is smaller than what is subtracted; a borrow spoils only later bytes */
        stops = ((quote - ones) & ~quote) | ((slash - ones) & ~slash) | ((eight - 0x20 * ones) & ~eight);
        stops &= 0x80 * ones;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
        if (stops)
            return at + (size_t)__builtin_ctzll(stops) / 8;
#endif
        if (stops)
            break;
        at += 8;
    }
    while (at < len && text[at] != '"' && text[at] != '\\' && (unsigned char)text[at] >= 0x20)
        at++;
    return at;
}

/* From after the opening quote to after the closing one. */
static gd_status string_body(gd_jscan *js, const char **s, size_t *len)
{
    const size_t start = js->at;
    size_t plain = start;
    bool escaped = false;

    js->odd = false;
    js->in_string = true;
    for (;;) {
        gd_status rc;

        js->at = plain_end(js->text, js->len, js->at);
        if (js->at >= js->len)
            return gd_jscan_fail(js, "the end of a string");
        if ((unsigned char)js->text[js->at] < 0x20)
            return gd_jscan_fail(js, "an escape sequence for a control character");
        if (js->text[js->at] == '"')
            break;
        if (!escaped)
            gd_buf_clear(&js->unescaped);
        escaped = true;
        gd_buf_bytes(&js->unescaped, js->text + plain, js->at - plain);
        js->at++;
        rc = unescape(js);
        if (rc)
            return rc;
        plain = js->at;
    }
    *s = js->text + start;
    *len = js->at - start;
    if (escaped) {
        gd_buf_bytes(&js->unescaped, js->text + plain, js->at - plain);
        if (js->unescaped.failed)
            return gd_fail_memory(js->err, *len);
        *s = js->unescaped.data;
        *len = js->unescaped.len;
    }
    js->at++;
    js->in_string = false;
    return GD_OK;
}

gd_status gd_jscan_loose_string(gd_jscan *js, const char **s, size_t *len)
{
    return take(js, '"') ? string_body(js, s, len) : gd_jscan_fail(js, "a string");
}

gd_status gd_jscan_string(gd_jscan *js, const char **s, size_t *len, const char *what)
{
    gd_status rc;

    skip_space(js);
    if (!take(js, '"'))
        return gd_fail(js->err, GD_EFORMAT, "%s%s%s is expected to be a string", path_of(js), colon(js), what);
    rc = string_body(js, s, len);
    if (!rc && js->odd)
        rc = gd_fail(js->err, GD_EFORMAT, "%s%s%s has half of a surrogate pair, which is not a character", path_of(js),
                     colon(js), what);
    return rc;
}

/* From after the opening quote to after the closing one. */
static gd_status skip_string(gd_jscan *js)
{
    uint32_t code;

    js->in_string = true;
    for (;;) {
        js->at = plain_end(js->text, js->len, js->at);
        if (js->at >= js->len)
            return gd_jscan_fail(js, "the end of a string");
        if ((unsigned char)js->text[js->at] < 0x20)
            return gd_jscan_fail(js, "an escape sequence for a control character");
        if (take(js, '"')) {
            js->in_string = false;
            return GD_OK;
        }
        js->at++; /* the backslash */
        if (js->at >= js->len || !js->text[js->at] || !strchr("\"\\/bfnrtu", js->text[js->at]))
            return gd_jscan_fail(js, "an escape sequence");
        if (js->text[js->at++] == 'u' && !hex4(js, &code))
            return gd_jscan_fail(js, "a hexadecimal digit");
    }
}

gd_status gd_jscan_key(gd_jscan *js, const char **s, size_t *len)
{
    gd_status rc;

    skip_space(js);
    if (!take(js, '"'))
        return gd_jscan_fail(js, "a field's name in quotes");
    rc = string_body(js, s, len);
    if (rc)
        return rc;
    skip_space(js);
    return take(js, ':') ? GD_OK : gd_jscan_fail(js, "':'");
}

static size_t digits(gd_jscan *js)
{
    const size_t start = js->at;

    while (js->at < js->len && js->text[js->at] >= '0' && js->text[js->at] <= '9')
        js->at++;
    return js->at - start;
}

static bool take_word(gd_jscan *js, const char *word)
{
    const size_t n = strlen(word);

    if (js->len - js->at < n || memcmp(js->text + js->at, word, n) != 0)
        return false;
    js->at += n;
    return true;
}

static gd_status skip_digits(gd_jscan *js)
{
    const bool minus = take(js, '-'), zero = js->at < js->len && js->text[js->at] == '0';
    const size_t n = digits(js);

    if (n == 0)
        return gd_jscan_fail(js, minus ? "a digit" : "a value");
    if (zero && n > 1) {
        js->at -= n - 1;
        return gd_jscan_fail(js, "a number without leading zeros");
    }
    if (take(js, '.') && digits(js) == 0)
        return gd_jscan_fail(js, "a digit");
    if (take(js, 'e') || take(js, 'E')) {
        if (!take(js, '+'))
            (void)take(js, '-');
        if (digits(js) == 0)
            return gd_jscan_fail(js, "a digit");
    }
    return GD_OK;
}

gd_status gd_jscan_number(gd_jscan *js, gd_jspan *span, const char **odd)
{
    static const char *const words[] = { "NaN", "Infinity", "-Infinity" };
    gd_status rc = GD_OK;

    *odd = NULL;
    span->at = js->at;
    for (size_t i = 0; !*odd && i < 3; i++)
        if (take_word(js, words[i]))
            *odd = words[i];
    if (!*odd)
        rc = skip_digits(js);
    span->len = js->at - span->at;
    return rc;
}

gd_status gd_jscan_natural(gd_jscan *js, uint64_t *value, uint64_t max, const char *what)
{
    size_t start;
    gd_status rc;

    if (gd_jscan_peek(js) != '0')
        return gd_fail(js->err, GD_EFORMAT, "%s%s%s is expected to be an integer", path_of(js), colon(js), what);
    start = js->at;
    rc = skip_digits(js);
    if (rc)
        return rc;
    *value = 0;
    for (size_t i = start; i < js->at; i++) {
        const char c = js->text[i];

        if (c >= '0' && c <= '9' && *value <= max)
            *value = *value * 10 + (uint64_t)(c - '0');
        if (c < '0' || c > '9' || *value > max)
            return gd_fail(js->err, GD_EFORMAT, "%s%s%s is %.*s, but an integer from 0 to %" PRIu64 " is expected",
                           path_of(js), colon(js), what, (int)(js->at - start > 40 ? 40 : js->at - start),
                           js->text + start, max);
    }
    return GD_OK;
}

static gd_status skip_scalar(gd_jscan *js)
{
    gd_jspan span;
    const char *odd;

    switch (gd_jscan_peek(js)) {
    case '"': js->at++; return skip_string(js);
    case '0': return gd_jscan_number(js, &span, &odd);
    default: break;
    }
    if (take_word(js, "true") || take_word(js, "false") || take_word(js, "null"))
        return GD_OK;
    return gd_jscan_fail(js, "a value");
}

/* Long values are scanned only once: a long value inside one that was skipped is remembered for when it is skipped. */
static void remember(gd_jscan *js, size_t start)
{
    if (js->at - start >= LONG_VALUE && js->known_count < GD_JSCAN_KNOWN)
        js->known[js->known_count++] = (gd_jspan){ start, js->at - start };
}

static bool known(gd_jscan *js, gd_jspan *span)
{
    for (size_t i = 0; i < js->known_count; i++) {
        if (js->known[i].at == js->at) {
            *span = js->known[i];
            js->at += span->len;
            return true;
        }
    }
    return false;
}

/* One bit for each open bracket: whether it is a list's. */
static bool is_list(const gd_jscan *js, size_t depth) { return js->open.data[depth / 8] >> depth % 8 & 1; }

static bool push(gd_jscan *js, size_t depth, bool list)
{
    if (depth / 8 >= js->open.len)
        gd_buf_bytes(&js->open, "", 1);
    if (js->open.failed)
        return false;
    js->open.data[depth / 8] = (char)((js->open.data[depth / 8] & ~(1 << depth % 8)) | list << depth % 8);
    return true;
}

/* After a value inside brackets: steps to the next one, leaving the brackets that end. */
static gd_status step(gd_jscan *js, size_t *depth, bool opened, const size_t *start)
{
    for (bool more = false; *depth > 0 && !more; opened = false) {
        const char open = is_list(js, *depth - 1) ? '[' : '{';
        gd_status rc = gd_jscan_next(js, open, opened, &more);

        if (!rc && more && open == '{') {
            if (!take(js, '"'))
                return gd_jscan_fail(js, "a field's name in quotes");
            rc = skip_string(js);
            skip_space(js);
            if (!rc && !take(js, ':'))
                return gd_jscan_fail(js, "':'");
        }
        if (rc)
            return rc;
        if (!more && --*depth < NOTED_DEPTH)
            remember(js, start[*depth]);
    }
    return GD_OK;
}

gd_status gd_jscan_skip(gd_jscan *js, gd_jspan *span)
{
    size_t depth = 0, start[NOTED_DEPTH];

    skip_space(js);
    if (known(js, span))
        return GD_OK;
    span->at = js->at;
    do {
        const char c = gd_jscan_peek(js);
        const bool opens = c == '{' || c == '[';
        gd_status rc = GD_OK;

        if (opens) {
            if (depth < NOTED_DEPTH)
                start[depth] = js->at;
            js->at++;
            if (!push(js, depth++, c == '['))
                return gd_fail_memory(js->err, depth / 8);
        } else {
            rc = skip_scalar(js);
        }
        if (!rc)
            rc = step(js, &depth, opens, start);
        if (rc)
            return rc;
    } while (depth > 0);
    span->len = js->at - span->at;
    return GD_OK;
}

gd_status gd_jscan_end(gd_jscan *js)
{
    skip_space(js);
    return js->at == js->len ? GD_OK : gd_jscan_fail(js, "the end of the text");
}

gd_status gd_jscan_fields(gd_jscan *js, const char *const *names, size_t n, gd_jspan *spans, const char *where)
{
    bool more = true;

    memset(spans, 0, n * sizeof *spans);
    for (bool first = true;; first = false) {
        gd_status rc = gd_jscan_next(js, '{', first, &more);
        const char *key;
        size_t len, i = 0;

        if (rc || !more)
            return rc;
        rc = gd_jscan_key(js, &key, &len);
        if (rc)
            return rc;
        while (i < n && (strlen(names[i]) != len || memcmp(names[i], key, len) != 0))
            i++;
        if (i == n)
            return gd_fail(js->err, GD_EUNSUPPORTED, "%s%s%sthe field \"%.*s\" is not known", path_of(js), colon(js),
                           where, (int)(len > 80 ? 80 : len), key);
        if (spans[i].len)
            return gd_fail(js->err, GD_EFORMAT, "%s%s%sthe field \"%s\" appears twice", path_of(js), colon(js), where,
                           names[i]);
        rc = gd_jscan_skip(js, &spans[i]);
        if (rc)
            return rc;
    }
}
