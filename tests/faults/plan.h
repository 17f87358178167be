/* plan.h - which call of a run is to fail, and how. The test writes it into memory that it shares with the program;
 * there preload.c reads it, and counts the calls. */
#ifndef GD_TESTS_FAULTS_PLAN_H
#define GD_TESTS_FAULTS_PLAN_H

#include <stdatomic.h>

/* Calls that are counted together. */
enum fault_kind {
    FAULT_MEMORY, /* malloc and its relatives, whoever calls them */
    FAULT_MAP,
    FAULT_THREAD,
    FAULT_OPEN,
    FAULT_READ,
    FAULT_WRITE,
    FAULT_STAT,
    FAULT_SYNC,
    FAULT_CLOSE,
    FAULT_RENAME,
    FAULT_UNLINK,
    FAULT_TRUNCATE,
    FAULT_SEEK,
    FAULT_DIRECTORY,
    FAULT_KINDS
};

/* In place of an errno: the call succeeds with one byte. */
enum { FAULT_SHORT = -1 };

#define FAULT_DESCRIPTOR "FAULT_PLAN" /* in the environment: the descriptor of the shared memory */

typedef struct fault_plan {
    int kind;
    int error;  /* errno of the failing calls, or FAULT_SHORT */
    int onward; /* all later calls fail too */
    int trace;  /* print a backtrace of the first call that fails */
    long at;    /* the number of the call, from 1; 0 for none */
    atomic_long calls[FAULT_KINDS];
    atomic_long failed;
} fault_plan;

#endif
