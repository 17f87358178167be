/* help.c - --help and --version.  The flags come from the table that parses them. */
#include "cli/cli.h"

#include "base/json.h"

#include <string.h>

enum { WIDTH = 79, INDENT = 8 };

/* Words of `text`, wrapped and indented. */
static void print_wrapped(const char *text)
{
    int column = 0;

    while (*text) {
        const int len = (int)strcspn(text, " ");

        if (column && column + 1 + len > WIDTH) {
            (void)putchar('\n');
            column = 0;
        }
        column += printf("%*s%.*s", column ? 1 : INDENT, "", len, text);
        text += len;
        text += *text == ' ';
    }
    (void)putchar('\n');
}

/* Those for the engine, or the others. */
static void print_flags(const cli_command *command, unsigned engine)
{
    for (size_t i = 0; i < cli_flag_count; i++) {
        const cli_flag *flag = &cli_flags[i];

        if (!(flag->commands & command->bit) || (flag->commands & CLI_ENGINE) != engine)
            continue;
        printf("    --%s%s%s\n", flag->name, flag->value ? " " : "", flag->value ? flag->value : "");
        print_wrapped(flag->about);
    }
}

static int has_engine_flags(const cli_command *command)
{
    for (size_t i = 0; i < cli_flag_count; i++)
        if ((cli_flags[i].commands & command->bit) && (cli_flags[i].commands & CLI_ENGINE))
            return 1;
    return 0;
}

/* One usage line per line of the synopsis. */
static void print_usage(const cli_command *command)
{
    const char *line = command->synopsis;
    const char *lead = "Usage:";

    do {
        const size_t len = strcspn(line, "\n");

        printf("%s guerdon %s %.*s\n", lead, command->name, (int)len, line);
        lead = "      ";
        line += len;
        line += *line == '\n';
    } while (*line);
}

static void help_program(void)
{
    (void)fputs("Usage: guerdon COMMAND [FLAGS]\n\n"
                "Scores texts with reward models, and trains them, in full precision and with\n"
                "the same bits on every machine.\n\nCommands:\n",
                stdout);
    for (size_t i = 0; i < cli_command_count; i++)
        printf("    %-10s %s\n", cli_commands[i].name, cli_commands[i].about);
    (void)fputs("\n    guerdon COMMAND --help    the flags of a command, with examples\n"
                "    guerdon help COMMAND      the same\n"
                "    guerdon --version         the versions of all parts, and the instruction sets\n\n"
                "Exit status: 0 success; 1 some items failed (crosscheck: the sides don't agree);\n"
                "2 wrong usage; 3 a model, adapter, input or output can't be used; 4 out of\n"
                "memory or another resource; 130 interrupted (train: 143 by SIGTERM); 141 whoever\n"
                "read standard output stopped reading.\n",
                stdout);
}

void cli_help(const cli_command *command)
{
    if (!command) {
        help_program();
        return;
    }
    print_usage(command);
    printf("\n%s", command->details);
    (void)fputs("\nFlags (--flag VALUE or --flag=VALUE; -- ends them):\n", stdout);
    print_flags(command, 0);
    if (has_engine_flags(command))
        (void)fputs("\n" CLI_ENGINE_HEADING ":\n", stdout);
    print_flags(command, CLI_ENGINE);
    printf("\nExamples:\n%s", command->examples);
}

/* "title: a, b, c" from an array of strings, or "a 1, b 2" from an object of them. */
static void print_list(const char *title, const json_t *list)
{
    const char *key, *sep = " ";
    const json_t *value;
    size_t index;

    printf("%s:", title);
    json_array_foreach(list, index, value) {
        printf("%s%s", sep, json_is_string(value) ? json_string_value(value) : "?");
        sep = ", ";
    }
    json_object_foreach((json_t *)list, key, value) {
        printf("%s%s %s", sep, key, json_is_string(value) ? json_string_value(value) : "?");
        sep = ", ";
    }
    (void)putchar('\n');
}

int cli_version(void)
{
    gd_error err = { GD_OK, "" };
    char *text = NULL;
    json_t *json = NULL;
    gd_status rc;

    printf("guerdon %s\n", gd_version());
    rc = gd_backends(&text, &err);
    if (!rc)
        rc = gd_json_parse(&json, text, strlen(text), "the description", &err);
    gd_string_free(text);
    if (rc)
        return cli_fail(rc, &err);
    print_list("libraries", json_object_get(json, "libraries"));
    print_list("instruction sets", json_object_get(json_object_get(json, "cpu"), "isa"));
    json_decref(json);
    return cli_finish_output();
}
