/* sized.h - the public structs that grow, between a program and a library of different versions.
 *
 * The library works on its own, complete structs.  Members that an earlier program lacks are zero in them, the default
 * of every member; additional members of a later program must be zero, or it requires something that this library
 * cannot do.  New members go to the end, without padding before or after them: the bytes of padding are undefined, and
 * could neither be read as a member nor be required to be zero. */
#ifndef GD_BASE_SIZED_H
#define GD_BASE_SIZED_H

#include "guerdon.h"

typedef struct gd_sized {
    const char *name; /* of the struct; NAME_init() initialises one */
    size_t first;     /* size of its first version, the smallest that there can be */
    size_t size;      /* size that this library knows */
} gd_sized;

/* `last` is the last member of the first version, and never changes. */
#define GD_SIZED(type, last)                                                                             \
    {                                                                                                    \
        .name = #type, .first = offsetof(type, last) + sizeof((type *)NULL)->last, .size = sizeof(type), \
    }

/* Zeros the caller's struct of `size` bytes, and sets its struct_size. */
void gd_sized_init(void *theirs, size_t size);

/* Checks that `size`, given by the caller in owner->member, is possible for a struct whose first version had `first`
 * bytes; GD_EUSAGE if not. */
gd_status gd_sized_check_size(size_t first, size_t size, const char *owner, const char *member, gd_error *err);

/* The same for the struct_size of a struct; also refuses NULL. */
gd_status gd_sized_check(const gd_sized *kind, const void *theirs, gd_error *err);

/* Copies the caller's struct, whose `size` was checked, into one of ours. */
gd_status gd_sized_copy(void *own, const gd_sized *kind, const void *theirs, size_t size, gd_error *err);

/* Checks the caller's struct and copies it into one of ours. */
gd_status gd_sized_read(void *own, const gd_sized *kind, const void *theirs, gd_error *err);

/* Fills the caller's struct, which was checked, from one of ours, up to the size that both sides know. */
void gd_sized_fill(void *theirs, const gd_sized *kind, const void *own);

#endif
