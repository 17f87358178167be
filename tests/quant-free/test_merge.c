/* test_merge.c - an adapter merged into weights: compared with PEFT's bytes, with unusual numbers, and what is refused.
 * The files in tests/data/merge are made by make_merge.py there. */
#include "tests/check.h"
#include "tests/quant-free/files.h"

#include "base/file.h"
#include "base/sysmem.h"
#include "quant-free/convert.h"
#include "quant-free/merge.h"
#include "quant-free/merge_write.h"
#include "quant-free/safetensors.h"

#include <errno.h>
#include <math.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define PREFIX "base_model.model."

/* Opens a model and an adapter, each in a directory, and writes the merged weights to a third. The head is
 * "score.weight" unless the parts name another. */
static gd_status merge(const char *model, const char *adapter, const char *output, gd_merge_parts parts, gd_error *err)
{
    gd_weights *weights = NULL;
    gd_adapter *ad = NULL;
    gd_newdir *d = NULL;
    gd_status rc = gd_weights_open(&weights, model, err);

    parts.head = parts.head ? parts.head : "score.weight";
    if (!rc)
        rc = gd_adapter_open(&ad, adapter, parts.head, err);
    if (!rc)
        rc = gd_newdir_open(&d, output, err);
    parts.weights = weights;
    parts.adapter = ad;
    parts.threads = parts.threads ? parts.threads : 1;
    if (!rc)
        rc = gd_merge_write(d, &parts, err);
    if (!rc)
        rc = gd_newdir_keep(d, err);
    gd_newdir_close(d);
    gd_adapter_close(ad);
    gd_weights_close(weights);
    return rc;
}

static void assert_same_file(const char *got, const char *want)
{
    gd_map a, b;

    assert_ok(gd_map_open(&a, got, test_err));
    assert_ok(gd_map_open(&b, want, test_err));
    if (a.size != b.size || memcmp(a.data, b.data, a.size) != 0)
        fail_msg("%s and %s differ", got, want);
    gd_map_close(&a);
    gd_map_close(&b);
}

/* The file is the one that the Python package wrote after PEFT's merge, to the last byte, for any number of threads. */
static void a_file_is_what_peft_and_safetensors_make(void **state)
{
    static const char *const types[] = { "bf16", "f16", "f32" };

    for (size_t i = 0; i < 3; i++)
        for (unsigned threads = 1; threads < 4; threads++) {
            char model[512], adapter[512], want[512], name[64];
            const char *out;

            (void)snprintf(name, sizeof name, "merge/%s", types[i]);
            test_data(model, sizeof model, name);
            (void)snprintf(name, sizeof name, "merge/%s-lora", types[i]);
            test_data(adapter, sizeof adapter, name);
            (void)snprintf(name, sizeof name, "merge/%s-merged.safetensors", types[i]);
            test_data(want, sizeof want, name);
            (void)snprintf(name, sizeof name, "%s-%u", types[i], threads);
            out = in_dir(*state, name);
            assert_ok(merge(model, adapter, out, (gd_merge_parts){ .threads = threads }, test_err));
            assert_same_file(in_dir(out, "model.safetensors"), want);
        }
}

/* ---- one matrix, against float64 ---- */

enum { ROWS = 37, COLS = 70, RANK = 5 };

static float random_float(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (float)(int32_t)*seed * 0x1p-31f;
}

/* In a mapped file, as weights are: pages released by merging are read again. It stays until the test ends. */
static const void *mapped(const void *data, size_t bytes)
{
    FILE *f = tmpfile();
    void *map;

    assert_non_null(f);
    assert_true(fwrite(data, 1, bytes, f) == bytes && fflush(f) == 0);
    map = mmap(NULL, bytes, PROT_READ, MAP_PRIVATE, fileno(f), 0);
    assert_true(map != MAP_FAILED);
    assert_int_equal(fclose(f), 0);
    return map;
}

/* |merged - exact| is at most half a step of the type, plus the RANK + 2 fp32 roundings of the sum. */
static void check_type(gd_dtype type, double half_step)
{
    static float a[RANK * COLS], b[ROWS * RANK], w[ROWS * COLS], got[ROWS * COLS];
    static unsigned char base[ROWS * COLS * 4], out[ROWS * COLS * 4];
    const size_t size = gd_dtype_size(type);
    gd_view va = { "a", GD_F32, 2, { RANK, COLS }, a, sizeof a, false, 0, 0 };
    gd_view vb = { "b", GD_F32, 2, { ROWS, RANK }, b, sizeof b, false, 0, 0 };
    gd_view vw = { "w", type, 2, { ROWS, COLS }, base, ROWS * COLS * size, false, 0, 0 };
    const gd_view vo = { "o", type, 2, { ROWS, COLS }, out, ROWS * COLS * size, false, 0, 0 };
    const gd_lora lora = { &va, &vb, 0.7f, RANK };
    uint32_t seed = 1;
    gd_merged m;
    gd_pool *pool;
    size_t wrong = 0;

    for (size_t i = 0; i < RANK * COLS; i++)
        a[i] = random_float(&seed);
    for (size_t i = 0; i < ROWS * RANK; i++)
        b[i] = random_float(&seed);
    for (size_t i = 0; i < ROWS * COLS; i++)
        w[i] = random_float(&seed);
    assert_true(gd_f32_to_type(type, w, ROWS * COLS, base));
    gd_view_to_f32(&vw, w);
    va.data = mapped(a, sizeof a);
    vb.data = mapped(b, sizeof b);
    vw.data = mapped(base, vw.bytes);
    assert_ok(gd_pool_open(&pool, 2, test_err));
    assert_ok(gd_merge_begin(&m, &vw, &lora, test_err));
    for (size_t i = 0, some = 1; i < ROWS; i += some++) { /* 1, 2, 3, ... rows at a time */
        some = some < ROWS - i ? some : ROWS - i;
        assert_true(gd_merge_rows(&m, pool, i, some, out + i * COLS * size));
    }
    gd_view_to_f32(&vo, got);
    for (size_t i = 0; i < ROWS; i++)
        for (size_t j = 0; j < COLS; j++) {
            double sum = 0, all = 0, exact;

            for (size_t r = 0; r < RANK; r++) {
                sum += (double)b[i * RANK + r] * (double)a[r * COLS + j];
                all += fabs((double)b[i * RANK + r] * (double)a[r * COLS + j]);
            }
            exact = (double)w[i * COLS + j] + (double)0.7f * sum;
            all += fabs((double)w[i * COLS + j]);
            if (!(fabs((double)got[i * COLS + j] - exact) <=
                  fabs(exact) * half_step + (RANK + 2) * 0x1p-24 * all + 0x1p-25))
                wrong++;
        }
    if (wrong)
        fail_msg("%s: %zu of %d are wrong", gd_dtype_name(type), wrong, ROWS * COLS);
    gd_merge_free(&m);
    gd_pool_close(pool);
}

static void sums_are_near_float64(void **state)
{
    (void)state;
    check_type(GD_BF16, 0x1p-8);
    check_type(GD_F16, 0x1p-11);
    check_type(GD_F32, 0x1p-24);
}

/* One number merged: w + scale * b * a, in a base of one of the types. */
static bool merge_one(gd_dtype type, float w, float a, float b, float *out)
{
    const gd_view va = { "a", GD_F32, 2, { 1, 1 }, mapped(&a, 4), 4, true, 0, 0 };
    const gd_view vb = { "b", GD_F32, 2, { 1, 1 }, mapped(&b, 4), 4, true, 0, 0 };
    unsigned char base[4], merged[4];
    const gd_view vw = { "w", type, 2, { 1, 1 }, base, gd_dtype_size(type), false, 0, 0 };
    const gd_view vo = { "o", type, 2, { 1, 1 }, merged, gd_dtype_size(type), false, 0, 0 };
    const gd_lora lora = { &va, &vb, 1, 1 };
    gd_merged m;
    gd_pool *pool;
    bool good;

    (void)gd_f32_to_type(type, &w, 1, base);
    assert_ok(gd_pool_open(&pool, 1, test_err));
    assert_ok(gd_merge_begin(&m, &vw, &lora, test_err));
    good = gd_merge_rows(&m, pool, 0, 1, merged);
    gd_view_to_f32(&vo, out);
    gd_merge_free(&m);
    gd_pool_close(pool);
    return good;
}

static void odd_numbers_are_kept_or_told(void **state)
{
    float x;

    (void)state;
    assert_true(merge_one(GD_BF16, 0x1p-130f, 0, 0, &x) && x == 0x1p-130f); /* not flushed */
    assert_true(merge_one(GD_BF16, 0x1p-130f, 0x1p-70f, 0x1p-60f, &x) && x == 0x1p-129f);
    assert_true(merge_one(GD_F16, 0x1p-24f, 0x1p-12f, 0x1p-12f, &x) && x == 0x1p-23f);
    assert_true(merge_one(GD_BF16, 1, 0x1p-8f, 1, &x) && x == 1); /* a tie goes to even */
    assert_true(merge_one(GD_BF16, 1, 0x1.8p-8f, 1, &x) && x == 1 + 0x1p-7f);
    assert_true(merge_one(GD_F16, 65504, 15, 1, &x) && x == 65504);
    assert_false(merge_one(GD_F16, 65504, 16, 1, &x));
    assert_false(merge_one(GD_BF16, 3e38f, 2e38f, 1, &x));
    assert_false(merge_one(GD_F32, 3e38f, 3e38f, 1, &x));
    assert_false(merge_one(GD_F32, 1, 3e38f, 3e38f, &x));
    assert_false(merge_one(GD_BF16, INFINITY, 0, 0, &x));
    assert_false(merge_one(GD_BF16, NAN, 0, 0, &x));
}

/* ---- memory ---- */

enum { LARGE_MIB = 96, MOST_MIB = 24 };

/* A safetensors file whose data are a hole in the file. */
static void write_hole(const char *dir, const char *name, const char *header, size_t bytes)
{
    write_st(dir, name, header, 0);
    assert_int_equal(truncate(in_dir(dir, name), (off_t)(8 + strlen(header) + bytes)), 0);
}

/* Two matrices of 48 MiB each; the adapter has one of them. */
static void write_large(const char *dir)
{
    write_hole(dir, "model.safetensors",
               "{\"e.weight\":{\"dtype\":\"BF16\",\"shape\":[6144,4096],\"data_offsets\":[0,50331648]},"
               "\"m.weight\":{\"dtype\":\"BF16\",\"shape\":[6144,4096],\"data_offsets\":[50331648,100663296]}}",
               LARGE_MIB << 20);
    write_text(dir, "adapter_config.json",
               "{\"peft_type\":\"LORA\",\"r\":1,\"lora_alpha\":1,\"target_modules\":[\"m\"]}");
    write_hole(dir, "adapter_model.safetensors",
               "{\"" PREFIX "m.lora_A.weight\":{\"dtype\":\"BF16\",\"shape\":[1,4096],\"data_offsets\":[0,8192]},"
               "\"" PREFIX "m.lora_B.weight\":{\"dtype\":\"BF16\",\"shape\":[6144,1],\"data_offsets\":[8192,20480]}}",
               20480);
}

static void memory_is_that_of_a_few_rows(void **state)
{
    struct rusage usage;
    size_t before;
    int status;
    pid_t child;

    if (SANITIZED)
        skip(); /* the sanitizer's own memory is several times what is measured here */
    write_large(*state);
    before = gd_memory_resident();
    child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(merge(*state, *state, in_dir(*state, "out"), (gd_merge_parts){ .threads = 2 }, NULL) == GD_OK ? 0 : 1);
    while (wait4(child, &status, 0, &usage) < 0)
        assert_int_equal(errno, EINTR);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    print_message("%.1f MiB more than at the start, for %d MiB of weights\n",
                  (double)usage.ru_maxrss / 1024 - (double)before / 0x1p20, LARGE_MIB);
    assert_true((double)usage.ru_maxrss / 1024 - (double)before / 0x1p20 < MOST_MIB);
}

/* ---- files that don't fit ---- */

static void write_model(const char *dir, const char *header, size_t bytes)
{
    write_st(dir, "model.safetensors", header, bytes);
}

static void write_adapter(const char *dir, const char *module)
{
    char header[512];

    write_text(dir, "adapter_config.json",
               "{\"peft_type\":\"LORA\",\"r\":1,\"lora_alpha\":1,\"target_modules\":\"all-linear\"}");
    (void)snprintf(header, sizeof header,
                   "{\"" PREFIX "%s.lora_A.weight\":{\"dtype\":\"BF16\",\"shape\":[1,2],\"data_offsets\":[0,4]},"
                   "\"" PREFIX "%s.lora_B.weight\":{\"dtype\":\"BF16\",\"shape\":[3,1],\"data_offsets\":[4,10]}}",
                   module, module);
    write_st(dir, "adapter_model.safetensors", header, 10);
}

static void what_does_not_fit_is_refused(void **state)
{
    static const struct {
        const char *id, *header;
        size_t bytes;
        const char *want;
    } cases[] = {
        { "fits", "{\"m.weight\":{\"dtype\":\"BF16\",\"shape\":[3,2],\"data_offsets\":[0,12]}}", 12, "" },
        { "absent", "{\"n.weight\":{\"dtype\":\"BF16\",\"shape\":[3,2],\"data_offsets\":[0,12]}}", 12,
          "module \"m\" has LoRA, but the model has no matrix \"m.weight\"" },
        { "vector", "{\"m.weight\":{\"dtype\":\"BF16\",\"shape\":[6],\"data_offsets\":[0,12]}}", 12,
          "module \"m\" has LoRA, but the model has no matrix \"m.weight\"" },
        { "turned", "{\"m.weight\":{\"dtype\":\"BF16\",\"shape\":[2,3],\"data_offsets\":[0,12]}}", 12,
          "module \"m\": LoRA is for a weight of [3, 2], but the model's is [2, 3]" },
        { "I8", "{\"m.weight\":{\"dtype\":\"I8\",\"shape\":[3,2],\"data_offsets\":[0,6]}}", 6,
          "module \"m\" has LoRA, but the model has no matrix \"m.weight\"" },
    };
    int wrong = 0;

    write_adapter(*state, "m");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *out = in_dir(*state, cases[i].id);
        gd_error err = { 0 };
        gd_status rc;

        write_model(*state, cases[i].header, cases[i].bytes);
        rc = merge(*state, *state, out, (gd_merge_parts){ 0 }, &err);
        wrong += !said(cases[i].id, in_dir(*state, "adapter_model.safetensors"), rc, &err, cases[i].want);
        assert_int_equal(test_has_dir(out), rc == GD_OK);
    }
    assert_int_equal(wrong, 0);
}

static void a_number_that_overflows_is_named(void **state)
{
    static const unsigned char infinity[] = "\x80\x7f";
    char header[] = "        {\"m.weight\":{\"dtype\":\"BF16\",\"shape\":[3,2],\"data_offsets\":[0,12]}}"
                    "\0\0\0\0\0\0\0\0\0\0\0";
    gd_error err = { 0 };

    header[0] = (char)(sizeof header - 8 - 12);
    memset(header + 1, 0, 7);
    memcpy(header + sizeof header - 2, infinity, 2);
    write_adapter(*state, "m");
    write_bytes(*state, "model.safetensors", header, sizeof header);
    assert_true(said("overflow", in_dir(*state, "model.safetensors"),
                     merge(*state, *state, in_dir(*state, "out"), (gd_merge_parts){ 0 }, &err), &err,
                     "tensor \"m.weight\": with the adapter, a number is not finite or too large for BF16"));
    assert_false(test_has_dir(in_dir(*state, "out")));
}

/* A head alone, for a base without one: it gets the type of the largest tensor, F16, for which 1e5 is too large. */
static void a_head_is_added_or_refused(void **state)
{
    static const float heads[2][2] = { { 0.1f, -2 }, { 0.1f, 1e5f } };
    gd_error err = { 0 };

    write_model(*state,
                "{\"lm_head.weight\":{\"dtype\":\"BF16\",\"shape\":[1],\"data_offsets\":[0,2]},"
                "\"e\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[2,6]}}",
                6);
    write_text(*state, "adapter_config.json",
               "{\"peft_type\":\"LORA\",\"r\":1,\"lora_alpha\":1,\"target_modules\":[],"
               "\"modules_to_save\":[\"score\"]}");
    for (size_t i = 0; i < 2; i++) {
        static const char header[] = "{\"" PREFIX
                                     "score.weight\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[0,8]}}";
        char file[8 + sizeof header - 1 + 8] = { (char)(sizeof header - 1) };
        const char *out = in_dir(*state, i ? "too-large" : "fits");
        gd_weights *w;
        gd_status rc;

        memcpy(file + 8, header, sizeof header - 1);
        memcpy(file + 8 + sizeof header - 1, heads[i], 8);
        write_bytes(*state, "adapter_model.safetensors", file, sizeof file);
        rc = merge(*state, *state, out, (gd_merge_parts){ 0 }, &err);
        if (i) {
            assert_true(said("too large", in_dir(*state, "adapter_model.safetensors"), rc, &err,
                             "tensor \"" PREFIX "score.weight\": a number is too large for the base's type F16"));
            break;
        }
        assert_true(said("fits", NULL, rc, &err, ""));
        assert_ok(gd_weights_open(&w, out, test_err));
        assert_int_equal(gd_weights_count(w), 2);
        assert_null(gd_weights_find(w, "lm_head.weight"));
        assert_int_equal(gd_weights_find(w, "score.weight")->dtype, GD_F16);
        assert_memory_equal(gd_weights_find(w, "score.weight")->data, "\x66\x2e\x00\xc0", 4);
        assert_memory_equal(gd_weights_find(w, "e")->data, "\x02\x03\x04\x05", 4);
        gd_weights_close(w);
    }
}

/* It keeps the type of the base's head, though another type has more bytes. */
/* An output layer for words is left out, but not a head with its name. */
static void a_head_named_like_an_output_layer_stays(void **state)
{
    static const char *const heads[] = { "lm_head.weight", "score.weight" };

    write_model(*state,
                "{\"lm_head.weight\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[0,8]},"
                "\"m.weight\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[8,16]}}",
                16);
    write_text(*state, "adapter_config.json",
               "{\"peft_type\":\"LORA\",\"r\":1,\"lora_alpha\":1,\"target_modules\":[\"m\"]}");
    write_st(*state, "adapter_model.safetensors",
             "{\"" PREFIX "m.lora_A.weight\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[0,8]},"
             "\"" PREFIX "m.lora_B.weight\":{\"dtype\":\"F32\",\"shape\":[1,1],\"data_offsets\":[8,12]}}",
             12);
    for (size_t i = 0; i < 2; i++) {
        const char *out = in_dir(*state, heads[i]);
        gd_weights *w;

        assert_ok(merge(*state, *state, out, (gd_merge_parts){ .head = heads[i] }, test_err));
        assert_ok(gd_weights_open(&w, out, test_err));
        assert_int_equal(gd_weights_find(w, "lm_head.weight") != NULL, i == 0);
        gd_weights_close(w);
    }
}

static void a_head_is_replaced_under_its_own_name(void **state)
{
    const char *out = in_dir(*state, "out");
    gd_weights *w;

    write_model(*state,
                "{\"e\":{\"dtype\":\"BF16\",\"shape\":[6],\"data_offsets\":[0,12]},"
                "\"v_head.weight\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[12,20]}}",
                20);
    write_text(*state, "adapter_config.json",
               "{\"peft_type\":\"LORA\",\"r\":1,\"lora_alpha\":1,\"target_modules\":[],"
               "\"modules_to_save\":[\"v_head\"]}");
    write_st(*state, "adapter_model.safetensors",
             "{\"" PREFIX "v_head.weight\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[0,8]}}", 8);
    assert_ok(merge(*state, *state, out, (gd_merge_parts){ .head = "v_head.weight" }, test_err));
    assert_ok(gd_weights_open(&w, out, test_err));
    assert_int_equal(gd_weights_count(w), 2);
    assert_int_equal(gd_weights_find(w, "v_head.weight")->dtype, GD_F32);
    assert_memory_equal(gd_weights_find(w, "v_head.weight")->data, "\0\1\2\3\4\5\6\7", 8);
    gd_weights_close(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_file_is_what_peft_and_safetensors_make, dir_setup, dir_teardown),
        cmocka_unit_test(sums_are_near_float64),
        cmocka_unit_test(odd_numbers_are_kept_or_told),
        cmocka_unit_test_setup_teardown(memory_is_that_of_a_few_rows, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(what_does_not_fit_is_refused, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(a_number_that_overflows_is_named, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(a_head_is_added_or_refused, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(a_head_is_replaced_under_its_own_name, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(a_head_named_like_an_output_layer_stays, dir_setup, dir_teardown),
    };

    return cmocka_run_group_tests_name("merge", tests, NULL, NULL);
}
