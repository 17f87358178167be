/* training.h - the logs of a run that never was, for tests of what is made from them. */
#ifndef GD_TESTS_TRAIN_TRAINING_H
#define GD_TESTS_TRAIN_TRAINING_H

#include "tests/check.h"

#include <jansson.h>

typedef struct training {
    json_t *run, *log, *times;
} training;

static inline json_t *training_json(const char *text)
{
    json_error_t error;
    json_t *made = json_loads(text, 0, &error);

    if (!made)
        fail_msg("%s: %.60s", error.text, text);
    return made;
}

static inline void training_step(const training *t, int step, int steps)
{
    const double part = (double)step / steps, wave = (step * 37 % 19 - 9) / 9.0;

    json_array_append_new(t->log, json_pack("{s:f,s:f,s:f,s:f,s:f,s:f,s:f,s:f,s:f,s:i}", "loss",
                                            0.69 - 0.2 * part + 0.05 * wave, "grad_norm", 1.5 + wave, "learning_rate",
                                            1e-5 * (1 - part), "min_reward", -2 - part, "mean_reward", 0.25 * part,
                                            "max_reward", 2 + part, "accuracy", 0.5 + 0.2 * part + 0.1 * wave, "margin",
                                            0.5 * part, "epoch", part, "step", step));
    json_array_append_new(t->times, json_pack("{s:i,s:f,s:i,s:i,s:i}", "step", step, "seconds", 2.0, "tokens", 4000,
                                              "rows", 3000, "pairs", 16));
}

/* A run of 128 steps of which the first `done` are there; evaluations after step 64 and after the last. */
static inline training training_begun(int done, int steps)
{
    training t = {
        .run = training_json(
            "{\"guerdon\":\"0.2.0\",\"base\":\"HuggingFaceTB/SmolLM2-135M\",\"train\":[\"pairs.jsonl.gz\"],"
            "\"evals\":[{\"name\":\"\",\"path\":\"eval.jsonl\",\"records\":200,\"pairs\":200},"
            "{\"name\":\"hard\",\"seen\":1234,\"path\":\"hard.jsonl\",\"records\":50,\"pairs\":50}],"
            "\"settings\":{\"lora_r\":32,\"lora_alpha\":64.0,\"lora_targets\":\"all-linear\",\"learning_rate\":1e-05,"
            "\"schedule\":\"cosine\",\"warmup_steps\":100,\"clip\":1,\"margin_field\":null,\"add_eos\":\"never\"},"
            "\"data\":{\"records\":2000,\"kept\":1990,\"too_long\":8,\"equal\":1,\"indifferent\":0,\"failed\":1,"
            "\"pairs\":1990,\"tokens\":500000,\"longest\":511},"
            "\"baselines\":{\"train\":{\"shorter\":0.552,\"longer\":0.448},\"\":{\"shorter\":0.531,\"longer\":0.469},"
            "\"hard\":{\"shorter\":0.123,\"longer\":0.877}},\"parameters\":9773056}"),
        .log = json_array(),
        .times = json_array()
    };

    json_object_set_new(t.run, "steps", json_integer(steps));
    for (int step = 1; step <= done; step++) {
        training_step(&t, step, steps);
        if (step != steps / 2 && step != steps)
            continue;
        json_array_append_new(t.log,
                              json_pack("{s:f,s:f,s:f,s:f,s:i}", "eval_loss", 0.6123, "eval_accuracy",
                                        step == steps ? 0.65 : 0.6, "eval_margin", 0.4567, "epoch", 0.5, "step", step));
        json_array_append_new(t.log, json_pack("{s:f,s:f,s:f,s:f,s:i}", "eval_hard_loss", 0.7012, "eval_hard_accuracy",
                                               0.46, "eval_hard_margin", -0.0789, "eval_hard_kind=math_accuracy",
                                               0.4321, "step", step));
    }
    return t;
}

static inline void training_free(training *t)
{
    json_decref(t->run);
    json_decref(t->log);
    json_decref(t->times);
}

/* Logs that no run writes: "run", "log" and "times" of each. Ends with NULL. */
static const char *const training_odd[] = {
    "{}",
    "{\"run\":[],\"log\":{},\"times\":7}",
    "{\"run\":{\"base\":7,\"steps\":\"many\",\"train\":{},\"evals\":{\"name\":1},\"settings\":[1],\"data\":\"x\","
    "\"baselines\":[2],\"parameters\":\"x\",\"stopped\":3},\"log\":[1,null,[],{},\"x\"],\"times\":[{},2]}",
    "{\"run\":{\"steps\":-5,\"base\":\"\",\"train\":[1,null,{}],\"evals\":[1,{},{\"name\":\"a\",\"pairs\":-3},"
    "{\"name\":\"b\",\"pairs\":1e300},{\"name\":\"b\"}],\"settings\":{\"a\":{\"b\":1},\"c\":[1,[2]],\"\":true,"
    "\"clip\":-1,\"lora_r\":1e300},\"data\":{\"records\":-1e300},\"baselines\":{\"train\":{\"shorter\":1e300,"
    "\"longer\":-7}}},\"log\":[{\"loss\":1e308,\"step\":1},{\"loss\":-1e308,\"step\":2},{\"loss\":1,\"step\":1e308},"
    "{\"loss\":2,\"step\":-4},{\"loss\":3},{\"eval_a_accuracy\":7,\"eval_b_accuracy\":0.5,\"eval_\":1,"
    "\"eval__accuracy\":2,\"eval_accuracy\":-1,\"eval_xaccuracy\":1,\"eval_b_loss\":\"x\",\"step\":3}],"
    "\"times\":[{\"step\":1,\"seconds\":-5,\"tokens\":0,\"rows\":1,\"pairs\":1e300},"
    "{\"step\":2,\"seconds\":0,\"tokens\":5,\"rows\":1},{\"step\":3,\"seconds\":1e308}]}",
    "{\"run\":{\"steps\":0},\"log\":[{\"loss\":0.5,\"step\":0}]}",
    "{\"run\":{\"steps\":1e300,\"stopped\":true},\"log\":[{\"loss\":0,\"accuracy\":0,\"margin\":0,\"grad_norm\":0,"
    "\"learning_rate\":0,\"min_reward\":-1e-300,\"mean_reward\":0,\"max_reward\":1e-300,\"step\":1}]}",
    "{\"run\":{\"settings\":{\"clip\":1e-300}},\"log\":[{\"loss\":1e12,\"grad_norm\":1e12,\"learning_rate\":1e-300,"
    "\"step\":1e12},{\"loss\":1e12,\"step\":1000000000000.5}],\"times\":[{\"step\":1,\"seconds\":1e-300,"
    "\"tokens\":1,\"rows\":5,\"pairs\":1}]}",
    NULL,
};

static inline training training_of(const char *text)
{
    json_t *all = training_json(text);
    const training t = { json_incref(json_object_get(all, "run")), json_incref(json_object_get(all, "log")),
                         json_incref(json_object_get(all, "times")) };

    json_decref(all);
    return t;
}

#endif
