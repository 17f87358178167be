/* ptx_shared.c - what is known of shared memory, and the sentence where an access is wrong. */
#include "tests/ptx/ptx_warp.h"

#include <stdlib.h>
#include <string.h>

enum { LAST_EPOCH = 1 << 25 };

void ptx_shared_begin(ptx_shared *s, size_t bytes)
{
    const size_t halves = bytes / 2 + 16;

    *s = (ptx_shared){ .bytes = bytes, .epoch = 1 };
    s->data = aligned_alloc(128, (bytes + 255) / 128 * 128);
    s->wrote = calloc(halves, sizeof *s->wrote);
    s->read = calloc(halves, sizeof *s->read);
    if (!s->data || !s->wrote || !s->read)
        abort();
}

void ptx_shared_end(ptx_shared *s)
{
    free(s->data);
    free(s->wrote);
    free(s->read);
}

void ptx_shared_block(ptx_shared *s)
{
    if (s->epoch > LAST_EPOCH) {
        memset(s->wrote, 0, (s->bytes / 2 + 16) * sizeof *s->wrote);
        memset(s->read, 0, (s->bytes / 2 + 16) * sizeof *s->read);
        s->epoch = 0;
    }
    s->epoch++;
    s->oldest = s->epoch << 5;
    /* A signalling pattern, in case that a check has a hole. */
    memset(s->data, 0xFF, s->bytes);
    for (size_t i = 0; i < s->bytes / 2 + 16; i++)
        s->wrote[i] = s->wrote[i] == PTX_ARRIVES ? 0 : s->wrote[i];
}

void ptx_shared_barrier(ptx_shared *s) { s->epoch++; }

ptx_step ptx_shared_fault(ptx_warp *w, const ptx_op *op, int lane, uint32_t address, uint32_t bytes, bool write)
{
    const ptx_shared *s = &w->block->shared;
    const char *verb = write ? "write" : "read";

    for (uint32_t i = address / 2; i < (address + bytes + 1) / 2; i++) {
        const uint32_t wrote = s->wrote[i], read = s->read[i];

        if (wrote == PTX_ARRIVES)
            return ptx_fault(w, op, lane, "%s of shared memory at %u, which a cp.async has yet to fill", verb, 2 * i);
        if (wrote >> 5 == s->epoch && (wrote & 31) != w->index)
            return ptx_fault(w, op, lane, "%s of shared memory at %u, which warp %u wrote since the last barrier", verb,
                             2 * i, wrote & 31);
        if (!write && wrote < s->oldest)
            return ptx_fault(w, op, lane, "read of shared memory at %u, which was not written in this block", 2 * i);
        if (write && read >> 6 == s->epoch && (read & 63) != w->index && (read & 63) != PTX_SEVERAL)
            return ptx_fault(w, op, lane, "write of shared memory at %u, which warp %u read since the last barrier",
                             2 * i, read & 63);
        if (write && read >> 6 == s->epoch && (read & 63) == PTX_SEVERAL)
            return ptx_fault(w, op, lane, "write of shared memory at %u, which other warps read since the last barrier",
                             2 * i);
    }
    return ptx_fault(w, op, lane, "%s of shared memory at %u", verb, address);
}
