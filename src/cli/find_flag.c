/* find_flag.c - the flag that a name means, and what to say of a name that means none. */
#include "cli/cli.h"

#include <string.h>

/* The name of the index-th flag of `context`, a command, to find the one that was mistyped. */
static const char *flag_name(const void *context, size_t index)
{
    const cli_command *command = context;

    for (size_t i = 0; i < cli_flag_count; i++)
        if ((cli_flags[i].commands & command->bit) && index-- == 0)
            return cli_flags[i].name;
    return NULL;
}

/* Whether the first `len` bytes of `typed` are the name, with _ for - as other programs write it. */
static bool is_name(const char *name, const char *typed, size_t len)
{
    size_t i = 0;

    while (i < len && name[i] && (typed[i] == name[i] || (typed[i] == '_' && name[i] == '-')))
        i++;
    return i == len && !name[i];
}

const cli_flag *cli_flag_named(const cli_command *command, const char *typed)
{
    const size_t len = strcspn(typed, "=");

    for (size_t i = 0; i < cli_flag_count; i++)
        if ((cli_flags[i].commands & command->bit) && is_name(cli_flags[i].name, typed, len))
            return &cli_flags[i];
    return NULL;
}

/* What a flag of another program that trains is called here. */
static void say_alias(const char *typed, const cli_alias *alias, const char *value, bool full)
{
    if (value && cli_alias_is_done(alias, value, full))
        cli_say("train has no flag --%s; %s is what is done anyway: leave it out", typed, value);
    else if (alias->ours)
        cli_say("train has no flag --%s; it is called --%s here%s%s", typed, alias->ours, alias->why ? ": " : "",
                alias->why ? alias->why : "");
    else
        cli_say("train has no flag --%s; %s", typed, alias->why);
}

/* Whether all flags in the first `len` bytes of a hint are the command's. */
static bool fits(const cli_command *command, const char *hint, size_t len)
{
    for (const char *p = hint; (p = strstr(p, "--")) != NULL && (size_t)(p - hint) < len; p += 2) {
        const size_t name = strspn(p + 2, "abcdefghijklmnopqrstuvwxyz-");
        bool found = false;

        for (size_t i = 0; i < cli_flag_count && !found; i++)
            found = (cli_flags[i].commands & command->bit) && is_name(cli_flags[i].name, p + 2, name);
        if (!found)
            return false;
    }
    return true;
}

/* The length of that part of a hint that helps with this command: all, what comes before a semicolon, or nothing. */
static size_t fitting(const cli_command *command, const char *hint)
{
    const size_t all = hint ? strlen(hint) : 0, first = hint ? strcspn(hint, ";") : 0;

    return all && fits(command, hint, all) ? all : first < all && fits(command, hint, first) ? first : 0;
}

void cli_flag_refuse(const cli_command *command, const char *name, const char *value, bool full)
{
    const size_t len = strcspn(name, "=");
    char typed[64];
    const char *guess, *hint;
    size_t helps;

    (void)snprintf(typed, sizeof typed, "%.*s", len < sizeof typed ? (int)len : (int)sizeof typed - 1, name);
    guess = cli_closest(typed, flag_name, command);
    hint = cli_hint(typed);
    helps = fitting(command, hint);
    if ((command->bit & CLI_CMD_TRAIN) && cli_alias_find(typed))
        say_alias(typed, cli_alias_find(typed), value, full);
    else if (helps)
        cli_say("%s has no flag --%s; %.*s", command->name, typed, (int)helps, hint);
    else if (guess)
        cli_say("%s has no flag --%s; did you mean --%s?", command->name, typed, guess);
    else
        cli_say("%s has no flag --%s; guerdon %s --help lists them", command->name, typed, command->name);
}
