/* cmd_score.c - guerdon score. */
#include "cli/run.h"

int cli_score(const cli_settings *settings)
{
    gd_error err = { GD_OK, "" };
    gd_summary summary = { .struct_size = sizeof summary };
    gd_model *model = NULL;
    cli_run run;
    gd_status rc;
    const int wrong = cli_run_begin(&run, settings);

    if (wrong)
        return wrong;
    rc = gd_model_open(&model, &settings->options, &err);
    if (rc)
        return cli_fail(rc, &err);
    cli_run_notes(&run, model);
    rc = gd_score_file(model, &run.files, cli_run_watch(&run), &summary, &err);
    rc = cli_run_close(&run, model, rc, &summary, &err);
    return cli_run_end(&run, "scored", rc, &summary, &err);
}
