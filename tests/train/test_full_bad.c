/* test_full_bad.c - runs in which every weight of the model learns: the memory that they say they need, and what they
 * refuse. */
#include "tests/train/runs.h"

#include "base/mem.h"
#include "quant-free/safetensors.h"
#include "quant-free/st_write.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

static void open_short(test_run *run)
{
    run_open_short(run);
    run->options.lora_r = 0;
    run->options.full = 1;
}

/* ---- memory ---- */

enum { TOKENS = 50000 };

/* root/model gets an embedding with so many rows; a dry run doesn't read its values. */
static void widen_model(const test_run *run)
{
    gd_newdir *dir;
    gd_view *views;
    const gd_view **order;
    size_t count;
    gd_st *st;

    assert_ok(gd_st_open(&st, run_below(run, "model/model.safetensors"), test_err));
    count = gd_st_count(st);
    views = gd_alloc(count, sizeof *views);
    order = gd_alloc(count, sizeof *order);
    assert_true(views && order);
    for (size_t i = 0; i < count; i++) {
        views[i] = *gd_st_at(st, i);
        if (views[i].rank == 2 && views[i].shape[0] == 1536) {
            views[i].bytes = views[i].bytes / 1536 * TOKENS;
            views[i].shape[0] = TOKENS;
        }
        order[i] = &views[i];
    }
    gd_st_sort(order, count);
    assert_ok(gd_newdir_join(&dir, run_below(run, "model"), test_err));
    assert_ok(gd_st_write_begin(dir, "model.safetensors", order, count, test_err));
    for (size_t i = 0; i < count; i++) {
        void *zeros = gd_alloc_zero(order[i]->bytes, 1);

        assert_non_null(zeros);
        assert_ok(gd_newdir_write(dir, zeros, order[i]->bytes, test_err));
        gd_free(zeros);
    }
    assert_ok(gd_newdir_end(dir, test_err));
    assert_ok(gd_newdir_keep(dir, test_err));
    gd_newdir_close(dir);
    gd_free(order);
    gd_free(views);
    gd_st_close(st);
}

static double least_memory(test_run *run)
{
    json_t *plan = run_rehearse(run);
    const double least = run_number(plan, "least_memory_bytes");

    json_decref(plan);
    return least;
}

/* Value, gradient, two moments and the running sum of the gradient: 20 bytes for each weight. Nothing of it stays. */
static void every_array_is_in_the_plan(void **state)
{
    const uint64_t live = gd_mem_live();
    test_run run;
    double few, more;

    (void)state;
    open_short(&run);
    few = least_memory(&run);
    run_change_model(&run, "config.json", "\"vocab_size\": 1536", "\"vocab_size\": 50000");
    widen_model(&run);
    more = least_memory(&run);
    assert_true(more - few >= 20.0 * 96 * (TOKENS - 1536));
    assert_true(more - few <= 28.0 * 96 * (TOKENS - 1536));
    run_close(&run);
    assert_int_equal(gd_mem_live(), live);
}

/* ---- what is refused ---- */

static void what_an_adapter_needs_is_refused(void **state)
{
    test_run run;

    (void)state;
    open_short(&run);
    run.options.lora_r = 8;
    run_refuse(&run, "a rank", GD_EUSAGE, "lora_r is given with full, by which every weight learns");
    run.options.lora_r = 0;
    run.options.lora_alpha = (gd_number){ 1, 8 };
    run_refuse(&run, "alpha", GD_EUSAGE, "lora_alpha is given with full");
    run.options.lora_alpha.given = 0;
    run.options.lora_targets = "q_proj";
    run_refuse(&run, "targets", GD_EUSAGE, "lora_targets is given with full");
    run.options.lora_targets = NULL;
    run.options.init_adapter = run.init;
    run_refuse(&run, "an adapter", GD_EUSAGE, "init_adapter is given with full");
    run.options.init_adapter = NULL;
    run.model.memory = 30 << 20;
    run_refuse(&run, "memory", GD_ENOMEM, "(batch_size, grad_accum) and shorter texts (max_length) need less");
    run_close(&run);
}

static void a_model_that_lacks_a_weight_is_refused(void **state)
{
    test_run run;

    (void)state;
    open_short(&run);
    run_change_model(&run, "model.safetensors", "model.layers.1.mlp.up_proj.weight",
                     "model.layers.1.mlp.up_porj.weight");
    run_refuse(&run, "a weight", GD_EFORMAT, "model.layers.1.mlp.up_proj.weight");
    run_close(&run);
}

/* Once the run has opened the model and begins to read the data, the weights change. */
static void change_and_feed(const test_run *run, const char *pipe_path, const char *text)
{
    const int data = open(pipe_path, O_WRONLY), weights = open(run_below(run, "model/model.safetensors"), O_WRONLY);
    const size_t len = strlen(text);

    if (data < 0 || weights < 0 || pwrite(weights, "\x3f", 1, 200001) != 1 || write(data, text, len) != (ssize_t)len)
        _exit(1);
    _exit(0);
}

static void weights_that_change_while_they_are_read_are_refused(void **state)
{
    const char *pipe_path;
    gd_error err = { 0 };
    test_run run;
    char *text, *json;
    size_t len;
    int status;
    pid_t child;

    (void)state;
    open_short(&run);
    run_change_model(&run, "", "", "");
    run_change(&run, run.train, "copy", "", "");
    text = run_file(&run, ".", "copy", &len);
    pipe_path = run_below(&run, "pipe");
    assert_int_equal(mkfifo(pipe_path, 0600), 0);
    (void)snprintf(run.train, sizeof run.train, "%s", pipe_path);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)alarm(60); /* should nobody ever read the data */
        change_and_feed(&run, run.train, text);
    }
    run_output(&run, "out");
    assert_int_equal(run_train(&run, &json, &err), GD_EIO);
    assert_contains(err.text, "/model/model.safetensors: ");
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    gd_free(text);
    run_close(&run);
}

static void another_run_is_not_continued(void **state)
{
    test_run run;

    (void)state;
    open_short(&run);
    run_begin(&run, "out", 3);
    run.options.full = 0;
    run_refuse(&run, "an adapter", GD_EUSAGE, "settings.lora_r is not given there");
    run.options.full = 1;
    run_into(&run, "out");
    run_close(&run);
}

static void a_damaged_checkpoint_is_passed_over(void **state)
{
    test_run run;
    size_t len;
    char path[RUN_PATH + 32];
    FILE *file;

    (void)state;
    open_short(&run);
    run_into(&run, "good");
    run_begin(&run, "out", 3);
    gd_free(run_file(&run, "out/checkpoint-3", "model.safetensors", &len));
    (void)snprintf(path, sizeof path, "%s/model.safetensors", run_below(&run, "out/checkpoint-3"));
    file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, (long)len - 100, SEEK_SET), 0);
    assert_true(fputc(0x55, file) == 0x55 && !fclose(file));
    run_into(&run, "out");
    assert_contains(run.all_notes, "out/checkpoint-3 is passed over: model.safetensors");
    run_same(&run, "good", "out");
    run_close(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_array_is_in_the_plan),
        cmocka_unit_test(what_an_adapter_needs_is_refused),
        cmocka_unit_test(a_model_that_lacks_a_weight_is_refused),
        cmocka_unit_test(weights_that_change_while_they_are_read_are_refused),
        cmocka_unit_test(another_run_is_not_continued),
        cmocka_unit_test(a_damaged_checkpoint_is_passed_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
