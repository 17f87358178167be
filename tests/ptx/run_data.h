/* run_data.h - choices, predicates, parts of registers, conversions among integers, addresses. */

static ptx_step run_selp_32(ptx_warp *w, const ptx_op *op, uint32_t lanes)
{
    const uint32_t *a = row32(w, op->a), *b = row32(w, op->b), p = w->predicate[op->c];
    uint32_t *d = row32(w, op->d);

    EACH_LANE
    {
        const uint32_t v = p >> l & 1 ? a[l] : b[l];

        d[l] = lanes >> l & 1 ? v : d[l];
    }
    return PTX_NEXT;
}

static ptx_step run_selp_16(ptx_warp *w, const ptx_op *op, uint32_t lanes) { return run_selp_32(w, op, lanes); }

static ptx_step run_selp_64(ptx_warp *w, const ptx_op *op, uint32_t lanes)
{
    const uint64_t *a = row64(w, op->a), *b = row64(w, op->b);
    const uint32_t p = w->predicate[op->c];
    uint64_t *d = row64(w, op->d);

    EACH_LANE
    {
        const uint64_t v = p >> l & 1 ? a[l] : b[l];

        d[l] = lanes >> l & 1 ? v : d[l];
    }
    return PTX_NEXT;
}

static ptx_step run_bfi_32(ptx_warp *w, const ptx_op *op, uint32_t lanes)
{
    const uint32_t *a = row32(w, op->a), *b = row32(w, op->b), *c = row32(w, op->c),
                   *n = row32(w, (uint32_t)op->offset);
    uint32_t *d = row32(w, op->d);

    EACH_LANE
    {
        const uint32_t v = inserted(a[l], b[l], c[l] & 255, n[l] & 255);

        d[l] = lanes >> l & 1 ? v : d[l];
    }
    return PTX_NEXT;
}

static ptx_step run_bfi_64(ptx_warp *w, const ptx_op *op, uint32_t lanes)
{
    const uint64_t *a = row64(w, op->a), *b = row64(w, op->b);
    const uint32_t *c = row32(w, op->c), *n = row32(w, (uint32_t)op->offset);
    uint64_t *d = row64(w, op->d);

    EACH_LANE
    {
        const uint64_t v = wide_inserted(a[l], b[l], c[l] & 255, n[l] & 255);

        d[l] = lanes >> l & 1 ? v : d[l];
    }
    return PTX_NEXT;
}

static ptx_step run_lop3(ptx_warp *w, const ptx_op *op, uint32_t lanes)
{
    const uint32_t *a = row32(w, op->a), *b = row32(w, op->b), *c = row32(w, op->c);
    uint32_t *d = row32(w, op->d);

    EACH_LANE
    {
        uint32_t v = 0;

        for (unsigned i = 0; i < 8; i++)
            if (op->offset >> i & 1)
                v |= (i & 4 ? a[l] : ~a[l]) & (i & 2 ? b[l] : ~b[l]) & (i & 1 ? c[l] : ~c[l]);
        d[l] = lanes >> l & 1 ? v : d[l];
    }
    return PTX_NEXT;
}

static ptx_step run_and_pred(ptx_warp *w, const ptx_op *op, uint32_t lanes)
{
    set_predicate(w, op->d, w->predicate[op->a] & w->predicate[op->b], lanes);
    return PTX_NEXT;
}

static ptx_step run_or_pred(ptx_warp *w, const ptx_op *op, uint32_t lanes)
{
    set_predicate(w, op->d, w->predicate[op->a] | w->predicate[op->b], lanes);
    return PTX_NEXT;
}

static ptx_step run_xor_pred(ptx_warp *w, const ptx_op *op, uint32_t lanes)
{
    set_predicate(w, op->d, w->predicate[op->a] ^ w->predicate[op->b], lanes);
    return PTX_NEXT;
}

static ptx_step run_not_pred(ptx_warp *w, const ptx_op *op, uint32_t lanes)
{
    set_predicate(w, op->d, ~w->predicate[op->a], lanes);
    return PTX_NEXT;
}

static ptx_step run_mov_pred(ptx_warp *w, const ptx_op *op, uint32_t lanes)
{
    set_predicate(w, op->d, w->predicate[op->a], lanes);
    return PTX_NEXT;
}

static ptx_step run_pack(ptx_warp *w, const ptx_op *op, uint32_t lanes)
{
    const ptx_parts *p = op->more;

    for (unsigned l = 0; l < PTX_LANES; l++) {
        uint64_t v = 0;

        if (!(lanes >> l & 1))
            continue;
        for (unsigned i = 0; i < p->count; i++)
            v |= (uint64_t)row32(w, p->row[i])[l] << i * p->width;
        if (p->count * p->width == 64)
            row64(w, op->d)[l] = v;
        else
            row32(w, op->d)[l] = (uint32_t)v;
    }
    return PTX_NEXT;
}

static ptx_step run_unpack(ptx_warp *w, const ptx_op *op, uint32_t lanes)
{
    const ptx_parts *p = op->more;

    for (unsigned l = 0; l < PTX_LANES; l++) {
        uint64_t v;

        if (!(lanes >> l & 1))
            continue;
        v = p->count * p->width == 64 ? row64(w, op->a)[l] : row32(w, op->a)[l];
        for (unsigned i = 0; i < p->count; i++)
            row32(w, p->row[i])[l] = (uint32_t)(v >> i * p->width & ((1ull << p->width) - 1));
    }
    return PTX_NEXT;
}

INLINE uint64_t extended(uint64_t v, unsigned bits, bool is_signed)
{
    const unsigned unused = 64 - bits;

    return is_signed ? (uint64_t)((int64_t)(v << unused) >> unused) : v << unused >> unused;
}

INLINE void convert(ptx_warp *w, const ptx_op *op, uint32_t lanes, ptx_integers t)
{
    const uint32_t *a = row32(w, op->a);
    const uint64_t *wide_a = row64(w, op->a);
    uint32_t *d = row32(w, op->d);
    uint64_t *wide_d = row64(w, op->d);

    EACH_LANE
    {
        const uint64_t v = extended(extended(t.from_row == 64 ? wide_a[l] : a[l], t.from, t.from_signed), t.to,
                                    t.to_signed);

        if (lanes >> l & 1) {
            if (t.to_row == 64)
                wide_d[l] = v;
            else
                d[l] = t.to_row == 16 ? (uint16_t)v : (uint32_t)v;
        }
    }
}

static ptx_step run_cvt_integers(ptx_warp *w, const ptx_op *op, uint32_t lanes)
{
    const ptx_integers *t = op->more;

    if (t->from == 32 && t->from_row == 32 && t->to == 64 && t->from_signed)
        convert(w, op, lanes, (ptx_integers){ 32, 64, 32, 64, true, true });
    else if (t->from == 32 && t->from_row == 32 && t->to == 64)
        convert(w, op, lanes, (ptx_integers){ 32, 64, 32, 64, false, false });
    else
        convert(w, op, lanes, *t);
    return PTX_NEXT;
}

static ptx_step run_cvta(ptx_warp *w, const ptx_op *op, uint32_t lanes)
{
    const uint64_t *a = row64(w, op->a);
    uint64_t *d = row64(w, op->d);

    EACH_LANE d[l] = lanes >> l & 1 ? a[l] + (uint64_t)op->offset : d[l];
    return PTX_NEXT;
}

/* An address that isn't in the space's window lies outside of the space afterwards, so that its use is a fault. */
static ptx_step run_cvta_to(ptx_warp *w, const ptx_op *op, uint32_t lanes)
{
    const uint64_t *a = row64(w, op->a);
    uint64_t *d = row64(w, op->d);

    EACH_LANE d[l] = lanes >> l & 1 ? a[l] - (uint64_t)op->offset : d[l];
    return PTX_NEXT;
}
