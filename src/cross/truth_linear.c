/* truth_linear.c - linears: a matrix, a bias, an adapter. */
#include "cross/truth_inside.h"

#include "base/mem.h"
#include "quant-free/convert.h"

/* The line, and a row of a matrix as operands; both in whole chunks, whose rest is zero. */
struct lines {
    double *x;
    void *row;
    double all;    /* the sum of |x| */
    double *small; /* what of x is denormal, or NULL if nothing is */
    size_t n;
};

static void lines_close(struct lines *l)
{
    gd_free(l->x);
    gd_free(l->row);
    gd_free(l->small);
}

static bool lines_open(struct lines *l, size_t n)
{
    const size_t room = gd_truth_room(n);

    *l = (struct lines){ .x = gd_alloc_zero(room, sizeof *l->x), .row = gd_alloc_zero(room, sizeof(float)), .n = n };
    return l->x && l->row;
}

static bool is_small(double x) { return x != 0 && __builtin_fabs(x) < 0x1p-126; }

/* After x is filled. Denormals are rare: only then is there an array of them. False without memory. */
static bool find_small(struct lines *l)
{
    size_t count = 0;

    for (size_t i = 0; i < l->n; i++) {
        l->all += __builtin_fabs(l->x[i]);
        count += is_small(l->x[i]);
    }
    if (count == 0)
        return true;
    l->small = gd_alloc_zero(gd_truth_room(l->n), sizeof *l->small);
    for (size_t i = 0; l->small && i < l->n; i++)
        l->small[i] = is_small(l->x[i]) ? l->x[i] : 0;
    return l->small;
}

/* The product with row `which` of a matrix, whose numbers are rounded once to the operand type. */
static gd_known product_with(const gd_truth_rule *rule, const struct lines *l, const gd_view *matrix, size_t which)
{
    gd_products p;
    double flushed;

    if (rule->operand == GD_F32)
        gd_view_rows_to_f32(matrix, which, 1, l->row);
    else
        gd_view_rows_to_bf16(matrix, which, 1, l->row);
    p = gd_truth_products(l->x, l->row, rule->operand, l->n);
    /* Denormal weights, inputs and sums may count as zero. */
    flushed = GD_FLUSHED * (l->all + (double)(l->n + 2));
    if (l->small)
        flushed += 2 * gd_truth_products(l->small, l->row, rule->operand, l->n).size;
    return (gd_known){ p.value, gd_truth_dot_error(rule, l->n) * p.size + flushed };
}

/* The adapter's inner values, each with the bound that its own sum and its rounding to the operand type have. */
struct inner {
    struct lines values;
    double *bound;
};

static void inner_close(struct inner *in)
{
    lines_close(&in->values);
    gd_free(in->bound);
}

static bool inner_open(struct inner *in, const gd_truth_rule *rule, const struct lines *x, const gd_lora *lora)
{
    in->bound = gd_alloc_zero(gd_truth_room(lora->rank), sizeof *in->bound);
    if (!lines_open(&in->values, lora->rank) || !in->bound)
        return false;
    for (size_t r = 0; r < lora->rank; r++) {
        const gd_known t = gd_truth_operand(rule->operand, product_with(rule, x, lora->a, r));

        in->values.x[r] = t.value;
        in->bound[r] = t.bound;
    }
    return find_small(&in->values);
}

/* y + scale * (row `which` of B) . inner values. */
static gd_known with_adapter(const gd_truth_job *job, const struct inner *in, gd_known y, size_t which)
{
    const gd_lora *lora = &job->weights->lora;
    const double scale = (double)lora->scale;
    gd_known l = product_with(job->rule, &in->values, lora->b, which);
    /* The row of B is still in values.row.  The engine's sum is over its own inner values, whose magnitudes are larger
     * by up to their bounds. */
    const double carried = gd_truth_products(in->bound, in->values.row, job->rule->operand, lora->rank).size;

    l.bound += carried * (1.0 + gd_truth_dot_error(job->rule, lora->rank));
    if (job->rule->any_order) /* nor is the product with the scale fused there */
        l.bound += (__builtin_fabs(l.value) + l.bound) * GD_UNIT;
    y.value += scale * l.value;
    y.bound += __builtin_fabs(scale) * l.bound;
    return gd_truth_rounded(y);
}

static void columns(const gd_truth_job *job, const struct lines *x, const struct inner *inner)
{
    const gd_view *bias = job->weights->w[1];

    for (size_t i = 0; i < job->line->out_cols; i++) {
        gd_known y = product_with(job->rule, x, job->weights->w[0], i);

        if (bias) {
            double b;

            gd_truth_read((const char *)bias->data + i * gd_dtype_size(bias->dtype), bias->dtype, 1, &b);
            y.value += b;
            y = gd_truth_rounded(y);
        }
        if (inner)
            y = with_adapter(job, inner, y, i);
        gd_truth_put(job, i, y);
    }
}

bool gd_truth_linear(const gd_truth_job *job)
{
    const gd_truth_line *line = job->line;
    const gd_lora *lora = &job->weights->lora;
    struct lines x;
    struct inner inner = { 0 };
    bool ok = lines_open(&x, line->in_cols[0]);

    if (ok) {
        gd_truth_read(line->in[0], line->in_dtype[0], x.n, x.x);
        ok = find_small(&x);
    }
    if (ok && lora->rank)
        ok = inner_open(&inner, job->rule, &x, lora);
    if (ok)
        columns(job, &x, lora->rank ? &inner : NULL);
    inner_close(&inner);
    lines_close(&x);
    return ok;
}
