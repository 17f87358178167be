/* rate.c - times repetitions of work on the card. */
#include "bench/gpu/rate.h"

#include "base/clock.h"

#include <stdlib.h>

enum { RUNS = 5, MOST_REPEATED = 500 };

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Seconds of so many repetitions; 0 after a failure. */
static double run(gd_device *device, rate_work *work, void *context, unsigned repeated)
{
    const double start = gd_clock();
    bool started = true;

    for (unsigned i = 0; started && i < repeated; i++)
        started = work(context);
    if (gd_cuda_failed(device, device->driver->stream_finish(device->compute), "it computed") || !started)
        return 0;
    return gd_clock() - start;
}

static double median(gd_device *device, rate_work *work, void *context, double run_seconds)
{
    const unsigned runs = run_seconds > 0 ? RUNS : 1;
    double seconds[RUNS], once = run(device, work, context, 1); /* the first includes what is done once */
    unsigned repeated = 1;

    if (once > 0 && run_seconds > 0) {
        once = run(device, work, context, 1);
        repeated = once * MOST_REPEATED < run_seconds ? MOST_REPEATED : (unsigned)(run_seconds / once) + 1;
    }
    for (unsigned i = 0; i < runs; i++) {
        seconds[i] = once > 0 ? run(device, work, context, repeated) / repeated : 0;
        once = seconds[i];
    }
    qsort(seconds, runs, sizeof *seconds, by_size);
    return once > 0 ? seconds[runs / 2] : 0;
}

double rate_seconds(gd_device *device, rate_work *work, void *context, bool small)
{
    return median(device, work, context, small ? 0 : RATE_SECONDS);
}

double rate_seconds_roughly(gd_device *device, rate_work *work, void *context, bool small)
{
    return median(device, work, context, small ? 0 : RATE_SECONDS / 20);
}
