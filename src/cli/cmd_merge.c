/* cmd_merge.c - guerdon merge. */
#include "cli/progress.h"
#include "cli/run.h"

#include <unistd.h>

struct merging {
    cli_progress bar;
    unsigned long long tensors, bytes;
};

/* Each report comes while a tensor is written: the last one, while the last is. */
static int report(void *context, uint64_t items, uint64_t bytes, uint64_t bytes_total, uint64_t tokens)
{
    struct merging *job = context;

    (void)tokens;
    job->tensors = items + 1;
    job->bytes = bytes;
    cli_progress_bytes(&job->bar, "merging", bytes, bytes_total);
    return cli_interrupted();
}

static void show_end(const char *output, const struct merging *job)
{
    char number[2][CLI_NUMBER_ROOM];

    (void)fputs("merged into ", stderr);
    cli_print(stderr, output);
    fprintf(stderr, ": %s tensors, %s bytes\n", cli_number(number[0], job->tensors), cli_number(number[1], job->bytes));
}

static int check(const cli_settings *settings)
{
    if (settings->text_count) {
        cli_say("merge takes only flags, not %s", settings->texts[0]);
        return CLI_USAGE;
    }
    if (!settings->options.model) {
        cli_say("--model is missing: --model DIR");
        return CLI_USAGE;
    }
    if (!settings->options.adapter) {
        cli_say("--adapter is missing: --adapter DIR");
        return CLI_USAGE;
    }
    if (!settings->output) {
        cli_say("--output is missing: --output DIR");
        return CLI_USAGE;
    }
    return CLI_OK;
}

/* What score would say of the model and its adapter: of the merged model it won't, whose files don't tell any more.
 * Whether they can be merged is not decided here. */
static void show_notes(const cli_settings *settings)
{
    const cli_run run = { .settings = settings };
    gd_options options = settings->options;
    gd_model *model = NULL;

    options.dry_run = 1;
    if (!gd_model_open(&model, &options, NULL))
        cli_run_notes(&run, model);
    gd_model_close(model);
}

int cli_merge(const cli_settings *settings)
{
    gd_error err = { GD_OK, "" };
    struct merging job = { 0 };
    const gd_progress progress = { .struct_size = sizeof progress, .report = report, .context = &job };
    const int wrong = check(settings);
    gd_status rc;

    if (wrong)
        return wrong;
    show_notes(settings);
    job.bar.summary = !settings->quiet;
    job.bar.shown = job.bar.summary && isatty(STDERR_FILENO);
    cli_watch_interrupt(NULL);
    cli_progress_start(&job.bar);
    rc = gd_merge(&settings->options, settings->output, &progress, &err);
    cli_progress_clear(&job.bar);
    if (rc)
        return cli_fail(rc, &err);
    if (job.bar.summary)
        show_end(settings->output, &job);
    return CLI_OK;
}
