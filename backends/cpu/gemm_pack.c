/* gemm_pack.c - operands in the order in which the kernels read them. */
#include "backends/cpu/gemm.h"

#include "base/mem.h"
#include "quant-free/convert.h"

#include <string.h>

/* k rounded up to whole pairs. */
static size_t even(size_t k) { return k + (k & 1); }

bool gd_gemm_packed_bytes(size_t n, size_t k, gd_dtype operand, size_t *bytes)
{
    return gd_add(n, GD_GEMM_PANEL - 1, &n) && gd_add(k, k & 1, &k) &&
           gd_mul(n / GD_GEMM_PANEL * GD_GEMM_PANEL, k, bytes) && gd_mul(*bytes, gd_dtype_size(operand), bytes);
}

/* `count` elements of a row from element `at` on. */
static gd_view part_of(const gd_view *view, size_t row, size_t at, size_t count)
{
    const size_t size = gd_dtype_size(view->dtype);

    return (gd_view){ .name = view->name,
                      .dtype = view->dtype,
                      .rank = 1,
                      .shape = { count },
                      .data = (const char *)gd_view_row(view, row) + at * size,
                      .bytes = count * size };
}

/* A packed block is a transposed matrix of 32-bit words: pairs of BF16, or F32. A row is read one cache line at a time,
 * so that each line of the source is read only once, even if rows are a power of two apart and compete for the same
 * cache set. */
enum { WORDS = 16, LINE = WORDS * 4, LINES_AHEAD = 4 };

typedef uint32_t four __attribute__((vector_size(16)));

static four load_four(const char *from)
{
    four v;

    memcpy(&v, from, sizeof v);
    return v;
}

/* to[j][n] = word j of row n, four by four. Processors don't prefetch 32 streams by themselves. */
static void transpose(uint32_t *to, const char *from, size_t stride)
{
    for (size_t n = 0; n < GD_GEMM_PANEL; n++)
        __builtin_prefetch(from + n * stride + (size_t)LINES_AHEAD * LINE, 0, 3);
    for (size_t n = 0; n < GD_GEMM_PANEL; n += 4, from += 4 * stride)
        for (size_t j = 0; j < WORDS; j += 4) {
            const four a = load_four(from + j * 4), b = load_four(from + stride + j * 4);
            const four c = load_four(from + 2 * stride + j * 4), d = load_four(from + 3 * stride + j * 4);
            const four ab = __builtin_shufflevector(a, b, 0, 4, 1, 5), AB = __builtin_shufflevector(a, b, 2, 6, 3, 7);
            const four cd = __builtin_shufflevector(c, d, 0, 4, 1, 5), CD = __builtin_shufflevector(c, d, 2, 6, 3, 7);
            four *column = (four *)(void *)(to + j * GD_GEMM_PANEL + n);

            column[0] = __builtin_shufflevector(ab, cd, 0, 1, 4, 5);
            column[GD_GEMM_PANEL / 4] = __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
            column[2 * GD_GEMM_PANEL / 4] = __builtin_shufflevector(AB, CD, 0, 1, 4, 5);
            column[3 * GD_GEMM_PANEL / 4] = __builtin_shufflevector(AB, CD, 2, 3, 6, 7);
        }
}

/* A line of each row: `count` elements from `at` on, of the operand type, padded with zeros; rows past the
 * matrix's end are all zeros. */
static void collect(uint32_t *lines, gd_dtype operand, const gd_view *view, size_t first, size_t at, size_t count)
{
    const size_t rows = view->shape[0] - first;

    memset(lines, 0, (size_t)GD_GEMM_PANEL * LINE);
    for (size_t n = 0; n < GD_GEMM_PANEL && n < rows; n++) {
        const gd_view part = part_of(view, first + n, at, count);

        if (operand == GD_BF16)
            gd_view_to_bf16(&part, (gd_bf16 *)(void *)(lines + n * WORDS));
        else
            gd_view_to_f32(&part, (float *)(void *)(lines + n * WORDS));
    }
}

void gd_gemm_pack_block(void *packed, gd_dtype operand, const gd_view *view, size_t panel, size_t block)
{
    const size_t size = gd_dtype_size(operand), k = view->shape[1], first = panel * GD_GEMM_PANEL, run = LINE / size;
    const size_t end = k < (block + 1) * GD_GEMM_BLOCK ? k : (block + 1) * GD_GEMM_BLOCK;
    const bool whole = view->shape[0] - first >= GD_GEMM_PANEL &&
                       gd_view_run(view, first, GD_GEMM_PANEL) == GD_GEMM_PANEL;
    const bool direct = view->dtype == operand && whole;
    const char *rows = gd_view_row(view, first);
    uint32_t lines[GD_GEMM_PANEL * WORDS], turned[WORDS * GD_GEMM_PANEL] __attribute__((aligned(64)));
    char *to = packed;

    for (size_t at = block * GD_GEMM_BLOCK; at < end; at += run, to += run * GD_GEMM_PANEL * size) {
        const size_t count = end - at < run ? end - at : run;

        if (direct && count == run) {
            transpose((uint32_t *)(void *)to, rows + at * size, k * size);
            continue;
        }
        collect(lines, operand, view, first, at, count);
        transpose(turned, (const char *)lines, LINE);
        memcpy(to, turned, even(count) * GD_GEMM_PANEL * size);
    }
}

void gd_gemm_pack_panel(void *packed, gd_dtype operand, const gd_view *view, size_t panel)
{
    const size_t k = view->shape[1], line = GD_GEMM_PANEL * gd_dtype_size(operand);
    char *to = (char *)packed + panel * even(k) * line;

    for (size_t at = 0; at < k; at += GD_GEMM_BLOCK)
        gd_gemm_pack_block(to + at * line, operand, view, panel, at / GD_GEMM_BLOCK);
}

/* 32 columns of a row from `first` on, padded with zeros; rows past the matrix's end are all zeros. */
static void read_row(void *to, gd_dtype operand, const gd_view *view, size_t row, size_t first)
{
    const size_t n = view->shape[1], left = n - first, count = left < GD_GEMM_PANEL ? left : GD_GEMM_PANEL;
    gd_view part;

    if (row >= view->shape[0] || count < GD_GEMM_PANEL)
        memset(to, 0, GD_GEMM_PANEL * gd_dtype_size(operand));
    if (row >= view->shape[0])
        return;
    part = part_of(view, row, first, count);
    if (operand == GD_BF16)
        gd_view_to_bf16(&part, to);
    else
        gd_view_to_f32(&part, to);
}

/* Two rows of 32 side by side: to[column] = the pair. */
static void pair_rows(gd_bf16 *to, const gd_bf16 *even, const gd_bf16 *odd)
{
    for (size_t c = 0; c < GD_GEMM_PANEL; c++) {
        to[2 * c] = even[c];
        to[2 * c + 1] = odd[c];
    }
}

void gd_gemm_turn_block(void *packed, gd_dtype operand, const gd_view *view, size_t panel, size_t block)
{
    const size_t k = view->shape[0], n = view->shape[1], first = panel * GD_GEMM_PANEL;
    const size_t end = even(k < (block + 1) * GD_GEMM_BLOCK ? k : (block + 1) * GD_GEMM_BLOCK);
    const bool direct = operand == GD_BF16 && view->dtype == GD_BF16 && n - first >= GD_GEMM_PANEL;
    gd_bf16 rows[2][GD_GEMM_PANEL];
    char *to = packed;

    for (size_t at = block * GD_GEMM_BLOCK; at < end; at += 2) {
        if (operand == GD_F32) {
            read_row(to, operand, view, at, first);
            read_row(to + GD_GEMM_PANEL * sizeof(float), operand, view, at + 1, first);
            to += 2 * GD_GEMM_PANEL * sizeof(float);
            continue;
        }
        for (size_t i = 0; i < 2; i++)
            if (direct && at + i < k)
                memcpy(rows[i], (const char *)gd_view_row(view, at + i) + first * sizeof(gd_bf16), sizeof rows[i]);
            else
                read_row(rows[i], operand, view, at + i, first);
        pair_rows((gd_bf16 *)(void *)to, rows[0], rows[1]);
        to += 2 * GD_GEMM_PANEL * sizeof(gd_bf16);
    }
}

void gd_gemm_turn_panel(void *packed, gd_dtype operand, const gd_view *view, size_t panel)
{
    const size_t k = view->shape[0], line = GD_GEMM_PANEL * gd_dtype_size(operand);
    char *to = (char *)packed + panel * even(k) * line;

    for (size_t at = 0; at < k; at += GD_GEMM_BLOCK)
        gd_gemm_turn_block(to + at * line, operand, view, panel, at / GD_GEMM_BLOCK);
}

size_t gd_gemm_rows_bytes(size_t m, size_t k)
{
    const size_t blocks = (k + GD_GEMM_BLOCK - 1) / GD_GEMM_BLOCK;

    return blocks * m * GD_GEMM_BLOCK * sizeof(float);
}

/* Sixteen at a time: with a length known to the compiler it is two and a half times as fast. */
static void widen(float *to, const gd_bf16 *from, size_t count)
{
    size_t i = 0;

    for (; i + 16 <= count; i += 16)
        for (size_t j = i; j < i + 16; j++)
            to[j] = gd_bf16_to_f32(from[j]);
    for (; i < count; i++)
        to[i] = gd_bf16_to_f32(from[i]);
}

/* A memcpy of at most 1 KiB; GCC would use a string instruction, which takes three times as long. */
static void copy(char *to, const char *from, size_t bytes)
{
    size_t i = 0;

    for (; i + 64 <= bytes; i += 64)
        memcpy(to + i, from + i, 64);
    for (; i < bytes; i++)
        to[i] = from[i];
}

/* One row's part of one block. */
static void pack_part(gd_dtype operand, gd_dtype form, void *to, const void *x, size_t at, size_t count)
{
    if (operand == form) {
        copy(to, (const char *)x + at * gd_dtype_size(form), count * gd_dtype_size(form));
    } else {
        widen(to, (const gd_bf16 *)x + at, count);
    }
    if (count & 1)
        memset((char *)to + count * gd_dtype_size(form), 0, gd_dtype_size(form));
}

/* Pairs must be whole, and should be aligned.  A tile reads a pair from each of its rows, a dozen or so: rows a
 * multiple of 2 KiB apart would compete for too few cache sets. */
bool gd_gemm_reads(const gd_gemm_kernel *kernel, size_t stride, size_t k)
{
    return kernel->anywhere && k % 2 == 0 && stride % 2 == 0 && stride * gd_dtype_size(kernel->rows) % 2048 != 0;
}

gd_gemm_rows gd_gemm_rows_there(const void *x, size_t stride)
{
    return (gd_gemm_rows){ .at = x, .stride = stride, .block = GD_GEMM_BLOCK };
}

gd_gemm_rows gd_gemm_rows_packed(const void *packed, size_t m)
{
    return (gd_gemm_rows){ .at = packed, .stride = GD_GEMM_BLOCK, .block = m * GD_GEMM_BLOCK };
}

void gd_gemm_pack_rows(const gd_gemm_kernel *kernel, void *packed, const void *x, size_t stride, size_t m, size_t k,
                       size_t first, size_t count)
{
    const size_t line = GD_GEMM_BLOCK * gd_dtype_size(kernel->rows);

    for (size_t at = 0; at < k; at += GD_GEMM_BLOCK) {
        const size_t here = k - at < GD_GEMM_BLOCK ? k - at : GD_GEMM_BLOCK;
        char *to = (char *)packed + (at / GD_GEMM_BLOCK * m + first) * line;

        for (size_t i = first; i < first + count; i++, to += line)
            pack_part(kernel->operand, kernel->rows, to, x, i * stride + at, here);
    }
}
