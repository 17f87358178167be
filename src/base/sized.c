/* sized.c - the public structs that begin with struct_size, between a program and a library of different versions. */
#include "base/sized.h"

#include "base/error.h"

#include <string.h>

/* No struct of ours will ever be as large: whatever says so was never initialised, and must not be read that far. */
enum { MOST = 4096 };

void gd_sized_init(void *theirs, size_t size)
{
    memset(theirs, 0, size);
    if (size >= sizeof size)
        memcpy(theirs, &size, sizeof size);
}

static size_t size_of(const void *theirs)
{
    size_t size;

    memcpy(&size, theirs, sizeof size);
    return size;
}

/* Of structs of `size` bytes, all but struct_size. */
static void copy_members(void *to, const void *from, size_t size)
{
    memcpy((char *)to + sizeof size, (const char *)from + sizeof size, size - sizeof size);
}

gd_status gd_sized_check(const gd_sized *kind, const void *theirs, gd_error *err)
{
    size_t size;

    if (!theirs)
        return gd_fail(err, GD_EUSAGE, "%s: NULL was given, but a struct is expected", kind->name);
    size = size_of(theirs);
    if (size < kind->first || size > MOST)
        return gd_fail(err, GD_EUSAGE, "%s.struct_size is %zu, but %zu to %d is expected: call %s_init() first",
                       kind->name, size, kind->first, MOST, kind->name);
    return GD_OK;
}

gd_status gd_sized_read(void *own, const gd_sized *kind, const void *theirs, gd_error *err)
{
    const gd_status rc = gd_sized_check(kind, theirs, err);
    const unsigned char *bytes = theirs;
    size_t size;

    gd_sized_init(own, kind->size);
    if (rc)
        return rc;
    size = size_of(theirs);
    for (size_t i = kind->size; i < size; i++)
        if (bytes[i])
            return gd_fail(
                err, GD_EUSAGE,
                "%s: byte %zu of %zu is set, but this library, version %s, knows %zu bytes: the program asks "
                "for something that a later version has",
                kind->name, i, size, GD_VERSION, kind->size);
    copy_members(own, theirs, size < kind->size ? size : kind->size);
    return GD_OK;
}

void gd_sized_fill(void *theirs, const gd_sized *kind, const void *own)
{
    const size_t size = size_of(theirs);

    copy_members(theirs, own, size < kind->size ? size : kind->size);
}
