/* output.c - files that a command writes once it has its result. */
#include "cli/output.h"

#include "cli/cli.h"

#include "base/samefile.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int cli_output_check(const gd_options *options, const char *const inputs[3], const char *const outputs[3])
{
    gd_error err = { GD_OK, "" };

    return cli_fail(gd_check_outputs(options, inputs, 3, outputs, 3, &err), &err);
}

int cli_output_open(const char *path, int *fd)
{
    *fd = -1;
    if (!path || gd_is_stdout(path))
        return CLI_OK;
    *fd = gd_output_fd(path) < 0 ? open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666)
                                 : fcntl(gd_output_fd(path), F_DUPFD_CLOEXEC, 0);
    if (*fd >= 0)
        return CLI_OK;
    cli_say("%s: %s", path, strerror(errno));
    return CLI_UNUSABLE;
}

/* Cuts off what an earlier file had beyond this place. A pipe or a device can't be truncated, and needn't be. */
static int cut_off(int fd)
{
    const off_t end = lseek(fd, 0, SEEK_CUR);

    if (end < 0)
        return errno == ESPIPE ? 0 : -1;
    return ftruncate(fd, end) < 0 && errno != EINVAL ? -1 : 0;
}

int cli_output_write(const char *path, int fd, const char *text)
{
    size_t left = path ? strlen(text) : 0;

    if (!path)
        return CLI_OK;
    if (fd < 0) {
        (void)fputs(text, stdout);
        return CLI_OK;
    }
    while (left) {
        const ssize_t wrote = write(fd, text, left);

        if (wrote < 0 && errno != EINTR)
            break;
        text += wrote > 0 ? wrote : 0;
        left -= wrote > 0 ? (size_t)wrote : 0;
    }
    if (!left && (gd_output_fd(path) >= 0 || !cut_off(fd)))
        return CLI_OK;
    cli_say("%s: %s", path, strerror(errno));
    return CLI_UNUSABLE;
}

/* Removes a file made for a result that never came, lest it be mistaken for one. */
static void remove_empty(const char *path, int fd)
{
    struct stat sb;

    if (fstat(fd, &sb) == 0 && S_ISREG(sb.st_mode) && sb.st_size == 0)
        (void)unlink(path);
}

int cli_output_close(const char *path, int fd, int status)
{
    if (fd >= 0 && status)
        remove_empty(path, fd);
    if (fd < 0 || !close(fd) || status)
        return status;
    cli_say("%s: %s", path, strerror(errno));
    return CLI_UNUSABLE;
}
