/* entries_json.c - an item that is a JSON text.
 *
 * Only the fields that are read become trees: the others may be large, and may hold what JSON can't express. */
#include "data/entries_source.h"

#include "base/error.h"
#include "base/jscan.h"
#include "base/utf8.h"

#include <string.h>

/* Most memory for the values of an item, roughly: a text of 16 MiB has room, and so has a list of 100,000 answers. */
enum { TREE_MOST = 3 * (int)GD_ITEM_MAX };

/* The same where memory is limited, besides twice the bytes of the item: for 16,384 answers. */
enum { TREE_FRUGAL = 3 << 20 };

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

/* The character of an offset in its line or, in the entry's first line, in the entry; from 1. */
static void find_column(const gd_entry *entry, size_t offset, uint64_t *line, size_t *column)
{
    size_t bytes;

    gd_entry_find(entry, offset, line, &bytes);
    *column = 1;
    for (size_t i = offset - (bytes - 1); i < offset; i++)
        *column += ((unsigned char)entry->raw[i] & 0xC0) != 0x80;
}

/* A file that does not even begin like JSON is probably of another format. */
static const char *hint(const gd_entry *entry, const gd_jscan *js, const char *what)
{
    return entry->line == 1 && js->at == 0 && !*what ? " (is it another format? --format text, csv or tsv)" : "";
}

static gd_status not_json(gd_entry *entry, const gd_jscan *js, const char *what)
{
    const char *of = " of ";
    size_t column;

    find_column(entry, js->at, &entry->fault_line, &column);
    if (!what || entry->fault_line != entry->line)
        what = of = "";
    if (js->at == js->len)
        return gd_entry_fault(entry, "not valid JSON: it ends at column %zu%s%s, where %s is expected", column, of,
                              what, js->expected);
    return gd_entry_fault(entry, "not valid JSON at column %zu%s%s: %s is expected%s", column, of, what, js->expected,
                          hint(entry, js, what));
}

/* ---- the fields that are read ---- */

/* Of what serves only as a hint, nothing is an error: not even a name twice. */
static gd_status read_field(gd_jscan *js, json_t *object, const char *name, bool hint)
{
    const char type = gd_jscan_peek(js);
    const bool twice = json_object_get(object, name) != NULL, skipped = hint && (twice || type != '"');
    json_t *value = type == 'n' ? json_null() : json_true();
    gd_jspan span;
    gd_status rc;

    if (twice && !hint)
        return gd_fail(js->err, GD_EFORMAT, "the field \"%.100s\" appears twice", name);
    rc = skipped ? gd_jscan_skip(js, &span) : gd_jscan_tree(js, &value);
    if (!rc && !(twice && hint) && json_object_set_new_nocheck(object, name, value))
        rc = gd_fail_memory(js->err, js->tree_used);
    return rc;
}

/* One member: a tree if it is read, else only skipped. */
static gd_status read_member(gd_jscan *js, json_t *object, const gd_fields *fields, gd_buf *name)
{
    gd_jspan span;
    const char *key;
    size_t len;
    gd_field_use use;
    gd_status rc = gd_jscan_key(js, &key, &len);

    if (rc)
        return rc;
    use = js->odd || memchr(key, '\0', len) ? GD_FIELD_SKIPPED : gd_fields_use(fields, key, len);
    if (use == GD_FIELD_SKIPPED)
        return gd_jscan_skip(js, &span);
    gd_buf_clear(name);
    gd_buf_bytes(name, key, len);
    if (!gd_buf_cstr(name))
        return gd_fail_memory(js->err, len);
    return read_field(js, object, name->data, use == GD_FIELD_HINT);
}

static gd_status read_object(gd_jscan *js, json_t *object, const gd_fields *fields)
{
    gd_status rc = gd_jscan_enter(js, '{', "the item");
    gd_buf name = { 0 };
    bool more = true;

    for (bool first = true; !rc && more; first = false) {
        rc = gd_jscan_next(js, '{', first, &more);
        if (!rc && more)
            rc = read_member(js, object, fields, &name);
    }
    gd_buf_free(&name);
    return rc ? rc : gd_jscan_end(js);
}

bool gd_json_goes_on(const char *line, size_t len)
{
    gd_jscan js = { .text = line, .len = len };
    gd_jspan span;
    const bool ends = gd_jscan_skip(&js, &span) && js.at == len && !js.in_string;

    gd_jscan_free(&js);
    while (len > 0 && (line[len - 1] == ' ' || line[len - 1] == '\t' || line[len - 1] == '\r'))
        len--;
    return ends && len > 0 && memchr("{[,:", line[len - 1], 4) != NULL;
}

static const char *type_of(char first)
{
    switch (first) {
    case '[': return "a list";
    case '"': return "a string";
    case '0': return "a number";
    case 't': return "true or false";
    default: return "null";
    }
}

/* Another value than an object, or something that is not JSON. */
static gd_status not_object(gd_entry *entry, gd_jscan *js, const char *what)
{
    const char first = gd_jscan_peek(js);
    gd_jspan span;
    gd_status rc = gd_jscan_skip(js, &span);

    if (!rc)
        rc = gd_jscan_end(js);
    if (rc && !js->expected)
        return rc;
    return rc ? not_json(entry, js, what) : gd_entry_fault(entry, "%s; expected an object", type_of(first));
}

gd_status gd_entry_parse_json(gd_entry *entry, const gd_fields *fields, const char *what, gd_error *err)
{
    const size_t good = gd_utf8_check(entry->raw, entry->raw_len);
    gd_error why = { 0 };
    const size_t most = fields->frugal ? TREE_FRUGAL + 2 * entry->raw_len : TREE_MOST;
    gd_jscan js = { .text = entry->raw, .len = entry->raw_len, .err = &why, .tree_most = most };
    gd_status rc = GD_OK;

    if (good < entry->raw_len)
        return not_utf8(entry, good, what);
    if (gd_jscan_peek(&js) == '{') {
        entry->object = json_object();
        rc = entry->object ? read_object(&js, entry->object, fields) : gd_fail_memory(&why, entry->raw_len);
    } else {
        rc = not_object(entry, &js, what);
    }
    gd_jscan_free(&js);
    if (!rc)
        return GD_OK;
    json_decref(entry->object);
    entry->object = NULL;
    if (rc == GD_ENOMEM)
        return gd_fail(err, rc, "%s", why.text);
    return js.expected ? not_json(entry, &js, what) : gd_entry_fault(entry, "%s", why.text);
}
