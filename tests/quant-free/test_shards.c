/* test_shards.c - writing checkpoints: a file's bytes, what our reader makes of them, and how tensors are divided. */
#include "tests/check.h"
#include "tests/quant-free/files.h"

#include "quant-free/safetensors.h"
#include "quant-free/shards.h"
#include "quant-free/st_write.h"
#include "quant-free/weights.h"

static const unsigned char numbers[64] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };

static gd_view view(const char *name, gd_dtype type, unsigned rank, size_t rows, size_t cols)
{
    gd_view v = { .name = name, .dtype = type, .rank = rank, .shape = { rows, cols }, .data = numbers };

    v.bytes = gd_dtype_size(type) * (rank > 0 ? rows : 1) * (rank > 1 ? cols : 1);
    return v;
}

static void write_all(gd_newdir *d, const char *name, const gd_view **views, size_t count)
{
    assert_ok(gd_st_write_begin(d, name, (const gd_view *const *)views, count, test_err));
    for (size_t i = 0; i < count; i++)
        assert_ok(gd_newdir_write(d, views[i]->data, views[i]->bytes, test_err));
    assert_ok(gd_newdir_end(d, test_err));
}

/* The length, the header padded with spaces, and the data, each tensor at a multiple of its type's size. */
static void a_file_has_these_bytes(void **state)
{
    static const char header[] = "\xc8\0\0\0\0\0\0\0{\"__metadata__\":{\"format\":\"pt\"},"
                                 "\"w\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[0,8]},"
                                 "\"a\":{\"dtype\":\"BF16\",\"shape\":[3],\"data_offsets\":[8,14]},"
                                 "\"b\":{\"dtype\":\"F16\",\"shape\":[],\"data_offsets\":[14,16]}}    ";
    const gd_view a = view("a", GD_BF16, 1, 3, 0), b = view("b", GD_F16, 0, 0, 0), w = view("w", GD_F32, 2, 1, 2);
    const gd_view *views[] = { &a, &b, &w };
    char text[512];
    gd_newdir *d;
    FILE *f;

    gd_st_sort(views, 3);
    assert_ptr_equal(views[0], &w);
    assert_ok(gd_newdir_open(&d, in_dir(*state, "m"), test_err));
    write_all(d, "x.safetensors", views, 3);
    assert_ok(gd_newdir_keep(d, test_err));
    gd_newdir_close(d);
    f = fopen(in_dir(*state, "m/x.safetensors"), "rb");
    assert_non_null(f);
    assert_int_equal(fread(text, 1, sizeof text, f), sizeof header - 1 + 16);
    assert_int_equal(fclose(f), 0);
    assert_int_equal((sizeof header - 1) % 8, 0);
    assert_memory_equal(text, header, sizeof header - 1);
    assert_memory_equal(text + sizeof header - 1, numbers, 8);
    assert_memory_equal(text + sizeof header - 1 + 8, numbers, 6);
    assert_memory_equal(text + sizeof header - 1 + 14, numbers, 2);
}

static void our_reader_takes_it(void **state)
{
    const gd_view all[] = {
        view("", GD_F32, 1, 4, 0),
        view("caf\xc3\xa9 \"quoted\\\" \n", GD_F16, 2, 2, 3),
        view("empty", GD_BF16, 2, 0, 5),
        view("plain", GD_BF16, 2, 3, 5),
    };
    const gd_view *views[] = { &all[0], &all[1], &all[2], &all[3] };
    gd_newdir *d;
    gd_st *st;

    gd_st_sort(views, 4);
    assert_ok(gd_newdir_open(&d, in_dir(*state, "m"), test_err));
    write_all(d, "x.safetensors", views, 4);
    write_all(d, "none.safetensors", views, 0);
    assert_ok(gd_newdir_keep(d, test_err));
    gd_newdir_close(d);
    assert_ok(gd_st_open(&st, in_dir(*state, "m/x.safetensors"), test_err));
    assert_int_equal(gd_st_count(st), 4);
    for (size_t i = 0; i < 4; i++) {
        const gd_view *got = gd_st_find(st, all[i].name);

        assert_non_null(got);
        assert_int_equal(got->dtype, all[i].dtype);
        assert_int_equal(got->rank, all[i].rank);
        assert_memory_equal(got->shape, all[i].shape, sizeof all[i].shape);
        assert_int_equal(got->bytes, all[i].bytes);
        assert_int_equal((uintptr_t)got->data % gd_dtype_size(got->dtype), 0);
        if (got->bytes)
            assert_memory_equal(got->data, numbers, got->bytes);
    }
    gd_st_close(st);
    assert_ok(gd_st_open(&st, in_dir(*state, "m/none.safetensors"), test_err));
    assert_int_equal(gd_st_count(st), 0);
    gd_st_close(st);
}

/* Six tensors of 30, 6, 2, 8, 30 and 0 bytes under several limits. */
static void tensors_are_divided(void **state)
{
    static const struct {
        uint64_t limit;
        size_t count, first[6];
    } cases[] = {
        { UINT64_MAX, 1, { 0 } },    { 76, 1, { 0 } },
        { 75, 2, { 0, 4 } },         { 38, 2, { 0, 3 } },
        { 30, 3, { 0, 1, 4 } },      { 29, 4, { 0, 1, 4, 5 } },
        { 9, 5, { 0, 1, 3, 4, 5 } }, { 0, 6, { 0, 1, 2, 3, 4, 5 } },
    };
    const gd_view all[] = { view("a", GD_BF16, 1, 15, 0), view("b", GD_BF16, 1, 3, 0),  view("c", GD_BF16, 1, 1, 0),
                            view("d", GD_F32, 1, 2, 0),   view("e", GD_BF16, 1, 15, 0), view("f", GD_F32, 1, 0, 0) };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const gd_view *views[] = { &all[0], &all[1], &all[2], &all[3], &all[4], &all[5] };
        gd_shards shards;
        char name[64];

        assert_ok(gd_shards_plan(&shards, views, 6, cases[i].limit, test_err));
        assert_int_equal(shards.bytes, 76);
        assert_int_equal(shards.count, cases[i].count);
        for (size_t k = 0; k < shards.count; k++) {
            const size_t end = k + 1 < shards.count ? shards.list[k + 1].first : 6;

            assert_int_equal(shards.list[k].first, cases[i].first[k]);
            assert_int_equal(shards.list[k].count, end - shards.list[k].first);
            (void)snprintf(name, sizeof name, "model-%05zu-of-%05zu.safetensors", k + 1, shards.count);
            assert_string_equal(shards.list[k].name, shards.count > 1 ? name : "model.safetensors");
        }
        gd_shards_free(&shards);
    }
}

static void our_reader_takes_the_index(void **state)
{
    const gd_view all[] = { view("a", GD_BF16, 1, 15, 0), view("b\"", GD_BF16, 2, 3, 1), view("c", GD_F32, 1, 2, 0) };
    const gd_view *views[] = { &all[0], &all[1], &all[2] };
    static const char want[] = "{\n  \"metadata\": {\n    \"total_parameters\": 20,\n    \"total_size\": 44\n  },\n"
                               "  \"weight_map\": {\n    \"a\": \"model-00001-of-00002.safetensors\",\n"
                               "    \"c\": \"model-00002-of-00002.safetensors\",\n"
                               "    \"b\\\"\": \"model-00002-of-00002.safetensors\"\n  }\n}\n";
    gd_shards shards;
    gd_buf json = { 0 };
    gd_weights *w;
    gd_newdir *d;

    assert_ok(gd_shards_plan(&shards, views, 3, 30, test_err));
    gd_shards_index(&shards, (const gd_view *const *)views, &json);
    assert_string_equal(gd_buf_cstr(&json), want);
    assert_ok(gd_newdir_open(&d, in_dir(*state, "m"), test_err));
    for (size_t i = 0; i < shards.count; i++)
        write_all(d, shards.list[i].name, views + shards.list[i].first, shards.list[i].count);
    assert_ok(gd_newdir_put(d, "model.safetensors.index.json", json.data, json.len, test_err));
    assert_ok(gd_newdir_keep(d, test_err));
    gd_newdir_close(d);
    gd_buf_free(&json);
    gd_shards_free(&shards);
    assert_ok(gd_weights_open(&w, in_dir(*state, "m"), test_err));
    assert_int_equal(gd_weights_count(w), 3);
    assert_int_equal(gd_weights_bytes(w), 44);
    assert_memory_equal(gd_weights_find(w, "a")->data, numbers, 30);
    gd_weights_close(w);
}

/* Files that no reader would accept are not written. */
static void too_much_is_refused(void **state)
{
    enum { MANY = 70000 };
    gd_view one = view("x", GD_BF16, 1, 1, 0);
    const gd_view **views = calloc(MANY, sizeof *views);
    gd_error err = { 0 };
    gd_shards shards;
    gd_newdir *d;

    for (size_t i = 0; i < MANY; i++)
        views[i] = &one;
    assert_ok(gd_newdir_open(&d, in_dir(*state, "m"), test_err));
    assert_int_equal(gd_st_write_begin(d, "x", (const gd_view *const *)views, MANY, &err), GD_EUNSUPPORTED);
    assert_non_null(strstr(err.text, "x: 70000 tensors with a header of "));
    gd_newdir_close(d);
    err = (gd_error){ 0 };
    assert_true(said("shards", NULL, gd_shards_plan(&shards, views, MANY, 1, &err), &err,
                     "with at most 1 bytes per file there would be more than 1024 files"));
    gd_shards_free(&shards);
    free(views);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_file_has_these_bytes, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(our_reader_takes_it, dir_setup, dir_teardown),
        cmocka_unit_test(tensors_are_divided),
        cmocka_unit_test_setup_teardown(our_reader_takes_the_index, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(too_much_is_refused, dir_setup, dir_teardown),
    };

    return cmocka_run_group_tests_name("shards", tests, NULL, NULL);
}
