/* view.c - names of types; rows; releasing pages that are no longer needed. */
#include "quant-free/view.h"

#include "base/file.h"

const char *gd_dtype_name(gd_dtype t)
{
    static const char *const names[] = { "BF16", "F32", "F16" };

    return names[t];
}

size_t gd_view_row_bytes(const gd_view *view)
{
    size_t bytes = gd_dtype_size(view->dtype);

    for (unsigned i = 1; i < view->rank; i++)
        bytes *= view->shape[i]; /* cannot overflow: the reader checked the product against the file's size */
    return bytes;
}

const void *gd_view_row(const gd_view *view, size_t row)
{
    const size_t at = view->block ? row / view->block * view->apart + row % view->block : row;

    return (const char *)view->data + at * gd_view_row_bytes(view);
}

size_t gd_view_run(const gd_view *view, size_t row, size_t most)
{
    const size_t run = view->block ? view->block - row % view->block : most;

    return run < most ? run : most;
}

size_t gd_view_span(const gd_view *view)
{
    const size_t rows = view->rank ? view->shape[0] : 1;

    if (!view->block || !rows)
        return view->bytes;
    return (size_t)((const char *)gd_view_row(view, rows - 1) - (const char *)view->data) + gd_view_row_bytes(view);
}

gd_view gd_view_cut(const gd_view *view, size_t first, size_t block, size_t apart, size_t blocks)
{
    gd_view part = *view;

    part.data = gd_view_row(view, first);
    part.shape[0] = block * blocks;
    part.bytes = part.shape[0] * gd_view_row_bytes(view);
    part.block = blocks > 1 ? block : 0;
    part.apart = blocks > 1 ? apart : 0;
    return part;
}

/* Of rows in blocks, the pages between them go as well, and are read again by whoever needs them. */
void gd_view_release(const gd_view *view, size_t from, size_t bytes)
{
    const size_t row = view->block && bytes ? gd_view_row_bytes(view) : 0;
    const char *begin = (const char *)view->data + from, *end = begin + bytes;

    if (row) {
        begin = gd_view_row(view, from / row);
        end = (const char *)gd_view_row(view, (from + bytes - 1) / row) + row;
    }
    if (view->mapped)
        gd_pages_release(begin, (size_t)(end - begin));
}
