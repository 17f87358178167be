/* progress.h - a bar with rate and time left while a run goes on, and one line when it has ended. */
#ifndef GD_CLI_PROGRESS_H
#define GD_CLI_PROGRESS_H

#include "guerdon.h"

typedef struct cli_progress {
    int summary;        /* whether to say at the end what was done: on a terminal, without --quiet */
    int shown;          /* whether to draw: also, the lines don't go to a terminal, which the bar would garble */
    int drawn;          /* a bar stands on the line */
    double start, last; /* seconds of a steady clock: of the run, of the last drawing */
} cli_progress;

void cli_progress_start(cli_progress *bar);

/* Draws, but at most ten times a second.  bytes_total is 0 when nobody knows it. */
void cli_progress_draw(cli_progress *bar, uint64_t items, uint64_t bytes, uint64_t bytes_total, uint64_t tokens);

/* The same for a run that knows its seconds and not its items; expected is 0 when nobody knows it. */
void cli_progress_step(cli_progress *bar, const char *what, double done, double expected);

/* And for one that knows its bytes alone. */
void cli_progress_bytes(cli_progress *bar, const char *what, uint64_t done, uint64_t total);

/* Wipes the bar off its line. */
void cli_progress_clear(cli_progress *bar);

/* "scored 2,312 items, 3 failed: ..." */
void cli_progress_summary(const cli_progress *bar, const char *done, const gd_summary *summary);

#endif
