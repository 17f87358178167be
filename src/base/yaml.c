/* yaml.c - reading a YAML file into a bounded tree: libyaml's events, without recursion. */
#include "base/yaml.h"

#include "base/arena.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <yaml.h>

struct gd_yaml {
    gd_arena arena;
    const char *name; /* of what is being read */
    gd_yaml_node *root;
    size_t node_count;
};

/* A mapping or list being read. */
struct level {
    gd_yaml_node *node, *last; /* last: the child read last */
    bool key_pending;          /* map: last is a key that waits for its value */
};

struct reader {
    gd_yaml *doc;
    struct level stack[GD_YAML_MAX_DEPTH];
    size_t depth;
    bool document_seen, done;
    gd_error *err;
};

static gd_status fail_at(const char *name, size_t line, size_t column, gd_error *err, const char *what)
{
    return gd_fail(err, GD_EFORMAT, "%s:%zu:%zu: %s", name, line, column, what);
}

gd_status gd_yaml_fail(const gd_yaml *doc, const gd_yaml_node *at, gd_error *err, gd_status status, const char *format,
                       ...)
{
    char text[sizeof err->text];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    (void)doc;
    return gd_fail(err, status, "%s:%u:%u: %s", at->file, at->line, at->column, text);
}

static gd_status fail_event(const struct reader *r, const yaml_event_t *event, const char *what)
{
    return fail_at(r->doc->name, event->start_mark.line + 1, event->start_mark.column + 1, r->err, what);
}

static bool is_control(uint32_t c) { return c < 0x20 || (c >= 0x7f && c < 0xa0); }

/* Malformed UTF-8 and control characters: libyaml would find most of them, but not say where. */
static gd_status check_bytes(const char *text, size_t len, const char *name, gd_error *err)
{
    const unsigned char *p = (const unsigned char *)text;
    size_t line = 1, column = 1;

    if (len >= 2 && ((p[0] == 0xff && p[1] == 0xfe) || (p[0] == 0xfe && p[1] == 0xff)))
        return fail_at(name, 1, 1, err, "the file is UTF-16, but UTF-8 is expected");
    for (size_t i = 0; i < len;) {
        size_t n = gd_utf8_valid_len(p + i, len - i);
        uint32_t c;

        if (n == 0)
            return gd_fail(err, GD_EFORMAT, "%s:%zu:%zu: the byte 0x%02x is not valid UTF-8", name, line, column, p[i]);
        c = gd_utf8_decode(p + i, &n);
        if (is_control(c) && c != '\t' && c != '\n' && c != '\r')
            return gd_fail(err, GD_EFORMAT, "%s:%zu:%zu: the control character U+%04X is not accepted", name, line,
                           column, (unsigned)c);
        column++;
        if (c == '\n') {
            line++;
            column = 1;
        }
        i += n;
    }
    return GD_OK;
}

static gd_status check_key(const struct reader *r, const yaml_event_t *event, const gd_yaml_node *map,
                           const gd_yaml_node *key)
{
    if (key->kind != GD_YAML_SCALAR)
        return fail_event(r, event, "a key is a list or a mapping, but a name is expected");
    if (key->plain && !strcmp(key->text, "<<"))
        return fail_event(r, event, "merge keys (<<) are not accepted");
    if (map->count > GD_YAML_MAX_KEYS)
        return gd_yaml_fail(r->doc, key, r->err, GD_EFORMAT, "the mapping has more than %u keys", GD_YAML_MAX_KEYS);
    for (const gd_yaml_node *other = map->child; other != key; other = other->next->next)
        if (!strcmp(other->text, key->text))
            return gd_yaml_fail(r->doc, key, r->err, GD_EFORMAT, "duplicate key \"%s\", first in line %u", key->text,
                                other->line);
    return GD_OK;
}

/* Adds the node to the mapping or list being read. */
static gd_status attach(struct reader *r, const yaml_event_t *event, gd_yaml_node *node)
{
    struct level *top;

    if (!r->depth) {
        r->doc->root = node;
        return GD_OK;
    }
    top = &r->stack[r->depth - 1];
    if (top->last)
        top->last->next = node;
    else
        top->node->child = node;
    top->last = node;
    if (top->node->kind == GD_YAML_LIST || !top->key_pending)
        top->node->count++;
    if (top->node->kind == GD_YAML_LIST)
        return GD_OK;
    top->key_pending = !top->key_pending;
    return top->key_pending ? check_key(r, event, top->node, node) : GD_OK;
}

/* Whether newlines are meant: in plain and 'single quoted' text they only wrap lines. */
static bool means_newlines(const yaml_event_t *event)
{
    return event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE &&
           event->data.scalar.style != YAML_SINGLE_QUOTED_SCALAR_STYLE;
}

static gd_status read_text(struct reader *r, const yaml_event_t *event, gd_yaml_node *node)
{
    const char *text = (const char *)event->data.scalar.value;
    const size_t len = event->data.scalar.length;

    if (len > GD_YAML_MAX_SCALAR)
        return gd_yaml_fail(r->doc, node, r->err, GD_EFORMAT, "a text of %zu bytes, but at most %u are accepted", len,
                            GD_YAML_MAX_SCALAR);
    for (size_t i = 0; i < len;) { /* escapes like "\0" can still make them */
        size_t n;
        const uint32_t c = gd_utf8_decode((const unsigned char *)text + i, &n);

        if (is_control(c) && !(c == '\n' && means_newlines(event)))
            return gd_yaml_fail(r->doc, node, r->err, GD_EFORMAT, "the text contains the control character U+%04X",
                                (unsigned)c);
        i += n;
    }
    node->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    node->text = gd_arena_strndup(&r->doc->arena, text, len);
    return node->text ? GD_OK : gd_fail_memory(r->err, len + 1);
}

/* A scalar, or the start of a list or mapping. */
static gd_status add_node(struct reader *r, const yaml_event_t *event, gd_yaml_kind kind, const void *anchor,
                          const void *tag)
{
    gd_yaml_node *node;
    gd_status rc;

    if (anchor)
        return fail_event(r, event, "anchors (&) are not accepted");
    if (tag)
        return fail_event(r, event, "tags (!) are not accepted");
    if (++r->doc->node_count > GD_YAML_MAX_NODES)
        return gd_fail(r->err, GD_EFORMAT, "%s:%zu:%zu: more than %u mappings, lists and scalars", r->doc->name,
                       event->start_mark.line + 1, event->start_mark.column + 1, GD_YAML_MAX_NODES);
    if (kind != GD_YAML_SCALAR && r->depth == GD_YAML_MAX_DEPTH)
        return gd_fail(r->err, GD_EFORMAT, "%s:%zu:%zu: mappings and lists nest deeper than %u", r->doc->name,
                       event->start_mark.line + 1, event->start_mark.column + 1, GD_YAML_MAX_DEPTH);
    node = gd_arena_alloc(&r->doc->arena, 1, sizeof *node);
    if (!node)
        return gd_fail_memory(r->err, sizeof *node);
    node->kind = kind;
    node->file = r->doc->name;
    node->line = (unsigned)event->start_mark.line + 1; /* both fit: the file has at most 1 MiB */
    node->column = (unsigned)event->start_mark.column + 1;
    rc = kind == GD_YAML_SCALAR ? read_text(r, event, node) : GD_OK;
    if (!rc)
        rc = attach(r, event, node);
    if (!rc && kind != GD_YAML_SCALAR)
        r->stack[r->depth++] = (struct level){ .node = node };
    return rc;
}

static gd_status start_document(struct reader *r, const yaml_event_t *event)
{
    if (r->document_seen)
        return fail_event(r, event, "a second document begins, but only one is expected");
    if (event->data.document_start.version_directive ||
        event->data.document_start.tag_directives.start != event->data.document_start.tag_directives.end)
        return fail_event(r, event, "directives (%) are not accepted");
    r->document_seen = true;
    return GD_OK;
}

static gd_status take_event(struct reader *r, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT: return start_document(r, event);
    case YAML_ALIAS_EVENT: return fail_event(r, event, "aliases (*) are not accepted");
    case YAML_SCALAR_EVENT:
        return add_node(r, event, GD_YAML_SCALAR, event->data.scalar.anchor, event->data.scalar.tag);
    case YAML_SEQUENCE_START_EVENT:
        return add_node(r, event, GD_YAML_LIST, event->data.sequence_start.anchor, event->data.sequence_start.tag);
    case YAML_MAPPING_START_EVENT:
        return add_node(r, event, GD_YAML_MAP, event->data.mapping_start.anchor, event->data.mapping_start.tag);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT: r->depth--; return GD_OK;
    case YAML_STREAM_END_EVENT:
        r->done = true;
        return r->doc->root ? GD_OK : gd_fail(r->err, GD_EFORMAT, "%s: the file contains no document", r->doc->name);
    default: return GD_OK;
    }
}

static gd_status fail_parser(const yaml_parser_t *parser, const char *name, gd_error *err)
{
    if (parser->error == YAML_MEMORY_ERROR)
        return gd_fail(err, GD_ENOMEM, "%s: out of memory while reading YAML", name);
    return gd_fail(err, GD_EFORMAT, "%s:%zu:%zu: not valid YAML: %s", name, parser->problem_mark.line + 1,
                   parser->problem_mark.column + 1, parser->problem ? parser->problem : "unknown error");
}

static gd_status read_events(gd_yaml *doc, const char *text, size_t len, gd_error *err)
{
    struct reader r = { .doc = doc, .err = err };
    yaml_parser_t parser;
    gd_status rc = GD_OK;

    if (!yaml_parser_initialize(&parser))
        return gd_fail(err, GD_ENOMEM, "%s: out of memory while reading YAML", doc->name);
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
    while (!rc && !r.done) {
        yaml_event_t event;

        if (!yaml_parser_parse(&parser, &event)) {
            rc = fail_parser(&parser, doc->name, err);
            break;
        }
        rc = take_event(&r, &event);
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    return rc;
}

/* Into doc->root. */
static gd_status read_into(gd_yaml *doc, const char *text, size_t len, const char *name, gd_error *err)
{
    gd_status rc = GD_OK;

    if (len > GD_YAML_MAX_BYTES)
        rc = gd_fail(err, GD_EFORMAT, "%s: %zu bytes, but at most %u are accepted", name, len, GD_YAML_MAX_BYTES);
    if (!rc)
        rc = check_bytes(text, len, name, err);
    if (rc)
        return rc;
    doc->name = gd_arena_strndup(&doc->arena, name, strlen(name));
    return doc->name ? read_events(doc, text, len, err) : gd_fail_memory(err, strlen(name) + 1);
}

gd_status gd_yaml_parse(gd_yaml **out, const char *text, size_t len, const char *name, gd_error *err)
{
    gd_yaml *doc = gd_alloc_zero(1, sizeof *doc);
    gd_status rc;

    *out = NULL;
    if (!doc)
        return gd_fail_memory(err, sizeof *doc);
    rc = read_into(doc, text, len, name, err);
    if (rc) {
        gd_yaml_free(doc);
        return rc;
    }
    *out = doc;
    return GD_OK;
}

gd_status gd_yaml_add(gd_yaml *doc, const gd_yaml_node **root, const char *text, size_t len, const char *name,
                      gd_error *err)
{
    gd_yaml_node *first = doc->root;
    gd_status rc;

    doc->root = NULL;
    rc = read_into(doc, text, len, name, err);
    *root = doc->root;
    doc->root = first;
    return rc;
}

void gd_yaml_free(gd_yaml *doc)
{
    if (doc)
        gd_arena_free(&doc->arena);
    gd_free(doc);
}

const gd_yaml_node *gd_yaml_root(const gd_yaml *doc) { return doc->root; }

const gd_yaml_node *gd_yaml_get(const gd_yaml_node *map, const char *key)
{
    for (const gd_yaml_node *k = map->child; k; k = k->next->next)
        if (!strcmp(k->text, key))
            return k->next;
    return NULL;
}

gd_status gd_yaml_expect(const gd_yaml *doc, const gd_yaml_node *node, gd_yaml_kind kind, const char *what,
                         gd_error *err)
{
    static const char *const names[] = { "a scalar", "a list", "a mapping" };

    if (node->kind == kind)
        return GD_OK;
    return gd_yaml_fail(doc, node, err, GD_EFORMAT, "%s is %s, but %s is expected", what, names[node->kind],
                        names[kind]);
}

gd_status gd_yaml_bool(bool *out, const gd_yaml *doc, const gd_yaml_node *node, const char *what, gd_error *err)
{
    gd_status rc = gd_yaml_expect(doc, node, GD_YAML_SCALAR, what, err);

    if (rc)
        return rc;
    *out = node->plain && !strcmp(node->text, "true");
    if (!*out && !(node->plain && !strcmp(node->text, "false")))
        return gd_yaml_fail(doc, node, err, GD_EFORMAT, "%s is \"%s\", but true or false is expected", what,
                            node->text);
    return GD_OK;
}
