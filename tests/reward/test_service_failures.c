/* test_service_failures.c - what fails while requests wait reaches all of them, and the service goes on. */
#include "tests/reward/service_case.h"

#include "base/error.h"
#include "base/mem.h"

static gd_backend broken;
static atomic_bool breaks;

/* Once. */
static gd_status finish(gd_device *device, gd_error *err)
{
    (void)device;
    return atomic_exchange(&breaks, false) ? gd_fail(err, GD_EDEVICE, "the card fell off the bus") : GD_OK;
}

static gd_model *open_broken(void)
{
    gd_options options = golden_options("qwen2", 0);
    gd_model *model;

    broken = *gd_backend_named("cpu");
    broken.finish = finish;
    assert_ok(gd_model_open_files(&model, &options, test_err));
    model->backend = &broken;
    assert_ok(gd_model_open_engine(model, &options, test_err));
    return model;
}

static void a_failure_of_the_device_reaches_all(void **state)
{
    static struct asked asked[4], later;
    gd_model *model = open_broken();
    gd_service *service = open_service(model, 0, 0);
    struct gate gate = { 0 };

    (void)state;
    gd_engine_observe(model->engine, stand_still, &gate);
    atomic_store(&breaks, true);
    for (size_t i = 0; i < 4; i++) {
        ask_one(service, &asked[i], answer_to(&question, i));
        wait_for_batch(&gate, 1); /* of the first alone */
    }
    gd_service_cancel(service, asked[3].ticket);
    open_gate(&gate);
    for (size_t i = 0; i < 4; i++) {
        expect(&asked[i], i < 3 ? GD_EDEVICE : GD_EINTERRUPTED);
        if (i < 3)
            assert_string_equal(asked[i].why.text, "the card fell off the bus");
        assert_int_equal(asked[i].results[0].status, GD_EINTERRUPTED);
        gd_items_free_results(&asked[i].items);
    }
    assert_int_equal(stats_of(service).waiting_items + stats_of(service).waiting_requests, 0);
    ask_one(service, &later, answer_to(&question, 0));
    expect(&later, GD_OK);
    gd_items_free_results(&later.items);
    gd_service_close(service, 1);
    gd_model_close(model);
}

static gd_status serve_all(gd_model *model, struct asked *asked)
{
    gd_service *service;
    gd_status rc = gd_service_open(&service, model, NULL, NULL);

    for (size_t i = 0; !rc && i < 3; i++) {
        asked[i].list[0] = answer_to(&question, i);
        asked[i].list[0].ids_only = i == 1;
        asked[i].list[1] = (gd_item)ITEM(GD_ITEM_PAIR, &question, pair);
        rc = try_to_ask(service, &asked[i], 2, NULL);
        if (!rc) {
            wait_for(&asked[i]);
            rc = asked[i].rc;
        }
        gd_items_free_results(&asked[i].items);
    }
    gd_service_close(service, 1);
    return rc;
}

static void every_allocation_may_fail(void **state)
{
    static struct asked asked[3];
    gd_model *model = open_model("qwen2", NULL, 0);
    gd_status rc = GD_ENOMEM;
    uint64_t live;

    (void)state;
    for (int i = 0; i < 2; i++) /* then everything that stays loaded is loaded */
        assert_int_equal(serve_all(model, asked), GD_OK);
    live = gd_mem_live();
    for (uint64_t n = 1; rc == GD_ENOMEM; n++) {
        gd_mem_fail_from(n);
        rc = serve_all(model, asked);
        gd_mem_fail_from(0);
        assert_true(gd_mem_live() <= live); /* the engine may have freed some of its own */
    }
    assert_int_equal(rc, GD_OK);
    gd_model_close(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failure_of_the_device_reaches_all),
        cmocka_unit_test(every_allocation_may_fail),
    };

    return cmocka_run_group_tests(tests, end_if_it_hangs, NULL);
}
