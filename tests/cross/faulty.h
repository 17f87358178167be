/* faulty.h - the cpu backend with one fault, in one call of one operation. */
#ifndef GD_TESTS_CROSS_FAULTY_H
#define GD_TESTS_CROSS_FAULTY_H

#include "backends/backend.h"

typedef struct faulty {
    const char *name;
    gd_op op;
    unsigned at;                   /* which call of the operation, from 0 in each run, for the first tile */
    void (*before)(gd_call *call); /* changes the call; or NULL */
    void (*after)(const gd_call *call, void *room); /* changes the output; or NULL. room: for a line of it */
} faulty;

/* The backend, with this fault from now on. */
const gd_backend *faulty_backend(const faulty *fault);

/* The matrix of the linear that was called so many linears before this one. */
const gd_weight *faulty_earlier_weight(unsigned linears);

#endif
