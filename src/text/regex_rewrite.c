/* regex_rewrite.c - reads a tokenizer's pattern twice: first to find the kinds of characters that its classes
 * distinguish, then to rewrite it in their numbers.
 *
 * Only what means the same in Oniguruma and in PCRE2 is accepted. */
#include "text/regex_kinds.h"

#include "base/error.h"
#include "base/utf8.h"

#include <string.h>

#define SETS 256u
#define DEPTH 16u
#define NO_CHAR UINT32_MAX

/* An open group; level 0 is the whole pattern. */
struct level {
    size_t start;
    bool caseless, ahead;
    bool empty;         /* the current alternative may match an empty string, so far */
    bool another_empty; /* an earlier alternative may */
};

struct reader {
    const unsigned char *s;
    size_t len, at;
    gd_kinds *kinds;
    gd_buf *out; /* NULL while the kinds are being found */
    unsigned sets, depth;
    struct level levels[DEPTH + 1];
    const char *path;
    gd_error *err;
};

static gd_status refuse(struct reader *r, size_t at, size_t len, const char *what)
{
    if (len > r->len - at)
        len = r->len - at;
    if (len == 0)
        return gd_fail(r->err, GD_EUNSUPPORTED, "%s: the pattern ends at byte %zu: %s", r->path, at, what);
    return gd_fail(r->err, GD_EUNSUPPORTED, "%s: the pattern has \"%.*s\" at byte %zu: %s", r->path, (int)len,
                   (const char *)r->s + at, at, what);
}

static bool looking_at(const struct reader *r, const char *s)
{
    return r->len - r->at >= strlen(s) && !memcmp(r->s + r->at, s, strlen(s));
}

static bool take(struct reader *r, const char *s)
{
    if (!looking_at(r, s))
        return false;
    r->at += strlen(s);
    return true;
}

static void emit(struct reader *r, const char *s, size_t len)
{
    if (r->out)
        gd_buf_bytes(r->out, s, len);
}

/* ---- sets of characters ---- */

static gd_status finish_set(struct reader *r, bool negated)
{
    uint32_t in_set[GD_KINDS];
    bool any = false;

    if (++r->sets > SETS)
        return gd_fail(r->err, GD_EUNSUPPORTED, "%s: the pattern has more than %u classes", r->path, SETS);
    if (!gd_kinds_split(r->kinds, in_set))
        return gd_fail(r->err, GD_EUNSUPPORTED, "%s: the pattern distinguishes more than %u kinds of characters",
                       r->path, GD_KINDS);
    if (!r->out)
        return GD_OK;
    gd_buf_str(r->out, "[");
    for (unsigned k = 0; k < r->kinds->count; k++) {
        if ((in_set[k] == 0) == negated) {
            gd_buf_printf(r->out, "\\x%02x", k);
            any = true;
        }
    }
    gd_buf_str(r->out, any ? "]" : "\\xff]"); /* GD_KINDS, for an empty class */
    return GD_OK;
}

/* The categories of a name such as L or Lu, or all others; 0 for another name. */
static uint32_t categories_named(const unsigned char *name, size_t len, bool others)
{
    static const char names[GD_CATEGORIES][3] = { "Cn", "Cc", "Cf", "Co", "Lu", "Ll", "Lt", "Lm", "Lo", "Mn",
                                                  "Mc", "Me", "Nd", "Nl", "No", "Pc", "Pd", "Ps", "Pe", "Pi",
                                                  "Pf", "Po", "Sm", "Sc", "Sk", "So", "Zs", "Zl", "Zp" };
    uint32_t bits = 0;

    for (unsigned i = 0; i < GD_CATEGORIES; i++) {
        if ((len == 1 || len == 2) && !memcmp(names[i], name, len))
            bits |= (uint32_t)1 << i;
    }
    return bits && others ? ~bits : bits;
}

static gd_status property(struct reader *r, size_t start)
{
    const bool others = r->s[r->at - 1] == 'P';
    const unsigned char *close = memchr(r->s + r->at, '}', r->len - r->at);
    const size_t end = close ? (size_t)(close - r->s) : r->len;
    uint32_t bits = 0;

    if (close && r->s[r->at] == '{')
        bits = categories_named(r->s + r->at + 1, end - r->at - 1, others);
    if (!bits)
        return refuse(r, start, end + 1 - start, "only general categories such as \\p{L} and \\p{Lu} are supported");
    gd_kinds_add_runs(r->kinds, gd_category_runs, gd_category_runs_count, 5, bits);
    r->at = end + 1;
    return GD_OK;
}

/* After a backslash and x or u: the character, or false. */
static bool hex(struct reader *r, size_t digits, uint32_t *c)
{
    const bool braces = digits == 2 && take(r, "{");

    *c = 0;
    for (size_t i = 0; braces ? !take(r, "}") : i < digits; i++) {
        static const char all[] = "0123456789abcdefABCDEF";
        const char *digit = r->at < r->len && r->s[r->at] ? strchr(all, r->s[r->at]) : NULL;
        size_t v;

        if (!digit || i > 7)
            return false;
        v = (size_t)(digit - all);
        *c = *c << 4 | (uint32_t)(v < 16 ? v : v - 6);
        r->at++;
    }
    if (digits == 2 && !braces) /* from 80 on, this is a byte of UTF-8, not a character */
        return *c < 0x80;
    return *c < GD_UNICODE_END && (*c < 0xD800 || *c > 0xDFFF);
}

/* After a backslash: adds a class to the set (*c is NO_CHAR then), or returns a single character in *c. */
static gd_status escape(struct reader *r, uint32_t *c)
{
    static const char names[] = "rntfvae", values[] = "\r\n\t\f\v\a\x1b";
    const size_t start = r->at - 1;
    const unsigned char e = r->at < r->len ? r->s[r->at++] : 0;
    const char *name = e ? strchr(names, e) : NULL;
    uint32_t spaces = 0;

    *c = NO_CHAR;
    if (e == 'p' || e == 'P')
        return property(r, start);
    if (name)
        *c = (unsigned char)values[name - names];
    else if (e == 'd' || e == 'D')
        gd_kinds_add_runs(r->kinds, gd_category_runs, gd_category_runs_count, 5,
                          categories_named((const unsigned char *)"Nd", 2, e == 'D'));
    else if (e == 's' || e == 'S') {
        for (unsigned v = 0; v < 16; v++)
            spaces |= (uint32_t)((v & GD_SET_SPACE) == (e == 's' ? GD_SET_SPACE : 0)) << v;
        gd_kinds_add_runs(r->kinds, gd_set_runs, gd_set_runs_count, 4, spaces);
    } else if (e > 0x20 && e < 0x7F && !((e | 0x20) >= 'a' && (e | 0x20) <= 'z') && !(e >= '0' && e <= '9'))
        *c = e;
    else if (!(e == 'x' && hex(r, 2, c)) && !(e == 'u' && hex(r, 4, c)))
        return refuse(r, start, 2, "this escape is not supported");
    return GD_OK;
}

/* A character, or an escape. */
static gd_status character(struct reader *r, uint32_t *c)
{
    size_t n;

    if (take(r, "\\"))
        return escape(r, c);
    *c = gd_utf8_decode(r->s + r->at, &n);
    r->at += n;
    return GD_OK;
}

/* One member of a class in brackets: a character, or a class (then *c is NO_CHAR). */
static gd_status member(struct reader *r, uint32_t *c)
{
    if (r->at >= r->len)
        return refuse(r, r->len, 0, "a class in brackets is not closed");
    if (looking_at(r, "[") || looking_at(r, "&&"))
        return refuse(r, r->at, 2, "a class within a class is not supported");
    return character(r, c);
}

/* After the opening bracket. */
static gd_status brackets(struct reader *r)
{
    const bool negated = take(r, "^");
    gd_status rc = GD_OK;

    if (looking_at(r, "]"))
        return refuse(r, r->at - 1, 2, "an empty class is not supported");
    while (!rc && !take(r, "]")) {
        const size_t start = r->at;
        uint32_t low, high;

        rc = member(r, &low);
        high = low;
        if (!rc && looking_at(r, "-") && r->len - r->at > 1 && r->s[r->at + 1] != ']') {
            r->at++;
            rc = low == NO_CHAR ? refuse(r, start, r->at - start, "a range begins with a class") : member(r, &high);
            if (!rc && (high == NO_CHAR || high < low))
                rc = refuse(r, start, r->at - start, "this range is not valid");
        }
        if (!rc && low != NO_CHAR)
            gd_kinds_add(r->kinds, low, high);
    }
    return rc ? rc : finish_set(r, negated);
}

/* Within (?i:..): a letter, an apostrophe, or letters in brackets. The long s and the Kelvin sign fold to letters. */
static gd_status caseless(struct reader *r)
{
    const bool in_brackets = take(r, "[");

    do {
        const unsigned char c = r->at < r->len ? r->s[r->at] : 0, lower = c | 0x20;
        const bool letter = lower >= 'a' && lower <= 'z';
        const unsigned char pair[2] = { lower, r->at + 1 < r->len ? r->s[r->at + 1] | 0x20 : 0 };

        if (!letter && c != '\'')
            return refuse(r, r->at, 1, "(?i:..) is supported only around letters and apostrophes");
        if (!in_brackets && (!memcmp(pair, "ss", 2) || !memcmp(pair, "st", 2) || !memcmp(pair, "ff", 2) ||
                             !memcmp(pair, "fi", 2) || !memcmp(pair, "fl", 2)))
            return refuse(r, r->at, 2, "a ligature folds to these two letters, which is not supported");
        gd_kinds_add(r->kinds, c, c);
        if (letter)
            gd_kinds_add(r->kinds, c ^ 0x20u, c ^ 0x20u);
        if (lower == 's' || lower == 'k')
            gd_kinds_add(r->kinds, lower == 's' ? 0x17F : 0x212A, lower == 's' ? 0x17F : 0x212A);
        r->at++;
    } while (in_brackets && !take(r, "]"));
    return finish_set(r, false);
}

/* ---- the grammar ---- */

/* After a $: no character follows but a newline. */
static gd_status end_of_line(struct reader *r)
{
    gd_status rc;

    emit(r, "(?!", 3);
    gd_kinds_add(r->kinds, '\n', '\n');
    rc = finish_set(r, true);
    emit(r, ")", 1);
    return rc;
}

static gd_status open_group(struct reader *r)
{
    static const struct {
        const char *from, *to;
        bool caseless, ahead;
    } kinds[] = { { "(?:", "(?:", false, false }, { "(?=", "(?=", false, true },  { "(?!", "(?!", false, true },
                  { "(?>", "(?>", false, false }, { "(?i:", "(?:", true, false }, { "(", "(?:", false, false } };
    const size_t start = r->at;
    size_t i = 0;

    while (!take(r, kinds[i].from))
        i++;
    if (i == 5 && looking_at(r, "?"))
        return refuse(r, start, 4, "this is not supported");
    if (++r->depth > DEPTH)
        return gd_fail(r->err, GD_EUNSUPPORTED, "%s: the pattern's groups are nested deeper than %u", r->path, DEPTH);
    r->levels[r->depth] = (struct level){ start, kinds[i].caseless, kinds[i].ahead, true, false };
    emit(r, kinds[i].to, 3);
    return GD_OK;
}

/* A character or a class. */
static gd_status single(struct reader *r)
{
    uint32_t c = '\n';
    const bool dot = looking_at(r, ".");
    gd_status rc = GD_OK;

    if (strchr("^*+?{}])", r->s[r->at]))
        return refuse(r, r->at, 1, "this is not supported");
    if (take(r, "["))
        return brackets(r);
    if (!take(r, "."))
        rc = character(r, &c);
    if (!rc && c != NO_CHAR)
        gd_kinds_add(r->kinds, c, c);
    return rc ? rc : finish_set(r, dot);
}

static void digits(struct reader *r)
{
    while (r->at < r->len && r->s[r->at] >= '0' && r->s[r->at] <= '9')
        r->at++;
}

/* {n}, {n,} or {n,m}, from the opening brace on: *zero says whether n is 0. A `+` or `?` after it, which in Ruby is a
 * second quantifier, is refused. */
static gd_status braces(struct reader *r, bool *zero)
{
    const size_t start = r->at++;
    size_t n;

    while (take(r, "0"))
        continue;
    n = r->at;
    digits(r);
    *zero = r->at == n;
    n = r->at - start - 1;
    if (n && take(r, ","))
        digits(r);
    if (!n || !take(r, "}") || looking_at(r, "?") || looking_at(r, "+"))
        return refuse(r, start, r->at + 1 - start, "this quantifier is not supported");
    return GD_OK;
}

/* The quantifier, if any, of the item that begins at `start`, which may match an empty string if `empty`. */
static gd_status quantifier(struct reader *r, size_t start, bool empty)
{
    const size_t from = r->at;
    bool zero = looking_at(r, "*") || looking_at(r, "?");
    gd_status rc = GD_OK;

    if (looking_at(r, "{"))
        rc = braces(r, &zero);
    else if ((take(r, "*") || take(r, "+") || take(r, "?")) && !take(r, "?"))
        (void)take(r, "+");
    if (rc)
        return rc;
    if (r->at > from && r->at < r->len && strchr("*+?{", r->s[r->at]))
        return refuse(r, from, r->at + 1 - from, "a quantifier of a quantifier is not supported");
    if (r->at > from && empty)
        return refuse(r, start, r->at - start, "a quantifier of something that may be empty is not supported");
    r->levels[r->depth].empty = r->levels[r->depth].empty && (empty || zero);
    emit(r, (const char *)r->s + from, r->at - from);
    return GD_OK;
}

static gd_status item(struct reader *r)
{
    struct level *l = &r->levels[r->depth];
    size_t start = r->at;
    bool empty = false;
    gd_status rc = GD_OK;

    if (take(r, "|")) {
        l->another_empty = l->another_empty || l->empty;
        l->empty = true;
        emit(r, "|", 1);
        return GD_OK;
    }
    if (r->depth && take(r, ")")) {
        start = l->start;
        empty = l->ahead || l->another_empty || l->empty;
        r->depth--;
        emit(r, ")", 1);
    } else if (l->caseless) {
        l->empty = false;
        return caseless(r);
    } else if (looking_at(r, "(")) {
        return open_group(r);
    } else if (take(r, "$")) {
        empty = true;
        rc = end_of_line(r);
    } else {
        rc = single(r);
    }
    return rc ? rc : quantifier(r, start, empty);
}

gd_status gd_regex_rewrite(gd_buf *out, gd_kinds *kinds, const char *pattern, size_t len, const char *path,
                           gd_error *err)
{
    gd_status rc = GD_OK;

    for (int pass = 0; pass < 2 && !rc; pass++) {
        struct reader r = { (const unsigned char *)pattern, len,          .kinds = kinds,
                            .out = pass ? out : NULL,       .path = path, .err = err };

        r.levels[0].empty = true;
        while (!rc && r.at < len)
            rc = item(&r);
        if (!rc && r.depth)
            rc = refuse(&r, len, 0, "a group is not closed");
        if (!rc && (r.levels[0].empty || r.levels[0].another_empty))
            rc = gd_fail(err, GD_EUNSUPPORTED, "%s: the pattern could match an empty string, which is not supported",
                         path);
    }
    return rc || !out->failed ? rc : gd_fail_memory(err, out->len);
}
