/* matmul.c - the matrix products of the model's layers, on their own, with few rows and with many.
 *
 * The products run in the order of the model, layer after layer, over enough layers to exceed the last-level cache: a
 * weight is as far away as in a real run.  The limit is the smaller of the peak and what memory allows: bandwidth
 * times operations per byte. */
#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "bench/run.h"
#include "quant-free/bf16.h"

#include <math.h>
#include <string.h>

enum { MOST_SHAPES = 16, MOST_ROUNDS = 15, NAME_ROOM = 96 };

static const size_t row_points[] = { 1, 4, 16, 64, 256, 1024 };
enum { ROW_POINTS = sizeof row_points / sizeof row_points[0] };

/* Products of the same size are one shape. */
struct shape {
    size_t in, out;
    gd_dtype result;                      /* type of the output, for the first of them */
    char names[NAME_ROOM];                /* "q_proj, o_proj" */
    size_t products;                      /* per pass */
    double spent;                         /* seconds of the current pass */
    double took[ROW_POINTS][MOST_ROUNDS]; /* seconds per product */
};

struct product {
    struct shape *shape;
    gd_weight *weight;
};

struct matmul {
    gd_bench_run *run;
    const gd_backend *backend;
    gd_device *device;
    struct shape shapes[MOST_SHAPES];
    size_t shape_count;
    struct product *products;
    size_t product_count, product_room;
    void *in, *out;
};

static bool is_layer_linear(const gd_plan *plan, const gd_plan_stage *stage, size_t step)
{
    return stage->layer >= 0 && plan->steps[step].op == GD_OP_linear;
}

/* Bytes of the matrices of one layer, as operands. */
static double layer_bytes(const gd_plan *plan)
{
    double bytes = 0;

    for (size_t i = 0; i < plan->stage_count; i++) {
        const gd_plan_stage *stage = &plan->stages[i];

        for (size_t s = stage->first_step; s < stage->first_step + stage->step_count; s++)
            if (is_layer_linear(plan, stage, s))
                bytes += (double)plan->steps[s].w[0].shape[0] * (double)plan->steps[s].w[0].shape[1];
    }
    return bytes * (double)gd_dtype_size(plan->operand) / (double)plan->layers;
}

static size_t layers_wanted(const gd_bench_run *run)
{
    const double want = ceil(2 * (double)run->cache / layer_bytes(run->model->plan));

    return want < (double)run->model->plan->layers ? (size_t)want : run->model->plan->layers;
}

/* About the seconds of a pass with m rows. */
static double pass_seconds(const gd_bench_run *run, size_t m)
{
    const double bytes = layer_bytes(run->model->plan) * (double)layers_wanted(run);
    const double operations = 2 * bytes / (double)gd_dtype_size(run->model->plan->operand) * (double)m;
    /* if the peak is unknown: what scoring took for that many rows */
    const double computing = run->peak > 0 ? operations / run->peak
                                           : run->row_seconds * operations / (run->row_flops > 0 ? run->row_flops : 1);

    return 1.3 * fmax(computing, bytes / run->bandwidth) + 2e-5;
}

gd_status gd_bench_matmul_plan(gd_bench_run *run, double *seconds, gd_error *err)
{
    double all = 0, once;

    (void)err;
    run->matmul.size = 0;
    while (run->matmul.size < ROW_POINTS) {
        once = pass_seconds(run, row_points[run->matmul.size]);
        if (run->matmul.size >= 2 && (all + once) * 3 > *seconds)
            break;
        all += once;
        run->matmul.size++;
    }
    run->matmul.whole = run->matmul.size == ROW_POINTS;
    run->matmul.rounds = all * MOST_ROUNDS <= *seconds ? MOST_ROUNDS : (unsigned)(*seconds / all);
    if (run->matmul.rounds < 1)
        run->matmul.rounds = 1;
    *seconds = all * run->matmul.rounds;
    return GD_OK;
}

/* ---- the products ---- */

/* "model.layers.0.self_attn.q_proj.weight" as "q_proj". */
static void add_name(struct shape *s, const char *weight)
{
    const size_t len = strlen(weight), tail = strlen(".weight");
    const size_t end = len > tail && !strcmp(weight + len - tail, ".weight") ? len - tail : len;
    size_t begin = end, used = strlen(s->names);
    char name[NAME_ROOM];

    while (begin > 0 && weight[begin - 1] != '.')
        begin--;
    if (end - begin >= sizeof name)
        return;
    memcpy(name, weight + begin, end - begin);
    name[end - begin] = '\0';
    if (strstr(s->names, name) || used + strlen(name) + 3 > sizeof s->names)
        return;
    if (used) {
        memcpy(s->names + used, ", ", 3);
        used += 2;
    }
    memcpy(s->names + used, name, strlen(name) + 1);
}

static struct shape *find_shape(struct matmul *m, const gd_plan_step *step)
{
    const gd_dtype result = m->run->model->plan->buffers[step->out].dtype;
    struct shape *s = m->shapes;

    while (s < m->shapes + m->shape_count && (s->in != step->w[0].shape[1] || s->out != step->w[0].shape[0]))
        s++;
    if (s == m->shapes + MOST_SHAPES)
        return NULL;
    if (s == m->shapes + m->shape_count) {
        m->shape_count++;
        s->in = step->w[0].shape[1];
        s->out = step->w[0].shape[0];
        s->result = result;
    }
    add_name(s, step->w[0].name);
    return s;
}

static gd_status add_product(struct matmul *m, const gd_plan_step *step, gd_error *err)
{
    const gd_view *view = gd_weights_find(m->run->model->weights, step->w[0].name);
    struct shape *s = find_shape(m, step);
    struct product one = { s, NULL };
    gd_status rc;

    if (!s || !view) /* more shapes than any model has, or a name that only the engine resolves */
        return GD_OK;
    if (!gd_grow((void **)&m->products, &m->product_room, m->product_count + 1, sizeof *m->products))
        return gd_fail_memory(err, (m->product_count + 1) * sizeof *m->products);
    rc = gd_backend_load(m->backend, m->device, &one.weight, GD_WEIGHT_MATRIX, view, err);
    if (rc)
        return rc;
    s->products++;
    m->products[m->product_count++] = one;
    return GD_OK;
}

static gd_status add_products(struct matmul *m, gd_error *err)
{
    const gd_plan *plan = m->run->model->plan;
    const size_t layers = layers_wanted(m->run);
    gd_status rc = GD_OK;

    for (size_t i = 0; !rc && i < plan->stage_count; i++) {
        const gd_plan_stage *stage = &plan->stages[i];

        for (size_t s = stage->first_step; !rc && s < stage->first_step + stage->step_count; s++)
            if (is_layer_linear(plan, stage, s) && (size_t)stage->layer < layers)
                rc = add_product(m, &plan->steps[s], err);
    }
    return rc;
}

/* Values of ordinary size: denormals or infinities might run at a different speed. */
static gd_status fill(const struct matmul *m, gd_dtype type, size_t count, gd_error *err)
{
    float *numbers = gd_alloc(count, sizeof *numbers);
    uint32_t state = 1;
    gd_status rc;

    if (!numbers)
        return gd_fail_memory(err, count * sizeof *numbers);
    for (size_t i = 0; i < count; i++) {
        const float v = (float)(state >> 8) * 0x1p-23f - 1;

        state = state * 1664525u + 1013904223u;
        if (type == GD_F32)
            numbers[i] = v;
        else
            ((gd_bf16 *)numbers)[i] = gd_bf16_from_f32(v);
    }
    rc = m->backend->upload(m->device, m->in, numbers, count * gd_dtype_size(type), err);
    gd_free(numbers);
    return rc;
}

static gd_status open_matmul(struct matmul *m, gd_error *err)
{
    const gd_model *model = m->run->model;
    const gd_device_options options = { .threads = m->run->threads,
                                        .isa = m->run->options->isa,
                                        .operand = model->plan->operand,
                                        .arithmetic = model->arithmetic };
    const size_t rows = row_points[m->run->matmul.size - 1];
    gd_limits limits = { .tile_rows = rows, .max_position = 1, .head_dim = 2, .heads = 1, .kv_heads = 1 };
    gd_status rc = m->backend->open(&m->device, &options, err);

    if (!rc)
        rc = add_products(m, err);
    for (size_t s = 0; s < m->shape_count; s++) {
        limits.max_in = m->shapes[s].in > limits.max_in ? m->shapes[s].in : limits.max_in;
        limits.max_out = m->shapes[s].out > limits.max_out ? m->shapes[s].out : limits.max_out;
    }
    if (!rc)
        rc = m->backend->prepare(m->device, &limits, err);
    if (!rc)
        rc = m->backend->buffer_alloc(m->device, &m->in, rows * limits.max_in * sizeof(float) + 64, err);
    if (!rc)
        rc = m->backend->buffer_alloc(m->device, &m->out, rows * limits.max_out * sizeof(float) + 64, err);
    return rc ? rc : fill(m, model->plan->operand, rows * limits.max_in, err);
}

static void close_matmul(struct matmul *m)
{
    for (size_t p = 0; p < m->product_count; p++)
        m->backend->weight_free(m->device, m->products[p].weight);
    if (m->in)
        m->backend->buffer_free(m->device, m->in);
    if (m->out)
        m->backend->buffer_free(m->device, m->out);
    m->backend->close(m->device);
    gd_free(m->products);
}

/* ---- measuring ---- */

static void pass(struct matmul *m, size_t rows)
{
    const gd_dtype operand = m->run->model->plan->operand;

    for (size_t p = 0; p < m->product_count; p++) {
        struct shape *s = m->products[p].shape;
        gd_call call = { .in = { { m->in, operand, rows, s->in, s->in } },
                         .out = { m->out, s->result, rows, s->out, s->out },
                         .w = { m->products[p].weight } };
        const double start = gd_clock();

        m->backend->run[GD_OP_linear](m->device, &call);
        if (m->backend->finish)
            (void)m->backend->finish(m->device, NULL);
        s->spent += gd_clock() - start;
    }
}

/* Enough passes for the clock to measure. */
static void measure(struct matmul *m, size_t point, unsigned round)
{
    const double once = pass_seconds(m->run, row_points[point]);
    const size_t passes = once < 0.01 ? (size_t)ceil(0.01 / once) : 1;

    for (size_t s = 0; s < m->shape_count; s++)
        m->shapes[s].spent = 0;
    for (size_t i = 0; i < passes; i++)
        pass(m, row_points[point]);
    for (size_t s = 0; s < m->shape_count; s++)
        if (m->shapes[s].products)
            m->shapes[s].took[point][round] = m->shapes[s].spent / (double)(passes * m->shapes[s].products);
}

static void put_product(struct matmul *m, struct shape *s, size_t point, json_t *list)
{
    gd_bench_run *run = m->run;
    const double rows = (double)row_points[point], in = (double)s->in, out = (double)s->out;
    const double operand = (double)gd_dtype_size(run->model->plan->operand);
    const double operations = 2 * rows * in * out;
    const double bytes = operand * (in * out + rows * in) + rows * out * (double)gd_dtype_size(s->result);
    const double by_memory = run->bandwidth * operations / bytes;
    const double limit = run->peak > 0 ? fmin(run->peak, by_memory) : NAN;
    double spread;
    const double seconds = gd_bench_median(s->took[point], run->matmul.rounds, &spread);
    json_t *one = gd_put_object(&run->out, list, NULL);

    gd_put_text(&run->out, one, "weights", s->names);
    gd_put_size(&run->out, one, "m", row_points[point]);
    gd_put_size(&run->out, one, "n", s->out);
    gd_put_size(&run->out, one, "k", s->in);
    gd_put_real(&run->out, one, "gflops", operations / seconds * 1e-9);
    gd_put_real(&run->out, one, "gb_per_s", bytes / seconds * 1e-9);
    gd_put_real(&run->out, one, "limit_gflops", limit * 1e-9);
    gd_put_real(&run->out, one, "of_limit", operations / seconds / limit);
    gd_put_real(&run->out, one, "of_peak", run->peak > 0 ? operations / seconds / run->peak : NAN);
    gd_put_size(&run->out, one, "runs", run->matmul.rounds);
    gd_put_real(&run->out, one, "spread", spread);
}

static void put_matmul(struct matmul *m)
{
    gd_bench_run *run = m->run;
    json_t *into = gd_put_object(&run->out, run->out.root, "matmul");
    json_t *list;

    gd_put_size(&run->out, into, "layers", layers_wanted(run));
    gd_put(&run->out, into, "whole", json_boolean(run->matmul.whole));
    list = gd_put_list(&run->out, into, "products");
    for (size_t s = 0; s < m->shape_count; s++)
        for (size_t p = 0; p < run->matmul.size && m->shapes[s].products; p++)
            put_product(m, &m->shapes[s], p, list);
}

gd_status gd_bench_matmul(gd_bench_run *run, gd_error *err)
{
    struct matmul *m = gd_alloc_zero(1, sizeof *m);
    gd_status rc;

    if (!m)
        return gd_fail_memory(err, sizeof *m);
    m->run = run;
    m->backend = run->model->backend;
    rc = open_matmul(m, err);
    if (!rc)
        pass(m, 1); /* touches everything for the first time */
    for (unsigned round = 0; !rc && round < run->matmul.rounds; round++)
        for (size_t p = 0; !rc && p < run->matmul.size; p++) {
            rc = gd_bench_step(run, "matrix products", err);
            if (!rc)
                measure(m, p, round);
        }
    if (!rc)
        put_matmul(m);
    close_matmul(m);
    gd_free(m);
    return rc;
}
