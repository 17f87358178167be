/* run_memory.h - ld, st, cp.async and ldmatrix, with the checks of each access. */

/* Marks a read; false if it may not be. */
INLINE bool shared_read(ptx_shared *s, unsigned warp, uint32_t address, uint32_t bytes)
{
    const uint32_t now = s->epoch << 5, me = now | warp, oldest = s->oldest;
    const uint32_t reads = s->epoch << 6, mine = reads | warp;
    const uint32_t *wrote = s->wrote + address / 2;
    uint32_t *read = s->read + address / 2;
    uint32_t bad = 0;

    for (uint32_t i = 0; i < (bytes + 1) / 2; i++) {
        const uint32_t r = read[i];

        bad |= (uint32_t)(wrote[i] != me) & ((uint32_t)(wrote[i] < oldest) | (uint32_t)(wrote[i] >= now));
        read[i] = r >= reads && r != mine ? reads | PTX_SEVERAL : mine;
    }
    return !bad;
}

/* Whether a write may be, and what it leaves. */
INLINE bool shared_write(ptx_shared *s, unsigned warp, uint32_t address, uint32_t bytes, bool arrives)
{
    const uint32_t now = s->epoch << 5, me = now | warp, reads = s->epoch << 6, mine = reads | warp;
    uint32_t *wrote = s->wrote + address / 2;
    const uint32_t *read = s->read + address / 2;
    uint32_t bad = 0;

    for (uint32_t i = 0; i < (bytes + 1) / 2; i++)
        bad |= (uint32_t)(wrote[i] >= now && wrote[i] != me) | (uint32_t)(read[i] >= reads && read[i] != mine);
    if (bad)
        return false;
    for (uint32_t i = 0; i < (bytes + 1) / 2; i++)
        wrote[i] = arrives ? PTX_ARRIVES : me;
    return true;
}

INLINE bool in_shared(const ptx_shared *s, uint64_t address, uint32_t bytes)
{
    return address % bytes == 0 && s->bytes >= bytes && address <= s->bytes - bytes;
}

INLINE unsigned char *shared_place(ptx_warp *w, const ptx_op *op, unsigned lane, uint64_t address, uint32_t bytes,
                                   bool write)
{
    ptx_shared *s = &w->block->shared;
    const uint32_t at = (uint32_t)address;

    if (!in_shared(s, address, bytes)) {
        (void)ptx_address_fault(w, op, (int)lane, address, bytes);
        return NULL;
    }
    if (!(write ? shared_write(s, w->index, at, bytes, false) : shared_read(s, w->index, at, bytes))) {
        (void)ptx_shared_fault(w, op, (int)lane, at, bytes, write);
        return NULL;
    }
    return s->data + at;
}

INLINE unsigned char *global_place(ptx_warp *w, const ptx_op *op, unsigned lane, uint64_t address, uint32_t bytes,
                                   bool write)
{
    const ptx_range *r = w->range;

    if (!r || address - r->address >= r->bytes)
        r = w->range = ptx_range_of(w->block->memory, address);
    if (!r || address % bytes || r->bytes < bytes || address - r->address > r->bytes - bytes ||
        (write && !r->writable)) {
        (void)ptx_address_fault(w, op, (int)lane, address, bytes);
        return NULL;
    }
    return r->host + (address - r->address);
}

static unsigned char *rare_place(ptx_warp *w, const ptx_op *op, unsigned lane, uint64_t address, uint32_t bytes,
                                 bool write)
{
    const ptx_entry_point *e = w->block->entry;
    ptx_space space = ((const ptx_access *)op->more)->space;
    uint64_t at = address;

    if (space == PTX_GENERIC) {
        const uint64_t window = address & ~(PTX_WINDOW - 1);

        space = window == PTX_SHARED_WINDOW  ? PTX_SHARED
                : window == PTX_LOCAL_WINDOW ? PTX_LOCAL
                : window == PTX_PARAM_WINDOW ? PTX_PARAM
                                             : PTX_GLOBAL;
        at = space == PTX_GLOBAL ? address : address - window;
    }
    if (space == PTX_SHARED)
        return shared_place(w, op, lane, at, bytes, write);
    if (space == PTX_GLOBAL)
        return global_place(w, op, lane, at, bytes, write);
    if (space == PTX_LOCAL && at % bytes == 0 && at <= e->local_bytes && bytes <= e->local_bytes - at)
        return w->local + lane * e->local_bytes + at;
    if (space == PTX_PARAM && !write && at % bytes == 0 && at <= e->param_bytes && bytes <= e->param_bytes - at)
        /* ld alone gets here */
        return (unsigned char *)(uintptr_t)w->block->launch->params + at;
    (void)ptx_address_fault(w, op, (int)lane, address, bytes);
    return NULL;
}

INLINE unsigned char *place(ptx_warp *w, const ptx_op *op, unsigned lane, uint64_t address, uint32_t bytes, bool write)
{
    const ptx_space space = ((const ptx_access *)op->more)->space;

    if (space == PTX_GLOBAL)
        return global_place(w, op, lane, address, bytes, write);
    if (space == PTX_SHARED)
        return shared_place(w, op, lane, address, bytes, write);
    return rare_place(w, op, lane, address, bytes, write);
}

INLINE uint64_t address_of(ptx_warp *w, const ptx_op *op, bool wide, unsigned lane)
{
    return wide ? row64(w, op->a)[lane] + (uint64_t)op->offset
                : (uint32_t)(row32(w, op->a)[lane] + (uint32_t)op->offset);
}

/* An element narrower than its register is extended. */
INLINE void put_element(ptx_warp *w, const ptx_access *x, unsigned i, unsigned lane, const unsigned char *from)
{
    uint64_t v = 0;
    const unsigned unused = 64 - 8 * x->size;

    memcpy(&v, from, x->size);
    if (x->extends)
        v = (uint64_t)((int64_t)(v << unused) >> unused);
    if (x->width[i] == 64)
        row64(w, x->row[i])[lane] = v;
    else
        row32(w, x->row[i])[lane] = x->width[i] == 16 ? (uint16_t)v : (uint32_t)v;
}

INLINE void get_element(ptx_warp *w, const ptx_access *x, unsigned i, unsigned lane, unsigned char *to)
{
    const uint64_t v = x->width[i] == 64 ? row64(w, x->row[i])[lane] : row32(w, x->row[i])[lane];

    memcpy(to, &v, x->size);
}

/* Lane by lane. */
static ptx_step load_any(ptx_warp *w, const ptx_op *op, uint32_t lanes)
{
    const ptx_access *x = op->more;

    for (unsigned l = 0; l < PTX_LANES; l++) {
        unsigned char all[16];
        const unsigned char *from;

        if (!(lanes >> l & 1))
            continue;
        from = place(w, op, l, address_of(w, op, x->wide, l), x->count * x->size, false);
        if (!from)
            return PTX_FAULT;
        memcpy(all, from, x->count * x->size);
        for (unsigned i = 0; i < x->count; i++)
            put_element(w, x, i, l, all + i * x->size);
    }
    return PTX_NEXT;
}

static ptx_step store_any(ptx_warp *w, const ptx_op *op, uint32_t lanes)
{
    const ptx_access *x = op->more;

    for (unsigned k = 0; k < PTX_LANES; k++) {
        const unsigned l = w->block->lane_order[k];
        unsigned char *to;

        if (!(lanes >> l & 1))
            continue;
        to = place(w, op, l, address_of(w, op, x->wide, l), x->count * x->size, true);
        if (!to)
            return PTX_FAULT;
        for (unsigned i = 0; i < x->count; i++)
            get_element(w, x, i, l, to + i * x->size);
    }
    return PTX_NEXT;
}

/* ---- words to and from registers of 32 bits, all lanes at once ---- */

/* Where lanes access a space, if that is allowed; otherwise the lanes go one by one, and one of them says why. */
INLINE bool shared_addresses(ptx_warp *w, const ptx_op *op, uint32_t lanes, uint32_t bytes, uint32_t *address)
{
    const ptx_shared *s = &w->block->shared;
    const uint32_t *a = row32(w, op->a), offset = (uint32_t)op->offset;
    const uint32_t most = (uint32_t)s->bytes - bytes;
    uint32_t bad = 0;

    if (s->bytes < bytes)
        return false;
    EACH_LANE
    {
        const uint32_t at = lanes >> l & 1 ? a[l] + offset : 0;

        address[l] = at;
        bad |= (at & (bytes - 1)) | (uint32_t)(at > most);
    }
    return bad == 0;
}

INLINE bool global_addresses(ptx_warp *w, const ptx_op *op, uint32_t lanes, uint32_t bytes, bool write, uint64_t *place)
{
    const uint64_t *a = row64(w, op->a), offset = (uint64_t)op->offset;
    const ptx_range *r = w->range;
    uint64_t bad = 0, most, base;

    if (!r || a[__builtin_ctz(lanes)] + offset - r->address >= r->bytes)
        r = w->range = ptx_range_of(w->block->memory, a[__builtin_ctz(lanes)] + offset);
    if (!r || r->bytes < bytes || (write && !r->writable))
        return false;
    most = r->bytes - bytes;
    base = r->address;
    EACH_LANE
    {
        const uint64_t at = lanes >> l & 1 ? a[l] + offset - base : 0;

        place[l] = at;
        bad |= (uint64_t)(at > most) | (lanes >> l & 1 ? (at + base) & (bytes - 1) : 0);
    }
    return bad == 0;
}

/* Lanes that access one stretch of memory, each behind the one before it or where that one is, are checked together. */
INLINE bool shared_allowed(ptx_warp *w, uint32_t lanes, uint32_t bytes, const uint32_t *address, bool write)
{
    ptx_shared *s = &w->block->shared;

    for (unsigned l = 0; l < PTX_LANES;) {
        uint32_t first, last;

        if (!(lanes >> l & 1)) {
            l++;
            continue;
        }
        first = last = address[l];
        for (l++; l < PTX_LANES && lanes >> l & 1 && (address[l] == last || address[l] == last + bytes); l++)
            last = address[l];
        if (!(write ? shared_write(s, w->index, first, last + bytes - first, false)
                    : shared_read(s, w->index, first, last + bytes - first)))
            return false;
    }
    return true;
}

/* The words of a lane that takes no part are not its own, and are not kept. */
INLINE void put_words(ptx_warp *w, const ptx_access *x, uint32_t lanes, unsigned count, uint32_t words[][PTX_LANES])
{
    for (unsigned i = 0; i < count; i++) {
        uint32_t *d = row32(w, x->row[i]);

        EACH_LANE d[l] = lanes >> l & 1 ? words[i][l] : d[l];
    }
}

INLINE ptx_step load_words(ptx_warp *w, const ptx_op *op, uint32_t lanes, unsigned count)
{
    const ptx_access *x = op->more;
    const unsigned char *shared = w->block->shared.data;
    uint32_t words[4][PTX_LANES], address[PTX_LANES];
    uint64_t place_of[PTX_LANES];
    const bool is_shared = x->space == PTX_SHARED && !x->wide;

    if (is_shared ? !shared_addresses(w, op, lanes, 4 * count, address) ||
                        !shared_allowed(w, lanes, 4 * count, address, false)
                  : x->space != PTX_GLOBAL || !global_addresses(w, op, lanes, 4 * count, false, place_of))
        return load_any(w, op, lanes);
    for (unsigned l = 0; l < PTX_LANES; l++) {
        uint32_t word[4];

        memcpy(word, is_shared ? shared + address[l] : w->range->host + place_of[l], 4 * count);
        for (unsigned i = 0; i < count; i++)
            words[i][l] = word[i];
    }
    put_words(w, x, lanes, count, words);
    return PTX_NEXT;
}

INLINE ptx_step store_words(ptx_warp *w, const ptx_op *op, uint32_t lanes, unsigned count)
{
    const ptx_access *x = op->more;
    unsigned char *shared = w->block->shared.data;
    uint32_t address[PTX_LANES];
    uint64_t place_of[PTX_LANES];
    const bool is_shared = x->space == PTX_SHARED && !x->wide;

    if (is_shared
            ? !shared_addresses(w, op, lanes, 4 * count, address) || !shared_allowed(w, lanes, 4 * count, address, true)
            : x->space != PTX_GLOBAL || !global_addresses(w, op, lanes, 4 * count, true, place_of))
        return store_any(w, op, lanes);
    for (unsigned k = 0; k < PTX_LANES; k++) {
        const unsigned l = w->block->lane_order[k];
        uint32_t word[4];

        if (!(lanes >> l & 1))
            continue;
        for (unsigned i = 0; i < count; i++)
            word[i] = row32(w, x->row[i])[l];
        memcpy(is_shared ? shared + address[l] : w->range->host + place_of[l], word, 4 * count);
    }
    return PTX_NEXT;
}

INLINE bool of_words(const ptx_access *x)
{
    return x->size == 4 && x->width[0] == 32 && (x->count < 2 || x->width[1] == 32) &&
           (x->count < 4 || (x->width[2] == 32 && x->width[3] == 32));
}

static ptx_step run_ld(ptx_warp *w, const ptx_op *op, uint32_t lanes)
{
    const ptx_access *x = op->more;

    if (!of_words(x))
        return load_any(w, op, lanes);
    if (x->count == 4)
        return load_words(w, op, lanes, 4);
    return x->count == 2 ? load_words(w, op, lanes, 2) : load_words(w, op, lanes, 1);
}

static ptx_step run_st(ptx_warp *w, const ptx_op *op, uint32_t lanes)
{
    const ptx_access *x = op->more;

    if (!of_words(x))
        return store_any(w, op, lanes);
    if (x->count == 4)
        return store_words(w, op, lanes, 4);
    return x->count == 2 ? store_words(w, op, lanes, 2) : store_words(w, op, lanes, 1);
}

/* ---- cp.async ---- */

static ptx_step copy_of_lane(ptx_warp *w, const ptx_op *op, unsigned l)
{
    const ptx_cp_async *x = op->more;
    ptx_shared *s = &w->block->shared;
    const uint64_t to = x->to_wide ? row64(w, op->a)[l] + (uint64_t)x->to_offset
                                   : (uint32_t)(row32(w, op->a)[l] + (uint32_t)x->to_offset);
    const uint64_t from = row64(w, op->b)[l] + (uint64_t)x->from_offset;
    const uint32_t read = row32(w, op->c)[l];
    ptx_copy copy = { .to = (uint32_t)to,
                      .size = x->size,
                      .read = read,
                      .group = w->group[l],
                      .lane = l,
                      .line = op->line };

    if (read > x->size)
        return ptx_fault(w, op, (int)l, "a cp.async of %u bytes reads %u", x->size, read);
    if (!in_shared(s, to, x->size))
        return ptx_fault(w, op, (int)l, "a cp.async to shared memory at 0x%llx is out of bounds, or not aligned",
                         (unsigned long long)to);
    if (from % x->size)
        return ptx_fault(w, op, (int)l, "a cp.async from 0x%llx, which is not aligned", (unsigned long long)from);
    if (read) {
        copy.from = ptx_memory_host(w->block->memory, from, read);
        if (!copy.from)
            return ptx_address_fault(w, op, (int)l, from, x->size);
    }
    if (!shared_write(s, w->index, copy.to, x->size, true))
        return ptx_shared_fault(w, op, (int)l, copy.to, x->size, true);
    ptx_add_copy(w, &copy);
    return PTX_NEXT;
}

static ptx_step run_cp_async(ptx_warp *w, const ptx_op *op, uint32_t lanes)
{
    for (unsigned l = 0; l < PTX_LANES; l++)
        if (lanes >> l & 1 && copy_of_lane(w, op, l) == PTX_FAULT)
            return PTX_FAULT;
    return PTX_NEXT;
}

static ptx_step run_cp_commit(ptx_warp *w, const ptx_op *op, uint32_t lanes)
{
    (void)op;
    for (unsigned l = 0; l < PTX_LANES; l++)
        w->group[l] += lanes >> l & 1;
    return PTX_NEXT;
}

/* offset: how many groups may still be on their way; -1: not even those that are not committed. */
static ptx_step run_cp_wait(ptx_warp *w, const ptx_op *op, uint32_t lanes)
{
    ptx_shared *s = &w->block->shared;
    size_t left = 0;

    for (size_t i = 0; i < w->copy_count; i++) {
        const ptx_copy *c = &w->copies[i];
        const bool arrives = lanes >> c->lane & 1 && (int64_t)c->group + op->offset < (int64_t)w->group[c->lane];
        const bool all = lanes >> c->lane & 1 && op->offset < 0;

        if (!arrives && !all) {
            w->copies[left++] = *c;
            continue;
        }
        memset(s->data + c->to, 0, c->size);
        if (c->read)
            memcpy(s->data + c->to, c->from, c->read);
        for (uint32_t k = 0; k < c->size / 2; k++)
            s->wrote[c->to / 2 + k] = s->epoch << 5 | w->index;
    }
    w->copy_count = left;
    return PTX_NEXT;
}

/* ---- ldmatrix ---- */

static ptx_step run_ldmatrix(ptx_warp *w, const ptx_op *op, uint32_t lanes)
{
    const ptx_matrices *m = op->more;
    const unsigned char *line[PTX_LANES];

    if (lanes != PTX_ALL)
        return ptx_fault(w, op, -1, "ldmatrix in divergent code: lanes %08x", lanes);
    for (unsigned l = 0; l < 8 * m->count; l++) {
        line[l] = shared_place(w, op, l, address_of(w, op, m->wide, l), 16, false);
        if (!line[l])
            return PTX_FAULT;
    }
    for (unsigned i = 0; i < m->count; i++) {
        uint32_t *d = row32(w, m->row[i]);
        uint16_t element[8][8];

        for (unsigned r = 0; r < 8; r++)
            memcpy(element[r], line[8 * i + r], 16);
        for (unsigned l = 0; l < PTX_LANES; l++) {
            const unsigned r = l / 4, c = l % 4 * 2;

            d[l] = m->transposed ? element[c][r] | (uint32_t)element[c + 1][r] << 16
                                 : element[r][c] | (uint32_t)element[r][c + 1] << 16;
        }
    }
    return PTX_NEXT;
}
