/* cmd_train.c - guerdon train, and the plan of a run that train --dry-run and inspect --train print. */
#include "cli/progress.h"
#include "cli/run.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STOPPING "guerdon: stopping after this step and saving a checkpoint; a second signal stops at once\n"

struct training {
    const cli_settings *settings;
    cli_progress bar;
};

static int report(void *context, const gd_train_report *now)
{
    struct training *job = context;

    if (now->note && job->bar.summary) {
        cli_progress_clear(&job->bar);
        cli_print(stderr, now->note);
        (void)putc('\n', stderr);
    }
    cli_progress_train(&job->bar, now);
    return cli_interrupted();
}

/* ---- the commands that come next ---- */

static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c && strchr("@%+=:,./-_", c));
}

/* A word for the shell: as it is, in quotes, or, with control characters, in bash's $'..'. */
static void put_word(const char *word)
{
    bool plain = *word, control = false;

    for (const unsigned char *p = (const unsigned char *)word; *p; p++) {
        plain = plain && is_plain((char)*p);
        control = control || *p < 0x20 || *p == 0x7f;
    }
    (void)fputs(plain ? "" : control ? "$'" : "'", stderr);
    for (const unsigned char *p = (const unsigned char *)word; *p; p++) {
        if (control && (*p < 0x20 || *p == 0x7f))
            fprintf(stderr, "\\%03o", *p);
        else if (control && (*p == '\'' || *p == '\\'))
            fprintf(stderr, "\\%c", *p);
        else if (*p == '\'')
            (void)fputs("'\\''", stderr);
        else
            (void)putc(*p, stderr);
    }
    (void)fputs(plain ? "" : "'", stderr);
}

static void put_flag(const char *name, const char *value)
{
    if (!value)
        return;
    fprintf(stderr, " --%s%c", name, strncmp(value, "--", 2) ? ' ' : '=');
    put_word(value);
}

/* The beginning that they have in common. `trained` is the directory to use. */
static void begin_command(const cli_settings *settings, const char *command, const char *trained)
{
    fprintf(stderr, "    guerdon %s", command);
    put_flag("model", settings->full ? trained : settings->options.model);
    put_flag("adapter", settings->full ? NULL : trained);
    put_flag("head", settings->options.head);
}

/* Data, and how to read and compute it. */
static void put_reading(const cli_settings *settings, const char *input)
{
    static const char *const formats[] = { NULL, "jsonl", "json", "csv", "tsv", "text" };

    put_flag("input", input);
    put_flag("fields", settings->fields);
    put_flag("format", settings->format < 0 ? NULL : formats[settings->format]);
    put_flag("precision", settings->options.precision);
}

/* The first file to evaluate on, without its name, or the data itself. */
static const char *data_of(const cli_settings *settings)
{
    const char *data = settings->evals.count ? settings->evals.values[0] : settings->train.train;
    const size_t name = settings->evals.count ? strspn(data, CLI_NAME) : 0;

    data += name && data[name] == '=' ? name + 1 : 0;
    return strcmp(data, "-") ? data : "FILE"; /* standard input is read by now */
}

/* OUT-merged for OUT/; freed by the caller, NULL for lack of memory. */
static char *with_ending(const char *output, const char *ending)
{
    size_t len = strlen(output);
    char *path = malloc(len + strlen(ending) + 1);

    while (len > 1 && output[len - 1] == '/')
        len--;
    if (path) {
        memcpy(path, output, len);
        memcpy(path + len, ending, strlen(ending) + 1);
    }
    return path;
}

static void put_merging(const cli_settings *settings, const char *trained)
{
    char *merged = with_ending(settings->output, "-merged");

    begin_command(settings, "merge", trained);
    put_flag("output", merged);
    (void)putc('\n', stderr);
    free(merged);
}

/* What was left out of the run for its length is left out here, too. */
static void put_scoring(const cli_settings *settings, const char *command, const char *trained, bool drop)
{
    begin_command(settings, command, trained);
    put_reading(settings, data_of(settings));
    put_flag("truncate", drop ? "drop" : NULL);
    (void)putc('\n', stderr);
}

static void show_next(const cli_settings *settings, const char *json)
{
    const cli_train_end end = cli_train_end_of(json);
    char *best = end.best ? with_ending(settings->output, "/best") : NULL;
    const char *trained = best ? best : settings->output;

    fprintf(stderr, "to score with %s%s evaluate it%s%s\n", best ? "the best" : "it", settings->full ? " or" : ",",
            settings->evals.count ? "" : " (here on the training data, which says little)",
            settings->full ? ":" : ", or merge it into the model:");
    put_scoring(settings, "score", trained, end.too_long);
    put_scoring(settings, "eval", trained, end.too_long);
    if (!settings->full)
        put_merging(settings, trained);
    if (settings->options.max_length || end.too_long)
        fprintf(stderr, "texts of more than %llu tokens, its max_length, need --truncate or a larger --max-length\n",
                end.length);
    free(best);
}

/* ---- the run ---- */

static bool ends_with(const char *text, const char *ending)
{
    const size_t len = strlen(text), n = strlen(ending);

    return len >= n && !strcmp(text + len - n, ending);
}

/* Says what a word that is no flag was probably meant to be; the shell may have expanded a pattern. */
static void refuse_word(const cli_settings *settings, const char *command, const char *word)
{
    const char *targets = settings->train.lora_targets;
    struct stat sb;

    if (ends_with(word, ".yaml") || ends_with(word, ".yml"))
        cli_say("%s takes only flags, not %s; --recipe %s?", command, word, word);
    else if (!strcmp(word, "true") || !strcmp(word, "false"))
        cli_say("%s takes only flags, not %s; a switch such as --full has no value", command, word);
    else if (targets && ends_with(word, "_proj"))
        cli_say("%s takes only flags, not %s; names of modules have commas between them: --lora-targets %s,%s", command,
                word, targets, word);
    else
        cli_say("%s takes only flags, not %s%s", command, word,
                settings->train.train && !stat(word, &sb) ? "; " CLI_SEVERAL("train") : "");
}

/* Other programs take a share of the training data. */
static int check_evals(const cli_settings *settings)
{
    for (size_t i = 0; i < settings->evals.count; i++) {
        const char *value = settings->evals.values[i];
        struct stat sb;

        if (*value && !value[strspn(value, "0123456789.")] && stat(value, &sb)) {
            cli_say("--eval=%s: expected a file: evaluation takes data of its own, not a share of the training data",
                    value);
            return CLI_USAGE;
        }
    }
    return CLI_OK;
}

static int check(const cli_settings *settings, const char *command, bool writes)
{
    if (settings->text_count) {
        refuse_word(settings, command, settings->texts[0]);
        return CLI_USAGE;
    }
    if (!settings->options.model)
        cli_say("--model is missing: --model DIR");
    else if (!settings->train.train)
        cli_say("--train is missing: --train FILE");
    else if (!settings->output && writes)
        cli_say("--output is missing: --output DIR");
    else
        return check_evals(settings);
    return CLI_USAGE;
}

/* The options for the library, with what other commands have as well. */
static gd_train_options options_of(const cli_settings *settings)
{
    gd_train_options options = settings->train;

    options.format = settings->format < 0 ? GD_FORMAT_AUTO : (gd_format)settings->format;
    options.fields = settings->fields;
    options.output = settings->output;
    options.full = (size_t)settings->full;
    options.evals = settings->evals.values;
    options.eval_count = settings->evals.count;
    return options;
}

static int run_training(struct training *job, const gd_options *model, char **json)
{
    gd_train_options options = options_of(job->settings);
    gd_error err = { GD_OK, "" };
    gd_status rc;
    int status;

    options.report = report;
    options.context = job;
    cli_progress_start(&job->bar);
    cli_progress_step(&job->bar, "reading the data", 0, 0);
    rc = gd_train(model, &options, json, &err);
    cli_progress_clear(&job->bar);
    status = cli_fail(rc, &err);
    return status == CLI_INTERRUPTED && cli_interrupted() == SIGTERM ? CLI_TERMINATED : status;
}

static int show_plan(struct training *job)
{
    gd_options model = job->settings->options;
    char *json = NULL;
    int status;

    model.dry_run = 1;
    status = run_training(job, &model, &json);
    if (!status)
        status = job->settings->json ? cli_show(json, 1) : cli_train_show_plan(json);
    gd_string_free(json);
    return status;
}

int cli_train_plan(const cli_settings *settings)
{
    struct training job = { settings, { .summary = !settings->quiet } };
    const int wrong = check(settings, "inspect", false);

    return wrong ? wrong : show_plan(&job);
}

static int show_end(const struct training *job, const char *json)
{
    if (cli_train_show_result(json, job->settings->output))
        return CLI_UNUSABLE;
    (void)fputs(job->settings->full ? "the model is in " : "the adapter is in ", stderr);
    cli_print(stderr, job->settings->output);
    (void)putc('\n', stderr);
    show_next(job->settings, json);
    return CLI_OK;
}

int cli_train(const cli_settings *settings)
{
    struct training job = { settings, { .summary = !settings->quiet } };
    char *json = NULL;
    int status = check(settings, "train", !settings->dry_run);

    if (status)
        return status;
    if (settings->dry_run)
        return show_plan(&job);
    job.bar.shown = job.bar.summary && isatty(STDERR_FILENO);
    cli_watch_interrupt(!job.bar.summary ? NULL : job.bar.shown ? "\n" STOPPING : STOPPING);
    status = run_training(&job, &settings->options, &json);
    if (!status && job.bar.summary)
        status = show_end(&job, json);
    if (!status && settings->json)
        status = cli_show(json, 1);
    gd_string_free(json);
    return status;
}
