/* parsing.h - command lines and recipes for tests of what the program makes of them. */
#ifndef GD_TESTS_CLI_PARSING_H
#define GD_TESTS_CLI_PARSING_H

#include "cli/cli.h"
#include "tests/check.h"

/* Parses the flags of a command, up to NULL; what is printed on standard error goes to `said`. */
int parse_for(const char *command, cli_settings *settings, char said[1024], const char *const *arguments);

/* The same for train; fails unless all is well. */
void parse(cli_settings *settings, const char *const *arguments);

/* Writes a recipe, always to the same path, and returns the flag that names it. */
extern char recipe_path[TEST_PATH];
const char *recipe(const char *text);

/* Setup and teardown of a group of tests. */
int parsing_begin(void **state);
int parsing_end(void **state);

#endif
