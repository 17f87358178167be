/* cmd_bench.c - guerdon bench. */
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/run.h"

#include "base/json.h"
#include "base/samefile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { QUICK_SECONDS = 20 };

struct bench_watch {
    cli_progress bar;
    int said; /* the line about how long it takes */
};

static int report(void *context, const char *what, double done, double expected)
{
    struct bench_watch *watch = context;

    if (expected > 0 && !watch->said && watch->bar.summary)
        fprintf(stderr, "this takes about %.0f seconds\n", expected);
    watch->said |= expected > 0;
    cli_progress_step(&watch->bar, what, done, expected);
    return cli_interrupted();
}

/* Reads a file into *text, for the caller to free. */
static int read_result(const char *path, char **text)
{
    enum { ROOM = 1 << 20 };
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    const char *wrong = fd < 0 ? strerror(errno) : NULL;
    size_t len = 0;
    ssize_t n = 1;

    *text = malloc(ROOM);
    while (*text && !wrong && n) {
        n = read(fd, *text + len, ROOM - len);
        len += n > 0 ? (size_t)n : 0;
        if (n < 0 && errno != EINTR)
            wrong = strerror(errno);
        else if (len == ROOM)
            wrong = "too large for a result of bench";
    }
    if (fd >= 0)
        (void)close(fd);
    if (!*text)
        return cli_no_memory();
    (*text)[len < ROOM ? len : 0] = '\0';
    if (wrong)
        cli_say("%s: %s", path, wrong);
    return wrong ? CLI_UNUSABLE : CLI_OK;
}

/* ---- the result as lines ---- */

static double number(const json_t *object, const char *key) { return json_number_value(json_object_get(object, key)); }

static void show_limits(const json_t *root)
{
    const json_t *one;
    size_t i;

    json_array_foreach(json_object_get(root, "peak"), i, one)
        printf("peak            %s, %g thread%s: %.1f GFLOP/s\n", json_string_value(json_object_get(one, "isa")),
               number(one, "threads"), number(one, "threads") > 1 ? "s" : "", number(one, "gflops"));
    json_array_foreach(json_object_get(root, "bandwidth"), i, one)
        printf("memory          %g thread%s: reading %.1f GB/s, triad %.1f GB/s\n", number(one, "threads"),
               number(one, "threads") > 1 ? "s" : "", number(one, "read_gb_per_s"), number(one, "triad_gb_per_s"));
}

/* The smallest and largest fraction of the attainable speed among products with the same number of rows. */
static void show_products(const json_t *root)
{
    const json_t *products = json_object_get(json_object_get(root, "matmul"), "products");
    double below = 0;

    for (;;) {
        double m = 0, least = 1e9, most = 0, gflops = 0;
        const json_t *one;
        size_t i;

        json_array_foreach(products, i, one)
            if (number(one, "m") > below && (m == 0 || number(one, "m") < m))
                m = number(one, "m");
        if (m == 0)
            return;
        json_array_foreach(products, i, one) {
            if (number(one, "m") != m)
                continue;
            least = number(one, "of_limit") < least ? number(one, "of_limit") : least;
            most = number(one, "of_limit") > most ? number(one, "of_limit") : most;
            gflops = number(one, "gflops") > gflops ? number(one, "gflops") : gflops;
        }
        printf("products        %4.0f row%s: up to %.1f GFLOP/s, %.2f to %.2f of what is attainable\n", m,
               m > 1 ? "s" : "", gflops, least, most);
        below = m;
    }
}

static void show_scoring(const json_t *root)
{
    const json_t *scoring = json_object_get(root, "scoring");
    const char *const keys[] = { "shared", "alone" }, *const names[] = { "shared prefixes", "each alone" };

    for (size_t i = 0; scoring && i < 2; i++) {
        const json_t *one = json_object_get(scoring, keys[i]);

        printf("scoring         %s: %.1f tokens/s, %.1f rows/s", names[i], number(one, "tokens_per_s"),
               number(one, "rows_per_s"));
        if (number(one, "pairs_per_s") > 0)
            printf(", %.2f pairs/s", number(one, "pairs_per_s"));
        printf(", %.1f GFLOP/s", number(one, "linear_gflops"));
        if (number(one, "of_peak") > 0)
            printf(" (%.2f of peak)", number(one, "of_peak"));
        (void)putchar('\n');
    }
}

static void show_curve(const json_t *root, const char *curve, const char *key, const char *value, const char *title)
{
    const json_t *one;
    size_t i;

    json_array_foreach(json_object_get(json_object_get(root, curve), "points"), i, one)
        printf("%-16s%5.0f: %.4g\n", i ? "" : title, number(one, key), number(one, value));
}

/* Budgets of a small model differ by less than a hundredth of a GiB. */
static void print_memory(double bytes)
{
    if (bytes < 0x1p30)
        printf("%.1f MiB", bytes / 0x1p20);
    else
        printf("%.2f GiB", bytes / 0x1p30);
}

static void show_budgets(const json_t *memory)
{
    const json_t *one;
    size_t i;

    json_array_foreach(json_object_get(memory, "budgets"), i, one) {
        printf("%-16s", i ? "" : "rows/s, budget");
        print_memory(number(one, "budget_bytes"));
        printf(": %.4g rows/s, %s\n", number(one, "rows_per_s"), json_string_value(json_object_get(one, "weights")));
    }
}

static int show(const char *json)
{
    gd_error err = { GD_OK, "" };
    json_t *root;
    const json_t *start, *memory;
    const gd_status rc = gd_json_parse(&root, json, strlen(json), "the result", &err);

    if (rc)
        return cli_fail(rc, &err);
    start = json_object_get(root, "start");
    memory = json_object_get(root, "memory");
    show_limits(root);
    show_products(root);
    show_scoring(root);
    show_curve(root, "batch", "batch_tokens", "rows_per_s", "rows/s, batch");
    show_curve(root, "length", "length", "rows_per_s", "rows/s, length");
    show_curve(root, "answers", "answers", "speed_up", "faster, answers");
    printf("start           %.3f s the first time", number(json_object_get(start, "first"), "seconds"));
    if (json_object_get(start, "again"))
        printf(", %.3f s again", number(json_object_get(start, "again"), "seconds"));
    (void)putchar('\n');
    if (memory) {
        (void)fputs("memory          ", stdout);
        print_memory(number(memory, "peak_resident_bytes"));
        (void)fputs(" at most\n", stdout);
    }
    show_budgets(memory);
    json_decref(root);
    return CLI_OK;
}

/* ---- the command ---- */

static int write_results(const cli_settings *settings, const int files[2], const char *json)
{
    gd_error err = { GD_OK, "" };
    char *page = NULL;
    int status = CLI_OK;

    if (settings->report && gd_bench_page(json, &page, &err))
        return cli_fail(err.status, &err);
    if (!settings->json_file || !gd_is_stdout(settings->json_file))
        status = show(json);
    if (!status)
        status = cli_output_write(settings->json_file, files[0], json);
    if (!status)
        status = cli_output_write(settings->report, files[1], page);
    gd_string_free(page);
    return status ? status : cli_finish_output();
}

static int check(const cli_settings *settings)
{
    if (settings->text_count) {
        cli_say("bench takes only flags, not %s; --model %s?", settings->texts[0], settings->texts[0]);
        return CLI_USAGE;
    }
    if (!settings->options.model && !settings->from) {
        cli_say("--model is missing: --model DIR");
        return CLI_USAGE;
    }
    if (settings->quick && settings->seconds) {
        cli_say("give either --quick or --seconds, not both");
        return CLI_USAGE;
    }
    if (settings->report && gd_is_stdout(settings->report)) {
        cli_say("--report needs a file name: standard output is for the figures");
        return CLI_USAGE;
    }
    return CLI_OK;
}

static int measure(const cli_settings *settings, char **json)
{
    gd_error err = { GD_OK, "" };
    struct bench_watch watch = { .said = 0 };
    gd_bench_options how;
    gd_status rc;

    gd_bench_options_init(&how);
    how.input = settings->input;
    how.format = settings->format < 0 ? GD_FORMAT_AUTO : (gd_format)settings->format;
    how.fields = settings->fields;
    how.seconds = settings->quick ? QUICK_SECONDS : (double)settings->seconds;
    how.only = settings->only;
    how.report = report;
    how.context = &watch;
    cli_watch_interrupt(NULL);
    watch.bar.summary = watch.bar.shown = !settings->quiet && isatty(STDERR_FILENO);
    cli_progress_start(&watch.bar);
    rc = gd_bench(&settings->options, &how, json, &err);
    cli_progress_clear(&watch.bar);
    return cli_fail(rc, &err);
}

int cli_bench(const cli_settings *settings)
{
    int files[2] = { -1, -1 }, status = check(settings);
    char *json = NULL;

    if (!status)
        status = cli_output_check(settings->from ? NULL : &settings->options,
                                  (const char *const[]){ settings->input, settings->from, NULL },
                                  (const char *const[]){ settings->json_file, settings->report, NULL });
    if (!status)
        status = cli_output_open(settings->json_file, &files[0]);
    if (!status)
        status = cli_output_open(settings->report, &files[1]);
    if (!status)
        status = settings->from ? read_result(settings->from, &json) : measure(settings, &json);
    if (!status)
        status = write_results(settings, files, json);
    status = cli_output_close(settings->json_file, files[0], status);
    status = cli_output_close(settings->report, files[1], status);
    if (settings->from)
        free(json);
    else
        gd_string_free(json);
    return status;
}
