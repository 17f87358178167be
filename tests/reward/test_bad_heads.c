/* test_bad_heads.c - heads that are refused: bad descriptions, and tensors that don't fit. */
#include "tests/reward/edits.h"

#include "base/buf.h"

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

/* Whether the message has `want`, which is its end if it begins with the name of the file. */
static bool message_is(const char *text, const char *want)
{
    const char *at = strstr(text, want);

    return at && (strncmp(want, "mine.yaml:", 10) != 0 || !at[strlen(want)]);
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
        if (open_with(&model, file, &err) == GD_OK || !message_is(err.text, bad_heads[i].want)) {
            print_error("%s\n  says: %s\n", bad_heads[i].text, err.text);
            wrong++;
        }
        gd_model_close(model);
    }
    remove_both();
    assert_int_equal(wrong, 0);
}

/* As many nodes as a plan has room for, and one more; a NUL in the file. */
static void a_head_has_limits(void **state)
{
    gd_error many = { GD_OK, "" }, nul = many;
    gd_buf text = { 0 };
    gd_model *model;
    char file[600];

    make_both(*state, &(change){ "limits", NULL, NULL });
    (void)snprintf(file, sizeof file, "%s/mine.yaml", m);
    gd_buf_str(&text, "format: guerdon-head/1\nname: mine\nnodes:\n  - {op: act, in: [pooled], act: relu, out: x0}\n");
    for (unsigned i = 0; i < 1024; i++)
        gd_buf_printf(&text, "  - {op: act, in: [x%u], act: relu, out: x%u}\n", i, i + 1);
    assert_non_null(gd_buf_cstr(&text));
    write_text(m, "mine.yaml", text.data);
    assert_int_equal(open_with(&model, file, &many), GD_EFORMAT);
    assert_contains(many.text, ": more than 1024 nodes");
    write_bytes(m, "mine.yaml", "format: guerdon-head/1\nname: mi\0ne\n", 35);
    assert_int_equal(open_with(&model, file, &nul), GD_EFORMAT);
    assert_contains(nul.text, "mine.yaml:2:9: the control character U+0000 is not accepted");
    gd_buf_free(&text);
    remove_both();
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
        cmocka_unit_test(a_head_has_limits),
        cmocka_unit_test(unknown_names),
    };

    return cmocka_run_group_tests(tests, dir_setup, dir_teardown);
}
