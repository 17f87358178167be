/* parsing.c - command lines and recipes for tests of what the program makes of them. */
#include "tests/cli/parsing.h"

#include <fcntl.h>

char recipe_path[TEST_PATH];
static char recipe_flag[TEST_PATH + 16];

static const cli_command *command(const char *name)
{
    for (size_t i = 0; i < cli_command_count; i++)
        if (!strcmp(cli_commands[i].name, name))
            return &cli_commands[i];
    fail_msg("there is no command %s", name);
    return NULL;
}

int parse_for(const char *name, cli_settings *settings, char said[1024], const char *const *arguments)
{
    static char copies[8][256];
    static char *argv[8];
    char path[TEST_PATH];
    const int stream = dup(STDERR_FILENO), file = open(test_file(path), O_RDWR);
    int argc = 0, status;
    ssize_t len;

    for (; arguments[argc]; argc++) {
        assert_in_range(strlen(arguments[argc]), 0, sizeof copies[0] - 1);
        argv[argc] = strcpy(copies[argc], arguments[argc]);
    }
    assert_true(dup2(file, STDERR_FILENO) >= 0);
    status = cli_parse(settings, command(name), argc, argv);
    assert_true(dup2(stream, STDERR_FILENO) >= 0);
    len = pread(file, said, 1023, 0);
    said[len > 0 ? len : 0] = '\0';
    assert_int_equal(close(file) | close(stream) | unlink(path), 0);
    return status;
}

void parse(cli_settings *settings, const char *const *arguments)
{
    char said[1024];

    if (parse_for("train", settings, said, arguments) || said[0])
        fail_msg("%s: %s", arguments[0], said);
}

const char *recipe(const char *text)
{
    FILE *file = fopen(recipe_path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    (void)snprintf(recipe_flag, sizeof recipe_flag, "--recipe=%s", recipe_path);
    return recipe_flag;
}

int parsing_begin(void **state)
{
    (void)state;
    (void)test_file(recipe_path);
    return 0;
}

int parsing_end(void **state)
{
    (void)state;
    return unlink(recipe_path);
}
