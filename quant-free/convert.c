/* convert.c - the numbers of a view as float32 or bf16. */
#include "quant-free/convert.h"

#include <assert.h>
#include <math.h>

size_t gd_view_elements(const gd_view *view) { return view->bytes / gd_dtype_size(view->dtype); }

size_t gd_view_row_elements(const gd_view *view) { return gd_view_row_bytes(view) / gd_dtype_size(view->dtype); }

static uint16_t get16(const unsigned char *p)
{
    uint16_t h;

    memcpy(&h, p, 2);
    return h;
}

static float get(gd_dtype type, const unsigned char *p)
{
    float f;

    if (type == GD_BF16)
        return gd_bf16_to_f32(get16(p));
    if (type == GD_F16)
        return gd_f16_to_f32(get16(p));
    memcpy(&f, p, 4);
    return f;
}

static void to_f32(gd_dtype type, const unsigned char *from, size_t n, float *to)
{
    const size_t size = gd_dtype_size(type);

    if (n && type == GD_F32) {
        memcpy(to, from, n * 4);
        return;
    }
    for (size_t i = 0; i < n; i++)
        to[i] = get(type, from + i * size);
}

/* Sixteen at a time: with a length known to the compiler it is several times as fast. */
static void round_f32(const unsigned char *from, size_t n, gd_bf16 *to)
{
    float part[16];
    size_t i = 0;

    for (; i + 16 <= n; i += 16) {
        memcpy(part, from + i * sizeof(float), sizeof part);
        for (size_t j = 0; j < 16; j++)
            to[i + j] = gd_bf16_from_f32(part[j]);
    }
    for (; i < n; i++)
        to[i] = gd_bf16_from_f32(get(GD_F32, from + i * sizeof(float)));
}

static void to_bf16(gd_dtype type, const unsigned char *from, size_t n, gd_bf16 *to)
{
    const size_t size = gd_dtype_size(type);

    if (n && type == GD_BF16) {
        memcpy(to, from, n * 2);
        return;
    }
    if (type == GD_F32) {
        round_f32(from, n, to);
        return;
    }
    for (size_t i = 0; i < n; i++)
        to[i] = gd_bf16_from_f32(get(type, from + i * size));
}

static void check_rows(const gd_view *view, size_t first, size_t count)
{
    const size_t rows = view->rank ? view->shape[0] : 1;

    assert(first <= rows && count <= rows - first);
    (void)rows;
}

void gd_view_to_f32(const gd_view *view, float *to)
{
    if (view->block)
        gd_view_rows_to_f32(view, 0, view->shape[0], to);
    else
        to_f32(view->dtype, view->data, gd_view_elements(view), to);
}

void gd_view_to_bf16(const gd_view *view, gd_bf16 *to)
{
    if (view->block)
        gd_view_rows_to_bf16(view, 0, view->shape[0], to);
    else
        to_bf16(view->dtype, view->data, gd_view_elements(view), to);
}

void gd_view_rows_to_f32(const gd_view *view, size_t first, size_t count, float *to)
{
    const size_t n = gd_view_row_elements(view);

    check_rows(view, first, count);
    for (size_t run; count > 0; first += run, count -= run, to += run * n) {
        run = gd_view_run(view, first, count);
        to_f32(view->dtype, gd_view_row(view, first), run * n, to);
    }
}

void gd_view_rows_to_bf16(const gd_view *view, size_t first, size_t count, gd_bf16 *to)
{
    const size_t n = gd_view_row_elements(view);

    check_rows(view, first, count);
    for (size_t run; count > 0; first += run, count -= run, to += run * n) {
        run = gd_view_run(view, first, count);
        to_bf16(view->dtype, gd_view_row(view, first), run * n, to);
    }
}

bool gd_f32_to_type(gd_dtype type, const float *from, size_t n, void *to)
{
    /* the least value that rounds to infinity: half a step beyond the largest number */
    const float over = type == GD_F16 ? 65520.0f : type == GD_BF16 ? 0x1.FFp127f : INFINITY;
    unsigned char *p = to;
    bool good = true;

    for (size_t i = 0; i < n; i++) {
        const uint16_t half = type == GD_F16 ? gd_f16_from_f32(from[i]) : gd_bf16_from_f32(from[i]);

        good &= fabsf(from[i]) < over; /* false for NaN */
        if (type == GD_F32)
            memcpy(p + i * 4, &from[i], 4);
        else
            memcpy(p + i * 2, &half, 2);
    }
    return good;
}

bool gd_view_finite(const gd_view *view)
{
    const size_t n = gd_view_elements(view), size = gd_dtype_size(view->dtype);
    const unsigned char *p = view->data;

    for (size_t i = 0; i < n; i++) {
        if (!isfinite(get(view->dtype, p + i * size)))
            return false;
    }
    return true;
}

bool gd_view_all_zero(const gd_view *view)
{
    const size_t n = gd_view_elements(view), size = gd_dtype_size(view->dtype);
    const unsigned char *p = view->data;

    for (size_t i = 0; i < n; i++) {
        if (get(view->dtype, p + i * size) != 0.0f)
            return false;
    }
    return true;
}
