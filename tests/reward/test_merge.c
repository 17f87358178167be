/* test_merge.c - gd_merge() on the golden models: the weights that PEFT makes, the other files that Transformers needs,
 * scores, and what remains when a merge fails, is stopped or is killed. */
#include "tests/quant-free/files.h"
#include "tests/reward/golden.h"

#include "base/file.h"
#include "base/mem.h"
#include "quant-free/st_write.h"
#include "quant-free/weights.h"
#include "reward/merge.h"

#include <jansson.h>
#include <math.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAIRS = GOLDEN_MODELS + 1 };

static const char *pair(size_t i) { return i < GOLDEN_MODELS ? golden_models[i] : "qwen2-causal"; }

static json_t *read_json(const char *dir, const char *name)
{
    json_t *json = json_load_file(in_dir(dir, name), JSON_REJECT_DUPLICATES, NULL);

    assert_non_null(json);
    return json;
}

/* With one thread: a tiny tensor takes longer to hand to a thread than to merge. tests/quant-free/test_merge.c uses
 * several. */
static gd_options merge_options(const char *model)
{
    gd_options options = golden_options(model, 1);

    options.threads = 1;
    return options;
}

/* Merges a golden pair into dir/NAME, and returns that path. */
static const char *merge_golden(const char *dir, size_t i, uint64_t shard_bytes)
{
    const gd_options options = merge_options(pair(i));
    const char *out = in_dir(dir, pair(i));

    assert_ok(gd_merge_sharded(&options, out, shard_bytes, NULL, test_err));
    return out;
}

/* ---- the weights ---- */

static uint64_t fnv(const void *data, size_t len)
{
    const unsigned char *p = data;
    uint64_t h = 0xcbf29ce484222325u;

    for (size_t i = 0; i < len; i++)
        h = (h ^ p[i]) * 0x100000001b3u;
    return h;
}

/* golden.txt has a line "MODEL TENSOR HASH" for each tensor as PEFT merged it. */
static void check_hashes(const char *model, const char *dir)
{
    char path[512], name[64], tensor[128];
    FILE *f = fopen(test_data(path, sizeof path, "merge/golden.txt"), "r");
    unsigned long long hash;
    size_t count = 0;
    gd_weights *w;

    assert_non_null(f);
    assert_ok(gd_weights_open(&w, dir, test_err));
    while (fscanf(f, "%63s %127s %llx", name, tensor, &hash) == 3) {
        const gd_view *view;

        if (strcmp(name, model) != 0)
            continue;
        assert_ok(gd_weights_need(&view, w, tensor, test_err));
        if (fnv(view->data, view->bytes) != hash)
            fail_msg("%s: %s is not what PEFT makes", model, tensor);
        count++;
    }
    assert_true(count > 20);
    assert_int_equal(gd_weights_count(w), count);
    gd_weights_close(w);
    fclose(f);
}

static void weights_are_those_of_peft(void **state)
{
    for (size_t i = 0; i < PAIRS; i++)
        check_hashes(pair(i), merge_golden(*state, i, 0));
}

static void shards_hold_the_same(void **state)
{
    const char *out = merge_golden(*state, GOLDEN_MODELS, 200000);
    json_t *index = read_json(out, "model.safetensors.index.json");

    assert_int_equal(json_object_size(json_object_get(index, "weight_map")), 39);
    json_decref(index);
    assert_int_equal(access(in_dir(out, "model-00002-of-00004.safetensors"), F_OK), 0);
    assert_int_equal(access(in_dir(out, "model.safetensors"), F_OK), -1);
    check_hashes(pair(GOLDEN_MODELS), out);
}

/* ---- the files beside them ---- */

static void a_causal_base_becomes_a_classifier(void **state)
{
    const char *out = merge_golden(*state, GOLDEN_MODELS, 0);
    json_t *config = read_json(out, "config.json"), *base;
    char path[512];

    base = read_json(test_data(path, sizeof path, "golden/qwen2-causal"), "config.json");
    assert_string_equal(json_string_value(json_array_get(json_object_get(config, "architectures"), 0)),
                        "Qwen2ForSequenceClassification");
    assert_int_equal(json_object_size(json_object_get(config, "id2label")), 1);
    assert_int_equal(json_object_size(json_object_get(config, "label2id")), 1);
    assert_int_equal(json_integer_value(json_object_get(config, "pad_token_id")), 1500); /* the tokenizer's */
    for (int i = 0; i < 2; i++) {                                                        /* the rest is as it was */
        (void)json_object_del(i ? base : config, "architectures");
        (void)json_object_del(i ? base : config, "pad_token_id");
    }
    (void)json_object_del(config, "id2label");
    (void)json_object_del(config, "label2id");
    assert_true(json_equal(config, base));
    json_decref(config);
    json_decref(base);
}

static void a_classifiers_config_stays(void **state)
{
    for (size_t i = 0; i < GOLDEN_MODELS; i++) {
        const gd_options options = golden_options(pair(i), 0);
        const char *out = merge_golden(*state, i, 0);
        json_t *config = read_json(out, "config.json"), *base = read_json(options.model, "config.json");

        assert_true(json_equal(config, base));
        json_decref(config);
        json_decref(base);
    }
}

/* The base has two labels in its config, as a causal-LM model may, and a number that needs 17 digits; the adapter's
 * directory has a tokenizer_config.json with another pad token. */
static void the_adapters_special_tokens_are_taken(void **state)
{
    static const char *const files[] = { "tokenizer.json",
                                         "tokenizer_config.json",
                                         "model.safetensors.index.json",
                                         "model-00001-of-00004.safetensors",
                                         "model-00002-of-00004.safetensors",
                                         "model-00003-of-00004.safetensors",
                                         "model-00004-of-00004.safetensors" };
    char base[512], adapter[512], out[512];
    gd_options options = golden_options("qwen2-causal", 0);
    json_t *config = read_json(options.model, "config.json"), *got;

    (void)snprintf(base, sizeof base, "%s", make_dir(*state, "base"));
    (void)snprintf(adapter, sizeof adapter, "%s", make_dir(*state, "lora"));
    (void)snprintf(out, sizeof out, "%s", in_dir(*state, "out"));
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char name[128];

        (void)snprintf(name, sizeof name, "golden/qwen2-causal/%s", files[i]);
        copy_data(base, files[i], name);
    }
    write_text(base, "special_tokens_map.json", "{\"pad_token\":\"<|im_start|>\"}");
    write_text(base, "chat_template.jinja", "the base's");
    write_text(base, "unknown.txt", "of no use to a tokenizer");
    copy_data(adapter, "adapter_config.json", "golden/qwen2-causal-lora/adapter_config.json");
    copy_data(adapter, "adapter_model.safetensors", "golden/qwen2-causal-lora/adapter_model.safetensors");
    write_text(adapter, "tokenizer_config.json", "{\"pad_token\":{\"content\":\"<|im_end|>\"}}");
    write_text(adapter, "tokenizer.json", "{\"model\":{\"vocab\":{\"a\":1536}}}"); /* an id without a row */
    assert_int_equal(json_object_set_new(config, "num_labels", json_integer(2)), 0);
    assert_int_equal(json_object_set_new(config, "id2label", json_pack("{s:s,s:s}", "0", "a", "1", "b")), 0);
    assert_int_equal(json_object_set_new(config, "rms_norm_eps", json_real(0.1 + 0.2 - 0.29)), 0);
    assert_int_equal(json_object_set_new(config, "_name_or_path", json_string("org/base")), 0);
    assert_int_equal(json_dump_file(config, in_dir(base, "config.json"), 0), 0);
    json_decref(config);
    options.model = base;
    options.adapter = adapter;
    assert_ok(gd_merge(&options, out, NULL, test_err));
    got = read_json(out, "config.json");
    assert_null(json_object_get(got, "_name_or_path")); /* other weights than those of that name */
    assert_int_equal(json_integer_value(json_object_get(got, "pad_token_id")), 1502);
    assert_int_equal(json_object_size(json_object_get(got, "id2label")), 1);
    assert_null(json_object_get(got, "num_labels"));
    assert_true(json_real_value(json_object_get(got, "rms_norm_eps")) == 0.1 + 0.2 - 0.29);
    json_decref(got);
    got = read_json(out, "tokenizer_config.json"); /* the adapter's, without the base's map */
    assert_true(json_is_object(json_object_get(got, "pad_token")));
    json_decref(got);
    got = read_json(out, "tokenizer.json"); /* the base's */
    json_decref(got);
    assert_int_equal(access(in_dir(out, "special_tokens_map.json"), F_OK), -1);
    assert_int_equal(access(in_dir(out, "chat_template.jinja"), F_OK), 0);
    assert_int_equal(access(in_dir(out, "unknown.txt"), F_OK), -1);
}

/* ---- scores ---- */

static double distance(const float *a, const double *b, size_t count)
{
    double sum = 0;

    for (size_t i = 0; i < count; i++)
        sum += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
    return sqrt(sum / (double)count);
}

/* Rounding the merged weights is a third source of bf16 error, besides rounding products and values. Merged scores may
 * be up to twice as far from PEFT's in float64 (adapter not merged) as scores with the adapter, and no score may move
 * by more than a twentieth of their spread. Measured on these models: 1.08 to 1.52 times as far, and at most 0.036 of
 * the spread. */
static void check_scores(size_t i, const char *merged)
{
    gd_options options = golden_options(pair(i), 1);
    float *with, *without;
    double mean = 0, spread = 0, most = 0;
    golden g;

    golden_load(&g, pair(i));
    with = golden_scores(&options, &g);
    options.model = merged;
    options.adapter = NULL;
    without = golden_scores(&options, &g);
    for (size_t t = 0; t < g.count; t++)
        mean += g.lora_f64[t] / (double)g.count;
    for (size_t t = 0; t < g.count; t++) {
        spread += (g.lora_f64[t] - mean) * (g.lora_f64[t] - mean) / (double)g.count;
        most = fmax(most, fabs((double)with[t] - (double)without[t]));
    }
    print_message("%s: from float64 %.5f with the adapter, %.5f merged; at most %.5f apart, spread %.3f\n", pair(i),
                  distance(with, g.lora_f64, g.count), distance(without, g.lora_f64, g.count), most, sqrt(spread));
    assert_true(distance(without, g.lora_f64, g.count) < 2 * distance(with, g.lora_f64, g.count));
    assert_true(most < 0.05 * sqrt(spread));
    free(with);
    free(without);
    golden_free(&g);
}

static void scores_are_near_those_with_the_adapter(void **state)
{
    for (size_t i = 0; i < (SANITIZED ? 1 : GOLDEN_MODELS); i++)
        check_scores(i, merge_golden(*state, i, 0));
}

/* ---- what is refused ---- */

static void refused(const gd_options *options, const char *output, gd_status status, const char *sentence)
{
    gd_error err = { 0 };

    assert_int_equal(gd_merge(options, output, NULL, &err), status);
    assert_contains(err.text, sentence);
}

static void wrong_calls_are_refused(void **state)
{
    const gd_options good = golden_options("qwen2", 1);
    const char *out = in_dir(*state, "out");
    char other[512];
    gd_options o;

    o = good, o.adapter = NULL;
    refused(&o, out, GD_EUSAGE, "no adapter was given");
    refused(&good, NULL, GD_EUSAGE, "no output was given");
    refused(&good, "", GD_EUSAGE, "no output was given");
    refused(&good, good.model, GD_EUSAGE, "this is the model's own directory");
    refused(&good, good.adapter, GD_EUSAGE, "this is the adapter's own directory");
    refused(&good, *state, GD_OK, ""); /* empty: fine */
    refused(&good, *state, GD_EUSAGE, "but an empty or a new directory is expected");
    o = good, o.adapter = test_data(other, sizeof other, "golden/gemma2-lora");
    refused(&o, out, GD_EFORMAT, "LoRA is for a weight of ");
    o = good, o.adapter = test_data(other, sizeof other, "merge/bf16-lora");
    refused(&o, out, GD_EFORMAT, "merge/bf16-lora/adapter_model.safetensors: module \"model.layers.0");
    o = good, o.model = "/nonexistent/model";
    refused(&o, out, GD_EIO, "/nonexistent/model");
    o = good, o.graph = "/nonexistent/graph";
    refused(&o, out, GD_EIO, "/nonexistent/graph");
    o = good, o.threads = 2000;
    refused(&o, out, GD_EUSAGE, "threads is 2000, but");
    assert_false(test_has_dir(out));
}

/* Tensors that the adapter doesn't touch must exist too: a merged model is complete. */
static void a_missing_tensor_is_named(void **state)
{
    const gd_view *views[64];
    gd_options options = golden_options("qwen2", 1);
    gd_weights *w;
    gd_newdir *d;
    size_t count = 0;

    assert_ok(gd_weights_open(&w, options.model, test_err));
    for (size_t i = 0; i < gd_weights_count(w); i++)
        if (strcmp(gd_weights_at(w, i)->name, "model.layers.1.input_layernorm.weight") != 0)
            views[count++] = gd_weights_at(w, i);
    assert_ok(gd_newdir_open(&d, in_dir(*state, "base"), test_err));
    assert_ok(gd_st_write_begin(d, "model.safetensors", views, count, test_err));
    for (size_t i = 0; i < count; i++)
        assert_ok(gd_newdir_write(d, views[i]->data, views[i]->bytes, test_err));
    assert_ok(gd_newdir_end(d, test_err));
    assert_ok(gd_newdir_copy(d, "config.json", in_dir(options.model, "config.json"), test_err));
    assert_ok(gd_newdir_keep(d, test_err));
    gd_newdir_close(d);
    gd_weights_close(w);
    options.model = in_dir(*state, "base");
    refused(&options, in_dir(*state, "out"), GD_EFORMAT, "model.layers.1.input_layernorm.weight");
    assert_false(test_has_dir(in_dir(*state, "out")));
}

/* Only the model determines how many rows a head must have; the message names the adapter's file. */
static void a_head_of_two_rows_is_named(void **state)
{
    static const char header[] = "{\"base_model.model.score.weight\":{\"dtype\":\"F32\",\"shape\":[2,96],"
                                 "\"data_offsets\":[0,768]}}";
    unsigned char file[8 + sizeof header - 1 + 768] = { sizeof header - 1 };
    gd_options options = golden_options("qwen2", 1);

    memcpy(file + 8, header, sizeof header - 1);
    options.adapter = make_dir(*state, "adapter");
    write_bytes(options.adapter, "adapter_model.safetensors", file, sizeof file);
    write_text(options.adapter, "adapter_config.json",
               "{\"peft_type\":\"LORA\",\"r\":1,\"lora_alpha\":2,\"target_modules\":[\"q_proj\"],"
               "\"modules_to_save\":[\"score\"]}");
    refused(&options, in_dir(*state, "out"), GD_EFORMAT,
            "adapter/adapter_model.safetensors: the tensor base_model.model.score.weight has the shape [2, 96], but "
            "config.json requires [1, 96]");
}

/* ---- stopped, killed, out of memory ---- */

struct stop {
    uint64_t calls, at; /* at which call to stop; 0: never */
    bool kill;
    uint64_t items, bytes, total;
};

static int count_calls(void *context, uint64_t items, uint64_t bytes, uint64_t total, uint64_t tokens)
{
    struct stop *s = context;

    assert_true(bytes > s->bytes && items >= s->items && bytes <= total && tokens == 0);
    s->items = items;
    s->bytes = bytes;
    s->total = total;
    if (++s->calls == s->at && s->kill)
        (void)raise(SIGKILL);
    return s->calls == s->at;
}

static void it_can_be_stopped_anywhere(void **state)
{
    const gd_options options = merge_options("qwen2");
    const char *out = in_dir(*state, "out");
    struct stop all = { 0 };
    const gd_progress progress = { sizeof progress, count_calls, &all };

    assert_ok(gd_merge(&options, out, &progress, test_err));
    assert_int_equal(all.calls, 39); /* once for each tensor, since they are tiny */
    assert_int_equal(all.bytes, all.total);
    for (uint64_t at = 1; at <= all.calls; at += 19) {
        struct stop s = { .at = at };
        const gd_progress stopping = { sizeof stopping, count_calls, &s };
        gd_error err = { 0 };

        assert_int_equal(gd_merge(&options, in_dir(*state, "stopped"), &stopping, &err), GD_EINTERRUPTED);
        assert_false(test_has_dir(in_dir(*state, "stopped")));
    }
}

/* Killed at any point, it leaves nothing that could be taken for a model: no config.json, no weights. */
static void a_kill_leaves_no_model(void **state)
{
    const gd_options options = merge_options("qwen2");

    for (uint64_t at = 1; at <= 39; at += 2) {
        char name[32];
        gd_options killed = options;
        gd_error err = { 0 };
        gd_weights *w;
        gd_model *model;
        pid_t child;
        int status;

        (void)snprintf(name, sizeof name, "killed-%d", (int)at);
        child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            struct stop s = { .at = at, .kill = true };
            const gd_progress progress = { sizeof progress, count_calls, &s };

            (void)gd_merge(&options, in_dir(*state, name), &progress, NULL);
            _exit(0);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        killed.model = in_dir(*state, name);
        killed.adapter = NULL;
        assert_true(test_has_dir(killed.model));
        assert_int_equal(gd_model_open(&model, &killed, &err), GD_EIO);
        assert_int_equal(gd_weights_open(&w, killed.model, NULL), GD_EIO);
        assert_int_equal(access(in_dir(killed.model, "config.json"), F_OK), -1);
        refused(&options, killed.model, GD_EUSAGE, ".part\", but an empty"); /* and it is not overwritten */
    }
}

static int put_config_there(void *context, uint64_t items, uint64_t bytes, uint64_t total, uint64_t tokens)
{
    (void)items, (void)tokens;
    if (bytes == total)
        write_text(context, "config.json", "theirs");
    return 0;
}

/* config.json is renamed last: when that fails, the other files have their names already, and are removed. */
static void a_file_made_meanwhile_stays(void **state)
{
    const gd_options options = merge_options("qwen2");
    char out[512], left[64];
    const gd_progress progress = { sizeof progress, put_config_there, out };
    gd_error err = { 0 };
    FILE *f;

    (void)snprintf(out, sizeof out, "%s", in_dir(*state, "out"));
    assert_true(said("config", in_dir(out, "config.json"), gd_merge(&options, out, &progress, &err), &err,
                     "another program has created this file"));
    f = fopen(in_dir(out, "config.json"), "r");
    assert_non_null(f);
    assert_non_null(fgets(left, sizeof left, f));
    assert_string_equal(left, "theirs");
    fclose(f);
    remove_file(out, "config.json");
    assert_int_equal(rmdir(out), 0); /* nothing else was in it */
}

static void every_allocation_may_fail(void **state)
{
    const gd_options options = merge_options("qwen2-causal");
    const char *out = in_dir(*state, "out");
    const uint64_t live = gd_mem_live();
    gd_status rc = GD_ENOMEM;
    uint64_t n;

    for (n = 1; rc != GD_OK; n++) {
        gd_error err = { 0 };

        gd_mem_fail_from(n);
        rc = gd_merge_sharded(&options, out, 200000, NULL, &err);
        gd_mem_fail_from(0);
        if (rc != GD_OK && (rc != GD_ENOMEM || err.status != GD_ENOMEM))
            fail_msg("allocation %llu: status %d: %s", (unsigned long long)n, (int)rc, err.text);
        assert_int_equal(gd_mem_live(), live);
        assert_int_equal(test_has_dir(out), rc == GD_OK);
        assert_true(n < 100000);
    }
    print_message("%llu allocations\n", (unsigned long long)n);
    assert_true(n > 300);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(weights_are_those_of_peft, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(shards_hold_the_same, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(a_causal_base_becomes_a_classifier, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(a_classifiers_config_stays, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(the_adapters_special_tokens_are_taken, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(scores_are_near_those_with_the_adapter, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(wrong_calls_are_refused, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(a_missing_tensor_is_named, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(a_head_of_two_rows_is_named, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(it_can_be_stopped_anywhere, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(a_kill_leaves_no_model, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(a_file_made_meanwhile_stays, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(every_allocation_may_fail, dir_setup, dir_teardown),
    };

    /* A merge waits until each file is on the disk: many seconds in all, but none where files are kept in memory. */
    if (access("/dev/shm", W_OK) == 0)
        (void)setenv("TMPDIR", "/dev/shm", 1);
    return cmocka_run_group_tests_name("merge", tests, NULL, NULL);
}
