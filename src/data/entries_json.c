/* entries_json.c - an item that is a JSON text. */
#include "data/entries_source.h"

#include "base/error.h"
#include "base/json.h"
#include "base/utf8.h"

#include <string.h>

/* Integers were read as reals; to the user both are numbers. */
static const char *type_of(const json_t *value)
{
    return json_is_number(value) ? "a number" : gd_json_type_name(value);
}

/* Returns the position after the string that begins before p; *closed says whether it ends before `end`. */
static const char *end_of_string(const char *p, const char *end, bool *closed)
{
    while (p < end && *p != '"')
        p += *p == '\\' && p + 1 < end ? 2 : 1;
    *closed = p < end;
    return *closed ? p + 1 : end;
}

/* The name, as it is in the text, of the field that an offset is in; empty if there is none. */
static gd_text field_at(const char *text, size_t offset)
{
    const char *p = text, *end = text + offset;
    gd_text name = { text, 0 };
    unsigned depth = 0;
    bool key = false; /* the next string is a field's name */

    while (p < end) {
        const char c = *p++;

        if (c == '"') {
            const char *from = p;
            bool closed;

            p = end_of_string(p, end, &closed);
            if (key && closed)
                name = (gd_text){ from, (size_t)(p - 1 - from) };
            key = false;
        } else if (c == '{' || c == '[') {
            key = ++depth == 1 && c == '{';
        } else if (c == '}' || c == ']') {
            depth -= depth > 0;
        } else if (c == ',' && depth == 1) {
            key = true;
            name.len = 0;
        }
    }
    return name;
}

static gd_status not_utf8(gd_entry *entry, size_t offset, const char *what)
{
    const gd_text field = field_at(entry->raw, offset);
    const char *of = " of ", *in = ", in the field \"", *quote = "\"";
    size_t byte;

    gd_entry_find(entry, offset, &entry->fault_line, &byte);
    if (!what || entry->fault_line != entry->line)
        what = of = "";
    if (field.len == 0)
        in = quote = "";
    return gd_entry_fault(entry, "byte %zu%s%s is not UTF-8%s%.*s%s: the file must be saved as UTF-8", byte, of, what,
                          in, (int)(field.len < 100 ? field.len : 100), field.data, quote);
}

static gd_status not_json(gd_entry *entry, const json_error_t *at, const char *what)
{
    const char *of = " of ";

    if (at->line > 1)
        entry->fault_line = entry->line + (uint64_t)at->line - 1;
    if (!what || at->line > 1)
        what = of = "";
    return gd_entry_fault(entry, "not valid JSON at column %d%s%s: %s", at->column, of, what, at->text);
}

gd_status gd_entry_parse_json(gd_entry *entry, const char *what, gd_error *err)
{
    const size_t good = gd_utf8_check(entry->raw, entry->raw_len);
    json_error_t at;

    if (good < entry->raw_len)
        return not_utf8(entry, good, what);
    /* Reads integers as reals: a 20-digit id in an unused field must not make the item invalid. */
    entry->object = json_loadb(entry->raw, entry->raw_len,
                               JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL,
                               &at);
    if (!entry->object && (json_error_code(&at) == json_error_out_of_memory || !at.text[0]))
        return gd_fail_memory(err, entry->raw_len); /* jansson often gives no message then */
    if (!entry->object)
        return not_json(entry, &at, what);
    if (json_is_object(entry->object))
        return GD_OK;
    (void)gd_entry_fault(entry, "%s; expected an object", type_of(entry->object));
    json_decref(entry->object);
    entry->object = NULL;
    return GD_OK;
}
