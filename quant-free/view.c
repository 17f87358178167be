/* view.c - names of types. */
#include "quant-free/view.h"

const char *gd_dtype_name(gd_dtype t)
{
    static const char *const names[] = { "BF16", "F32", "F16" };

    return names[t];
}
