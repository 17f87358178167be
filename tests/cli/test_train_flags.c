/* test_train_flags.c - the flags of train, from the command line, a recipe and the environment: each reaches its member
 * of the settings, and nothing else. */
#include "tests/cli/parsing.h"

enum kind { TEXT, WORDS, COUNT, NUMBER, INDEX };

#define AT(member) offsetof(cli_settings, member)

/* `first` and `second` are two values, and `index` the choices that they are. */
static const struct row {
    const char *flag, *first, *second;
    size_t offset;
    enum kind kind;
    int copied; /* cli_parse() copies it, too */
    int index[2];
} rows[] = {
    { "model", "a", "b", AT(options.model), TEXT, 0, { 0 } },
    { "train", "a", "b", AT(train.train), TEXT, 0, { 0 } },
    { "eval", "a", "N=b", AT(evals), WORDS, 0, { 0 } },
    { "output", "a", "b", AT(output), TEXT, 0, { 0 } },
    { "full", NULL, NULL, AT(full), INDEX, 0, { 1, 0 } },
    { "lora-r", "8", "16", AT(train.lora_r), COUNT, 0, { 0 } },
    { "lora-alpha", "0", "1.5", AT(train.lora_alpha), NUMBER, 0, { 0 } },
    { "lora-targets", "q_proj,v_proj", ".*mlp.*", AT(train.lora_targets), TEXT, 0, { 0 } },
    { "init-adapter", "a", "b", AT(train.init_adapter), TEXT, 0, { 0 } },
    { "learning-rate", "1e-5", "2.0e-4", AT(train.learning_rate), NUMBER, 0, { 0 } },
    { "schedule", "linear", "constant", AT(train.schedule), TEXT, 0, { 0 } },
    { "warmup-steps", "0", "100", AT(train.warmup_steps), NUMBER, 0, { 0 } },
    { "epochs", "0.5", "3", AT(train.epochs), NUMBER, 0, { 0 } },
    { "max-steps", "10", "20", AT(train.max_steps), COUNT, 0, { 0 } },
    { "batch-size", "2", "8", AT(train.batch_size), COUNT, 0, { 0 } },
    { "grad-accum", "1", "3", AT(train.grad_accum), COUNT, 0, { 0 } },
    { "max-length", "128", "512", AT(options.max_length), COUNT, 0, { 0 } },
    { "margin-field", "margin", "by", AT(train.margin_field), TEXT, 0, { 0 } },
    { "center-rewards", "0.01", "0", AT(train.center_rewards), NUMBER, 0, { 0 } },
    { "weight-decay", "0.1", "0", AT(train.weight_decay), NUMBER, 0, { 0 } },
    { "clip", "0", "2.5", AT(train.clip), NUMBER, 0, { 0 } },
    { "seed", "0", "7", AT(train.seed), NUMBER, 0, { 0 } },
    { "eval-every", "5", "50", AT(train.eval_every), COUNT, 0, { 0 } },
    { "by", "source", "subset", AT(train.by), TEXT, 0, { 0 } },
    { "best", "eval_loss", "eval_accuracy", AT(train.best), TEXT, 0, { 0 } },
    { "patience", "2", "3", AT(train.patience), COUNT, 0, { 0 } },
    { "save-every", "5", "50", AT(train.save_every), COUNT, 0, { 0 } },
    { "keep", "1", "9", AT(train.keep), COUNT, 0, { 0 } },
    { "resume", "never", "out/checkpoint-8", AT(train.resume), TEXT, 0, { 0 } },
    { "checkpoint-layers", "on", "off", AT(train.checkpoint_layers), TEXT, 0, { 0 } },
    { "compat", "trl", "trl", AT(train.compat), TEXT, 0, { 0 } },
    { "fields", "chosen=good", "rejected=bad", AT(fields), TEXT, 0, { 0 } },
    { "chat-format", "hh", "chatml", AT(options.chat_format), TEXT, 0, { 0 } },
    { "turns", "on", "off", AT(options.turns), TEXT, 0, { 0 } },
    { "add-eos", "always", "auto", AT(add_eos), INDEX, 1, { GD_ADD_EOS_ALWAYS, GD_ADD_EOS_AUTO } },
    { "format", "json", "csv", AT(format), INDEX, 0, { GD_FORMAT_JSON, GD_FORMAT_CSV } },
    { "head", "value_head", "mine.yaml", AT(options.head), TEXT, 0, { 0 } },
    { "precision", "fp32", "bf16", AT(options.precision), TEXT, 0, { 0 } },
    { "numerics", "exact", "fast", AT(options.numerics), TEXT, 0, { 0 } },
    { "backend", "cpu", "auto", AT(options.backend), TEXT, 0, { 0 } },
    { "isa", "generic", "avx2", AT(options.isa), TEXT, 0, { 0 } },
    { "threads", "1", "2", AT(threads), COUNT, 1, { 0 } },
    { "memory", "4096", "1048576", AT(options.memory), COUNT, 0, { 0 } },
    { "json", NULL, NULL, AT(json), INDEX, 0, { 1, 0 } },
    { "dry-run", NULL, NULL, AT(dry_run), INDEX, 1, { 1, 0 } },
    { "quiet", NULL, NULL, AT(quiet), INDEX, 0, { 1, 0 } },
};
enum { ROWS = sizeof rows / sizeof rows[0] };

/* --name=value, name: value and GUERDON_NAME for a row. */
static const char *as_flag(char *out, size_t room, const struct row *row, const char *value)
{
    (void)snprintf(out, room, value ? "--%s=%s" : "--%s", row->flag, value);
    return out;
}

static const char *as_recipe(const struct row *row, const char *value, bool hyphens)
{
    char text[512];

    (void)snprintf(text, sizeof text, "%s: %s%s%s\n", row->flag, value ? "'" : "", value ? value : "true",
                   value ? "'" : "");
    for (char *p = text; *p && *p != ':' && !hyphens; p++)
        *p = (char)(*p == '-' ? '_' : *p);
    return recipe(text);
}

static const char *as_variable(char *out, size_t room, const struct row *row)
{
    (void)snprintf(out, room, "GUERDON_%s", row->flag);
    for (char *p = out; *p; p++)
        *p = (char)(*p == '-' ? '_' : *p >= 'a' && *p <= 'z' ? *p - 'a' + 'A' : *p);
    return out;
}

/* The settings have the first or the second value of the row. */
static void expect(const cli_settings *settings, const struct row *row, int second, const char *how)
{
    const char *value = second ? row->second : row->first;
    const char *slot = (const char *)settings + row->offset;
    const gd_number *number = (const void *)slot;
    const cli_list *list = (const void *)slot;
    bool ok = false;

    switch (row->kind) {
    case TEXT:
        ok = *(const char *const *)(const void *)slot && !strcmp(*(const char *const *)(const void *)slot, value);
        break;
    case WORDS: ok = list->count == 1 && !strcmp(list->values[0], value); break;
    case COUNT: ok = *(const size_t *)(const void *)slot == strtoull(value, NULL, 10); break;
    case NUMBER: ok = number->given == 1 && number->value == strtod(value, NULL); break;
    case INDEX: ok = *(const int *)(const void *)slot == row->index[second]; break;
    }
    if (!ok)
        fail_msg("--%s, %s: the settings don't have %s", row->flag, how, value ? value : "it");
}

static size_t size_of(enum kind kind)
{
    static const size_t sizes[] = { sizeof(char *), sizeof(cli_list), sizeof(size_t), sizeof(gd_number), sizeof(int) };

    return sizes[kind];
}

static void a_flag_sets_its_member_and_nothing_else(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS; i++) {
        cli_settings before, after;
        char flag[256];

        parse(&before, (const char *const[]){ "--", NULL });
        parse(&after, (const char *const[]){ as_flag(flag, sizeof flag, &rows[i], rows[i].first), NULL });
        expect(&after, &rows[i], 0, "as a flag");
        if (rows[i].copied)
            continue;
        memcpy((char *)&after + rows[i].offset, (const char *)&before + rows[i].offset, size_of(rows[i].kind));
        if (memcmp(&before, &after, sizeof after) != 0)
            fail_msg("--%s sets another member, too", rows[i].flag);
    }
}

static void flags_that_are_copied_reach_the_library(void **state)
{
    cli_settings s;

    (void)state;
    parse(&s, (const char *const[]){ "--threads=3", "--add-eos=auto", "--dry-run", NULL });
    assert_int_equal(s.options.threads, 3);
    assert_int_equal(s.options.add_eos, GD_ADD_EOS_AUTO);
    assert_true(s.options.dry_run);
}

static void every_flag_has_a_row(void **state)
{
    size_t found = 0;

    (void)state;
    for (size_t f = 0; f < cli_flag_count; f++) {
        const bool other = !strcmp(cli_flags[f].name, "help") || !strcmp(cli_flags[f].name, "recipe");
        bool has = false;

        if (!(cli_flags[f].commands & CLI_CMD_TRAIN) || other)
            continue;
        for (size_t i = 0; i < ROWS; i++)
            has = has || !strcmp(rows[i].flag, cli_flags[f].name);
        if (!has)
            fail_msg("this test's table lacks --%s", cli_flags[f].name);
        found++;
    }
    assert_int_equal(found, ROWS);
    assert_in_range(cli_flag_count, 1, CLI_FLAGS_MAX);
}

static void every_flag_has_a_key_and_a_variable(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS; i++) {
        cli_settings s;
        char name[64];

        for (int hyphens = 0; hyphens < 2; hyphens++) {
            parse(&s, (const char *const[]){ as_recipe(&rows[i], rows[i].first, hyphens), NULL });
            expect(&s, &rows[i], 0, "in a recipe");
            cli_forget(&s);
        }
        assert_int_equal(setenv(as_variable(name, sizeof name, &rows[i]), rows[i].first ? rows[i].first : "1", 1), 0);
        parse(&s, (const char *const[]){ "--", NULL });
        expect(&s, &rows[i], 0, "in the environment");
        cli_forget(&s);
        assert_int_equal(unsetenv(name), 0);
    }
}

/* The environment has one value, the recipe another, and then the flag the first one again. */
static void a_flag_wins_over_the_recipe_and_that_over_the_environment(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS; i++) {
        const struct row *row = &rows[i];
        cli_settings s;
        char name[64], flag[256];

        if (!row->second)
            continue;
        assert_int_equal(setenv(as_variable(name, sizeof name, row), row->first, 1), 0);
        parse(&s, (const char *const[]){ as_recipe(row, row->second, false), NULL });
        expect(&s, row, 1, "in a recipe, and otherwise in the environment");
        cli_forget(&s);
        parse(&s, (const char *const[]){ as_recipe(row, row->second, false),
                                         as_flag(flag, sizeof flag, row, row->first), NULL });
        expect(&s, row, 0, "as a flag, and otherwise in a recipe");
        cli_forget(&s);
        assert_int_equal(unsetenv(name), 0);
    }
}

/* What flags of other programs are called here are flags that there are. */
static void aliases_are_flags(void **state)
{
    (void)state;
    for (size_t f = 0; f < cli_flag_count; f++)
        if (cli_flags[f].commands & CLI_CMD_TRAIN)
            assert_null(cli_alias_find(cli_flags[f].name));
    for (size_t i = 0; i < cli_alias_count; i++) {
        bool found = !cli_aliases[i].ours;

        for (size_t f = 0; f < cli_flag_count && !found; f++)
            found = (cli_flags[f].commands & CLI_CMD_TRAIN) && !strcmp(cli_flags[f].name, cli_aliases[i].ours);
        if (!found || (!cli_aliases[i].ours && !cli_aliases[i].why))
            fail_msg("%s: there is no flag %s", cli_aliases[i].theirs, cli_aliases[i].ours);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_flag_sets_its_member_and_nothing_else),
        cmocka_unit_test(flags_that_are_copied_reach_the_library),
        cmocka_unit_test(every_flag_has_a_row),
        cmocka_unit_test(every_flag_has_a_key_and_a_variable),
        cmocka_unit_test(a_flag_wins_over_the_recipe_and_that_over_the_environment),
        cmocka_unit_test(aliases_are_flags),
    };

    return cmocka_run_group_tests(tests, parsing_begin, parsing_end);
}
