/* test_bad_heads.c - heads that are refused: bad descriptions, and tensors that don't fit. */
#include "tests/reward/edits.h"

static const struct bad_head {
    const char *text, *want;
} bad_heads[] = {
#include "tests/reward/bad_heads.def"
};

static gd_status open_with(gd_model **model, const char *head, gd_error *err)
{
    gd_options options;

    gd_options_init(&options);
    options.model = m;
    options.head = head;
    return gd_model_open(model, &options, err);
}

/* A tensor of a type that no weight has is not passed over for another one; rows of a tensor are the model's. */
static void what_an_adapter_and_a_type_may_not_do(void **state)
{
    gd_error type = { GD_OK, "" }, adapter = type;
    gd_options options;
    gd_model *model;
    variant_tensors t;

    make_both(*state, &(change){ "type", NULL, NULL });
    variant_read(&t, m, "model.safetensors");
    (void)variant_add(&t, "lm_head.weight", "I32", 1536, 96, 0);
    variant_write(&t, 0, t.count, m, "model.safetensors");
    variant_free(&t);
    assert_int_equal(open_with(&model, "first_logit", &type), GD_EUNSUPPORTED);
    assert_contains(type.text, "tensor \"lm_head.weight\" has the dtype I32");
    remove_both();

    make_both(*state, &(change){ "adapter", NULL, NULL });
    add_to_adapter(a, "base_model.model.lm_head.weight", "BF16", 1, 96);
    gd_options_init(&options);
    options.model = m;
    options.adapter = a;
    options.head = "first_logit";
    assert_int_not_equal(gd_model_open(&model, &options, &adapter), GD_OK);
    remove_both();
}

static void bad_descriptions(void **state)
{
    unsigned wrong = 0;
    char file[600];

    make_both(*state, &(change){ "bad", NULL, NULL });
    (void)snprintf(file, sizeof file, "%s/mine.yaml", m);
    for (size_t i = 0; i < sizeof bad_heads / sizeof bad_heads[0]; i++) {
        gd_error err = { GD_OK, "" };
        gd_model *model;

        write_text(m, "mine.yaml", bad_heads[i].text);
        if (open_with(&model, file, &err) == GD_OK || !strstr(err.text, bad_heads[i].want)) {
            print_error("%s\n  says: %s\n", bad_heads[i].text, err.text);
            wrong++;
        }
        gd_model_close(model);
    }
    remove_both();
    assert_int_equal(wrong, 0);
}

static void unknown_names(void **state)
{
    gd_error err = { GD_OK, "" }, missing = err;
    gd_model *model;

    make_both(*state, &(change){ "name", NULL, NULL });
    assert_int_equal(open_with(&model, "v_heads", &err), GD_EUSAGE);
    assert_contains(err.text, "head is \"v_heads\": neither a file nor one of the built-in heads, armorm, ");
    assert_int_equal(open_with(&model, "v_head", &missing), GD_EFORMAT);
    assert_contains(missing.text, "1 tensor of the model is missing: v_head.weight");
    remove_both();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_descriptions),
        cmocka_unit_test(what_an_adapter_and_a_type_may_not_do),
        cmocka_unit_test(unknown_names),
    };

    return cmocka_run_group_tests(tests, dir_setup, dir_teardown);
}
