/* adapters.c - --adapter [NAME=]DIR of serve: the directories, and the names by which requests ask for them. */
#include "cli/adapters.h"

#include "base/file.h"
#include "cli/cli.h"

#include <string.h>
#include <unistd.h>

/* A directory may have a = in its name. */
static size_t name_length(const char *value)
{
    const size_t len = strspn(value, CLI_NAME);

    return value[len] == '=' && access(value, F_OK) != 0 ? len : 0;
}

static int set_name(cli_adapters *out, size_t i, const char *name, size_t len)
{
    if (!len || len >= CLI_NAME_MAX) {
        cli_say("--adapter: the name \"%.*s\" has %zu characters, but 1 to %d are expected", (int)len, name, len,
                CLI_NAME_MAX - 1);
        return CLI_USAGE;
    }
    (void)memcpy(out->room[i], name, len);
    out->names[i] = out->room[i];
    return CLI_OK;
}

static int read_one(cli_adapters *out, size_t i, const char *value)
{
    const size_t named = name_length(value);
    size_t len;
    const char *name;

    out->dirs[i] = named ? value + named + 1 : value;
    if (!*out->dirs[i]) {
        cli_say("--adapter is \"%s\", but NAME=DIR or DIR is expected", value);
        return CLI_USAGE;
    }
    if (named)
        return set_name(out, i, value, named);
    name = gd_path_last(value, &len);
    return i ? set_name(out, i, name, len) : CLI_OK;
}

int cli_adapters_read(cli_adapters *out, const cli_list *values)
{
    int wrong = CLI_OK;

    *out = (cli_adapters){ .count = values->count };
    for (size_t i = 0; !wrong && i < values->count; i++)
        wrong = read_one(out, i, values->values[i]);
    return wrong;
}
