/* steps.c - what a card's tensor cores do: millions of random steps against the definition, and which rule fits them.
 *
 * Kinds of steps differ in their exponents.  Operands are never subnormal here: the contract takes those for zero, and
 * special_steps.c asks about them. */
#include "bench/gpu/bench_gpu.h"
#include "bench/gpu/card_steps.h"
#include "bench/gpu/probes.h"
#include "bench/gpu/result.h"
#include "bench/gpu/special_steps.h"

#include "base/error.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Operands have exponents below top, accumulators below c_top, as many as spread says; c_top 0: no accumulators. */
static const struct kind {
    const char *name;
    uint32_t top, spread, c_top, c_spread;
    bool cancels;
} kinds[] = {
    { "ordinary steps", 130, 6, 133, 8, false },
    { "steps with exponents far apart", 151, 60, 171, 80, false },
    { "steps that cancel", 128, 2, 129, 3, true },
    { "steps near the smallest number", 73, 20, 22, 22, false },
    { "steps of any exponents", 255, 254, 255, 255, false },
};
enum { KINDS = sizeof kinds / sizeof kinds[0], AT_A_TIME = 1 << 18, SMALL = 512 };

static gd_bf16 operand(uint64_t *state, uint32_t top, uint32_t spread)
{
    const uint64_t r = probes_random(state);
    const uint32_t exponent = top - (uint32_t)(r >> 32) % spread;

    return r & 0xF0000 ? (gd_bf16)((r & 0x80FF & 0x807F) | exponent << 7) : 0;
}

static void make_step(card_steps *steps, size_t i, const struct kind *kind, uint64_t *state)
{
    gd_bf16 *a = steps->a + i * STEP_TERMS, *b = steps->b + i * STEP_TERMS;
    uint32_t c;

    for (size_t k = 0; k < STEP_TERMS; k++) {
        a[k] = operand(state, kind->top - 1, kind->spread - 1);
        b[k] = operand(state, kind->top - 1, kind->spread - 1);
        if (kind->cancels && k % 2) { /* the opposite of the product before, or nearly */
            a[k] = (gd_bf16)(a[k - 1] ^ 0x8000u);
            b[k] = (gd_bf16)(b[k - 1] ^ probes_below(state, 2));
        }
    }
    c = (uint32_t)(probes_random(state) & 0x807FFFFFu);
    c |= (kind->c_top - 1 - probes_below(state, kind->c_spread - 1)) << 23;
    if (kind->c_top == 0 || probes_below(state, 16) == 0)
        c = 0;
    memcpy(&steps->c[i], &c, sizeof c);
}

static bool same(float got, float want) { return !memcmp(&got, &want, sizeof got) || (isnan(got) && isnan(want)); }

static uint32_t bits_of(float f)
{
    uint32_t bits;

    memcpy(&bits, &f, sizeof bits);
    return bits;
}

static bool fill_and_run(gd_device *device, card_steps *steps, const struct kind *kind, uint64_t *state)
{
    gd_error err = { 0 };

    for (size_t i = 0; i < steps->count; i++)
        make_step(steps, i, kind, state);
    if (!card_steps_run(device, steps, &err))
        return true;
    result_none("tensor cores", kind->name, "%s", err.text);
    return false;
}

static bool compare_kind(gd_device *device, card_steps *steps, const struct kind *kind, size_t rounds)
{
    const gd_tensor_rule *rule = card_steps_rule(device);
    size_t wrong = 0;
    uint64_t state = 1;
    char first[160] = "", name[80];

    for (size_t round = 0; round < rounds; round++) {
        if (!fill_and_run(device, steps, kind, &state))
            return false;
        for (size_t i = 0; i < steps->count; i++) {
            const float want = card_steps_expected(steps, i, rule);

            if (same(steps->d[i], want) || wrong++)
                continue;
            (void)snprintf(first, sizeof first, "; the first is step %zu: %08x, but %08x is expected",
                           round * steps->count + i, bits_of(steps->d[i]), bits_of(want));
        }
    }
    (void)snprintf(name, sizeof name, "%s%s", steps->wgmma ? "wgmma: " : "", kind->name);
    result_figure("tensor cores", name, (double)wrong, "differences", "of %zu steps%s", rounds * steps->count, first);
    return true;
}

static size_t agreeing(const card_steps *steps, const gd_tensor_rule *rule)
{
    size_t count = 0;

    for (size_t i = 0; i < steps->count; i++)
        count += same(steps->d[i], card_steps_expected(steps, i, rule));
    return count;
}

/* The rule of those tried with which most steps agree. */
static void find_rule(const card_steps *steps)
{
    gd_tensor_rule best = { 0 };
    size_t most = 0;

    for (unsigned products = 2; products <= STEP_TERMS; products *= 2)
        for (int bits = 22; bits <= 28; bits++) {
            const gd_tensor_rule rule = { products, bits, -133 };
            const size_t count = agreeing(steps, &rule);

            if (count > most) {
                most = count;
                best = rule;
            }
        }
    result_figure("tensor cores", "products of a step", best.products, "products",
                  "with %d bits below the largest exponent %zu of %zu steps are explained", best.bits, most,
                  steps->count);
    result_figure("tensor cores", "bits kept below the largest exponent", best.bits, "bits",
                  "of the rules tried: 2 to 16 products, 22 to 28 bits");
}

/* The largest exponent to which terms are aligned at least, with which most steps agree. */
static void find_floor(const card_steps *steps, const gd_tensor_rule *rule)
{
    gd_tensor_rule tried = *rule;
    size_t most = 0, as_many = 0;
    int floor = 0;

    for (tried.floor = -170; tried.floor <= -120; tried.floor++) {
        const size_t count = agreeing(steps, &tried);

        as_many = count == most ? as_many + 1 : count > most ? 1 : as_many;
        if (count > most) {
            most = count;
            floor = tried.floor;
        }
    }
    result_figure("tensor cores", "floor of the exponent", floor, "",
                  "explains %zu of %zu steps, as do %zu others from -170 to -120; the contract says %d", most,
                  steps->count, as_many - 1, rule->floor);
}

/* Products alone, from 2^-150 to 2^-145: of these the floor cuts some bits, which now and then changes the sum. */
static const struct kind floor_kind = { "steps below the smallest number", 55, 4, 0, 0, false };

static bool identify(gd_device *device, card_steps *steps, bool small)
{
    uint64_t state = 2;

    steps->count = small ? SMALL : SMALL * 8;
    if (!fill_and_run(device, steps, &kinds[1], &state))
        return false;
    find_rule(steps);
    if (!fill_and_run(device, steps, &floor_kind, &state))
        return false;
    find_floor(steps, card_steps_rule(device));
    return true;
}

/* Hopper's other instruction: the same steps by it.  Where nearly all of them differ, the probe itself is wrong. */
static void ask_wgmma(gd_device *device, card_steps *steps, bool small)
{
    gd_error err = { 0 };
    gd_cu_module module = NULL;
    gd_status rc;

    if (device->card.capability != 90) {
        result_none("tensor cores", "wgmma", "not asked: sm_90 alone has it");
        return;
    }
    rc = probes_load_wgmma(device, &module, &err);
    if (!rc && device->driver->function_get(&steps->wgmma, module, "gd_wgmma_steps"))
        rc = gd_fail(&err, GD_EUNSUPPORTED, "not asked: the driver has no kernel gd_wgmma_steps");
    if (rc)
        result_none("tensor cores", "wgmma", "%s", err.text);
    steps->count = small ? SMALL : AT_A_TIME;
    for (size_t i = 0; !rc && i < KINDS; i++)
        if (!compare_kind(device, steps, &kinds[i], 1))
            break;
    if (module)
        (void)device->driver->module_unload(module);
}

static bool run_all(gd_device *device, bool small)
{
    card_steps steps;
    gd_error err = { 0 };
    bool done = !card_steps_open(&steps, small ? SMALL : AT_A_TIME, &err);

    if (!done)
        result_none("tensor cores", "steps", "%s", err.text);
    for (size_t i = 0; done && i < KINDS; i++)
        done = compare_kind(device, &steps, &kinds[i], small ? 1 : 4);
    done = done && identify(device, &steps, small) && special_steps(device, &steps);
    if (done)
        ask_wgmma(device, &steps, small);
    card_steps_close(&steps);
    return done;
}

bool bench_steps(bool small)
{
    gd_device *device;
    gd_error err = { 0 };
    bool done;

    if (bench_open(&device, &err)) {
        result_none("tensor cores", "steps", "%s", err.text);
        return false;
    }
    done = run_all(device, small);
    gd_cuda_close(device);
    return done;
}
