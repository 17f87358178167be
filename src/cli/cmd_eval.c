/* cmd_eval.c - guerdon eval. */
#include "cli/output.h"
#include "cli/run.h"

#include "base/json.h"
#include "base/samefile.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { REASONS = 5, NAME_LEAST = 14, NAME_MOST = 40 };

/* ---- the result as lines ---- */

static const json_t *part(const json_t *object, const char *key) { return json_object_get(object, key); }

/* NaN for null. */
static double number(const json_t *object, const char *key)
{
    const json_t *value = part(object, key);

    return json_is_number(value) ? json_number_value(value) : (double)NAN;
}

static void print_number(const json_t *object, const char *key)
{
    const double value = number(object, key);

    if (isfinite(value))
        printf(" %9.4f", value);
    else
        printf(" %9s", "-");
}

/* The number of UTF-8 characters, to align columns. */
static int letters(const char *text)
{
    int count = 0;

    for (const char *p = text; *p; p++)
        count += ((unsigned char)*p & 0xc0) != 0x80;
    return count;
}

static void print_name(const char *name, int width)
{
    cli_print(stdout, name);
    printf("%*s", width > letters(name) ? width - letters(name) : 0, "");
}

/* Where all pairs are judged alike, so is every resample of them: that says nothing of other pairs. */
static int has_interval(const json_t *figures)
{
    return number(figures, "accuracy_low") < number(figures, "accuracy_high");
}

static void show_figures(const json_t *root)
{
    static const char *const keys[] = { "margin", "loss", "ece", "brier" };
    char room[CLI_NUMBER_ROOM];

    printf("pairs           %s\n", cli_number(room, (unsigned long long)number(root, "pairs")));
    printf("accuracy       ");
    print_number(root, "accuracy");
    if (has_interval(root))
        printf("   95%% interval %.4f to %.4f", number(root, "accuracy_low"), number(root, "accuracy_high"));
    else if (number(root, "pairs") > 0)
        printf("   no interval: all pairs are judged alike");
    printf("\nties            %s, counted as wrong\n", cli_number(room, (unsigned long long)number(root, "ties")));
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        printf("%-15s", keys[i]);
        print_number(root, keys[i]);
        (void)putchar('\n');
    }
}

/* Says which text was scored where prompt and answer are texts. */
static void show_turns(const json_t *root)
{
    const char *format = json_string_value(part(part(root, "details"), "turns"));

    if (format)
        printf("turns           the user's and the assistant's of each prompt and answer, in the chat format %s\n",
               format);
}

/* What the figures are not about. */
static void show_cuts(const cli_settings *settings, const gd_summary *summary)
{
    static const char *const names[] = { "error", "left", "right", "drop", "oldest-turns" };
    const uint64_t counts[] = { summary->truncated, summary->dropped };
    char room[2][CLI_NUMBER_ROOM];

    for (size_t i = 0; i < 2; i++)
        if (counts[i])
            printf("%-15s %s of %s items (--truncate %s)\n", i ? "left out" : "cut", cli_number(room[0], counts[i]),
                   cli_number(room[1], summary->items), names[settings->truncate]);
}

static void show_length(const json_t *length)
{
    if (isfinite(number(length, "longer_higher")))
        printf("length          the longer text has the higher score in %.1f%% of the pairs, and is chosen in %.1f%%\n",
               100 * number(length, "longer_higher"), 100 * number(length, "longer_chosen"));
}

/* The width of a column of names. */
static int width_of(const json_t *object)
{
    const char *name;
    json_t *value;
    int width = NAME_LEAST;

    json_object_foreach((json_t *)object, name, value)
        width = letters(name) > width ? letters(name) : width;
    return width < NAME_MOST ? width : NAME_MOST;
}

static void show_groups(const json_t *groups)
{
    static const char *const keys[] = { "accuracy", "accuracy_low", "accuracy_high", "margin", "loss", "ece", "brier" };
    const int width = width_of(groups);
    const char *name;
    json_t *one;

    if (!json_object_size(groups))
        return;
    printf("\n%-*s %8s %9s %9s %9s %9s %9s %9s %9s %6s\n", width, "", "pairs", "accuracy", "from", "to", "margin",
           "loss", "ece", "brier", "ties");
    json_object_foreach((json_t *)groups, name, one) {
        print_name(name, width);
        printf(" %8.0f", number(one, "pairs"));
        for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
            if ((i == 1 || i == 2) && !has_interval(one))
                printf(" %9s", "-");
            else
                print_number(one, keys[i]);
        }
        printf(" %6.0f\n", number(one, "ties"));
    }
}

/* Why there is no overall score. */
static void show_missing(const json_t *missing)
{
    const char *lead = "   no line is of ";
    const json_t *name;
    size_t i;

    json_array_foreach(missing, i, name) {
        (void)fputs(lead, stdout);
        cli_print(stdout, json_string_value(name));
        lead = ", ";
    }
}

static void show_sections(const json_t *root)
{
    const json_t *sections = part(root, "sections");
    const int width = width_of(sections);
    const char *name;
    json_t *score;

    if (!part(part(root, "details"), "weights") || json_is_null(part(part(root, "details"), "weights")))
        return;
    printf("\n%-*s     score\n", width, "");
    json_object_foreach((json_t *)sections, name, score) {
        print_name(name, width);
        print_number(sections, name);
        (void)putchar('\n');
    }
    print_name("overall", width);
    print_number(root, "overall");
    show_missing(part(part(root, "details"), "missing"));
    (void)putchar('\n');
}

static void show(const json_t *root, const cli_settings *settings, const gd_summary *summary)
{
    show_figures(root);
    show_turns(root);
    show_cuts(settings, summary);
    show_length(part(part(root, "details"), "length"));
    show_groups(part(root, "by"));
    show_sections(root);
}

/* RewardBench's own program has no other way than the chat template. */
static void note_joined(const cli_settings *settings, const json_t *details)
{
    const char *turns = settings->options.turns;
    const char *weights = settings->weights;

    if (settings->options.model && weights && !strcmp(weights, "rewardbench") && !(turns && !strcmp(turns, "off")) &&
        json_is_null(part(details, "turns")) && number(details, "conversations") == 0)
        cli_say(
            "note: prompts and answers were joined, not made turns as RewardBench does, since no chat format of the "
            "model is known (--chat-format names one), or it learnt from joined texts");
}

/* A field that no line has is probably a mistyped one. */
static void note_absent(const cli_settings *settings, const json_t *root)
{
    const json_t *by = part(root, "by");

    if (settings->by && json_object_size(by) == 1 && part(by, "(none)"))
        cli_say("note: no line has the field \"%s\" (--by)", settings->by);
}

/* Says why the first few lines were left out. */
static void say_reasons(const json_t *root)
{
    const json_t *one;
    size_t i;

    json_array_foreach(part(part(root, "details"), "failures"), i, one) {
        if (i == REASONS)
            break;
        cli_say("%s", json_string_value(part(one, "error")));
    }
}

/* ---- mean and standard deviation of the scores ---- */

/* Makes the path that --calibrate writes, freed by the caller; NULL if there is none. */
static int find_calibration(const cli_settings *settings, char **path)
{
    static const char name[] = "/guerdon-calibration.json";
    const char *dir = settings->options.adapter ? settings->options.adapter : settings->options.model;
    const size_t room = settings->calibrate_output ? strlen(settings->calibrate_output) + 1 : strlen(dir) + sizeof name;
    struct stat sb;

    if (!settings->calibrate_output && (stat(dir, &sb) || !S_ISDIR(sb.st_mode))) {
        cli_say("%s is not a directory, so --calibrate can't write to it: use --calibrate-output FILE", dir);
        return CLI_UNUSABLE;
    }
    *path = malloc(room);
    if (!*path)
        return cli_no_memory();
    if (settings->calibrate_output)
        (void)snprintf(*path, room, "%s", settings->calibrate_output);
    else
        (void)snprintf(*path, room, "%s%s", dir, name);
    return CLI_OK;
}

static int write_calibration(const json_t *root, const char *path, int fd, int quiet)
{
    const json_t *calibration = part(part(root, "details"), "calibration");
    gd_buf text = { 0 };
    int status;

    if (!(number(calibration, "std") > 0)) {
        cli_say("%s: nothing to write: a standard deviation needs two scores that differ", path);
        return CLI_UNUSABLE;
    }
    gd_json_put(&text, calibration, JSON_INDENT(2));
    status = gd_buf_cstr(&text) ? cli_output_write(path, fd, text.data) : cli_no_memory();
    gd_buf_free(&text);
    if (!status && !quiet) {
        (void)fputs("the mean and deviation of the scores are in ", stderr);
        cli_print(stderr, path);
        (void)putc('\n', stderr);
    }
    return status;
}

/* ---- the command ---- */

struct eval_files {
    char *calibration; /* a path, or NULL */
    int report_fd, calibration_fd;
};

static int write_report(const cli_settings *settings, const struct eval_files *files, const char *json)
{
    gd_error err = { GD_OK, "" };
    char *page = NULL;
    int status;

    if (!settings->report)
        return CLI_OK;
    if (gd_eval_page(json, &page, &err))
        return cli_fail(err.status, &err);
    status = cli_output_write(settings->report, files->report_fd, page);
    gd_string_free(page);
    return status;
}

static int write_results(const cli_settings *settings, const struct eval_files *files, const char *json,
                         const gd_summary *summary)
{
    gd_error err = { GD_OK, "" };
    json_t *root;
    int status;
    const gd_status rc = gd_json_parse(&root, json, strlen(json), "the result", &err);

    if (rc)
        return cli_fail(rc, &err);
    if (settings->json)
        (void)puts(json);
    else
        show(root, settings, summary);
    status = cli_finish_output();
    if (!status)
        status = write_report(settings, files, json);
    if (!status && files->calibration)
        status = write_calibration(root, files->calibration, files->calibration_fd, settings->quiet);
    note_joined(settings, part(root, "details"));
    note_absent(settings, root);
    say_reasons(root);
    json_decref(root);
    return status;
}

static int is_stdout(const char *path) { return path && gd_is_stdout(path); }

static int check(const cli_settings *settings)
{
    const int wrong = cli_run_only_flags(settings, "eval");

    if (wrong)
        return wrong;
    if (is_stdout(settings->scores) || is_stdout(settings->report) || is_stdout(settings->calibrate_output)) {
        cli_say("--%s needs a file name: standard output is for the figures", is_stdout(settings->scores) ? "scores"
                                                                              : is_stdout(settings->report)
                                                                                  ? "report"
                                                                                  : "calibrate-output");
        return CLI_USAGE;
    }
    if (settings->from_scores && settings->calibrate && !settings->calibrate_output) {
        cli_say("--calibrate writes to the model's directory: with --from-scores, use --calibrate-output FILE");
        return CLI_USAGE;
    }
    if (settings->keep && !settings->scores) {
        cli_say("--keep needs --scores FILE, whose lines get the fields");
        return CLI_USAGE;
    }
    if ((settings->options.model || settings->from_scores) && !settings->input && isatty(STDIN_FILENO)) {
        cli_say("nothing to read: --input FILE, or --input - for standard input");
        return CLI_USAGE;
    }
    return CLI_OK;
}

static int open_files(const cli_settings *settings, const cli_run *run, struct eval_files *files)
{
    const char *const inputs[3] = { run->files.input, settings->weights, settings->from_scores };
    const char *outputs[3] = { settings->scores, settings->report, NULL };
    int status = CLI_OK;

    if (settings->dry_run)
        return CLI_OK;
    if (settings->calibrate || settings->calibrate_output)
        status = find_calibration(settings, &files->calibration);
    outputs[2] = files->calibration;
    if (!status)
        status = cli_output_check(&settings->options, inputs, outputs);
    if (!status)
        status = cli_output_open(settings->report, &files->report_fd);
    return status ? status : cli_output_open(files->calibration, &files->calibration_fd);
}

static int close_files(const cli_settings *settings, struct eval_files *files, int status)
{
    status = cli_output_close(settings->report, files->report_fd, status);
    status = cli_output_close(files->calibration, files->calibration_fd, status);
    free(files->calibration);
    return status;
}

static gd_status evaluate(const cli_settings *settings, cli_run *run, gd_summary *summary, char **json, gd_error *err)
{
    gd_eval_options how;
    gd_model *model = NULL;
    gd_status rc = cli_open_model(&model, settings, err);

    gd_eval_options_init(&how);
    how.input = run->files.input;
    how.format = run->files.format;
    how.fields = run->files.fields;
    how.keep = run->files.keep;
    how.from_scores = settings->from_scores;
    how.skip_unscored = (size_t)settings->skip_unscored;
    how.by = settings->by;
    how.weights = settings->weights;
    how.scores = settings->scores;
    how.calibrate = settings->calibrate || settings->calibrate_output;
    if (!rc) {
        cli_run_notes(run, model);
        rc = gd_eval(model, &how, cli_run_watch(run), summary, json, err);
    }
    return cli_run_close(run, model, rc, summary, err);
}

int cli_eval(const cli_settings *settings)
{
    struct eval_files files = { NULL, -1, -1 };
    gd_error err = { GD_OK, "" };
    gd_summary summary = { .struct_size = sizeof summary };
    char *json = NULL;
    cli_run run;
    gd_status rc;
    int status = check(settings), written = CLI_OK;

    if (!status)
        status = cli_run_begin(&run, settings);
    if (!status)
        status = open_files(settings, &run, &files);
    if (!status) {
        run.bar.shown = run.bar.summary && isatty(STDERR_FILENO); /* nothing else is printed before the end */
        rc = evaluate(settings, &run, &summary, &json, &err);
        if (json && !settings->dry_run)
            written = write_results(settings, &files, json, &summary);
        status = cli_run_end(&run, "evaluated", rc, &summary, &err);
        status = written ? written : status;
    }
    status = close_files(settings, &files, status);
    gd_string_free(json);
    return status;
}
