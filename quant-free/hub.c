/* hub.c - a model's directory, also in the Hugging Face cache: models--ORG--NAME/refs/main holds the name of a folder
 * in models--ORG--NAME/snapshots. */
#include "quant-free/hub.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

#define REVISION_MAX 256u

/* One part of org/name: letters, digits, '-', '_' and '.', and no "..", so that it cannot leave the cache. */
static bool is_name(const char *s, size_t len)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";

    if (len == 0 || len > 96 || s[0] == '.' || s[0] == '-')
        return false;
    for (size_t i = 0; i < len; i++)
        if (!strchr(allowed, s[i]) || (s[i] == '.' && i + 1 < len && s[i + 1] == '.'))
            return false;
    return true;
}

static bool is_hub_name(const char *model)
{
    const char *slash = strchr(model, '/');

    return slash && is_name(model, (size_t)(slash - model)) && is_name(slash + 1, strlen(slash + 1));
}

static const char *set(const char *name)
{
    const char *value = getenv(name);

    return value && *value ? value : NULL;
}

static gd_status cache_dir(gd_buf *b, gd_error *err)
{
    static const struct {
        const char *variable, *below;
    } places[] = { { "HF_HUB_CACHE", "" },
                   { "HUGGINGFACE_HUB_CACHE", "" },
                   { "HF_HOME", "/hub" },
                   { "XDG_CACHE_HOME", "/huggingface/hub" },
                   { "HOME", "/.cache/huggingface/hub" } };

    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        const char *value = set(places[i].variable);

        if (value) {
            gd_buf_printf(b, "%s%s", value, places[i].below);
            return GD_OK;
        }
    }
    return gd_fail(err, GD_EIO, "cannot find the Hugging Face cache: none of HF_HUB_CACHE, HF_HOME and HOME is set");
}

static gd_status not_there(const char *model, const char *cache, gd_error *err)
{
    return gd_fail(err, GD_EIO, "%s: not a directory, and not in the Hugging Face cache %s; to get it: hf download %s",
                   model, cache, model);
}

/* Appends the snapshot's path to the repository's in *b. */
static gd_status find_snapshot(gd_buf *b, const char *model, const char *cache, gd_error *err)
{
    const size_t repository = b->len;
    char *revision = NULL;
    size_t len;
    bool there;
    gd_status rc;

    gd_buf_str(b, "/refs/main");
    if (!gd_buf_cstr(b))
        return gd_fail_memory(err, b->len);
    rc = gd_file_there(&there, b->data, err);
    if (rc || !there)
        return rc ? rc : not_there(model, cache, err);
    rc = gd_file_read(&revision, &len, b->data, REVISION_MAX, err);
    if (rc)
        return rc;
    while (len && (revision[len - 1] == '\n' || revision[len - 1] == '\r'))
        len--;
    if (!is_name(revision, len))
        rc = gd_fail(err, GD_EFORMAT, "%s: does not contain the name of a snapshot", b->data);
    b->len = repository;
    gd_buf_str(b, "/snapshots/");
    gd_buf_bytes(b, revision, len);
    gd_free(revision);
    if (!rc && !gd_buf_cstr(b))
        rc = gd_fail_memory(err, b->len);
    if (!rc)
        rc = gd_dir_there(&there, b->data, err);
    if (!rc && !there)
        rc = not_there(model, cache, err);
    return rc;
}

static gd_status find_in_cache(gd_buf *b, const char *model, gd_error *err)
{
    gd_buf cache = { 0 };
    gd_status rc = cache_dir(&cache, err);

    if (!rc && !gd_buf_cstr(&cache))
        rc = gd_fail_memory(err, cache.len);
    if (!rc) {
        gd_buf_printf(b, "%s/models--%.*s--%s", cache.data, (int)strcspn(model, "/"), model, strchr(model, '/') + 1);
        rc = find_snapshot(b, model, cache.data, err);
    }
    gd_buf_free(&cache);
    return rc;
}

gd_status gd_model_dir(const char *model, char **dir, gd_error *err)
{
    gd_buf b = { 0 };
    bool there;
    gd_status rc = gd_dir_there(&there, model, err);

    *dir = NULL;
    if (rc)
        return rc;
    if (there)
        gd_buf_str(&b, model);
    else if (!is_hub_name(model))
        return gd_fail(err, GD_EIO,
                       "%s: no such directory; a directory, or org/name in the Hugging Face cache, is expected", model);
    else
        rc = find_in_cache(&b, model, err);
    if (!rc && !gd_buf_cstr(&b))
        rc = gd_fail_memory(err, b.len);
    if (rc)
        gd_buf_free(&b);
    *dir = b.data;
    return rc;
}
