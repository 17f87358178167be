/* options.c - reads the command line by the table in flags.c. */
#include "cli/cli.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
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

/* The flag called name[0..len), or NULL after reporting that there is none. */
static const cli_flag *find_flag(const cli_command *command, const char *name, size_t len)
{
    char typed[64];
    const char *guess;

    for (size_t i = 0; i < cli_flag_count; i++)
        if ((cli_flags[i].commands & command->bit) && strlen(cli_flags[i].name) == len &&
            !memcmp(cli_flags[i].name, name, len))
            return &cli_flags[i];
    (void)snprintf(typed, sizeof typed, "%.*s", len < sizeof typed ? (int)len : (int)sizeof typed - 1, name);
    guess = cli_closest(typed, flag_name, command);
    if (cli_hint(typed))
        cli_say("%s has no flag --%s; %s", command->name, typed, cli_hint(typed));
    else if (guess)
        cli_say("%s has no flag --%s; did you mean --%s?", command->name, typed, guess);
    else
        cli_say("%s has no flag --%s; guerdon %s --help lists them", command->name, typed, command->name);
    return NULL;
}

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

static int bad_choice(const cli_flag *flag, const char *value)
{
    cli_say("--%s=%s: expected %s", flag->name, value, flag->value);
    return CLI_USAGE;
}

static int set_count(const cli_flag *flag, const char *value, size_t *slot)
{
    unsigned long long n;
    char *end;

    errno = 0;
    n = value[0] >= '0' && value[0] <= '9' ? strtoull(value, &end, 10) : 0;
    if (!n || *end || errno || n > SIZE_MAX || (!strcmp(flag->name, "threads") && n > UINT_MAX)) {
        cli_say("--%s=%s: expected a whole number, at least 1", flag->name, value);
        return CLI_USAGE;
    }
    *slot = (size_t)n;
    return CLI_OK;
}

/* 2G, 1.5G, 1500M, 2GiB, 2147483648: bytes.  2GB is 2,000,000,000. */
static int set_size(const cli_flag *flag, const char *value, size_t *slot)
{
    static const char units[] = "KMGT";
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
    if (!(n >= 1) || n >= 0x1p63 || *end) {
        cli_say("--%s=%s: expected a number of bytes, such as 2G, 1.5G or 900M", flag->name, value);
        return CLI_USAGE;
    }
    *slot = (size_t)n;
    return CLI_OK;
}

static int set_number(const cli_flag *flag, const char *value, cli_optional *slot)
{
    char *end;

    slot->value = strtod(value, &end);
    slot->given = 1;
    if (end != value && !*end && isfinite(slot->value) && !strpbrk(value, "xX"))
        return CLI_OK;
    cli_say("--%s=%s: expected a number, such as 0.5 or -2", flag->name, value);
    return CLI_USAGE;
}

static int set_flag(cli_settings *settings, const cli_flag *flag, const char *value)
{
    char *slot = (char *)settings + flag->offset;
    int index = 1;

    switch (flag->kind) {
    case CLI_COUNT: return set_count(flag, value, (size_t *)(void *)slot);
    case CLI_NUMBER: return set_number(flag, value, (cli_optional *)(void *)slot);
    case CLI_SIZE: return set_size(flag, value, (size_t *)(void *)slot);
    case CLI_WORD:
        if (choice_index(flag->value, value) < 0)
            return bad_choice(flag, value);
        *(const char **)(void *)slot = value;
        break;
    case CLI_TEXT: *(const char **)(void *)slot = value; break;
    case CLI_CHOICE:
        index = choice_index(flag->value, value);
        if (index < 0)
            return bad_choice(flag, value);
        *(int *)(void *)slot = index;
        break;
    case CLI_SWITCH: *(int *)(void *)slot = 1; break;
    }
    return CLI_OK;
}

/* The value of argv[*at], which is `flag`: after its =, or else the next argument, to which *at then moves. */
static int take_value(const char **value, const cli_flag *flag, int argc, char **argv, int *at)
{
    const char *equals = strchr(argv[*at], '=');

    *value = equals ? equals + 1 : NULL;
    if (flag->kind == CLI_SWITCH && equals) {
        cli_say("--%s takes no value", flag->name);
        return CLI_USAGE;
    }
    if (flag->kind == CLI_SWITCH)
        return CLI_OK;
    if (!equals && *at + 1 < argc && !strncmp(argv[*at + 1], "--", 2)) {
        cli_say("--%s needs a value, but %s follows; write --%s=%s if that is the value", flag->name, argv[*at + 1],
                flag->name, argv[*at + 1]);
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

/* Which flags of the table were given. */
struct given_flags {
    char flag[CLI_FLAGS_MAX];
};

/* One flag at argv[*at], with its value. */
static int parse_flag(cli_settings *settings, const cli_command *command, int argc, char **argv, int *at,
                      struct given_flags *given)
{
    const char *name = argv[*at] + 2;
    const char *value;
    const cli_flag *flag;

    if (argv[*at][1] != '-') {
        cli_say("%s is not a flag: flags begin with --, and a text that begins with - goes after --", argv[*at]);
        return CLI_USAGE;
    }
    flag = find_flag(command, name, strcspn(name, "="));
    if (!flag)
        return CLI_USAGE;
    if (given->flag[flag - cli_flags] && flag->kind != CLI_SWITCH) {
        cli_say("--%s is given twice%s", flag->name, strcmp(flag->name, "input") ? "" : "; " CLI_SEVERAL);
        return CLI_USAGE;
    }
    given->flag[flag - cli_flags] = 1;
    if (take_value(&value, flag, argc, argv, at))
        return CLI_USAGE;
    return set_flag(settings, flag, value);
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

/* Takes flags that were not given from the environment. An empty variable counts as unset; a switch is 1 or 0. */
static int add_environment(cli_settings *settings, const cli_command *command, const struct given_flags *given)
{
    for (size_t i = 0; i < cli_flag_count; i++) {
        const cli_flag *flag = &cli_flags[i];
        const int wanted = (flag->commands & command->bit) && !given->flag[i] && strcmp(flag->name, "help") != 0;
        const char *value = wanted ? from_environment(flag) : NULL;

        if (!value || (flag->kind == CLI_SWITCH && !strcmp(value, "0")))
            continue;
        if (flag->kind == CLI_SWITCH && strcmp(value, "1") != 0) {
            cli_say("--%s=%s, from the environment: expected 1 or 0", flag->name, value);
            return CLI_USAGE;
        }
        if (set_flag(settings, flag, value))
            return CLI_USAGE;
    }
    return CLI_OK;
}

/* "never" wins over what an adapter was trained with; no flag doesn't. */
static gd_add_eos choose_eos(int index)
{
    static const gd_add_eos choices[] = { GD_ADD_EOS_OFF, GD_ADD_EOS_AUTO, GD_ADD_EOS_ALWAYS };

    return index < 0 ? GD_ADD_EOS_NEVER : choices[index];
}

int cli_parse(cli_settings *settings, const cli_command *command, int argc, char **argv)
{
    struct given_flags given = { { 0 } };
    int ended = 0;

    memset(settings, 0, sizeof *settings);
    gd_options_init(&settings->options);
    settings->format = settings->add_eos = -1;
    settings->texts = argv;
    for (int at = 0; at < argc; at++) {
        char *arg = argv[at];

        if (ended || arg[0] != '-' || !arg[1]) {
            settings->texts[settings->text_count++] = arg;
        } else if (!strcmp(arg, "--")) {
            ended = 1;
        } else if (!strcmp(arg, "--help") || !strcmp(arg, "-h")) {
            settings->help = 1; /* show help, whatever else is wrong */
            return CLI_OK;
        } else if (parse_flag(settings, command, argc, argv, &at, &given)) {
            return CLI_USAGE;
        }
    }
    if (add_environment(settings, command, &given) || cli_check_effects(settings, command, given.flag))
        return CLI_USAGE;
    settings->options.threads = (unsigned)settings->threads;
    settings->options.truncate = (gd_truncate)settings->truncate;
    settings->options.add_eos = choose_eos(settings->add_eos);
    settings->options.no_share_prefix = settings->share_prefix;
    settings->options.dry_run = settings->dry_run != 0;
    return CLI_OK;
}
