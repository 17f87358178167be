/* regex_class.c - compiling the sets of characters of a pattern. */
#include "text/regex_parser.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "text/unicode.h"

#include <string.h>

static gd_status new_set(gd_regex_parser *p, gd_regex_set **set)
{
    gd_regex *r = p->regex;

    if (r->sets_len == GD_REGEX_SETS)
        return gd_fail(p->err, GD_EUNSUPPORTED, "%s: the pattern has more than %zu classes", p->path,
                       GD_REGEX_SETS);
    if (!gd_grow((void **)&r->sets, &r->sets_room, r->sets_len + 1, sizeof **set))
        return gd_fail_memory(p->err, sizeof **set);
    *set = &r->sets[r->sets_len++];
    **set = (gd_regex_set){ .first = (uint32_t)r->ranges_len };
    return GD_OK;
}

static gd_status add_range(gd_regex_parser *p, gd_regex_set *set, uint32_t low, uint32_t high)
{
    gd_regex *r = p->regex;

    if (!gd_grow((void **)&r->ranges, &r->ranges_room, r->ranges_len + 1, sizeof *r->ranges))
        return gd_fail_memory(p->err, sizeof *r->ranges);
    r->ranges[r->ranges_len++] = (gd_regex_range){ low, high };
    set->count++;
    return GD_OK;
}

/* \s, or with `opposite` what isn't. */
static gd_status add_spaces(gd_regex_parser *p, gd_regex_set *set, bool opposite)
{
    gd_status rc = GD_OK;

    for (size_t i = 0; i < gd_set_runs_count && !rc; i++) {
        const uint32_t end = i + 1 < gd_set_runs_count ? gd_set_runs[i + 1] >> 4 : GD_UNICODE_END;

        if (((gd_set_runs[i] & GD_SET_SPACE) != 0) != opposite)
            rc = add_range(p, set, gd_set_runs[i] >> 4, end - 1);
    }
    return rc;
}

/* The set is complete: its code, and its answers for ASCII. */
static gd_status finish_set(gd_regex_parser *p, gd_regex_set *set)
{
    const gd_regex_code code = { .op = GD_RE_SET, .set = (uint16_t)(p->regex->sets_len - 1) };

    for (uint32_t c = 0; c < 128; c++) {
        if (gd_regex_in_set(p->regex, set, c))
            set->ascii[c >> 6] |= (uint64_t)1 << (c & 63);
    }
    return gd_regex_emit(p, code);
}

/* The categories of a name such as L or Lu; 0 for another name. */
static uint32_t categories_named(const unsigned char *name, size_t len)
{
    static const char names[GD_CATEGORIES][3] = { "Cn", "Cc", "Cf", "Co", "Lu", "Ll", "Lt", "Lm", "Lo", "Mn",
                                                  "Mc", "Me", "Nd", "Nl", "No", "Pc", "Pd", "Ps", "Pe", "Pi",
                                                  "Pf", "Po", "Sm", "Sc", "Sk", "So", "Zs", "Zl", "Zp" };
    uint32_t bits = 0;

    for (unsigned i = 0; i < GD_CATEGORIES; i++) {
        if ((len == 1 || len == 2) && !memcmp(names[i], name, len))
            bits |= (uint32_t)1 << i;
    }
    return bits;
}

static gd_status property(gd_regex_parser *p, gd_regex_set *set, size_t start)
{
    const bool opposite = p->s[p->at - 1] == 'P';
    const unsigned char *close = memchr(p->s + p->at, '}', p->len - p->at);
    const size_t end = close ? (size_t)(close - p->s) : p->len;
    uint32_t bits = 0;

    if (close && p->s[p->at] == '{')
        bits = categories_named(p->s + p->at + 1, end - p->at - 1);
    if (!bits)
        return gd_regex_refuse(p, start, end + 1 - start,
                               "only general categories such as \\p{L} and \\p{Lu} are supported");
    set->categories |= opposite ? (((uint32_t)1 << GD_CATEGORIES) - 1) & ~bits : bits;
    p->at = end + 1;
    return GD_OK;
}

/* Behind a backslash and x or u: the character, or false. */
static bool hex(gd_regex_parser *p, size_t digits, uint32_t *c)
{
    const bool braces = digits == 2 && gd_regex_take(p, "{");

    *c = 0;
    for (size_t i = 0; braces ? !gd_regex_take(p, "}") : i < digits; i++) {
        static const char all[] = "0123456789abcdefABCDEF";
        const char *digit = p->at < p->len && p->s[p->at] ? strchr(all, p->s[p->at]) : NULL;
        size_t v;

        if (!digit || i > 7)
            return false;
        v = (size_t)(digit - all);
        *c = *c << 4 | (uint32_t)(v < 16 ? v : v - 6);
        p->at++;
    }
    if (digits == 2 && !braces) /* in UTF-8 a byte, not a character, from 80 on */
        return *c < 0x80;
    return *c < GD_UNICODE_END && (*c < 0xD800 || *c > 0xDFFF);
}

/* Behind a backslash: adds a class to the set, or gives the one character *c (else *c is UINT32_MAX). */
static gd_status escape(gd_regex_parser *p, gd_regex_set *set, uint32_t *c)
{
    static const char names[] = "rntfvae", values[] = "\r\n\t\f\v\a\x1b";
    const size_t start = p->at - 1;
    const unsigned char e = p->at < p->len ? p->s[p->at++] : 0;
    const char *name = e ? strchr(names, e) : NULL;

    *c = UINT32_MAX;
    if (name)
        *c = (unsigned char)values[name - names];
    else if (e == 's' || e == 'S')
        return add_spaces(p, set, e == 'S');
    else if (e == 'd' || e == 'D')
        set->categories |=
            e == 'd' ? (uint32_t)1 << GD_ND : (((uint32_t)1 << GD_CATEGORIES) - 1) & ~((uint32_t)1 << GD_ND);
    else if (e == 'p' || e == 'P')
        return property(p, set, start);
    else if (e > 0x20 && e < 0x7F && !((e | 0x20) >= 'a' && (e | 0x20) <= 'z') && !(e >= '0' && e <= '9'))
        *c = e;
    else if (!(e == 'x' && hex(p, 2, c)) && !(e == 'u' && hex(p, 4, c)))
        return gd_regex_refuse(p, start, 2, "this escape is not supported");
    return GD_OK;
}

/* One member of a class in brackets: a character, or a class (then *c is UINT32_MAX). */
static gd_status member(gd_regex_parser *p, gd_regex_set *set, uint32_t *c)
{
    size_t n;

    if (p->at >= p->len)
        return gd_regex_refuse(p, p->len, 0, "a class in brackets has no end");
    if (gd_regex_looking_at(p, "[") || gd_regex_looking_at(p, "&&"))
        return gd_regex_refuse(p, p->at, 2, "a class within a class is not supported");
    if (gd_regex_take(p, "\\"))
        return escape(p, set, c);
    *c = gd_utf8_decode(p->s + p->at, &n);
    p->at += n;
    return GD_OK;
}

gd_status gd_regex_brackets(gd_regex_parser *p)
{
    gd_regex_set *set;
    gd_status rc = new_set(p, &set);

    if (rc)
        return rc;
    set->negated = gd_regex_take(p, "^");
    if (gd_regex_looking_at(p, "]"))
        return gd_regex_refuse(p, p->at - 1, 2, "an empty class is not supported");
    while (!rc && !gd_regex_take(p, "]")) {
        const size_t start = p->at;
        uint32_t low, high;

        rc = member(p, set, &low);
        high = low;
        if (!rc && gd_regex_looking_at(p, "-") && p->len - p->at > 1 && p->s[p->at + 1] != ']') {
            p->at++;
            rc = low == UINT32_MAX ? gd_regex_refuse(p, start, p->at - start, "a range begins with a class")
                                   : member(p, set, &high);
            if (!rc && (high == UINT32_MAX || high < low))
                rc = gd_regex_refuse(p, start, p->at - start, "this range is not one");
        }
        if (!rc && low != UINT32_MAX)
            rc = add_range(p, set, low, high);
    }
    return rc ? rc : finish_set(p, set);
}

gd_status gd_regex_single(gd_regex_parser *p)
{
    gd_regex_set *set;
    uint32_t c = '\n';
    size_t n;
    gd_status rc = new_set(p, &set);

    if (rc)
        return rc;
    if (gd_regex_take(p, "\\")) {
        rc = escape(p, set, &c);
    } else if (gd_regex_take(p, ".")) {
        set->negated = true;
    } else {
        c = gd_utf8_decode(p->s + p->at, &n);
        p->at += n;
    }
    if (!rc && c != UINT32_MAX)
        rc = add_range(p, set, c, c);
    return rc ? rc : finish_set(p, set);
}

/* One letter in both cases. Letters that fold to these: the long s and the Kelvin sign. */
static gd_status add_letter(gd_regex_parser *p, gd_regex_set *set, unsigned char c)
{
    const unsigned char lower = c | 0x20;
    gd_status rc = add_range(p, set, c, c);

    if (rc || lower < 'a' || lower > 'z')
        return rc;
    rc = add_range(p, set, c ^ 0x20u, c ^ 0x20u);
    if (!rc && (lower == 's' || lower == 'k'))
        rc = add_range(p, set, lower == 's' ? 0x17F : 0x212A, lower == 's' ? 0x17F : 0x212A);
    return rc;
}

static bool is_folding_pair(unsigned char a, unsigned char b)
{
    static const char pairs[] = "ss st ff fi fl";
    const char pair[3] = { (char)(a | 0x20), (char)(b | 0x20), '\0' };

    return strstr(pairs, pair) != NULL;
}

gd_status gd_regex_caseless_item(gd_regex_parser *p)
{
    const bool brackets = gd_regex_take(p, "[");
    gd_regex_set *set;
    gd_status rc = new_set(p, &set);

    do {
        const unsigned char c = p->at < p->len ? p->s[p->at] : 0;
        const bool letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';

        if (rc)
            return rc;
        if (!letter && c != '\'')
            return gd_regex_refuse(p, p->at, 1, "(?i:..) is supported around letters and apostrophes alone");
        if (!brackets && letter && p->at + 1 < p->len && is_folding_pair(c, p->s[p->at + 1]))
            return gd_regex_refuse(p, p->at, 2,
                                   "a ligature folds to these two letters, which is not supported");
        rc = add_letter(p, set, c);
        p->at++;
    } while (brackets && !gd_regex_take(p, "]"));
    return rc ? rc : finish_set(p, set);
}
