/* jscan.c - walking through JSON text without building a tree. */
#include "text/jscan.h"

#include "base/error.h"
#include "base/utf8.h"

#include <inttypes.h>
#include <string.h>

#define MAX_DEPTH 64
#define LONG_VALUE ((size_t)64 << 10)

void gd_jscan_free(gd_jscan *js) { gd_buf_free(&js->unescaped); }

static gd_status fail(gd_jscan *js, const char *expected)
{
    if (js->at >= js->len)
        return gd_fail(js->err, GD_EFORMAT, "%s: not valid JSON: the text ends where %s is expected", js->path,
                       expected);
    return gd_fail(js->err, GD_EFORMAT, "%s: not valid JSON at byte %zu: %s is expected", js->path, js->at, expected);
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
    if (c == '-' || (c >= '0' && c <= '9'))
        return '0';
    return c == 'f' ? 't' : c;
}

gd_status gd_jscan_enter(gd_jscan *js, char open, const char *what)
{
    skip_space(js);
    if (take(js, open))
        return GD_OK;
    return gd_fail(js->err, GD_EFORMAT, "%s: %s is expected to be %s", js->path, what,
                   open == '{' ? "an object" : "a list");
}

gd_status gd_jscan_next(gd_jscan *js, char open, bool first, bool *more)
{
    skip_space(js);
    *more = !take(js, open == '{' ? '}' : ']');
    if (!*more || first)
        return GD_OK;
    if (!take(js, ','))
        return fail(js, open == '{' ? "',' or '}'" : "',' or ']'");
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

/* After a backslash. */
static gd_status unescape(gd_jscan *js)
{
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    const char c = js->at < js->len ? js->text[js->at] : '\0';
    const char *name = c ? strchr(names, c) : NULL;
    unsigned char utf8[4];
    uint32_t code, low;

    if (name) {
        gd_buf_bytes(&js->unescaped, values + (name - names), 1);
        js->at++;
        return GD_OK;
    }
    if (c != 'u')
        return fail(js, "an escape sequence");
    js->at++;
    if (!hex4(js, &code))
        return fail(js, "a hexadecimal digit");
    if (code >= 0xD800 && code < 0xE000) {
        if (code >= 0xDC00 || !take(js, '\\') || !take(js, 'u') || !hex4(js, &low) || low < 0xDC00 || low > 0xDFFF)
            return fail(js, "the other half of a surrogate pair");
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
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

    for (;;) {
        gd_status rc;

        js->at = plain_end(js->text, js->len, js->at);
        if (js->at >= js->len || (unsigned char)js->text[js->at] < 0x20)
            return fail(js, "the end of a string");
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
    return GD_OK;
}

gd_status gd_jscan_string(gd_jscan *js, const char **s, size_t *len, const char *what)
{
    skip_space(js);
    if (!take(js, '"'))
        return gd_fail(js->err, GD_EFORMAT, "%s: %s is expected to be a string", js->path, what);
    return string_body(js, s, len);
}

gd_status gd_jscan_key(gd_jscan *js, const char **s, size_t *len)
{
    gd_status rc;

    skip_space(js);
    if (!take(js, '"'))
        return fail(js, "a field's name in quotes");
    rc = string_body(js, s, len);
    if (rc)
        return rc;
    skip_space(js);
    return take(js, ':') ? GD_OK : fail(js, "':'");
}

static size_t digits(gd_jscan *js)
{
    const size_t start = js->at;

    while (js->at < js->len && js->text[js->at] >= '0' && js->text[js->at] <= '9')
        js->at++;
    return js->at - start;
}

static gd_status skip_number(gd_jscan *js)
{
    const bool zero = (take(js, '-'), js->at < js->len && js->text[js->at] == '0');
    const size_t n = digits(js);

    if (n == 0 || (zero && n > 1))
        return fail(js, "a number");
    if (take(js, '.') && digits(js) == 0)
        return fail(js, "a digit");
    if (take(js, 'e') || take(js, 'E')) {
        if (!take(js, '+'))
            (void)take(js, '-');
        if (digits(js) == 0)
            return fail(js, "a digit");
    }
    return GD_OK;
}

gd_status gd_jscan_natural(gd_jscan *js, uint64_t *value, uint64_t max, const char *what)
{
    size_t start;
    gd_status rc;

    if (gd_jscan_peek(js) != '0')
        return gd_fail(js->err, GD_EFORMAT, "%s: %s is expected to be an integer", js->path, what);
    start = js->at;
    rc = skip_number(js);
    if (rc)
        return rc;
    *value = 0;
    for (size_t i = start; i < js->at; i++) {
        const char c = js->text[i];

        if (c >= '0' && c <= '9' && *value <= max)
            *value = *value * 10 + (uint64_t)(c - '0');
        if (c < '0' || c > '9' || *value > max)
            return gd_fail(js->err, GD_EFORMAT, "%s: %s is %.*s, but an integer from 0 to %" PRIu64 " is expected",
                           js->path, what, (int)(js->at - start > 40 ? 40 : js->at - start), js->text + start, max);
    }
    return GD_OK;
}

static gd_status skip_word(gd_jscan *js)
{
    static const char *const words[] = { "true", "false", "null" };

    for (size_t i = 0; i < 3; i++) {
        const size_t n = strlen(words[i]);

        if (js->len - js->at >= n && !memcmp(js->text + js->at, words[i], n)) {
            js->at += n;
            return GD_OK;
        }
    }
    return fail(js, "a value");
}

static gd_status skip_scalar(gd_jscan *js)
{
    const char *s;
    size_t len;

    switch (gd_jscan_peek(js)) {
    case '"': return gd_jscan_string(js, &s, &len, "");
    case '0': return skip_number(js);
    default: return skip_word(js);
    }
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

gd_status gd_jscan_skip(gd_jscan *js, gd_jspan *span)
{
    char open[MAX_DEPTH];
    bool first[MAX_DEPTH], more;
    size_t depth = 0, len, start[MAX_DEPTH];
    const char *s;
    gd_status rc;

    skip_space(js);
    if (known(js, span))
        return GD_OK;
    span->at = js->at;
    do {
        const char c = gd_jscan_peek(js);

        if (c == '{' || c == '[') {
            if (depth == MAX_DEPTH)
                return gd_fail(js->err, GD_EFORMAT, "%s: nested deeper than %d levels at byte %zu", js->path, MAX_DEPTH,
                               js->at);
            start[depth] = js->at++;
            open[depth] = c;
            first[depth++] = true;
        } else {
            rc = skip_scalar(js);
            if (rc)
                return rc;
        }
        for (more = false; depth > 0 && !more; depth -= !more) {
            rc = gd_jscan_next(js, open[depth - 1], first[depth - 1], &more);
            first[depth - 1] = false;
            if (!rc && more && open[depth - 1] == '{')
                rc = gd_jscan_key(js, &s, &len);
            if (rc)
                return rc;
            if (!more)
                remember(js, start[depth - 1]);
        }
    } while (depth > 0);
    span->len = js->at - span->at;
    return GD_OK;
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
            return gd_fail(js->err, GD_EUNSUPPORTED, "%s: %sthe field \"%.*s\" is not known", js->path, where,
                           (int)(len > 80 ? 80 : len), key);
        if (spans[i].len)
            return gd_fail(js->err, GD_EFORMAT, "%s: %sthe field \"%s\" appears twice", js->path, where, names[i]);
        rc = gd_jscan_skip(js, &spans[i]);
        if (rc)
            return rc;
    }
}
