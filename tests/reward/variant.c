/* variant.c - golden models and adapters with something changed. */
#include "tests/reward/variant.h"

#include "quant-free/convert.h"
#include "quant-free/safetensors.h"

#include <dirent.h>
#include <unistd.h>

void variant_link(const char *dir, const char *name)
{
    char data[512], source[64], whole[4096];
    const struct dirent *entry;
    DIR *files;

    (void)snprintf(source, sizeof source, "golden/%s", name);
    assert_non_null(realpath(test_data(data, sizeof data, source), whole));
    files = opendir(whole);
    assert_non_null(files);
    while ((entry = readdir(files)) != NULL) {
        char from[4400], to[1024];

        if (entry->d_name[0] == '.' || strncmp(entry->d_name, "expected", 8) == 0)
            continue;
        (void)snprintf(from, sizeof from, "%s/%s", whole, entry->d_name);
        (void)snprintf(to, sizeof to, "%s/%s", dir, entry->d_name);
        assert_int_equal(symlink(from, to), 0);
    }
    assert_int_equal(closedir(files), 0);
}

void variant_patch(const char *dir, const char *file, const json_t *members)
{
    json_t *all = json_load_file(in_dir(dir, file), 0, NULL), *value;
    const char *key;
    char *text;

    assert_non_null(all);
    json_object_foreach((json_t *)members, key, value) {
        if (json_is_null(value))
            (void)json_object_del(all, key);
        else
            assert_int_equal(json_object_set(all, key, value), 0);
    }
    text = json_dumps(all, 0);
    assert_non_null(text);
    remove_file(dir, file);
    write_text(dir, file, text);
    free(text);
    json_decref(all);
}

void variant_patch_text(const char *dir, const char *file, const char *members)
{
    json_t *json = json_loads(members, 0, NULL);

    assert_non_null(json);
    variant_patch(dir, file, json);
    json_decref(json);
}

void variant_read(variant_tensors *t, const char *dir, const char *file)
{
    gd_st *st;

    t->count = 0;
    assert_ok(gd_st_open(&st, in_dir(dir, file), test_err));
    assert_true(gd_st_count(st) + 8 < sizeof t->list / sizeof t->list[0]);
    for (size_t i = 0; i < gd_st_count(st); i++) {
        const gd_view *view = gd_st_at(st, i);
        variant_tensor *one = &t->list[t->count++];

        *one = (variant_tensor){ .rank = view->rank, .bytes = view->bytes, .data = malloc(view->bytes) };
        assert_non_null(one->data);
        memcpy(one->data, view->data, view->bytes);
        (void)snprintf(one->name, sizeof one->name, "%s", view->name);
        (void)snprintf(one->dtype, sizeof one->dtype, "%s", gd_dtype_name(view->dtype));
        for (unsigned k = 0; k < view->rank; k++)
            one->shape[k] = view->shape[k];
    }
    gd_st_close(st);
}

void variant_write(const variant_tensors *t, size_t first, size_t count, const char *dir, const char *file)
{
    json_t *header = json_object();
    json_int_t at = 0;
    uint64_t len;
    char *text;
    FILE *f;

    for (size_t i = first; i < first + count; i++) {
        const variant_tensor *one = &t->list[i];
        json_t *shape = json_array();

        for (unsigned k = 0; k < one->rank; k++)
            (void)json_array_append_new(shape, json_integer((json_int_t)one->shape[k]));
        assert_int_equal(json_object_set_new(header, one->name,
                                             json_pack("{s:s, s:o, s:[I,I]}", "dtype", one->dtype, "shape", shape,
                                                       "data_offsets", at, at + (json_int_t)one->bytes)),
                         0);
        at += (json_int_t)one->bytes;
    }
    text = json_dumps(header, 0);
    assert_non_null(text);
    remove_file(dir, file);
    f = fopen(in_dir(dir, file), "wb");
    assert_non_null(f);
    len = strlen(text);
    assert_int_equal(fwrite(&len, 8, 1, f), 1); /* little-endian, like every CPU that this runs on */
    assert_int_equal(fwrite(text, 1, len, f), len);
    for (size_t i = first; i < first + count; i++)
        assert_int_equal(fwrite(t->list[i].data, 1, t->list[i].bytes, f), t->list[i].bytes);
    assert_int_equal(fclose(f), 0);
    free(text);
    json_decref(header);
}

void variant_free(variant_tensors *t)
{
    for (size_t i = 0; i < t->count; i++)
        free(t->list[i].data);
    t->count = 0;
}

size_t variant_find(const variant_tensors *t, const char *name)
{
    size_t i = 0;

    while (i < t->count && strcmp(t->list[i].name, name) != 0)
        i++;
    if (i == t->count)
        fail_msg("no tensor %s", name);
    return i;
}

void variant_rename(variant_tensors *t, const char *from, const char *to)
{
    (void)snprintf(t->list[variant_find(t, from)].name, sizeof t->list[0].name, "%s", to);
}

void variant_drop(variant_tensors *t, const char *name)
{
    const size_t i = variant_find(t, name);

    free(t->list[i].data);
    t->list[i] = t->list[--t->count];
}

variant_tensor *variant_add(variant_tensors *t, const char *name, const char *dtype, size_t rows, size_t cols,
                            unsigned char byte)
{
    const size_t size = strcmp(dtype, "F32") == 0 || strcmp(dtype, "I32") == 0 ? 4 : strcmp(dtype, "U8") == 0 ? 1 : 2;
    variant_tensor *one = &t->list[t->count++];

    assert_true(t->count <= sizeof t->list / sizeof t->list[0]);
    *one = (variant_tensor){ .shape = { rows, cols }, .rank = cols ? 2 : 1, .bytes = rows * (cols ? cols : 1) * size };
    one->data = malloc(one->bytes);
    assert_non_null(one->data);
    memset(one->data, byte, one->bytes);
    (void)snprintf(one->name, sizeof one->name, "%s", name);
    (void)snprintf(one->dtype, sizeof one->dtype, "%s", dtype);
    return one;
}

void variant_score(const char *dir, const char *adapter, const char *precision, const char *const *texts, size_t count,
                   float *scores)
{
    gd_options options;
    gd_model *model;
    gd_text *list = calloc(count, sizeof *list);

    assert_non_null(list);
    gd_options_init(&options);
    options.model = dir;
    options.adapter = adapter;
    options.precision = precision;
    options.threads = 2;
    for (size_t i = 0; i < count; i++)
        list[i] = (gd_text){ texts[i], strlen(texts[i]) };
    assert_ok(gd_model_open(&model, &options, test_err));
    assert_ok(gd_score(model, count, list, scores, NULL, test_err));
    gd_model_close(model);
    free(list);
}
