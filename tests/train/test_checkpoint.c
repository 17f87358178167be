/* test_checkpoint.c - checkpoints of a training run: every bit comes back, whatever is damaged is passed over, another
 * run's is refused, and nothing is removed but what a run has made. */
#include "tests/check.h"
#include "tests/quant-free/files.h"
#include "tests/train/learnt.h"

#include "base/digest.h"
#include "base/file.h"
#include "base/mem.h"

#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <sys/wait.h>

/* ---- writing and reading ---- */

#define TOKENIZER "tokenizer.json,tokenizer_config.json"

static void every_bit_comes_back(void **state)
{
    struct learnt l;

    learnt_open(&l);
    assert_int_equal(learnt_newest(&l, in_dir(*state, "none")), 0);
    assert_int_equal(learnt_newest(&l, *state), 0);
    learnt_write(&l, *state, 4);
    learnt_write(&l, *state, 12);
    learnt_write(&l, *state, 9); /* the order is that of numbers */
    assert_int_equal(learnt_newest(&l, *state), 12);
    learnt_check(&l, in_dir(*state, "checkpoint-4"), 4);
    learnt_check(&l, in_dir(*state, "checkpoint-9"), 9);
    assert_int_equal(learnt_adapter(&l, in_dir(*state, "checkpoint-9")), 9);
    assert_string_equal(learnt_names(*state), "checkpoint-12,checkpoint-4,checkpoint-9");
    assert_string_equal(learnt_names(in_dir(*state, "checkpoint-9")),
                        "adapter_config.json,adapter_model.safetensors,guerdon-adapter.json,manifest.json,"
                        "optimizer.safetensors," TOKENIZER);
    learnt_close(&l);
}

/* A value of the metric may be anything that a double can be. */
static void odd_values_of_a_metric_come_back(void **state)
{
    const double odd[] = { NAN, -NAN, INFINITY, -0.0, 5e-324, 0.1 + 0.2 };
    char path[LEARNT_PATH];
    struct learnt l;

    learnt_path(path, *state, "checkpoint-3");
    learnt_open(&l);
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        gd_train_mark mark;

        learnt_step(&l, 3);
        l.mark.best = odd[i];
        assert_ok(gd_checkpoint_write(*state, &l.checkpoint, test_err));
        assert_ok(learnt_read(path, &l, &mark, test_err));
        assert_memory_equal(&mark.best, &odd[i], sizeof odd[i]);
    }
    learnt_close(&l);
}

static void one_that_is_there_is_replaced(void **state)
{
    struct learnt l;

    learnt_open(&l);
    learnt_write(&l, *state, 4);
    assert_int_equal(truncate(in_dir(*state, "checkpoint-4/optimizer.safetensors"), 5), 0);
    learnt_write(&l, *state, 4);
    assert_int_equal(learnt_newest(&l, *state), 4);
    assert_string_equal(learnt_names(*state), "checkpoint-4");
    for (uint64_t step = 6; step < 8; step++) {
        learnt_step(&l, step);
        assert_ok(gd_best_write(*state, &l.checkpoint, test_err));
        assert_int_equal(learnt_adapter(&l, in_dir(*state, "best")), step);
    }
    assert_string_equal(learnt_names(*state), "best,checkpoint-4");
    assert_string_equal(learnt_names(in_dir(*state, "best")),
                        "adapter_config.json,adapter_model.safetensors,guerdon-adapter.json," TOKENIZER);
    learnt_close(&l);
}

/* The result joins the other files of the output, and replaces what a killed run has left there. */
static void the_result_joins_the_output(void **state)
{
    struct learnt l;

    learnt_open(&l);
    write_text(*state, "log.jsonl", "{}\n");
    write_text(*state, "tokenizer.json.part", "half");
    learnt_write(&l, *state, 4);
    for (uint64_t step = 4; step < 6; step++) {
        learnt_step(&l, step);
        assert_ok(gd_result_write(*state, &l.checkpoint, test_err));
        assert_int_equal(learnt_adapter(&l, *state), step);
    }
    assert_string_equal(learnt_names(*state), "adapter_config.json,adapter_model.safetensors,checkpoint-4,"
                                              "guerdon-adapter.json,log.jsonl," TOKENIZER);
    assert_int_equal(learnt_newest(&l, *state), 4);
    learnt_close(&l);
}

/* ---- damage ---- */

/* The newest sound one is checkpoint-4, and the note about checkpoint-8 says what is wanted. */
static void expect_older(struct learnt *l, const char *output, const char *wanted)
{
    gd_notes notes = { 0 };
    char want[TEST_PATH + 64], *path;

    assert_ok(gd_checkpoint_find(&path, output, UINT64_MAX, &notes, test_err));
    if (!path || strcmp(strrchr(path, '/'), "/checkpoint-4") != 0)
        fail_msg("\"%s\" is found instead of checkpoint-4: %s", path ? path : "nothing", wanted);
    learnt_check(l, path, 4);
    (void)snprintf(want, sizeof want, "%s/checkpoint-8 is passed over: ", output);
    assert_int_equal(notes.count, 1);
    assert_contains(notes.text[0], want);
    assert_contains(notes.text[0], wanted);
    gd_notes_free(&notes);
    gd_free(path);
}

static void flip(const char *path, size_t at, unsigned char mask)
{
    const int fd = open(path, O_RDWR | O_CLOEXEC);
    unsigned char byte;

    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &byte, 1, (off_t)at), 1);
    byte ^= mask;
    assert_int_equal(pwrite(fd, &byte, 1, (off_t)at), 1);
    assert_int_equal(close(fd), 0);
}

/* One file of checkpoint-8, damaged in every way, and restored each time. */
static void damage(struct learnt *l, const char *output, const char *name)
{
    char dir[LEARNT_PATH];
    char path[LEARNT_PATH], *data;
    size_t len;

    learnt_path(dir, output, "checkpoint-8");
    learnt_path(path, dir, name);
    assert_ok(gd_file_read(&data, &len, path, 1 << 24, test_err));
    assert_int_equal(truncate(path, (off_t)len - 1), 0);
    expect_older(l, output, name);
    write_bytes(dir, name, data, len);
    for (size_t i = 0; i < 16; i++) {
        const size_t at = (len - 1) * i / 15;

        flip(path, at, (unsigned char)(1 << i % 8));
        expect_older(l, output, name);
        flip(path, at, (unsigned char)(1 << i % 8));
    }
    write_bytes(dir, name, "", 0);
    expect_older(l, output, name);
    assert_int_equal(unlink(path), 0);
    expect_older(l, output, name);
    assert_int_equal(mkdir(path, 0700), 0);
    expect_older(l, output, name);
    assert_int_equal(rmdir(path), 0);
    write_bytes(dir, name, data, len);
    learnt_check(l, dir, 8);
    gd_free(data);
}

static void whatever_is_damaged_is_passed_over(void **state)
{
    static const char *const names[] = { "adapter_config.json",  "adapter_model.safetensors",
                                         "guerdon-adapter.json", "optimizer.safetensors",
                                         "manifest.json",        "tokenizer.json",
                                         "tokenizer_config.json" };
    struct learnt l;

    learnt_open(&l);
    learnt_write(&l, *state, 4);
    learnt_write(&l, *state, 8);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        damage(&l, *state, names[i]);
    assert_int_equal(learnt_newest(&l, *state), 8);
    assert_int_equal(truncate(in_dir(*state, "checkpoint-8/optimizer.safetensors"), 200), 0);
    expect_older(&l, *state, "is passed over: optimizer.safetensors has 200 bytes, but ");
    learnt_close(&l);
}

/* No byte of a manifest can change, not even a digit of a number. */
/* A disk or a network that fails may be back later: the run must not begin anew for that. */
static void what_cannot_be_read_is_not_damaged(void **state)
{
    static const char *const files[] = { "optimizer.safetensors", "manifest.json" };
    struct learnt l;

    learnt_open(&l);
    learnt_write(&l, *state, 1);
    learnt_write(&l, *state, 2);
    for (size_t i = 0; i < 2; i++) {
        const char *folder = in_dir(*state, "checkpoint-2");
        gd_notes notes = { 0 };
        gd_error err = { 0 };
        char *path;

        assert_int_equal(rename(in_dir(folder, files[i]), in_dir(*state, "elsewhere")), 0);
        assert_int_equal(symlink("nothing", in_dir(folder, files[i])), 0);
        assert_int_equal(gd_checkpoint_find(&path, *state, UINT64_MAX, &notes, &err), GD_EIO);
        assert_null(path);
        assert_contains(err.text, files[i]);
        assert_contains(err.text, "No such file or directory; to continue without this checkpoint, move it elsewhere");
        assert_int_equal(notes.count, 0);
        assert_int_equal(rename(in_dir(*state, "elsewhere"), in_dir(folder, files[i])), 0);
        assert_int_equal(learnt_newest(&l, *state), 2);
        gd_notes_free(&notes);
    }
    learnt_close(&l);
}

static void a_manifest_may_not_change(void **state)
{
    char path[LEARNT_PATH];
    struct learnt l;
    struct stat sb;

    learnt_path(path, *state, "checkpoint-8/manifest.json");
    learnt_open(&l);
    l.checkpoint.base = NULL;
    learnt_write(&l, *state, 8);
    assert_int_equal(stat(path, &sb), 0);
    for (size_t at = 0; at < (size_t)sb.st_size; at++) {
        gd_notes notes = { 0 };
        char *found;

        flip(path, at, 1);
        assert_ok(gd_checkpoint_find(&found, *state, UINT64_MAX, &notes, test_err));
        if (found)
            fail_msg("byte %zu of the manifest was changed, and nobody has noticed", at);
        assert_contains(notes.text[0], "manifest.json");
        gd_notes_free(&notes);
        flip(path, at, 1);
    }
    learnt_close(&l);
}

/* Replaces text in a manifest, whose own digest then fits again. */
static void edit(const char *dir, const char *from, const char *to)
{
    gd_buf out = { 0 };
    char *text, *at;
    size_t len;

    assert_ok(gd_file_read(&text, &len, in_dir(dir, "manifest.json"), 1 << 20, test_err));
    at = strstr(text, from);
    assert_non_null(at);
    *strrchr(text, ',') = '\0';
    gd_buf_printf(&out, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    gd_buf_printf(&out, ",\"digest\":\"%016" PRIx64 "\"}\n", gd_digest(0, out.data, out.len));
    write_bytes(dir, "manifest.json", out.data, out.len);
    gd_buf_free(&out);
    gd_free(text);
}

static void a_manifest_of_another_kind_is_passed_over(void **state)
{
    static const struct {
        const char *from, *to, *want;
    } cases[] = {
        { "checkpoint/1", "checkpoint/2", "its format is \"guerdon-checkpoint/2\", but \"guerdon-checkpoint/1\" is" },
        { "\"format\":\"guerdon-checkpoint/1\",", "", "the field \"format\" is missing" },
        { "\"step\":8", "\"step\":7", "its step is 7, but 8 is expected" },
        { "\"step\":8", "\"step\":-8", "\"step\" is -8" },
        { "\"step\":8", "\"step\":8.0", "\"step\" is a real number" },
        { "\"step\":8,", "", "the field \"step\" is missing" },
        { "\"finished\":false", "\"finished\":0", "\"finished\"" },
        { "\"best\":\"", "\"beast\":\"", "the field \"best\" is missing" },
        { "\"mark\"", "\"Mark\"", "the field \"mark\" is missing" },
        { "\"run\":{", "\"Run\":{", "the field \"run\" is missing" },
        { "\"guerdon-adapter.json\"", "\"vocab.json\"", "\"files\" lacks \"guerdon-adapter.json\"" },
        { "\"tokenizer.json\"", "\"../t/tokenizer.json\"", "which is not a file of a checkpoint" },
        { "\"tokenizer.json\"", "\"vocab.json\"", "vocab.json: No such file or directory" },
        { "\"bytes\":", "\"bytes\":1", "bytes, but 1" },
    };
    struct learnt l;

    learnt_open(&l);
    learnt_write(&l, *state, 4);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        learnt_write(&l, *state, 8);
        edit(in_dir(*state, "checkpoint-8"), cases[i].from, cases[i].to);
        expect_older(&l, *state, cases[i].want);
    }
    learnt_close(&l);
}

/* ---- another run ---- */

static void expect_refusal(struct learnt *l, const char *path, gd_status status, const char *wanted)
{
    gd_error err = { 0 };
    gd_train_mark mark;

    assert_int_equal(learnt_read(path, l, &mark, &err), status);
    assert_contains(err.text, path);
    assert_contains(err.text, wanted);
}

static void another_run_is_refused(void **state)
{
    static const struct {
        const char *run, *want;
    } cases[] = {
        { "{'learning_rate':1e-5,'schedule':'cosine','data':{'records':8,'lengths':[1,2]}}", NULL },
        { "{'schedule':'cosine','data':{'lengths':[1,2],'records':8},'learning_rate':1e-5}", NULL },
        { "{'learning_rate':2e-5,'schedule':'cosine','data':{'records':8,'lengths':[1,2]}}",
          ": learning_rate is 1e-5 there, but 2e-5 here; use the same settings to continue; to train on with " },
        { "{'learning_rate':1.0000000000000003e-5,'schedule':'cosine','data':{'records':8,'lengths':[1,2]}}",
          ": learning_rate is 1.0000000000000001e-5 there, but 1.0000000000000003e-5 here;" },
        { "{'learning_rate':1e-5,'schedule':'linear','data':{'records':8,'lengths':[1,2]}}",
          ": schedule is \"cosine\" there, but \"linear\" here;" },
        { "{'learning_rate':1e-5,'schedule':'cosine','data':{'records':9,'lengths':[1,2]}}",
          ": data.records is 8 there, but 9 here; the training data have changed: continue with those that the run" },
        { "{'learning_rate':1e-5,'schedule':'cosine','data':{'records':8,'lengths':[1,3]}}",
          ": data.lengths[1] is 2 there, but 3 here;" },
        { "{'learning_rate':1e-5,'schedule':'cosine','data':{'records':8,'lengths':[1]}}",
          ": data.lengths is 1, 2 there, but 1 here;" },
        { "{'learning_rate':1e-5,'schedule':'cosine','data':{'lengths':[1,2]}}",
          ": data.records is 8 there, but not given here;" },
        { "{'learning_rate':1e-5,'schedule':'cosine','data':{'records':8,'lengths':[1,2]},'seed':1}",
          ": seed is not given there, but 1 here;" },
        { "{'learning_rate':1e-5,'schedule':'cosine','data':null}",
          ": data is {\"records\":8,\"lengths\":[1,2]} there" },
    };
    char path[LEARNT_PATH];
    struct learnt l;

    learnt_path(path, *state, "checkpoint-4");
    learnt_open(&l);
    learnt_write(&l, *state, 4);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[256];

        (void)snprintf(text, sizeof text, "%s", cases[i].run);
        for (char *quote = text; (quote = strchr(quote, '\'')) != NULL;)
            *quote = '"';
        json_decref(l.run);
        l.run = json_loads(text, 0, NULL);
        assert_non_null(l.run);
        if (cases[i].want)
            expect_refusal(&l, path, GD_EUSAGE, cases[i].want);
        else
            learnt_check(&l, path, 4);
    }
    learnt_close(&l);
}

/* A sound checkpoint whose tensors are not those of this run, or no numbers. */
static void other_tensors_are_refused(void **state)
{
    char path[LEARNT_PATH];
    const float bad[] = { NAN, INFINITY };
    struct learnt l;

    learnt_path(path, *state, "checkpoint-4");
    learnt_open(&l);
    for (size_t i = 0; i < 4; i++) {
        learnt_step(&l, 4);
        (i < 2 ? l.tuning.head.value : l.tuning.modules[1].b.v)[3] = bad[i % 2];
        assert_ok(gd_checkpoint_write(*state, &l.checkpoint, test_err));
        expect_refusal(&l, path, GD_EFORMAT,
                       i < 2 ? "adapter_model.safetensors: the tensor \"base_model.model.score.weight\" has a number "
                               "that is not finite"
                             : "lora_B.weight.exp_avg_sq\" has a number that is not finite");
    }
    learnt_step(&l, 4);
    l.tuning.count--;
    assert_ok(gd_checkpoint_write(*state, &l.checkpoint, test_err));
    l.tuning.count++;
    expect_refusal(&l, path, GD_EFORMAT, "tensors, but ");
    l.tuning.modules[0].view_a.shape[0] = l.tuning.modules[0].in;
    l.tuning.modules[0].view_a.shape[1] = l.tuning.modules[0].rank;
    assert_ok(gd_checkpoint_write(*state, &l.checkpoint, test_err));
    expect_refusal(&l, path, GD_EFORMAT, "numbers, but F32 [2, ");
    learnt_close(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_bit_comes_back, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(odd_values_of_a_metric_come_back, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(one_that_is_there_is_replaced, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(the_result_joins_the_output, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(whatever_is_damaged_is_passed_over, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_read_is_not_damaged, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(a_manifest_may_not_change, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(a_manifest_of_another_kind_is_passed_over, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(another_run_is_refused, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(other_tensors_are_refused, dir_setup, dir_teardown),
    };

    return cmocka_run_group_tests_name("checkpoint", tests, NULL, NULL);
}
