/* checkpoint_manifest.c - manifest.json, which says what a checkpoint is, and with which files it is whole. */
#include "train/checkpoint_manifest.h"

#include "base/digest.h"
#include "base/error.h"
#include "base/file.h"
#include "base/guard.h"
#include "base/mem.h"
#include "train/checkpoint_folders.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FORMAT "guerdon-checkpoint/1"
enum { PIECE = 1 << 20, LIMIT = 64 << 20, TAIL = 40 };

/* The numbers of a mark, by their names. */
static const struct count {
    const char *name;
    size_t offset;
} counts[] = {
    { "step", offsetof(gd_train_mark, step) },
    { "tokens", offsetof(gd_train_mark, tokens) },
    { "log_bytes", offsetof(gd_train_mark, log_bytes) },
    { "times_bytes", offsetof(gd_train_mark, times_bytes) },
    { "log_digest", offsetof(gd_train_mark, log_digest) },
    { "times_digest", offsetof(gd_train_mark, times_digest) },
    { "best_step", offsetof(gd_train_mark, best_step) },
    { "waited", offsetof(gd_train_mark, waited) },
};
enum { COUNTS = sizeof counts / sizeof counts[0] };

static uint64_t *count_of(gd_train_mark *mark, size_t i)
{
    return (uint64_t *)(void *)((char *)mark + counts[i].offset);
}

/* ---- files ---- */

struct measure {
    uint64_t bytes, digest;
};

/* The digest is not taken of a file that has another length than `bytes`; UINT64_MAX: whatever it has. */
static gd_status measure_file(struct measure *m, const char *path, uint64_t bytes, gd_error *err)
{
    gd_map map;
    gd_status rc = gd_map_open(&map, path, err);

    if (rc)
        return rc;
    *m = (struct measure){ .bytes = map.size };
    if (bytes == UINT64_MAX || bytes == map.size) {
        gd_guard_enter();
        for (size_t at = 0, some; at < map.size; at += some) {
            some = map.size - at < PIECE ? map.size - at : PIECE;
            m->digest = gd_digest(m->digest, map.data + at, some);
            gd_pages_release(map.data + at, some);
        }
        gd_guard_leave();
        rc = gd_map_unchanged(&map, path, err);
    }
    gd_map_close(&map);
    return rc;
}

static gd_status put_file(gd_buf *text, const char *dir, const char *name, bool first, gd_error *err)
{
    struct measure m = { 0 };
    gd_buf path = { 0 };
    gd_status rc = GD_OK;

    gd_buf_printf(&path, "%s/%s.part", dir, name);
    if (!gd_buf_cstr(&path))
        rc = gd_fail_memory(err, path.len);
    if (!rc)
        rc = measure_file(&m, path.data, UINT64_MAX, err);
    gd_buf_free(&path);
    gd_buf_str(text, first ? "" : ",");
    gd_buf_json_string(text, name, strlen(name));
    gd_buf_printf(text, ":{\"bytes\":%" PRIu64 ",\"digest\":\"%016" PRIx64 "\"}", m.bytes, m.digest);
    return rc;
}

/* That a file is missing, or is something else, is damage; one that can't be examined is GD_EIO, and may be whole. */
static gd_status need_file(const char *path, gd_error *err)
{
    struct stat sb;

    if (stat(path, &sb) == 0)
        return S_ISREG(sb.st_mode) ? GD_OK : gd_fail(err, GD_EFORMAT, "%s: not a regular file", path);
    if ((errno == ENOENT || errno == ENOTDIR) && lstat(path, &sb) < 0)
        return gd_fail(err, GD_EFORMAT, "%s: %s", path, strerror(errno));
    return gd_fail(err, GD_EIO, "%s: %s", path, strerror(errno));
}

/* Compares a file with its member of "files". */
static gd_status check_file(const char *dir, const char *name, const json_t *files, const char *manifest, gd_error *err)
{
    struct measure m;
    const json_t *member;
    const char *digest;
    int64_t bytes;
    char *path;
    gd_status rc = gd_json_object(&member, files, name, manifest, err);

    if (!rc)
        rc = gd_json_int(&bytes, member, "bytes", 0, INT64_MAX, manifest, err);
    if (!rc)
        rc = gd_json_string(&digest, member, "digest", manifest, err);
    if (rc)
        return rc;
    path = gd_path_join(dir, name);
    rc = path ? need_file(path, err) : gd_fail_memory(err, strlen(dir) + strlen(name) + 2);
    if (!rc)
        rc = measure_file(&m, path, (uint64_t)bytes, err);
    if (!rc && m.bytes != (uint64_t)bytes)
        rc = gd_fail(err, GD_EFORMAT, "%s has %" PRIu64 " bytes, but %" PRId64 " are expected", path, m.bytes, bytes);
    if (!rc && m.digest != strtoull(digest, NULL, 16))
        rc = gd_fail(err, GD_EFORMAT, "%s is damaged: its digest is %016" PRIx64 ", but %s is expected", path, m.digest,
                     digest);
    gd_free(path);
    return rc;
}

static gd_status check_files(const char *dir, const json_t *root, const char *manifest, gd_error *err)
{
    static const char *const needed[2][4] = {
        { "adapter_config.json", "adapter_model.safetensors", "guerdon-adapter.json", "optimizer.safetensors" },
        { "config.json", "model.safetensors", "guerdon-adapter.json", "optimizer.safetensors" },
    };
    const json_t *files, *value;
    const char *name;
    gd_status rc = gd_json_object(&files, root, "files", manifest, err);

    for (size_t i = 0; !rc && i < 4; i++) {
        const char *one = needed[json_object_get(files, "model.safetensors") != NULL][i];

        if (!json_object_get(files, one))
            rc = gd_fail(err, GD_EFORMAT, "%s: \"files\" lacks \"%s\"", manifest, one);
    }
    if (rc)
        return rc;
    json_object_foreach((json_t *)files, name, value) {
        if (!rc && !gd_folder_has_file(name))
            rc = gd_fail(err, GD_EFORMAT, "%s: \"files\" has \"%s\", which is not a file of a checkpoint", manifest,
                         name);
        if (!rc)
            rc = check_file(dir, name, files, manifest, err);
    }
    return rc;
}

/* ---- writing ---- */

static void put_mark(gd_buf *text, const gd_train_mark *mark)
{
    gd_train_mark copy = *mark;
    uint64_t bits;

    memcpy(&bits, &mark->best, sizeof bits);
    for (size_t i = 0; i < COUNTS; i++)
        gd_buf_printf(text, "\"%s\":%" PRIu64 ",", counts[i].name, *count_of(&copy, i));
    gd_buf_printf(text, "\"best\":\"%016" PRIx64 "\",\"finished\":%s", bits, mark->finished ? "true" : "false");
}

/* The end of a manifest that begins with these bytes. */
static size_t make_tail(char tail[TAIL], const char *text, size_t len)
{
    const int n = snprintf(tail, TAIL, ",\"digest\":\"%016" PRIx64 "\"}\n", gd_digest(0, text, len));

    return (size_t)n;
}

gd_status gd_manifest_write(gd_newdir *dir, const char *path, const gd_train_mark *mark, const json_t *run,
                            gd_error *err)
{
    gd_buf text = { 0 };
    char tail[TAIL];
    const char *name;
    gd_status rc = GD_OK;

    gd_buf_str(&text, "{\"format\":\"" FORMAT "\",\"mark\":{");
    put_mark(&text, mark);
    gd_buf_str(&text, "},\"run\":");
    gd_json_put(&text, run, JSON_COMPACT);
    gd_buf_str(&text, ",\"files\":{");
    for (size_t i = 0; !rc && (name = gd_newdir_name(dir, i)) != NULL; i++)
        rc = put_file(&text, path, name, i == 0, err);
    gd_buf_str(&text, "}");
    if (!rc && !text.failed)
        gd_buf_bytes(&text, tail, make_tail(tail, text.data, text.len));
    if (!rc)
        rc = text.failed ? gd_fail_memory(err, text.len)
                         : gd_newdir_put(dir, GD_FOLDER_MANIFEST, text.data, text.len, err);
    gd_buf_free(&text);
    return rc;
}

/* ---- reading ---- */

static gd_status read_mark(gd_train_mark *mark, const json_t *root, const char *path, gd_error *err)
{
    const json_t *object;
    const char *best;
    gd_status rc = gd_json_object(&object, root, "mark", path, err);

    *mark = (gd_train_mark){ 0 };
    for (size_t i = 0; !rc && i < COUNTS; i++) {
        int64_t n = 0;

        rc = gd_json_int(&n, object, counts[i].name, 0, INT64_MAX, path, err);
        *count_of(mark, i) = (uint64_t)n;
    }
    if (!rc)
        rc = gd_json_bool(&mark->finished, object, "finished", path, err);
    if (!rc)
        rc = gd_json_string(&best, object, "best", path, err);
    if (!rc) {
        const uint64_t bits = strtoull(best, NULL, 16);

        memcpy(&mark->best, &bits, sizeof bits);
    }
    return rc;
}

/* Another version's format is reported as just that, before the digest. */
static gd_status check_text(const json_t *root, const char *text, size_t len, const char *path, gd_error *err)
{
    const char *format;
    char tail[TAIL];
    const size_t end = make_tail(tail, text, 0);
    gd_status rc = gd_json_string(&format, root, "format", path, err);

    if (rc)
        return rc;
    if (strcmp(format, FORMAT) != 0)
        return gd_fail(err, GD_EFORMAT, "%s: its format is \"%s\", but \"%s\" is expected", path, format, FORMAT);
    if (len >= end)
        (void)make_tail(tail, text, len - end);
    if (len < end || memcmp(text + len - end, tail, end) != 0)
        return gd_fail(err, GD_EFORMAT, "%s is damaged: it does not end with the digest of the rest", path);
    return GD_OK;
}

static gd_status load(json_t **root, const char *path, gd_error *err)
{
    char *text;
    size_t len;
    gd_status rc = need_file(path, err);

    *root = NULL;
    if (rc)
        return rc;
    rc = gd_file_read(&text, &len, path, LIMIT, err);
    if (!rc)
        rc = gd_json_parse(root, text, len, path, err);
    if (!rc)
        rc = check_text(*root, text, len, path, err);
    gd_free(text);
    return rc;
}

gd_status gd_manifest_read(const char *path, gd_train_mark *mark, json_t **run, gd_error *err)
{
    char *manifest = gd_path_join(path, GD_FOLDER_MANIFEST);
    const json_t *there;
    json_t *root = NULL;
    gd_status rc = manifest ? load(&root, manifest, err) : gd_fail_memory(err, strlen(path) + 16);

    *run = NULL;
    if (!rc)
        rc = read_mark(mark, root, manifest, err);
    if (!rc)
        rc = gd_json_object(&there, root, "run", manifest, err);
    if (!rc)
        rc = check_files(path, root, manifest, err);
    if (!rc)
        *run = json_incref((json_t *)there);
    json_decref(root);
    gd_free(manifest);
    return rc;
}
