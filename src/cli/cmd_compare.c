/* cmd_compare.c - guerdon compare. */
#include "cli/cli.h"
#include "cli/output.h"

#include "base/json.h"
#include "base/samefile.h"

#include <math.h>
#include <string.h>

static double number(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    return json_is_number(value) ? json_number_value(value) : (double)NAN;
}

static void print_count(const char *title, const json_t *object, const char *key)
{
    char room[CLI_NUMBER_ROOM];

    printf("%-22s%s\n", title, cli_number(room, (unsigned long long)number(object, key)));
}

static void print_cell(double value)
{
    if (isfinite(value))
        printf(" %14.9g", value);
    else
        printf(" %14s", "-");
}

static void show_agreement(const json_t *root)
{
    static const char *const rows[][2] = { { "pearson", "correlation" },
                                           { "spearman", "rank correlation" },
                                           { "mean_difference", "mean |difference|" },
                                           { "largest_difference", "largest |difference|" },
                                           { "largest_index", "at item" } };
    const json_t *margins = json_object_get(root, "margins");
    const int pairs = number(margins, "pairs") > 0;

    printf("\n%-21s %14s %14s\n", "", "scores", pairs ? "margins" : "");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        printf("%-21s", rows[i][1]);
        print_cell(number(root, rows[i][0]));
        if (pairs)
            print_cell(number(margins, rows[i][0]));
        (void)putchar('\n');
    }
}

static void show_pairs(const json_t *margins)
{
    if (!(number(margins, "pairs") > 0))
        return;
    (void)putchar('\n');
    print_count("pairs", margins, "pairs");
    print_count("flips", margins, "flips");
    printf("%-22s%.4f, %.4f\n", "accuracy of A, of B", number(margins, "accuracy_a"), number(margins, "accuracy_b"));
    print_count("right only in A", margins, "only_a_right");
    print_count("right only in B", margins, "only_b_right");
    print_count("ties in A", margins, "ties_a");
    print_count("ties in B", margins, "ties_b");
}

static int show(const char *json)
{
    gd_error err = { GD_OK, "" };
    json_t *root;
    const gd_status rc = gd_json_parse(&root, json, strlen(json), "the result", &err);

    if (rc)
        return cli_fail(rc, &err);
    print_count("items", root, "items");
    print_count("left out", root, "skipped");
    print_count("scores", root, "scores");
    print_count("with the same bits", root, "identical");
    show_agreement(root);
    show_pairs(json_object_get(root, "margins"));
    if (number(root, "lists") > 0) {
        (void)putchar('\n');
        print_count("lists", root, "lists");
        print_count("best answer differs", root, "best_differs");
    }
    json_decref(root);
    return CLI_OK;
}

static int write_results(const cli_settings *settings, int fd, const char *json)
{
    gd_error err = { GD_OK, "" };
    char *page = NULL;
    int status = CLI_OK;

    if (settings->report && gd_compare_page(json, &page, &err))
        return cli_fail(err.status, &err);
    if (settings->json)
        (void)puts(json);
    else
        status = show(json);
    if (!status)
        status = cli_output_write(settings->report, fd, page);
    gd_string_free(page);
    return status ? status : cli_finish_output();
}

int cli_compare(const cli_settings *settings)
{
    gd_error err = { GD_OK, "" };
    char *json = NULL;
    int fd = -1, status;

    if (settings->text_count != 2) {
        cli_say("compare takes two files of scores, not %zu: compare A.jsonl B.jsonl", settings->text_count);
        return CLI_USAGE;
    }
    if (settings->report && gd_is_stdout(settings->report)) {
        cli_say("--report needs a file name: standard output is for the figures");
        return CLI_USAGE;
    }
    status = cli_output_check(NULL, (const char *const[]){ settings->texts[0], settings->texts[1], NULL },
                              (const char *const[]){ settings->report, NULL, NULL });
    if (!status)
        status = cli_output_open(settings->report, &fd);
    if (!status)
        status = cli_fail(gd_compare(settings->texts[0], settings->texts[1], &json, &err), &err);
    if (!status)
        status = write_results(settings, fd, json);
    status = cli_output_close(settings->report, fd, status);
    gd_string_free(json);
    return status;
}
