/* run.h - what score and tokenize share: items in, lines out, with progress, a summary and a way to stop. */
#ifndef GD_CLI_RUN_H
#define GD_CLI_RUN_H

#include "cli/cli.h"
#include "cli/progress.h"

typedef struct cli_run {
    const cli_settings *settings;
    gd_file_options files;
    cli_progress bar;
    gd_progress progress; /* to hand to the library */
} cli_run;

/* Finds out where the items come from; CLI_OK, or says what is wrong. */
int cli_run_begin(cli_run *run, const cli_settings *settings);

/* From here on SIGINT ends the run after the batch at hand, and a second SIGINT at once. */
const gd_progress *cli_run_watch(cli_run *run);

/* The same for a command without items: a first SIGINT is noted, for cli_interrupted() to tell. */
void cli_watch_interrupt(void);
int cli_interrupted(void);

/* Shows the summary and what failed; returns the exit status. */
int cli_run_end(cli_run *run, const char *done, gd_status rc, const gd_summary *summary, const gd_error *err);

#endif
