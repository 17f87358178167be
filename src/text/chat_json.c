/* chat_json.c - JSON as Python writes it: chat templates put functions and the arguments of calls into the text by
 * json.dumps(value, ensure_ascii=False), whose spaces, escapes and numbers become tokens. */
#include "text/chat_format.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void gd_chat_put_json_text(gd_buf *out, gd_text text)
{
    static const char named[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
    size_t start = 0;

    gd_buf_str(out, "\"");
    for (size_t i = 0; i < text.len; i++) {
        const unsigned char c = (unsigned char)text.data[i];
        const char *at = c ? strchr(named, c) : NULL;

        if (c >= 0x20 && !at)
            continue;
        gd_buf_bytes(out, text.data + start, i - start);
        start = i + 1;
        if (at)
            gd_buf_printf(out, "\\%c", letters[at - named]);
        else
            gd_buf_printf(out, "\\u%04x", c);
    }
    gd_buf_bytes(out, text.data + start, text.len - start);
    gd_buf_str(out, "\"");
}

/* repr(): the fewest digits that are read back as the same number, without an exponent from 0.0001 up to 1e16. */
static void put_real(gd_buf *out, double value)
{
    char text[40], digits[20];
    int precision = 0, exponent;
    size_t count = 0;

    do
        (void)snprintf(text, sizeof text, "%.*e", precision, value);
    while (precision++ < 17 && strtod(text, NULL) != value);
    for (const char *p = text; *p != 'e'; p++) /* not the sign, nor the locale's point */
        if (*p >= '0' && *p <= '9' && count < sizeof digits - 1)
            digits[count++] = *p;
    digits[count] = '\0';
    exponent = atoi(strchr(text, 'e') + 1);
    gd_buf_str(out, text[0] == '-' ? "-" : "");
    if (exponent < -4 || exponent >= 16) {
        gd_buf_printf(out, "%c%s%s", digits[0], count > 1 ? "." : "", digits + 1);
        gd_buf_printf(out, "e%c%02d", exponent < 0 ? '-' : '+', abs(exponent));
        return;
    }
    if (exponent < 0)
        gd_buf_printf(out, "0.%.*s%s", -exponent - 1, "0000", digits);
    for (int i = 0; exponent >= 0 && (i < (int)count || i <= exponent + 1); i++)
        gd_buf_printf(out, "%s%c", i == exponent + 1 ? "." : "", i < (int)count ? digits[i] : '0');
}

/* A line break and the indentation of a level, or what stands between two values. */
static void put_gap(gd_buf *out, const char *before, const char *plain, int level, bool indent)
{
    gd_buf_str(out, before);
    if (!indent) {
        gd_buf_str(out, plain);
        return;
    }
    gd_buf_str(out, "\n");
    for (int i = 0; i < level; i++)
        gd_buf_str(out, "    ");
}

static void put(gd_buf *out, const json_t *value, int level, bool indent);

static void put_list(gd_buf *out, const json_t *list, int level, bool indent)
{
    const size_t count = json_array_size(list);

    gd_buf_str(out, "[");
    for (size_t i = 0; i < count; i++) {
        put_gap(out, i ? "," : "", i ? " " : "", level + 1, indent);
        put(out, json_array_get(list, i), level + 1, indent);
    }
    if (count)
        put_gap(out, "", "", level, indent);
    gd_buf_str(out, "]");
}

static void put_object(gd_buf *out, const json_t *object, int level, bool indent)
{
    const char *key;
    json_t *value;
    bool any = false;

    gd_buf_str(out, "{");
    json_object_foreach((json_t *)object, key, value) {
        put_gap(out, any ? "," : "", any ? " " : "", level + 1, indent);
        gd_chat_put_json_text(out, (gd_text){ key, strlen(key) });
        gd_buf_str(out, ": ");
        put(out, value, level + 1, indent);
        any = true;
    }
    if (any)
        put_gap(out, "", "", level, indent);
    gd_buf_str(out, "}");
}

static void put(gd_buf *out, const json_t *value, int level, bool indent)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT: put_object(out, value, level, indent); break;
    case JSON_ARRAY: put_list(out, value, level, indent); break;
    case JSON_STRING:
        gd_chat_put_json_text(out, (gd_text){ json_string_value(value), json_string_length(value) });
        break;
    case JSON_INTEGER: gd_buf_printf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value)); break;
    case JSON_REAL: put_real(out, json_real_value(value)); break;
    case JSON_TRUE: gd_buf_str(out, "true"); break;
    case JSON_FALSE: gd_buf_str(out, "false"); break;
    default: gd_buf_str(out, "null"); break;
    }
}

void gd_chat_put_json(gd_buf *out, const json_t *value, bool indent) { put(out, value, 0, indent); }
