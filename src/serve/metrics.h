/* metrics.h - what the server counts, and how Prometheus reads it. */
#ifndef GD_SERVE_METRICS_H
#define GD_SERVE_METRICS_H

#include "base/buf.h"

#include <pthread.h>
#include <stdint.h>

enum { SV_BOUNDS = 20, SV_COUNTED = 96 };

/* Buckets by powers of two from 1 ms, for seconds. */
typedef struct sv_histogram {
    uint64_t bucket[SV_BOUNDS + 1];
    uint64_t count;
    double sum;
} sv_histogram;

/* Requests of one dialect that ended with one status. */
typedef struct sv_counted {
    const char *dialect;
    int status;
    uint64_t count;
} sv_counted;

typedef struct sv_counts {
    pthread_mutex_t lock;
    sv_counted counted[SV_COUNTED];
    size_t kinds;
    uint64_t connections; /* open now */
    uint64_t gone;        /* clients that went away before their answer */
    sv_histogram computing, whole;
} sv_counts;

/* False without the means for a lock. */
bool sv_metrics_init(sv_counts *m);
void sv_metrics_free(sv_counts *m);

/* A request has ended; computing: seconds from its arrival to its scores, below 0 if nothing was scored. */
void sv_metrics_count(sv_counts *m, const char *dialect, int status, double computing, double whole);

void sv_metrics_connection(sv_counts *m, int more);
void sv_metrics_gone(sv_counts *m);

/* In Prometheus' text format, with what the service says. */
void sv_metrics_write(sv_counts *m, const gd_service_stats *stats, gd_buf *out);

#endif
