/* test_recipes.c - what a recipe of train may hold, and what is said of one that is wrong. */
#include "tests/cli/parsing.h"

static void switches_can_be_off(void **state)
{
    cli_settings s;

    (void)state;
    assert_int_equal(setenv("GUERDON_QUIET", "1", 1), 0);
    parse(&s, (const char *const[]){ recipe("quiet: false\n"), NULL });
    assert_int_equal(s.quiet, 0);
    cli_forget(&s);
    parse(&s, (const char *const[]){ recipe("quiet: false\n"), "--quiet", NULL });
    assert_int_equal(s.quiet, 1);
    cli_forget(&s);
    assert_int_equal(unsetenv("GUERDON_QUIET"), 0);
}

static void expect_evals(const cli_settings *s, size_t count, const char *const *values)
{
    assert_int_equal(s->evals.count, count);
    for (size_t i = 0; i < count; i++)
        assert_string_equal(s->evals.values[i], values[i]);
}

static void several_evals(void **state)
{
    static const char *const three[] = { "a=x", "b=y", "z" };
    cli_settings s;

    (void)state;
    parse(&s, (const char *const[]){ "--eval=a=x", "--eval", "b=y", "--eval", "z", NULL });
    expect_evals(&s, 3, three);
    parse(&s, (const char *const[]){ recipe("eval:\n- a=x\n- b=y\n- z\n"), NULL });
    expect_evals(&s, 3, three);
    cli_forget(&s);
    parse(&s, (const char *const[]){ recipe("eval: {a: x, b: y}\n"), NULL });
    expect_evals(&s, 2, three);
    cli_forget(&s);
    parse(&s, (const char *const[]){ recipe("eval: [1, 2, 3]\n"), "--eval=a=x", NULL });
    expect_evals(&s, 1, three);
    cli_forget(&s);
}

static void lists_of_names(void **state)
{
    cli_settings s;

    (void)state;
    parse(&s, (const char *const[]){ recipe("lora_targets:\n- q_proj\n- v_proj\nfields: [chosen=good, rejected=bad]\n"),
                                     NULL });
    assert_string_equal(s.train.lora_targets, "q_proj,v_proj");
    assert_string_equal(s.fields, "chosen=good,rejected=bad");
    cli_forget(&s);
}

/* inspect has fewer flags, and takes a whole recipe. */
static void a_recipe_for_inspect(void **state)
{
    cli_settings s;
    char said[1024];

    (void)state;
    assert_int_equal(parse_for("inspect", &s, said,
                               (const char *const[]){ recipe("train: t\nlearning_rate: 1\nmax_length: 5\nlora_r: 3\n"),
                                                      "--max-length=7", NULL }),
                     CLI_OK);
    assert_string_equal(said, "");
    assert_string_equal(s.train.train, "t");
    assert_true(s.train.learning_rate.value == 1);
    assert_int_equal(s.options.max_length, 7);
    assert_int_equal(s.train.lora_r, 3);
    cli_forget(&s);
}

static const struct bad {
    const char *text, *sentence; /* after the path */
} bad[] = {
    /* values */
    { "lora_r: 0", ":1:9: lora_r: 0: expected a whole number, at least 1" },
    { "lora-r: many", ":1:9: lora-r: many: expected a whole number, at least 1" },
    { "lora_r: 1.5", ":1:9: lora_r: 1.5: expected a whole number, at least 1" },
    { "model: m\nbatch_size: 1_000", ":2:13: batch_size: 1_000: expected a whole number, at least 1" },
    { "learning_rate: fast", ":1:16: learning_rate: fast: expected a number, such as 0.5 or -2" },
    { "learning_rate: 1e-5 # ok\nclip: .nan", ":2:7: clip: .nan: expected a number, such as 0.5 or -2" },
    { "epochs: inf", ":1:9: epochs: inf: expected a number, such as 0.5 or -2" },
    { "seed: 0x10", ":1:7: seed: 0x10: expected a number, such as 0.5 or -2" },
    { "schedule: cosine_with_restarts", ":1:11: schedule: cosine_with_restarts: expected cosine|linear|constant" },
    { "checkpoint_layers: true", ":1:20: checkpoint_layers: true: expected auto|on|off" },
    { "compat: axolotl", ":1:9: compat: axolotl: expected trl" },
    { "precision: fp16", ":1:12: precision: fp16: expected bf16|fp32" },
    { "add_eos: true", ":1:10: add_eos: true: expected never|auto|always" },
    { "memory: lots", ":1:9: memory: lots: expected a number of bytes, such as 2G, 1.5G or 900M" },
    { "quiet: yes", ":1:8: quiet is \"yes\", but true or false is expected" },
    { "json: 1", ":1:7: json is \"1\", but true or false is expected" },
    { "dry_run: 'true'", ":1:10: dry_run is \"true\", but true or false is expected" },
    { "quiet: [true]", ":1:8: quiet is a list, but a scalar is expected" },
    { "train:", ":1:7: train has no value; for the default, leave the line out" },
    { "train: null", ":1:8: train has no value; for the default, leave the line out" },
    { "train: ''", ":1:8: train has no value; for the default, leave the line out" },
    { "max_steps: ~", ":1:12: max_steps has no value; for the default, leave the line out" },
    { "train: [a, b]", ":1:8: train is a list, but a single value is expected; for several files, it is a pattern in "
                       "quotes: 'data/*.jsonl' or '{a,b}.jsonl'" },
    { "lora_r: [8]", ":1:9: lora_r is a list, but a single value is expected" },
    { "lora_r: {q_proj: 8}", ":1:9: lora_r is a mapping, but a single value is expected" },
    { "eval: []", ":1:7: eval is empty; leave the line out" },
    { "eval: [a, [b]]", ":1:11: eval is a list, but a single value is expected" },
    { "eval: {a: }", ":1:11: eval has no value; for the default, leave the line out" },
    { "eval: {a: {path: b}}", ":1:11: eval is a mapping, but a single value is expected" },
    { "eval: {a b: c}", ":1:8: eval: the name of a set has letters, digits, _, . and - only" },
    { "eval: {'': c}", ":1:8: eval: the name of a set has letters, digits, _, . and - only" },
    { "lora_targets: []", ":1:15: lora_targets is empty; leave the line out" },
    { "lora_targets: [q_proj, {v: w}]", ":1:24: lora_targets is a mapping, but a single value is expected" },
    /* keys */
    { "learning_rte: 1", ":1:1: learning_rte is not a key of a recipe; did you mean learning_rate?" },
    { "wheels: 4", ":1:1: wheels is not a key of a recipe; guerdon train --help lists the flags, which are the keys" },
    { "help: true", ":1:1: help is a flag only: it can't be in a recipe" },
    { "recipe: other.yaml", ":1:1: recipe is a flag only: it can't be in a recipe" },
    { "lora_r: 1\nlora-r: 2", ":2:1: lora-r is there twice, once with - for _" },
    { "device: cuda", ":1:1: device: training runs on the CPU: leave it out" },
    /* what others call it */
    { "per_device_train_batch_size: 4", ":1:1: per_device_train_batch_size is called batch_size here: pairs of a "
                                        "micro-batch, of which a step has --grad-accum" },
    { "gradient_accumulation_steps: 4", ":1:1: gradient_accumulation_steps is called grad_accum here" },
    { "num_train_epochs: 1", ":1:1: num_train_epochs is called epochs here" },
    { "lr_scheduler_type: cosine", ":1:1: lr_scheduler_type is called schedule here" },
    { "cutoff_len: 512", ":1:1: cutoff_len is called max_length here: records with a longer text are left out" },
    { "model_name_or_path: x", ":1:1: model_name_or_path is called model here" },
    { "base_model: x", ":1:1: base_model is called model here" },
    { "dataset_name: x", ":1:1: dataset_name is called train here" },
    { "output_dir: x", ":1:1: output_dir is called output here" },
    { "full_finetuning: true", ":1:1: full_finetuning is called full here" },
    { "finetuning_type: full", ":1:1: finetuning_type: a LoRA adapter and the head are what is trained, or every "
                               "weight with --full" },
    { "use_peft: false", ":1:1: use_peft: a LoRA adapter and the head are what is trained, or every weight with "
                         "--full" },
    { "lora_rank: 8", ":1:1: lora_rank is called lora_r here" },
    { "lora_target: all",
      ":1:1: lora_target is called lora_targets here: a list of names, or all-linear, the default" },
    { "bf16: false", ":1:1: bf16 is called precision here: bf16, the default, or fp32" },
    { "gradient_checkpointing: false", ":1:1: gradient_checkpointing is called checkpoint_layers here: auto, the "
                                       "default, does so if the memory is too small" },
    /* what is done anyway */
    { "bf16: true", ":1:1: bf16: true is what is done anyway: leave it out" },
    { "lora_dropout: 0.0", ":1:1: lora_dropout: 0.0 is what is done anyway: leave it out" },
    { "gradient_checkpointing: True", ":1:1: gradient_checkpointing: True is what is done anyway: leave it out" },
    { "stage: rm", ":1:1: stage: rm is what is done anyway: leave it out" },
    { "finetuning_type: lora", ":1:1: finetuning_type: lora is what is done anyway: leave it out" },
    { "finetuning_type: lora\nfull: true", ":1:1: finetuning_type: a LoRA adapter and the head are what is trained, or "
                                           "every weight with --full" },
    { "full: true\nfinetuning_type: full", ":2:1: finetuning_type: full is what is done anyway: leave it out" },
    { "full: true\nuse_peft: false", ":2:1: use_peft: false is what is done anyway: leave it out" },
    { "full: true\nmodules_to_save: score", ":2:1: modules_to_save: the head is always trained and saved, and nothing "
                                            "else besides LoRA; --full trains every weight" },
    { "full: false\nmodules_to_save: score", ":2:1: modules_to_save: score is what is done anyway: leave it out" },
    { "optim: adamw_torch_fused", ":1:1: optim: adamw_torch_fused is what is done anyway: leave it out" },
    { "report_to: none", ":1:1: report_to: none is what is done anyway: leave it out" },
    { "full_finetuning: false", ":1:1: full_finetuning: false is what is done anyway: leave it out" },
    /* what there isn't */
    { "lora_dropout: 0.05", ":1:1: lora_dropout: dropout is not supported; TRL's RewardTrainer turns it off, too" },
    { "use_dora: true", ":1:1: use_dora: DoRA is not supported" },
    { "init_lora_weights: pissa",
      ":1:1: init_lora_weights: PiSSA, OLoRA, LoftQ and other first values are not supported: "
      "A is random as in PEFT, and B is zero" },
    { "load_in_4bit: true", ":1:1: load_in_4bit: weights are never quantised; with --memory, those that do not fit are "
                            "streamed" },
    { "fp16: true", ":1:1: fp16: fp16 is not supported: --precision is bf16 or fp32" },
    { "deepspeed: ds_z3.json", ":1:1: deepspeed: a run is one process on one machine: leave it out" },
    { "report_to: [wandb]", ":1:1: report_to: nothing is sent anywhere: log.jsonl and report.html have every figure" },
    { "logging_steps: 10", ":1:1: logging_steps: every step is logged in log.jsonl and report.html: leave it out" },
    { "datasets:\n- path: x", ":1:1: datasets is called train here" },
    /* YAML */
    { "- model: x", ":1:1: the recipe is a list, but a mapping is expected" },
    { "model", ":1:1: the recipe is a scalar, but a mapping is expected" },
    { "a: &x b", NULL },
    { "model: [", NULL },
    { "model: a\nmodel: b", NULL },
    { "", NULL },
};

static void bad_recipes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char said[1024], want[1024], beginning[TEST_PATH + 16];
        cli_settings s;
        const int status = parse_for("train", &s, said, (const char *const[]){ recipe(bad[i].text), NULL });

        cli_forget(&s);
        (void)snprintf(beginning, sizeof beginning, "guerdon: %s:", recipe_path);
        (void)snprintf(want, sizeof want, "guerdon: %s%s\n", recipe_path, bad[i].sentence ? bad[i].sentence : "");
        if (status != CLI_USAGE || (bad[i].sentence ? strcmp(said, want) != 0 : !strstr(said, beginning)))
            fail_msg("%s: status %d\n%sinstead of\n%s", bad[i].text, status, said, want);
    }
}

static size_t count(const char *text, const char *part)
{
    size_t found = 0;

    for (; (text = strstr(text, part)) != NULL; text += strlen(part))
        found++;
    return found;
}

/* A recipe of LLaMA-Factory: what to change is known after one run. */
static void all_mistakes_are_reported(void **state)
{
    char said[1024];
    cli_settings s;

    (void)state;
    assert_int_equal(parse_for("train", &s, said,
                               (const char *const[]){ recipe("model_name_or_path: x\nstage: rm\nlora_target: all\n"
                                                             "seed: 1\nnum_train_epochs: 1\nlearning_rate: fast\n"),
                                                      NULL }),
                     CLI_USAGE);
    assert_int_equal(count(said, "guerdon: "), 5);
    assert_non_null(strstr(said, "model_name_or_path is called model here"));
    assert_non_null(strstr(said, "learning_rate: fast: expected a number"));
    cli_forget(&s);
}

/* A value that the command line replaces must be right all the same. */
static void bad_values_are_never_silent(void **state)
{
    char said[1024];
    cli_settings s;

    (void)state;
    assert_int_equal(parse_for("train", &s, said, (const char *const[]){ "--lora-r=8", recipe("lora_r: x\n"), NULL }),
                     CLI_USAGE);
    assert_non_null(strstr(said, "lora_r: x: expected a whole number"));
    cli_forget(&s);
    assert_int_equal(parse_for("train", &s, said, (const char *const[]){ "--recipe=/nonexistent/r.yaml", NULL }),
                     CLI_UNUSABLE);
    assert_string_equal(said, "guerdon: /nonexistent/r.yaml: No such file or directory\n");
    cli_forget(&s);
}

static void too_many_evals(void **state)
{
    char text[2048] = "eval:\n", said[1024];
    cli_settings s;

    (void)state;
    for (int i = 0; i < CLI_LIST_MAX; i++)
        (void)strcat(text, "- a\n");
    parse(&s, (const char *const[]){ recipe(text), NULL });
    assert_int_equal(s.evals.count, CLI_LIST_MAX);
    cli_forget(&s);
    assert_int_equal(parse_for("train", &s, said, (const char *const[]){ recipe(strcat(text, "- a\n")), NULL }),
                     CLI_USAGE);
    assert_string_equal(said, "guerdon: --eval has more than 64 values\n");
    cli_forget(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(switches_can_be_off),
        cmocka_unit_test(several_evals),
        cmocka_unit_test(lists_of_names),
        cmocka_unit_test(a_recipe_for_inspect),
        cmocka_unit_test(bad_recipes),
        cmocka_unit_test(all_mistakes_are_reported),
        cmocka_unit_test(bad_values_are_never_silent),
        cmocka_unit_test(too_many_evals),
    };

    return cmocka_run_group_tests(tests, parsing_begin, parsing_end);
}
