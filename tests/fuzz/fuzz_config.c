/* fuzz_config.c - config.json, and the plan that the built-in graph makes of it. */
#include "tests/fuzz/fuzz.h"

#include "graph/plan.h"
#include "quant-free/config.h"

#include <math.h>

enum { MOST_LAYERS = 64 }; /* more take too long, and are like these */

static void make_plan(const gd_config *config)
{
    gd_error err = { 0 };
    gd_plan *plan;

    if (!fuzz_accepted(gd_plan_make(&plan, config, NULL, GD_BF16, &err), &err))
        return;
    assert_true(plan->step_count > 0 && plan->carry < plan->buffer_count && plan->score < plan->buffer_count);
    gd_plan_free(plan);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    gd_error err = { 0 };
    gd_config *config;
    gd_rope rope;
    size_t layers, window;

    (void)fuzz_file("config.json", data, size);
    if (fuzz_accepted(gd_config_open(&config, fuzz_dir(), &err), &err)) {
        assert_ok(gd_config_rope(config, 0, &rope, test_err));
        assert_true(isfinite(rope.theta) && rope.theta > 0 && isfinite(rope.factor) && rope.factor > 0);
        if (fuzz_accepted(gd_config_size(config, "num_hidden_layers", &layers, &err), &err) && layers <= MOST_LAYERS) {
            for (size_t i = 0; i < layers; i++)
                assert_ok(gd_config_window(config, i, &window, test_err));
            make_plan(config);
        }
        gd_config_close(config);
    }
    return fuzz_end();
}
