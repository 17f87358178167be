/* ptx.h - runs compiled PTX on the CPU, with checks: what tests of the cuda backend have in place of a card.
 *
 * A warp's 32 lanes run in step; each instruction is a loop over them.  An instruction that is unknown is an error, and
 * so is whatever a card would let pass although its result is undefined: an access out of bounds, shared memory that is
 * read before it is written or without a barrier, a warp instruction in divergent code, a copy that nobody waits for.
 * Copies by cp.async arrive as late as the ISA allows, at the wait. */
#ifndef GD_TESTS_PTX_H
#define GD_TESTS_PTX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct ptx_module ptx_module; /* a parsed text: all its entries */
typedef struct ptx_memory ptx_memory; /* the device's memory: ranges that may be read, or read and written */

/* The first fault: entry, line of the PTX, block, warp, lane, and a sentence. */
typedef struct ptx_error {
    char text[512];
} ptx_error;

/* Fails for what is unknown (opcode, modifier, special register, directive), and for fp32 arithmetic other than
 * .rn.ftz. */
bool ptx_load(ptx_module **out, const char *text, ptx_error *err);
void ptx_free(ptx_module *module);

/* Texts that are loaded from now on run with the operations compiled for "generic", "avx2" or "avx512"; NULL: the best
 * that this CPU has.  False if it can't run these.  For tests of the interpreter; not while a module is running. */
bool ptx_choose(const char *variant);

/* The name of entry number `index`, NULL after the last. */
const char *ptx_entry(const ptx_module *module, size_t index);

ptx_memory *ptx_memory_open(void);
void ptx_memory_close(ptx_memory *memory);

/* Returns the range's device address.  It is no host address, so that whoever takes one for the other faults. */
uint64_t ptx_memory_add(ptx_memory *memory, void *host, size_t bytes, bool writable);
void ptx_memory_remove(ptx_memory *memory, uint64_t address);

/* NULL for what isn't within one range. */
void *ptx_memory_host(const ptx_memory *memory, uint64_t address, size_t bytes);

typedef struct ptx_launch {
    const char *entry;
    unsigned grid[3], block[3]; /* 0 counts as 1 */
    size_t shared_bytes;        /* dynamic */
    const void *params;         /* as the kernel's parameters lie one behind the other, each aligned */
    size_t param_bytes;
    unsigned mma_products; /* the rule of mma.sync: backends/cpu/tensor.h */
    int mma_bits, mma_floor;
    unsigned threads; /* that share the blocks; 0 counts as 1 */
    unsigned order;   /* of blocks, warps and lanes: 0 ascending, 1 descending, n > 1 shuffled by n */
    uint64_t budget;  /* instructions of a warp, after which it counts as endless; 0: 2^32 */
    uint64_t *count;  /* NULL, or what the warps' instructions are added to */
} ptx_launch;

bool ptx_run(const ptx_module *module, ptx_memory *memory, const ptx_launch *launch, ptx_error *err);

#endif
