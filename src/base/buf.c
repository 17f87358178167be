/* buf.c - a growing byte string. */
#include "base/buf.h"

#include "base/error.h"
#include "base/mem.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void gd_buf_free(gd_buf *b)
{
    gd_free(b->data);
    *b = (gd_buf){ 0 };
}

void gd_buf_clear(gd_buf *b) { b->len = 0; }

/* NULL also if there is nothing to add, and no memory yet. */
static char *room_for(gd_buf *b, size_t more)
{
    size_t need;

    if (b->failed || !gd_add(b->len, more, &need) || !gd_grow((void **)&b->data, &b->room, need, 1)) {
        b->failed = true;
        return NULL;
    }
    return b->data ? b->data + b->len : NULL;
}

void gd_buf_bytes(gd_buf *b, const void *p, size_t len)
{
    char *at = room_for(b, len);

    if (at && len) {
        memcpy(at, p, len);
        b->len += len;
    }
}

void gd_buf_str(gd_buf *b, const char *s) { gd_buf_bytes(b, s, strlen(s)); }

void gd_buf_printf(gd_buf *b, const char *format, ...)
{
    va_list args, again;
    int len;
    char *at;

    va_start(args, format);
    va_copy(again, args);
    len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    at = len < 0 ? NULL : room_for(b, (size_t)len + 1);
    if (at) {
        (void)vsnprintf(at, (size_t)len + 1, format, again);
        b->len += (size_t)len;
    }
    va_end(again);
}

void gd_buf_json_string(gd_buf *b, const char *s, size_t len)
{
    size_t start = 0;

    gd_buf_bytes(b, "\"", 1);
    for (size_t i = 0; i < len; i++) {
        const unsigned char c = (unsigned char)s[i];

        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        gd_buf_bytes(b, s + start, i - start);
        start = i + 1;
        switch (c) {
        case '"': gd_buf_str(b, "\\\""); break;
        case '\\': gd_buf_str(b, "\\\\"); break;
        case '\n': gd_buf_str(b, "\\n"); break;
        case '\r': gd_buf_str(b, "\\r"); break;
        case '\t': gd_buf_str(b, "\\t"); break;
        default: gd_buf_printf(b, "\\u%04x", c);
        }
    }
    gd_buf_bytes(b, s + start, len - start);
    gd_buf_bytes(b, "\"", 1);
}

static void put_digits(gd_buf *b, char *text)
{
    for (char *p = text; *p; p++)
        if (*p == ',') /* a locale's decimal comma */
            *p = '.';
    gd_buf_str(b, text);
}

void gd_buf_json_float(gd_buf *b, float value)
{
    char text[32];

    (void)snprintf(text, sizeof text, "%.9g", (double)value);
    put_digits(b, text);
}

void gd_buf_json_double(gd_buf *b, double value)
{
    char text[32];
    int digits = 15;

    do
        (void)snprintf(text, sizeof text, "%.*g", digits, value);
    while (digits++ < 17 && strtod(text, NULL) != value);
    put_digits(b, text);
}

void gd_buf_json_floats(gd_buf *b, const float *values, size_t count)
{
    gd_buf_str(b, "[");
    for (size_t i = 0; i < count; i++) {
        gd_buf_str(b, i ? "," : "");
        gd_buf_json_float(b, values[i]);
    }
    gd_buf_str(b, "]");
}

void gd_buf_fixed(gd_buf *b, double value, unsigned decimals)
{
    const double size = fabs(value);
    unsigned long long unit = 1, whole;

    for (unsigned d = 0; d < decimals && d < 9; d++)
        unit *= 10;
    if (!isfinite(value) || size * (double)unit >= 1e18) {
        gd_buf_str(b, "0");
        return;
    }
    whole = (unsigned long long)(size * (double)unit + 0.5);
    gd_buf_printf(b, "%s%llu", value < 0 && whole ? "-" : "", whole / unit);
    if (unit > 1)
        gd_buf_printf(b, ".%0*llu", (int)(decimals < 9 ? decimals : 9), whole % unit);
}

const char *gd_buf_cstr(gd_buf *b)
{
    char *at = room_for(b, 1);

    if (!at)
        return NULL;
    *at = '\0';
    return b->data;
}

gd_status gd_buf_take(gd_buf *b, char **out, gd_error *err)
{
    const size_t len = b->len;

    *out = NULL;
    if (!gd_buf_cstr(b)) {
        gd_buf_free(b);
        return gd_fail_memory(err, len);
    }
    *out = b->data;
    *b = (gd_buf){ 0 };
    return GD_OK;
}
