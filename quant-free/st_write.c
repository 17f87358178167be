/* st_write.c - writes a safetensors file. */
#include "quant-free/st_write.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "quant-free/safetensors.h"

#include <stdlib.h>
#include <string.h>

enum { LENGTH = 8 }; /* of the header's length */

static int by_place(const void *a, const void *b)
{
    const gd_view *x = *(const gd_view *const *)a, *y = *(const gd_view *const *)b;
    const size_t wide_x = gd_dtype_size(x->dtype), wide_y = gd_dtype_size(y->dtype);

    if (wide_x != wide_y)
        return wide_x > wide_y ? -1 : 1;
    return strcmp(x->name, y->name);
}

void gd_st_sort(const gd_view **views, size_t count) { qsort(views, count, sizeof *views, by_place); }

static void add_tensor(gd_buf *b, const gd_view *view, uint64_t at)
{
    gd_buf_str(b, ",");
    gd_buf_json_string(b, view->name, strlen(view->name));
    gd_buf_printf(b, ":{\"dtype\":\"%s\",\"shape\":[", gd_dtype_name(view->dtype));
    for (unsigned i = 0; i < view->rank; i++)
        gd_buf_printf(b, "%s%zu", i ? "," : "", view->shape[i]);
    gd_buf_printf(b, "],\"data_offsets\":[%llu,%llu]}", (unsigned long long)at, (unsigned long long)(at + view->bytes));
}

/* The length is put in front once it is known. */
static uint64_t make_header(gd_buf *b, const gd_view *const *views, size_t count)
{
    uint64_t at = 0;

    gd_buf_bytes(b, "\0\0\0\0\0\0\0", LENGTH);
    gd_buf_str(b, "{\"__metadata__\":{\"format\":\"pt\"}");
    for (size_t i = 0; i < count; i++) {
        add_tensor(b, views[i], at);
        at += views[i]->bytes;
    }
    gd_buf_str(b, "}");
    while (!b->failed && b->len % 8)
        gd_buf_str(b, " ");
    for (size_t i = 0; !b->failed && i < LENGTH; i++)
        b->data[i] = (char)(unsigned char)((uint64_t)(b->len - LENGTH) >> 8 * i);
    return at;
}

gd_status gd_st_write_begin(gd_newdir *dir, const char *name, const gd_view *const *views, size_t count, gd_error *err)
{
    gd_buf header = { 0 };
    const uint64_t bytes = make_header(&header, views, count);
    gd_status rc = GD_OK;

    if (header.failed)
        rc = gd_fail_memory(err, header.len);
    else if (count > GD_ST_TENSORS_MAX || header.len - LENGTH > GD_ST_HEADER_MAX)
        rc = gd_fail(err, GD_EUNSUPPORTED, "%s: %zu tensors with a header of %zu bytes are more than readers accept",
                     name, count, header.len - LENGTH);
    if (!rc)
        rc = gd_newdir_begin(dir, name, header.len + bytes, err);
    if (!rc)
        rc = gd_newdir_write(dir, header.data, header.len, err);
    gd_buf_free(&header);
    return rc;
}
