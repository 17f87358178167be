/* make_pages.c - makes the manual pages and the shell completions from the tables that --help prints. Runs during the
 * build, on the build machine, which may differ from the one the program is built for.
 *
 *     make_pages man COMMAND PROSE VERSION    PROSE: a file with the page's own sections, in roff
 *     make_pages bash|zsh|fish */
#include "cli/options.h"

#include <stdio.h>
#include <string.h>

/* Escapes text so that roff prints it literally. */
static void put_roff(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if ((i == 0 || text[i - 1] == '\n') && (text[i] == '.' || text[i] == '\''))
            (void)fputs("\\&", stdout);
        if (text[i] == '\\')
            (void)fputs("\\(rs", stdout);
        else if (text[i] == '-')
            (void)fputs("\\-", stdout);
        else if (text[i] == '\'')
            (void)fputs("\\(aq", stdout);
        else
            (void)putchar(text[i]);
    }
}

static void put_words(const char *text) { put_roff(text, strlen(text)); }

/* ---- manual pages ---- */

static void man_head(const cli_command *command, const char *version)
{
    printf(".\\\" guerdon-%s(1), made by make_pages\n.TH GUERDON\\-", command->name);
    for (const char *p = command->name; *p; p++)
        (void)putchar(*p >= 'a' && *p <= 'z' ? *p - 'a' + 'A' : *p);
    printf(" 1 \"\" \"guerdon %s\" \"Guerdon\"\n.SH NAME\nguerdon\\-%s \\- ", version, command->name);
    put_words(command->about);
    (void)fputs("\n.SH SYNOPSIS\n.nf\n", stdout);
    for (const char *line = command->synopsis; *line; line += *line == '\n') {
        const size_t len = strcspn(line, "\n");

        printf("\\fBguerdon %s\\fR ", command->name);
        put_roff(line, len);
        (void)putchar('\n');
        line += len;
    }
    (void)fputs(".fi\n", stdout);
}

static int copy_file(const char *path)
{
    FILE *file = fopen(path, "r");
    int c;

    if (!file) {
        perror(path);
        return 1;
    }
    while ((c = getc(file)) != EOF)
        (void)putchar(c);
    (void)fclose(file);
    return 0;
}

/* GUERDON_MAX_LENGTH for max-length. */
static void put_variable(const char *name)
{
    (void)fputs("GUERDON_", stdout);
    for (; *name; name++)
        (void)putchar(*name == '-' ? '_' : *name - 'a' + 'A');
}

static const char *first_flag(const cli_command *command)
{
    size_t i = 0;

    while (!(cli_flags[i].commands & command->bit))
        i++;
    return cli_flags[i].name;
}

static void man_flag(const cli_flag *flag)
{
    (void)fputs(flag->value ? ".TP\n.BI \\-\\-" : ".TP\n.B \\-\\-", stdout);
    put_words(flag->name);
    if (flag->value) {
        (void)fputs(" \" ", stdout);
        put_words(flag->value);
        (void)putchar('"');
    }
    (void)putchar('\n');
    put_words(flag->about);
    (void)putchar('\n');
}

/* Those for the engine, under a heading, or the others. */
static void man_list(const cli_command *command, unsigned engine)
{
    const char *heading = engine ? ".SS " CLI_ENGINE_HEADING "\n" : "";

    for (size_t i = 0; i < cli_flag_count; i++) {
        if (!(cli_flags[i].commands & command->bit) || (cli_flags[i].commands & CLI_ENGINE) != engine)
            continue;
        (void)fputs(heading, stdout);
        heading = "";
        man_flag(&cli_flags[i]);
    }
}

static void man_flags(const cli_command *command)
{
    (void)fputs(".SH FLAGS\nThe value of a flag is the next argument, or follows an equals sign.\n.B \\-\\-\n"
                "ends the flags. A flag with a value may be given only once",
                stdout);
    for (size_t i = 0; i < cli_flag_count; i++)
        if ((cli_flags[i].commands & command->bit) && cli_flags[i].kind == CLI_LIST)
            printf(", but for\n.BR \\-\\-%s ", cli_flags[i].name);
    (void)fputs(".\nA flag that is not given is taken from the environment:\n.B ", stdout);
    put_variable(first_flag(command));
    (void)fputs("\nfor\n.BR \\-\\-", stdout);
    put_words(first_flag(command));
    (void)fputs(" ,\nand so on; 1 turns a switch on.\n", stdout);
    man_list(command, 0);
    man_list(command, CLI_ENGINE);
}

/* The statuses that the command has. */
static void man_statuses(const cli_command *command)
{
    (void)fputs(".SH EXIT STATUS\n0 success; ", stdout);
    if (command->bit & (CLI_CMD_SCORE | CLI_CMD_RANK | CLI_CMD_FILTER | CLI_CMD_EVAL | CLI_CMD_TOKENIZE))
        (void)fputs("1 some items failed, the others were done; ", stdout);
    if (command->bit & CLI_CMD_CROSSCHECK)
        (void)fputs("1 the two sides don't agree; ", stdout);
    (void)fputs("2 the command line is wrong; ", stdout);
    if (command->bit & CLI_CMD_COMPARE)
        (void)fputs("3 an input or output can't be used; ", stdout);
    else if (command->bit & CLI_CMD_BACKENDS)
        (void)fputs("3 the output can't be written; ", stdout);
    else
        (void)fputs("3 a model, adapter, input or output can't be used; ", stdout);
    (void)fputs("4 out of memory or another resource; 130 interrupted; ", stdout);
    if (command->bit & CLI_CMD_TRAIN)
        (void)fputs("143 ended by SIGTERM; ", stdout);
    (void)fputs("141 whoever read standard output stopped reading.\n", stdout);
}

static void man_tail(const cli_command *command)
{
    const char *sep = "";

    man_statuses(command);
    (void)fputs(".SH EXAMPLES\n.nf\n", stdout);
    put_words(command->examples);
    (void)fputs(".fi\n.SH SEE ALSO\n.BR guerdon (1)", stdout);
    sep = ",\n";
    for (size_t i = 0; i < cli_command_count; i++)
        if (&cli_commands[i] != command)
            printf("%s.BR guerdon\\-%s (1)", sep, cli_commands[i].name);
    (void)putchar('\n');
}

static int man(const char *name, const char *prose, const char *version)
{
    for (size_t i = 0; i < cli_command_count; i++) {
        const cli_command *command = &cli_commands[i];

        if (strcmp(command->name, name) != 0)
            continue;
        man_head(command, version);
        if (copy_file(prose))
            return 1;
        man_flags(command);
        man_tail(command);
        return 0;
    }
    fprintf(stderr, "make_pages: there is no command %s\n", name);
    return 1;
}

/* ---- completion ---- */

/* The words to complete a value with, where they differ from the choices that --help shows; a test compares them with
 * what is accepted. */
static const char *words_of(const cli_flag *flag)
{
    static const char *const words[][2] = {
        { "chat-format", "auto|hh|chatml|qwen2|qwen2.5|qwen3|smollm2|llama3|llama3.1|llama3.2|tulu|olmo2|zephyr|"
                         "mistral|mistral-v0.1|mistral-v0.1-2023|mistral-v0.2-2023|gemma|gemma3|phi4|phi4-2024|"
                         "internlm2" },
        { "only", "matmul|scoring|batch|length|answers|memory" },
        { "weights", "rewardbench" },
        { "normalize", NULL }, /* a file, or numbers */
        { "lora-targets", "all-linear" },
        { "resume", "auto|never" },
        { "best", "eval_accuracy|eval_loss|eval_margin" },
        { "compat", "trl" },
    };

    for (size_t i = 0; flag->value && i < sizeof words / sizeof words[0]; i++)
        if (!strcmp(flag->name, words[i][0]))
            return words[i][1];
    return flag->value && strchr(flag->value, '|') ? flag->value : NULL;
}

static int is_choice(const cli_flag *flag) { return words_of(flag) != NULL; }
static int is_dir(const cli_flag *flag) { return flag->value && !strcmp(flag->value, "DIR"); }
static int is_file(const cli_flag *flag) { return flag->value && strstr(flag->value, "FILE") && !is_choice(flag); }

/* Whether what is not a flag is a file. */
static int takes_files(const cli_command *command) { return command->bit == CLI_CMD_COMPARE; }

/* The choices, separated by blanks. */
static void put_choices(const cli_flag *flag)
{
    for (const char *p = words_of(flag); *p; p++)
        (void)putchar(*p == '|' ? ' ' : *p);
}

/* Text in a shell's single quotes, with a backslash before every character of `masked`. */
static void put_quoted(const char *text, const char *masked)
{
    (void)putchar('\'');
    for (; *text; text++) {
        if (*text == '\'')
            (void)fputs("'\\'", stdout);
        else if (strchr(masked, *text))
            (void)putchar('\\');
        (void)putchar(*text);
    }
    (void)putchar('\'');
}

static void bash_command(const cli_command *command)
{
    printf("    %s)\n        flags='", command->name);
    for (size_t i = 0; i < cli_flag_count; i++)
        if (cli_flags[i].commands & command->bit)
            printf("--%s ", cli_flags[i].name);
    printf("'\n        %scase $previous in\n", takes_files(command) ? "rest=-f\n        " : "");
    for (size_t i = 0; i < cli_flag_count; i++) {
        const cli_flag *flag = &cli_flags[i];

        if (!(flag->commands & command->bit) || !flag->value)
            continue;
        printf("        --%s) ", flag->name);
        if (is_choice(flag)) {
            (void)fputs("words='", stdout);
            put_choices(flag);
            (void)putchar('\'');
        } else {
            (void)fputs(is_dir(flag) ? "files=-d" : is_file(flag) ? "files=-f" : "files=none", stdout);
        }
        (void)fputs(" ;;\n", stdout);
    }
    (void)fputs("        esac ;;\n", stdout);
}

static void put_command_names(void)
{
    for (size_t i = 0; i < cli_command_count; i++)
        printf("%s ", cli_commands[i].name);
}

static void bash(void)
{
    (void)fputs("# bash completion for guerdon, made by make_pages\n_guerdon()\n{\n"
                "    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} flags= words= "
                "files= rest=\n"
                "    if [ \"$current\" = = ]; then\n        current=\n    elif [ \"$previous\" = = ]; then\n"
                "        previous=${COMP_WORDS[COMP_CWORD-2]}\n    fi\n"
                "    COMPREPLY=()\n    if [ \"$COMP_CWORD\" -eq 1 ]; then\n        COMPREPLY=($(compgen -W '",
                stdout);
    put_command_names();
    (void)fputs("--help --version' -- \"$current\"))\n        return\n    fi\n    case ${COMP_WORDS[1]} in\n", stdout);
    for (size_t i = 0; i < cli_command_count; i++)
        bash_command(&cli_commands[i]);
    (void)fputs("    esac\n"
                "    if [ \"$files\" = none ]; then\n        return\n"
                "    elif [ -n \"$words\" ]; then\n        COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
                "    elif [ -n \"$files\" ]; then\n        COMPREPLY=($(compgen \"$files\" -- \"$current\"))\n"
                "    elif [ -n \"$rest\" ] && [ \"${current#-}\" = \"$current\" ]; then\n"
                "        COMPREPLY=($(compgen \"$rest\" -- \"$current\"))\n"
                "    else\n        COMPREPLY=($(compgen -W \"$flags\" -- \"$current\"))\n    fi\n}\n"
                "complete -o filenames -F _guerdon guerdon\n",
                stdout);
}

static void zsh_flag(const cli_flag *flag)
{
    char what[400];

    (void)snprintf(what, sizeof what, "%s--%s[%s]", flag->kind == CLI_LIST ? "*" : "", flag->name, flag->about);
    (void)fputs("            ", stdout);
    put_quoted(what, ":");
    if (flag->value) {
        printf("':%s:", is_choice(flag) ? "choice" : flag->value);
        if (is_choice(flag)) {
            (void)putchar('(');
            put_choices(flag);
            (void)putchar(')');
        } else {
            (void)fputs(is_dir(flag) ? "_files -/" : is_file(flag) ? "_files" : " ", stdout);
        }
        (void)putchar('\'');
    }
    (void)fputs(" \\\n", stdout);
}

static void zsh(void)
{
    (void)fputs("#compdef guerdon\n# zsh completion for guerdon, made by make_pages\n_guerdon()\n{\n"
                "    if (( CURRENT == 2 )); then\n        local -a commands=(\n",
                stdout);
    for (size_t i = 0; i < cli_command_count; i++) {
        printf("            %s:", cli_commands[i].name);
        put_quoted(cli_commands[i].about, ":");
        (void)putchar('\n');
    }
    (void)fputs("        )\n        _describe command commands\n        return\n    fi\n    local command=$words[2]\n"
                "    shift words\n    (( CURRENT-- ))\n    case $command in\n",
                stdout);
    for (size_t i = 0; i < cli_command_count; i++) {
        printf("    %s)\n        _arguments \\\n", cli_commands[i].name);
        for (size_t f = 0; f < cli_flag_count; f++)
            if (cli_flags[f].commands & cli_commands[i].bit)
                zsh_flag(&cli_flags[f]);
        (void)fputs(takes_files(&cli_commands[i]) ? "            '*:file:_files' ;;\n" : "            '*:text: ' ;;\n",
                    stdout);
    }
    (void)fputs("    esac\n}\n_guerdon \"$@\"\n", stdout);
}

static void fish(void)
{
    (void)fputs("# fish completion for guerdon, made by make_pages\ncomplete -c guerdon -f\n", stdout);
    for (size_t i = 0; i < cli_command_count; i++) {
        printf("complete -c guerdon -n __fish_use_subcommand -a %s -d ", cli_commands[i].name);
        put_quoted(cli_commands[i].about, "\\");
        (void)putchar('\n');
        if (takes_files(&cli_commands[i]))
            printf("complete -c guerdon -n '__fish_seen_subcommand_from %s' -F\n", cli_commands[i].name);
        for (size_t f = 0; f < cli_flag_count; f++) {
            const cli_flag *flag = &cli_flags[f];

            if (!(flag->commands & cli_commands[i].bit))
                continue;
            printf("complete -c guerdon -n '__fish_seen_subcommand_from %s' -l %s", cli_commands[i].name, flag->name);
            (void)fputs(is_file(flag)  ? " -rF"
                        : is_dir(flag) ? " -xa '(__fish_complete_directories)'"
                        : flag->value  ? " -x"
                                       : "",
                        stdout);
            if (is_choice(flag)) {
                (void)fputs(" -a '", stdout);
                put_choices(flag);
                (void)putchar('\'');
            }
            (void)fputs(" -d ", stdout);
            put_quoted(flag->about, "\\");
            (void)putchar('\n');
        }
    }
}

int main(int argc, char **argv)
{
    if (argc == 5 && !strcmp(argv[1], "man"))
        return man(argv[2], argv[3], argv[4]);
    if (argc == 2 && !strcmp(argv[1], "bash"))
        bash();
    else if (argc == 2 && !strcmp(argv[1], "zsh"))
        zsh();
    else if (argc == 2 && !strcmp(argv[1], "fish"))
        fish();
    else
        return fprintf(stderr, "usage: make_pages man COMMAND PROSE VERSION | bash | zsh | fish\n"), 2;
    return fflush(stdout) != 0;
}
