/* bench_gemm.c - the matmul against the peak of a loop that touches registers only, in the same run.
 *
 *     bench_gemm [--isa NAME] [--threads N] [--operand bf16|f32] [--rows M] [--model 0.5b|7b] [--seconds S] [--json]
 *
 * For each shape the best repetition counts, since the machine may be shared; `--seconds` (0.5) of repetitions each. */
#include "backends/cpu/gemm.h"
#include "base/mem.h"
#include "bench/peak.h"
#include "quant-free/bf16.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct options {
    const char *isa, *model;
    unsigned threads; /* 0: one, then all */
    size_t rows;      /* 0: the usual ones */
    gd_dtype operand;
    double seconds;
    bool json;
};

static const struct shape {
    const char *model;
    size_t k, n;
} shapes[] = {
    { "0.5b", 896, 896 }, { "0.5b", 896, 128 }, { "0.5b", 896, 4864 }, { "0.5b", 4864, 896 },
    { "7b", 3584, 3584 }, { "7b", 3584, 18944 }, { "7b", 18944, 3584 },
};
static const size_t usual_rows[] = { 1, 8, 64, 256, 512 };

/* Operands with values of an ordinary size: denormals or infinities might run at another speed. */
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

struct operands {
    void *x, *w, *rows, *scratch;
    float *y;
};

static void operands_free(struct operands *o)
{
    gd_free(o->x);
    gd_free(o->w);
    gd_free(o->rows);
    gd_free(o->scratch);
    gd_free(o->y);
}

static bool operands_make(struct operands *o, const gd_gemm_kernel *kernel, size_t m, const struct shape *s,
                          unsigned threads)
{
    const size_t size = gd_dtype_size(kernel->operand);
    size_t bytes;

    if (!gd_gemm_packed_bytes(s->n, s->k, kernel->operand, &bytes))
        return false;
    o->x = gd_alloc_aligned(m * s->k * size);
    o->w = gd_alloc_aligned(bytes);
    o->rows = gd_alloc_aligned(gd_gemm_rows_bytes(m, s->k));
    o->scratch = gd_alloc_aligned(gd_gemm_scratch_bytes(m, threads));
    o->y = gd_alloc_aligned(m * s->n * sizeof(float));
    if (!o->x || !o->w || !o->rows || !o->scratch || !o->y)
        return false;
    fill(o->x, kernel->operand, m * s->k);
    fill(o->w, kernel->operand, bytes / size);
    return true;
}

/* Seconds of the fastest product, packing of the rows included. */
static double best_time(const gd_gemm_kernel *kernel, gd_pool *pool, size_t m, const struct shape *s, double seconds)
{
    struct operands o = { 0 };
    double best = 1e9, spent = 0;

    if (!operands_make(&o, kernel, m, s, gd_pool_threads(pool))) {
        operands_free(&o);
        return 0;
    }
    for (int i = 0; i < 3 || spent < seconds; i++) {
        const double start = bench_now();
        double took;

        gd_gemm_pack_rows(kernel, o.rows, o.x, s->k, m, s->k, 0, m);
        gd_gemm_run(&(gd_gemm_job){ .kernel = kernel, .m = m, .n = s->n, .k = s->k, .x = o.rows, .w = o.w, .y = o.y,
                                    .dtype = GD_F32, .stride = s->n }, pool, o.scratch);
        took = bench_now() - start;
        best = took < best ? took : best;
        spent += took;
    }
    operands_free(&o);
    return best;
}

static void bench_threads(const gd_gemm_kernel *kernel, const struct options *opt, unsigned threads)
{
    const char *type = opt->operand == GD_F32 ? "f32" : "bf16";
    gd_error err = { 0 };
    gd_pool *pool;
    double peak;

    if (gd_pool_open(&pool, threads, &err)) {
        fprintf(stderr, "bench_gemm: %s\n", err.text);
        return;
    }
    peak = bench_peak(kernel->name, pool);
    if (!opt->json)
        printf("%s %s, %u threads, peak %.1f GFLOP/s\n      K     N    M    GFLOP/s  of peak   GB/s of weights\n",
               kernel->name, type, threads, peak * 1e-9);
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
        for (size_t r = 0; r < sizeof usual_rows / sizeof usual_rows[0]; r++) {
            const size_t m = opt->rows ? opt->rows : usual_rows[r], k = shapes[s].k, n = shapes[s].n;
            double took, rate, bytes;

            if ((opt->model && strcmp(opt->model, shapes[s].model) != 0) || (opt->rows && r > 0))
                continue;
            took = best_time(kernel, pool, m, &shapes[s], opt->seconds);
            rate = took > 0 ? 2.0 * (double)m * (double)n * (double)k / took : 0;
            bytes = took > 0 ? (double)(n * k * gd_dtype_size(opt->operand)) / took : 0;
            if (opt->json)
                printf("{\"kernel\":\"%s\",\"operand\":\"%s\",\"threads\":%u,\"k\":%zu,\"n\":%zu,\"m\":%zu,"
                       "\"gflops\":%.2f,\"peak\":%.2f}\n", kernel->name, type, threads, k, n, m, rate * 1e-9,
                       peak * 1e-9);
            else
                printf("  %5zu %5zu %4zu  %9.1f  %7.3f  %8.1f\n", k, n, m, rate * 1e-9, peak > 0 ? rate / peak : 0,
                       bytes * 1e-9);
            fflush(stdout);
        }
    }
    gd_pool_close(pool);
}

static int usage(void)
{
    fprintf(stderr, "usage: bench_gemm [--isa NAME] [--threads N] [--operand bf16|f32] [--rows M] [--model 0.5b|7b] "
                    "[--seconds S] [--json]\n");
    return 2;
}

int main(int argc, char **argv)
{
    struct options opt = { .operand = GD_BF16, .seconds = 0.5 };
    const gd_gemm_kernel *kernel;
    gd_error err = { 0 };
    gd_isa isa;

    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;

        if (!strcmp(argv[i], "--json")) {
            opt.json = true;
            continue;
        }
        if (!value)
            return usage();
        if (!strcmp(argv[i], "--isa"))
            opt.isa = value;
        else if (!strcmp(argv[i], "--model"))
            opt.model = value;
        else if (!strcmp(argv[i], "--threads"))
            opt.threads = (unsigned)strtoul(value, NULL, 10);
        else if (!strcmp(argv[i], "--rows"))
            opt.rows = strtoul(value, NULL, 10) % (GD_GEMM_ROWS + 1);
        else if (!strcmp(argv[i], "--seconds"))
            opt.seconds = strtod(value, NULL);
        else if (!strcmp(argv[i], "--operand"))
            opt.operand = strcmp(value, "f32") ? GD_BF16 : GD_F32;
        else
            return usage();
        i++;
    }
    if (gd_isa_parse(&isa, opt.isa, gd_isa_detect(), &err)) {
        fprintf(stderr, "bench_gemm: %s\n", err.text);
        return 1;
    }
    kernel = gd_gemm_pick(isa, opt.operand);
    bench_threads(kernel, &opt, opt.threads ? opt.threads : 1);
    if (!opt.threads && gd_cpu_count() > 1)
        bench_threads(kernel, &opt, gd_cpu_count());
    return 0;
}
