/* progress.h - a bar with rate and time left during a run, and a one-line summary after it. */
#ifndef GD_CLI_PROGRESS_H
#define GD_CLI_PROGRESS_H

#include "guerdon.h"

typedef struct cli_progress {
    int summary;        /* whether to print the summary: without --quiet */
    int shown;          /* whether to draw the bar: also on a terminal, if the lines of output go elsewhere */
    int rateless;       /* some tokens may not be this run's work, but an earlier one's, whose time is unknown */
    int drawn;          /* a bar is on the line now */
    double start, last; /* seconds on a monotonic clock: start of the run, last drawing */
    uint64_t told;      /* the last step of a training run that has a line of its own */
} cli_progress;

void cli_progress_start(cli_progress *bar);

/* Draws, but at most ten times per second.  bytes_total is 0 if unknown. */
void cli_progress_draw(cli_progress *bar, uint64_t items, uint64_t bytes, uint64_t bytes_total, uint64_t tokens);

/* The same for a run measured in seconds; expected is 0 if unknown. */
void cli_progress_step(cli_progress *bar, const char *what, double done, double expected);

/* The same for a run measured in bytes. */
void cli_progress_bytes(cli_progress *bar, const char *what, uint64_t done, uint64_t total);

/* The same for a training run. Where no bar is shown, the first step and every twentieth part of all have a line. */
void cli_progress_train(cli_progress *bar, const gd_train_report *step);

/* Erases the bar. */
void cli_progress_clear(cli_progress *bar);

/* "scored 2,312 items, 3 failed: ..." */
void cli_progress_summary(const cli_progress *bar, const char *done, const gd_summary *summary);

#endif
