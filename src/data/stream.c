/* stream.c - reads the bytes of an input. */
#include "data/stream.h"

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "data/codec.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { IN_ROOM = 65536 };

/* A writer that is only a little slower than we are gets this long, so that batches stay large. */
enum { PATIENCE_MILLISECONDS = 10 };

struct gd_stream {
    int fd;
    bool owned; /* close fd at the end: not standard input */
    bool end;   /* read() said so */
    char *name;
    uint64_t taken, total; /* bytes of the file: read, in all */
    gd_stamp stamp;        /* if the total is known */
    size_t at, len;        /* in[at..len) is still to be read */
    const gd_codec *codec; /* NULL: plain */
    void *state;           /* the codec's */
    bool inside;           /* a member */
    gd_pause pause;
    unsigned char in[IN_ROOM];
};

/* Uses the time until there is something to read; a signal ends the wait, since the work may be to stop. */
static gd_status wait_for_bytes(gd_stream *s, gd_error *err)
{
    struct pollfd in = { .fd = s->fd, .events = POLLIN };
    int ready;

    if (!s->pause.work)
        return GD_OK;
    ready = poll(&in, 1, PATIENCE_MILLISECONDS);
    return ready == 0 || (ready < 0 && errno == EINTR) ? s->pause.work(s->pause.context, err) : GD_OK;
}

/* Reads once into the free end of in[]; starts over at 0 when all of in[] was used. */
static gd_status fill(gd_stream *s, gd_error *err)
{
    gd_status rc;
    ssize_t n;

    if (s->at == s->len)
        s->at = s->len = 0;
    do {
        rc = wait_for_bytes(s, err);
        if (rc)
            return rc;
        n = read(s->fd, s->in + s->len, IN_ROOM - s->len);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        return gd_fail(err, GD_EIO, "%s: %s", s->name, strerror(errno));
    if (s->total)
        rc = gd_stamp_unchanged(&s->stamp, s->fd, s->name, err);
    if (rc)
        return rc; /* these bytes may already be another file's */
    s->end = n == 0;
    s->len += (size_t)n;
    s->taken += (uint64_t)n;
    return GD_OK;
}

static gd_status refuse_others(const gd_stream *s, gd_error *err)
{
    static const struct {
        const char *magic, *sentence;
    } others[] = {
        { "BZh", "this is a bzip2 file; expected plain text, gzip or zstd" },
        { "\xfd"
          "7zXZ",
          "this is an xz file; expected plain text, gzip or zstd" },
        { "PK\x03\x04", "this is a zip file; expected plain text, gzip or zstd" },
        { "PAR1", "this is a Parquet file, which this version does not read; convert it to JSON lines, for example "
                  "with pandas: "
                  "read_parquet(..).to_json(.., orient='records', lines=True)" },
        { "ARROW1", "this is an Arrow file, which this version does not read; convert it to JSON lines" },
    };

    if (s->len >= 8 && memcmp(s->in, "\xff\xff\xff\xff", 4) == 0 && s->in[7] == 0) /* then a length */
        return gd_fail(err, GD_EUNSUPPORTED,
                       "%s: this is an Arrow stream, as Hugging Face Datasets keeps them, which this version does not "
                       "read; convert it to JSON lines with load_from_disk(..).to_json(..)",
                       s->name);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        const size_t n = strlen(others[i].magic);

        if (s->len >= n && memcmp(s->in, others[i].magic, n) == 0)
            return gd_fail(err, GD_EUNSUPPORTED, "%s: %s", s->name, others[i].sentence);
    }
    return GD_OK;
}

static gd_status look_at_magic(gd_stream *s, gd_error *err)
{
    gd_status rc = GD_OK;

    while (!rc && !s->end && s->len < 6)
        rc = fill(s, err);
    if (rc)
        return rc;
    s->codec = gd_codec_by_magic(s->in, s->len);
    if (!s->codec)
        return refuse_others(s, err);
    s->state = s->codec->unpack_open();
    return s->state ? GD_OK : gd_fail_memory(err, IN_ROOM);
}

/* What the caller probably meant by a directory. */
static gd_status refuse_directory(const gd_stream *s, gd_error *err)
{
    static const char *const of_datasets[] = { "dataset_info.json", "dataset_dict.json", "state.json" };

    for (size_t i = 0; i < sizeof of_datasets / sizeof of_datasets[0]; i++)
        if (faccessat(s->fd, of_datasets[i], F_OK, 0) == 0)
            return gd_fail(
                err, GD_EUNSUPPORTED,
                "%s: this is a directory of Hugging Face Datasets, which this version does not read; convert "
                "it to JSON lines with load_from_disk(..).to_json(..)",
                s->name);
    return gd_fail(err, GD_EIO, "%s: this is a directory; expected a file, or a pattern such as '%s/*.jsonl'", s->name,
                   s->name);
}

static gd_status open_file(gd_stream *s, const char *path, gd_error *err)
{
    struct stat sb;

    s->owned = strcmp(path, "-") != 0;
    s->fd = s->owned ? open(path, O_RDONLY | O_CLOEXEC) : STDIN_FILENO;
    if (s->fd < 0 || fstat(s->fd, &sb) < 0)
        return gd_fail(err, GD_EIO, "%s: %s", s->name, strerror(errno));
    if (S_ISDIR(sb.st_mode))
        return refuse_directory(s, err);
    if (!S_ISREG(sb.st_mode))
        return GD_OK;
    s->total = (uint64_t)sb.st_size;
    return gd_stamp_take(&s->stamp, s->fd, s->name, err);
}

gd_status gd_stream_open(gd_stream **out, const char *path, gd_pause pause, gd_error *err)
{
    gd_stream *s = gd_alloc_zero(1, sizeof *s);
    gd_status rc;

    *out = NULL;
    if (!s)
        return gd_fail_memory(err, sizeof *s);
    s->fd = -1;
    s->pause = pause;
    s->name = gd_strdup(strcmp(path, "-") ? path : "standard input");
    rc = s->name ? open_file(s, path, err) : gd_fail_memory(err, strlen(path));
    if (!rc)
        rc = look_at_magic(s, err);
    if (rc)
        gd_stream_close(s);
    else
        *out = s;
    return rc;
}

/* Turns the codec's result into a status. */
static gd_status judge(gd_stream *s, gd_unpacked what, const char *fault, gd_error *err)
{
    const char *kind = s->codec->name;

    switch (what) {
    case GD_UNPACKED_ALIEN:
        return gd_fail(err, GD_EFORMAT, "%s: bytes that are not %s follow the %s data", s->name, kind, kind);
    case GD_UNPACKED_DAMAGED: return gd_fail(err, GD_EFORMAT, "%s: the %s data is damaged: %s", s->name, kind, fault);
    case GD_UNPACKED_REFUSED: return gd_fail(err, GD_EUNSUPPORTED, "%s: the %s data %s", s->name, kind, fault);
    case GD_UNPACKED_NO_MEMORY: return gd_fail_memory(err, IN_ROOM);
    default: return GD_OK;
    }
}

static gd_status unpack_some(gd_stream *s, unsigned char *p, size_t room, size_t *got, gd_error *err)
{
    gd_codec_io io = { s->in + s->at, s->len - s->at, p, room };
    const char *fault = NULL;
    const gd_unpacked what = s->codec->unpack(s->state, &io, &fault);

    s->at = s->len - io.in_left;
    *got = room - io.out_left;
    s->inside = what == GD_UNPACKED_INSIDE;
    return judge(s, what, fault, err);
}

/* The codec comes before the file: it may hold output that found no room before. */
static gd_status read_packed(gd_stream *s, unsigned char *p, size_t room, size_t *got, gd_error *err)
{
    for (;;) {
        gd_status rc = unpack_some(s, p, room, got, err);

        if (rc || *got)
            return rc;
        if (s->at < s->len)
            continue;
        if (s->end && s->inside)
            return gd_fail(err, GD_EFORMAT, "%s: the %s data ends in the middle: the file was truncated", s->name,
                           s->codec->name);
        if (s->end)
            return GD_OK;
        rc = fill(s, err);
        if (rc)
            return rc;
    }
}

gd_status gd_stream_read(gd_stream *s, unsigned char *p, size_t room, size_t *got, gd_error *err)
{
    gd_status rc = GD_OK;

    *got = 0;
    if (s->codec)
        return read_packed(s, p, room, got, err);
    if (s->at == s->len && !s->end)
        rc = fill(s, err);
    if (rc)
        return rc;
    *got = s->len - s->at < room ? s->len - s->at : room;
    memcpy(p, s->in + s->at, *got);
    s->at += *got;
    return GD_OK;
}

void gd_stream_close(gd_stream *s)
{
    if (!s)
        return;
    if (s->codec)
        s->codec->unpack_close(s->state);
    if (s->owned && s->fd >= 0)
        (void)close(s->fd);
    gd_free(s->name);
    gd_free(s);
}

void gd_stream_on_pause(gd_stream *s, gd_pause pause) { s->pause = pause; }
const char *gd_stream_name(const gd_stream *s) { return s->name; }
uint64_t gd_stream_done(const gd_stream *s) { return s->taken - (s->len - s->at); }
uint64_t gd_stream_total(const gd_stream *s) { return s->total > s->taken ? s->total : s->total ? s->taken : 0; }
const char *gd_stream_packed(const gd_stream *s) { return s->codec ? s->codec->name : NULL; }
