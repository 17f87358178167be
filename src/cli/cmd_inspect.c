/* cmd_inspect.c - guerdon inspect. */
#include "cli/cli.h"

int cli_inspect(const cli_settings *settings)
{
    gd_error err = { GD_OK, "" };
    char *json = NULL;
    gd_status rc;
    int status;

    if (settings->train.train || settings->recipe)
        return cli_train_plan(settings);
    if (settings->text_count) {
        cli_say("inspect takes only flags, not %s; --model %s?", settings->texts[0], settings->texts[0]);
        return CLI_USAGE;
    }
    if (!settings->options.model) {
        cli_say("--model is missing: --model DIR");
        return CLI_USAGE;
    }
    rc = gd_inspect(&settings->options, &json, &err);
    if (rc)
        return cli_fail(rc, &err);
    status = cli_show(json, settings->json);
    gd_string_free(json);
    return status;
}
