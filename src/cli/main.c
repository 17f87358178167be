/* main.c - finds the command and runs it. */
#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>

static const struct runner {
    unsigned bit;
    int (*run)(const cli_settings *settings);
} runners[] = {
    { CLI_CMD_SCORE, cli_score },     { CLI_CMD_RANK, cli_rank },         { CLI_CMD_FILTER, cli_filter },
    { CLI_CMD_EVAL, cli_eval },       { CLI_CMD_COMPARE, cli_compare },   { CLI_CMD_TOKENIZE, cli_tokenize },
    { CLI_CMD_INSPECT, cli_inspect }, { CLI_CMD_BENCH, cli_bench },       { CLI_CMD_MERGE, cli_merge },
    { CLI_CMD_TRAIN, cli_train },     { CLI_CMD_BACKENDS, cli_backends }, { CLI_CMD_CROSSCHECK, cli_crosscheck },
    { CLI_CMD_MODELS, cli_models },   { CLI_CMD_SERVE, cli_serve },
};

static int run(const cli_command *command, const cli_settings *settings)
{
    size_t i = 0;

    while (runners[i].bit != command->bit)
        i++;
    return runners[i].run(settings);
}

static const char *command_name(const void *context, size_t index)
{
    (void)context;
    return index < cli_command_count ? cli_commands[index].name : NULL;
}

static const cli_command *find_command(const char *name)
{
    const char *guess;

    for (size_t i = 0; i < cli_command_count; i++)
        if (!strcmp(cli_commands[i].name, name))
            return &cli_commands[i];
    guess = cli_closest(name, command_name, NULL);
    if (guess)
        cli_say("there is no command %s; did you mean %s?", name, guess);
    else
        cli_say("there is no command %s; guerdon --help lists them", name);
    return NULL;
}

static bool asks_for_help(const char *word)
{
    return !strcmp(word, "help") || !strcmp(word, "--help") || !strcmp(word, "-h");
}

static bool asks_for_version(const char *word) { return !strcmp(word, "version") || !strcmp(word, "--version"); }

/* `topic` is a command, or NULL for all of them; what is no command, but used like one, is explained with them. */
static int help(const char *topic)
{
    const cli_command *command;

    if (topic && (asks_for_help(topic) || asks_for_version(topic)))
        topic = NULL;
    command = topic ? find_command(topic) : NULL;

    if (topic && !command)
        return CLI_USAGE;
    cli_help(command);
    return cli_finish_output();
}

/* Where a standard stream is closed, the next file to be opened would take its place, and get what is printed.  Opened
 * for the other direction, it fails when it is used, as a closed one does. */
static int occupy(int fd)
{
    const bool closed = fcntl(fd, F_GETFD) < 0 && errno == EBADF;

    return closed ? open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) : fd;
}

static void occupy_streams(void)
{
    for (int fd = 0; occupy(fd) == fd && fd < 2; fd++)
        ;
}

int main(int argc, char **argv)
{
    static char buffer[1 << 16];
    cli_settings settings;
    const cli_command *command;
    int status;

    occupy_streams();
    (void)setvbuf(stdout, buffer, _IOFBF, sizeof buffer); /* a help text is one write, whose failure is reported */
    (void)signal(SIGPIPE, SIG_IGN);                       /* a closed pipe is a write error like any other */
    (void)signal(SIGXFSZ, SIG_IGN);                       /* and so is the end of `ulimit -f` */
    if (argc < 2) {
        cli_say("no command given; guerdon --help lists them");
        return CLI_USAGE;
    }
    if (asks_for_version(argv[1]))
        return cli_version();
    if (asks_for_help(argv[1]))
        return help(argv[2]);
    command = find_command(argv[1]);
    if (!command)
        return CLI_USAGE;
    status = cli_parse(&settings, command, argc - 2, argv + 2);
    if (!status)
        status = settings.help ? help(command->name) : run(command, &settings);
    cli_forget(&settings);
    return status;
}
