/* sized.c - the public structs that begin with struct_size, between a program and a library of different versions. */
#include "base/sized.h"

#include "base/error.h"

#include <string.h>

/* No struct will ever be larger: one with a larger struct_size was never initialised, and must not be read that far. */
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

gd_status gd_sized_check_size(size_t first, size_t size, const char *owner, const char *member, gd_error *err)
{
    if (size >= first && size <= MOST)
        return GD_OK;
    return gd_fail(err, GD_EUSAGE, "%s.%s is %zu, but %zu to %d is expected: call %s_init() first", owner, member, size,
                   first, MOST, owner);
}

gd_status gd_sized_check(const gd_sized *kind, const void *theirs, gd_error *err)
{
    if (!theirs)
        return gd_fail(err, GD_EUSAGE, "%s: NULL was given, but a struct is expected", kind->name);
    return gd_sized_check_size(kind->first, size_of(theirs), kind->name, "struct_size", err);
}

gd_status gd_sized_copy(void *own, const gd_sized *kind, const void *theirs, size_t size, gd_error *err)
{
    const unsigned char *bytes = theirs;

    memset(own, 0, kind->size);
    for (size_t i = kind->size; i < size; i++)
        if (bytes[i])
            return gd_fail(
                err, GD_EUSAGE,
                "%s: byte %zu of %zu is set, but this library, version %s, knows only %zu bytes: the program "
                "requires a later version",
                kind->name, i, size, GD_VERSION, kind->size);
    memcpy(own, theirs, size < kind->size ? size : kind->size);
    return GD_OK;
}

gd_status gd_sized_read(void *own, const gd_sized *kind, const void *theirs, gd_error *err)
{
    gd_status rc = gd_sized_check(kind, theirs, err);

    if (!rc)
        rc = gd_sized_copy(own, kind, theirs, size_of(theirs), err);
    if (!rc)
        memcpy(own, &kind->size, sizeof kind->size);
    return rc;
}

void gd_sized_fill(void *theirs, const gd_sized *kind, const void *own)
{
    const size_t size = size_of(theirs), both = size < kind->size ? size : kind->size;

    memcpy((char *)theirs + sizeof size, (const char *)own + sizeof size, both - sizeof size);
}
