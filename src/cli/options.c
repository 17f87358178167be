/* options.c - reads the command line and the environment by the table in flags.c. */
#include "cli/cli.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* The value of argv[*at], which is `flag`: after its =, or else the next argument, to which *at then moves. */
static int take_value(const char **value, const cli_command *command, const cli_flag *flag, int argc, char **argv,
                      int *at)
{
    const char *equals = strchr(argv[*at], '=');

    *value = equals ? equals + 1 : NULL;
    if (flag->kind == CLI_SWITCH && equals) {
        cli_say("--%s takes no value", flag->name);
        return CLI_USAGE;
    }
    if (flag->kind == CLI_SWITCH)
        return CLI_OK;
    if (!equals && *at + 1 < argc && !strncmp(argv[*at + 1], "--", 2) && cli_flag_named(command, argv[*at + 1] + 2)) {
        cli_say("--%s needs a value, but the flag %s follows: --%s %s", flag->name, argv[*at + 1], flag->name,
                flag->value);
        return CLI_USAGE;
    }
    if (!equals && *at + 1 < argc && !strncmp(argv[*at + 1], "--", 2)) {
        cli_say("--%s needs a value, but %s follows; write --%s=%s if that is the value", flag->name, argv[*at + 1],
                flag->name, argv[*at + 1]);
        ++*at;
        return CLI_USAGE;
    }
    if (!equals && *at + 1 < argc)
        *value = argv[++*at];
    if (!*value || !**value) {
        cli_say("--%s needs a value: --%s %s", flag->name, flag->name, flag->value);
        return CLI_USAGE;
    }
    return CLI_OK;
}

static const cli_place here; /* no file: a mistake names the flag */

/* What to say of a second file where one is expected. */
static const char *several(const cli_flag *flag)
{
    if (!strcmp(flag->name, "input"))
        return "; " CLI_SEVERAL("input");
    return strcmp(flag->name, "train") ? "" : "; " CLI_SEVERAL("train");
}

/* One flag at argv[*at], with its value. */
static int parse_flag(cli_settings *settings, const cli_command *command, int argc, char **argv, int *at,
                      cli_given *given)
{
    const char *name = argv[*at] + 2;
    const char *value;
    const cli_flag *flag;

    if (argv[*at][1] != '-') {
        cli_say("%s is not a flag: flags begin with --, and a text that begins with - goes after --", argv[*at]);
        return CLI_USAGE;
    }
    flag = cli_flag_named(command, name);
    if (!flag) {
        const char *follows = *at + 1 < argc && argv[*at + 1][0] != '-' ? argv[*at + 1] : NULL;

        value = strchr(name, '=') ? strchr(name, '=') + 1 : follows;
        *at += value && value == follows; /* most flags have values: this one is none of the texts */
        cli_flag_refuse(command, name, value, settings->full);
        return CLI_USAGE;
    }
    if (given->flag[flag - cli_flags] && flag->kind != CLI_SWITCH && flag->kind != CLI_LIST) {
        cli_say("--%s is given twice%s", flag->name, several(flag));
        return CLI_USAGE;
    }
    given->flag[flag - cli_flags] = 1;
    if (take_value(&value, command, flag, argc, argv, at))
        return CLI_USAGE;
    return cli_set(settings, flag, value, &here);
}

/* GUERDON_MAX_LENGTH for max-length. */
static const char *from_environment(const cli_flag *flag)
{
    char name[64] = "GUERDON_";
    size_t at = strlen(name);
    const char *value;

    for (const char *p = flag->name; *p && at + 1 < sizeof name; p++)
        name[at++] = *p == '-' ? '_' : (char)(*p - 'a' + 'A');
    name[at] = '\0';
    value = getenv(name);
    return value && *value ? value : NULL;
}

static bool cli_is_set(const cli_given *given, const cli_flag *flag)
{
    for (size_t i = 0; i < cli_flag_count; i++)
        if (given->flag[i] && cli_flags[i].offset == flag->offset)
            return true;
    return false;
}

/* Flags that can't be given with others: where one is given, these others don't count if their source is weaker. */
static const struct {
    const char *flag, *others;
} rivals[] = {
    { "max-steps", " epochs " },
    { "epochs", " max-steps " },
    { "full", " lora-r lora-alpha lora-targets init-adapter " },
    { "init-adapter", " lora-r lora-alpha lora-targets full " },
};

bool cli_is_replaced(const cli_given *given, const cli_flag *flag)
{
    for (size_t r = 0; r < sizeof rivals / sizeof rivals[0]; r++)
        for (size_t i = 0; cli_is_listed(flag->name, rivals[r].others) && i < cli_flag_count; i++)
            if (given->flag[i] && !strcmp(cli_flags[i].name, rivals[r].flag))
                return true;
    return cli_is_set(given, flag);
}

/* Takes flags that were not given from the environment. An empty variable counts as unset; a switch is 1 or 0. */
static int add_environment(cli_settings *settings, const cli_command *command, const cli_given *given)
{
    for (size_t i = 0; i < cli_flag_count; i++) {
        const cli_flag *flag = &cli_flags[i];
        const int wanted = (flag->commands & command->bit) && !cli_is_replaced(given, flag) &&
                           strcmp(flag->name, "help") != 0;
        const char *value = wanted ? from_environment(flag) : NULL;

        if (!value || (flag->kind == CLI_SWITCH && !strcmp(value, "0")))
            continue;
        if (flag->kind == CLI_SWITCH && strcmp(value, "1") != 0) {
            cli_say("--%s=%s, from the environment: expected 1 or 0", flag->name, value);
            return CLI_USAGE;
        }
        if (cli_set(settings, flag, value, &here))
            return CLI_USAGE;
    }
    return CLI_OK;
}

/* The recipe itself may be named by the environment. */
static int add_recipe(cli_settings *settings, const cli_command *command, cli_given *given)
{
    for (size_t i = 0; i < cli_flag_count && !settings->recipe; i++)
        if ((cli_flags[i].commands & command->bit) && !strcmp(cli_flags[i].name, "recipe"))
            settings->recipe = from_environment(&cli_flags[i]);
    return settings->recipe ? cli_recipe_read(settings, given) : CLI_OK;
}

/* A command line for another program has many flags to change: all mistakes are reported, and not one a run. */
static int parse_arguments(cli_settings *settings, const cli_command *command, int argc, char **argv, cli_given *given)
{
    enum { MISTAKES = 40 };
    int ended = 0, mistakes = 0;

    for (int at = 0; at < argc && !settings->help && mistakes < MISTAKES; at++) {
        char *arg = argv[at];

        if (ended || arg[0] != '-' || !arg[1])
            settings->texts[settings->text_count++] = arg;
        else if (!strcmp(arg, "--"))
            ended = 1;
        else if (!strcmp(arg, "--help") || !strcmp(arg, "-h"))
            settings->help = 1; /* show help, whatever else is wrong */
        else
            mistakes += parse_flag(settings, command, argc, argv, &at, given) != CLI_OK;
    }
    return mistakes ? CLI_USAGE : CLI_OK;
}

/* "never" wins over what an adapter was trained with; no flag doesn't. */
static gd_add_eos choose_eos(int index)
{
    static const gd_add_eos choices[] = { GD_ADD_EOS_OFF, GD_ADD_EOS_AUTO, GD_ADD_EOS_ALWAYS };

    return index < 0 ? GD_ADD_EOS_NEVER : choices[index];
}

int cli_parse(cli_settings *settings, const cli_command *command, int argc, char **argv)
{
    cli_given typed = { { 0 } }, given;
    int status;

    memset(settings, 0, sizeof *settings);
    gd_options_init(&settings->options);
    gd_train_options_init(&settings->train);
    settings->format = settings->add_eos = -1;
    settings->texts = argv;
    status = parse_arguments(settings, command, argc, argv, &typed);
    if (status || settings->help)
        return status;
    given = typed;
    status = add_recipe(settings, command, &given);
    if (!status)
        status = add_environment(settings, command, &given);
    if (!status)
        status = cli_check_effects(settings, command, &typed);
    settings->options.threads = (unsigned)settings->threads;
    settings->options.truncate = (gd_truncate)settings->truncate;
    settings->options.add_eos = choose_eos(settings->add_eos);
    settings->options.no_share_prefix = settings->share_prefix;
    settings->options.dry_run = settings->dry_run != 0;
    return status;
}

void cli_forget(cli_settings *settings)
{
    cli_recipe_forget(settings->recipe_memory);
    settings->recipe_memory = NULL;
}
