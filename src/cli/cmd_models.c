/* cmd_models.c - guerdon models. */
#include "cli/cli.h"

int cli_models(const cli_settings *settings)
{
    gd_error err = { GD_OK, "" };
    char *json = NULL;
    gd_status rc;
    int status;

    if (settings->text_count) {
        cli_say("models takes only flags, not %s", settings->texts[0]);
        return CLI_USAGE;
    }
    rc = gd_models(&json, &err);
    if (rc)
        return cli_fail(rc, &err);
    status = cli_show(json, settings->json);
    gd_string_free(json);
    return status;
}
