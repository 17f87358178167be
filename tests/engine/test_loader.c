/* test_loader.c - weights that a helper thread fills while a stage runs: a stage that begins has all of its own, with
 * what the checkpoint says, whichever stages stay.  With --enable-sanitizers=thread, whoever reads one before another
 * thread is done with it is reported. */
#include "tests/engine/fake_backend.h"
#include "tests/reward/golden.h"

#include "backends/cpu/device.h"
#include "backends/cpu/gemm.h"
#include "backends/cpu/weight.h"
#include "base/mem.h"
#include "engine/loader.h"
#include "reward/model.h"

enum { THREADS = 3, RUNS = 12 };

struct fixture {
    gd_model *model;
    const gd_backend *backend;
    gd_device *device;
    gd_bound *bound;
    gd_loader *loader;
};

static void open_loader(struct fixture *f, const gd_backend *backend, int lora)
{
    const gd_options options = golden_options("qwen2", lora);
    gd_device_options how = { .threads = THREADS };
    gd_engine_parts parts = { .threads = THREADS };

    fake_reset();
    assert_ok(gd_model_open_files(&f->model, &options, test_err));
    parts.plan = f->model->plan;
    parts.weights = f->model->weights;
    parts.over.adapter = f->model->adapter;
    parts.over.head = gd_model_head(f->model);
    how.operand = f->model->plan->operand;
    parts.backend = f->backend = backend;
    assert_ok(gd_bind(&f->bound, &parts, test_err));
    assert_ok(f->backend->open(&f->device, &how, test_err));
    assert_ok(gd_loader_open(&f->loader, parts.plan, f->backend, f->device, f->bound, 1, test_err));
}

static void close_loader(struct fixture *f)
{
    gd_loader_close(f->loader);
    f->backend->close(f->device);
    gd_free(f->bound);
    gd_model_close(f->model);
    assert_int_equal(fake.live, 0);
    fake_reset();
    assert_int_equal(gd_mem_live(), 0);
}

/* A matrix that was filled piece by piece, by whichever thread, is that of one thread. */
static void check_weight(const struct fixture *f, gd_weight_role role, const gd_view *view, const gd_weight *weight)
{
    gd_weight *want;
    size_t bytes;

    assert_non_null(weight);
    if (f->backend != &gd_backend_cpu || role != GD_WEIGHT_MATRIX || !weight->packed)
        return;
    assert_true(gd_gemm_packed_bytes(view->shape[0], view->shape[1], weight->operand, &bytes));
    assert_ok(gd_backend_load(f->backend, f->device, &want, role, view, test_err));
    assert_memory_equal(weight->packed, want->packed, bytes);
    f->backend->weight_free(f->device, want);
}

/* The weights of a stage: all there, or none. */
static void check_stage(const struct fixture *f, size_t stage, bool there)
{
    const gd_plan_stage *at = &f->model->plan->stages[stage];

    for (size_t s = at->first_step; s < at->first_step + at->step_count; s++)
        for (size_t i = 0; i < GD_BOUND_WEIGHTS; i++) {
            if (there && f->bound[s].w[i].view)
                check_weight(f, f->bound[s].w[i].role, f->bound[s].w[i].view, f->bound[s].w[i].weight);
            if (!there)
                assert_null(f->bound[s].w[i].weight);
        }
}

/* A run that visits stages as the schedule says, and breaks off after `end` visits. */
static void run_schedule(struct fixture *f, const gd_visit *schedule, size_t visits, size_t end, size_t kept, bool few)
{
    gd_loader_start(f->loader, schedule, visits, few);
    for (size_t v = 0; v < end; v++) {
        const size_t stage = schedule[v].stage;
        const bool again = v + 1 < visits && schedule[v + 1].stage == stage;

        assert_ok(gd_loader_next(f->loader, test_err));
        check_stage(f, stage, true);
        gd_loader_done(f->loader);
        if (stage >= kept)
            check_stage(f, stage, again);
    }
    if (end < visits)
        gd_loader_drop(f->loader);
    for (size_t i = kept; i < f->model->plan->stage_count; i++)
        check_stage(f, i, false);
}

/* Bytes of what stays and of two more stages. */
static size_t window_bytes(const struct fixture *f, size_t kept)
{
    size_t bytes = 0, largest = 0, second = 0;

    for (size_t i = 0; i < f->model->plan->stage_count; i++) {
        const size_t stage = gd_loader_stage_bytes(f->loader, i);

        bytes += i < kept ? stage : 0;
        second = stage > largest ? largest : stage > second ? stage : second;
        largest = stage > largest ? stage : largest;
    }
    return bytes + largest + second;
}

/* Forward; there and back, as training goes; twice over: whole, or broken off somewhere. */
static void run_stages(struct fixture *f, size_t kept)
{
    const size_t stages = f->model->plan->stage_count;
    gd_visit *schedule = gd_alloc(2 * stages, sizeof *schedule);

    assert_non_null(schedule);
    gd_loader_keep(f->loader, kept);
    fake.weights_most = 0;
    for (size_t run = 0; run < RUNS; run++) {
        const size_t visits = run % 3 ? 2 * stages : stages;

        for (size_t v = 0; v < visits; v++)
            schedule[v] = (gd_visit){ v < stages     ? v
                                      : run % 3 == 1 ? 2 * stages - 1 - v
                                                     : v - stages,
                                      GD_FORM_FORWARD };
        run_schedule(f, schedule, visits, run % 5 == 1 ? run % visits : visits, kept, run % 4 == 2);
    }
    assert_true(fake.weights_most <= window_bytes(f, kept));
    gd_free(schedule);
}

static const gd_backend *const backends[] = { &gd_backend_cpu, &fake_backend };
enum { BACKENDS = sizeof backends / sizeof backends[0] };

/* The fake backend counts how often each piece is filled. */
static void each_stage_has_its_weights(void **state)
{
    (void)state;
    for (size_t way = 0; way < 2 * BACKENDS; way++) {
        const size_t kept[] = { 0, 1, 2, SIZE_MAX };

        for (size_t k = 0; k < sizeof kept / sizeof kept[0]; k++) {
            struct fixture f = { 0 };

            open_loader(&f, backends[way / 2], way % 2);
            run_stages(&f, kept[k] < f.model->plan->stage_count ? kept[k] : f.model->plan->stage_count);
            close_loader(&f);
        }
    }
}

/* Where memory ran out, the next run finds no half of a stage: it loads the whole. */
static void a_run_after_one_without_memory_has_its_weights(void **state)
{
    gd_status rc = GD_ENOMEM;
    uint64_t n;

    (void)state;
    for (n = 1; rc == GD_ENOMEM; n++) {
        struct fixture f = { 0 };

        open_loader(&f, backends[0], 1);
        gd_loader_forward(f.loader, false);
        gd_mem_fail_from(n);
        rc = gd_loader_next(f.loader, NULL);
        gd_mem_fail_from(0);
        gd_loader_drop(f.loader);
        gd_loader_forward(f.loader, false);
        for (size_t stage = 0; stage < 2; stage++) {
            assert_ok(gd_loader_next(f.loader, test_err));
            check_stage(&f, stage, true);
            gd_loader_done(f.loader);
        }
        gd_loader_drop(f.loader);
        close_loader(&f);
    }
    assert_int_equal(rc, GD_OK);
    assert_true(n > 20);
}

/* The helper may still be at work. */
static void a_loader_may_close_at_any_time(void **state)
{
    (void)state;
    for (size_t i = 0; i < 40; i++) {
        struct fixture f = { 0 };

        open_loader(&f, backends[i / 2 % BACKENDS], 1);
        gd_loader_forward(f.loader, false);
        if (i % 2)
            assert_ok(gd_loader_next(f.loader, test_err));
        close_loader(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_stage_has_its_weights),
        cmocka_unit_test(a_run_after_one_without_memory_has_its_weights),
        cmocka_unit_test(a_loader_may_close_at_any_time),
    };

    return cmocka_run_group_tests_name("engine: loader", tests, NULL, NULL);
}
