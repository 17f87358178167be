/* cmd_tokenize.c - guerdon tokenize. */
#include "cli/run.h"

int cli_tokenize(const cli_settings *settings)
{
    gd_error err = { GD_OK, "" };
    gd_summary summary = { .struct_size = sizeof summary };
    cli_run run;
    gd_status rc;
    const int wrong = cli_run_begin(&run, settings);

    if (wrong)
        return wrong;
    rc = gd_tokenize_file(&settings->options, &run.files, cli_run_watch(&run), &summary, &err);
    return cli_run_end(&run, "tokenized", rc, &summary, &err);
}
