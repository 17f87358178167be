/* cmd_inspect.c - guerdon inspect. */
#include "cli/cli.h"

#include "base/json.h"

#include <string.h>

/* Of a model that can't be opened: what else is wrong with it, after what was found first. */
static void say_problems(const char *json, const char *first)
{
    gd_error err = { GD_OK, "" };
    json_t *object, *problem;
    size_t i;

    if (gd_json_parse(&object, json, strlen(json), "the description", &err))
        return;
    json_array_foreach(json_object_get(object, "problems"), i, problem)
        if (strcmp(json_string_value(problem), first) != 0)
            cli_say("%s", json_string_value(problem));
    json_decref(object);
}

static int fail(const cli_settings *settings, gd_status rc, const gd_error *err)
{
    const int status = cli_fail(rc, err);
    gd_error other = { GD_OK, "" };
    char *json = NULL;

    if (status != CLI_UNUSABLE || gd_diagnose(&settings->options, &json, &other))
        return status;
    say_problems(json, err->text);
    if (settings->json && rc != GD_EIO) /* a file that can't be read says nothing of the model */
        (void)cli_show(json, 1);
    gd_string_free(json);
    return status;
}

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
    if (!settings->options.model && !settings->options.graph && !settings->options.head) {
        cli_say("--model is missing: --model DIR, or --graph or --head to describe one of these");
        return CLI_USAGE;
    }
    if (!settings->options.model)
        rc = gd_describe(&settings->options, &json, &err);
    else
        rc = gd_inspect(&settings->options, &json, &err);
    if (rc)
        return settings->options.model ? fail(settings, rc, &err) : cli_fail(rc, &err);
    status = cli_show(json, settings->json);
    gd_string_free(json);
    return status;
}
