/* test_adapters.c - several adapters over one model: items of all of them, mixed, have the results that a model opened
 * with each alone gives, bit for bit. */
#include "tests/reward/service_case.h"
#include "tests/reward/variant.h"

#include "base/mem.h"
#include "engine/inside.h"
#include "reward/model.h"

#include <unistd.h>

enum { ADAPTERS = 5, ITEMS = 48, PER_REQUEST = 3 };

/* Number 0 and the further ones: of other ranks and other heads, and one with settings and an embedding of its own. */
static char paths[ADAPTERS][TEST_PATH];
static const char *const further[] = { paths[1], paths[2], paths[3], paths[4] };

/* An adapter that limits its texts, ends them, scales their scores, and was trained with other embeddings. */
static void make_settled(const char *dir)
{
    variant_tensors t;

    variant_link(dir, "train-ga1/final");
    variant_read(&t, dir, "adapter_model.safetensors");
    (void)variant_add(&t, "base_model.model.model.embed_tokens.weight", "F32", 1536, 96, 0x3c);
    variant_write(&t, 0, t.count, dir, "adapter_model.safetensors");
    variant_free(&t);
    write_text(
        dir, "guerdon-adapter.json",
        "{\"format\":\"guerdon-adapter/1\",\"scoring\":{\"max_length\":9,\"add_eos\":\"auto\",\"normalize\":\"0.5,"
        "2\"}}");
}

static int make_adapters(void **state)
{
    static const char *const names[] = { "qwen2-lora", "train-ga1/final", "train-ga4/final", "train-ga1/step0" };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char name[64];

        (void)snprintf(name, sizeof name, "golden/%s", names[i]);
        test_data(paths[i], TEST_PATH, name);
    }
    assert_int_equal(dir_setup(state), 0);
    (void)snprintf(paths[4], TEST_PATH, "%s", make_dir(*state, "settled"));
    make_settled(paths[4]);
    return 0;
}

static gd_model *open_with(const gd_options *like, const char *adapter, const char *const *more, size_t count)
{
    gd_options options = *like;
    gd_model *model;

    options.adapter = adapter;
    options.more_adapters = more;
    options.more_adapter_count = count;
    assert_ok(gd_model_open(&model, &options, test_err));
    return model;
}

/* Texts, pairs and conversations, some with a prompt that many share, each of an adapter. */
static void fill_items(gd_item *list, const golden *g, gd_part *parts)
{
    for (size_t i = 0; i < ITEMS; i++) {
        parts[i] = (gd_part){ .text = g->texts[i % g->count] };
        list[i] = i % 3 == 0   ? (gd_item){ .kind = GD_ITEM_PAIR, .prompt = &question, .parts = pair, .part_count = 2 }
                  : i % 3 == 1 ? (gd_item){ .kind = GD_ITEM_TEXT, .parts = told, .part_count = 1 }
                               : (gd_item){ .kind = GD_ITEM_TEXT, .parts = &parts[i], .part_count = 1 };
        list[i].adapter = i * 7 % 11 % ADAPTERS;
    }
}

/* As a model with the item's adapter alone scores it. */
static void score_alone(const gd_options *like, const gd_item *list, gd_item_result *results)
{
    for (size_t a = 0; a < ADAPTERS; a++) {
        gd_model *model = open_with(like, paths[a], NULL, 0);

        for (size_t i = 0; i < ITEMS; i++) {
            gd_item item = list[i];
            const gd_items single = golden_items(&item, 1, &results[i]);

            if (item.adapter != a)
                continue;
            item.adapter = 0;
            assert_ok(gd_score_items(model, &single, NULL, NULL, test_err));
        }
        gd_model_close(model);
    }
}

static void compare_all(const gd_options *like, const gd_item *list, const gd_item_result *want)
{
    gd_model *model = open_with(like, paths[0], further, ADAPTERS - 1);
    gd_item_result results[ITEMS];
    const gd_items all = golden_items(list, ITEMS, results);

    for (size_t times = 0; times < 2; times++) {
        assert_ok(gd_score_items(model, &all, NULL, NULL, test_err));
        for (size_t i = 0; i < ITEMS; i++)
            same_results(&results[i], &want[i]);
        gd_items_free_results(&all);
    }
    gd_model_close(model);
}

static void try_options(const gd_options *like)
{
    golden g;
    gd_part parts[ITEMS];
    gd_item list[ITEMS] = { 0 };
    gd_item_result want[ITEMS];
    const gd_items all = golden_items(list, ITEMS, want);
    gd_options how = *like;

    golden_load(&g, "qwen2");
    fill_items(list, &g, parts);
    score_alone(like, list, want);
    compare_all(like, list, want);
    how.batch_tokens = 33;
    compare_all(&how, list, want);
    how.no_share_prefix = 1;
    how.threads = 3;
    compare_all(&how, list, want);
    how.batch_tokens = 0;
    how.memory = (size_t)(SANITIZED ? 1024 : 192) << 20; /* that of the process, which a sanitizer multiplies */
    compare_all(&how, list, want);
    gd_items_free_results(&all);
    golden_free(&g);
}

static gd_options usual(void)
{
    gd_options options = golden_options("qwen2", 0);

    options.chat_format = "chatml";
    options.max_length = 0; /* an adapter may say it */
    return options;
}

static void scores_are_those_of_each_alone(void **state)
{
    static const char *const arithmetics[][2] = { { "bf16", "exact" }, { "fp32", "exact" }, { "bf16", "tensor" } };

    (void)state;
    for (size_t i = 0; i < sizeof arithmetics / sizeof arithmetics[0]; i++) {
        gd_options options = usual();

        options.precision = arithmetics[i][0];
        options.numerics = arithmetics[i][1];
        try_options(&options);
    }
}

/* The base has no head: each adapter brings one. */
static void a_base_may_have_no_head(void **state)
{
    gd_options options = usual();
    char base[TEST_PATH];

    (void)state;
    test_data(base, sizeof base, "golden/qwen2-causal");
    options.model = base;
    try_options(&options);
}

/* Number 0 is the model alone, if no adapter was given for it. */
static void the_model_alone_may_be_number_0(void **state)
{
    const gd_options options = usual();
    gd_model *model = open_with(&options, NULL, further, 1), *alone = open_with(&options, NULL, NULL, 0),
             *adapted = open_with(&options, paths[1], NULL, 0);
    gd_item list[] = { ITEM(GD_ITEM_PAIR, &question, pair), ITEM(GD_ITEM_PAIR, &question, pair) };
    gd_item_result results[2], want[2];
    const gd_items all = golden_items(list, 2, results), first = golden_items(list, 1, &want[0]),
                   second = golden_items(list, 1, &want[1]);

    (void)state;
    assert_ok(gd_score_items(alone, &first, NULL, NULL, test_err));
    assert_ok(gd_score_items(adapted, &second, NULL, NULL, test_err));
    list[1].adapter = 1;
    assert_ok(gd_score_items(model, &all, NULL, NULL, test_err));
    same_results(&results[0], &want[0]);
    same_results(&results[1], &want[1]);
    assert_memory_not_equal(want[0].scores, want[1].scores, sizeof(float));
    assert_int_equal(model->engine->limits.max_rank, 8); /* there is room for the further one's products */
    gd_items_free_results(&all);
    gd_items_free_results(&first);
    gd_items_free_results(&second);
    gd_model_close(model);
    gd_model_close(alone);
    gd_model_close(adapted);
}

/* ---- what they share ---- */

/* The same prompt is computed once for each adapter, and once for all answers of an adapter. */
static void texts_of_one_adapter_share_and_others_do_not(void **state)
{
    const gd_options options = usual();
    gd_model *model = open_with(&options, paths[0], further, 1);
    gd_item list[4] = { 0 };
    gd_item_result results[4];
    const gd_items all = golden_items(list, 4, results);
    gd_summary summary;
    uint64_t rows;

    (void)state;
    for (size_t i = 0; i < 4; i++)
        list[i] = answer_to(&question, 1);
    gd_summary_init(&summary);
    assert_ok(gd_score_items(model, &all, NULL, &summary, test_err));
    rows = summary.rows;
    assert_int_equal(rows, summary.tokens / 4);
    gd_items_free_results(&all);
    list[1].adapter = list[3].adapter = 1;
    gd_summary_init(&summary);
    assert_ok(gd_score_items(model, &all, NULL, &summary, test_err));
    assert_int_equal(summary.rows, 2 * rows);
    gd_items_free_results(&all);
    gd_model_close(model);
}

/* The checkpoint's matrices are there once. */
static void only_what_an_adapter_brings_is_bound_again(void **state)
{
    const gd_options options = usual();
    gd_model *model = open_with(&options, paths[0], further, ADAPTERS - 1);
    const gd_engine *engine = model->engine;

    (void)state;
    assert_int_equal(engine->groups, ADAPTERS);
    for (size_t s = 0; s < model->plan->step_count; s++)
        for (size_t a = 1; a < ADAPTERS; a++) {
            const gd_bound *own = &engine->bound[s * ADAPTERS + a];
            const gd_op op = model->plan->steps[s].op;

            if (op == GD_OP_embedding)
                assert_int_equal(own->w[0].view != NULL, a == 4);
            else
                assert_int_equal(own->w[0].view != NULL, op == GD_OP_head);
            assert_null(own->w[1].view);
        }
    gd_model_close(model);
}

static void requests_to_a_service_share_batches(void **state)
{
    const gd_options options = usual();
    gd_model *model = open_with(&options, paths[0], further, ADAPTERS - 1);
    gd_service *service = open_service(model, 0, 0);
    static struct asked asked[ITEMS / PER_REQUEST];
    golden g;
    gd_part parts[ITEMS];
    gd_item list[ITEMS] = { 0 };
    gd_item_result want[ITEMS];
    const gd_items all = golden_items(list, ITEMS, want);

    (void)state;
    golden_load(&g, "qwen2");
    fill_items(list, &g, parts);
    score_alone(&options, list, want);
    for (size_t i = 0; i < ITEMS / PER_REQUEST; i++) {
        memcpy(asked[i].list, list + i * PER_REQUEST, PER_REQUEST * sizeof *list);
        ask(service, &asked[i], PER_REQUEST);
    }
    for (size_t i = 0; i < ITEMS / PER_REQUEST; i++) {
        expect(&asked[i], GD_OK);
        for (size_t k = 0; k < PER_REQUEST; k++)
            same_results(&asked[i].results[k], &want[i * PER_REQUEST + k]);
        gd_items_free_results(&asked[i].items);
    }
    gd_service_close(service, 1);
    gd_items_free_results(&all);
    golden_free(&g);
    gd_model_close(model);
}

/* ---- what is refused ---- */

static void an_item_names_an_adapter_that_is_there(void **state)
{
    const gd_options options = usual();
    gd_model *model = open_with(&options, paths[0], further, 2);
    gd_item item = answer_to(&question, 0);
    gd_item_result result;
    const gd_items single = golden_items(&item, 1, &result);

    (void)state;
    item.adapter = 3;
    assert_int_equal(gd_score_items(model, &single, NULL, NULL, NULL), GD_EITEM);
    assert_int_equal(result.status, GD_EUSAGE);
    assert_string_equal(result.error, "adapter is 3, but the model was opened with 2 more_adapters");
    gd_items_free_results(&single);
    gd_model_close(model);
}

static void refuse(const char *model, const char *const *more, size_t count, gd_status want, const char *sentence)
{
    gd_options options = usual();
    gd_model *opened;
    gd_error err = { 0 };

    options.model = model ? model : options.model;
    options.adapter = paths[0];
    options.more_adapters = more;
    options.more_adapter_count = count;
    assert_int_equal(gd_model_open(&opened, &options, &err), want);
    assert_null(opened);
    assert_contains(err.text, sentence);
}

static void an_adapter_must_fit_the_model(void **state)
{
    static char other[TEST_PATH], base[TEST_PATH];
    const char *const list[] = { paths[1], other }, *const none[] = { NULL }, *const absent[] = { "/nowhere" },
                      *const model[] = { base };

    (void)state;
    test_data(other, sizeof other, "golden/gemma2-lora");
    test_data(base, sizeof base, "golden/qwen2");
    refuse(NULL, list, 2, GD_EFORMAT, "gemma2-lora");
    refuse(NULL, none, 1, GD_EUSAGE, "more_adapters[0] is NULL");
    refuse(NULL, NULL, 1, GD_EUSAGE, "more_adapters is NULL, but 1 are expected");
    refuse(NULL, absent, 1, GD_EIO, "/nowhere");
    refuse(NULL, model, 1, GD_EFORMAT, "this is a model, not an adapter");
}

/* A base without a head, and an adapter that brings none. */
static void an_adapter_without_a_head_needs_the_models(void **state)
{
    static char dir[TEST_PATH], base[TEST_PATH];
    const char *const list[] = { dir };
    variant_tensors t;

    (void)snprintf(dir, sizeof dir, "%s", make_dir(*state, "headless"));
    variant_link(dir, "qwen2-lora");
    variant_read(&t, dir, "adapter_model.safetensors");
    variant_drop(&t, "base_model.model.score.weight");
    variant_write(&t, 0, t.count, dir, "adapter_model.safetensors");
    variant_free(&t);
    variant_patch_text(dir, "adapter_config.json", "{\"modules_to_save\":null,\"task_type\":null}");
    test_data(base, sizeof base, "golden/qwen2-causal");
    refuse(base, list, 1, GD_EFORMAT, "score.weight is missing");
}

/* Some of the allocations in opening the model, and in scoring with each adapter. */
static void allocations_may_fail(void **state)
{
    enum { EVERY = SANITIZED ? 97 : 13 };
    gd_options options = usual();
    gd_item list[] = { answer_to(&question, 0), answer_to(&question, 1), answer_to(&question, 2) };
    gd_item_result results[3];
    const gd_items all = golden_items(list, 3, results);
    gd_status rc = GD_ENOMEM;

    (void)state;
    options.adapter = paths[0];
    options.more_adapters = further;
    options.more_adapter_count = ADAPTERS - 1;
    list[1].adapter = 1;
    list[2].adapter = 4;
    for (uint64_t n = 1; rc; n += EVERY) {
        const uint64_t live = gd_mem_live();
        gd_error err = { 0 };
        gd_model *model;

        gd_mem_fail_from(n);
        rc = gd_model_open(&model, &options, &err);
        if (!rc) {
            rc = gd_score_items(model, &all, NULL, NULL, &err);
            gd_items_free_results(&all);
        }
        gd_mem_fail_from(0);
        gd_model_close(model);
        if (rc)
            assert_int_equal(err.status, rc);
        assert_int_equal(gd_mem_live(), live);
    }
}

static void its_notes_are_the_models_too(void **state)
{
    const gd_options options = usual();
    gd_model *model = open_with(&options, paths[0], further, ADAPTERS - 1);
    bool found = false;

    (void)state;
    for (size_t i = 0; gd_model_note(model, i); i++)
        found |= strstr(gd_model_note(model, i), "trained with max_length 9") != NULL;
    assert_true(found);
    gd_model_close(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scores_are_those_of_each_alone),
        cmocka_unit_test(a_base_may_have_no_head),
        cmocka_unit_test(the_model_alone_may_be_number_0),
        cmocka_unit_test(texts_of_one_adapter_share_and_others_do_not),
        cmocka_unit_test(only_what_an_adapter_brings_is_bound_again),
        cmocka_unit_test(requests_to_a_service_share_batches),
        cmocka_unit_test(an_item_names_an_adapter_that_is_there),
        cmocka_unit_test(an_adapter_must_fit_the_model),
        cmocka_unit_test(an_adapter_without_a_head_needs_the_models),
        cmocka_unit_test(its_notes_are_the_models_too),
        cmocka_unit_test(allocations_may_fail),
    };

    return cmocka_run_group_tests(tests, make_adapters, dir_teardown);
}
