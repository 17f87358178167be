/* fuzz_json.c - JSON, read thrice: by our scanner, by jansson's parser, and by the small one below, which knows
 * what is accepted beyond RFC 8259: NaN, Infinity, numbers of any size, halves of surrogate pairs. */
#include "tests/fuzz/fuzz.h"

#include "base/jscan.h"
#include "base/json.h"
#include "base/utf8.h"

#include <errno.h>
#include <math.h>

enum { DEEPEST = 512 }; /* of a tree */

struct text {
    const char *p, *end; /* NUL-terminated */
    size_t depth, deepest;
    bool beyond;   /* it has what jansson refuses */
    bool odd_name; /* it has a name that no tree can have */
};

static void skip_space(struct text *t)
{
    while (t->p < t->end && strchr(" \t\r\n", *t->p) && *t->p)
        t->p++;
}

static bool take(struct text *t, const char *word)
{
    const size_t len = strlen(word);

    if ((size_t)(t->end - t->p) < len || memcmp(t->p, word, len) != 0)
        return false;
    t->p += len;
    return true;
}

static bool take_hex(struct text *t, unsigned *code)
{
    static const char digits[] = "0123456789abcdefABCDEF";
    char four[5] = "";

    if (t->end - t->p < 4)
        return false;
    memcpy(four, t->p, 4);
    *code = (unsigned)strtoul(four, NULL, 16);
    t->p += 4;
    return strspn(four, digits) == 4;
}

/* After \u. *high is the half of a pair that precedes, or 0. */
static bool take_escape(struct text *t, unsigned *high, bool *whole)
{
    unsigned code;

    if (!take_hex(t, &code))
        return false;
    if (code >= 0xDC00 && code < 0xE000) {
        *whole = *whole && *high;
        *high = 0;
    } else {
        *whole = *whole && !*high;
        *high = code >= 0xD800 && code < 0xE000 ? code : 0;
    }
    return true;
}

static bool take_string(struct text *t, bool name)
{
    unsigned high = 0;
    bool whole = true, nul = false;

    if (!take(t, "\""))
        return false;
    while (!take(t, "\"")) {
        if (t->p == t->end || (unsigned char)*t->p < ' ')
            return false;
        if (take(t, "\\u")) {
            nul = nul || !strncmp(t->p, "0000", 4);
            if (!take_escape(t, &high, &whole))
                return false;
            continue;
        }
        whole = whole && !high;
        high = 0;
        if (take(t, "\\") && (t->p == t->end || !*t->p || !strchr("\"\\/bfnrt", *t->p)))
            return false;
        t->p++;
    }
    whole = whole && !high;
    t->beyond = t->beyond || !whole;
    t->odd_name = t->odd_name || (name && (nul || !whole));
    return true;
}

static bool take_digits(struct text *t)
{
    const char *from = t->p;

    t->p += strspn(t->p, "0123456789");
    return t->p > from;
}

static bool take_number(struct text *t)
{
    const char *from = t->p;

    (void)take(t, "-");
    if (!take(t, "0") && !take_digits(t))
        return false;
    if (*t->p != '.' && *t->p != 'e' && *t->p != 'E') {
        errno = 0;
        (void)strtoll(from, NULL, 10);
        t->beyond = t->beyond || errno == ERANGE;
        return true;
    }
    if (take(t, ".") && !take_digits(t))
        return false;
    if (take(t, "e") || take(t, "E")) {
        if (!take(t, "+"))
            (void)take(t, "-");
        if (!take_digits(t))
            return false;
    }
    t->beyond = t->beyond || isinf(strtod(from, NULL));
    return true;
}

static bool take_value(struct text *t);

static bool take_members(struct text *t, const char *close)
{
    bool first = true;

    if (++t->depth > t->deepest)
        t->deepest = t->depth;
    for (skip_space(t); !take(t, close); skip_space(t), first = false) {
        if (!first && !take(t, ","))
            return false;
        skip_space(t);
        if (*close == '}') {
            if (!take_string(t, true))
                return false;
            skip_space(t);
            if (!take(t, ":"))
                return false;
        }
        if (!take_value(t))
            return false;
    }
    t->depth--;
    return true;
}

static bool take_value(struct text *t)
{
    skip_space(t);
    if (take(t, "NaN") || take(t, "Infinity") || take(t, "-Infinity")) {
        t->beyond = true;
        return true;
    }
    if (take(t, "{"))
        return take_members(t, "}");
    if (take(t, "["))
        return take_members(t, "]");
    if (t->p < t->end && *t->p == '"')
        return take_string(t, false);
    return take(t, "null") || take(t, "true") || take(t, "false") || take_number(t);
}

static bool take_all(struct text *t)
{
    if (!take_value(t))
        return false;
    skip_space(t);
    return t->p == t->end;
}

/* A value that is only skipped need not fit into a tree. */
static bool is_skipped(const char *text, size_t size)
{
    gd_error err = { 0 };
    gd_jscan js = { .text = text, .len = size, .path = "line 1", .err = &err };
    gd_jspan span;
    gd_status rc = gd_jscan_skip(&js, &span);

    if (!rc)
        rc = gd_jscan_end(&js);
    gd_jscan_free(&js);
    return fuzz_accepted(rc, &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size);
    const bool utf8 = gd_utf8_check(text, size) == size;
    json_t *ours = NULL,
           *theirs = json_loadb(text, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    struct text t = { .p = text, .end = text + size };
    gd_error err = { 0 };
    const bool accepted = fuzz_accepted(gd_json_parse(&ours, text, size, "line 1", &err), &err);

    if (!utf8) {
        assert_false(accepted);
    } else {
        const bool valid = take_all(&t);

        assert_int_equal(is_skipped(text, size), valid);
        if (theirs && !memchr(text, '\0', size)) /* jansson takes NUL for the end */
            assert_true(accepted ? json_equal(ours, theirs) && !gd_json_has_odd(ours) : t.deepest > DEEPEST);
        if (!accepted)
            assert_true(!valid || t.odd_name || t.deepest > DEEPEST || strstr(err.text, "appears twice"));
        if (accepted)
            assert_true(valid && t.deepest <= DEEPEST && !t.odd_name && (theirs || t.beyond));
    }
    json_decref(theirs);
    json_decref(ours);
    free(text);
    return fuzz_end();
}
