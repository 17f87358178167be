/* bench_gemm.c - each backend's linear against the peak of a loop on registers only, in the same run.
 *
 *     bench_gemm [--backend NAME] [--isa NAME] [--threads N] [--operand bf16|f32] [--rows M] [--model 0.5b|7b]
 *                [--numerics exact|tensor|tensor8] [--seconds S] [--json]
 *
 * Each shape is repeated for `--seconds` (0.5); the best repetition counts, since the machine may be shared. */
#include "backends/cpu/device.h"
#include "base/clock.h"
#include "base/mem.h"
#include "bench/peak.h"
#include "quant-free/bf16.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct options {
    const char *isa, *model;
    const gd_backend *backend;
    unsigned threads; /* 0: one, then all */
    size_t rows;      /* 0: the usual ones */
    gd_dtype operand;
    gd_arithmetic arithmetic;
    double seconds;
    bool json;
};

static const struct shape {
    const char *model;
    size_t k, n;
} shapes[] = {
    { "0.5b", 896, 896 }, { "0.5b", 896, 128 },  { "0.5b", 896, 4864 }, { "0.5b", 4864, 896 },
    { "7b", 3584, 3584 }, { "7b", 3584, 18944 }, { "7b", 18944, 3584 },
};
static const size_t usual_rows[] = { 1, 8, 64, 256, 512 };

/* Operands with values of ordinary size: denormals or infinities might run at a different speed. */
static void fill(void *p, gd_dtype type, size_t count)
{
    uint32_t state = 1;

    for (size_t i = 0; i < count; i++) {
        const float v = (float)(state >> 8) * 0x1p-23f - 1;

        state = state * 1664525 + 1013904223;
        if (type == GD_F32)
            ((float *)p)[i] = v;
        else
            ((gd_bf16 *)p)[i] = gd_bf16_from_f32(v);
    }
}

/* Seconds of the fastest y = x w^T, everything included; 0 if it cannot run. */
static double best_time(const struct options *opt, gd_device *device, size_t m, const struct shape *s)
{
    const gd_backend *backend = opt->backend;
    const gd_limits limits = { .tile_rows = m,
                               .max_in = s->k,
                               .max_out = s->n,
                               .max_position = 1,
                               .head_dim = 2,
                               .heads = 1,
                               .kv_heads = 1 };
    const size_t size = gd_dtype_size(opt->operand), bytes = s->n * s->k * size;
    void *x = gd_alloc_aligned(m * s->k * size), *w = gd_alloc_aligned(bytes);
    float *y = gd_alloc_aligned(m * s->n * sizeof *y);
    const gd_view view = { .name = "w",
                           .dtype = opt->operand,
                           .rank = 2,
                           .shape = { s->n, s->k },
                           .data = w,
                           .bytes = bytes };
    gd_call call = { .in = { { x, opt->operand, m, s->k, s->k } }, .out = { y, GD_F32, m, s->n, s->n } };
    double best = 0, spent = 0;
    gd_weight *weight = NULL;
    gd_error err = { 0 };

    if (x && w && y) {
        fill(x, opt->operand, m * s->k);
        fill(w, opt->operand, s->n * s->k);
        if (backend->prepare(device, &limits, &err) ||
            gd_backend_load(backend, device, &weight, GD_WEIGHT_MATRIX, &view, &err))
            fprintf(stderr, "bench_gemm: %s\n", err.text);
    }
    call.w[0] = weight;
    for (int i = 0; weight && (i < 3 || spent < opt->seconds); i++) {
        const double start = gd_clock();
        double took;

        backend->run[GD_OP_linear](device, &call);
        took = gd_clock() - start;
        best = i == 0 || took < best ? took : best;
        spent += took;
    }
    backend->weight_free(device, weight);
    gd_free(x);
    gd_free(w);
    gd_free(y);
    return best;
}

static void bench_shape(const struct options *opt, gd_device *device, const struct shape *s, size_t m, double peak)
{
    const double took = best_time(opt, device, m, s), work = 2.0 * (double)m * (double)s->n * (double)s->k;
    const double rate = took > 0 ? work / took : 0;
    const double bytes = took > 0 ? (double)(s->n * s->k * gd_dtype_size(opt->operand)) / took : 0;

    if (opt->json)
        printf("{\"backend\":\"%s\",\"kernels\":\"%s\",\"operand\":\"%s\",\"threads\":%u,\"k\":%zu,\"n\":%zu,"
               "\"m\":%zu,\"gflops\":%.2f,\"peak\":%.2f}\n",
               opt->backend->name, opt->backend->describe(device), opt->operand == GD_F32 ? "f32" : "bf16",
               gd_pool_threads(device->pool), s->k, s->n, m, rate * 1e-9, peak * 1e-9);
    else
        printf("  %5zu %5zu %4zu  %9.1f  %7.3f  %8.1f\n", s->k, s->n, m, rate * 1e-9, peak > 0 ? rate / peak : 0,
               bytes * 1e-9);
    fflush(stdout);
}

static int bench_threads(const struct options *opt, unsigned threads)
{
    const gd_device_options open = { .threads = threads,
                                     .isa = opt->isa,
                                     .operand = opt->operand,
                                     .arithmetic = opt->arithmetic };
    gd_error err = { 0 };
    gd_device *device;
    double peak;

    if (opt->backend->open(&device, &open, &err)) {
        fprintf(stderr, "bench_gemm: %s\n", err.text);
        return 1;
    }
    peak = gd_bench_peak(device->gemm->name, device->pool);
    if (!opt->json)
        printf("%s (%s), %s, %u threads, peak of %s %.1f GFLOP/s\n      K     N    M    GFLOP/s  of peak   "
               "GB/s of weights\n",
               opt->backend->name, opt->backend->describe(device), opt->operand == GD_F32 ? "f32" : "bf16", threads,
               device->gemm->name, peak * 1e-9);
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
        if (opt->model && strcmp(opt->model, shapes[s].model) != 0)
            continue;
        for (size_t r = 0; !opt->rows && r < sizeof usual_rows / sizeof usual_rows[0]; r++)
            bench_shape(opt, device, &shapes[s], usual_rows[r], peak);
        if (opt->rows)
            bench_shape(opt, device, &shapes[s], opt->rows, peak);
    }
    opt->backend->close(device);
    return 0;
}

static int usage(void)
{
    fprintf(stderr, "usage: bench_gemm [--backend NAME] [--isa NAME] [--threads N] [--operand bf16|f32] [--rows M] "
                    "[--model 0.5b|7b] [--numerics exact|tensor|tensor8] [--seconds S] [--json]\n");
    return 2;
}

static bool set_option(struct options *opt, const char **backend, const char *name, const char *value)
{
    if (!strcmp(name, "--backend"))
        *backend = value;
    else if (!strcmp(name, "--isa"))
        opt->isa = value;
    else if (!strcmp(name, "--model"))
        opt->model = value;
    else if (!strcmp(name, "--threads"))
        opt->threads = (unsigned)strtoul(value, NULL, 10);
    else if (!strcmp(name, "--rows"))
        opt->rows = strtoul(value, NULL, 10);
    else if (!strcmp(name, "--seconds"))
        opt->seconds = strtod(value, NULL);
    else if (!strcmp(name, "--operand"))
        opt->operand = strcmp(value, "f32") ? GD_BF16 : GD_F32;
    else if (!strcmp(name, "--numerics"))
        opt->arithmetic = !strcmp(value, "tensor") ? GD_TENSOR : !strcmp(value, "tensor8") ? GD_TENSOR8 : GD_EXACT;
    else
        return false;
    return true;
}

int main(int argc, char **argv)
{
    struct options opt = { .operand = GD_BF16, .seconds = 0.5 };
    const char *backend = "cpu";
    gd_error err = { 0 };
    int rc;

    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--json"))
            opt.json = true;
        else if (i + 1 < argc && set_option(&opt, &backend, argv[i], argv[i + 1]))
            i++;
        else
            return usage();
    }
    if (gd_backend_find(&opt.backend, backend, opt.operand, &err)) {
        fprintf(stderr, "bench_gemm: %s\n", err.text);
        return 1;
    }
    rc = bench_threads(&opt, opt.threads ? opt.threads : 1);
    if (!rc && !opt.threads && gd_cpu_count() > 1)
        rc = bench_threads(&opt, gd_cpu_count());
    return rc;
}
