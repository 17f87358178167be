/* values.c - the values of flags: from text to what the table in flags.c says. */
#include "cli/cli.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The place of `value` among the choices "a|b|c", or -1. */
static int choice_index(const char *choices, const char *value)
{
    const size_t len = strlen(value);
    int index = 0;

    for (const char *p = choices;; p++, index++) {
        const size_t n = strcspn(p, "|");

        if (n == len && !memcmp(p, value, n))
            return index;
        p += n;
        if (!*p)
            return -1;
    }
}

/* A value with the place that it comes from. */
struct given_value {
    const cli_flag *flag;
    const char *text;
    const cli_place *place;
};

static int refuse(const struct given_value *value, const char *expected)
{
    const cli_place *place = value->place;

    if (place->file)
        cli_say("%s:%u:%u: %s: %s: expected %s", place->file, place->line, place->column, place->key, value->text,
                expected);
    else
        cli_say("--%s=%s: expected %s", value->flag->name, value->text, expected);
    return CLI_USAGE;
}

static int set_count(const struct given_value *given, size_t *slot)
{
    const char *value = given->text;
    unsigned long long n;
    char *end;

    errno = 0;
    n = value[0] >= '0' && value[0] <= '9' ? strtoull(value, &end, 10) : 0;
    if (!n || *end || errno || n > SIZE_MAX || (!strcmp(given->flag->name, "threads") && n > UINT_MAX))
        return refuse(given, "a whole number, at least 1");
    *slot = (size_t)n;
    return CLI_OK;
}

/* 2G, 1.5G, 1500M, 2GiB, 2147483648: bytes.  2GB is 2,000,000,000. */
static int set_size(const struct given_value *given, size_t *slot)
{
    static const char units[] = "KMGT";
    const char *value = given->text;
    char *end = NULL;
    double n = value[0] >= '0' && value[0] <= '9' && value[1] != 'x' && value[1] != 'X' ? strtod(value, &end) : 0;

    if (n > 0 && *end) {
        const char *unit = strchr(units, *end >= 'a' ? *end - 'a' + 'A' : *end);
        const int decimal = unit && (!strcmp(end + 1, "B") || !strcmp(end + 1, "b"));

        for (long i = unit ? unit - units + 1 : 0; i > 0; i--)
            n *= decimal ? 1000 : 1024;
        end += unit != NULL;
        end += decimal ? 1 : unit && !strncmp(end, "iB", 2) ? 2 : 0;
    }
    if (!(n >= 1) || n >= 0x1p63 || *end)
        return refuse(given, "a number of bytes, such as 2G, 1.5G or 900M");
    *slot = (size_t)n;
    return CLI_OK;
}

/* Array jobs count from 0 or from 1, as they are told; here the last part must be N/N, so the mistake shows at once. */
static int set_share(const struct given_value *given, cli_share *slot)
{
    const char *value = given->text;
    unsigned long long which = 0, of = 0;
    char *end = NULL, *end_of = NULL;

    if (value[0] >= '0' && value[0] <= '9')
        which = strtoull(value, &end, 10);
    if (end && *end == '/' && end[1] >= '0' && end[1] <= '9')
        of = strtoull(end + 1, &end_of, 10);
    if (!end_of || *end_of || !of || of > CLI_SHARES_MAX)
        return refuse(given, "I/N, such as 1/8: part I of N, at most 1000000");
    if (!which)
        return refuse(given, "a part from 1 to N; parts count from 1, so with indices from 0, add 1: $((I + 1))/N");
    if (which > of)
        return refuse(given, "a part from 1 to N");
    *slot = (cli_share){ (size_t)which, (size_t)of };
    return CLI_OK;
}

static int set_number(const struct given_value *given, gd_number *slot)
{
    const char *value = given->text;
    char *end;

    slot->value = strtod(value, &end);
    slot->given = 1;
    if (end != value && !*end && isfinite(slot->value) && !strpbrk(value, "xX"))
        return CLI_OK;
    return refuse(given, "a number, such as 0.5 or -2");
}

static int add_to_list(const struct given_value *given, cli_list *list)
{
    if (list->count == CLI_LIST_MAX) {
        cli_say("--%s has more than %d values", given->flag->name, CLI_LIST_MAX);
        return CLI_USAGE;
    }
    list->values[list->count++] = given->text;
    return CLI_OK;
}

int cli_set(cli_settings *settings, const cli_flag *flag, const char *value, const cli_place *place)
{
    const struct given_value given = { flag, value, place };
    char *slot = (char *)settings + flag->offset;
    int index = 1;

    switch (flag->kind) {
    case CLI_COUNT: return set_count(&given, (size_t *)(void *)slot);
    case CLI_NUMBER: return set_number(&given, (gd_number *)(void *)slot);
    case CLI_SHARE: return set_share(&given, (cli_share *)(void *)slot);
    case CLI_SIZE: return set_size(&given, (size_t *)(void *)slot);
    case CLI_LIST: return add_to_list(&given, (cli_list *)(void *)slot);
    case CLI_WORD:
    case CLI_CHOICE:
        index = choice_index(flag->value, value);
        if (index < 0)
            return refuse(&given, flag->value);
        if (flag->kind == CLI_WORD)
            *(const char **)(void *)slot = value;
        else
            *(int *)(void *)slot = index;
        break;
    case CLI_TEXT: *(const char **)(void *)slot = value; break;
    case CLI_SWITCH: *(int *)(void *)slot = 1; break;
    }
    return CLI_OK;
}
