/* json_tree.c - makes trees of JSON text.
 *
 * The tree is jansson's, but not the reader: that of version 2.14 goes on after its buffer could not grow, with bytes
 * lost.  Its functions for making values report every failure. */
#include "base/jscan.h"

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_DEPTH = 512 }; /* jansson frees and writes trees by recursion */

/* About what jansson and malloc take for each kind of value, and for a place in an object or a list. */
enum { OBJECT_COST = 272, LIST_COST = 168, STRING_COST = 80, NUMBER_COST = 32, MEMBER_COST = 96, ITEM_COST = 16 };

struct making {
    gd_jscan *js;
    struct level {
        json_t *container;
        bool list;
    } levels[MOST_DEPTH];
    size_t depth;
    json_t *root; /* owns all the rest */
    gd_buf key;   /* of the next member, NUL-terminated */
};

static gd_status fail_with(gd_jscan *js, const char *sentence)
{
    const char *path = js->path ? js->path : "", *colon = js->path ? ": " : "";

    return gd_fail(js->err, GD_EFORMAT, "%s%s%s", path, colon, sentence);
}

static gd_status too_much(gd_jscan *js)
{
    char sentence[100];

    (void)snprintf(sentence, sizeof sentence, "so many values that they would take more than %zu MiB of memory",
                   js->tree_most >> 20);
    return fail_with(js, sentence);
}

/* ---- what JSON can't express: an object whose only member has a name that is not UTF-8, as no text has ---- */

#define ODD_KEY "\xFF"

static const char *const odd_names[] = { "NaN", "Infinity", "-Infinity", "a number too large for 64 bits",
                                         "a string with half of a surrogate pair" };
enum { ODD_NAMES = sizeof odd_names / sizeof odd_names[0], TOO_LARGE = 3, HALF_PAIR = 4 };

static json_t *odd_value(const char *name)
{
    json_t *odd = json_object();

    if (!odd || json_object_set_new_nocheck(odd, ODD_KEY, json_string_nocheck(name)) == 0)
        return odd;
    json_decref(odd);
    return NULL;
}

const char *gd_json_odd(const json_t *value)
{
    const char *name = json_object_size(value) == 1 ? json_string_value(json_object_get(value, ODD_KEY)) : NULL;

    for (size_t i = 0; name && i < ODD_NAMES; i++)
        if (!strcmp(name, odd_names[i]))
            return odd_names[i];
    return NULL;
}

bool gd_json_has_odd(const json_t *value)
{
    const char *key;
    json_t *inside;
    size_t i;

    if (gd_json_odd(value))
        return true;
    json_object_foreach((json_t *)value, key, inside)
        if (gd_json_has_odd(inside))
            return true;
    json_array_foreach(value, i, inside)
        if (gd_json_has_odd(inside))
            return true;
    return false;
}

/* ---- values without others inside ---- */

/* Never in the locale's manner; the "C" locale always exists. */
static double read_real(const char *digits)
{
    const locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    const double value = c ? strtod_l(digits, NULL, c) : NAN;

    if (c)
        freelocale(c);
    return value;
}

/* Of digits that follow the grammar. */
static json_t *number_value(const char *digits)
{
    double real;

    if (!strpbrk(digits, ".eE")) {
        long long whole;

        errno = 0;
        whole = strtoll(digits, NULL, 10);
        if (!errno)
            return json_integer(whole);
    }
    real = read_real(digits);
    return isinf(real) ? odd_value(odd_names[TOO_LARGE]) : json_real(real); /* of NaN: NULL */
}

static gd_status make_number(gd_jscan *js, json_t **value)
{
    char few[64], *digits;
    gd_jspan span;
    const char *odd;
    gd_status rc = gd_jscan_number(js, &span, &odd);

    if (rc)
        return rc;
    if (odd) {
        *value = odd_value(odd);
        return GD_OK;
    }
    digits = span.len < sizeof few ? few : gd_alloc(span.len + 1, 1);
    if (!digits)
        return gd_fail_memory(js->err, span.len);
    memcpy(digits, js->text + span.at, span.len);
    digits[span.len] = '\0';
    *value = number_value(digits);
    if (digits != few)
        gd_free(digits);
    return GD_OK;
}

static gd_status make_string(gd_jscan *js, json_t **value)
{
    const char *s;
    size_t len;
    const gd_status rc = gd_jscan_loose_string(js, &s, &len);

    if (rc)
        return rc;
    js->tree_used += len;
    *value = js->odd ? odd_value(odd_names[HALF_PAIR]) : json_stringn_nocheck(s, len);
    return GD_OK;
}

static gd_status make_word(gd_jscan *js, json_t **value)
{
    gd_jspan span;
    const gd_status rc = gd_jscan_skip(js, &span);

    if (rc)
        return rc;
    *value = js->text[span.at] == 'n' ? json_null() : json_boolean(js->text[span.at] == 't');
    return GD_OK;
}

/* ---- the tree ---- */

/* A value of the type that the next character names; objects and lists are still empty. */
static gd_status make_value(gd_jscan *js, char type, json_t **value)
{
    *value = NULL;
    switch (type) {
    case '{': js->tree_used += OBJECT_COST; break;
    case '[': js->tree_used += LIST_COST; break;
    case '"': js->tree_used += STRING_COST; return make_string(js, value);
    case '0': js->tree_used += NUMBER_COST; return make_number(js, value);
    default: return make_word(js, value);
    }
    *value = type == '{' ? json_object() : json_array();
    js->at++;
    return GD_OK;
}

/* Takes over the value. */
static gd_status attach(struct making *m, json_t *value)
{
    const struct level *in = m->depth ? &m->levels[m->depth - 1] : NULL;
    int rc = 0;

    if (!in)
        m->root = value;
    else if (in->list)
        rc = json_array_append_new(in->container, value);
    else
        rc = json_object_set_new_nocheck(in->container, m->key.data, value);
    m->js->tree_used += !in ? 0 : in->list ? ITEM_COST : MEMBER_COST + m->key.len;
    return value && !rc ? GD_OK : gd_fail_memory(m->js->err, m->js->tree_used);
}

static gd_status take_key(struct making *m)
{
    const char *s;
    size_t len;
    gd_status rc = gd_jscan_key(m->js, &s, &len);

    if (rc)
        return rc;
    if (m->js->odd || memchr(s, '\0', len))
        return fail_with(m->js, m->js->odd ? "the name of a field has half of a surrogate pair"
                                           : "the name of a field has a NUL character");
    gd_buf_clear(&m->key);
    gd_buf_bytes(&m->key, s, len);
    if (!gd_buf_cstr(&m->key))
        return gd_fail_memory(m->js->err, len);
    if (json_object_get(m->levels[m->depth - 1].container, m->key.data))
        return gd_fail(m->js->err, GD_EFORMAT, "%s%sthe field \"%.100s\" appears twice", m->js->path ? m->js->path : "",
                       m->js->path ? ": " : "", m->key.data);
    return GD_OK;
}

/* After a value inside others: steps to the next one, leaving the objects and lists that end. */
static gd_status step(struct making *m, bool opened)
{
    bool more = false;
    gd_status rc = GD_OK;

    for (; !rc && m->depth && !more; opened = false) {
        const bool list = m->levels[m->depth - 1].list;

        rc = gd_jscan_next(m->js, list ? '[' : '{', opened, &more);
        if (!rc && more && !list)
            rc = take_key(m);
        m->depth -= !rc && !more;
    }
    return rc;
}

static gd_status open_level(struct making *m, json_t *container, bool list)
{
    if (m->depth == MOST_DEPTH)
        return fail_with(m->js, "values are nested deeper than 512 levels");
    m->levels[m->depth++] = (struct level){ container, list };
    return GD_OK;
}

static gd_status make(struct making *m)
{
    do {
        const char type = gd_jscan_peek(m->js);
        const bool opens = type == '{' || type == '[';
        json_t *value;
        gd_status rc = make_value(m->js, type, &value);

        if (!rc)
            rc = attach(m, value);
        if (!rc && opens)
            rc = open_level(m, value, type == '[');
        if (!rc && m->js->tree_most && m->js->tree_used > m->js->tree_most)
            rc = too_much(m->js);
        if (!rc)
            rc = step(m, opens);
        if (rc)
            return rc;
    } while (m->depth);
    return GD_OK;
}

gd_status gd_jscan_tree(gd_jscan *js, json_t **out)
{
    struct making m = { .js = js };
    const gd_status rc = make(&m);

    gd_buf_free(&m.key);
    if (rc) {
        json_decref(m.root);
        m.root = NULL;
    }
    *out = m.root;
    return rc;
}
