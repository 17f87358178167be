/* run.h - runs the program in a directory of its own while one call fails, and keeps everything that it leaves. */
#ifndef GD_TESTS_FAULTS_RUN_H
#define GD_TESTS_FAULTS_RUN_H

#include "tests/faults/plan.h"

#include <stdbool.h>
#include <stddef.h>

/* What a run leaves: its standard streams and the files of its directory, by name; directories end in '/'. */
typedef struct fault_file {
    char name[64];
    char *bytes; /* NUL-terminated */
    size_t len;
} fault_file;

enum { FAULT_FILES = 48 };
#define FAULT_TRAINED "trained/"
#define FAULT_OUT "(standard output)"
#define FAULT_MESSAGES "(standard error)"

typedef struct fault_result {
    int status; /* exit status, or 1000 + the signal that ended the run */
    fault_file files[FAULT_FILES];
    size_t count;
} fault_result;

/* Makes the directories and the shared memory; false if the program can't be made to fail here, and why. */
bool fault_begin(const char **why);
int fault_end(void **state);

extern fault_plan *fault_shared;

/* The path of something in the directory of inputs, which runs see as ../in. */
void fault_input(const char *name, const char *text);
char *fault_input_path(const char *name); /* a static buffer */

/* Fills the directory of the run with these files, and nothing else. */
void fault_fill(const fault_result *files);

/* Runs the program with the arguments up to NULL, and one more unless it is NULL, as fault_shared says. */
void fault_run(fault_result *result, const char *const *arguments, const char *more);

/* Takes the digits out of the standard output. */
void fault_drop_digits(fault_result *result);

const fault_file *fault_find(const fault_result *result, const char *name);
bool fault_same(const fault_file *a, const fault_file *b);
void fault_forget(fault_result *result);

#endif
