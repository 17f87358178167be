/* math.c - the card's fp32 operations against the CPU's, on random bits: divisions, roots, and where denormals begin.
 *
 * A result of 2^-126 on one side and 0 on the other is counted apart: processors differ there (doc/arithmetic.md,
 * section 1). */
#include "bench/gpu/bench_gpu.h"
#include "bench/gpu/probes.h"
#include "bench/gpu/result.h"

#include "backends/cpu/ref/lanes_generic.h"
#include "backends/cpu/math.h"
#include "base/fpenv.h"
#include "base/mem.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { AT_A_TIME = 1 << 20, SMALL = 1 << 12, ROUNDS = 8, LANES = 16 };

static v16 root(v16 a)
{
    for (size_t i = 0; i < LANES; i++)
        a.l[i] = sqrtf(a.l[i]);
    return a;
}

#define GD_PROBE(name, card, cpu)              \
    static v16 cpu_##name(v16 a, v16 b, v16 c) \
    {                                          \
        (void)b;                               \
        (void)c;                               \
        return cpu;                            \
    }
#include "bench/gpu/probe.def"
#undef GD_PROBE

static const struct operation {
    const char *name, *kernel;
    v16 (*cpu)(v16 a, v16 b, v16 c);
} operations[] = {
#define GD_PROBE(name, card, cpu) { #name, "gd_probe_" #name, cpu_##name },
#include "bench/gpu/probe.def"
#undef GD_PROBE
};

/* Operands on both sides, and results. */
struct numbers {
    size_t count;
    float *host[4]; /* a, b, c, d */
    gd_cu_address card[4];
};

static uint32_t number(uint64_t *state, uint32_t least, uint32_t exponents)
{
    return (uint32_t)(probes_random(state) & 0x807FFFFFu) | (least + probes_below(state, exponents)) << 23;
}

/* Four kinds in turn: any bits; ordinary numbers; products near 2^-126; denormal operands. */
static void fill(struct numbers *n, uint64_t *state)
{
    for (size_t i = 0; i < n->count; i++) {
        uint32_t x[3];

        for (size_t j = 0; j < 3; j++)
            x[j] = i % 4 == 0 ? (uint32_t)(probes_random(state) >> 32) : number(state, 120, 14);
        if (i % 4 == 2) {
            const uint32_t exponent = 1 + probes_below(state, 126);

            x[0] = number(state, exponent, 1);
            x[1] = number(state, 127 - exponent, 3);
            x[2] = number(state, 0, 3);
        }
        if (i % 4 == 3)
            x[i / 4 % 3] = number(state, 0, 1);
        for (size_t j = 0; j < 3; j++)
            memcpy(&n->host[j][i], &x[j], sizeof x[j]);
    }
}

static gd_status open_numbers(gd_device *device, struct numbers *n, size_t count, gd_error *err)
{
    *n = (struct numbers){ .count = count };
    for (size_t j = 0; j < 4; j++) {
        gd_status rc = gd_cuda_alloc(device, &n->card[j], count * sizeof(float), err);

        n->host[j] = gd_alloc_zero(count, sizeof(float));
        if (rc || !n->host[j])
            return rc ? rc : GD_ENOMEM;
    }
    return GD_OK;
}

static void close_numbers(gd_device *device, struct numbers *n)
{
    for (size_t j = 0; j < 4; j++) {
        gd_cuda_free(device, n->card[j]);
        gd_free(n->host[j]);
    }
}

/* What was found of one operation. */
struct found {
    size_t wrong, smallest;
    char first[160];
};

static uint32_t bits_of(float f)
{
    uint32_t bits;

    memcpy(&bits, &f, sizeof bits);
    return bits;
}

static void compare_one(struct found *found, const struct numbers *n, size_t i, float want)
{
    const uint32_t got = bits_of(n->host[3][i]), expected = bits_of(want);
    const uint32_t low = (got < expected ? got : expected) & 0x7FFFFFFFu, high = (got | expected) & 0x7FFFFFFFu;

    if (got == expected || (isnan(n->host[3][i]) && isnan(want)))
        return;
    if (low == 0 && high == 0x00800000u) {
        found->smallest++;
        return;
    }
    if (found->wrong++ == 0)
        (void)snprintf(found->first, sizeof found->first, "; first %08x %08x %08x: %08x, but %08x is expected",
                       bits_of(n->host[0][i]), bits_of(n->host[1][i]), bits_of(n->host[2][i]), got, expected);
}

static void compare(struct found *found, const struct operation *operation, const struct numbers *n)
{
    const uint64_t env = gd_fpenv_enter();

    for (size_t i = 0; i < n->count; i += LANES) {
        const v16 want = operation->cpu(v_load(n->host[0] + i), v_load(n->host[1] + i), v_load(n->host[2] + i));

        for (size_t j = 0; j < LANES; j++)
            compare_one(found, n, i + j, want.l[j]);
    }
    gd_fpenv_leave(env);
}

static gd_status run(gd_device *device, gd_cu_module module, const struct operation *operation, struct numbers *n,
                     gd_error *err)
{
    gd_probe argument = { (const float *)(uintptr_t)n->card[0], (const float *)(uintptr_t)n->card[1],
                          (const float *)(uintptr_t)n->card[2], (float *)(uintptr_t)n->card[3], (uint32_t)n->count };

    (void)probes_start(device, module, operation->kernel, gd_cuda_ceil(n->count, GD_PROBE_THREADS), &argument);
    return gd_cuda_download(device, n->host[3], argument.d, n->count * sizeof(float), err);
}

enum { OPERATIONS = sizeof operations / sizeof operations[0] };

static gd_status round_of_all(gd_device *device, gd_cu_module module, struct numbers *n, struct found *found,
                              gd_error *err)
{
    gd_status rc = GD_OK;

    for (size_t j = 0; !rc && j < 3; j++)
        rc = gd_cuda_upload(device, (void *)(uintptr_t)n->card[j], n->host[j], n->count * sizeof(float), err);
    for (size_t i = 0; !rc && i < OPERATIONS; i++) {
        rc = run(device, module, &operations[i], n, err);
        if (!rc)
            compare(&found[i], &operations[i], n);
    }
    return rc;
}

static gd_status run_all(gd_device *device, bool small, gd_error *err)
{
    const size_t rounds = small ? 1 : ROUNDS;
    struct found found[OPERATIONS] = { { 0, 0, "" } };
    struct numbers n = { 0 };
    gd_cu_module module = NULL;
    uint64_t state = 3;
    gd_status rc = probes_load(device, &module, err);

    if (!rc)
        rc = open_numbers(device, &n, small ? SMALL : AT_A_TIME, err);
    for (size_t round = 0; !rc && round < rounds; round++) {
        fill(&n, &state);
        rc = round_of_all(device, module, &n, found, err);
    }
    for (size_t i = 0; !rc && i < OPERATIONS; i++)
        result_figure("fp32", operations[i].name, (double)found[i].wrong, "differences",
                      "of %zu results, and %zu times 2^-126 on one side and 0 on the other%s", rounds * n.count,
                      found[i].smallest, found[i].first);
    close_numbers(device, &n);
    if (module)
        (void)device->driver->module_unload(module);
    return rc;
}

bool bench_math(bool small)
{
    gd_device *device = NULL;
    gd_error err = { 0 };
    gd_status rc = bench_open(&device, &err);

    if (!rc)
        rc = run_all(device, small, &err);
    if (rc)
        result_none("fp32", "operations", "%s", err.text);
    gd_cuda_close(device);
    return !rc;
}
