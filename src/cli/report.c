/* report.c - prints a JSON object as lines for people to read.
 *
 * Walks whatever the library returns, in its order, so that a new field shows up without a change here.  An
 * object of a few plain values takes one line, and so does a sentence in a list; an object in a list is titled by its
 * first value.  Only one kind of key is special: `..._bytes` is a size. */
#include "cli/cli.h"

#include "base/json.h"

#include <string.h>

enum { DEEPEST = 6, WIDEST_LABEL = 16, MOST_INLINE = 8 };

static void print_bytes(json_int_t bytes)
{
    static const char *const units[] = { "KiB", "MiB", "GiB", "TiB" };
    double size = (double)bytes / 1024;
    size_t unit = 0;
    char number[CLI_NUMBER_ROOM];

    if (bytes < 0) {
        (void)fputs("unknown", stdout);
        return;
    }
    for (; size >= 1024 && unit + 1 < sizeof units / sizeof units[0]; unit++)
        size /= 1024;
    if (bytes < 1024)
        printf("%d bytes", (int)bytes);
    else
        printf("%.1f %s (%s bytes)", size, units[unit], cli_number(number, (unsigned long long)bytes));
}

static int is_bytes(const char *key)
{
    const size_t len = strlen(key);

    return len > 6 && !strcmp(key + len - 6, "_bytes");
}

/* kv_heads as "kv heads", weights_bytes as "weights"; returns the width. */
static int print_label(const char *key)
{
    const size_t len = strlen(key) - (is_bytes(key) ? 6 : 0);

    for (size_t i = 0; i < len; i++) {
        const char one[2] = { (char)(key[i] == '_' ? ' ' : key[i]), '\0' };

        cli_print(stdout, one);
    }
    return (int)len;
}

static void print_scalar(const char *key, const json_t *value)
{
    char number[CLI_NUMBER_ROOM];

    switch (json_typeof(value)) {
    case JSON_STRING: cli_print(stdout, json_string_value(value)); break;
    case JSON_TRUE: (void)fputs("yes", stdout); break;
    case JSON_FALSE: (void)fputs("no", stdout); break;
    case JSON_REAL: printf("%.9g", json_real_value(value)); break;
    case JSON_INTEGER:
        if (is_bytes(key))
            print_bytes(json_integer_value(value));
        else if (json_integer_value(value) >= 1000000) /* a smaller one may well be an id */
            (void)fputs(cli_number(number, (unsigned long long)json_integer_value(value)), stdout);
        else
            printf("%lld", (long long)json_integer_value(value));
        break;
    default: (void)fputs("none", stdout); break;
    }
}

static int is_plain(const json_t *value) { return !json_is_object(value) && !json_is_array(value); }

/* True when every member is a plain value. */
static int is_flat(const json_t *value)
{
    const char *key;
    const json_t *member;
    size_t index;

    json_object_foreach((json_t *)value, key, member) {
        if (!is_plain(member))
            return 0;
    }
    json_array_foreach(value, index, member) {
        if (!is_plain(member))
            return 0;
    }
    return 1;
}

/* True for a sentence, or a list with one in it. */
static int is_prose(const json_t *value)
{
    const json_t *member;
    size_t index;

    if (json_is_string(value))
        return strchr(json_string_value(value), ' ') != NULL;
    json_array_foreach(value, index, member) {
        if (json_is_string(member) && strchr(json_string_value(member), ' '))
            return 1;
    }
    return 0;
}

/* True if a member of the object is prose: then all are set apart by colons and semicolons. */
static int has_prose(const json_t *object)
{
    const char *name;
    const json_t *member;
    int prose = 0;

    json_object_foreach((json_t *)object, name, member)
        prose |= is_prose(member);
    return prose;
}

/* Everything on the current line: "name score.weight, from adapter". */
static void print_inline(const char *key, const json_t *value, int depth)
{
    const char *name, *sep = "";
    const json_t *member;
    size_t index;
    int prose;

    if (is_plain(value)) {
        print_scalar(key, value);
        return;
    }
    if (depth >= DEEPEST || (!json_object_size(value) && !json_array_size(value))) {
        (void)fputs(depth >= DEEPEST ? "..." : "none", stdout);
        return;
    }
    json_array_foreach(value, index, member) {
        (void)fputs(sep, stdout);
        print_inline(key, member, depth + 1);
        sep = ", ";
    }
    prose = has_prose(value);
    json_object_foreach((json_t *)value, name, member) {
        (void)fputs(sep, stdout);
        (void)print_label(name);
        (void)fputs(prose ? ": " : " ", stdout);
        print_inline(name, member, depth + 1);
        sep = prose ? "; " : ", ";
    }
}

static void print_object(const json_t *object, const char *skip, int depth);

/* A list that needs more than one line. */
static void print_items(const char *key, const json_t *list, int depth)
{
    const json_t *item;
    size_t index;

    json_array_foreach(list, index, item) {
        const char *first = json_object_iter_key(json_object_iter((json_t *)item));
        const char *title = first ? json_string_value(json_object_get(item, first)) : NULL;

        printf("%*s", 2 * depth, "");
        if (title && depth < DEEPEST) {
            cli_print(stdout, title);
            (void)putchar('\n');
            print_object(item, first, depth + 1);
            continue;
        }
        (void)fputs("- ", stdout);
        print_inline(key, item, depth + 1);
        (void)putchar('\n');
    }
}

/* The members of an object, one line each where that is enough; `skip` names one to leave out, or is NULL. */
static void print_object(const json_t *object, const char *skip, int depth)
{
    const char *key;
    const json_t *value;

    json_object_foreach((json_t *)object, key, value) {
        const int items = json_is_array(value) && (!is_flat(value) || is_prose(value));
        const int members = json_is_object(value) && depth < DEEPEST &&
                            (!is_flat(value) || json_object_size(value) > MOST_INLINE);
        int width;

        if (skip && !strcmp(key, skip))
            continue;
        printf("%*s", 2 * depth, "");
        width = print_label(key);
        if (!items && !members) {
            printf("%*s", width < WIDEST_LABEL ? WIDEST_LABEL - width : 1, "");
            print_inline(key, value, depth);
        }
        (void)putchar('\n');
        if (items)
            print_items(key, value, depth + 1);
        if (members)
            print_object(value, NULL, depth + 1);
    }
}

int cli_show(const char *json, int raw)
{
    gd_error err = { GD_OK, "" };
    json_t *object;
    gd_status rc;

    if (raw) {
        (void)puts(json);
        return cli_finish_output();
    }
    rc = gd_json_parse(&object, json, strlen(json), "the description", &err);
    if (rc)
        return cli_fail(rc, &err);
    print_object(object, NULL, 0);
    json_decref(object);
    return cli_finish_output();
}
