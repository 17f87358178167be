/* special_steps.c - subnormal numbers, infinities, NaN and zeros in the tensor cores: what comes out, bit by bit. */
#include "bench/gpu/special_steps.h"

#include "bench/gpu/result.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Two products and an accumulator; the other products are +0 times +0. */
static const struct special {
    const char *name;
    gd_bf16 a0, b0, a1, b1;
    uint32_t c;
    const char *choices; /* what results mean */
} specials[] = {
    { "subnormal operand times 2^100", 0x0001, 0x7180, 0, 0, 0, "0: operands are flushed, else kept" },
    { "subnormal accumulator", 0, 0, 0, 0, 0x00012345, "00012345: kept" },
    { "negative subnormal accumulator", 0, 0, 0, 0, 0x80012345, "80012345: kept" },
    { "product of 2^-140", 0x1C80, 0x1C80, 0, 0, 0, "00000200: kept" },
    { "2^-126 less 2^-127", 0x2000, 0x9F80, 0, 0, 0x00800000, "00400000: kept" },
    { "2^-150 plus 2^-150", 0x1A00, 0x1A00, 0x1A00, 0x1A00, 0, "00000001: terms below 2^-149 count" },
    { "quiet NaN among the operands", 0x7FC1, 0x3F80, 0, 0, 0x3F800000, "" },
    { "signalling NaN among the operands", 0x7F81, 0x3F80, 0, 0, 0x3F800000, "" },
    { "negative NaN among the operands", 0xFFC1, 0x3F80, 0, 0, 0x3F800000, "" },
    { "NaN as accumulator", 0, 0, 0, 0, 0x7FC12345, "" },
    { "negative NaN as accumulator", 0, 0, 0, 0, 0xFFC12345, "" },
    { "infinity times zero", 0x7F80, 0, 0, 0, 0x3F800000, "" },
    { "infinity less infinity", 0x7F80, 0x3F80, 0x7F80, 0xBF80, 0, "" },
    { "infinity times one", 0x7F80, 0x3F80, 0, 0, 0x3F800000, "7f800000: infinity stays" },
    { "infinity as accumulator", 0, 0, 0, 0, 0xFF800000, "ff800000: infinity stays" },
    { "product of 2^200", 0x7180, 0x7180, 0, 0, 0, "7f800000: infinity" },
    { "2^200 less 2^200", 0x7180, 0x7180, 0x7180, 0xF180, 0x3F800000, "7fffffff: NaN, as from infinities" },
    { "largest number plus 2^127", 0x5F00, 0x5F00, 0, 0, 0x7F7FFFFF, "7f800000: infinity" },
    { "-0 with products of -0", 0x8000, 0x3F80, 0x8000, 0x3F80, 0x80000000, "80000000: the sign stays" },
    { "1 less 1", 0x3F80, 0x3F80, 0, 0, 0xBF800000, "80000000: -0" },
};
enum { SPECIALS = sizeof specials / sizeof specials[0] };

static void make(card_steps *steps)
{
    memset(steps->a, 0, SPECIALS * STEP_TERMS * sizeof *steps->a);
    memset(steps->b, 0, SPECIALS * STEP_TERMS * sizeof *steps->b);
    steps->count = SPECIALS;
    for (size_t i = 0; i < SPECIALS; i++) {
        const struct special *s = &specials[i];

        steps->a[i * STEP_TERMS] = s->a0;
        steps->b[i * STEP_TERMS] = s->b0;
        steps->a[i * STEP_TERMS + 1] = s->a1;
        steps->b[i * STEP_TERMS + 1] = s->b1;
        memcpy(&steps->c[i], &s->c, sizeof s->c);
    }
}

static void report(const struct special *special, float got, float want)
{
    const bool same = memcmp(&got, &want, sizeof got) == 0 || (isnan(got) && isnan(want));
    uint32_t bits, expected;
    char contract[16];

    memcpy(&bits, &got, sizeof bits);
    memcpy(&expected, &want, sizeof expected);
    if (isnan(want)) /* of any bits */
        (void)snprintf(contract, sizeof contract, "NaN");
    else
        (void)snprintf(contract, sizeof contract, "%08x", expected);
    result_figure("tensor cores", special->name, same ? 0 : 1, "differences", "%08x, the contract has %s%s%s", bits,
                  contract, *special->choices ? "; " : "", special->choices);
}

bool special_steps(gd_device *device, card_steps *steps)
{
    gd_error err = { 0 };

    make(steps);
    if (card_steps_run(device, steps, &err)) {
        result_none("tensor cores", "special numbers", "%s", err.text);
        return false;
    }
    for (size_t i = 0; i < SPECIALS; i++)
        report(&specials[i], steps->d[i], card_steps_expected(steps, i, card_steps_rule(device)));
    return true;
}
