/* expr.c - the simple arithmetic of graph files: recursive descent of bounded depth. */
#include "graph/expr.h"

#include "base/error.h"
#include "base/json.h"

#include <math.h>
#include <string.h>

#define MAX_DEPTH 16u
#define MAX_NAME 127u

/* A value, or why there is none: a branch not taken need not have one. */
struct value {
    double number;
    char missing[MAX_NAME + 1]; /* the first missing name, "" for none */
    const char *trouble;        /* "a division by zero", NULL for none */
};

struct parser {
    const gd_yaml *doc;
    const gd_yaml_node *node;
    const char *what, *at;
    gd_expr_lookup *lookup;
    const void *context;
    unsigned depth;
    gd_error *err;
};

static gd_status parse_fallback(struct parser *p, struct value *out);

static gd_status fail_syntax(const struct parser *p, const char *expected)
{
    return gd_yaml_fail(p->doc, p->node, p->err, GD_EFORMAT, "%s is \"%s\": %s expected at \"%s\"", p->what,
                        p->node->text, expected, p->at);
}

static void skip_blanks(struct parser *p) { p->at += strspn(p->at, " "); }

static bool take(struct parser *p, char c)
{
    skip_blanks(p);
    if (*p->at != c)
        return false;
    p->at++;
    return true;
}

static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
static bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* A number as JSON writes it; its reader rounds correctly in every locale. */
static gd_status parse_number(struct parser *p, struct value *out)
{
    const char *end = p->at;
    json_t *number = NULL;
    gd_status rc = GD_EFORMAT;

    while (is_digit(*end) || *end == '.' || *end == 'e' || *end == 'E' ||
           ((*end == '-' || *end == '+') && (end[-1] == 'e' || end[-1] == 'E')))
        end++;
    if (!is_letter(*end))
        rc = gd_json_parse(&number, p->at, (size_t)(end - p->at), "", NULL);
    if (rc == GD_ENOMEM)
        return gd_fail_memory(p->err, (size_t)(end - p->at));
    if (rc || !json_is_number(number)) {
        json_decref(number);
        return fail_syntax(p, "a decimal number is");
    }
    out->number = json_number_value(number);
    json_decref(number);
    p->at = end;
    return GD_OK;
}

static gd_status parse_name(struct parser *p, char *name)
{
    size_t len = 0;

    skip_blanks(p);
    while (is_letter(p->at[len]) || (len && is_digit(p->at[len])))
        len++;
    if (!len || len > MAX_NAME)
        return fail_syntax(p, "a number, a name or ( is");
    memcpy(name, p->at, len);
    name[len] = '\0';
    p->at += len;
    return GD_OK;
}

static gd_status look_up(struct parser *p, const char *name, struct value *out)
{
    switch (p->lookup(p->context, name, &out->number, p->err)) {
    case GD_EXPR_FOUND: return GD_OK;
    case GD_EXPR_MISSING:
        strcpy(out->missing, name); /* both hold MAX_NAME characters */
        return GD_OK;
    case GD_EXPR_UNKNOWN:
        return gd_yaml_fail(p->doc, p->node, p->err, GD_EFORMAT, "%s is \"%s\": there is no size \"%s\"", p->what,
                            p->node->text, name);
    default: return p->err ? p->err->status : GD_EFORMAT;
    }
}

static gd_status parse_inside(struct parser *p, struct value *out)
{
    gd_status rc;

    if (++p->depth > MAX_DEPTH)
        return gd_yaml_fail(p->doc, p->node, p->err, GD_EFORMAT, "%s: parentheses nest deeper than %u", p->what,
                            MAX_DEPTH);
    rc = parse_fallback(p, out);
    if (!rc && !take(p, ')'))
        rc = fail_syntax(p, ") is");
    p->depth--;
    return rc;
}

/* A number, a name, a function of something, or something in parentheses. */
static gd_status parse_atom(struct parser *p, struct value *out)
{
    char name[MAX_NAME + 1];
    gd_status rc;

    *out = (struct value){ 0 };
    if (take(p, '('))
        return parse_inside(p, out);
    if (is_digit(*p->at))
        return parse_number(p, out);
    rc = parse_name(p, name);
    if (rc)
        return rc;
    if (!take(p, '('))
        return look_up(p, name, out);
    if (strcmp(name, "sqrt") != 0)
        return gd_yaml_fail(p->doc, p->node, p->err, GD_EFORMAT, "%s is \"%s\": there is no function %s, only sqrt",
                            p->what, p->node->text, name);
    rc = parse_inside(p, out);
    if (!rc && out->number < 0)
        out->trouble = "the square root of a negative number";
    out->number = out->trouble ? 0 : sqrt(out->number);
    return rc;
}

static void combine(struct value *left, const struct value *right, char op)
{
    if (!*left->missing)
        strcpy(left->missing, right->missing);
    if (!left->trouble)
        left->trouble = right->trouble;
    if (*left->missing || left->trouble)
        return;
    switch (op) {
    case '+': left->number += right->number; break;
    case '-': left->number -= right->number; break;
    case '*': left->number *= right->number; break;
    default:
        if (right->number == 0)
            left->trouble = "a division by zero";
        else
            left->number /= right->number;
    }
    if (!left->trouble && !isfinite(left->number))
        left->trouble = "not a finite number";
}

static gd_status parse_product(struct parser *p, struct value *out)
{
    gd_status rc = parse_atom(p, out);

    while (!rc) {
        const char op = take(p, '*') ? '*' : take(p, '/') ? '/' : '\0';
        struct value right;

        if (!op)
            break;
        rc = parse_atom(p, &right);
        if (!rc)
            combine(out, &right, op);
    }
    return rc;
}

/* A minus may begin it. */
static gd_status parse_sum(struct parser *p, struct value *out)
{
    const bool negative = take(p, '-');
    gd_status rc = parse_product(p, out);

    if (!rc && negative)
        out->number = -out->number;
    while (!rc) {
        const char op = take(p, '+') ? '+' : take(p, '-') ? '-' : '\0';
        struct value right;

        if (!op)
            break;
        rc = parse_product(p, &right);
        if (!rc)
            combine(out, &right, op);
    }
    return rc;
}

static gd_status parse_fallback(struct parser *p, struct value *out)
{
    gd_status rc = parse_sum(p, out);

    while (!rc && take(p, '|')) {
        struct value right;

        rc = parse_sum(p, &right);
        if (!rc && *out->missing)
            *out = right;
    }
    return rc;
}

/* The whole of a scalar: a number, or the trouble with it. */
static gd_status parse_all(struct parser *p, struct value *out)
{
    gd_status rc;

    p->at = p->node->text;
    rc = parse_fallback(p, out);
    if (rc)
        return rc;
    skip_blanks(p);
    if (*p->at)
        return fail_syntax(p, "an operator is");
    return GD_OK;
}

gd_status gd_expr_eval(double *out, const gd_yaml *doc, const gd_yaml_node *node, const char *what,
                       gd_expr_lookup *lookup, const void *context, gd_error *err)
{
    struct parser p = { .doc = doc, .node = node, .what = what, .lookup = lookup, .context = context, .err = err };
    struct value result;
    gd_status rc = gd_yaml_expect(doc, node, GD_YAML_SCALAR, what, err);

    if (!rc)
        rc = parse_all(&p, &result);
    if (rc)
        return rc;
    if (*result.missing)
        return gd_yaml_fail(doc, node, err, GD_EFORMAT, "%s is \"%s\", but config.json has no field \"%s\"", what,
                            node->text, result.missing);
    if (result.trouble)
        return gd_yaml_fail(doc, node, err, GD_EFORMAT, "%s is \"%s\": %s", what, node->text, result.trouble);
    *out = result.number;
    return GD_OK;
}

gd_status gd_expr_check(const gd_yaml *doc, const gd_yaml_node *node, const char *what, gd_expr_lookup *lookup,
                        const void *context, gd_error *err)
{
    struct parser p = { .doc = doc, .node = node, .what = what, .lookup = lookup, .context = context, .err = err };
    struct value result;

    return parse_all(&p, &result);
}

gd_status gd_expr_again(double *out, const char **trouble, const char *text, gd_expr_lookup *lookup,
                        const void *context, gd_error *err)
{
    const gd_yaml_node node = { .kind = GD_YAML_SCALAR, .file = "", .text = text };
    struct parser p = { .node = &node, .what = "value", .lookup = lookup, .context = context, .err = err };
    struct value result;
    gd_status rc = parse_all(&p, &result);

    if (rc)
        return rc;
    *out = result.number;
    *trouble = result.trouble;
    return GD_OK;
}
