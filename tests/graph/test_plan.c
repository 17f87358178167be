/* test_plan.c - the plans of the golden models, compared with stored text (tests/data/graph); to renew a text that is
 * meant to change, run with GD_WRITE_PLANS=1 and read the difference. */
#include "tests/check.h"

#include "base/file.h"
#include "base/mem.h"
#include "graph/plan.h"

static const char *const models[] = { "qwen2", "qwen2-tied", "qwen2-causal", "llama", "mistral", "qwen3", "gemma2" };

static gd_plan *plan_of(const char *model, gd_dtype operand)
{
    char name[64], path[512];
    gd_config *config;
    gd_plan *plan = NULL;

    (void)snprintf(name, sizeof name, "golden/%s", model);
    assert_ok(gd_config_open(&config, test_data(path, sizeof path, name), test_err));
    assert_ok(gd_plan_make(&plan, config, NULL, operand, test_err));
    gd_config_close(config);
    return plan;
}

static void compare(const char *path, const char *have)
{
    gd_error err = { 0 };
    char *want;
    size_t len;

    if (getenv("GD_WRITE_PLANS")) {
        FILE *f = fopen(path, "w");

        assert_non_null(f);
        fputs(have, f);
        assert_int_equal(fclose(f), 0);
    }
    if (gd_file_read(&want, &len, path, 1 << 20, &err))
        fail_msg("%s", err.text);
    for (size_t i = 0, line = 1; i <= len; i++) {
        if (have[i] != want[i])
            fail_msg("%s: line %zu differs", path, line);
        line += want[i] == '\n';
    }
    gd_free(want);
}

static void golden_plans_are_as_stored(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof models / sizeof models[0]; i++) {
        gd_plan *plan = plan_of(models[i], GD_BF16);
        gd_buf text = { 0 };
        char name[64], path[512];

        gd_plan_dump(plan, &text);
        assert_non_null(gd_buf_cstr(&text));
        (void)snprintf(name, sizeof name, "graph/%s.plan", models[i]);
        compare(test_data(path, sizeof path, name), text.data);
        gd_buf_free(&text);
        gd_plan_free(plan);
    }
    assert_int_equal(gd_mem_live(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_plans_are_as_stored),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
