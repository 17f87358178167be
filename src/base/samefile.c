/* samefile.c - whether two paths lead to one file. */
#include "base/samefile.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINKS = 40 }; /* that may lead to one another, as in the kernel */

/* Writes dir/name; false if that is too long. */
static bool join(char out[PATH_MAX], const char *dir, size_t dir_len, const char *name)
{
    const int len = snprintf(out, PATH_MAX, "%.*s/%s", (int)dir_len, dir, name);

    return len >= 0 && len < PATH_MAX;
}

/* The real path of a name that has no file: that of its directory, and the name. */
static bool real_of_new(char out[PATH_MAX], const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    char dir[PATH_MAX], real[PATH_MAX];

    if (!slash)
        (void)snprintf(dir, sizeof dir, ".");
    else if (!join(dir, path, (size_t)(slash - path), ""))
        return false;
    return realpath(dir, real) && join(out, strcmp(real, "/") ? real : "", strlen(real), name);
}

/* Replaces a link by what it says, as seen from here; false if the path is not one. */
static bool follow(char path[PATH_MAX])
{
    const char *slash = strrchr(path, '/');
    char to[PATH_MAX], whole[PATH_MAX];
    const ssize_t len = readlink(path, to, sizeof to - 1);

    if (len <= 0)
        return false;
    to[len] = '\0';
    if (to[0] == '/' || !slash)
        (void)memcpy(whole, to, (size_t)len + 1);
    else if (!join(whole, path, (size_t)(slash - path), to))
        return false;
    (void)memcpy(path, whole, strlen(whole) + 1);
    return true;
}

bool gd_path_real(char out[PATH_MAX], const char *path)
{
    char at[PATH_MAX];

    if (realpath(path, out))
        return true;
    if (snprintf(at, sizeof at, "%s", path) < (int)sizeof at) {
        for (int i = 0; i < LINKS && follow(at); i++) /* to a file that opening the link will create */
            ;
        if (real_of_new(out, at))
            return true;
    }
    (void)snprintf(out, PATH_MAX, "%s", path);
    return false;
}

static bool is_one(const struct stat *a, const struct stat *b)
{
    return S_ISREG(a->st_mode) && a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static bool find(struct stat *sb, const char *path)
{
    return (strcmp(path, "-") ? stat(path, sb) : fstat(STDOUT_FILENO, sb)) == 0;
}

bool gd_same_file(const char *a, const char *b)
{
    struct stat sa, sb;
    const bool is_a = find(&sa, a), is_b = find(&sb, b);
    char real_a[PATH_MAX], real_b[PATH_MAX];

    if (is_a && is_b)
        return is_one(&sa, &sb);
    (void)gd_path_real(real_a, a);
    (void)gd_path_real(real_b, b);
    return !is_a && !is_b && strcmp(real_a, real_b) == 0;
}

bool gd_same_as_input(const char *output, const char *input)
{
    struct stat in, out;

    if (strcmp(input, "-") != 0)
        return gd_same_file(output, input);
    return fstat(STDIN_FILENO, &in) == 0 && find(&out, output) && is_one(&in, &out);
}

/* -1 if it is not one of up to nine digits. */
static int number(const char *text)
{
    const size_t digits = strspn(text, "0123456789");

    return digits && digits < 10 && !text[digits] ? (int)strtol(text, NULL, 10) : -1;
}

int gd_output_fd(const char *path)
{
    static const char *const names[] = { "-", "/dev/stdout", "/dev/stderr" };
    static const int numbers[] = { STDOUT_FILENO, STDOUT_FILENO, STDERR_FILENO };
    static const char *const dirs[] = { "/dev/fd/", "/proc/self/fd/" };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (!strcmp(path, names[i]))
            return numbers[i];
    for (size_t i = 0; i < sizeof dirs / sizeof dirs[0]; i++)
        if (!strncmp(path, dirs[i], strlen(dirs[i])))
            return number(path + strlen(dirs[i]));
    return -1;
}

bool gd_is_stdout(const char *path) { return gd_output_fd(path) == STDOUT_FILENO; }

/* Compares the real path's beginning with the directory's. */
static bool is_below(const char *dir, const char *path, bool (*counts)(const char *name))
{
    char real_dir[PATH_MAX], real_path[PATH_MAX];
    size_t len;

    if (!realpath(dir, real_dir) || !gd_path_real(real_path, path))
        return false;
    len = strlen(real_dir);
    return strncmp(real_path, real_dir, len) == 0 && real_path[len] == '/' && counts(strrchr(real_path, '/') + 1);
}

bool gd_dir_holds(const char *dir, const char *path, bool (*counts)(const char *name))
{
    const struct dirent *entry;
    struct stat file, one;
    bool found = false;
    DIR *entries;

    if (is_below(dir, path, counts))
        return true;
    if (stat(path, &file) < 0 || !S_ISREG(file.st_mode))
        return false;
    entries = opendir(dir);
    while (!found && entries && (entry = readdir(entries)) != NULL)
        found = fstatat(dirfd(entries), entry->d_name, &one, 0) == 0 && one.st_dev == file.st_dev &&
                one.st_ino == file.st_ino && counts(entry->d_name);
    if (entries)
        (void)closedir(entries);
    return found;
}
