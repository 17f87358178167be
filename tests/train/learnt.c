/* learnt.c - something that has been learnt, for tests of checkpoints. */
#include "tests/train/learnt.h"

#include "tests/check.h"
#include "tests/names.h"

#include "base/mem.h"

#include <float.h>

enum { RANK = 2 };

void learnt_open(struct learnt *l)
{
    memset(l, 0, sizeof *l);
    test_data(l->base, sizeof l->base, "golden/qwen2");
    assert_ok(gd_config_open(&l->config, l->base, test_err));
    assert_ok(gd_plan_make(&l->plan, l->config, NULL, GD_F32, test_err));
    assert_ok(gd_targets_open(&l->targets, "q_proj,o_proj", l->plan, test_err));
    assert_ok(gd_tuning_open(&l->tuning, l->plan, &l->targets, RANK, 2, test_err));
    assert_ok(gd_tuning_open(&l->read, l->plan, &l->targets, RANK, 2, test_err));
    l->parts = (gd_save_parts){ &l->tuning, "base", RANK, 4, &l->targets };
    l->tokenizer = (gd_merge_source){ .dir = l->base, .config = l->config };
    l->run = json_pack("{s:f,s:s,s:{s:i,s:[i,i]}}", "learning_rate", 1e-5, "schedule", "cosine", "data", "records", 8,
                       "lengths", 1, 2);
    assert_non_null(l->run);
    l->checkpoint = (gd_checkpoint){ &l->parts, &l->mark, l->run, "{\"format\":\"guerdon-adapter/1\"}\n",
                                     &l->tokenizer };
}

void learnt_close(struct learnt *l)
{
    json_decref(l->run);
    gd_tuning_close(&l->read);
    gd_tuning_close(&l->tuning);
    gd_targets_close(&l->targets);
    gd_plan_free(l->plan);
    gd_config_close(l->config);
}

/* The first says which step it is; the others follow from that and their place. */
static void set(gd_parameter *p, uint64_t step, float salt)
{
    static const float odd[] = { -0.0f, FLT_MIN / 8, -FLT_MAX, 1e-30f };

    for (size_t i = 0; i < p->count; i++) {
        p->value[i] = (float)(step * 31 + i * 7 % 101) / 13 + salt;
        p->m[i] = -(float)(step * 17 + i * 5 % 89) / 11 - salt;
        p->v[i] = (float)(step * 11 + i * 3 % 83) / 7 + salt;
    }
    for (size_t i = 0; i < 4; i++)
        p->value[i + 1] = odd[i];
    p->m[1] = -0.0f;
    p->v[1] = FLT_MIN / 4;
    p->value[0] = (float)step;
}

static void fill(gd_tuning *tuning, uint64_t step)
{
    for (size_t i = 0; i < tuning->count; i++) {
        set(&tuning->modules[i].a, step, (float)i);
        set(&tuning->modules[i].b, step, (float)i + 0.5f);
    }
    set(&tuning->head, step, -1);
}

void learnt_step(struct learnt *l, uint64_t step)
{
    fill(&l->tuning, step);
    l->mark = (gd_train_mark){ .step = step,
                               .tokens = step * 1000 + 1,
                               .log_bytes = step * 100 + 2,
                               .times_bytes = step * 50 + 3,
                               .best = 0.1 * (double)step,
                               .best_step = step - step / 2,
                               .waited = step / 2,
                               .finished = step % 2 };
}

void learnt_write(struct learnt *l, const char *output, uint64_t step)
{
    learnt_step(l, step);
    assert_ok(gd_checkpoint_write(output, &l->checkpoint, test_err));
}

static void compare(const gd_parameter *a, const gd_parameter *b, const char *path)
{
    const size_t bytes = a->count * sizeof(float);

    assert_int_equal(a->count, b->count);
    if (memcmp(a->value, b->value, bytes) != 0 || memcmp(a->m, b->m, bytes) != 0 || memcmp(a->v, b->v, bytes) != 0)
        fail_msg("%s has other values", path);
}

gd_status learnt_read(const char *path, struct learnt *l, gd_train_mark *mark, gd_error *err)
{
    const gd_status rc = gd_checkpoint_peek(path, l->run, mark, err);

    return rc ? rc : gd_checkpoint_load(path, &l->read, err);
}

void learnt_check(struct learnt *l, const char *path, uint64_t step)
{
    gd_train_mark mark;

    memset(l->read.memory, 0x55, l->read.parameters * 4 * sizeof(float));
    assert_ok(learnt_read(path, l, &mark, test_err));
    learnt_step(l, step);
    assert_int_equal(mark.step, l->mark.step);
    assert_int_equal(mark.tokens, l->mark.tokens);
    assert_int_equal(mark.log_bytes, l->mark.log_bytes);
    assert_int_equal(mark.times_bytes, l->mark.times_bytes);
    assert_memory_equal(&mark.best, &l->mark.best, sizeof mark.best);
    assert_int_equal(mark.best_step, l->mark.best_step);
    assert_int_equal(mark.waited, l->mark.waited);
    assert_int_equal(mark.finished, l->mark.finished);
    for (size_t i = 0; i < l->read.count; i++) {
        compare(&l->read.modules[i].a, &l->tuning.modules[i].a, path);
        compare(&l->read.modules[i].b, &l->tuning.modules[i].b, path);
    }
    compare(&l->read.head, &l->tuning.head, path);
}

uint64_t learnt_newest(struct learnt *l, const char *output)
{
    gd_notes notes = { 0 };
    uint64_t step = 0;
    char *path;

    assert_ok(gd_checkpoint_find(&path, output, UINT64_MAX, &notes, test_err));
    if (notes.count)
        fail_msg("%s", notes.text[0]);
    if (path) {
        step = strtoull(strrchr(path, '-') + 1, NULL, 10);
        learnt_check(l, path, step);
    }
    gd_notes_free(&notes);
    gd_free(path);
    return step;
}

uint64_t learnt_adapter(struct learnt *l, const char *path)
{
    gd_adapter *adapter;
    float first;
    uint64_t step;

    assert_ok(gd_adapter_open(&adapter, path, l->plan->head, test_err));
    memcpy(&first, gd_adapter_head(adapter)->data, sizeof first);
    step = (uint64_t)first;
    learnt_step(l, step);
    assert_int_equal(gd_adapter_count(adapter), l->tuning.count);
    for (size_t i = 0; i < l->tuning.count; i++) {
        const gd_tuned *m = &l->tuning.modules[i];
        gd_lora lora;

        assert_true(gd_adapter_find(adapter, l->plan->steps[m->step].lora, &lora));
        assert_memory_equal(lora.a->data, m->a.value, m->a.count * sizeof(float));
        assert_memory_equal(lora.b->data, m->b.value, m->b.count * sizeof(float));
    }
    assert_memory_equal(gd_adapter_head(adapter)->data, l->tuning.head.value, l->tuning.head.count * sizeof(float));
    gd_adapter_close(adapter);
    return step;
}

const char *learnt_names(const char *path) { return test_names(path, ""); }

void learnt_path(char path[LEARNT_PATH], const char *dir, const char *name)
{
    assert_in_range(snprintf(path, LEARNT_PATH, "%s/%s", dir, name), 1, LEARNT_PATH - 1);
}
