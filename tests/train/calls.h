/* calls.h - the calls that change files, of the test's own: they make the library's fail, or kill the process before or
 * after one of them. */
#ifndef GD_TESTS_TRAIN_CALLS_H
#define GD_TESTS_TRAIN_CALLS_H

#include <stdbool.h>
#include <stddef.h>

enum { CALLS_KILL = -1, CALLS_LOG = 4096 };

struct calls {
    bool armed;
    bool no_exchange; /* as a file system that can't exchange two folders */
    bool after;       /* the call is made first */
    bool onward;      /* all later calls, too */
    int error;        /* or CALLS_KILL */
    size_t at, count;
    char log[CALLS_LOG]; /* a letter for each: write, (f)sync, mkdir, unlinkat, renameat, and x for an exchange */
};

extern struct calls calls;

/* Call number `at` from now, from 1, fails with this error; 0: none does. */
void calls_arm(size_t at, int error);

#endif
