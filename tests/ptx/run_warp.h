/* run_warp.h - branches, barriers, and what lanes do together. */

static ptx_step run_bra(ptx_warp *w, const ptx_op *op, uint32_t lanes)
{
    const uint32_t target = (uint32_t)op->offset;

    if (lanes == w->lanes) {
        w->at = target;
        return PTX_JUMP;
    }
    w->lanes &= ~lanes;
    ptx_wait_at(w, target, lanes);
    return PTX_JUMP;
}

static ptx_step run_bra_uni(ptx_warp *w, const ptx_op *op, uint32_t lanes)
{
    if (lanes != w->lanes)
        return ptx_fault(w, op, -1, "bra.uni is taken by some lanes: %08x of %08x", lanes, w->lanes);
    return run_bra(w, op, lanes);
}

static ptx_step run_brx(ptx_warp *w, const ptx_op *op, uint32_t lanes)
{
    const ptx_targets *t = op->more;
    const uint32_t *index = row32(w, op->a);

    w->lanes &= ~lanes;
    for (unsigned l = 0; l < PTX_LANES; l++) {
        if (!(lanes >> l & 1))
            continue;
        if (index[l] >= t->count)
            return ptx_fault(w, op, (int)l, "brx.idx to %u of %zu targets", index[l], t->count);
        ptx_wait_at(w, t->op[index[l]], 1u << l);
    }
    return PTX_JUMP;
}

static ptx_step run_ret(ptx_warp *w, const ptx_op *op, uint32_t lanes)
{
    (void)op;
    w->lanes &= ~lanes;
    return PTX_JUMP;
}

static ptx_step run_trap(ptx_warp *w, const ptx_op *op, uint32_t lanes)
{
    (void)lanes;
    return ptx_fault(w, op, -1, "trap");
}

static ptx_step run_nothing(ptx_warp *w, const ptx_op *op, uint32_t lanes)
{
    (void)w;
    (void)op;
    (void)lanes;
    return PTX_NEXT;
}

static ptx_step run_bar(ptx_warp *w, const ptx_op *op, uint32_t lanes)
{
    if (lanes != w->launched)
        return ptx_fault(w, op, -1, "a barrier in divergent code: lanes %08x of %08x", lanes, w->launched);
    w->barrier = op->offset;
    return PTX_BARRIER;
}

/* The mask of members must be that of the lanes that are here. */
INLINE bool members_are(ptx_warp *w, uint32_t row, uint32_t lanes)
{
    const uint32_t *members = row32(w, row);
    uint32_t wrong = 0;

    for (unsigned l = 0; l < PTX_LANES; l++)
        wrong |= lanes >> l & 1 ? members[l] ^ lanes : 0;
    /* A block's last warp may have fewer lanes than its code says. */
    return (wrong & w->launched) == 0;
}

static ptx_step not_the_members(ptx_warp *w, const ptx_op *op, uint32_t row, uint32_t lanes)
{
    const unsigned first = (unsigned)__builtin_ctz(lanes);

    return ptx_fault(w, op, -1, "a .sync instruction of lanes %08x is reached by lanes %08x", row32(w, row)[first],
                     lanes);
}

static ptx_step run_warpsync(ptx_warp *w, const ptx_op *op, uint32_t lanes)
{
    return members_are(w, op->a, lanes) ? PTX_NEXT : not_the_members(w, op, op->a, lanes);
}

/* The lane from which lane l reads, and whether it is in range. */
INLINE unsigned source_of(unsigned mode, unsigned l, uint32_t b, uint32_t c, bool *within)
{
    const uint32_t lane = b & 31, clamp = c & 31, segment = c >> 8 & 31;
    const uint32_t most = (l & segment) | (clamp & ~segment), least = l & segment;
    uint32_t j;

    switch (mode) {
    case PTX_UP:
        j = l - lane;
        *within = (int32_t)j >= (int32_t)most;
        break;
    case PTX_DOWN:
        j = l + lane;
        *within = j <= most;
        break;
    case PTX_BFLY:
        j = l ^ lane;
        *within = j <= most;
        break;
    default: j = least | (lane & ~segment); *within = j <= most;
    }
    return *within ? j & 31 : l;
}

static ptx_step run_shfl(ptx_warp *w, const ptx_op *op, uint32_t lanes)
{
    const ptx_shfl *x = op->more;
    const uint32_t *b = row32(w, op->b), *c = row32(w, x->clamp);
    uint32_t a[PTX_LANES], *d = row32(w, op->d);

    if (!members_are(w, x->members, lanes))
        return not_the_members(w, op, x->members, lanes);
    memcpy(a, row32(w, op->a), sizeof a);
    for (unsigned l = 0; l < PTX_LANES; l++) {
        bool within;
        unsigned j;

        if (!(lanes >> l & 1))
            continue;
        j = source_of(x->mode, l, b[l], c[l], &within);
        if (!(lanes >> j & 1))
            return ptx_fault(w, op, (int)l, "shfl reads lane %u, which takes no part", j);
        d[l] = a[j];
        set_predicate(w, x->within, within ? PTX_ALL : 0, 1u << l);
    }
    return PTX_NEXT;
}

static ptx_step run_vote_ballot(ptx_warp *w, const ptx_op *op, uint32_t lanes)
{
    const uint32_t vote = (w->predicate[op->a] ^ (uint32_t)op->offset) & lanes;
    uint32_t *d = row32(w, op->d);

    if (!members_are(w, op->b, lanes))
        return not_the_members(w, op, op->b, lanes);
    EACH_LANE d[l] = lanes >> l & 1 ? vote : d[l];
    return PTX_NEXT;
}

static ptx_step run_vote_any(ptx_warp *w, const ptx_op *op, uint32_t lanes)
{
    const uint32_t vote = (w->predicate[op->a] ^ (uint32_t)op->offset) & lanes;

    if (!members_are(w, op->b, lanes))
        return not_the_members(w, op, op->b, lanes);
    set_predicate(w, op->d, vote ? PTX_ALL : 0, lanes);
    return PTX_NEXT;
}

static ptx_step run_vote_all(ptx_warp *w, const ptx_op *op, uint32_t lanes)
{
    const uint32_t vote = (w->predicate[op->a] ^ (uint32_t)op->offset) & lanes;

    if (!members_are(w, op->b, lanes))
        return not_the_members(w, op, op->b, lanes);
    set_predicate(w, op->d, vote == lanes ? PTX_ALL : 0, lanes);
    return PTX_NEXT;
}

static ptx_step run_vote_uni(ptx_warp *w, const ptx_op *op, uint32_t lanes)
{
    const uint32_t vote = (w->predicate[op->a] ^ (uint32_t)op->offset) & lanes;

    if (!members_are(w, op->b, lanes))
        return not_the_members(w, op, op->b, lanes);
    set_predicate(w, op->d, vote == lanes || vote == 0 ? PTX_ALL : 0, lanes);
    return PTX_NEXT;
}

static ptx_step run_activemask(ptx_warp *w, const ptx_op *op, uint32_t lanes)
{
    uint32_t *d = row32(w, op->d);

    EACH_LANE d[l] = lanes >> l & 1 ? lanes : d[l];
    return PTX_NEXT;
}
