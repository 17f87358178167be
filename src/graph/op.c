/* op.c - ops.def as a table. */
#include "graph/op.h"

enum {
    PARTS_BEFORE = 1u << GD_PART_BEFORE,
    PARTS_LAYER = 1u << GD_PART_LAYER,
    PARTS_AFTER = 1u << GD_PART_AFTER,
    PARTS_ANYWHERE = PARTS_BEFORE | PARTS_LAYER | PARTS_AFTER
};

#define WORDS_BEFORE "before the repeat"
#define WORDS_LAYER "inside the repeat"
#define WORDS_AFTER "after the repeat"
#define WORDS_ANYWHERE "anywhere"

const gd_op_traits gd_op_table[GD_OP_COUNT] = {
#define GD_OP(name, inputs, operands, whole, role0, role1, parts) \
    { #name, inputs, operands, whole, { GD_WEIGHT_##role0, GD_WEIGHT_##role1 }, PARTS_##parts, WORDS_##parts },
#include "graph/ops.def"
#undef GD_OP
};

const char *gd_arithmetic_name(gd_arithmetic arithmetic)
{
    static const char *const names[] = { [GD_EXACT] = "exact", [GD_TENSOR] = "tensor", [GD_TENSOR8] = "tensor8" };

    return names[arithmetic];
}
