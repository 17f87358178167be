/* program.h - runs the program and collects its output. */
#ifndef GD_TESTS_CLI_PROGRAM_H
#define GD_TESTS_CLI_PROGRAM_H

#include "tests/check.h"

#include <jansson.h>
#include <sys/types.h>

/* The result of one run. */
typedef struct program_run {
    int status;         /* exit status, or 1000 + the signal that ended it */
    char *out, *errors; /* both terminated; freed by program_forget() */
} program_run;

enum { PROGRAM_ARGUMENTS = 24 };

/* Runs guerdon with the arguments up to NULL.  `input` is a file for standard input, or NULL for none. */
program_run program_run_with(const char *input, const char *const *arguments);

/* The same with the arguments in the call: program(NULL, "score", "--model", dir, NULL) */
program_run program(const char *input, ...) __attribute__((sentinel));

void program_forget(program_run *run);

/* Starts the program as a child with these standard input, output and error; -1 for /dev/null. */
pid_t program_start(int in, int out, int errors, const char *const *arguments);
int program_wait(pid_t child);

/* A path in a directory of this test's own. */
const char *program_path(const char *name);

/* The teardown of a group of tests: removes that directory and everything in it. */
int program_end(void **state);

void program_write(const char *path, const char *text);
char *program_read(const char *path); /* freed by the caller */

/* Line `n` (from 0) of a text of JSON lines; fails the test if it is missing or isn't JSON. */
json_t *program_line(const char *text, size_t n);
size_t program_lines(const char *text);

/* The path of a model in tests/data/golden, in one of 4 static buffers used in turn. */
const char *program_golden(const char *name);

#endif
