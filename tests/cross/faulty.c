/* faulty.c - the cpu backend with one fault. */
#include "tests/cross/faulty.h"

#include "backends/cpu/device.h"

#include <string.h>

enum { WEIGHTS = 256 };

static gd_backend backend;
static faulty fault;
static unsigned calls[GD_OP_COUNT];
static const gd_weight *weights[WEIGHTS];
static char room[1 << 16];

const gd_weight *faulty_earlier_weight(unsigned linears)
{
    return weights[(calls[GD_OP_linear] - 1 - linears) % WEIGHTS];
}

/* Counts the call; true for the one that is to be wrong, which is changed. */
static bool spoil(gd_op op, gd_call *call)
{
    unsigned n;

    if (call->tile->first) /* only the first tile has faults */
        return false;
    if (op == GD_OP_embedding) /* a new run */
        memset(calls, 0, sizeof calls);
    n = calls[op]++;
    if (op == GD_OP_linear)
        weights[n % WEIGHTS] = call->w[0];
    if (op != fault.op || n != fault.at)
        return false;
    if (fault.before)
        fault.before(call);
    return true;
}

static void finish(bool spoilt, const gd_call *call)
{
    if (spoilt && fault.after)
        fault.after(call, room);
}

static void run(gd_op op, gd_device *device, const gd_call *call)
{
    gd_call own = *call;
    const bool spoilt = spoil(op, &own);

    gd_backend_cpu.run[op](device, &own);
    finish(spoilt, &own);
}

#define GD_OP(name, inputs, operands, whole, role0, role1, parts) \
    static void run_##name(gd_device *device, const gd_call *call) { run(GD_OP_##name, device, call); }
#include "graph/ops.def"
#undef GD_OP

static gd_op_run *const runs[GD_OP_COUNT] = {
#define GD_OP(name, inputs, operands, whole, role0, role1, parts) [GD_OP_##name] = run_##name,
#include "graph/ops.def"
#undef GD_OP
};

static void linears(gd_device *device, const gd_call *them, size_t count)
{
    gd_call own[GD_OP_MAX_LINEARS] = { 0 };
    bool spoilt[GD_OP_MAX_LINEARS];

    for (size_t i = 0; i < count; i++) {
        own[i] = them[i];
        spoilt[i] = spoil(GD_OP_linear, &own[i]);
    }
    gd_backend_cpu.linears(device, own, count);
    for (size_t i = 0; i < count; i++)
        finish(spoilt[i], &own[i]);
}

static void gated_linears(gd_device *device, const gd_call *them, const gd_call *gated)
{
    gd_call own[2] = { them[0], them[1] }, last = *gated;
    bool spoilt;

    (void)spoil(GD_OP_linear, &own[0]);
    (void)spoil(GD_OP_linear, &own[1]);
    spoilt = spoil(GD_OP_gated, &last);
    gd_backend_cpu.gated_linears(device, own, &last);
    finish(spoilt, &last);
}

const gd_backend *faulty_backend(const faulty *wanted)
{
    backend = gd_backend_cpu;
    memcpy(backend.run, runs, sizeof runs);
    backend.linears = linears;
    backend.gated_linears = gated_linears;
    fault = *wanted;
    return &backend;
}
