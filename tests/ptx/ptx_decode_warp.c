/* ptx_decode_warp.c - control flow, barriers, and what a warp does together. */
#include "tests/ptx/ptx_build.h"

#include <string.h>

static bool decode_branch(ptx_builder *b, const ptx_statement *s)
{
    const bool uniform = strcmp(s->full, "bra.uni") == 0;

    if (!uniform && strcmp(s->full, "bra") != 0)
        return ptx_fail(&b->r, "%s is not known", s->full);
    b->op.code = uniform ? PTX_bra_uni : PTX_bra;
    return ptx_wants_operands(b, s, 1, 1) && ptx_jump_to(b, &s->operand[0].item[0], NULL);
}

/* brx.idx index, table */
static bool decode_brx(ptx_builder *b, const ptx_statement *s)
{
    const ptx_table *tables = b->tables.items;

    if (strcmp(s->full, "brx.idx") != 0 && strcmp(s->full, "brx.idx.uni") != 0)
        return ptx_fail(&b->r, "%s is not known", s->full);
    if (!ptx_wants_operands(b, s, 2, 2))
        return false;
    for (size_t i = 0; i < b->tables.count; i++)
        if (strcmp(tables[i].name, s->operand[1].item[0].name) == 0)
            b->op.more = tables[i].targets;
    b->op.code = PTX_brx;
    b->op.a = ptx_row_read(b, &s->operand[0].item[0], 32);
    return b->op.more ? true : ptx_fail(&b->r, "there is no table %s", s->operand[1].item[0].name);
}

static bool decode_barrier(ptx_builder *b, const ptx_statement *s)
{
    static const char *const known[] = { "bar.sync", "barrier.sync.aligned", "bar.cta.sync", "barrier.cta.sync.aligned",
                                         "barrier.sync" };

    if (strcmp(s->full, "bar.warp.sync") == 0) {
        b->op.code = PTX_warpsync;
        if (!ptx_wants_operands(b, s, 1, 1))
            return false;
        b->op.a = ptx_row_read(b, &s->operand[0].item[0], 32);
        return true;
    }
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(s->full, known[i]) == 0) {
            const ptx_value *id = &s->operand[0].item[0];

            if (s->operands != 1 || id->kind != PTX_NUMBER || id->number > 15)
                return ptx_fail(&b->r, "%s is known for all threads and a constant barrier only", s->full);
            b->op.code = PTX_bar;
            b->op.offset = (int64_t)id->number;
            return true;
        }
    return ptx_fail(&b->r, "%s is not known", s->full);
}

/* shfl.sync.MODE.b32 d[|p], value, lane, clamp, members */
static bool decode_shfl(ptx_builder *b, const ptx_statement *s)
{
    static const char *const modes[] = { "bfly", "idx", "up", "down" };
    ptx_shfl *x = ptx_keep(b, sizeof *x);
    unsigned mode = 0;

    while (mode < 4 && (s->parts != 4 || strcmp(s->part[2], modes[mode]) != 0))
        mode++;
    if (mode == 4 || strcmp(s->part[1], "sync") != 0 || strcmp(s->part[3], "b32") != 0)
        return ptx_fail(&b->r, "%s is not known", s->full);
    if (!ptx_wants_operands(b, s, 5, 5))
        return false;
    x->mode = mode;
    x->within = s->operand[0].paired ? ptx_predicate(b, &s->operand[0].item[1]) : ptx_new_row(b, 1);
    x->clamp = ptx_row_read(b, &s->operand[3].item[0], 32);
    x->members = ptx_row_read(b, &s->operand[4].item[0], 32);
    b->op.code = PTX_shfl;
    b->op.d = ptx_row_written(b, &s->operand[0].item[0], 32);
    b->op.a = ptx_row_read(b, &s->operand[1].item[0], 32);
    b->op.b = ptx_row_read(b, &s->operand[2].item[0], 32);
    b->op.more = x;
    return true;
}

/* vote.sync.MODE d, {!}p, members */
static bool decode_vote(ptx_builder *b, const ptx_statement *s)
{
    static const struct {
        const char *name;
        ptx_code code;
    } all[] = { { "vote.sync.ballot.b32", PTX_vote_ballot },
                { "vote.sync.any.pred", PTX_vote_any },
                { "vote.sync.all.pred", PTX_vote_all },
                { "vote.sync.uni.pred", PTX_vote_uni } };

    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (strcmp(s->full, all[i].name) != 0)
            continue;
        if (!ptx_wants_operands(b, s, 3, 3))
            return false;
        b->op.code = all[i].code;
        b->op.d = i == 0 ? ptx_row_written(b, &s->operand[0].item[0], 32) : ptx_predicate(b, &s->operand[0].item[0]);
        b->op.a = ptx_predicate(b, &s->operand[1].item[0]);
        b->op.offset = s->operand[1].negated ? PTX_ALL : 0;
        b->op.b = ptx_row_read(b, &s->operand[2].item[0], 32);
        return true;
    }
    return ptx_fail(&b->r, "%s is not known", s->full);
}

static bool mma_rows(ptx_builder *b, const ptx_operand *o, unsigned count, uint32_t *row, bool written)
{
    if (o->kind != PTX_LIST || o->count != count)
        return ptx_fail(&b->r, "a fragment of %u registers is expected, not %u", count, o->count);
    for (unsigned i = 0; i < count; i++)
        row[i] = written ? ptx_row_written(b, &o->item[i], 32) : ptx_row_read(b, &o->item[i], 32);
    return true;
}

static bool decode_mma(ptx_builder *b, const ptx_statement *s)
{
    ptx_mma *m = ptx_keep(b, sizeof *m);

    if (strcmp(s->full, "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32") != 0)
        return ptx_fail(&b->r, "%s is not known", s->full);
    b->op.code = PTX_mma;
    b->op.more = m;
    return ptx_wants_operands(b, s, 4, 4) && mma_rows(b, &s->operand[0], 4, m->d, true) &&
           mma_rows(b, &s->operand[1], 4, m->a, false) && mma_rows(b, &s->operand[2], 2, m->b, false) &&
           mma_rows(b, &s->operand[3], 4, m->c, false);
}

/* What has no operands, or none that matters. */
static bool decode_bare(ptx_builder *b, const ptx_statement *s)
{
    static const struct {
        const char *name;
        ptx_code code;
    } all[] = { { "ret", PTX_ret },
                { "exit", PTX_ret },
                { "trap", PTX_trap },
                { "membar.cta", PTX_nothing },
                { "membar.gl", PTX_nothing },
                { "fence.acq_rel.cta", PTX_nothing },
                { "fence.sc.cta", PTX_nothing } };

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (strcmp(s->full, all[i].name) == 0) {
            b->op.code = all[i].code;
            return ptx_wants_operands(b, s, 0, 0);
        }
    return false;
}

bool ptx_decode_warp(ptx_builder *b, const ptx_statement *s)
{
    if (strcmp(s->part[0], "bra") == 0)
        return decode_branch(b, s);
    if (strcmp(s->part[0], "brx") == 0)
        return decode_brx(b, s);
    if (strcmp(s->part[0], "bar") == 0 || strcmp(s->part[0], "barrier") == 0)
        return decode_barrier(b, s);
    if (strcmp(s->part[0], "shfl") == 0)
        return decode_shfl(b, s);
    if (strcmp(s->part[0], "vote") == 0)
        return decode_vote(b, s);
    if (strcmp(s->part[0], "mma") == 0)
        return decode_mma(b, s);
    if (strcmp(s->full, "activemask.b32") == 0 && ptx_wants_operands(b, s, 1, 1)) {
        b->op.code = PTX_activemask;
        b->op.d = ptx_row_written(b, &s->operand[0].item[0], 32);
        return true;
    }
    return decode_bare(b, s);
}
