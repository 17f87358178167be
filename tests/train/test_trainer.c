/* test_trainer.c - whole training runs against TRL's in float32 (tests/data/golden/train-ga1 and train-ga4): the order
 * of the pairs, each step's loss, gradient norm and learning rate, and the adapter at the end. */
#include "tests/check.h"

#include "base/json.h"
#include "quant-free/adapter.h"
#include "train/pairs.h"
#include "train/save.h"
#include "train/trainer.h"

#include <math.h>

enum { MAX_LENGTH = 512, MAX_PAIRS = 256 };

struct training {
    char dir[TEST_PATH];
    json_t *log;
    gd_encoder encoder;
    gd_config *config;
    gd_weights *weights;
    gd_plan *plan;
    gd_adapter *adapter;
    gd_tuning tuning;
    gd_pairs pairs;
    gd_trainer_options options;
    gd_engine *engine;
    gd_learner *learner;
};

static double number(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    if (!json_is_number(value))
        fail_msg("%s is missing", key);
    return json_number_value(value);
}

/* TRL's rule: a pair stays if both texts, with the end-of-sequence token, fit. */
static void read_pairs(struct training *t)
{
    char path[TEST_PATH + 16];
    const char *input = path;
    const gd_entries_options options = { .inputs = &input, .count = 1 };
    gd_records *records;

    (void)snprintf(path, sizeof path, "%s/train.jsonl", t->dir);
    assert_ok(gd_records_open(&records, &options, test_err));
    assert_ok(gd_pairs_read(&t->pairs, records, &t->encoder, &(gd_pairs_options){ .keep_equal = true }, test_err));
    gd_records_close(records);
    assert_int_equal(t->pairs.counts.failed, 0);
    assert_int_equal(t->pairs.set.count, (size_t)number(t->log, "rows_kept"));
    assert_int_equal(t->pairs.counts.records, t->pairs.counts.kept + t->pairs.counts.too_long);
}

static void read_options(struct training *t)
{
    const json_t *args = json_object_get(t->log, "args"), *adam = json_object_get(args, "adam");
    const json_t *center = json_object_get(args, "center_rewards_coefficient");
    gd_trainer_options *o = &t->options;
    size_t batches;

    *o = (gd_trainer_options){ .adam = { number(adam, "beta1"), number(adam, "beta2"), number(adam, "eps"),
                                         number(adam, "weight_decay") },
                               .rate = number(args, "learning_rate"),
                               .clip = number(args, "max_grad_norm"),
                               .center = json_is_number(center) ? json_number_value(center) : 0,
                               .schedule = GD_SCHEDULE_COSINE,
                               .warmup = (size_t)number(args, "warmup_steps"),
                               .batch = (size_t)number(args, "per_device_train_batch_size"),
                               .accumulate = (size_t)number(args, "gradient_accumulation_steps"),
                               .divide_twice = true };
    batches = (t->pairs.set.count + o->batch - 1) / o->batch;
    o->total = (batches + o->accumulate - 1) / o->accumulate;
}

static void training_open(struct training *t, const char *run)
{
    char path[TEST_PATH + 16], name[64];
    gd_options options;
    gd_engine_parts parts = { .threads = 1 };

    memset(t, 0, sizeof *t);
    (void)snprintf(name, sizeof name, "golden/%s", run);
    test_data(t->dir, sizeof t->dir, name);
    (void)snprintf(path, sizeof path, "%s/trl_log.json", t->dir);
    assert_ok(gd_json_load(&t->log, path, 1 << 20, test_err));
    test_data(path, sizeof path, "golden/qwen2");
    assert_ok(gd_config_open(&t->config, path, test_err));
    assert_ok(gd_weights_open(&t->weights, path, test_err));
    assert_ok(gd_plan_make(&t->plan, t->config, NULL, GD_F32, test_err));
    gd_options_init(&options);
    options.model = path;
    options.add_eos = GD_ADD_EOS_AUTO;
    options.max_length = MAX_LENGTH;
    options.truncate = GD_TRUNCATE_DROP;
    assert_ok(gd_encoder_open(&t->encoder, &options, path, NULL, t->config, test_err));
    (void)snprintf(path, sizeof path, "%s/step0", t->dir);
    assert_ok(gd_adapter_open(&t->adapter, path, t->plan->head, test_err));
    assert_ok(gd_tuning_import(&t->tuning, t->plan, t->adapter, test_err));
    read_pairs(t);
    assert_true(t->pairs.set.count <= MAX_PAIRS);
    read_options(t);
    parts.plan = t->plan;
    parts.weights = t->weights;
    parts.over.head = &t->tuning.head_view;
    parts.learning = &t->tuning.learning;
    assert_ok(gd_backend_find(&parts.backend, "cpu", GD_F32, test_err));
    assert_ok(gd_engine_open(&t->engine, &parts, test_err));
    assert_ok(gd_learner_open(&t->learner, t->engine, test_err));
    gd_learner_keep(t->learner, t->plan->layers);
}

static void training_close(struct training *t)
{
    gd_learner_close(t->learner);
    gd_engine_close(t->engine);
    gd_tuning_close(&t->tuning);
    gd_pairs_free(&t->pairs);
    gd_adapter_close(t->adapter);
    gd_plan_free(t->plan);
    gd_weights_close(t->weights);
    gd_config_close(t->config);
    gd_encoder_close(&t->encoder);
    json_decref(t->log);
}

/* Within `most` of its size. */
static void check_figure(const json_t *want, const char *key, double got, double most, size_t step)
{
    const double right = number(want, key);

    if (!(fabs(got - right) <= most * fabs(right)))
        fail_msg("step %zu: %s is %.9g, but TRL had %.9g: off by %.2g of it", step, key, got, right,
                 fabs(got - right) / fabs(right));
}

static void check_order(const struct training *t, const uint32_t *order)
{
    const json_t *want = json_object_get(t->log, "order");

    for (size_t i = 0; i < t->pairs.set.count; i++)
        assert_int_equal(order[i], json_integer_value(json_array_get(want, i)));
}

static void run_steps(struct training *t)
{
    const json_t *history = json_object_get(t->log, "log_history");
    gd_trainer trainer = { t->learner, &t->tuning, &t->pairs.set, &t->options, NULL };
    const size_t per_step = t->options.batch * t->options.accumulate;
    uint32_t order[MAX_PAIRS];
    size_t tokens = 0;

    assert_ok(gd_pool_open(&trainer.pool, 2, test_err));
    gd_trainer_order(order, t->pairs.set.count, 42, 0);
    check_order(t, order);
    for (size_t step = 0; step < t->options.total; step++) {
        const json_t *want = json_array_get(history, step);
        const size_t first = step * per_step, left = t->pairs.set.count - first;
        gd_train_metrics got;

        assert_ok(gd_trainer_step(&trainer, order + first, left < per_step ? left : per_step, step, &got, test_err));
        tokens += got.tokens;
        assert_true(got.rows < got.tokens);
        assert_int_equal(tokens, (size_t)number(want, "num_tokens"));
        check_figure(want, "loss", got.loss.loss, 1e-4, step + 1);
        check_figure(want, "grad_norm", got.norm, 1e-4, step + 1);
        check_figure(want, "learning_rate", got.rate, 1e-12, step + 1);
        check_figure(want, "accuracy", got.loss.accuracy, 0, step + 1);
        check_figure(want, "min_reward", got.loss.least, 1e-3, step + 1);
        check_figure(want, "mean_reward", got.loss.mean, 1e-3, step + 1);
        check_figure(want, "max_reward", got.loss.most, 1e-3, step + 1);
    }
    gd_pool_close(trainer.pool);
}

static void check_parameter(const gd_view *want, const gd_parameter *got, const char *name)
{
    double error = 0, size = 0;

    assert_non_null(want);
    for (size_t i = 0; i < got->count; i++) {
        float w;

        memcpy(&w, (const char *)want->data + i * sizeof w, sizeof w);
        error += ((double)got->value[i] - (double)w) * ((double)got->value[i] - (double)w);
        size += (double)w * (double)w;
    }
    if (!(sqrt(error) <= 2e-3 * sqrt(size)))
        fail_msg("%s: off by %.3g of TRL's at the end", name, sqrt(error / size));
}

static void check_end(const struct training *t)
{
    char path[TEST_PATH + 16];
    gd_adapter *end;

    (void)snprintf(path, sizeof path, "%s/final", t->dir);
    assert_ok(gd_adapter_open(&end, path, t->plan->head, test_err));
    for (size_t i = 0; i < t->tuning.count; i++) {
        const gd_tuned *m = &t->tuning.modules[i];
        const char *name = t->plan->steps[m->step].lora;
        gd_lora lora;

        assert_true(gd_adapter_find(end, name, &lora));
        check_parameter(lora.a, &m->a, name);
        check_parameter(lora.b, &m->b, name);
    }
    check_parameter(gd_adapter_head(end), &t->tuning.head, "the head");
    gd_adapter_close(end);
}

/* What was saved is read back with the same bits, and without a note. */
static void check_saved(const struct training *t)
{
    gd_targets targets;
    const gd_save_parts parts = { &t->tuning, "../../qwen2", 8, 16, &targets };
    char path[TEST_PATH];
    gd_newdir *dir;
    gd_adapter *saved;

    assert_non_null(mkdtemp(test_template(path)));
    assert_ok(gd_targets_open(&targets, "all-linear", t->plan, test_err));
    assert_ok(gd_newdir_open(&dir, path, test_err));
    assert_ok(gd_adapter_save(dir, &parts, test_err));
    assert_ok(gd_newdir_keep(dir, test_err));
    gd_newdir_close(dir);
    assert_ok(gd_adapter_open(&saved, path, t->plan->head, test_err));
    assert_int_equal(gd_adapter_note_count(saved), 0);
    assert_int_equal(gd_adapter_count(saved), t->tuning.count);
    for (size_t i = 0; i < t->tuning.count; i++) {
        const gd_tuned *m = &t->tuning.modules[i];
        gd_lora lora;

        assert_true(gd_adapter_find(saved, t->plan->steps[m->step].lora, &lora));
        assert_memory_equal(lora.a->data, m->a.value, m->a.count * sizeof(float));
        assert_memory_equal(lora.b->data, m->b.value, m->b.count * sizeof(float));
        assert_memory_equal(&lora.scale, &t->tuning.lora[m->step].scale, sizeof(float));
    }
    assert_memory_equal(gd_adapter_head(saved)->data, t->tuning.head.value, t->tuning.head.count * sizeof(float));
    gd_adapter_close(saved);
    gd_targets_close(&targets);
    test_remove(path);
}

static void check_run(const char *run)
{
    struct training t;

    training_open(&t, run);
    run_steps(&t);
    check_end(&t);
    check_saved(&t);
    training_close(&t);
}

static void a_run_is_that_of_trl(void **state)
{
    (void)state;
    check_run("train-ga1");
}

static void a_run_with_accumulation_is_that_of_trl(void **state)
{
    (void)state;
    check_run("train-ga4");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_is_that_of_trl),
        cmocka_unit_test(a_run_with_accumulation_is_that_of_trl),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
