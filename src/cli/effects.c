/* effects.c - refuses flags that would have no effect. */
#include "cli/cli.h"

#include <string.h>

static int has_texts(const cli_settings *s)
{
    return !s->input && s->text_count && (s->text_count > 1 || strcmp(s->texts[0], "-") != 0);
}

static int has_shard(const cli_settings *s) { return s->shard.of != 0; }

static int shows_earlier(const cli_settings *s) { return s->from != NULL; }

static int has_random_texts(const cli_settings *s) { return !s->input && !s->from; }

static int draws_nothing(const cli_settings *s) { return s->pairs && strcmp(s->pairs, "best-random") != 0; }

static int trains(const cli_settings *s) { return s->train.train != NULL; }

static int trains_not(const cli_settings *s) { return !s->train.train && !s->recipe; }

static int saves(const cli_settings *s) { return s->save != NULL; }

static int has_left_side(const cli_settings *s) { return s->against != NULL; }

static const struct effect {
    unsigned command;
    int (*applies)(const cli_settings *settings);
    const char *flags; /* each between spaces */
    const char *sentence;
} effects[] = {
    { CLI_CMD_SCORE | CLI_CMD_TOKENIZE, has_texts, " fields ",
      "is for an input file; texts on the command line are taken as they are" },
    { CLI_CMD_BENCH, shows_earlier,
      " model adapter input max-length fields chat-format turns truncate add-eos format precision numerics backend isa "
      "threads "
      "memory batch-tokens graph quick seconds only ",
      "has no effect on an earlier result: leave out either it or --from" },
    { CLI_CMD_BENCH, has_random_texts, " fields format chat-format turns truncate ",
      "has no effect on texts of random words: it needs --input FILE" },
    { CLI_CMD_INSPECT, trains, " adapter ",
      "is not for a training run, which begins with an adapter by --init-adapter" },
    { CLI_CMD_INSPECT, trains_not,
      " eval full lora-r lora-alpha lora-targets init-adapter epochs max-steps batch-size grad-accum margin-field "
      "checkpoint-layers compat fields format ",
      "is for a training run: it needs --train FILE" },
    { CLI_CMD_CROSSCHECK, saves, " against right right-model right-adapter report ",
      "has no effect with --save, which runs only the left side and compares nothing" },
    { CLI_CMD_CROSSCHECK, has_left_side, " left ", "has no effect with --against, whose file is the left side" },
    { CLI_CMD_RANK | CLI_CMD_FILTER, has_shard, " from-scores ",
      "leaves no work of a model to share out: leave out --shard" },
    { CLI_CMD_FILTER, has_shard, " top-fraction ",
      "needs the scores of all shards: score each with --shard, and filter the whole input --from-scores, with the "
      "joined scores" },
    { CLI_CMD_RANK, draws_nothing, " seed ", "is for --pairs best-random, the only ones that are drawn" },
};

bool cli_is_listed(const char *name, const char *list)
{
    const size_t len = strlen(name);

    for (const char *at = strstr(list, name); at; at = strstr(at + 1, name))
        if (at[-1] == ' ' && at[len] == ' ')
            return true;
    return false;
}

/* Scores that are there need no model; a flag that says how to compute them would have no effect. */
static int check_from_scores(const cli_settings *settings, const cli_given *given)
{
    for (size_t i = 0; settings->from_scores && i < cli_flag_count; i++)
        if (given->flag[i] && cli_flags[i].offset < offsetof(cli_settings, from_scores)) {
            cli_say("--%s has no effect on scores that are there: leave out either it or --from-scores",
                    cli_flags[i].name);
            return CLI_USAGE;
        }
    if (settings->skip_unscored && !settings->from_scores) {
        cli_say("--skip-unscored needs --from-scores");
        return CLI_USAGE;
    }
    return CLI_OK;
}

int cli_check_effects(const cli_settings *settings, const cli_command *command, const cli_given *given)
{
    for (size_t i = 0; i < sizeof effects / sizeof effects[0]; i++) {
        const struct effect *effect = &effects[i];

        if (!(effect->command & command->bit) || !effect->applies(settings))
            continue;
        for (size_t k = 0; k < cli_flag_count; k++)
            if (given->flag[k] && cli_is_listed(cli_flags[k].name, effect->flags)) {
                cli_say("--%s %s", cli_flags[k].name, effect->sentence);
                return CLI_USAGE;
            }
    }
    return check_from_scores(settings, given);
}
