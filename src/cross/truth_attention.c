/* truth_attention.c - attention: softmax over the keys that a row sees, and the sum of their values.
 *
 * The engine's softmax is online: it multiplies a weight exp(s - m) by exp(m - m') whenever the maximum rises, and the
 * product is exp(s - m'') for the last maximum m'', whatever the others were.  So the truth needs no blocks; the bounds
 * count how many of them come after a key's. */
#include "cross/truth_inside.h"

#include "base/mem.h"
#include "base/realmath.h"

enum { BLOCK = 64 };

/* One query head. */
struct head {
    const gd_truth_job *job;
    size_t dim;
    size_t kv;                /* where the head's part of a key or value begins, in bytes */
    size_t begin, end;        /* the positions that the query sees */
    double *query, *key;      /* [dim] */
    double *logit, *doubt;    /* [end]: and how far the engine's logit may be from it */
    double *weight, *sway;    /* [end]: exp(logit - largest); its relative error as a part of the result's sum */
    double *sum, *size, *all; /* [dim]: of weighted values; of the bounds of each; of the values' magnitudes */
    double largest, most;     /* of the logits, of the doubts */
    double total, total_sway; /* of the weights, and the bound of its error */
};

static bool head_open(struct head *h, const gd_truth_job *job)
{
    const gd_op_params *p = job->params;
    const size_t end = (size_t)job->line->position + 1, dim = p->head_dim;
    double *room = gd_alloc(4 * end + 5 * dim, sizeof *room);

    *h = (struct head){ .job = job, .dim = dim, .end = end, .query = room };
    if (!room)
        return false;
    h->begin = p->window && end > p->window ? end - p->window : 0;
    h->key = room + dim;
    h->sum = h->key + dim;
    h->size = h->sum + dim;
    h->all = h->size + dim;
    h->logit = h->all + dim;
    h->doubt = h->logit + end;
    h->weight = h->doubt + end;
    h->sway = h->weight + end;
    return true;
}

/* The head's part of a line of keys or values, which are operands. */
static void read_part(const struct head *h, const void *line, double *to)
{
    gd_truth_read((const char *)line + h->kv, h->job->rule->operand, h->dim, to);
}

/* c * tanh(s / c): the slope of tanh is at most 1, so what s may be off passes, and the quotient's rounding; then there
 * are tanh's own error (1.34 ULP, 2.7 units) and the product's. */
static gd_known capped(gd_known s, double c)
{
    const double value = c * gd_truth_tanh(s.value / c);

    s.bound += (__builtin_fabs(s.value) + s.bound) * 1.01 * GD_UNIT;
    s.bound += 4 * GD_UNIT * (__builtin_fabs(value) + s.bound) + GD_FLUSHED * (c + 1.0);
    s.value = value;
    return s;
}

static void logit(struct head *h, size_t position)
{
    const gd_op_params *p = h->job->params;
    double value = 0, size = 0, operands = 0, scale = (double)p->scale;
    gd_known s;

    read_part(h, h->job->line->keys[position], h->key);
    for (size_t d = 0; d < h->dim; d++) {
        value += h->query[d] * h->key[d];
        size += __builtin_fabs(h->query[d] * h->key[d]);
        operands += __builtin_fabs(h->query[d]) + __builtin_fabs(h->key[d]);
    }
    s.value = value * scale;
    s.bound = __builtin_fabs(scale) *
              (gd_truth_dot_error(h->job->rule, h->dim) * size + GD_FLUSHED * (operands + (double)(h->dim + 3)));
    s = gd_truth_rounded(s);
    if (p->softcap != 0.0f)
        s = capped(s, (double)p->softcap);
    h->logit[position] = s.value;
    h->doubt[position] = s.bound;
    if (position == h->begin || s.value > h->largest)
        h->largest = s.value;
    if (position == h->begin || s.bound > h->most)
        h->most = s.bound;
}

/* Relative errors are added as logarithms: |(1 + a)(1 + b) .. - 1| <= exp(|a| + |b| + ..) - 1. */
static void weigh(struct head *h, size_t position)
{
    const gd_truth_rule *rule = h->job->rule;
    const size_t later = (h->end - 1) / BLOCK - position / BLOCK;
    const double below = h->largest - h->logit[position];
    const double products = gd_truth_dot_error(rule, h->end < BLOCK ? h->end : BLOCK);
    double error = h->doubt[position];

    /* s - m, and the differences of later maxima, are rounded in proportion to themselves: together they are the last
     * maximum minus s. */
    error += 1.01 * GD_UNIT * (below + 2 * h->most);
    error += 2 * GD_UNIT * (double)(1 + later); /* the exps, 0.99 ULP each */
    error += GD_UNIT * (double)later;           /* l = fma(l, c, ..) and o = fma(o, c, ..) */
    h->weight[position] = gd_real_exp(-below);
    h->total += h->weight[position];
    h->total_sway += h->weight[position] * gd_truth_growth(error + 10 * GD_UNIT); /* 64 places, by lanes; fma */
    error += products + GD_UNIT + (rule->operand == GD_BF16 ? 0x1p-8 : 0);        /* fma; the weight as an operand */
    h->sway[position] = gd_truth_growth(error);
}

static void add_value(struct head *h, size_t position)
{
    read_part(h, h->job->line->values[position], h->key);
    for (size_t d = 0; d < h->dim; d++) {
        const double part = h->weight[position] * h->key[d];

        h->sum[d] += part;
        h->size[d] += __builtin_fabs(part) * h->sway[position];
        h->all[d] += __builtin_fabs(h->key[d]);
    }
}

/* o / l, where o is off by `size` and l by `total_sway`. */
static void put(const struct head *h, size_t first)
{
    /* Weights below 2^-126 of the largest are zero, and so may be what is left after the maximum has risen. */
    const double count = (double)(h->end - h->begin), flushed = GD_FLUSHED * gd_truth_growth(h->most) + GD_FLUSHED;
    const double off = h->total_sway + flushed * count * (count / BLOCK + 3);

    for (size_t d = 0; d < h->dim; d++) {
        const double size = h->size[d] + flushed * (h->all[d] + count) * (count / BLOCK + 3);
        gd_known y = { h->sum[d] / h->total, __builtin_inf() };

        if (off < h->total)
            y.bound = (size + __builtin_fabs(y.value) * off) / (h->total - off);
        gd_truth_put(h->job, first + d, gd_truth_rounded(y));
    }
}

static void attend(struct head *h, size_t which)
{
    const gd_op_params *p = h->job->params;
    const gd_dtype type = h->job->line->in_dtype[0];
    const char *query = h->job->line->in[0];

    h->kv = which / (p->heads / p->kv_heads) * h->dim * gd_dtype_size(h->job->rule->operand);
    gd_truth_read(query + which * h->dim * gd_dtype_size(type), type, h->dim, h->query);
    for (size_t d = 0; d < h->dim; d++)
        h->sum[d] = h->size[d] = h->all[d] = 0;
    h->total = h->total_sway = 0;
    for (size_t i = h->begin; i < h->end; i++)
        logit(h, i);
    for (size_t i = h->begin; i < h->end; i++) {
        weigh(h, i);
        add_value(h, i);
    }
    put(h, which * h->dim);
}

bool gd_truth_attention(const gd_truth_job *job)
{
    struct head h;

    if (!head_open(&h, job))
        return false;
    for (size_t which = 0; which < job->params->heads; which++)
        attend(&h, which);
    gd_free(h.query);
    return true;
}
