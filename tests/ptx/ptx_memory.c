/* ptx_memory.c - the device's memory: ranges of the host's, at other addresses. */
#include "tests/ptx/ptx_warp.h"

#include <stdlib.h>
#include <string.h>

/* No address of a process has these bits. */
#define TAG 0x00A5000000000000ull

ptx_memory *ptx_memory_open(void)
{
    ptx_memory *m = calloc(1, sizeof *m);

    if (!m)
        abort();
    return m;
}

void ptx_memory_close(ptx_memory *m)
{
    if (m)
        free(m->ranges);
    free(m);
}

/* The first range that ends behind the address. */
static size_t place_of(const ptx_memory *m, uint64_t address)
{
    size_t low = 0, high = m->count;

    while (low < high) {
        const size_t mid = (low + high) / 2;

        if (m->ranges[mid].address + m->ranges[mid].bytes > address)
            high = mid;
        else
            low = mid + 1;
    }
    return low;
}

uint64_t ptx_memory_add(ptx_memory *m, void *host, size_t bytes, bool writable)
{
    const uint64_t address = (uint64_t)(uintptr_t)host ^ TAG;
    const size_t at = place_of(m, address);

    if (m->count == m->room) {
        m->room = m->room ? 2 * m->room : 16;
        m->ranges = realloc(m->ranges, m->room * sizeof *m->ranges);
        if (!m->ranges)
            abort();
    }
    memmove(m->ranges + at + 1, m->ranges + at, (m->count - at) * sizeof *m->ranges);
    m->ranges[at] = (ptx_range){ address, bytes, host, writable };
    m->count++;
    return address;
}

void ptx_memory_remove(ptx_memory *m, uint64_t address)
{
    for (size_t i = 0; i < m->count; i++)
        if (m->ranges[i].address == address) {
            memmove(m->ranges + i, m->ranges + i + 1, (--m->count - i) * sizeof *m->ranges);
            return;
        }
}

const ptx_range *ptx_range_of(const ptx_memory *m, uint64_t address)
{
    const size_t at = place_of(m, address);

    return at < m->count && m->ranges[at].address <= address ? &m->ranges[at] : NULL;
}

void *ptx_memory_host(const ptx_memory *m, uint64_t address, size_t bytes)
{
    const ptx_range *r = ptx_range_of(m, address);

    if (!r || bytes > r->bytes || address - r->address > r->bytes - bytes)
        return NULL;
    return r->host + (address - r->address);
}
