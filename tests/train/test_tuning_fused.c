/* test_tuning_fused.c - adapters of fused projections: gradients are those of the golden Llama's own projections, bit
 * for bit, and those of Transformers' Phi3 in float64 (make_gradients.py). */
#include "base/mem.h"
#include "quant-free/safetensors.h"
#include "tests/engine/learning.h"
#include "tests/quant-free/files.h"
#include "tests/reward/fused.h"
#include "tests/reward/variant.h"
#include "train/tuning.h"

#include <math.h>

enum { HEADS = 6, KV_HEADS = 2, DIM = 16, FFN = 208, HIDDEN = 96, LONG = 1024 };

typedef void change_dir(const char *dir);

/* A golden Llama that was changed, its adapter as parameters, and their gradients. */
struct changed {
    char model[512], adapter[512];
    struct learning c;
    gd_tuning tuning;
};

static void open_changed(struct changed *l, const char *dir, change_dir *model, change_dir *adapter, const char *head,
                         gd_dtype operand)
{
    char batch[TEST_PATH];
    gd_engine *engine;
    gd_learner *learner;
    struct learning *c = &l->c;

    (void)snprintf(l->model, sizeof l->model, "%s", make_dir(dir, "m"));
    (void)snprintf(l->adapter, sizeof l->adapter, "%s", make_dir(dir, "a"));
    variant_link(l->model, "llama");
    variant_link(l->adapter, "llama-lora");
    if (model)
        model(l->model);
    adapter(l->adapter);
    test_data(batch, sizeof batch, "golden/llama/expected.jsonl");
    learning_open_at(c, &(struct learning_paths){ l->model, l->adapter, batch, head }, operand, true, LONGEST);
    c->center = 0.01;
    assert_ok(gd_tuning_import(&l->tuning, c->plan, c->adapter, test_err));
    c->parts.learning = &l->tuning.learning;
    assert_ok(gd_engine_open(&engine, &c->parts, test_err));
    assert_ok(gd_learner_open(&learner, engine, test_err));
    assert_ok(gd_learner_run(learner, &c->trie, learning_loss, c, test_err));
    assert_ok(gd_tuning_fetch(&l->tuning, learner, test_err));
    gd_learner_close(learner);
    gd_engine_close(engine);
}

static void close_changed(struct changed *l)
{
    gd_tuning_close(&l->tuning);
    learning_close(&l->c);
    assert_int_equal(test_remove(l->model), 0);
    assert_int_equal(test_remove(l->adapter), 0);
}

static const gd_tuned *module_of(const struct changed *l, size_t layer, const char *name)
{
    char full[128];

    (void)snprintf(full, sizeof full, "model.layers.%zu.%s", layer, name);
    for (size_t i = 0; i < l->tuning.count; i++)
        if (!strcmp(l->c.plan->steps[l->tuning.modules[i].step].lora, full))
            return &l->tuning.modules[i];
    fail_msg("there is no module %s", full);
    return NULL;
}

/* ---- bits ---- */

/* A part of a fused module, with its rows: `count` from row `from` on of each `every`. */
struct part {
    const char *name;
    size_t from, count, every;
};

/* A' is the sum of the parts', in the order in which they come up on the way back; B' has the rows of each. */
static void check_module(const struct changed *l, const struct changed *fused, size_t layer, const char *name,
                         const struct part *parts, const size_t *order, size_t count)
{
    const gd_tuned *whole = module_of(fused, layer, name);
    float sum[8 * HIDDEN];

    assert_int_equal(whole->a.count, 8 * HIDDEN);
    for (size_t p = 0; p < count; p++) {
        const gd_tuned *m = module_of(l, layer, parts[order[p]].name);

        for (size_t i = 0; i < m->a.count; i++)
            sum[i] = p ? sum[i] + m->a.gradient[i] : m->a.gradient[i];
    }
    assert_memory_equal(whole->a.gradient, sum, sizeof sum);
    for (size_t p = 0; p < count; p++) {
        const gd_tuned *m = module_of(l, layer, parts[p].name);
        const size_t rank = m->rank;

        for (size_t row = 0; row < m->out; row++) {
            const size_t at = row / parts[p].count * parts[p].every + parts[p].from + row % parts[p].count;

            assert_memory_equal(whole->b.gradient + at * rank, m->b.gradient + row * rank, rank * sizeof(float));
        }
    }
}

enum { QKV = (HEADS + 2 * KV_HEADS) * DIM, GROUP = HEADS / KV_HEADS };

static const struct part phi3_qkv[] = { { "self_attn.q_proj", 0, HEADS *DIM, QKV },
                                        { "self_attn.k_proj", HEADS *DIM, KV_HEADS *DIM, QKV },
                                        { "self_attn.v_proj", (HEADS + KV_HEADS) * DIM, KV_HEADS *DIM, QKV } };
static const struct part phi3_gate_up[] = { { "mlp.gate_proj", 0, FFN, 2 * FFN },
                                            { "mlp.up_proj", FFN, FFN, 2 * FFN } };
static const struct part internlm2_qkv[] = { { "self_attn.q_proj", 0, GROUP *DIM, (GROUP + 2) * DIM },
                                             { "self_attn.k_proj", GROUP *DIM, DIM, (GROUP + 2) * DIM },
                                             { "self_attn.v_proj", (GROUP + 1) * DIM, DIM, (GROUP + 2) * DIM } };

/* In the last layer, the queries of the pooled rows come up before all keys and values. */
static const size_t by_layer[2][3] = { { 2, 1, 0 }, { 0, 2, 1 } };
static const size_t backward[] = { 1, 0 };

static void gradients_are_those_of_the_parts(void **state)
{
    static const gd_dtype operands[] = { GD_BF16, GD_F32 };

    for (size_t o = 0; o < 2; o++) {
        struct changed llama, fused;

        open_changed(&llama, *state, NULL, fused_share, "score.weight", operands[o]);
        assert_int_equal(test_remove(llama.model), 0);
        assert_int_equal(test_remove(llama.adapter), 0);
        open_changed(&fused, *state, fused_phi3, fused_phi3_adapter, "score.weight", operands[o]);
        for (size_t layer = 0; layer < 3; layer++) {
            check_module(&llama, &fused, layer, "self_attn.qkv_proj", phi3_qkv, by_layer[layer == 2], 3);
            check_module(&llama, &fused, layer, "mlp.gate_up_proj", phi3_gate_up, backward, 2);
        }
        close_changed(&fused);
        open_changed(&fused, *state, fused_internlm2, fused_internlm2_adapter, "v_head.weight", operands[o]);
        for (size_t layer = 0; layer < 3; layer++)
            check_module(&llama, &fused, layer, "attention.wqkv", internlm2_qkv, by_layer[layer == 2], 3);
        close_changed(&fused);
        gd_tuning_close(&llama.tuning);
        learning_close(&llama.c);
    }
}

/* ---- float64 ---- */

static void check_matrix(const gd_st *st, const char *module, char which, const gd_parameter *p, double most)
{
    double error = 0, size = 0;
    char name[160];
    const gd_view *want;

    (void)snprintf(name, sizeof name, "base_model.model.%s.lora_%c.weight", module, which);
    assert_ok(gd_st_need(&want, st, name, test_err));
    assert_int_equal(want->bytes, p->count * sizeof(float));
    for (size_t i = 0; i < p->count; i++) {
        float w;

        memcpy(&w, (const char *)want->data + i * sizeof w, sizeof w);
        error += ((double)p->gradient[i] - (double)w) * ((double)p->gradient[i] - (double)w);
        size += (double)w * (double)w;
    }
    if (!(sqrt(error) <= most * sqrt(size)))
        fail_msg("%s: off by %.3g of its size, more than %.3g", name, sqrt(error / size), most);
}

static void gradients_are_those_of_transformers(void **state)
{
    static const double most[] = { [GD_BF16] = 0.07, [GD_F32] = 1e-4 };
    static const gd_dtype operands[] = { GD_BF16, GD_F32 };
    char path[TEST_PATH];
    gd_st *st;

    assert_ok(gd_st_open(&st, test_data(path, sizeof path, "golden/gradients/phi3.safetensors"), test_err));
    for (size_t o = 0; o < 2; o++) {
        struct changed phi3;

        open_changed(&phi3, *state, fused_phi3, fused_phi3_adapter, "score.weight", operands[o]);
        assert_int_equal(phi3.tuning.count, 3 * 4);
        for (size_t i = 0; i < phi3.tuning.count; i++) {
            const gd_tuned *m = &phi3.tuning.modules[i];
            const char *module = phi3.c.plan->steps[m->step].lora;

            check_matrix(st, module, 'A', &m->a, most[operands[o]]);
            check_matrix(st, module, 'B', &m->b, most[operands[o]]);
        }
        close_changed(&phi3);
    }
    gd_st_close(st);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_are_those_of_the_parts),
        cmocka_unit_test(gradients_are_those_of_transformers),
    };

    return cmocka_run_group_tests(tests, dir_setup, dir_teardown);
}
