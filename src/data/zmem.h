/* zmem.h - zlib's memory from gd_alloc, so that fault tests reach it. */
#ifndef GD_DATA_ZMEM_H
#define GD_DATA_ZMEM_H

#include "base/mem.h"

#include <zlib.h>

static inline voidpf gd_z_alloc(voidpf unused, uInt count, uInt size)
{
    (void)unused;
    return gd_alloc(count, size);
}

static inline void gd_z_free(voidpf unused, voidpf p)
{
    (void)unused;
    gd_free(p);
}

#endif
