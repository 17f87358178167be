/* markup.h - a simple check of HTML and SVG: whether every element is closed, in order, and what a text contains. */
#ifndef GD_TESTS_MARKUP_H
#define GD_TESTS_MARKUP_H

#include "tests/check.h"

enum { MARKUP_DEEPEST = 32, MARKUP_NAME = 16 };

/* Elements that have no end tag. */
static inline int markup_is_void(const char *name) { return !strcmp(name, "meta") || !strcmp(name, "!DOCTYPE"); }

/* Fails unless elements are properly nested, attributes are quoted, and every ampersand begins an entity. */
static inline void assert_markup(const char *text)
{
    char open[MARKUP_DEEPEST][MARKUP_NAME];
    int depth = 0;

    for (const char *p = text; *p; p++) {
        char name[MARKUP_NAME];
        size_t len;
        int closes, quotes = 0;

        if (*p == '&' && !strchr(p, ';'))
            fail_msg("a bare &: %.40s", p);
        if (*p == '>')
            fail_msg("a bare >: %.40s", p);
        if (*p != '<')
            continue;
        closes = p[1] == '/';
        p += 1 + closes;
        len = strcspn(p, " \t\n/>");
        if (len == 0 || len >= sizeof name)
            fail_msg("a bare <: %.40s", p - 1);
        memcpy(name, p, len);
        name[len] = '\0';
        for (p += len; *p && (*p != '>' || quotes); p++)
            quotes ^= *p == '"';
        assert_true(*p == '>' && !quotes);
        if (closes && (depth == 0 || strcmp(open[depth - 1], name) != 0))
            fail_msg("</%s> closes nothing, or <%s> is still open: %.60s", name, depth ? open[depth - 1] : "", p);
        if (closes) {
            depth--;
        } else if (p[-1] != '/' && !markup_is_void(name)) {
            assert_true(depth < MARKUP_DEEPEST);
            memcpy(open[depth++], name, len + 1);
        }
    }
    if (depth)
        fail_msg("<%s> is never closed", open[depth - 1]);
}

static inline size_t markup_count(const char *text, const char *what)
{
    size_t count = 0;

    for (const char *p = strstr(text, what); p; p = strstr(p + 1, what))
        count++;
    return count;
}

/* gd_eval_page() or another function that makes a page of a result. */
typedef gd_status markup_maker(const char *json, char **page, gd_error *err);

/* A result that lacks fields, or has them of other types, makes a page with gaps; what is not a result is refused.
 * Both lists end with NULL. */
static inline void assert_pages(markup_maker *make, const char *const *odd, const char *const *bad)
{
    char *page;

    for (; *odd; odd++) {
        assert_ok(make(*odd, &page, test_err));
        assert_markup(page);
        assert_null(strstr(page, "<script"));
        assert_null(strstr(page, "nan"));
        assert_null(strstr(page, "inf\""));
        gd_string_free(page);
    }
    for (; *bad; bad++) {
        assert_int_equal(make(*bad, &page, NULL), GD_EFORMAT);
        assert_null(page);
    }
}

/* The value of an attribute of the element that begins at p. */
static inline double markup_number(const char *p, const char *attribute)
{
    const char *end = strchr(p, '>');
    char wanted[32];
    const char *at;

    (void)snprintf(wanted, sizeof wanted, " %s=\"", attribute);
    at = strstr(p, wanted);
    if (!at || at > end)
        fail_msg("no %s in %.60s", attribute, p);
    return strtod(at + strlen(wanted), NULL);
}

#endif
