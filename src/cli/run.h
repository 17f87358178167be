/* run.h - what the commands that read items share: lines in, lines out, progress, a summary and a way to stop. */
#ifndef GD_CLI_RUN_H
#define GD_CLI_RUN_H

#include "base/json.h"
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

/* For a command that takes no texts: CLI_OK if none are given, or - alone, for standard input. */
int cli_run_without_texts(const cli_settings *settings, const char *command);

/* The same for one that does not take - alone, either. */
int cli_run_only_flags(const cli_settings *settings, const char *command);

/* CLI_SEVERAL() after a semicolon if a pattern was meant, which the shell has expanded; else "".  There are texts. */
const char *cli_run_several(const cli_settings *settings);

/* CLI_OK unless the lines of --output and those of `second`, the value of the flag `name`, would both go to standard
 * output. */
int cli_run_check_second(const cli_settings *settings, const char *name, const char *second);

/* Prints the notices of a model that was just opened, unless --quiet. */
void cli_run_notes(const cli_run *run, const gd_model *model);

/* From here on SIGINT ends the run after the current batch, and a second SIGINT ends it immediately. */
const gd_progress *cli_run_watch(cli_run *run);

/* The same for a command without items: from the first SIGINT or SIGTERM, cli_interrupted() returns its number, and 0
 * until then.  `say`, if not NULL, is then written to standard error; it stays the caller's. */
void cli_watch_interrupt(const char *say);
int cli_interrupted(void);

/* Closes the model; after a dry run, shows first what it found, unless that failed.  Returns rc, or the failure. */
gd_status cli_run_close(cli_run *run, gd_model *model, gd_status rc, const gd_summary *summary, gd_error *err);

/* dry_run.c: prints what gd_dry_run_report() says. */
gd_status cli_dry_run_show(gd_model *model, const gd_summary *summary, gd_error *err);

/* The line of a plan about "seconds" and "threads", also of a training run. */
void cli_show_seconds(const json_t *report);

/* Prints the summary and the error, if any; returns the exit status. */
int cli_run_end(cli_run *run, const char *done, gd_status rc, const gd_summary *summary, const gd_error *err);

#endif
