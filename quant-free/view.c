/* view.c - names of types; releasing pages that are no longer needed. */
#include "quant-free/view.h"

#include "base/file.h"

const char *gd_dtype_name(gd_dtype t)
{
    static const char *const names[] = { "BF16", "F32", "F16" };

    return names[t];
}

void gd_view_release(const gd_view *view, size_t from, size_t bytes)
{
    if (view->mapped)
        gd_pages_release((const char *)view->data + from, bytes);
}
