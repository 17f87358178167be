/* clock.h - the time between two moments. */
#ifndef GD_BASE_CLOCK_H
#define GD_BASE_CLOCK_H

#include <time.h>

/* Seconds on a clock that only goes forward. */
static inline double gd_clock(void)
{
    struct timespec t = { 0, 0 };

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

#endif
