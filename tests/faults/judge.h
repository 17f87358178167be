/* judge.h - says whether a run in which a call failed kept the program's promises. doc/reliability.md lists them. */
#ifndef GD_TESTS_FAULTS_JUDGE_H
#define GD_TESTS_FAULTS_JUDGE_H

#include "tests/faults/run.h"

/* A way of failing, and what follows from it. */
typedef struct fault_way {
    const char *name; /* "read EIO" */
    int kind, error;
    bool harmless; /* the call can simply be repeated, so the run must succeed */
} fault_way;

/* NULL if all is well, else what is wrong: a static buffer. `good` is the same run undisturbed; `before` is what the
 * directory held when the run began, or NULL. */
const char *fault_judge(const fault_result *run, const fault_result *good, const fault_result *before,
                        const fault_way *way);

/* The same for a run that followed, undisturbed, in the same directory. */
const char *fault_judge_next(const fault_result *run, const fault_result *good);

/* Something is left that a run would not have found at its beginning. */
bool fault_left(const fault_result *run, const fault_result *before);

#endif
