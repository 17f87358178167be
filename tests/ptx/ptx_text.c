/* ptx_text.c - PTX as a sequence of tokens. */
#include "tests/ptx/ptx_text.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool ptx_fail(ptx_reader *r, const char *format, ...)
{
    va_list args;
    int n;

    if (r->failed)
        return false;
    r->failed = true;
    n = snprintf(r->err->text, sizeof r->err->text, "%s%sline %u: ", r->entry ? r->entry : "", r->entry ? ", " : "",
                 r->line);
    va_start(args, format);
    (void)vsnprintf(r->err->text + n, sizeof r->err->text - (size_t)n, format, args);
    va_end(args);
    return false;
}

static void skip_blanks(ptx_reader *r)
{
    for (;; r->at++) {
        if (r->at[0] == '/' && r->at[1] == '/')
            r->at += strcspn(r->at, "\n");
        if (r->at[0] == '/' && r->at[1] == '*') {
            for (; *r->at && !(r->at[0] == '*' && r->at[1] == '/'); r->at++)
                r->end_line += *r->at == '\n';
            r->at += *r->at ? 1 : 0;
        } else if (!isspace((unsigned char)*r->at)) {
            return;
        }
        if (!*r->at)
            return;
        r->end_line += *r->at == '\n';
    }
}

static bool in_name(const char *c) { return isalnum((unsigned char)*c) || strchr("_$%.", *c); }

/* "a::b" is one name. */
static void read_name(ptx_reader *r)
{
    size_t n = 0;

    while (*r->at && (in_name(r->at) || (r->at[0] == ':' && r->at[1] == ':'))) {
        const size_t step = *r->at == ':' ? 2 : 1;

        if (n + step >= PTX_NAME) {
            (void)ptx_fail(r, "a name of more than %d characters", PTX_NAME - 3);
            return;
        }
        memcpy(r->token.name + n, r->at, step);
        n += step;
        r->at += step;
    }
    r->token.name[n] = 0;
    r->token.kind = PTX_TOKEN_NAME;
}

static void read_number(ptx_reader *r)
{
    const bool bits = r->at[0] == '0' && strchr("fFdD", r->at[1]) && isxdigit((unsigned char)r->at[2]);
    char *end;

    r->token.kind = PTX_TOKEN_NUMBER;
    r->token.number = bits ? strtoull(r->at + 2, &end, 16) : strtoull(r->at, &end, 0);
    if (end == r->at || (in_name(end) && *end != 'U')) {
        (void)ptx_fail(r, "a number that isn't understood: %.20s", r->at);
        return;
    }
    r->at = end + (*end == 'U');
}

void ptx_read_next(ptx_reader *r)
{
    skip_blanks(r);
    r->line = r->end_line;
    r->token.sign = 0;
    r->token.name[0] = 0;
    if (!*r->at || r->failed) {
        r->token.kind = PTX_TOKEN_END;
    } else if (isdigit((unsigned char)*r->at)) {
        read_number(r);
    } else if (in_name(r->at)) {
        read_name(r);
    } else if (*r->at == '"') {
        r->token.kind = PTX_TOKEN_STRING;
        r->at += 1 + strcspn(r->at + 1, "\"\n");
        r->at += *r->at == '"';
    } else {
        r->token.kind = PTX_TOKEN_SIGN;
        r->token.sign = *r->at++;
    }
}

void ptx_read_begin(ptx_reader *r, const char *text, ptx_error *err)
{
    *r = (ptx_reader){ .at = text, .line = 1, .end_line = 1, .err = err };
    ptx_read_next(r);
}

bool ptx_take_sign(ptx_reader *r, char sign)
{
    if (r->token.kind != PTX_TOKEN_SIGN || r->token.sign != sign)
        return false;
    ptx_read_next(r);
    return true;
}

bool ptx_take_name(ptx_reader *r, const char *name)
{
    if (r->token.kind != PTX_TOKEN_NAME || strcmp(r->token.name, name) != 0)
        return false;
    ptx_read_next(r);
    return true;
}

bool ptx_want_sign(ptx_reader *r, char sign)
{
    return ptx_take_sign(r, sign) || ptx_fail(r, "'%c' is expected, not '%s%.1s'", sign, r->token.name, &r->token.sign);
}

bool ptx_want_name(ptx_reader *r, char out[PTX_NAME])
{
    if (r->token.kind != PTX_TOKEN_NAME)
        return ptx_fail(r, "a name is expected, not '%.1s'", &r->token.sign);
    memcpy(out, r->token.name, PTX_NAME);
    ptx_read_next(r);
    return true;
}

bool ptx_want_number(ptx_reader *r, uint64_t *out)
{
    const bool negative = ptx_take_sign(r, '-');

    if (r->token.kind != PTX_TOKEN_NUMBER)
        return ptx_fail(r, "a number is expected, not '%s%.1s'", r->token.name, &r->token.sign);
    *out = negative ? 0 - r->token.number : r->token.number;
    ptx_read_next(r);
    return true;
}
