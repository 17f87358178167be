/* replace.c - writes a small file anew. */
#include "base/replace.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/write.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int write_part(const char *part, const void *data, size_t len)
{
    const int fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
    int reason = fd < 0 ? errno : gd_write_all(fd, data, len);

    if (fd >= 0 && close(fd) < 0 && !reason)
        reason = errno;
    return reason;
}

gd_status gd_file_replace(const char *path, const void *data, size_t len, gd_error *err)
{
    gd_buf name = { 0 };
    const char *part;
    int reason;

    gd_buf_printf(&name, "%s.part", path);
    part = gd_buf_cstr(&name);
    if (!part) {
        gd_buf_free(&name);
        return gd_fail_memory(err, name.len);
    }
    reason = write_part(part, data, len);
    if (!reason && rename(part, path) < 0)
        reason = errno;
    if (reason)
        (void)unlink(part);
    gd_buf_free(&name);
    return reason ? gd_fail(err, reason == ENOMEM ? GD_ENOMEM : GD_EIO, "%s: %s", path, strerror(reason)) : GD_OK;
}
