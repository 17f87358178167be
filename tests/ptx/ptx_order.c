/* ptx_order.c - puts an entry's blocks of operations into an order in which lanes that parted meet again.
 *
 * A warp goes on with the lanes that are lowest.  So a block must stand behind all from which it is reached, but for
 * the way back to a loop's head, and what follows a loop behind all of the loop.  nvcc writes PTX like that; clang puts
 * a block where it falls through to the next one.  The order is Bourdoncle's weak topological one (1993). */
#include "tests/ptx/ptx_build.h"

#include <stdlib.h>
#include <string.h>

/* Operations of which all run, or none. */
struct block {
    uint32_t first, end; /* before the order changes */
    uint32_t start;      /* after it */
    uint32_t visit;      /* when the search came here; 0: not yet; DONE: it is in the order */
    bool falls;          /* to the next one */
};

#define DONE UINT32_MAX

struct flow {
    const ptx_entry_point *entry;
    struct block *blocks;
    uint32_t *block_at; /* of the operation that begins one */
    uint32_t count;
    uint32_t *stack, height, visits;
    uint32_t *order, left; /* filled from its end on; the first place that is filled */
};

static void *new_array(size_t count, size_t size)
{
    void *array = calloc(count, size);

    if (!array)
        abort();
    return array;
}

static bool is_branch(const ptx_op *op) { return op->code == PTX_bra || op->code == PTX_bra_uni; }

static uint32_t target_count(const ptx_op *op)
{
    return is_branch(op) ? 1 : op->code == PTX_brx ? (uint32_t)((const ptx_targets *)op->more)->count : 0;
}

static uint32_t target_of(const ptx_op *op, uint32_t i)
{
    return is_branch(op) ? (uint32_t)op->offset : ((const ptx_targets *)op->more)->op[i];
}

/* Whether lanes part or end here. */
static bool ends_block(const ptx_op *op) { return is_branch(op) || op->code == PTX_brx || op->code == PTX_ret; }

static void find_blocks(struct flow *f)
{
    const uint32_t ops = (uint32_t)f->entry->op_count;
    bool *begins = new_array(ops + 1, sizeof *begins);

    begins[0] = true;
    for (uint32_t i = 0; i < ops; i++) {
        const ptx_op *op = &f->entry->ops[i];

        begins[i + 1] |= ends_block(op);
        for (uint32_t t = 0; t < target_count(op); t++)
            begins[target_of(op, t)] = true;
    }
    for (uint32_t i = 0; i < ops; i++) {
        const ptx_op *op = &f->entry->ops[i];

        if (begins[i])
            f->blocks[f->count++].first = i;
        f->block_at[i] = f->count - 1;
        f->blocks[f->count - 1].end = i + 1;
        f->blocks[f->count - 1].falls = !ends_block(op) || op->guard != PTX_TRUE;
    }
    free(begins);
}

static uint32_t visit(struct flow *f, uint32_t at);

/* The earliest visit among those that can be reached from here; of a loop, after its head is in the order, new ones. */
static uint32_t visit_next(struct flow *f, uint32_t at, bool only_new)
{
    const struct block *b = &f->blocks[at];
    const ptx_op *last = &f->entry->ops[b->end - 1];
    const uint32_t targets = target_count(last);
    uint32_t earliest = DONE;

    /* The one to which it falls through is visited last, and so stands next to it. */
    for (uint32_t i = 0; i < targets + b->falls; i++) {
        const uint32_t to = i < targets ? f->block_at[target_of(last, i)] : at + 1;
        const uint32_t seen = f->blocks[to].visit ? f->blocks[to].visit : visit(f, to);

        earliest = !only_new && seen < earliest ? seen : earliest;
    }
    return earliest;
}

static uint32_t visit(struct flow *f, uint32_t at)
{
    struct block *b = &f->blocks[at];
    const uint32_t mine = b->visit = ++f->visits;
    uint32_t earliest, popped;

    f->stack[f->height++] = at;
    earliest = visit_next(f, at, false);
    if (earliest < mine)
        return earliest;
    b->visit = DONE;
    /* All of the loop but its head is visited again, as if nothing led back. */
    while ((popped = f->stack[--f->height]) != at)
        f->blocks[popped].visit = 0;
    if (earliest == mine)
        (void)visit_next(f, at, true);
    f->order[--f->left] = at;
    return DONE;
}

/* The operations in the order of their blocks, with a branch where the next block is now another one. */
static ptx_op *ordered_ops(struct flow *f, size_t *count)
{
    const ptx_entry_point *e = f->entry;
    ptx_op *ops = new_array(e->op_count + f->count, sizeof *ops);
    uint32_t n = 0;

    for (uint32_t i = f->left; i < f->count; i++) {
        struct block *b = &f->blocks[f->order[i]];

        b->start = n;
        memcpy(ops + n, e->ops + b->first, (b->end - b->first) * sizeof *ops);
        n += b->end - b->first;
        if (b->falls && (i + 1 == f->count || f->order[i + 1] != f->order[i] + 1))
            ops[n++] = (ptx_op){ .run = e->variant->operation[PTX_bra],
                                 .guard = PTX_TRUE,
                                 .offset = b->end,
                                 .code = PTX_bra,
                                 .line = e->ops[b->end - 1].line };
    }
    *count = n;
    return ops;
}

static void move_targets(const struct flow *f, ptx_op *ops, size_t count, const ptx_list *tables)
{
    const ptx_table *table = tables->items;

    for (size_t i = 0; i < count; i++)
        if (is_branch(&ops[i]))
            ops[i].offset = f->blocks[f->block_at[ops[i].offset]].start;
    for (size_t i = 0; i < tables->count; i++)
        for (size_t t = 0; t < table[i].targets->count; t++)
            table[i].targets->op[t] = f->blocks[f->block_at[table[i].targets->op[t]]].start;
}

void ptx_order(ptx_entry_point *e, const ptx_list *tables)
{
    const size_t n = e->op_count;
    struct flow f = { .entry = e,
                      .blocks = new_array(n, sizeof *f.blocks),
                      .block_at = new_array(n, sizeof *f.block_at),
                      .stack = new_array(n, sizeof *f.stack),
                      .order = new_array(n, sizeof *f.order) };
    ptx_op *ops;

    find_blocks(&f);
    f.left = f.count;
    (void)visit(&f, 0);
    ops = ordered_ops(&f, &e->op_count);
    move_targets(&f, ops, e->op_count, tables);
    free(e->ops);
    e->ops = ops;
    free(f.blocks);
    free(f.block_at);
    free(f.stack);
    free(f.order);
}
