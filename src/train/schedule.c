/* schedule.c - the learning rate of each step. */
#include "train/schedule.h"

#include "base/realmath.h"

static double larger(double a, double b) { return a > b ? a : b; }

double gd_schedule_factor(gd_schedule schedule, size_t done, size_t warmup, size_t total)
{
    const double pi = 0x1.921fb54442d18p+1, after = larger(1, (double)total - (double)warmup);
    double sine, cosine;

    if (done < warmup)
        return (double)done / (double)warmup;
    if (schedule == GD_SCHEDULE_CONSTANT)
        return 1;
    if (schedule == GD_SCHEDULE_LINEAR)
        return larger(0, ((double)total - (double)done) / after);
    gd_real_sincos(pi * (double)(done - warmup) / after, &sine, &cosine);
    return larger(0, 0.5 * (1 + cosine));
}
