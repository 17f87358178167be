/* sink.c - writes output bytes. */
#include "data/sink.h"

#include "base/error.h"
#include "base/lock.h"
#include "base/mem.h"
#include "base/samefile.h"
#include "data/codec.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ROOM = 65536 };

struct gd_sink {
    int fd;
    bool owned; /* close fd at the end: it was opened here */
    bool old;   /* beyond `written`, the file still has what it had before */
    bool used;  /* something was written, */
    bool begun; /* and since the last cut */
    bool taken; /* back, all that was written: nothing more may be */
    char *name;
    gd_error failure;      /* the first one; repeated from then on */
    const gd_codec *codec; /* NULL: plain */
    void *state;           /* the codec's */
    uint64_t written;      /* bytes written to the file */
    uint64_t whole;        /* see gd_sink_offset() */
    size_t len;            /* bytes of plain[] not yet written */
    unsigned char plain[ROOM], pack[ROOM];
};

static gd_status failed(const gd_sink *s, gd_error *err)
{
    return gd_fail(err, s->failure.status, "%s", s->failure.text);
}

/* Refuses an output that is also the input; the file is not touched before this check. */
static gd_status check_input(const gd_sink *s, const char *input, const struct stat *out, gd_error *err)
{
    struct stat in;

    if (!input || !S_ISREG(out->st_mode))
        return GD_OK;
    if ((strcmp(input, "-") ? stat(input, &in) : fstat(STDIN_FILENO, &in)) < 0)
        return GD_OK; /* opening the input will report why */
    if (in.st_dev != out->st_dev || in.st_ino != out->st_ino)
        return GD_OK;
    return gd_fail(err, GD_EUSAGE, "%s: the output is the input file; choose another one", s->name);
}

static gd_status check_offset(const gd_sink *s, uint64_t offset, const struct stat *out, gd_error *err)
{
    if (!s->owned || !S_ISREG(out->st_mode))
        return gd_fail(err, GD_EUSAGE, "%s: only a regular file can be resumed", s->name);
    if ((uint64_t)out->st_size < offset)
        return gd_fail(err, GD_EIO, "%s: the file has %" PRIu64 " bytes; expected at least %" PRIu64 "", s->name,
                       (uint64_t)out->st_size, offset);
    return GD_OK;
}

static gd_status open_file(gd_sink *s, const char *path, uint64_t offset, struct stat *sb, gd_error *err)
{
    const int create = offset ? 0 : O_CREAT;

    s->fd = gd_output_fd(path);
    s->owned = s->fd < 0;
    if (s->owned)
        s->fd = open(path, O_WRONLY | create | O_CLOEXEC, 0666);
    if (s->fd < 0 || fstat(s->fd, sb) < 0)
        return gd_fail(err, GD_EIO, "%s: %s", s->name, strerror(errno));
    if (!s->owned && (fcntl(s->fd, F_GETFL) & O_ACCMODE) == O_RDONLY)
        return gd_fail(err, GD_EIO, "%s: this is open for reading only; expected a descriptor to write to", s->name);
    return offset ? check_offset(s, offset, sb, err) : GD_OK;
}

/* Of two runs that write to one file, each would cut off what the other wrote. */
static gd_status lock(const gd_sink *s, const struct stat *out, gd_error *err)
{
    if (!s->owned || !S_ISREG(out->st_mode) || gd_lock(s->fd))
        return GD_OK;
    return gd_fail(err, GD_EIO, "%s: another run is writing to this file; wait for its end, or choose another output",
                   s->name);
}

/* As late as can be: a run that fails before it has anything to write leaves an earlier one's output. */
static gd_status cut_off(gd_sink *s)
{
    if (s->old && (ftruncate(s->fd, (off_t)s->written) < 0 || lseek(s->fd, (off_t)s->written, SEEK_SET) < 0))
        return gd_fail(&s->failure, GD_EIO, "%s: %s", s->name, strerror(errno));
    s->old = false;
    return GD_OK;
}

static gd_status begin_packing(gd_sink *s, const char *path, gd_error *err)
{
    s->codec = gd_codec_by_suffix(path);
    if (!s->codec)
        return GD_OK;
    s->state = s->codec->pack_open();
    return s->state ? GD_OK : gd_fail_memory(err, ROOM);
}

static void dispose(gd_sink *s)
{
    if (s->codec)
        s->codec->pack_close(s->state);
    if (s->owned && s->fd >= 0)
        (void)close(s->fd);
    gd_free(s->name);
    gd_free(s);
}

gd_status gd_sink_open_at(gd_sink **out, const char *path, const char *const *inputs, size_t count, uint64_t offset,
                          gd_error *err)
{
    gd_sink *s = gd_alloc_zero(1, sizeof *s);
    struct stat sb = { 0 };
    gd_status rc;

    *out = NULL;
    if (!s)
        return gd_fail_memory(err, sizeof *s);
    s->fd = -1;
    s->name = gd_strdup(gd_is_stdout(path) ? "standard output" : path);
    rc = s->name ? begin_packing(s, path, err) : gd_fail_memory(err, strlen(path));
    if (!rc)
        rc = open_file(s, path, offset, &sb, err);
    for (size_t i = 0; !rc && i < count; i++)
        rc = check_input(s, inputs[i], &sb, err);
    if (!rc)
        rc = lock(s, &sb, err);
    s->written = s->whole = offset;
    s->old = s->owned && S_ISREG(sb.st_mode);
    if (rc)
        dispose(s);
    else
        *out = s;
    return rc;
}

static gd_status put(gd_sink *s, const unsigned char *p, size_t len)
{
    if (len > 0 && cut_off(s))
        return s->failure.status;
    while (len > 0) {
        const ssize_t n = write(s->fd, p, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return gd_fail(&s->failure, GD_EIO, "%s: %s", s->name, strerror(errno));
        p += n;
        len -= (size_t)n;
        s->written += (uint64_t)n;
    }
    return GD_OK;
}

static gd_status put_packed(gd_sink *s, bool end)
{
    gd_codec_io io = { .in = s->plain, .in_left = s->len };
    gd_packed what = GD_PACKED_MORE;
    gd_status rc = GD_OK;

    s->len = 0;
    while (!rc && what == GD_PACKED_MORE) {
        io.out = s->pack;
        io.out_left = ROOM;
        what = s->codec->pack(s->state, &io, end);
        rc = what == GD_PACKED_NO_MEMORY ? gd_fail_memory(&s->failure, ROOM) : put(s, s->pack, ROOM - io.out_left);
    }
    return rc;
}

/* Writes out plain[].  Except at the end of a member, a packed file only gets full buffers: the bytes of a member may
 * depend on its portions, and must not depend on when flushes happen. */
static gd_status put_plain(gd_sink *s)
{
    gd_status rc;

    if (s->codec)
        return s->len == ROOM ? put_packed(s, false) : GD_OK;
    rc = put(s, s->plain, s->len);
    s->len = 0;
    return rc;
}

gd_status gd_sink_write(gd_sink *s, const void *data, size_t len, gd_error *err)
{
    const unsigned char *p = data;

    s->used = s->used || len > 0;
    s->begun = s->begun || len > 0;
    while (len > 0 && !s->failure.status) {
        const size_t some = len < ROOM - s->len ? len : ROOM - s->len;

        memcpy(s->plain + s->len, p, some);
        s->len += some;
        p += some;
        len -= some;
        if (s->len == ROOM)
            (void)put_plain(s);
    }
    return s->failure.status ? failed(s, err) : GD_OK;
}

gd_status gd_sink_flush(gd_sink *s, gd_error *err)
{
    if (!s->failure.status && !put_plain(s) && !s->codec)
        s->whole = s->written;
    return s->failure.status ? failed(s, err) : GD_OK;
}

static void cut(gd_sink *s)
{
    if (!s->failure.status && !(s->codec ? put_packed(s, true) : put_plain(s)))
        s->whole = s->written;
    s->begun = false;
}

gd_status gd_sink_cut(gd_sink *s, gd_error *err)
{
    if (s->begun)
        cut(s);
    return s->failure.status ? failed(s, err) : GD_OK;
}

bool gd_sink_take_back(gd_sink *s, uint64_t offset)
{
    struct stat sb;

    s->taken = true;
    if (s->written == offset && (s->old || !s->failure.status))
        return true;
    return s->owned && fstat(s->fd, &sb) == 0 && S_ISREG(sb.st_mode) && ftruncate(s->fd, (off_t)offset) == 0;
}

bool gd_sink_used(const gd_sink *s) { return s->used; }
uint64_t gd_sink_offset(const gd_sink *s) { return s->whole; }

/* A packed file without lines is one empty member, also after lines that were taken back. */
static void pack_nothing(gd_sink *s)
{
    struct stat sb;

    if (!s->codec || !s->owned || fstat(s->fd, &sb) < 0 || !S_ISREG(sb.st_mode) || sb.st_size > 0)
        return;
    s->codec->pack_close(s->state);
    s->state = s->codec->pack_open();
    s->len = 0;
    s->written = 0;
    s->old = true;
    if (s->state)
        cut(s);
    else
        (void)gd_fail_memory(&s->failure, ROOM);
}

/* The last bytes, and what an earlier file has after them. */
static void finish(gd_sink *s)
{
    if (s->taken) {
        pack_nothing(s);
        return;
    }
    if (s->begun || s->written == 0)
        cut(s);
    if (!s->failure.status)
        (void)cut_off(s);
}

gd_status gd_sink_close(gd_sink *s, gd_error *err)
{
    gd_status rc;

    if (!s)
        return GD_OK;
    finish(s);
    if (s->owned && close(s->fd) < 0) /* a network file system or a quota may report only now that it is full */
        gd_fail(&s->failure, GD_EIO, "%s: %s", s->name, strerror(errno));
    s->fd = -1;
    rc = s->failure.status ? failed(s, err) : GD_OK;
    dispose(s);
    return rc;
}
