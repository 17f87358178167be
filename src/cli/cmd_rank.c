/* cmd_rank.c - guerdon rank. */
#include "cli/run.h"

#include <stdlib.h>
#include <string.h>

static gd_rank_pairs pairs_of(const char *word)
{
    if (!word)
        return GD_PAIRS_NONE;
    if (!strcmp(word, "best-worst"))
        return GD_PAIRS_BEST_WORST;
    return !strcmp(word, "all") ? GD_PAIRS_ALL : GD_PAIRS_BEST_RANDOM;
}

/* ranked.pairs.jsonl.gz for ranked.jsonl.gz; the caller frees it. */
static char *beside(const char *output)
{
    static const char *const endings[] = { ".gz", ".zst", ".jsonl", ".json", ".ndjson" };
    const char *slash = strrchr(output, '/'), *name = slash ? slash + 1 : output;
    size_t stem = strlen(output);
    char *path = malloc(stem + sizeof ".pairs");

    for (size_t i = 0; path && i < sizeof endings / sizeof endings[0]; i++) {
        const size_t n = strlen(endings[i]);

        if (output + stem > name + n && !memcmp(output + stem - n, endings[i], n))
            stem -= n;
    }
    if (path) {
        memcpy(path, output, stem);
        memcpy(path + stem, ".pairs", 6);
        memcpy(path + stem + 6, output + stem, strlen(output) - stem + 1);
    }
    return path;
}

/* Sets how->pairs_output; *made becomes its path when it had to be made, for the caller to free. */
static int choose_pairs(gd_rank_options *how, const cli_settings *settings, char **made)
{
    how->pairs = pairs_of(settings->pairs);
    how->pairs_output = settings->pairs_output;
    if (!how->pairs && (settings->pairs_output || settings->min_margin.given || settings->seed)) {
        cli_say("--pairs-output, --min-margin and --seed need --pairs");
        return CLI_USAGE;
    }
    if (!how->pairs || how->pairs_output)
        return CLI_OK;
    if (!settings->output) {
        cli_say("--pairs needs --pairs-output FILE without --output FILE");
        return CLI_USAGE;
    }
    *made = beside(settings->output);
    how->pairs_output = *made;
    return *made ? CLI_OK : cli_no_memory();
}

static int run_rank(const cli_settings *settings, gd_rank_options *how, cli_run *run)
{
    gd_error err = { GD_OK, "" };
    gd_summary summary = { .struct_size = sizeof summary };
    gd_model *model = NULL;
    gd_status rc = cli_open_model(&model, settings, &err);

    if (rc)
        return cli_fail(rc, &err);
    cli_run_notes(run, model);
    rc = gd_rank_file(model, how, cli_run_watch(run), &summary, &err);
    rc = cli_run_close(run, model, rc, &summary, &err);
    return cli_run_end(run, "ranked", rc, &summary, &err);
}

int cli_rank(const cli_settings *settings)
{
    gd_rank_options how;
    char *made = NULL;
    cli_run run;
    int status = cli_run_without_texts(settings, "rank");

    gd_rank_options_init(&how);
    if (!status)
        status = cli_run_check_second(settings, "pairs-output", settings->pairs_output);
    if (!status)
        status = cli_run_begin(&run, settings);
    if (!status)
        status = choose_pairs(&how, settings, &made);
    if (status) {
        free(made);
        return status;
    }
    how.input = run.files.input;
    how.output = run.files.output;
    how.format = run.files.format;
    how.resume = run.files.resume;
    how.fields = run.files.fields;
    how.from_scores = settings->from_scores;
    how.skip_unscored = (size_t)settings->skip_unscored;
    how.keep = run.files.keep;
    how.group_by = settings->group_by;
    how.shard = run.files.shard;
    how.shards = run.files.shards;
    how.top = settings->top;
    how.texts = settings->with_texts;
    how.min_margin = (float)settings->min_margin.value;
    how.seed = settings->seed;
    status = run_rank(settings, &how, &run);
    free(made);
    return status;
}
