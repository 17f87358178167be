/* json_plain.c - one spelling for each JSON value. */
#include "base/json_plain.h"

#include "base/json_span.h"

#include <inttypes.h>
#include <string.h>

/* The position after the string that begins at p: its characters, of which quotes and backslashes keep theirs. */
static const char *put_string(gd_buf *out, const char *p, const char *end)
{
    gd_buf_str(out, "\"");
    for (p++; p < end && *p != '"';) {
        unsigned char utf8[4] = { (unsigned char)*p };
        size_t len = 1;
        const char *next = *p == '\\' ? gd_json_span_unescape(p + 1, end, utf8, &len) : p + 1;

        if (!next) /* half of a surrogate pair stays as it is written */
            gd_buf_bytes(out, p, 1);
        else if (utf8[0] == '"' || utf8[0] == '\\')
            gd_buf_printf(out, "\\%c", utf8[0]);
        else
            gd_buf_bytes(out, utf8, len);
        p = next ? next : p + 1;
    }
    gd_buf_str(out, "\"");
    return p < end ? p + 1 : end;
}

static size_t number_length(const char *p, const char *end)
{
    size_t len = 0;

    while (len < (size_t)(end - p) && p[len] && strchr("+-.0123456789eE", p[len]))
        len++;
    return len;
}

/* A number is its digits without zeros at either end, times a power of ten. */
struct decimal {
    const char *first, *last; /* of these digits; NULL: it is 0 */
    int64_t power;
};

/* Returns the end of the digits and the point. */
static const char *read_digits(struct decimal *d, const char *p, const char *end)
{
    int64_t place = 0;
    bool point = false;

    for (; p < end && *p != 'e' && *p != 'E'; p++) {
        point |= *p == '.';
        if (*p < '0' || *p > '9')
            continue;
        place -= point;
        d->power += !point;
        if (*p == '0')
            continue;
        d->first = d->first ? d->first : p;
        d->last = p;
        d->power = place;
    }
    return p;
}

/* The exponent that begins at p; false if it is too large to compute with. */
static bool add_exponent(struct decimal *d, const char *p, const char *end)
{
    const int64_t most = INT64_MAX / 100;
    bool minus = false;
    int64_t exponent = 0;

    for (; p < end && exponent < most; p++) {
        minus |= *p == '-';
        if (*p >= '0' && *p <= '9')
            exponent = 10 * exponent + (*p - '0');
    }
    d->power += minus ? -exponent : exponent;
    return exponent < most;
}

static const char *put_number(gd_buf *out, const char *p, const char *end)
{
    const size_t len = number_length(p, end);
    struct decimal d = { 0 };
    const bool small = add_exponent(&d, read_digits(&d, p, p + len), p + len);

    if (!d.first) {
        gd_buf_str(out, "0");
    } else if (!small) {
        gd_buf_bytes(out, p, len);
    } else {
        gd_buf_str(out, *p == '-' ? "-" : "");
        for (const char *digit = d.first; digit <= d.last; digit++)
            gd_buf_bytes(out, digit, *digit != '.');
        gd_buf_printf(out, "e%" PRId64, d.power);
    }
    return p + len;
}

void gd_json_plain(gd_buf *out, gd_text value)
{
    const char *p = value.data, *end = p + value.len;

    while (p < end) {
        if (*p == '"') {
            p = put_string(out, p, end);
        } else if (*p == '-' || (*p >= '0' && *p <= '9')) {
            p = put_number(out, p, end);
        } else {
            gd_buf_bytes(out, p, !strchr(" \t\r\n", *p));
            p++;
        }
    }
}
