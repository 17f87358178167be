/* cases.h - the runs in which every call fails once. */
#ifndef GD_TESTS_FAULTS_CASES_H
#define GD_TESTS_FAULTS_CASES_H

#include <stddef.h>

enum {
    FAULT_RESUMES = 1,     /* --resume continues it */
    FAULT_INTERRUPTED = 2, /* it continues a run that was interrupted */
    FAULT_MEASURES = 4,    /* it prints numbers that depend on the machine's memory at the time */
    FAULT_TRAINS = 8       /* the same command continues it; its output is the directory FAULT_TRAINED */
};

typedef struct fault_case {
    const char *name;
    int flags, status; /* status: of the undisturbed run */
    const char *line;  /* the command line; "@NAME" is something below tests/data */
} fault_case;

extern const fault_case fault_cases[];
extern const size_t fault_case_count;

/* Writes the input files that the command lines name. */
void fault_write_inputs(void);

/* The words of the command line, up to NULL, in static buffers. */
const char *const *fault_words(const fault_case *c);

#endif
