/* sink.c - where output bytes go. */
#include "data/sink.h"

#include "base/error.h"
#include "base/mem.h"
#include "data/zmem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ROOM = 65536 };

struct gd_sink {
    int fd;
    bool owned;         /* close fd at the end: not standard output */
    bool packed;        /* gzip; zlib has state to free */
    char *name;
    gd_error failure;   /* the first one; repeated from then on */
    size_t len;         /* what of plain[] waits */
    z_stream z;
    unsigned char plain[ROOM], pack[ROOM];
};

static gd_status failed(const gd_sink *s, gd_error *err)
{
    return gd_fail(err, s->failure.status, "%s", s->failure.text);
}

/* Nothing of the file is touched before this says that it is another one than the input. */
static gd_status check_input(const gd_sink *s, const char *input, const struct stat *out, gd_error *err)
{
    struct stat in;

    if (!input || !S_ISREG(out->st_mode))
        return GD_OK;
    if ((strcmp(input, "-") ? stat(input, &in) : fstat(STDIN_FILENO, &in)) < 0)
        return GD_OK; /* opening the input says why */
    if (in.st_dev != out->st_dev || in.st_ino != out->st_ino)
        return GD_OK;
    return gd_fail(err, GD_EUSAGE, "%s: the output is the input file, another one is expected", s->name);
}

static gd_status open_file(gd_sink *s, const char *path, const char *input, gd_error *err)
{
    struct stat sb;
    gd_status rc;

    s->owned = strcmp(path, "-") != 0;
    s->fd = s->owned ? open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666) : STDOUT_FILENO;
    if (s->fd < 0 || fstat(s->fd, &sb) < 0)
        return gd_fail(err, GD_EIO, "%s: %s", s->name, strerror(errno));
    rc = check_input(s, input, &sb, err);
    if (!rc && s->owned && S_ISREG(sb.st_mode) && ftruncate(s->fd, 0) < 0)
        return gd_fail(err, GD_EIO, "%s: %s", s->name, strerror(errno));
    return rc;
}

static gd_status begin_deflate(gd_sink *s, const char *path, gd_error *err)
{
    const size_t len = strlen(path);

    if (len < 3 || strcmp(path + len - 3, ".gz") != 0)
        return GD_OK;
    s->z.zalloc = gd_z_alloc;
    s->z.zfree = gd_z_free;
    /* 15 + 16: the largest window, in a gzip wrapper without a time stamp: the same lines give the same file. */
    if (deflateInit2(&s->z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return gd_fail_memory(err, 262144);
    s->packed = true;
    return GD_OK;
}

static void dispose(gd_sink *s)
{
    if (s->packed)
        (void)deflateEnd(&s->z);
    if (s->owned && s->fd >= 0)
        (void)close(s->fd);
    gd_free(s->name);
    gd_free(s);
}

gd_status gd_sink_open(gd_sink **out, const char *path, const char *input, gd_error *err)
{
    gd_sink *s = gd_alloc_zero(1, sizeof *s);
    gd_status rc;

    *out = NULL;
    if (!s)
        return gd_fail_memory(err, sizeof *s);
    s->fd = -1;
    s->name = gd_strdup(strcmp(path, "-") ? path : "standard output");
    rc = s->name ? begin_deflate(s, path, err) : gd_fail_memory(err, strlen(path));
    if (!rc)
        rc = open_file(s, path, input, err);
    if (rc)
        dispose(s);
    else
        *out = s;
    return rc;
}

static gd_status put(gd_sink *s, const unsigned char *p, size_t len)
{
    while (len > 0) {
        const ssize_t n = write(s->fd, p, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return gd_fail(&s->failure, GD_EIO, "%s: %s", s->name, strerror(errno));
        p += n;
        len -= (size_t)n;
    }
    return GD_OK;
}

/* What waits in plain[], through zlib if need be. */
static gd_status put_plain(gd_sink *s, int flush)
{
    gd_status rc = GD_OK;

    if (!s->packed) {
        rc = put(s, s->plain, s->len);
        s->len = 0;
        return rc;
    }
    s->z.next_in = s->plain;
    s->z.avail_in = (uInt)s->len;
    s->len = 0;
    do {
        s->z.next_out = s->pack;
        s->z.avail_out = ROOM;
        (void)deflate(&s->z, flush); /* fails for a broken z_stream only */
        rc = put(s, s->pack, ROOM - s->z.avail_out);
    } while (!rc && s->z.avail_out == 0);
    return rc;
}

gd_status gd_sink_write(gd_sink *s, const void *data, size_t len, gd_error *err)
{
    const unsigned char *p = data;

    while (len > 0 && !s->failure.status) {
        const size_t some = len < ROOM - s->len ? len : ROOM - s->len;

        memcpy(s->plain + s->len, p, some);
        s->len += some;
        p += some;
        len -= some;
        if (s->len == ROOM)
            (void)put_plain(s, Z_NO_FLUSH);
    }
    return s->failure.status ? failed(s, err) : GD_OK;
}

gd_status gd_sink_flush(gd_sink *s, gd_error *err)
{
    if (!s->failure.status)
        (void)put_plain(s, Z_NO_FLUSH);
    return s->failure.status ? failed(s, err) : GD_OK;
}

gd_status gd_sink_close(gd_sink *s, gd_error *err)
{
    gd_status rc;

    if (!s)
        return GD_OK;
    if (!s->failure.status)
        (void)put_plain(s, Z_FINISH);
    if (s->owned && close(s->fd) < 0) /* a network file system or a quota may say only now that it is full */
        gd_fail(&s->failure, GD_EIO, "%s: %s", s->name, strerror(errno));
    s->fd = -1;
    rc = s->failure.status ? failed(s, err) : GD_OK;
    dispose(s);
    return rc;
}
