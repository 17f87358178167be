/* run.h - what the commands that read items share: lines in, lines out, progress, a summary and a way to stop. */
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

/* Finds out where the items come from; returns CLI_OK, or reports what is wrong. */
int cli_run_begin(cli_run *run, const cli_settings *settings);

/* Opens the model, or none if the scores are there. */
gd_status cli_open_model(gd_model **model, const cli_settings *settings, gd_error *err);

/* From here on SIGINT ends the run after the current batch, and a second SIGINT ends it immediately. */
const gd_progress *cli_run_watch(cli_run *run);

/* The same for a command without items: the first SIGINT makes cli_interrupted() return 1. */
void cli_watch_interrupt(void);
int cli_interrupted(void);

/* Prints the summary and the error, if any; returns the exit status. */
int cli_run_end(cli_run *run, const char *done, gd_status rc, const gd_summary *summary, const gd_error *err);

#endif
