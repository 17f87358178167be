/* identity.c - the values that an output depends on, as the user knows them. */
#include "reward/identity.h"

#include <string.h>

enum { NAMES = 6 };

/* The numbers that a journal has for names: of the enums in guerdon.h, in their order. */
static const struct choice {
    const char *key, *names[NAMES];
} choices[] = {
    { "truncate", { "error", "left", "right", "drop", "oldest-turns" } },
    { "add_eos", { "never", "auto", "always" } },
    { "format", { "auto", "jsonl", "json", "csv", "tsv", "text" } },
    { "pairs", { "none", "best-worst", "best-random", "all" } },
    { "by", { "min-score", "min-margin", "top-fraction", "flip-below" } },
    { "texts", { "no", "yes" } },
    { "annotate", { "no", "yes" } },
    { "skip_unscored", { "no", "yes" } },
    { "max_length", { "not given" } },
    { "top", { "not given" } },
};

static const char *name_of(const char *key, const json_t *value)
{
    const json_int_t number = json_integer_value(value);

    if (json_is_string(value) && !*json_string_value(value))
        return "not given";
    for (size_t i = 0; json_is_integer(value) && i < sizeof choices / sizeof choices[0]; i++)
        if (!strcmp(key, choices[i].key) && number >= 0 && number < NAMES)
            return choices[i].names[number];
    return NULL;
}

void gd_identity_value(gd_buf *out, const char *key, const json_t *value)
{
    const char *name = name_of(key, value);

    if (name)
        gd_buf_str(out, name);
    else if (value && !json_is_null(value))
        gd_json_put(out, value, JSON_ENCODE_ANY | JSON_COMPACT);
    else
        gd_buf_str(out, "the default");
}
