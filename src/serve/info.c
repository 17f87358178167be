/* info.c - what the server says of its model. */
#include "serve/inside.h"

#include "base/dir.h"
#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/sha256.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A fingerprint has so many samples of a file of weights, each so long: enough to tell two trainings apart, and a
 * start does not wait for all of a model to be read. */
enum { SAMPLES = 64, SAMPLE = 4096, FILES_MAX = 256 };

static bool ends_with(const char *name, const char *end)
{
    const size_t len = strlen(name), tail = strlen(end);

    return len >= tail && !strcmp(name + len - tail, end);
}

static bool is_of_model(const char *name)
{
    return ends_with(name, ".safetensors") || !strcmp(name, "config.json") || !strcmp(name, "adapter_config.json");
}

static void sample_file(gd_buf *out, const char *dir, const char *name)
{
    char path[4096], bytes[SAMPLE];
    struct stat st;
    int fd;

    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode)) {
        if (fd >= 0)
            (void)close(fd);
        return;
    }
    gd_buf_printf(out, "%s %lld ", name, (long long)st.st_size);
    for (int i = 0; i < SAMPLES; i++) {
        const ssize_t got = pread(fd, bytes, sizeof bytes, (off_t)((long double)st.st_size * i / SAMPLES));

        if (got > 0)
            gd_buf_bytes(out, bytes, (size_t)got);
    }
    (void)close(fd);
}

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

/* The files of a directory that make a model, in the order of their names. */
static size_t list_files(gd_arena *memory, const char *dir, char *names[FILES_MAX])
{
    DIR *list = gd_dir_list(open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    const char *name;
    size_t count = 0;

    while (list && count < FILES_MAX && (name = gd_dir_next(list)) != NULL)
        if (is_of_model(name) && (names[count] = gd_arena_strndup(memory, name, strlen(name))) != NULL)
            count++;
    if (list)
        (void)closedir(list);
    qsort(names, count, sizeof *names, by_name);
    return count;
}

/* Sixty-four digits: of the names, sizes and samples of a directory's files of weights, and its configuration. */
static char *fingerprint(gd_arena *memory, const char *dir)
{
    char hex[GD_SHA256_DIGITS + 1], *names[FILES_MAX];
    gd_buf bytes = { 0 };
    const size_t count = list_files(memory, dir, names);

    for (size_t i = 0; i < count; i++)
        sample_file(&bytes, dir, names[i]);
    gd_sha256(bytes.data ? bytes.data : "", bytes.len, hex);
    gd_buf_free(&bytes);
    return gd_arena_strndup(memory, hex, strlen(hex));
}

static const char *text_in(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static const char *own(sv_server *server, const char *text)
{
    return text ? gd_arena_strndup(&server->memory, text, strlen(text)) : "";
}

static const char *name_of(sv_server *server, const char *path)
{
    size_t len;
    const char *last = gd_path_last(path ? path : "", &len);

    return gd_arena_strndup(&server->memory, last, len);
}

static bool read_labels(sv_server *server, const json_t *labels)
{
    const size_t count = json_array_size(labels);
    const char **names = gd_arena_alloc(&server->memory, count + 1, sizeof *names);

    for (size_t i = 0; names && i < count; i++)
        names[i] = own(server, json_string_value(json_array_get(labels, i)));
    server->info.label_names = names;
    server->info.label_count = names ? count : 0;
    return names != NULL;
}

/* Adapter number `number`, which the model may not have: then it is the model alone. */
static bool read_adapter(sv_server *server, sv_adapter *out, size_t number, const json_t *about)
{
    const char *path = text_in(about, "path");
    const size_t longest = (size_t)json_integer_value(json_object_get(about, "max_length"));

    *out = (sv_adapter){ .name = number < server->settings.adapter_count ? server->settings.adapters[number] : NULL,
                         .hash = path ? fingerprint(&server->memory, path) : NULL,
                         .number = number,
                         .max_length = number ? longest : server->info.max_length };
    return !path || out->hash;
}

static gd_status check_name(const sv_info *info, const char *name, gd_error *err)
{
    if (!strcmp(name, info->name))
        return gd_fail(err, GD_EUSAGE, "an adapter has the name of the model, \"%s\": another is expected", name);
    for (size_t i = 0; i < info->adapter_count; i++)
        if (!strcmp(name, info->adapters[i].name))
            return gd_fail(err, GD_EUSAGE, "two adapters have the name \"%s\": with NAME=DIR, one gets another", name);
    return GD_OK;
}

static gd_status read_adapters(sv_server *server, const json_t *json, gd_error *err)
{
    const json_t *more = json_object_get(json, "more_adapters");
    const size_t count = 1 + json_array_size(more);
    sv_adapter *list = gd_arena_alloc(&server->memory, count, sizeof *list), one;
    sv_info *info = &server->info;
    gd_status rc = list ? GD_OK : gd_fail_memory(err, count * sizeof *list);

    info->adapters = list;
    for (size_t i = 0; !rc && i < count; i++) {
        if (!read_adapter(server, &one, i, i ? json_array_get(more, i - 1) : json_object_get(json, "adapter")))
            return gd_fail_memory(err, sizeof one);
        if (!i)
            info->own = one;
        rc = one.name ? check_name(info, one.name, err) : GD_OK;
        if (one.name)
            list[info->adapter_count++] = one;
    }
    return rc;
}

static gd_status read_json(sv_server *server, const json_t *json, gd_error *err)
{
    const char *model = text_in(json, "model");
    const bool fp32 = text_in(json, "precision") && !strcmp(text_in(json, "precision"), "fp32");
    const char *backend = text_in(json, "backend");
    sv_info *info = &server->info;

    info->name = server->settings.name ? server->settings.name : name_of(server, model);
    info->model_hash = fingerprint(&server->memory, model ? model : ".");
    info->compute = backend && !strcmp(backend, "cpu") ? "cpu" : "gpu";
    info->token = gd_model_token;
    info->precision = fp32 ? "fp32" : "bf16";
    info->numerics = own(server, text_in(json, "numerics") ? text_in(json, "numerics") : "exact");
    info->max_length = (size_t)json_integer_value(json_object_get(json, "max_length"));
    info->has_chat = text_in(json, "chat_format") != NULL;
    info->has_steps = json_object_get(json, "score_of_steps") != NULL;
    info->max_items = server->settings.max_queue;
    info->version = gd_version();
    if (!read_labels(server, json_object_get(json, "labels")) || !info->name || !info->model_hash || !info->numerics)
        return gd_fail_memory(err, sizeof *info);
    return read_adapters(server, json, err);
}

gd_status sv_info_read(sv_server *server, const gd_model *model, gd_error *err)
{
    char *text = NULL;
    json_t *json = NULL;
    gd_status rc = gd_model_inspect(model, &text, err);

    if (!rc)
        rc = gd_json_parse(&json, text, strlen(text), "the description of the model", err);
    server->info.model = model;
    if (!rc)
        rc = read_json(server, json, err);
    json_decref(json);
    gd_string_free(text);
    return rc;
}
