/* test_run.c - whole runs of gd_train(): TRL's figures, the same bits however they are computed, interruptions, and the
 * same scores in training and in serving. */
#include "tests/train/runs.h"

#include "backends/backend.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "quant-free/adapter.h"

#include <math.h>

/* ---- against TRL ---- */

static void check_tensor(const gd_view *want, const gd_view *got, const char *name)
{
    const float *w = want->data, *g = got->data;
    double error = 0, size = 0;

    assert_int_equal(want->bytes, got->bytes);
    for (size_t i = 0; i < want->bytes / sizeof *w; i++) {
        error += ((double)g[i] - (double)w[i]) * ((double)g[i] - (double)w[i]);
        size += (double)w[i] * (double)w[i];
    }
    if (!(sqrt(error) <= 2e-3 * sqrt(size)))
        fail_msg("%s: off by %.3g of TRL's at the end", name, sqrt(error / size));
}

static void check_adapter(const char *final, const char *output)
{
    gd_adapter *want, *got;

    assert_ok(gd_adapter_open(&want, final, "score.weight", test_err));
    assert_ok(gd_adapter_open(&got, output, "score.weight", test_err));
    assert_int_equal(gd_adapter_note_count(got), 0);
    assert_int_equal(gd_adapter_count(got), gd_adapter_count(want));
    for (size_t i = 0; i < gd_adapter_count(want); i++) {
        const char *name = gd_adapter_module(want, i);
        gd_lora a, b;

        assert_true(gd_adapter_find(want, name, &a) && gd_adapter_find(got, name, &b));
        assert_memory_equal(&a.scale, &b.scale, sizeof a.scale);
        check_tensor(a.a, b.a, name);
        check_tensor(a.b, b.b, name);
    }
    check_tensor(gd_adapter_head(want), gd_adapter_head(got), "the head");
    gd_adapter_close(want);
    gd_adapter_close(got);
}

static void check_trl(const char *name, size_t accumulate, double center)
{
    char path[TEST_PATH], dir[64];
    test_run run;
    json_t *trl, *log;
    char *json;

    run_open(&run, name);
    run.options.grad_accum = accumulate;
    run.options.center_rewards = (gd_number){ 1, center };
    assert_ok(run_train(&run, &json, test_err));
    gd_string_free(json);
    (void)snprintf(dir, sizeof dir, "golden/%s/trl_log.json", name);
    test_data(path, sizeof path, dir);
    assert_ok(gd_json_load(&trl, path, 1 << 20, test_err));
    log = run_log(&run);
    run_check_history(json_object_get(trl, "log_history"), log);
    (void)snprintf(dir, sizeof dir, "golden/%s/final", name);
    test_data(path, sizeof path, dir);
    check_adapter(path, run.output);
    json_decref(trl);
    json_decref(log);
    run_close(&run);
}

static void a_run_is_that_of_trl(void **state)
{
    (void)state;
    check_trl("train-ga1", 1, 0);
}

static void a_run_with_accumulation_is_that_of_trl(void **state)
{
    (void)state;
    check_trl("train-ga4", 4, 0.01);
}

/* ---- the same bits ---- */

static void threads_memory_and_kernels_change_no_bit(void **state)
{
    const gd_backend *cpu;
    test_run run;
    const char *isa;

    (void)state;
    run_open_short(&run);
    assert_ok(gd_backend_find(&cpu, "cpu", GD_BF16, test_err));
    run_into(&run, "out");
    for (unsigned threads = 2; threads <= 3; threads++) {
        run.model.threads = threads;
        run_into(&run, "threads");
        run_same(&run, "out", "threads");
        test_remove(run.output);
    }
    for (size_t i = SANITIZED; (isa = cpu->isa(i)) != NULL; i++) { /* plain C takes minutes under a sanitizer */
        run.model.isa = isa;
        run_into(&run, "isa");
        run_same(&run, "out", "isa");
        test_remove(run.output);
    }
    run.model.isa = NULL;
    run.options.checkpoint_layers = "on";
    run_into(&run, "again");
    run_same(&run, "out", "again");
    run.options.checkpoint_layers = "off";
    run_into(&run, "kept");
    run_same(&run, "out", "kept");
    run_close(&run);
}

/* ---- interruptions ---- */

/* Fails unless the page says something, and is not loaded again. */
static void page_says(const test_run *run, const char *output, const char *wanted)
{
    size_t len;
    char *page = run_file(run, output, "report.html", &len);

    assert_non_null(strstr(page, wanted));
    assert_null(strstr(page, "http-equiv=\"refresh\""));
    gd_free(page);
}

static void a_stopped_run_continues_with_the_same_bits(void **state)
{
    test_run run;
    gd_error err;
    char *json;

    (void)state;
    run_open_short(&run);
    run_into(&run, "out");
    run_output(&run, "stopped");
    for (run.stop_after = 1; run.stop_after < 6; run.stop_after++) {
        err = (gd_error){ 0 };
        assert_int_equal(run_train(&run, &json, &err), GD_EINTERRUPTED);
        assert_null(json);
        assert_non_null(strstr(err.text, "same command continues"));
    }
    page_says(&run, "stopped", "interrupted; the same command continues");
    run.stop_after = 0;
    assert_ok(run_train(&run, &json, test_err));
    assert_non_null(strstr(run.all_notes, "continuing from"));
    gd_string_free(json);
    run_same(&run, "out", "stopped");
    page_says(&run, "stopped", "Done: all ");
    run_close(&run);
}

/* A run that is over stays as it is. */
static void a_finished_run_is_left_alone(void **state)
{
    test_run run;
    char *json;
    size_t before, after;
    char *log;

    (void)state;
    run_open_short(&run);
    run_into(&run, "out");
    log = run_file(&run, "out", "log.jsonl", &before);
    gd_free(log);
    assert_ok(run_train(&run, &json, test_err));
    gd_string_free(json);
    log = run_file(&run, "out", "log.jsonl", &after);
    gd_free(log);
    assert_int_equal(before, after);
    run_close(&run);
}

/* Kills a run at a random moment, again and again, and continues it. */
static void a_killed_run_continues_with_the_same_bits(void **state)
{
    const char *cycles = getenv("GUERDON_KILL_CYCLES");
    const long count = cycles ? strtol(cycles, NULL, 10) : SANITIZED ? 5 : 20;
    test_run run;
    unsigned seed = 1;
    char *json;

    (void)state;
    run_open_short(&run);
    run_into(&run, "out");
    for (long done = 0; done < count;) {
        run_output(&run, "killed");
        for (int cycle = 0; cycle < 5 && done < count; cycle++, done++)
            run_killed(&run, &seed, 120000);
        assert_ok(run_train(&run, &json, test_err));
        gd_string_free(json);
        run_same(&run, "out", "killed");
        test_remove(run.output);
    }
    run_close(&run);
}

/* ---- the same reward in training and in serving ---- */

/* Reads lines of {"chosen":..,"rejected":..}; null and errors are skipped. Returns the number of scores. */
static size_t read_scores(const char *path, double *scores, size_t room)
{
    char *text, *line, *end;
    size_t len, count = 0;

    assert_ok(gd_file_read(&text, &len, path, 1 << 20, test_err));
    for (line = text; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        json_t *value = json_loadb(line, (size_t)(end - line), JSON_DECODE_ANY, NULL);

        if (json_is_object(value) && json_object_get(value, "chosen") && count + 2 <= room) {
            scores[count++] = run_number(value, "chosen");
            scores[count++] = run_number(value, "rejected");
        }
        json_decref(value);
    }
    gd_free(text);
    return count;
}

static void same_file(const char *a, const char *b)
{
    char *data_a, *data_b;
    size_t len_a, len_b;

    assert_ok(gd_file_read(&data_a, &len_a, a, 1 << 28, test_err));
    assert_ok(gd_file_read(&data_b, &len_b, b, 1 << 28, test_err));
    assert_int_equal(len_a, len_b);
    assert_memory_equal(data_a, data_b, len_a);
    gd_free(data_a);
    gd_free(data_b);
}

/* golden/trained is what this run writes, and PEFT in Transformers gave its scores (make_trained.py). */
static void peft_scores_the_adapter_alike(void **state)
{
    char path[TEST_PATH], ours[2 * TEST_PATH];
    double want[64], got[64], margin, mean;
    test_run run;
    size_t count;

    (void)state;
    run_open(&run, "train-ga1");
    run.options.init_adapter = run.options.compat = NULL;
    run.options.eval_count = 0;
    run.options.lora_r = 4;
    run.options.learning_rate = (gd_number){ 1, 1e-2 };
    run.options.warmup_steps = (gd_number){ 1, 0 };
    run.options.batch_size = 4;
    run.options.grad_accum = 2;
    run_into(&run, "out");
    (void)snprintf(ours, sizeof ours, "%s/adapter_model.safetensors", run.output);
    same_file(ours, test_data(path, sizeof path, "golden/trained/adapter_model.safetensors"));
    run_score(&run, "out", &margin, &mean);
    (void)snprintf(ours, sizeof ours, "%s/scores.jsonl", run.root);
    count = read_scores(test_data(path, sizeof path, "golden/trained/expected.jsonl"), want, 64);
    assert_int_equal(count, read_scores(ours, got, 64));
    assert_true(count >= 20);
    for (size_t i = 0; i < count; i++)
        if (!(fabs(got[i] - want[i]) <= 3e-5))
            fail_msg("score %zu is %.9g, but PEFT's is %.9g", i, got[i], want[i]);
    run_close(&run);
}

static void what_is_trained_is_what_is_scored(void **state)
{
    test_run run;
    json_t *log;
    const json_t *last;
    double margin, mean;

    (void)state;
    run_open_short(&run);
    run.model.add_eos = GD_ADD_EOS_AUTO;
    run_into(&run, "out");
    log = run_log(&run);
    last = json_array_get(log, json_array_size(log) - 1);
    run_score(&run, "out", &margin, &mean);
    assert_true(run_number(last, "eval_margin") == margin);
    assert_true(run_number(last, "eval_mean_reward") == mean);
    json_decref(log);
    run_close(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_is_that_of_trl),
        cmocka_unit_test(a_run_with_accumulation_is_that_of_trl),
        cmocka_unit_test(threads_memory_and_kernels_change_no_bit),
        cmocka_unit_test(a_stopped_run_continues_with_the_same_bits),
        cmocka_unit_test(a_finished_run_is_left_alone),
        cmocka_unit_test(a_killed_run_continues_with_the_same_bits),
        cmocka_unit_test(what_is_trained_is_what_is_scored),
        cmocka_unit_test(peft_scores_the_adapter_alike),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
