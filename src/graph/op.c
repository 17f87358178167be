/* op.c - the names of the operations. */
#include "graph/op.h"

const char *gd_op_name(gd_op op)
{
    static const char *const names[] = {
#define GD_OP(name, inputs, weights) #name,
#include "graph/ops.def"
#undef GD_OP
    };

    return names[op];
}
