/* attention_stream.cuh - queries, keys and values on their way into shared memory.
 *
 * A tile has 64 rows of 128 bytes: 64 numbers of bf16, or 32 of fp32.  Piece c of a row, 16 bytes, lies at c ^ (row &
 * 7), so that eight threads that read the same piece of eight rows, or eight pieces of a row, meet no bank twice.  A
 * block's keys are one tile or several, for consecutive elements of the head; its values are those of the columns that
 * the kernel's block computes.  Tiles come in a fixed order, for each block of keys its keys and then its values, and
 * are fetched some tiles ahead.  With a tile of keys comes that of the queries, unless it is there. */
#ifndef GD_CUDA_ATTENTION_STREAM_CUH
#define GD_CUDA_ATTENTION_STREAM_CUH

#include "backends/cuda/kernels/attention_job.cuh"
#include "backends/cuda/kernels/copy_async.cuh"

enum { ROW_BYTES = GD_CUDA_ATTENTION_ROW, PIECES = 8, TILE_BYTES = KEYS * ROW_BYTES };
enum { PLACES = GD_CUDA_ATTENTION_PLACES, RESIDENT = GD_CUDA_ATTENTION_RESIDENT };
enum { PLACE_BYTES = GD_CUDA_ATTENTION_BYTES(0) };

#define NOWHERE (~(uint64_t)0)

template <typename number> struct tiles {
    enum { piece = 16 / sizeof(number), cols = ROW_BYTES / sizeof(number) };
};

/* Where a piece lies in a tile. */
GD_DEVICE uint32_t place_of(uint32_t row, uint32_t piece)
{
    return row * ROW_BYTES + ((piece ^ (row & (PIECES - 1))) * 16);
}

/* Rows of memory: row i begins with element place[i] * stride + first of the data, or is NOWHERE. */
typedef struct rows_from {
    const void *data;
    const uint64_t *place; /* [64] */
    uint64_t stride, first;
    bool aligned; /* whether they can be copied by pieces */
} rows_from;

/* An element in memory, as shared memory has it. */
GD_DEVICE void take(uint16_t *to, const void *from, uint64_t at, uint32_t) { *to = ((const uint16_t *)from)[at]; }
GD_DEVICE void take(float *to, const void *from, uint64_t at, uint32_t type) { *to = gd_element(from, type, at); }

/* Begins to fetch a piece. Without `there` nothing is read, and it becomes zero. */
GD_DEVICE void take_piece(uint16_t *to, const void *from, uint64_t at, uint32_t, bool there)
{
    gd_copy16(gd_shared(to), (const uint16_t *)from + at, there);
}

GD_DEVICE void take_piece(float *to, const void *from, uint64_t at, uint32_t type, bool there)
{
    uint2 pairs = { 0, 0 };

    if (type == GD_CUDA_F32) {
        gd_copy16(gd_shared(to), (const float *)from + at, there);
        return;
    }
    if (there)
        pairs = *(const uint2 *)((const uint16_t *)from + at);
    *(float4 *)to = make_float4(gd_bf16_low(pairs.x), gd_bf16_high(pairs.x), gd_bf16_low(pairs.y),
                                gd_bf16_high(pairs.y));
}

/* Slots for `slots` tiles, of which one is in use and the others are being filled; values of `columns` columns; for a
 * block of so many threads. */
template <typename number, int slots, int columns, int threads> struct stream {
    enum { PIECE = tiles<number>::piece, COLS = tiles<number>::cols };
    const gd_cuda_attention *p;
    const attention_job *job;
    attention_lines *lines;
    unsigned char *slot;     /* [slots] tiles */
    unsigned char *queries;  /* all tiles of a head up to RESIDENT; of larger heads one for each slot */
    uint64_t (*place)[KEYS]; /* [PLACES] the rows of the batch that hold the keys of some blocks; [1] the queries */
    uint32_t start, in;      /* the next tile to fetch: its block's first position, its number in the block */
    uint32_t filled, begun;  /* the slot for it; how many tiles came before */

    /* Tiles of a block's keys, and of those of its values that are wanted. */
    __device__ __forceinline__ uint32_t key_tiles() const { return (p->head_dim + COLS - 1) / COLS; }

    __device__ __forceinline__ uint32_t value_tiles() const
    {
        const uint32_t left = key_tiles() - blockIdx.z * (columns / COLS);

        return left < columns / COLS ? left : columns / COLS;
    }

    __device__ __forceinline__ bool are_resident() const { return key_tiles() <= RESIDENT; }

    /* Looks up the rows of the block that begins at a position. They are there after a barrier. */
    __device__ __forceinline__ void find_keys(uint32_t first) const
    {
        const uint32_t position = first + threadIdx.x;

        if (threadIdx.x < KEYS)
            place[first / KEYS % PLACES][threadIdx.x] = position < job->end
                                                            ? row_at(p->segments, job->segment, position)
                                                            : NOWHERE;
    }

    /* The same for 64 lines, which have seen nothing yet; their places are elements. */
    __device__ __forceinline__ void begin_lines(uint32_t first) const
    {
        const uint32_t line = first + threadIdx.x;

        if (threadIdx.x >= LINES)
            return;
        lines->after[threadIdx.x] = after_line(job, line);
        lines->m[threadIdx.x] = hidden();
        lines->l[threadIdx.x] = 0.0f;
        place[PLACES][threadIdx.x] = line < job->lines
                                         ? line_row(job, line) * p->q_stride + line_col(job, line, p->head_dim)
                                         : NOWHERE;
    }

    __device__ __forceinline__ bool are_aligned(const void *data, uint64_t stride) const
    {
        const uint32_t bytes = sizeof(number) == 4 && p->type == GD_CUDA_F32 ? 4 : 2;

        return gd_is_aligned(data, PIECE * bytes) && stride % PIECE == 0 && p->head_dim % PIECE == 0;
    }

    __device__ __forceinline__ rows_from query_rows() const
    {
        return { p->q, place[PLACES], 1, 0, are_aligned(p->q, p->q_stride) };
    }

    __device__ __forceinline__ rows_from next_rows(bool keys) const
    {
        const void *data = keys ? p->k : p->v;
        const uint64_t stride = keys ? p->k_stride : p->v_stride;

        return { data, place[start / KEYS % PLACES], stride, (uint64_t)job->head * p->head_dim,
                 are_aligned(data, stride) };
    }

    /* Columns first .. of 64 rows, as far as the head has them, and zeros. */
    __device__ __forceinline__ void copy_pieces(unsigned char *to, const rows_from &rows, uint32_t first) const
    {
        const uint32_t piece = threadIdx.x % PIECES, col = first + piece * PIECE;

        UNROLL_FOR(uint32_t row = threadIdx.x / PIECES; row < KEYS; row += threads / PIECES) {
            const bool there = rows.place[row] != NOWHERE && col < p->head_dim;

            take_piece((number *)(to + place_of(row, piece)), rows.data,
                       there ? rows.place[row] * rows.stride + rows.first + col : 0, p->type, there);
        }
    }

    /* The same element by element: pieces lie across multiples of their size. */
    __device__ __forceinline__ void copy_numbers(unsigned char *to, const rows_from &rows, uint32_t first) const
    {
        NO_UNROLL
        for (uint32_t i = threadIdx.x; i < KEYS * COLS; i += threads) {
            const uint32_t row = i / COLS, col = i % COLS;
            number *at = (number *)(to + place_of(row, col / PIECE)) + col % PIECE;

            *at = 0;
            if (rows.place[row] != NOWHERE && first + col < p->head_dim)
                take(at, rows.data, rows.place[row] * rows.stride + rows.first + first + col, p->type);
        }
    }

    /* Begins to fetch the next tile, if there is one: the queries first where they are wanted. */
    __device__ __forceinline__ void fetch() const
    {
        const bool keys = in < key_tiles();
        const uint32_t values_first = blockIdx.z * columns;
        bool query = keys && (start == job->lowest || !are_resident());

        NO_UNROLL
        for (uint32_t i = query ? 0 : 1; i < 2; i++, query = false) {
            const rows_from rows = query ? query_rows() : next_rows(keys);
            const uint32_t col = keys ? in * COLS : values_first + (in - key_tiles()) * COLS;
            unsigned char *to = query ? queries + query_tile(in, filled) * TILE_BYTES : slot + filled * TILE_BYTES;

            if (rows.aligned)
                copy_pieces(to, rows, col);
            else
                copy_numbers(to, rows, col);
        }
    }

    /* Where the queries of a tile of keys are. */
    __device__ __forceinline__ uint32_t query_tile(uint32_t chunk, uint32_t key_slot) const
    {
        return are_resident() ? chunk : key_slot;
    }

    __device__ __forceinline__ void fetch_next()
    {
        if (start < job->end)
            fetch();
        gd_copies_commit();
        in++;
        if (in == key_tiles() + value_tiles()) {
            in = 0;
            start += KEYS;
        }
        filled = (filled + 1) % slots;
    }

    /* For 64 lines, from `first` on.  No thread may still use what was there before. */
    __device__ __forceinline__ void begin(uint32_t first)
    {
        start = job->lowest;
        in = filled = begun = 0;
        begin_lines(first);
        find_keys(start);
        find_keys(start + KEYS);
        __syncthreads();
    }

    /* The next tile's slot; the tile before is no longer in use then. */
    __device__ __forceinline__ uint32_t next()
    {
        NO_UNROLL
        for (bool there = false; !there; begun++) {
            there = begun >= slots - 1;
            if (there) {
                gd_copies_wait<slots - 2>();
                __syncthreads();
            }
            fetch_next();
        }
        return filled;
    }

    __device__ __forceinline__ const unsigned char *tile(uint32_t own) const { return slot + own * TILE_BYTES; }

    /* The queries that are multiplied by the tile of keys in a slot. */
    __device__ __forceinline__ const unsigned char *queries_of(uint32_t chunk, uint32_t own) const
    {
        return queries + query_tile(chunk, own) * TILE_BYTES;
    }

    /* To be called when the first tile of a block is there: the block after the next one is looked up. */
    __device__ __forceinline__ void look_ahead(uint32_t first) const { find_keys(first + 2 * KEYS); }

    /* Then shared memory is free. */
    __device__ __forceinline__ void end() const
    {
        gd_copies_wait<0>();
        __syncthreads();
    }
};

#endif
