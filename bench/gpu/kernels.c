/* kernels.c - every kernel on a fixed list of cases: outputs are stored where the interpreter of kernels stands in for
 * the driver, and compared, bit by bit, on a card. */
#include "bench/gpu/bench_gpu.h"
#include "bench/gpu/kernel_case.h"
#include "bench/gpu/result.h"

#include "base/error.h"
#include "base/mem.h"
#include "quant-free/bf16.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char heading[] = "guerdon kernel outputs";

/* An opened card with memory for one case at a time, and the file. */
struct run {
    gd_device *device;
    case_memory memory;
    unsigned char *got, *want; /* [CASE_OUT] */
    const char *path;
    FILE *file;
};

static gd_status open_memory(struct run *run, gd_error *err)
{
    gd_status rc = gd_cuda_alloc(run->device, &run->memory.card, CASE_OPERANDS, err);

    if (!rc)
        rc = gd_cuda_alloc(run->device, &run->memory.out, CASE_OUT, err);
    run->memory.room = CASE_OPERANDS;
    run->memory.host = gd_alloc_aligned(CASE_OPERANDS);
    run->got = gd_alloc_aligned(CASE_OUT);
    run->want = gd_alloc_aligned(CASE_OUT);
    return rc || (run->memory.host && run->got && run->want) ? rc : gd_fail_memory(err, CASE_OPERANDS);
}

static void run_close(struct run *run)
{
    if (run->device) {
        gd_cuda_free(run->device, run->memory.card);
        gd_cuda_free(run->device, run->memory.out);
    }
    gd_cuda_close(run->device);
    gd_free(run->memory.host);
    gd_free(run->got);
    gd_free(run->want);
    if (run->file)
        (void)fclose(run->file);
}

static gd_status run_open(struct run *run, const char *path, const char *mode, gd_error *err)
{
    gd_status rc = bench_open(&run->device, err);

    run->path = path;
    if (!rc)
        rc = open_memory(run, err);
    if (rc)
        return rc;
    run->file = fopen(path, mode);
    return run->file ? GD_OK : gd_fail(err, GD_EIO, "%s: it cannot be opened", path);
}

static size_t out_bytes(const kernel_case *c) { return c->out_elements * (c->out_type == GD_CUDA_F32 ? 4 : 2); }

/* The output, which was full of CANARY before, in run->got. */
static gd_status launch(struct run *run, kernel_case *c, gd_error *err)
{
    enum { CANARY = 0x5A };
    gd_device *device = run->device;
    void *arguments[] = { &c->args };
    gd_status rc;

    kernel_case_make(c, &run->memory);
    memset(run->got, CANARY, out_bytes(c));
    rc = gd_cuda_upload(device, (void *)(uintptr_t)run->memory.card, run->memory.host, run->memory.used, err);
    if (!rc)
        rc = gd_cuda_upload(device, (void *)(uintptr_t)run->memory.out, run->got, out_bytes(c), err);
    if (rc)
        return rc;
    (void)gd_cuda_failed(device,
                         device->driver->launch(device->kernels[c->kernel], (unsigned)c->blocks[0],
                                                (unsigned)c->blocks[1], (unsigned)c->blocks[2],
                                                gd_cuda_kernels[c->kernel].threads, 1, 1, (unsigned)c->shared,
                                                device->compute, arguments, NULL),
                         gd_cuda_kernels[c->kernel].name);
    return gd_cuda_download(device, run->got, (const void *)(uintptr_t)run->memory.out, out_bytes(c), err);
}

/* ---- storing ---- */

static gd_status store_case(struct run *run, kernel_case *c, gd_error *err)
{
    gd_status rc = launch(run, c, err);

    if (rc)
        return rc;
    fprintf(run->file, "%s %u %zu\n", gd_cuda_kernels[c->kernel].name, c->variant, out_bytes(c));
    return fwrite(run->got, 1, out_bytes(c), run->file) == out_bytes(c)
               ? GD_OK
               : gd_fail(err, GD_EIO, "%s: it cannot be written", run->path);
}

static gd_status store_all(struct run *run, gd_error *err)
{
    gd_status rc = GD_OK;

    fprintf(run->file, "%s, %s\n", heading, gd_arithmetic_name(gd_cu_arithmetic(&run->device->card)));
    for (size_t k = 0; !rc && k < GD_KERNEL_COUNT; k++)
        for (unsigned v = 0; !rc && v < kernel_case_variants((gd_cuda_kernel)k); v++)
            rc = store_case(run, &(kernel_case){ .kernel = (gd_cuda_kernel)k, .variant = v }, err);
    return rc;
}

bool bench_kernels_store(const char *path)
{
    struct run run = { 0 };
    gd_error err = { 0 };
    gd_status rc = run_open(&run, path, "wb", &err);

    if (!rc)
        rc = store_all(&run, &err);
    if (rc)
        fprintf(stderr, "bench_gpu: %s\n", err.text);
    run_close(&run);
    return !rc;
}

bool bench_kernels_list(void)
{
    for (size_t k = 0; k < GD_KERNEL_COUNT; k++)
        printf("%s\n", gd_cuda_kernels[k].name);
    return true;
}

/* ---- comparing ---- */

/* What was found of a kernel. */
struct found {
    size_t elements, wrong, other_nan; /* NaN on both sides, with other bits */
    char first[200];
};

static uint32_t element(const unsigned char *values, uint32_t type, size_t i)
{
    uint32_t f32;
    uint16_t bf16;

    if (type == GD_CUDA_F32) {
        memcpy(&f32, values + i * 4, 4);
        return f32;
    }
    memcpy(&bf16, values + i * 2, 2);
    return (uint32_t)bf16 << 16;
}

static bool is_nan(uint32_t bits) { return (bits & 0x7FFFFFFFu) > 0x7F800000u; }

static void compare(struct found *found, const struct run *run, const kernel_case *c)
{
    for (size_t i = 0; i < c->out_elements; i++) {
        const uint32_t got = element(run->got, c->out_type, i), want = element(run->want, c->out_type, i);

        if (got != want && is_nan(got) && is_nan(want))
            found->other_nan++;
        else if (got != want && found->wrong++ == 0)
            (void)snprintf(found->first, sizeof found->first, "; the first in case %u, element %zu: %08x, not %08x",
                           c->variant, i, got, want);
    }
    found->elements += c->out_elements;
}

/* Reads the stored output of the next case; whether there is one. */
static bool next_case(struct run *run, char name[64], unsigned *variant, size_t *bytes)
{
    char line[128];

    return fgets(line, sizeof line, run->file) && sscanf(line, "%63s %u %zu", name, variant, bytes) == 3 &&
           *bytes <= CASE_OUT && fread(run->want, 1, *bytes, run->file) == *bytes;
}

static gd_status check_heading(struct run *run, gd_error *err)
{
    char want[128], line[128] = "";

    (void)snprintf(want, sizeof want, "%s, %s\n", heading, gd_arithmetic_name(gd_cu_arithmetic(&run->device->card)));
    if (fgets(line, sizeof line, run->file) && !strcmp(line, want))
        return GD_OK;
    line[strcspn(line, "\n")] = '\0';
    return gd_fail(err, GD_EFORMAT, "%s: it begins with '%s', but '%.*s' is expected", run->path, line,
                   (int)strlen(want) - 1, want);
}

static gd_status compare_kernel(struct run *run, gd_cuda_kernel kernel, gd_error *err)
{
    const char *name = gd_cuda_kernels[kernel].name;
    struct found found = { 0 };
    char stored[64];
    unsigned variant, cases = 0;
    size_t bytes;

    if (fseek(run->file, 0, SEEK_SET))
        return gd_fail(err, GD_EIO, "%s: it cannot be read", run->path);
    for (gd_status rc = check_heading(run, err); rc || next_case(run, stored, &variant, &bytes);) {
        kernel_case c = { .kernel = kernel, .variant = variant };

        if (rc)
            return rc;
        if (strcmp(stored, name) != 0)
            continue;
        rc = launch(run, &c, err);
        if (!rc && bytes != out_bytes(&c))
            rc = gd_fail(err, GD_EFORMAT, "%s: case %u of %s has %zu bytes, but %zu are expected", run->path, variant,
                         name, bytes, out_bytes(&c));
        if (rc)
            return rc;
        compare(&found, run, &c);
        cases++;
    }
    if (cases == 0 || cases != kernel_case_variants(kernel))
        return gd_fail(err, GD_EFORMAT, "%s: it has %u cases of %s, but %u are expected", run->path, cases, name,
                       kernel_case_variants(kernel));
    result_figure("kernels", name, (double)found.wrong, "differences", "of %zu numbers in %u cases%s%s", found.elements,
                  cases, found.other_nan ? "; some NaN have other bits" : "", found.first);
    return GD_OK;
}

bool bench_kernels_compare(const char *path, const char *only)
{
    struct run run = { 0 };
    gd_error err = { 0 };
    gd_status rc = run_open(&run, path, "rb", &err);

    for (size_t k = 0; !rc && k < GD_KERNEL_COUNT; k++)
        if (!only || !strcmp(only, gd_cuda_kernels[k].name))
            rc = compare_kernel(&run, (gd_cuda_kernel)k, &err);
    if (rc)
        result_none("kernels", only ? only : "kernels", "%s", err.text);
    run_close(&run);
    return !rc;
}
