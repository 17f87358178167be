/* attention.h - the attention kernels' entries, for the host and for the kernels themselves. */
#ifndef GD_CUDA_ATTENTION_H
#define GD_CUDA_ATTENTION_H

#include "backends/cuda/kernels/args.h"

#define GD_CUDA_ATTENTION_ROW 128u /* bytes of a tile's row */
#define GD_CUDA_ATTENTION_TILE (64u * GD_CUDA_ATTENTION_ROW)
#define GD_CUDA_ATTENTION_PLACES 4u   /* blocks whose keys' rows are known */
#define GD_CUDA_ATTENTION_RESIDENT 4u /* tiles: queries of more are fetched anew for each block of keys */

/* Dynamic shared memory for some tiles, and for the places of the keys' and the queries' rows. */
#define GD_CUDA_ATTENTION_BYTES(tiles) \
    ((tiles)*GD_CUDA_ATTENTION_TILE + (GD_CUDA_ATTENTION_PLACES + 1u) * GD_CUDA_ATTENTION_LINES * 8u)

#define GD_CUDA_ATTENTION_KEPT 2u /* tiles: 64 times 64 sums of fp32 */

/* Of a kernel with `own` tiles, for heads of some number of tiles: to its own come those of 64 queries; and the sums so
 * far of products that have more than a block of section 3 or 3T. */
#define GD_CUDA_ATTENTION_SHARED(own, block, tiles)                                     \
    GD_CUDA_ATTENTION_BYTES((own) + ((tiles) > (block) ? GD_CUDA_ATTENTION_KEPT : 0u) + \
                            ((tiles) < GD_CUDA_ATTENTION_RESIDENT ? (tiles) : GD_CUDA_ATTENTION_RESIDENT))

/* X(entry and image, threads, bytes of a number in shared memory, columns, own tiles, tiles of a block of section 3 or
 * 3T).  The grid is (jobs, kv_heads, parts of a head): a block computes so many columns of the output.  Its own tiles
 * are those of keys and values that are in use or under way, and of the weights (exact). */
#define GD_CUDA_ATTENTION(X)                    \
    X(attention_tensor, 128u, 2u, 128u, 3u, 2u) \
    X(attention_exact, 256u, 4u, 64u, 2u + 2u, 16u)

#endif
