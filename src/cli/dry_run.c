/* dry_run.c - what --dry-run prints: what a run would take. */
#include "cli/run.h"

#include <string.h>

static unsigned long long whole(const json_t *report, const char *key)
{
    return (unsigned long long)json_integer_value(json_object_get(report, key));
}

static void show_count(const char *what, uint64_t count)
{
    char number[CLI_NUMBER_ROOM];

    if (count)
        printf(", %s %s", cli_number(number, count), what);
}

static void show_items(const gd_summary *summary)
{
    char number[CLI_NUMBER_ROOM];

    printf("items           %s", cli_number(number, summary->items));
    show_count("would fail", summary->failed);
    show_count("would be left out", summary->dropped);
    show_count("would be cut", summary->truncated);
    (void)putchar('\n');
}

static void show_texts(const json_t *report)
{
    char number[3][CLI_NUMBER_ROOM];

    printf("texts           %s", cli_number(number[0], whole(report, "texts")));
    if (whole(report, "texts"))
        printf(" of %s to %s tokens, median %s", cli_number(number[0], whole(report, "shortest")),
               cli_number(number[1], whole(report, "longest")), cli_number(number[2], whole(report, "median")));
    (void)putchar('\n');
}

static void show_work(const json_t *report)
{
    const unsigned long long tokens = whole(report, "tokens"), rows = whole(report, "rows");
    const unsigned long long saved = tokens > rows ? tokens - rows : 0, batches = whole(report, "batches");
    char number[3][CLI_NUMBER_ROOM];

    printf("tokens          %s, %s saved by sharing (%.1f%%)\n", cli_number(number[0], tokens),
           cli_number(number[1], saved), tokens ? 100 * (double)saved / (double)tokens : 0);
    printf("batches         %s%s\n", cli_number(number[0], batches),
           json_is_true(json_object_get(report, "streamed")) ? ", each of which reads the weights again" : "");
}

void cli_show_seconds(const json_t *report)
{
    const double seconds = json_number_value(json_object_get(report, "seconds"));

    if (seconds < 1)
        (void)fputs("time            less than a second", stdout);
    else if (seconds < 100)
        printf("time            about %.0f seconds", seconds);
    else if (seconds < 7200)
        printf("time            about %.0f minutes", seconds / 60);
    else if (seconds < 4 * 86400)
        printf("time            about %.1f hours", seconds / 3600);
    else
        printf("time            about %.0f days", seconds / 86400);
    if (json_object_get(report, "threads"))
        printf(" with %llu thread%s", whole(report, "threads"), whole(report, "threads") == 1 ? "" : "s");
    (void)fputs(", and that of reading the weights\n", stdout);
}

gd_status cli_dry_run_show(gd_model *model, const gd_summary *summary, gd_error *err)
{
    char *json = NULL;
    json_t *report;
    gd_status rc = gd_dry_run_report(model, &json, err);

    if (!rc)
        rc = gd_json_parse(&report, json, strlen(json), "the report", err);
    gd_string_free(json);
    if (rc)
        return rc;
    show_items(summary);
    show_texts(report);
    show_work(report);
    printf("memory          %.1f MiB for weights and batches (%s)\n",
           json_number_value(json_object_get(report, "memory_bytes")) / 0x1p20,
           json_is_true(json_object_get(report, "streamed")) ? "weights streamed" : "weights stay");
    cli_show_seconds(report);
    json_decref(report);
    return GD_OK;
}
