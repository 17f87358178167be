/* smollm2.h - the real model that ./quickstart makes, SmolLM2-135M, and the real pairs that it scores. */
#ifndef GD_TESTS_REWARD_SMOLLM2_H
#define GD_TESTS_REWARD_SMOLLM2_H

#include "tests/check.h"

#include <stdbool.h>
#include <unistd.h>

static char smollm2_dir[512], smollm2_pairs[512];

/* Finds both; if the model is missing, says so and returns false. */
static inline bool smollm2_find(void)
{
    const char *srcdir = getenv("srcdir");
    char weights[600];

    (void)snprintf(smollm2_dir, sizeof smollm2_dir, "%s/models/smollm2-135m", srcdir ? srcdir : ".");
    (void)snprintf(weights, sizeof weights, "%s/model.safetensors", smollm2_dir);
    (void)test_data(smollm2_pairs, sizeof smollm2_pairs, "hh-rlhf/harmless-base-test.jsonl.gz");
    if (access(weights, R_OK) != 0)
        printf("skipped: %s does not exist; ./quickstart makes it\n", weights);
    return access(weights, R_OK) == 0;
}

/* As the references were computed: texts of at most 512 tokens, truncated on the right. */
static inline gd_options smollm2_options(void)
{
    gd_options options;

    gd_options_init(&options);
    options.model = smollm2_dir;
    options.max_length = 512;
    options.truncate = GD_TRUNCATE_RIGHT;
    return options;
}

#endif
