/* main.c - bench_gpu: what bench/gpu/run runs on a card, part by part.
 *
 *     bench_gpu [--output FILE] [--small] card|steps|math|peak|rates|attention
 *     bench_gpu [--output FILE] kernels list | kernels store FILE | kernels compare FILE [KERNEL]
 *     bench_gpu [--small] model FOLDER
 *     bench_gpu [--output FILE] say PART NAME FIGURE UNIT TEXT | say PART NAME TEXT
 *
 * With --small, shapes and counts are those that an interpreter of kernels takes a moment for. */
#include "bench/gpu/bench_gpu.h"
#include "bench/gpu/result.h"

#include "base/error.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

gd_status bench_open(gd_device **out, gd_error *err)
{
    const gd_device_options options = { .threads = gd_cpu_count(), .operand = GD_BF16, .arithmetic = GD_EXACT };
    gd_status rc = gd_cuda_available(GD_BF16, err);

    *out = NULL;
    return rc ? rc : gd_cuda_open(out, &options, err);
}

bool bench_done(gd_device *device, const char *part, const char *name)
{
    gd_error err = { 0 };

    if (!gd_cuda_finish(device, &err))
        return true;
    result_none(part, name, "%s", err.text);
    return false;
}

bool bench_card(void)
{
    const gd_cu_driver *driver;
    gd_error err = { 0 };
    gd_cu_card card;

    if (gd_cuda_available(GD_BF16, &err) || gd_cu_driver_get(&driver, &err) || gd_cu_card_get(&card, driver, &err)) {
        result_none("card", "card", "%s", err.text);
        return false;
    }
    result_figure("card", "card", (double)card.memory / 0x1p30, "GiB", "%s, sm_%d, driver for CUDA %d.%d, %s",
                  card.name, card.capability, driver->version / 1000, driver->version % 1000 / 10,
                  gd_arithmetic_name(gd_cu_arithmetic(&card)));
    return true;
}

static int usage(void)
{
    fprintf(stderr, "usage: bench_gpu [--output FILE] [--small] card|steps|math|peak|rates|attention|kernels ..|"
                    "model FOLDER|say PART NAME [FIGURE UNIT] TEXT\n");
    return 2;
}

static bool say(int argc, char **argv)
{
    if (argc == 6)
        result_figure(argv[1], argv[2], strtod(argv[3], NULL), argv[4], "%s", argv[5]);
    else
        result_none(argv[1], argv[2], "%s", argv[3]);
    return true;
}

/* The part with its arguments; 2: there is no such part. */
static int run(int argc, char **argv, bool small)
{
    static const struct {
        const char *name;
        bool (*run)(bool small);
    } parts[] = {
        { "steps", bench_steps }, { "math", bench_math },           { "peak", bench_peak },
        { "rates", bench_rates }, { "attention", bench_attention },
    };

    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (argc == 1 && !strcmp(argv[0], parts[i].name))
            return !parts[i].run(small);
    if (argc == 1 && !strcmp(argv[0], "card"))
        return !bench_card();
    if ((argc == 4 || argc == 6) && !strcmp(argv[0], "say"))
        return !say(argc, argv);
    if (argc == 2 && !strcmp(argv[0], "model"))
        return !bench_model(argv[1], small);
    if (argc < 2 || strcmp(argv[0], "kernels") != 0)
        return usage();
    if (argc == 2 && !strcmp(argv[1], "list"))
        return !bench_kernels_list();
    if (argc == 3 && !strcmp(argv[1], "store"))
        return !bench_kernels_store(argv[2]);
    if ((argc == 3 || argc == 4) && !strcmp(argv[1], "compare"))
        return !bench_kernels_compare(argv[2], argv[3]);
    return usage();
}

int main(int argc, char **argv)
{
    bool small = false;
    int i = 1;

    for (; i < argc && argv[i][0] == '-'; i++)
        if (!strcmp(argv[i], "--small")) {
            small = true;
        } else if (!strcmp(argv[i], "--output") && i + 1 < argc) {
            if (!result_open(argv[++i])) {
                fprintf(stderr, "bench_gpu: %s: it cannot be written\n", argv[i]);
                return 3;
            }
        } else {
            return usage();
        }
    return i < argc ? run(argc - i, argv + i, small) : usage();
}
