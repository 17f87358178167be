/* entries_inputs.c - finds the files that an input names. */
#include "data/entries_inputs.h"

#include "base/error.h"
#include "base/mem.h"

#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static gd_status add(gd_inputs *inputs, const char *path, gd_error *err)
{
    char *copy;

    for (size_t i = 0; i < inputs->count; i++)
        if (strcmp(path, "-") == 0 && strcmp(inputs->paths[i], "-") == 0)
            return gd_fail(err, GD_EUSAGE, "standard input is named twice, but can be read only once");
    if (!gd_grow((void **)&inputs->paths, &inputs->room, inputs->count + 1, sizeof *inputs->paths))
        return gd_fail_memory(err, inputs->count * sizeof *inputs->paths);
    copy = gd_strdup(path);
    if (!copy)
        return gd_fail_memory(err, strlen(path));
    inputs->paths[inputs->count++] = copy;
    return GD_OK;
}

/* Compares bytes: unlike glob's own order, this one doesn't depend on the locale. */
static int compare(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static gd_status add_matches(gd_inputs *inputs, const char *pattern, gd_error *err)
{
    const size_t before = inputs->count;
    glob_t found = { 0 };
    gd_status rc = GD_OK;

    switch (glob(pattern, GLOB_NOSORT | GLOB_ERR, NULL, &found)) {
    case 0: break;
    case GLOB_NOMATCH: rc = gd_fail(err, GD_EUSAGE, "%s: no file matches this pattern", pattern); break;
    case GLOB_NOSPACE: rc = gd_fail_memory(err, strlen(pattern)); break;
    default:
        if (errno == ENOENT || errno == ENOTDIR)
            rc = gd_fail(err, GD_EUSAGE, "%s: no file matches this pattern: there is no such directory", pattern);
        else if (errno == ENOMEM)
            rc = gd_fail_memory(err, strlen(pattern));
        else
            rc = gd_fail(err, GD_EIO, "%s: cannot read a directory of this pattern: %s", pattern, strerror(errno));
    }
    for (size_t i = 0; !rc && i < found.gl_pathc; i++)
        rc = add(inputs, found.gl_pathv[i], err);
    globfree(&found);
    if (!rc)
        qsort(inputs->paths + before, inputs->count - before, sizeof *inputs->paths, compare);
    return rc;
}

static gd_status add_name(gd_inputs *inputs, const char *name, gd_error *err);

/* Expands before{a,b}after.  glob() knows braces too, but ignores a name that doesn't exist. */
static gd_status add_braces(gd_inputs *inputs, const char *name, const char *open, const char *close, gd_error *err)
{
    const size_t before = (size_t)(open - name), after = strlen(close + 1);
    gd_status rc = GD_OK;

    for (const char *from = open + 1, *to; !rc && from <= close; from = to + 1) {
        char *path;

        to = memchr(from, ',', (size_t)(close - from));
        to = to ? to : close;
        path = gd_alloc(before + (size_t)(to - from) + after + 1, 1);
        if (!path)
            return gd_fail_memory(err, strlen(name));
        memcpy(path, name, before);
        memcpy(path + before, from, (size_t)(to - from));
        memcpy(path + before + (to - from), close + 1, after + 1);
        rc = add_name(inputs, path, err);
        gd_free(path);
    }
    return rc;
}

static gd_status add_name(gd_inputs *inputs, const char *name, gd_error *err)
{
    const char *open = strchr(name, '{'), *close = open ? strchr(open, '}') : NULL;
    struct stat sb;

    if (!strpbrk(name, "*?[{") || stat(name, &sb) == 0)
        return add(inputs, name, err);
    if (close)
        return add_braces(inputs, name, open, close, err);
    return strpbrk(name, "*?[") ? add_matches(inputs, name, err) : add(inputs, name, err);
}

gd_status gd_inputs_find(gd_inputs *inputs, const char *const *names, size_t count, gd_error *err)
{
    gd_status rc = GD_OK;

    *inputs = (gd_inputs){ 0 };
    if (count == 0)
        return gd_fail(err, GD_EUSAGE, "no input given");
    for (size_t i = 0; !rc && i < count; i++)
        rc = add_name(inputs, names[i], err);
    if (rc)
        gd_inputs_free(inputs);
    return rc;
}

void gd_inputs_free(gd_inputs *inputs)
{
    for (size_t i = 0; i < inputs->count; i++)
        gd_free(inputs->paths[i]);
    gd_free(inputs->paths);
    *inputs = (gd_inputs){ 0 };
}
