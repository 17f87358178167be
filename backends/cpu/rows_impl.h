/* rows_impl.h - the kernels of rows.h, written once for 16 lanes.  Included by the file of each instruction set, after
 * its lanes_*.h, with GD_ROWS (the table's name), GD_ROWS_NAME and GD_ROWS_NEEDS defined. */
#include "backends/cpu/lanes.h"
#include "backends/cpu/math.h"
#include "backends/cpu/rows.h"
#include "backends/cpu/attention_impl.h"
#include "backends/cpu/back_impl.h"
#include "backends/cpu/attention_back_impl.h"
#include "backends/cpu/outer_impl.h"

static void row_embedding(size_t n, const void *row, gd_dtype row_type, float scale, void *out, gd_dtype type)
{
    const v16 factor = v_set(scale);

    for (size_t i = 0; i < n; i += 16)
        v_write(out, type, i, n - i, v_mul(v_read(row, row_type, i, n - i), factor));
}

static void row_rms_norm(size_t n, const float *x, const float *w, float eps, bool unit_offset, void *out,
                         gd_dtype type)
{
    const v16 offset = v_set(1.0f);
    v16 squares = v_zero(), r;

    for (size_t i = 0; i < n; i += 16) {
        const v16 v = v_load_some(x + i, n - i);

        squares = v_fma(v, v, squares);
    }
    r = v_set(1.0f / __builtin_sqrtf(v_sum(squares) / (float)n + eps));
    for (size_t i = 0; i < n; i += 16) {
        v16 factor = v_load_some(w + i, n - i);

        if (unit_offset)
            factor = v_add(offset, factor);
        v_write(out, type, i, n - i, v_mul(v_mul(v_load_some(x + i, n - i), r), factor));
    }
}

/* One head. back: by the same angles in the other direction. */
INLINE void rotate(size_t head_dim, size_t rotary, const float *x, const float *cos_row, const float *sin_row,
                   bool back, void *out, gd_dtype type)
{
    const size_t half = rotary / 2;

    for (size_t i = 0; i < half; i += 16) {
        const size_t left = half - i;
        const v16 a = v_load_some(x + i, left), b = v_load_some(x + half + i, left);
        const v16 sine = v_load_some(sin_row + i, left), s = back ? v_negate(sine) : sine;
        const v16 c = v_load_some(cos_row + i, left);

        v_write(out, type, i, left, v_fma(a, c, v_negate(v_mul(b, s))));
        v_write(out, type, half + i, left, v_fma(b, c, v_mul(a, s)));
    }
    for (size_t i = rotary; i < head_dim; i += 16)
        v_write(out, type, i, head_dim - i, v_load_some(x + i, head_dim - i));
}

static void row_rope(size_t heads, size_t head_dim, size_t rotary, const float *x, const float *cos_row,
                     const float *sin_row, void *out, gd_dtype type)
{
    for (size_t at = 0; at < heads * head_dim; at += head_dim)
        rotate(head_dim, rotary, x + at, cos_row, sin_row, false, (char *)out + at * gd_dtype_size(type), type);
}

static void row_rope_back(size_t heads, size_t head_dim, size_t rotary, const float *dy, const float *cos_row,
                          const float *sin_row, void *dx, gd_dtype type)
{
    for (size_t at = 0; at < heads * head_dim; at += head_dim)
        rotate(head_dim, rotary, dy + at, cos_row, sin_row, true, (char *)dx + at * gd_dtype_size(type), type);
}

INLINE v16 activate(gd_activation act, v16 g) { return act == GD_ACT_SILU ? v_silu(g) : v_gelu_tanh(g); }

/* Two vectors at a time: one alone is a chain of dependent operations, and the next is too far away in the instruction
 * stream to overlap with it. */
INLINE void gated_row(size_t n, gd_activation act, const float *gate, const float *up, void *out, gd_dtype type)
{
    size_t i = 0;

    for (; i + 32 <= n; i += 32) {
        const v16 a = activate(act, v_load(gate + i)), b = activate(act, v_load(gate + i + 16));
        const v16 x = v_mul(a, v_load(up + i)), y = v_mul(b, v_load(up + i + 16));

        v_write(out, type, i, 16, x);
        v_write(out, type, i + 16, 16, y);
    }
    for (; i < n; i += 16)
        v_write(out, type, i, n - i, v_mul(activate(act, v_load_some(gate + i, n - i)), v_load_some(up + i, n - i)));
}

/* First, since the output may overwrite an input. */
INLINE void gated_keep(const gd_gated_job *job, size_t r, gd_dtype type)
{
    const size_t at = r * job->kept_stride * gd_dtype_size(type), n = job->cols;
    const float *gate = job->gate + r * job->in_stride, *up = job->up + r * job->in_stride;

    for (size_t i = 0; i < n; i += 16) {
        v_write((char *)job->kept[0] + at, type, i, n - i, v_load_some(gate + i, n - i));
        v_write((char *)job->kept[1] + at, type, i, n - i, v_load_some(up + i, n - i));
    }
}

INLINE void gated_rows(const gd_gated_job *job, gd_activation act, gd_dtype type)
{
    for (size_t r = 0; r < job->rows; r++) {
        if (job->kept[0])
            gated_keep(job, r, type);
        gated_row(job->cols, act, job->gate + r * job->in_stride, job->up + r * job->in_stride,
                  (char *)job->out + r * job->out_stride * gd_dtype_size(type), type);
    }
}

static void row_gated(const gd_gated_job *job)
{
    if (job->act == GD_ACT_SILU && job->type == GD_BF16)
        gated_rows(job, GD_ACT_SILU, GD_BF16);
    else if (job->act == GD_ACT_SILU)
        gated_rows(job, GD_ACT_SILU, GD_F32);
    else
        gated_rows(job, GD_ACT_GELU_TANH, job->type);
}

static void row_add(size_t n, const float *x, const float *y, void *out, gd_dtype type)
{
    for (size_t i = 0; i < n; i += 16)
        v_write(out, type, i, n - i, v_add(v_load_some(x + i, n - i), v_load_some(y + i, n - i)));
}

static void row_copy(size_t n, const void *x, gd_dtype x_type, void *out, gd_dtype type)
{
    for (size_t i = 0; i < n; i += 16)
        v_write(out, type, i, n - i, v_read(x, x_type, i, n - i));
}

static float row_dot(size_t n, const float *x, const float *w)
{
    v16 sum = v_zero();

    for (size_t i = 0; i < n; i += 16)
        sum = v_fma(v_load_some(x + i, n - i), v_load_some(w + i, n - i), sum);
    return v_sum(sum);
}

static void row_exp(size_t n, const float *x, float *y)
{
    for (size_t i = 0; i < n; i += 16)
        v_store_some(y + i, n - i, v_exp(v_load_some(x + i, n - i)));
}

static void row_tanh(size_t n, const float *x, float *y)
{
    for (size_t i = 0; i < n; i += 16)
        v_store_some(y + i, n - i, v_tanh(v_load_some(x + i, n - i)));
}

const gd_row_kernels GD_ROWS = {
    .name = GD_ROWS_NAME,
    .needs = GD_ROWS_NEEDS,
    .embedding = row_embedding,
    .rms_norm = row_rms_norm,
    .rope = row_rope,
    .attention = row_attention,
    .gated = row_gated,
    .add = row_add,
    .rms_norm_back = row_rms_norm_back,
    .rope_back = row_rope_back,
    .axpy = row_axpy,
    .norm_weight = row_norm_weight,
    .gated_back = row_gated_back,
    .query_back = row_query_back,
    .key_back = row_key_back,
    .pack_outer = row_pack_outer,
    .outer = row_outer,
    .copy = row_copy,
    .dot = row_dot,
    .exp = row_exp,
    .tanh = row_tanh,
};
