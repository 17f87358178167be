/* ptx_warp.c - where a warp's lanes are, and its faults. */
#include "tests/ptx/ptx_warp.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

ptx_step ptx_fault(ptx_warp *w, const ptx_op *op, int lane, const char *format, ...)
{
    ptx_block *b = w->block;
    char *text = b->err.text;
    int n = snprintf(text, sizeof b->err.text, "%.200s, line %u, block (%u, %u, %u), warp %u", b->entry->name,
                     op ? op->line : 0, b->id[0], b->id[1], b->id[2], w->index);
    va_list args;

    if (lane >= 0)
        n += snprintf(text + n, sizeof b->err.text - (size_t)n, ", lane %d", lane);
    n += snprintf(text + n, sizeof b->err.text - (size_t)n, ": ");
    va_start(args, format);
    (void)vsnprintf(text + n, sizeof b->err.text - (size_t)n, format, args);
    va_end(args);
    return PTX_FAULT;
}

static const char *name_of(ptx_space space)
{
    static const char *const names[] = { "generic", "global", "shared", "local", "parameter" };

    return names[space];
}

ptx_step ptx_address_fault(ptx_warp *w, const ptx_op *op, int lane, uint64_t address, uint32_t bytes)
{
    const bool write = op->code == PTX_st;
    const ptx_access *access = op->more;
    const ptx_space space = op->code == PTX_ld || op->code == PTX_st ? access->space
                            : op->code == PTX_ldmatrix               ? PTX_SHARED
                                                                     : PTX_GLOBAL;
    const ptx_range *r = space <= PTX_GLOBAL ? ptx_range_of(w->block->memory, address) : NULL;

    if (address % bytes)
        return ptx_fault(w, op, lane, "the address 0x%llx of %u bytes of %s memory is not aligned",
                         (unsigned long long)address, bytes, name_of(space));
    if (r && write && !r->writable && address - r->address + bytes <= r->bytes)
        return ptx_fault(w, op, lane, "write to memory that may only be read, byte %llu of it",
                         (unsigned long long)(address - r->address));
    if (r)
        return ptx_fault(w, op, lane, "%u bytes at byte %llu of a range of %zu bytes", bytes,
                         (unsigned long long)(address - r->address), r->bytes);
    return ptx_fault(w, op, lane, "%s of %u bytes of %s memory at 0x%llx is out of bounds", write ? "write" : "read",
                     bytes, name_of(space), (unsigned long long)address);
}

void ptx_wait_at(ptx_warp *w, uint32_t at, uint32_t lanes)
{
    unsigned i = w->waiting_count;

    for (unsigned k = 0; k < w->waiting_count; k++)
        if (w->waiting[k].at == at) {
            w->waiting[k].lanes |= lanes;
            return;
        }
    for (; i > 0 && w->waiting[i - 1].at < at; i--)
        w->waiting[i] = w->waiting[i - 1];
    w->waiting[i] = (ptx_group){ at, lanes };
    w->waiting_count++;
    w->next = w->waiting[w->waiting_count - 1].at;
}

ptx_step ptx_regroup(ptx_warp *w)
{
    ptx_group g;

    if (w->lanes)
        ptx_wait_at(w, w->at, w->lanes);
    if (w->waiting_count == 0) {
        w->ended = true;
        return PTX_END;
    }
    g = w->waiting[--w->waiting_count];
    w->at = g.at;
    w->lanes = g.lanes;
    w->next = w->waiting_count ? w->waiting[w->waiting_count - 1].at : UINT32_MAX;
    return PTX_NEXT;
}

void ptx_add_copy(ptx_warp *w, const ptx_copy *copy)
{
    if (w->copy_count == w->copy_room) {
        w->copy_room = w->copy_room ? 2 * w->copy_room : 256;
        w->copies = realloc(w->copies, w->copy_room * sizeof *w->copies);
        if (!w->copies)
            abort();
    }
    w->copies[w->copy_count++] = *copy;
}
