/* run.c - from the command line's texts or files to a call of the library, and from its result to an exit status. */
#include "cli/run.h"

#include "base/samefile.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static volatile sig_atomic_t interrupted; /* the signal */
static const char *notice;                /* NULL, or what to print then */

static void on_interrupt(int signal_number)
{
    const int before = errno;

    interrupted = signal_number;
    if (notice && write(STDERR_FILENO, notice, strlen(notice)) < 0)
        notice = NULL;
    errno = before;
}

static int report(void *context, uint64_t items, uint64_t bytes, uint64_t bytes_total, uint64_t tokens)
{
    cli_progress_draw(context, items, bytes, bytes_total, tokens);
    return interrupted != 0;
}

int cli_interrupted(void) { return interrupted; }

/* Writes {"text":"..."}; invalid UTF-8 stays, for the library to report. */
static void write_record(FILE *file, const char *text)
{
    (void)fputs("{\"text\":\"", file);
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        if (*p < 0x20)
            fprintf(file, "\\u%04x", *p);
        else if (*p == '"' || *p == '\\')
            fprintf(file, "\\%c", *p);
        else
            (void)putc(*p, file);
    }
    (void)fputs("\"}\n", file);
}

/* Turns the texts of the command line into an unnamed file on standard input, so that they are read, truncated, refused
 * and counted exactly like the lines of a file. */
static int spool_texts(const cli_settings *settings)
{
    FILE *file = tmpfile();
    int ok = file != NULL;

    for (size_t i = 0; ok && i < settings->text_count; i++)
        write_record(file, settings->texts[i]);
    ok = ok && !fflush(file) && !ferror(file) && dup2(fileno(file), STDIN_FILENO) >= 0 &&
         lseek(STDIN_FILENO, 0, SEEK_SET) == 0;
    if (!ok)
        cli_say("cannot make a temporary file for the texts: %s", strerror(errno));
    if (file)
        (void)fclose(file);
    return ok ? CLI_OK : CLI_RESOURCE;
}

/* A text pasted with \n in it gets another score than its author meant: worth a note. */
static void note_backslashes(const cli_settings *settings)
{
    for (size_t i = 0; i < settings->text_count; i++)
        if (strstr(settings->texts[i], "\\n")) {
            cli_say("note: text %zu holds \\n, a backslash and an n; in bash, $'...' makes it a newline", i);
            return;
        }
}

/* What looks like a line of a file is scored as a text with braces and quotes. */
static void note_json(const cli_settings *settings)
{
    for (size_t i = 0; i < settings->text_count; i++) {
        const char *text = settings->texts[i];
        const size_t len = strlen(text);

        if (text[0] == '{' && text[strspn(text + 1, " ") + 1] == '"' && text[len - 1] == '}') {
            cli_say("note: text %zu is taken as it is, with its braces and quotes; items in JSON are read from --input "
                    "FILE, or from standard input",
                    i);
            return;
        }
    }
}

/* A name on the command line that is that of a file was hardly meant as a text. */
static int refuse_file_names(const cli_settings *settings)
{
    struct stat sb;

    for (size_t i = 0; i < settings->text_count; i++) {
        if (stat(settings->texts[i], &sb) || S_ISDIR(sb.st_mode))
            continue;
        cli_say("%s is a file, and texts are expected here: --input %s scores what it holds", settings->texts[i],
                settings->texts[i]);
        return CLI_USAGE;
    }
    return CLI_OK;
}

const char *cli_run_several(const cli_settings *s)
{
    struct stat sb;

    return s->input && !stat(s->input, &sb) && !stat(s->texts[0], &sb) ? "; " CLI_SEVERAL("input") : "";
}

static int choose_input(cli_run *run)
{
    const cli_settings *s = run->settings;
    const int dash = s->text_count == 1 && !strcmp(s->texts[0], "-");

    run->files.input = s->input ? s->input : "-";
    if (!s->text_count && !s->input && isatty(STDIN_FILENO)) {
        cli_say("nothing to read: give texts, --input FILE, or --input - for standard input");
        return CLI_USAGE;
    }
    if (!s->text_count || (dash && !s->input))
        return CLI_OK;
    if (s->input) {
        const char *variable = getenv("GUERDON_INPUT");

        cli_say("give either texts or --input, not both%s",
                variable && variable == s->input ? "; --input comes from GUERDON_INPUT in the environment"
                                                 : cli_run_several(s));
        return CLI_USAGE;
    }
    if (s->format >= 0) {
        cli_say("--format is for an input file; texts on the command line are taken as they are");
        return CLI_USAGE;
    }
    if (refuse_file_names(s))
        return CLI_USAGE;
    if (run->bar.summary) {
        note_backslashes(s);
        note_json(s);
    }
    run->files.arguments = 1;
    return spool_texts(s);
}

int cli_run_without_texts(const cli_settings *settings, const char *command)
{
    if (!settings->text_count || (settings->text_count == 1 && !strcmp(settings->texts[0], "-")))
        return CLI_OK;
    cli_say("%s reads its items from a file, not from the command line: --input FILE, not %s%s", command,
            settings->texts[0], cli_run_several(settings));
    return CLI_USAGE;
}

int cli_run_only_flags(const cli_settings *settings, const char *command)
{
    const char *text = settings->text_count ? settings->texts[0] : NULL;

    if (!text)
        return CLI_OK;
    if (settings->input)
        cli_say("%s takes only flags, not %s%s", command, text, cli_run_several(settings));
    else
        cli_say("%s takes only flags, not %s; --input %s?", command, text, text);
    return CLI_USAGE;
}

int cli_run_check_second(const cli_settings *settings, const char *name, const char *second)
{
    if (!second || !gd_is_stdout(second) || (settings->output && !gd_is_stdout(settings->output)))
        return CLI_OK;
    cli_say("the lines of --output and those of --%s would be mixed on standard output; give one of them a file name",
            name);
    return CLI_USAGE;
}

int cli_run_begin(cli_run *run, const cli_settings *settings)
{
    memset(run, 0, sizeof *run);
    run->settings = settings;
    gd_file_options_init(&run->files);
    run->files.output = settings->output ? settings->output : "-";
    run->files.format = settings->format < 0 ? GD_FORMAT_AUTO : (gd_format)settings->format;
    run->files.resume = settings->resume;
    run->files.fields = settings->fields;
    run->files.keep = settings->keep;
    run->files.shard = settings->shard.which;
    run->files.shards = settings->shard.of;
    run->bar.rateless = settings->resume || settings->from_scores;
    run->bar.summary = !settings->quiet && !settings->dry_run; /* which prints more than a summary */
    run->bar.shown = !settings->quiet && isatty(STDERR_FILENO) && (settings->output || !isatty(STDOUT_FILENO));
    if (!settings->options.model && !settings->from_scores) {
        cli_say("--model is missing: --model DIR");
        return CLI_USAGE;
    }
    return choose_input(run);
}

gd_status cli_open_model(gd_model **model, const cli_settings *settings, gd_error *err)
{
    *model = NULL;
    return settings->from_scores ? GD_OK : gd_model_open(model, &settings->options, err);
}

void cli_run_notes(const cli_run *run, const gd_model *model)
{
    const char *note;

    for (size_t i = 0; model && !run->settings->quiet && (note = gd_model_note(model, i)) != NULL; i++)
        cli_say("note: %s", note);
}

void cli_watch_interrupt(const char *say)
{
    struct sigaction action = { 0 };

    notice = say;
    action.sa_handler = on_interrupt;
    action.sa_flags = (int)SA_RESETHAND; /* the second signal has its usual effect */
    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
}

const gd_progress *cli_run_watch(cli_run *run)
{
    cli_watch_interrupt(NULL);
    cli_progress_start(&run->bar);
    gd_progress_init(&run->progress);
    run->progress.report = report;
    run->progress.context = &run->bar;
    return &run->progress;
}

/* A chat format applies to conversations only.  Turns can be made of texts only where all have a prompt. */
static void note_chat_format(const cli_settings *settings, const gd_summary *summary)
{
    if (settings->options.chat_format && summary->texts && !summary->conversations)
        cli_say("note: --chat-format %s was not used, since no item is a conversation%s", settings->options.chat_format,
                summary->joined == summary->texts ? "; --turns on makes turns of prompts and answers that are texts"
                                                  : "");
    else if (summary->joined && !settings->quiet)
        cli_say(
            "note: prompts and answers that are texts were joined as they are, although the model has a chat format; "
            "--turns on makes turns of them, and --turns off is for a model that was trained on joined texts");
}

/* Its marker is that of the same run. */
static void note_done(const cli_settings *settings)
{
    cli_say("%s has shard %zu/%zu, complete; nothing to do", settings->output, settings->shard.which,
            settings->shard.of);
}

/* Whoever changed the model or a flag may expect other scores. An input without items looks the same, and is. */
static void note_complete(const cli_settings *settings, int counted, const gd_summary *summary)
{
    if (!settings->resume || settings->dry_run || !settings->output || summary->items)
        return;
    if (settings->shard.of)
        note_done(settings);
    else
        cli_say("%s is already complete; nothing to do (%s; to start afresh, remove it)", settings->output,
                counted ? "it has as many items as the input, but whether the items, the model or the flags have "
                          "changed is unknown"
                        : "whether the input, the model or the flags have changed is unknown");
}

gd_status cli_run_close(cli_run *run, gd_model *model, gd_status rc, const gd_summary *summary, gd_error *err)
{
    cli_progress_clear(&run->bar);
    if (run->settings->dry_run && (!rc || rc == GD_EITEM)) {
        gd_error why = { GD_OK, "" };
        const gd_status shown = cli_dry_run_show(model, summary, &why);

        if (shown)
            *err = why;
        rc = shown ? shown : rc;
    }
    gd_model_close(model);
    return rc;
}

int cli_run_end(cli_run *run, const char *done, gd_status rc, const gd_summary *summary, const gd_error *err)
{
    const int written = cli_finish_output();

    cli_progress_clear(&run->bar);
    if (interrupted && rc != GD_OK && rc != GD_EITEM)
        rc = GD_EINTERRUPTED; /* even if the error is that of a read it cut short */
    if (rc == GD_OK || rc == GD_EITEM || rc == GD_EINTERRUPTED)
        cli_progress_summary(&run->bar, done, summary);
    if (rc == GD_OK || rc == GD_EITEM)
        note_chat_format(run->settings, summary);
    if (rc == GD_OK)
        note_complete(run->settings, strcmp(done, "filtered") != 0 && !run->settings->group_by, summary);
    return written ? written : cli_fail(rc, err);
}
