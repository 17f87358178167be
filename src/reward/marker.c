/* marker.c - OUTPUT.done, which says that a shard is whole. */
#include "reward/marker.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/replace.h"
#include "base/sha256.h"
#include "reward/identity.h"
#include "reward/journal.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FORMAT "guerdon-shard/1"
#define ENDING ".done"
enum { LIMIT = 1 << 20 };

gd_status gd_marker_name(gd_marker *marker, const char *output, gd_error *err)
{
    *marker = (gd_marker){ .output = { output, NULL } };
    return gd_journal_beside(&marker->path, output, ENDING, err);
}

/* ---- reading ---- */

static gd_status refuse_alien(const gd_marker *marker, gd_error *err)
{
    return gd_fail(err, GD_EUSAGE,
                   "%s: the run would overwrite this file, which says of no shard that it is done; choose another "
                   "output, or rename it",
                   marker->path);
}

/* The whole input counts as shard 1 of 1. */
static gd_status check_shard(const gd_marker *marker, const json_t *root, const gd_shard *shard, gd_error *err)
{
    const size_t which = shard->of ? shard->which : 1, of = shard->of ? shard->of : 1;
    int64_t was = 0, was_of = 0;
    gd_status rc = gd_json_int(&was, root, "shard", 1, GD_SHARDS_MAX, marker->path, err);

    if (!rc)
        rc = gd_json_int(&was_of, root, "of", 1, GD_SHARDS_MAX, marker->path, err);
    if (rc || ((size_t)was == which && (size_t)was_of == of))
        return rc;
    return gd_fail(err, GD_EUSAGE,
                   "%.250s has shard %lld/%lld, as %.250s says, but this run is %s%zu/%zu; choose another output, or "
                   "remove both files",
                   marker->output[0], (long long)was, (long long)was_of, marker->path,
                   shard->of ? "shard " : "over the whole input, ", which, of);
}

static gd_status check_input(const gd_marker *marker, const json_t *root, const gd_shard *shard, gd_error *err)
{
    char digest[17];
    const char *was;
    int64_t items;
    gd_status rc = gd_json_int(&items, root, "all_items", 0, INT64_MAX, marker->path, err);

    if (!rc)
        rc = gd_json_string(&was, root, "input", marker->path, err);
    (void)snprintf(digest, sizeof digest, "%016" PRIx64, shard->digest);
    if (rc || ((uint64_t)items == shard->items && !strcmp(was, digest)))
        return rc;
    return gd_fail(err, GD_EUSAGE,
                   "%s: the shard is of another input, which had %lld items; pass the input that it had, or remove %s "
                   "to start afresh",
                   marker->path, (long long)items, marker->path);
}

static gd_status check_output(const gd_marker *marker, const json_t *of, const char *output, gd_error *err)
{
    struct stat sb;
    int64_t bytes;
    gd_status rc = gd_json_int(&bytes, of, "bytes", 0, INT64_MAX, marker->path, err);

    if (rc)
        return rc;
    if (stat(output, &sb) < 0)
        return gd_fail(err, GD_EIO, "%.250s: %s, but %.250s says that it is done; remove %.250s to start afresh",
                       output, strerror(errno), marker->path, marker->path);
    if (!S_ISREG(sb.st_mode) || sb.st_size == bytes)
        return GD_OK;
    return gd_fail(err, GD_EIO,
                   "%.250s has %lld bytes, but %lld when it was done, as %.250s says; remove %.250s to start afresh",
                   output, (long long)sb.st_size, (long long)bytes, marker->path, marker->path);
}

static gd_status check_run(const gd_marker *marker, const json_t *root, const gd_shard *shard, gd_error *err)
{
    const json_t *outputs = json_object_get(root, "outputs");
    gd_status rc = gd_identity_check(json_object_get(root, "run"), marker->identity, marker->path, err);

    if (!rc)
        rc = check_input(marker, root, shard, err);
    for (size_t i = 0; !rc && i < 2 && marker->output[i]; i++)
        rc = check_output(marker, json_array_get(outputs, i), marker->output[i], err);
    return rc;
}

gd_status gd_marker_open(gd_marker *marker, const gd_shard *shard, const char *identity, bool resume, bool *complete,
                         gd_error *err)
{
    const char *format = NULL;
    json_t *root = NULL;
    struct stat sb;
    gd_status rc = GD_OK;

    *complete = false;
    if (!marker->path)
        return GD_OK;
    marker->identity = shard->of ? gd_strdup(identity) : NULL;
    if (shard->of && !marker->identity)
        return gd_fail_memory(err, strlen(identity));
    if (lstat(marker->path, &sb) < 0)
        return GD_OK;
    if (gd_json_load(&root, marker->path, LIMIT, NULL) || gd_json_string(&format, root, "format", marker->path, NULL) ||
        strcmp(format, FORMAT) != 0) {
        json_decref(root);
        return shard->of ? refuse_alien(marker, err) : GD_OK;
    }
    marker->there = true;
    rc = check_shard(marker, root, shard, err);
    if (!rc && resume && shard->of)
        rc = check_run(marker, root, shard, err);
    *complete = !rc && resume && shard->of;
    json_decref(root);
    return rc;
}

/* ---- writing ---- */

gd_status gd_marker_remove(gd_marker *marker, gd_error *err)
{
    if (!marker->there || unlink(marker->path) == 0 || errno == ENOENT)
        return GD_OK;
    return gd_fail(err, GD_EIO, "%s: this file cannot be removed: %s", marker->path, strerror(errno));
}

static gd_status put_output(gd_buf *text, const char *output, gd_error *err)
{
    char hex[GD_SHA256_DIGITS + 1];
    gd_map map = { 0 };
    gd_status rc = gd_map_open(&map, output, err);

    if (rc)
        return rc;
    gd_guard_enter();
    gd_sha256(map.data, map.size, hex);
    gd_guard_leave();
    rc = gd_map_unchanged(&map, output, err);
    gd_buf_printf(text, "{\"bytes\":%zu,\"sha256\":\"%s\"}", map.size, hex);
    gd_map_close(&map);
    return rc;
}

/* A second output may be a pipe, of which nothing is left. */
static gd_status put_outputs(gd_buf *text, const gd_marker *marker, gd_error *err)
{
    gd_status rc = GD_OK;

    gd_buf_str(text, ",\"outputs\":[");
    for (size_t i = 0; !rc && i < 2 && marker->output[i]; i++) {
        gd_buf_str(text, i ? "," : "");
        if (gd_journal_applies(marker->output[i]))
            rc = put_output(text, marker->output[i], err);
        else
            gd_buf_str(text, "null");
    }
    gd_buf_str(text, "]");
    return rc;
}

static void put_range(gd_buf *text, const gd_shard *shard)
{
    const uint64_t items = shard->end - shard->first;

    gd_buf_printf(text, "{\"format\":\"%s\",\"shard\":%zu,\"of\":%zu,\"items\":%" PRIu64, FORMAT, shard->which,
                  shard->of, items);
    if (items)
        gd_buf_printf(text, ",\"first\":%" PRIu64 ",\"last\":%" PRIu64, shard->first, shard->end - 1);
    else
        gd_buf_str(text, ",\"first\":null,\"last\":null");
    gd_buf_printf(text, ",\"all_items\":%" PRIu64 ",\"input\":\"%016" PRIx64 "\"", shard->items, shard->digest);
}

gd_status gd_marker_write(const gd_marker *marker, const gd_shard *shard, const gd_summary *summary, gd_error *err)
{
    gd_buf text = { 0 };
    gd_status rc;

    if (!marker->path || !marker->identity)
        return GD_OK;
    put_range(&text, shard);
    gd_buf_printf(&text, ",\"failed\":%" PRIu64 ",\"dropped\":%" PRIu64 ",\"truncated\":%" PRIu64, summary->failed,
                  summary->dropped, summary->truncated);
    rc = put_outputs(&text, marker, err);
    gd_buf_printf(&text, ",\"run\":%s}\n", marker->identity);
    if (!rc)
        rc = text.failed ? gd_fail_memory(err, text.len) : gd_file_replace(marker->path, text.data, text.len, err);
    gd_buf_free(&text);
    return rc;
}

void gd_marker_free(gd_marker *marker)
{
    gd_free(marker->path);
    gd_free(marker->identity);
    *marker = (gd_marker){ 0 };
}
