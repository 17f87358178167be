/* regex_parse.c - compiling a pattern: recursive descent, straight to code.
 *
 * Each parse function appends the code of what it read. A quantifier or an alternative changes the code that
 * was just appended; jumps are relative, so it may be moved and copied. */
#include "text/regex_parser.h"

#include "base/error.h"
#include "base/mem.h"

#include <string.h>

#define ALTERNATIVES 64

static gd_status alternatives(gd_regex_parser *p, bool *may_be_empty);

gd_status gd_regex_refuse(gd_regex_parser *p, size_t at, size_t len, const char *what)
{
    if (len > p->len - at)
        len = p->len - at;
    if (len == 0)
        return gd_fail(p->err, GD_EUNSUPPORTED, "%s: the pattern ends at byte %zu: %s", p->path, at, what);
    return gd_fail(p->err, GD_EUNSUPPORTED, "%s: the pattern has \"%.*s\" at byte %zu: %s", p->path, (int)len,
                   (const char *)p->s + at, at, what);
}

bool gd_regex_looking_at(const gd_regex_parser *p, const char *s)
{
    return p->len - p->at >= strlen(s) && !memcmp(p->s + p->at, s, strlen(s));
}

bool gd_regex_take(gd_regex_parser *p, const char *s)
{
    if (!gd_regex_looking_at(p, s))
        return false;
    p->at += strlen(s);
    return true;
}

gd_status gd_regex_emit(gd_regex_parser *p, gd_regex_code code)
{
    gd_regex *r = p->regex;

    if (r->code_len == GD_REGEX_CODE)
        return gd_fail(p->err, GD_EUNSUPPORTED, "%s: the pattern is too long", p->path);
    if (!gd_grow((void **)&r->code, &r->code_room, r->code_len + 1, sizeof code))
        return gd_fail_memory(p->err, sizeof code);
    r->code[r->code_len++] = code;
    return GD_OK;
}

/* Puts an instruction before the code from `at` on. */
static gd_status insert(gd_regex_parser *p, size_t at, gd_regex_code code)
{
    gd_status rc = gd_regex_emit(p, code);

    if (!rc) {
        memmove(p->regex->code + at + 1, p->regex->code + at, (p->regex->code_len - 1 - at) * sizeof code);
        p->regex->code[at] = code;
    }
    return rc;
}

static gd_status group(gd_regex_parser *p, gd_regex_op op, bool *may_be_empty)
{
    const size_t start = p->regex->code_len;
    const gd_regex_code end = { .op = GD_RE_END };
    gd_regex_code begin = { .op = op };
    gd_status rc;

    if (++p->depth > GD_REGEX_DEPTH)
        return gd_fail(p->err, GD_EUNSUPPORTED, "%s: the pattern's groups are nested deeper than %d", p->path,
                       GD_REGEX_DEPTH);
    rc = alternatives(p, may_be_empty);
    p->depth--;
    if (!rc && !gd_regex_take(p, ")"))
        return gd_regex_refuse(p, p->len, 0, "a group has no end");
    if (rc || op == GD_RE_JUMP) /* a plain group needs no code of its own */
        return rc;
    rc = gd_regex_emit(p, end);
    begin.to = (int32_t)(p->regex->code_len - start + 1);
    if (op != GD_RE_ATOMIC)
        *may_be_empty = true;
    return rc ? rc : insert(p, start, begin);
}

static gd_status caseless_group(gd_regex_parser *p, bool *may_be_empty);

static gd_status atom(gd_regex_parser *p, bool *may_be_empty)
{
    static const char special[] = "^$*+?{}])|";
    const size_t start = p->at;

    *may_be_empty = false;
    if (gd_regex_take(p, "["))
        return gd_regex_brackets(p);
    if (gd_regex_take(p, "(?:"))
        return group(p, GD_RE_JUMP, may_be_empty);
    if (gd_regex_take(p, "(?="))
        return group(p, GD_RE_AHEAD, may_be_empty);
    if (gd_regex_take(p, "(?!"))
        return group(p, GD_RE_NOT_AHEAD, may_be_empty);
    if (gd_regex_take(p, "(?>"))
        return group(p, GD_RE_ATOMIC, may_be_empty);
    if (gd_regex_take(p, "(?i:"))
        return caseless_group(p, may_be_empty);
    if (gd_regex_looking_at(p, "(?") || strchr(special, p->s[p->at]))
        return gd_regex_refuse(p, start, gd_regex_looking_at(p, "(?") ? 4 : 1, "this is not supported");
    if (gd_regex_take(p, "("))
        return group(p, GD_RE_JUMP, may_be_empty);
    return gd_regex_single(p);
}

/* Behind an atom: how often; true when there is a quantifier. */
static gd_status quantity(gd_regex_parser *p, uint32_t *min, uint32_t *max, gd_regex_op *op)
{
    const size_t start = p->at;
    bool braces = false;

    *min = *max = 1;
    *op = GD_RE_GREEDY;
    if (gd_regex_take(p, "*")) {
        *min = 0;
        *max = GD_REGEX_FOREVER;
    } else if (gd_regex_take(p, "+")) {
        *max = GD_REGEX_FOREVER;
    } else if (gd_regex_take(p, "?")) {
        *min = 0;
    } else if (gd_regex_take(p, "{")) {
        uint32_t numbers[2] = { 0, 0 }, n = 0;
        bool digits = false;

        for (; p->at < p->len && p->s[p->at] != '}' && numbers[n] < 1000; p->at++) {
            const unsigned char c = p->s[p->at];

            if (c == ',' && n == 0 && digits)
                n = 1, digits = false;
            else if (c >= '0' && c <= '9')
                numbers[n] = numbers[n] * 10 + (c - '0'), digits = true;
            else
                break;
        }
        *min = numbers[0];
        *max = n == 0 ? numbers[0] : digits ? numbers[1] : GD_REGEX_FOREVER;
        if (!(digits || n == 1) || numbers[0] > 1000 || numbers[1] > 1000 || *max < *min || *max == 0 ||
            !gd_regex_take(p, "}"))
            return gd_regex_refuse(p, start, p->at + 1 - start, "this quantifier is not supported");
        braces = true;
    }
    if (p->at > start && (gd_regex_looking_at(p, "?") || gd_regex_looking_at(p, "+"))) {
        if (braces) /* Ruby reads it as a second quantifier */
            return gd_regex_refuse(p, start, p->at + 1 - start, "this quantifier is not supported");
        *op = gd_regex_take(p, "?") ? GD_RE_LAZY : (p->at++, GD_RE_KEEP);
    }
    if (p->at > start && p->at < p->len && strchr("*+?{", p->s[p->at]))
        return gd_regex_refuse(p, start, p->at + 1 - start, "a quantifier of a quantifier is not supported");
    return GD_OK;
}

/* Repeats the code of a group, which stands at the end from `start` on. */
static gd_status repeat_group(gd_regex_parser *p, size_t start, uint32_t min, uint32_t max, gd_regex_op op)
{
    const size_t body = p->regex->code_len - start;
    const bool lazy = op == GD_RE_LAZY;
    const uint32_t copies = max == GD_REGEX_FOREVER ? (min ? min : 1) : max;
    gd_status rc = GD_OK;

    for (uint32_t k = 1; k < copies && !rc; k++) {
        for (size_t i = 0; i < body && !rc; i++)
            rc = gd_regex_emit(p, p->regex->code[start + i]);
    }
    if (!rc && max == GD_REGEX_FOREVER && min) { /* the last copy again, or on */
        const int32_t again = -(int32_t)body;
        const gd_regex_code split = { .op = GD_RE_SPLIT, .to = lazy ? 1 : again, .or_to = lazy ? again : 1 };

        return gd_regex_emit(p, split);
    }
    if (!rc && max == GD_REGEX_FOREVER) {
        const gd_regex_code jump = { .op = GD_RE_JUMP, .to = -(int32_t)body - 1 };

        rc = gd_regex_emit(p, jump);
    }
    for (uint32_t k = copies; k-- > (max == GD_REGEX_FOREVER ? 0 : min) &&
                              !rc;) { /* each optional copy may be left out, and all behind it */
        const size_t at = start + k * body;
        const int32_t out = (int32_t)(p->regex->code_len + 1 - at);
        const gd_regex_code split = { .op = GD_RE_SPLIT, .to = lazy ? out : 1, .or_to = lazy ? 1 : out };

        rc = insert(p, at, split);
    }
    return rc;
}

static gd_status quantified(gd_regex_parser *p, bool *may_be_empty)
{
    const size_t start = p->regex->code_len, text = p->at;
    const gd_regex_code end = { .op = GD_RE_END };
    gd_regex_code begin = { .op = GD_RE_ATOMIC }, *code;
    uint32_t min, max;
    gd_regex_op op;
    gd_status rc = atom(p, may_be_empty);

    if (!rc)
        rc = quantity(p, &min, &max, &op);
    if (rc || (min == 1 && max == 1))
        return rc;
    if (*may_be_empty)
        return gd_regex_refuse(p, text, p->at - text,
                               "a quantifier of something that may match nothing is not supported");
    *may_be_empty = min == 0;
    code = &p->regex->code[start];
    if (p->regex->code_len == start + 1 && code->op == GD_RE_SET) {
        code->op = op;
        code->min = (uint16_t)min;
        code->max = (uint16_t)max;
        return GD_OK;
    }
    rc = repeat_group(p, start, min, max, op);
    if (rc || op != GD_RE_KEEP)
        return rc;
    rc = gd_regex_emit(p, end);
    begin.to = (int32_t)(p->regex->code_len - start + 1);
    return rc ? rc : insert(p, start, begin);
}

static gd_status sequence(gd_regex_parser *p, bool caseless, bool *may_be_empty)
{
    gd_status rc = GD_OK;

    *may_be_empty = true;
    while (!rc && p->at < p->len && !gd_regex_looking_at(p, "|") && !gd_regex_looking_at(p, ")")) {
        bool empty = false;

        rc = caseless ? gd_regex_caseless_item(p) : quantified(p, &empty);
        *may_be_empty = *may_be_empty && empty;
    }
    return rc;
}

static gd_status either(gd_regex_parser *p, bool caseless, bool *may_be_empty)
{
    size_t jumps[ALTERNATIVES], n = 0, start = p->regex->code_len;
    gd_status rc = sequence(p, caseless, may_be_empty);

    while (!rc && gd_regex_take(p, "|")) {
        gd_regex_code split = { .op = GD_RE_SPLIT, .to = 1 };
        const gd_regex_code jump = { .op = GD_RE_JUMP };
        bool empty = false;

        if (n == ALTERNATIVES)
            return gd_fail(p->err, GD_EUNSUPPORTED, "%s: the pattern has more than %d alternatives", p->path,
                           ALTERNATIVES);
        rc = gd_regex_emit(p, jump);
        split.or_to = (int32_t)(p->regex->code_len - start + 1);
        if (!rc)
            rc = insert(p, start, split);
        jumps[n++] = p->regex->code_len - 1;
        start = p->regex->code_len;
        if (!rc)
            rc = sequence(p, caseless, &empty);
        *may_be_empty = *may_be_empty || empty;
    }
    for (size_t i = 0; i < n && !rc; i++)
        p->regex->code[jumps[i]].to = (int32_t)(p->regex->code_len - jumps[i]);
    return rc;
}

static gd_status alternatives(gd_regex_parser *p, bool *may_be_empty)
{
    return either(p, false, may_be_empty);
}

static gd_status caseless_group(gd_regex_parser *p, bool *may_be_empty)
{
    gd_status rc = either(p, true, may_be_empty);

    return rc || gd_regex_take(p, ")") ? rc : gd_regex_refuse(p, p->len, 0, "a group has no end");
}

gd_status gd_regex_open(gd_regex **out, const char *pattern, size_t len, const char *path, gd_error *err)
{
    gd_regex_parser p = { .s = (const unsigned char *)pattern, .len = len, .path = path, .err = err };
    const gd_regex_code end = { .op = GD_RE_END };
    bool may_be_empty = false;
    gd_status rc;

    *out = NULL;
    p.regex = gd_alloc_zero(1, sizeof *p.regex);
    if (!p.regex)
        return gd_fail_memory(err, sizeof *p.regex);
    rc = alternatives(&p, &may_be_empty);
    if (!rc && p.at < p.len)
        rc = gd_regex_refuse(&p, p.at, 1, "this is not supported");
    if (!rc && may_be_empty)
        rc = gd_fail(err, GD_EUNSUPPORTED,
                     "%s: the pattern could match nothing at all, which is not supported", path);
    if (!rc)
        rc = gd_regex_emit(&p, end);
    if (rc) {
        gd_regex_close(p.regex);
        return rc;
    }
    *out = p.regex;
    return GD_OK;
}
