/* standin_memory.c - the pretended card's memory, and memory that it reads by itself. */
#include "tests/cuda/standin.h"

#include "tests/ptx/ptx.h"

#include <stdlib.h>
#include <string.h>

struct range {
    gd_cu_address address; /* 0: pinned memory of the host */
    void *host;
    size_t bytes;
    struct range *next;
};

static struct range *ranges;
static size_t taken;
static ptx_memory *memory;

/* ---- memory ---- */

static size_t all_memory(void) { return strtoull(standin_setting("GD_STANDIN_MEMORY", "2147483648"), NULL, 10); }

static void add(gd_cu_address address, void *host, size_t bytes)
{
    struct range *range = malloc(sizeof *range);

    if (!range)
        abort();
    *range = (struct range){ address, host, bytes, ranges };
    ranges = range;
}

/* Removes and returns it; host is NULL where there is none. */
static struct range take(gd_cu_address address, const void *host)
{
    for (struct range **at = &ranges; *at; at = &(*at)->next)
        if (address ? (*at)->address == address : !(*at)->address && (*at)->host == host) {
            struct range *found = *at, copy = *found;

            *at = found->next;
            free(found);
            return copy;
        }
    return (struct range){ 0 };
}

/* Whatever is read before it is written is a NaN, in bf16 and in fp32; so it is in pinned memory. */
gd_cu_address standin_alloc(size_t bytes)
{
    void *host = bytes && bytes <= all_memory() - taken ? aligned_alloc(256, (bytes + 255) / 256 * 256) : NULL;
    gd_cu_address address;

    if (!memory)
        memory = ptx_memory_open();
    if (!host || !memory)
        return 0;
    memset(host, 0xFF, bytes);
    address = ptx_memory_add(memory, host, bytes, true);
    add(address, host, bytes);
    taken += bytes;
    return address;
}

bool standin_free(gd_cu_address address)
{
    const struct range range = take(address, NULL);

    if (!range.host)
        return false;
    ptx_memory_remove(memory, address);
    free(range.host);
    taken -= range.bytes;
    return true;
}

void standin_memory(size_t *unused, size_t *total)
{
    *total = all_memory();
    *unused = *total - taken;
}

void *standin_host(gd_cu_address address, size_t bytes)
{
    return memory ? ptx_memory_host(memory, address, bytes) : NULL;
}

void *standin_pin(size_t bytes)
{
    void *host = malloc(bytes);

    if (host) {
        memset(host, 0xFF, bytes);
        add(0, host, bytes);
    }
    return host;
}

bool standin_unpin(void *host)
{
    const struct range range = take(0, host);

    free(range.host);
    return range.host != NULL;
}

bool standin_is_pinned(const void *host)
{
    for (const struct range *range = ranges; range; range = range->next)
        if (!range->address && (const char *)host >= (char *)range->host &&
            (const char *)host < (char *)range->host + range->bytes)
            return true;
    return false;
}

ptx_memory *standin_card_memory(void) { return memory; }
