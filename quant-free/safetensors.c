/* safetensors.c - one mapped safetensors file. */
#include "quant-free/safetensors.h"

#include "base/error.h"
#include "base/file.h"
#include "base/guard.h"
#include "base/mem.h"
#include "quant-free/st_header.h"

#include <stdlib.h>
#include <string.h>

struct gd_st {
    char *path;
    gd_map map;
    char *names; /* every tensor's name, NUL after each */
    gd_view *views;
    gd_st_other *others;
    size_t view_count, other_count;
};

static bool ends_with(const char *s, const char *end)
{
    const size_t n = strlen(s), m = strlen(end);

    return n >= m && strcmp(s + n - m, end) == 0;
}

static uint64_t get_le64(const unsigned char *p)
{
    uint64_t n = 0;

    for (int i = 7; i >= 0; i--)
        n = n << 8 | p[i];
    return n;
}

/* PyTorch's own files are pickles, bare or in a ZIP archive: programs in disguise. Their first bytes could
 * be the length of a header, so they count only if that length is impossible. */
static gd_status refuse_pickle(const gd_st *st, gd_error *err)
{
    const unsigned char *p = st->map.data;
    bool pickle = ends_with(st->path, ".bin") || ends_with(st->path, ".pt") || ends_with(st->path, ".pth");

    if (st->map.size >= 8 && (get_le64(p) > GD_ST_HEADER_MAX || get_le64(p) > st->map.size - 8))
        pickle = pickle || memcmp(p, "PK\3\4", 4) == 0 || (p[0] == 0x80 && p[1] >= 2 && p[1] <= 5);
    if (!pickle)
        return GD_OK;
    return gd_fail(err, GD_EUNSUPPORTED,
                   "%s: a pickle, which can run code when it is loaded; convert it to safetensors", st->path);
}

/* Copies what must outlive the JSON: names into one block, entries into the two lists. */
static gd_status keep(gd_st *st, const gd_st_entry *entries, size_t count, const unsigned char *data, gd_error *err)
{
    size_t chars = 0;
    char *to;

    for (size_t i = 0; i < count; i++)
        chars += strlen(entries[i].view.name) + 1; /* no more than the header's length */
    st->names = gd_alloc(chars, 1);
    st->views = gd_alloc(count, sizeof *st->views);
    st->others = gd_alloc(count, sizeof *st->others);
    if (!st->names || !st->views || !st->others)
        return gd_fail_memory(err, chars + count * (sizeof *st->views + sizeof *st->others));
    to = st->names;
    for (size_t i = 0; i < count; i++) {
        const gd_st_entry *e = &entries[i];
        const size_t n = strlen(e->view.name) + 1;

        memcpy(to, e->view.name, n);
        if (e->weights) {
            st->views[st->view_count] = e->view;
            st->views[st->view_count].name = to;
            st->views[st->view_count++].data = data + e->begin;
        } else {
            st->others[st->other_count++] = (gd_st_other){ to, e->dtype };
        }
        to += n;
    }
    return GD_OK;
}

static int by_view_name(const void *a, const void *b)
{
    return strcmp(((const gd_view *)a)->name, ((const gd_view *)b)->name);
}

static int by_other_name(const void *a, const void *b)
{
    return strcmp(((const gd_st_other *)a)->name, ((const gd_st_other *)b)->name);
}

static gd_status read_header(gd_st *st, gd_error *err)
{
    gd_st_entry *entries = NULL;
    json_t *json = NULL;
    size_t count = 0, room;
    uint64_t len;
    gd_status rc;

    if (st->map.size < 8)
        return gd_fail(err, GD_EFORMAT, "%s: %zu bytes, but a safetensors file has at least 8", st->path, st->map.size);
    len = get_le64(st->map.data);
    room = st->map.size - 8;
    if (len > GD_ST_HEADER_MAX)
        return gd_fail(err, GD_EFORMAT, "%s: header length %llu, but at most %u is accepted", st->path,
                       (unsigned long long)len, GD_ST_HEADER_MAX);
    if (len > room)
        return gd_fail(err, GD_EFORMAT, "%s: header length %llu, but the file has %zu bytes", st->path,
                       (unsigned long long)len, st->map.size);
    room -= (size_t)len;
    rc = gd_st_header_read(&entries, &count, &json, (const char *)st->map.data + 8, (size_t)len, room, st->path, err);
    if (!rc)
        rc = keep(st, entries, count, st->map.data + 8 + len, err);
    if (!rc) {
        qsort(st->views, st->view_count, sizeof *st->views, by_view_name);
        qsort(st->others, st->other_count, sizeof *st->others, by_other_name);
    }
    gd_free(entries);
    json_decref(json);
    return rc;
}

gd_status gd_st_open(gd_st **out, const char *path, gd_error *err)
{
    gd_status rc = GD_OK;
    gd_st *st;

    *out = NULL;
    st = gd_alloc_zero(1, sizeof *st);
    if (!st)
        return gd_fail_memory(err, sizeof *st);
    st->path = gd_strdup(path);
    if (!st->path)
        rc = gd_fail_memory(err, strlen(path) + 1);
    if (!rc)
        rc = gd_map_open(&st->map, path, err);
    gd_guard_enter();
    if (!rc)
        rc = refuse_pickle(st, err);
    if (!rc)
        rc = read_header(st, err);
    gd_guard_leave();
    if (!rc)
        rc = gd_st_unchanged(st, err);
    if (rc)
        gd_st_close(st);
    else
        *out = st;
    return rc;
}

gd_status gd_st_unchanged(const gd_st *st, gd_error *err) { return gd_map_unchanged(&st->map, st->path, err); }

void gd_st_close(gd_st *st)
{
    if (!st)
        return;
    gd_map_close(&st->map);
    gd_free(st->others);
    gd_free(st->views);
    gd_free(st->names);
    gd_free(st->path);
    gd_free(st);
}

const char *gd_st_path(const gd_st *st) { return st->path; }
size_t gd_st_count(const gd_st *st) { return st->view_count; }
const gd_view *gd_st_at(const gd_st *st, size_t i) { return &st->views[i]; }
size_t gd_st_other_count(const gd_st *st) { return st->other_count; }
const gd_st_other *gd_st_other_at(const gd_st *st, size_t i) { return &st->others[i]; }

const gd_view *gd_st_find(const gd_st *st, const char *name)
{
    const gd_view key = { .name = name };

    return bsearch(&key, st->views, st->view_count, sizeof key, by_view_name);
}

static const gd_st_other *find_other(const gd_st *st, const char *name)
{
    const gd_st_other key = { name, NULL };

    return bsearch(&key, st->others, st->other_count, sizeof key, by_other_name);
}

bool gd_st_holds(const gd_st *st, const char *name) { return gd_st_find(st, name) || find_other(st, name); }

gd_status gd_st_need(const gd_view **out, const gd_st *st, const char *name, gd_error *err)
{
    const gd_st_other *other;

    *out = gd_st_find(st, name);
    if (*out)
        return GD_OK;
    other = find_other(st, name);
    if (other)
        return gd_fail(err, GD_EUNSUPPORTED, "%s: tensor \"%s\" has the dtype %s, but BF16, F16 or F32 is expected",
                       st->path, name, other->dtype);
    return gd_fail(err, GD_EFORMAT, "%s: tensor \"%s\" is missing", st->path, name);
}
