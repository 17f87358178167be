/* run.h - all operations, compiled for an instruction set: VARIANT is its name. */
#include "tests/ptx/ptx_warp.h"

#include "tests/ptx/run_lanes.h"
#include "tests/ptx/run_data.h"
#include "tests/ptx/run_memory.h"
#include "tests/ptx/run_warp.h"
#include "tests/ptx/run_mma.h"

#define JOINED(a, b) a##b
#define OF(prefix, variant) JOINED(prefix, variant)
#define QUOTED(a) #a
#define NAME_OF(variant) QUOTED(variant)

static ptx_step run_warp(ptx_warp *w)
{
    const ptx_op *ops = w->block->entry->ops;
    ptx_step step = PTX_NEXT;

    do {
        const ptx_op *op = &ops[w->at];
        const uint32_t lanes = w->lanes & (w->predicate[op->guard] ^ op->flip);

        w->at++;
        w->steps++;
        if (lanes)
            step = op->run(w, op, lanes);
        if (w->at >= w->next || step == PTX_JUMP) {
            if (step > PTX_JUMP)
                return step;
            step = PTX_NEXT;
            if (w->steps > w->budget)
                return ptx_fault(w, op, -1, "no end after %llu instructions", (unsigned long long)w->budget);
            if (w->lanes == 0 || w->at >= w->next)
                step = ptx_regroup(w);
        }
    } while (step == PTX_NEXT);
    return step;
}

const ptx_variant OF(ptx_variant_, VARIANT) = {
    .name = NAME_OF(VARIANT),
    .run = run_warp,
    .operation = {
#define OP1(name, text, D, A, value) run_##name,
#define OP2(name, text, D, A, B, value) run_##name,
#define OP3(name, text, D, A, B, C, value) run_##name,
#define CMP(name, text, A, value) run_##name,
#define SPECIAL(name) run_##name,
#include "tests/ptx/ptx_ops.def"
#undef OP1
#undef OP2
#undef OP3
#undef CMP
#undef SPECIAL
    },
};
