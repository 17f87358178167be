/* cmd_crosscheck.c - guerdon crosscheck. */
#include "cli/output.h"
#include "cli/run.h"

#include "base/samefile.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

enum { STAGES_MOST = 6, REASONS = 5 };

/* ---- the result as lines ---- */

static const json_t *part(const json_t *object, const char *key) { return json_object_get(object, key); }

/* NaN for null. */
static double number(const json_t *object, const char *key)
{
    const json_t *value = part(object, key);

    return json_is_number(value) ? json_number_value(value) : (double)NAN;
}

static const char *word(const json_t *object, const char *key) { return json_string_value(part(object, key)); }

static void print_word(const json_t *object, const char *key, const char *otherwise)
{
    const char *text = word(object, key);

    cli_print(stdout, text ? text : otherwise);
}

static void print_number(const char *before, double count)
{
    char room[CLI_NUMBER_ROOM];

    printf("%s%s", before, cli_number(room, count > 0 ? (unsigned long long)count : 0));
}

/* "3,141 rows", "1 row". */
static void print_count(const char *before, const json_t *object, const char *key, const char *unit)
{
    print_number(before, number(object, key));
    printf(" %s%s", unit, number(object, key) == 1 ? "" : "s");
}

/* The first cell of a row. */
static void print_title(const json_t *object, const char *key)
{
    const char *text = word(object, key);
    const int width = 15, len = text ? (int)strlen(text) : 1;

    cli_print(stdout, text ? text : "?");
    printf("%*s", len < width ? width - len : 0, "");
}

static void print_cell(double value)
{
    if (isfinite(value))
        printf(" %11.3g", value);
    else
        printf(" %11s", "-");
}

/* "cpu:exact:avx2:bf16", and what else tells the two sides apart. */
static void show_side(const char *title, const json_t *side, const json_t *other)
{
    static const char *const keys[] = { "model", "adapter" };

    if (!json_is_object(side))
        return;
    printf("%-16s", title);
    print_word(side, "name", "?");
    for (size_t i = 0; json_is_object(other) && i < 2; i++) {
        if (json_equal(part(side, keys[i]), part(other, keys[i])))
            continue;
        printf(", %s ", keys[i]);
        print_word(side, keys[i], "none");
    }
    printf("%s\n", json_is_true(part(side, "saved")) ? ", from a file" : "");
}

static void show_extent(const json_t *root)
{
    print_number("texts           ", number(root, "texts"));
    print_count(", of ", root, "items", "item");
    print_count(": ", root, "rows", "row");
    print_count(", ", root, "steps", "step");
    if (number(root, "failed") > 0)
        print_count("; left out: ", root, "failed", "item");
    if (number(root, "checked") > 0)
        print_count("; with float64: ", root, "checked", "row");
    (void)putchar('\n');
}

static int has_drift(const json_t *layers)
{
    const json_t *one;
    size_t i;

    json_array_foreach(layers, i, one)
        if (number(one, "drift") > 0)
            return 1;
    return 0;
}

/* The first stage, the last one, and some between. */
static void show_drift(const json_t *layers)
{
    const size_t count = json_array_size(layers), shown = count < STAGES_MOST ? count : STAGES_MOST;

    if (!has_drift(layers))
        return;
    printf("\n%-15s %11s %11s\n", "drift", "right", "limit");
    for (size_t i = 0; i < shown; i++) {
        const json_t *one = json_array_get(layers, shown > 1 ? i * (count - 1) / (shown - 1) : 0);

        print_title(one, "name");
        print_cell(number(one, "drift"));
        print_cell(number(one, "limit"));
        (void)putchar('\n');
    }
}

static void show_operations(const json_t *operations)
{
    const json_t *one;
    size_t i;

    if (json_array_size(operations))
        printf("\n%-15s %11s %11s   largest error against float64, of its bound\n", "operation", "left", "right");
    json_array_foreach(operations, i, one) {
        print_title(one, "op");
        print_cell(number(part(one, "left"), "worst"));
        print_cell(number(part(one, "right"), "worst"));
        (void)putchar('\n');
    }
}

static void show_scores(const json_t *scores, const json_t *pairs)
{
    if (number(scores, "count") > 0) {
        print_number("\nscores          ", number(scores, "count"));
        print_number(", with the same bits: ", number(scores, "identical"));
        if (number(scores, "largest_difference") > 0)
            printf("; |difference| %.3g on average, %.3g at most", number(scores, "mean_difference"),
                   number(scores, "largest_difference"));
        (void)putchar('\n');
    }
    if (number(pairs, "pairs") > 0) {
        print_number("pairs           ", number(pairs, "pairs"));
        print_number(", flipped: ", number(pairs, "flips"));
        if (number(pairs, "beyond") > 0)
            print_number(", by more than rounding: ", number(pairs, "beyond"));
        (void)putchar('\n');
    }
}

static void print_value(const char *before, double value, const char *after)
{
    if (isfinite(value))
        printf("%s%.9g%s", before, value, after);
}

static void show_first(const json_t *first)
{
    if (!json_is_object(first))
        return;
    (void)fputs("\nfirst           ", stdout);
    print_word(first, "name", "?");
    printf(" (step %.0f)\n", number(first, "step"));
    if (isfinite(number(first, "item")))
        printf("                item %.0f, text %.0f, token %.0f of %.0f", number(first, "item"), number(first, "text"),
               number(first, "token"), number(first, "tokens"));
    print_value(", column ", number(first, "column"), "");
    if (isfinite(number(first, "item")))
        (void)putchar('\n');
    print_value("drift           ", number(first, "drift"), "\n");
    print_value("left            ", number(first, "left"), "\n");
    print_value("right           ", number(first, "right"), "\n");
    print_value("float64         ", number(first, "float64"), "\n");
    print_value("bound           ", number(first, "bound"), "\n");
    if (number(first, "rows") > 0)
        print_count("differ          ", first, "rows", "row");
    if (number(first, "rows") > 0)
        (void)putchar('\n');
    if (json_is_boolean(part(first, "alone")))
        printf("alone           this text differs %s\n",
               json_is_true(part(first, "alone")) ? "by itself, too" : "only beside the others");
}

static void show(const json_t *root)
{
    show_side("left", part(root, "left"), part(root, "right"));
    show_side("right", part(root, "right"), part(root, "left"));
    show_extent(root);
    show_drift(part(root, "layers"));
    show_operations(part(root, "operations"));
    show_scores(part(root, "scores"), part(root, "pairs"));
    show_first(part(root, "first"));
    (void)putchar('\n');
    print_word(root, "sentence", "?");
    (void)putchar('\n');
}

/* Says why the first few items were left out. */
static void say_reasons(const json_t *root)
{
    const json_t *one;
    size_t i;

    json_array_foreach(part(part(root, "details"), "failures"), i, one) {
        if (i == REASONS)
            break;
        cli_say("%s", word(one, "error") ? word(one, "error") : "?");
    }
}

/* Scripts ask only whether the sides agree. */
static int status_of(const json_t *root)
{
    static const char *const fine[] = { "equal", "within", "saved" };
    const char *verdict = word(root, "verdict");

    for (size_t i = 0; verdict && i < sizeof fine / sizeof fine[0]; i++)
        if (!strcmp(verdict, fine[i]))
            return CLI_OK;
    return CLI_ITEMS;
}

/* ---- the command ---- */

static int write_report(const cli_settings *settings, int fd, const char *json)
{
    gd_error err = { GD_OK, "" };
    char *page = NULL;
    int status;

    if (!settings->report)
        return CLI_OK;
    if (gd_crosscheck_page(json, &page, &err))
        return cli_fail(err.status, &err);
    status = cli_output_write(settings->report, fd, page);
    gd_string_free(page);
    return status;
}

/* A result that can't be written is worse than one that isn't good. */
static int write_results(const cli_settings *settings, int fd, const char *json)
{
    gd_error err = { GD_OK, "" };
    json_t *root;
    int status, verdict;
    const gd_status rc = gd_json_parse(&root, json, strlen(json), "the result", &err);

    if (rc)
        return cli_fail(rc, &err);
    if (settings->json)
        (void)puts(json);
    else
        show(root);
    status = cli_finish_output();
    if (!status)
        status = write_report(settings, fd, json);
    say_reasons(root);
    verdict = status_of(root);
    json_decref(root);
    return status ? status : verdict;
}

static int is_stdout(const char *path) { return path && gd_is_stdout(path); }

static int check(const cli_settings *settings)
{
    const int wrong = cli_run_only_flags(settings, "crosscheck");

    if (wrong)
        return wrong;
    if (is_stdout(settings->save) || is_stdout(settings->report)) {
        cli_say("--%s needs a file name: standard output is for the figures",
                is_stdout(settings->save) ? "save" : "report");
        return CLI_USAGE;
    }
    if (settings->options.model && !settings->input && isatty(STDIN_FILENO)) {
        cli_say("nothing to read: --input FILE, or --input - for standard input");
        return CLI_USAGE;
    }
    return CLI_OK;
}

/* The files of neither side may be written to. */
static int check_outputs(const cli_settings *settings, const cli_run *run)
{
    const char *const inputs[3] = { run->files.input, settings->against, NULL };
    const char *const outputs[3] = { settings->save, settings->report, NULL };
    gd_options right = settings->options;
    int status = cli_output_check(&settings->options, inputs, outputs);

    if (status || (!settings->right_model && !settings->right_adapter))
        return status;
    if (settings->right_model) {
        right.model = settings->right_model;
        right.adapter = NULL;
    }
    if (settings->right_adapter)
        right.adapter = strcmp(settings->right_adapter, "none") ? settings->right_adapter : NULL;
    return cli_output_check(&right, inputs, outputs);
}

/* Flags that have no effect beside others may be there all the same: from the environment. */
static void choose_sides(gd_crosscheck_options *how, const cli_settings *settings)
{
    how->save = settings->save;
    if (!settings->against)
        how->left = settings->left;
    if (settings->save)
        return;
    how->against = settings->against;
    how->right = settings->right;
    how->right_model = settings->right_model;
    how->right_adapter = settings->right_adapter && !strcmp(settings->right_adapter, "none") ? ""
                                                                                             : settings->right_adapter;
}

static gd_status crosscheck(const cli_settings *settings, cli_run *run, char **json, gd_error *err)
{
    gd_crosscheck_options how;

    gd_crosscheck_options_init(&how);
    how.input = run->files.input;
    how.format = run->files.format;
    how.fields = run->files.fields;
    how.texts = settings->first_texts;
    choose_sides(&how, settings);
    return gd_crosscheck(&settings->options, &how, cli_run_watch(run), json, err);
}

int cli_crosscheck(const cli_settings *settings)
{
    gd_error err = { GD_OK, "" };
    gd_summary summary = { .struct_size = sizeof summary };
    cli_run run;
    char *json = NULL;
    gd_status rc;
    int fd = -1, written = CLI_OK, status = check(settings);

    if (!status)
        status = cli_run_begin(&run, settings);
    if (!status)
        status = check_outputs(settings, &run);
    if (!status)
        status = cli_output_open(settings->report, &fd);
    if (!status) {
        run.bar.shown = run.bar.summary && isatty(STDERR_FILENO); /* nothing else is printed before the end */
        run.bar.summary = 0;                                      /* the result says what was compared */
        rc = crosscheck(settings, &run, &json, &err);
        cli_progress_clear(&run.bar);
        if (!rc)
            written = write_results(settings, fd, json);
        status = cli_run_end(&run, "checked", rc, &summary, &err);
        status = status ? status : written;
    }
    status = cli_output_close(settings->report, fd, status);
    gd_string_free(json);
    return status;
}
