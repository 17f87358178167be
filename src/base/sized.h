/* sized.h - the public structs that grow, between a program and a library of different versions.
 *
 * The library works on structs of its own, whole ones.  What a program compiled earlier lacks is zero in them, the
 * default of every member; what a program compiled later has on top must be zero, or it asks for something that this
 * library cannot do.  New members go to the end, without holes in front of them or after them: a hole's bytes are
 * anybody's, and could neither be read as a member nor be required to be zero. */
#ifndef GD_BASE_SIZED_H
#define GD_BASE_SIZED_H

#include "guerdon.h"

typedef struct gd_sized {
    const char *name; /* the struct's; NAME_init() is what makes one */
    size_t first;     /* bytes of its first version: less than that is nobody's */
    size_t size;      /* bytes that this library knows */
} gd_sized;

/* `last` is the first version's last member, for good. */
#define GD_SIZED(type, last)                                                                             \
    {                                                                                                    \
        .name = #type, .first = offsetof(type, last) + sizeof((type *)NULL)->last, .size = sizeof(type), \
    }

/* Zeros `size` bytes, the caller's struct, and notes the size in them. */
void gd_sized_init(void *theirs, size_t size);

/* Whether `size`, which the caller's owner->member says, is one that a version of a struct may have, whose first one
 * had `first` bytes; GD_EUSAGE. */
gd_status gd_sized_check_size(size_t first, size_t size, const char *owner, const char *member, gd_error *err);

/* The same of a struct's own; also for NULL. */
gd_status gd_sized_check(const gd_sized *kind, const void *theirs, gd_error *err);

/* Copies what the caller set in a struct of `size` bytes, which was checked, into one of our own. */
gd_status gd_sized_copy(void *own, const gd_sized *kind, const void *theirs, size_t size, gd_error *err);

/* Checks, and copies what the caller set into a struct of our own. */
gd_status gd_sized_read(void *own, const gd_sized *kind, const void *theirs, gd_error *err);

/* Fills the caller's struct, which was checked, from a whole one of ours, as far as both sides know it. */
void gd_sized_fill(void *theirs, const gd_sized *kind, const void *own);

#endif
