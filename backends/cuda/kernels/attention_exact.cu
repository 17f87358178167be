/* attention_exact.cu - attention over the trie by fused multiply-adds (doc/arithmetic.md, sections 3 and 6).
 *
 * A warp has eight lines; one half of it has every other line, the other half the rest.  Of each of its lines, thread t
 * of a half has keys t, t + 16, t + 32 and t + 48 of a block, which is lane t of section 4's sum; and of a tile of
 * values two adjacent elements.  Weights pass through shared memory, within a half of a warp.  All operands are fp32
 * there.  A block computes 64 columns of the output; larger heads have a block for each 64. */
#include "backends/cuda/kernels/attention_logit.cuh"
#include "backends/cuda/kernels/attention_out.cuh"
#include "backends/cuda/kernels/attention_stream.cuh"
#include "backends/cuda/kernels/sum16.cuh"

enum { SLOTS = 2, THREADS = 256, COLUMNS = 64, COLS = tiles<float>::cols, CHUNKS = COLUMNS / COLS };
enum { LANES = 16, LANE_KEYS = KEYS / LANES, PART = COLS / LANES, PIECE = tiles<float>::piece };
enum { WARP_LINES = LINES / (THREADS / 32), OWN = WARP_LINES / 2 }; /* a warp's lines, and a thread's */
enum { BLOCK = 512 / COLS, WEIGHTS = KEYS / COLS };                 /* in tiles: that of section 3; the weights */

typedef stream<float, SLOTS, COLUMNS, THREADS> key_stream;
typedef float products[OWN][LANE_KEYS]; /* of a thread's lines and keys */
typedef float outputs[OWN][PART];       /* of its lines and columns */

/* Number i of a thread's lines, within the 64 that are computed together. */
GD_DEVICE uint32_t line_of(uint32_t i) { return threadIdx.x / 32 * WARP_LINES + threadIdx.x % 32 / LANES + 2 * i; }

GD_DEVICE void load_piece(float x[PIECE], const unsigned char *tile, uint32_t row, uint32_t piece)
{
    *(float4 *)x = *(const float4 *)(tile + place_of(row, piece));
}

/* s += queries . keys over the elements of one tile.  The last piece may end in zeros that section 3 does not have:
 * such a step can only turn a -0 to +0, and the sign of a zero logit changes neither a maximum nor an exponential. */
GD_DEVICE void add_products(products s, const unsigned char *queries, const unsigned char *keys, uint32_t elements)
{
    const uint32_t key = threadIdx.x % LANES;

    NO_UNROLL
    for (uint32_t piece = 0; piece < PIECES && piece * PIECE < elements; piece++) {
        float k[LANE_KEYS][PIECE];

        UNROLL_FOR(uint32_t j = 0; j < LANE_KEYS; j++)
            load_piece(k[j], keys, key + j * LANES, piece);
        UNROLL_FOR(uint32_t i = 0; i < OWN; i++) {
            float q[PIECE];

            load_piece(q, queries, line_of(i), piece);
            UNROLL_FOR(uint32_t d = 0; d < PIECE; d++)
                UNROLL_FOR(uint32_t j = 0; j < LANE_KEYS; j++)
                    s[i][j] = __fmaf_rn(q[d ^ 1], k[j][d ^ 1], s[i][j]); /* the odd element of a pair first */
        }
    }
}

/* Each thread keeps its part of a sum for later. */
GD_DEVICE void keep(float *kept, const products s)
{
    UNROLL_FOR(uint32_t i = 0; i < OWN * LANE_KEYS; i++)
        kept[i * THREADS + threadIdx.x] = s[i / LANE_KEYS][i % LANE_KEYS];
}

GD_DEVICE void add_kept(const float *kept, products s)
{
    UNROLL_FOR(uint32_t i = 0; i < OWN * LANE_KEYS; i++)
        s[i / LANE_KEYS][i % LANE_KEYS] = __fadd_rn(kept[i * THREADS + threadIdx.x], s[i / LANE_KEYS][i % LANE_KEYS]);
}

/* s += queries . keys over tile number `chunk` of the head.  The sums of section 3's blocks are added when each of them
 * is complete. */
GD_DEVICE void multiply_keys(products s, const key_stream *from, uint32_t chunk, uint32_t own, float *kept)
{
    const uint32_t after = chunk + 1;
    const bool is_last = after == from->key_tiles();

    if (chunk % BLOCK == 0)
        UNROLL_FOR(uint32_t i = 0; i < OWN * LANE_KEYS; i++)
            s[i / LANE_KEYS][i % LANE_KEYS] = 0.0f;
    add_products(s, from->queries_of(chunk, own), from->tile(own), from->p->head_dim - chunk * COLS);
    if (chunk >= BLOCK && (is_last || after % BLOCK == 0))
        add_kept(kept, s);
    if (!is_last && after % BLOCK == 0)
        keep(kept, s);
}

/* Products become logits; returns the thread's largest, at least m. */
GD_DEVICE float logits(float s[LANE_KEYS], span seen, const gd_cuda_attention *p, float m)
{
    NO_UNROLL
    for (uint32_t key = threadIdx.x % LANES; key < KEYS; key += LANES) {
        float x = __fmul_rn(s[0], p->scale);

        if (p->softcap != 0.0f)
            x = capped(x, p->softcap);
        UNROLL_FOR(uint32_t j = 0; j < LANE_KEYS - 1; j++)
            s[j] = s[j + 1];
        s[LANE_KEYS - 1] = is_in(seen, key) ? x : hidden();
        m = fmaxf(m, s[LANE_KEYS - 1]);
    }
    return m;
}

/* Over the half of a warp that shares a line. */
GD_DEVICE float line_max(float m)
{
    UNROLL_FOR(uint32_t half = 8; half; half /= 2)
        m = fmaxf(m, __shfl_xor_sync(0xFFFFFFFFu, m, half));
    return m;
}

/* Logits become weights, in shared memory, rounded as the operands are; returns the sum of the line's. */
GD_DEVICE float put_weights(unsigned char *weights, uint32_t line, const float s[LANE_KEYS], float m, uint32_t type)
{
    float lane = 0.0f;

    UNROLL_FOR(uint32_t j = 0; j < LANE_KEYS; j++) {
        const uint32_t key = threadIdx.x % LANES + j * LANES, piece = key / PIECE;
        const float e = gd_exp_falling(__fsub_rn(s[j], m));
        float *to = (float *)(weights + piece / PIECES * TILE_BYTES + place_of(line, piece % PIECES));

        lane = __fadd_rn(lane, e);
        to[key % PIECE] = type == GD_CUDA_BF16 ? gd_bf16_low(gd_bf16_bits(e)) : e;
    }
    return gd_sum16(lane);
}

/* Products become weights, line by line, and the maximum and the sum of each line are brought up to date. */
GD_DEVICE void weigh(unsigned char *weights, products s, attention_lines *lines, const gd_cuda_attention *p,
                     uint32_t start)
{
    NO_UNROLL
    for (uint32_t i = 0; i < OWN; i++) {
        const uint32_t line = line_of(i);
        const span seen = visible(lines->after[line], start, p->window);
        const float old = lines->m[line], m = line_max(logits(s[0], seen, p, old));
        /* The maximum of a line that sees nothing may still be minus infinity; its weights become zero. */
        const float sum = put_weights(weights, line, s[0], sees_any(seen) ? m : 0.0f, p->type);

        if (threadIdx.x % LANES == 0) {
            const float c = sees_any(seen) ? gd_exp_falling(__fsub_rn(old, m)) : 1.0f;

            lines->m[line] = m;
            lines->c[line] = sees_any(seen) ? c : -1.0f;
            lines->l[line] = __fmaf_rn(lines->l[line], c, sum);
        }
        UNROLL_FOR(uint32_t j = 0; j < (OWN - 1) * LANE_KEYS; j++)
            s[j / LANE_KEYS][j % LANE_KEYS] = s[j / LANE_KEYS + 1][j % LANE_KEYS];
    }
}

/* A thread's elements of a tile's row. */
GD_DEVICE void load_part(float x[PART], const unsigned char *tile, uint32_t row)
{
    const uint32_t lane = threadIdx.x % LANES;

    *(float2 *)x = *(const float2 *)(tile + place_of(row, lane / 2) + lane % 2 * 8);
}

/* sum += weights . values over a piece of keys, by pairs of which a line sees both. */
GD_DEVICE void add_piece(outputs sum, const unsigned char *weights, const unsigned char *values, uint32_t piece,
                         const uint32_t end[OWN])
{
    const unsigned char *tile = weights + piece / PIECES * TILE_BYTES;
    float v[PIECE][PART];

    UNROLL_FOR(uint32_t j = 0; j < PIECE; j++)
        load_part(v[j], values, piece * PIECE + j);
    UNROLL_FOR(uint32_t i = 0; i < OWN; i++) {
        float w[PIECE];

        load_piece(w, tile, line_of(i), piece % PIECES);
        UNROLL_FOR(uint32_t j = 0; j < PIECE; j += 2)
            if ((piece * PIECE + j) + 1 < end[i])
                UNROLL_FOR(uint32_t d = 0; d < PART; d++)
                    sum[i][d] = __fmaf_rn(w[j], v[j][d], __fmaf_rn(w[j + 1], v[j + 1][d], sum[i][d]));
    }
}

/* The sum of a line ends with the last key that it sees, and that one's pair: a missing odd key is 0 * 0. */
GD_DEVICE void add_last(float sum[PART], const unsigned char *weights, const unsigned char *values, uint32_t line,
                        uint32_t end)
{
    const uint32_t key = end - 1, piece = key / PIECE;
    float v[PART], w[PIECE];

    if (end % 2 == 0)
        return;
    load_part(v, values, key);
    load_piece(w, weights + piece / PIECES * TILE_BYTES, line, piece % PIECES);
    UNROLL_FOR(uint32_t d = 0; d < PART; d++)
        sum[d] = __fmaf_rn(key % PIECE ? w[2] : w[0], v[d], __fadd_rn(sum[d], 0.0f));
}

/* o = fma(o, c, weights . values) for the elements of one tile.  A line that sees nothing keeps its o. */
GD_DEVICE void multiply_values(outputs o, const unsigned char *weights, const unsigned char *values,
                               const attention_lines *lines, uint32_t start, uint32_t warp_end)
{
    uint32_t end[OWN];
    outputs sum;

    UNROLL_FOR(uint32_t i = 0; i < OWN; i++) {
        end[i] = visible(lines->after[line_of(i)], start, 0).end;
        UNROLL_FOR(uint32_t d = 0; d < PART; d++)
            sum[i][d] = 0.0f;
    }
    NO_UNROLL
    for (uint32_t piece = 0; piece * PIECE < warp_end; piece++)
        add_piece(sum, weights, values, piece, end);
    UNROLL_FOR(uint32_t i = 0; i < OWN; i++) {
        const float c = lines->c[line_of(i)];

        add_last(sum[i], weights, values, line_of(i), end[i]);
        if (!(c < 0.0f))
            UNROLL_FOR(uint32_t d = 0; d < PART; d++)
                o[i][d] = __fmaf_rn(o[i][d], c, sum[i][d]);
    }
}

/* The output of the warp's lines, by way of shared memory that nobody else uses. */
GD_DEVICE void put(const key_stream *from, uint32_t warp_line, float *shared, const outputs o[CHUNKS])
{
    const uint32_t first = threadIdx.x / 32 * WARP_LINES;

    UNROLL_FOR(uint32_t chunk = 0; chunk < CHUNKS; chunk++)
        UNROLL_FOR(uint32_t i = 0; i < OWN * PART; i++)
            shared[line_of(i / PART) * COLUMNS + chunk * COLS + threadIdx.x % LANES * PART + i % PART] =
                o[chunk][i / PART][i % PART];
    __syncwarp();
    put_lines(from->p, from->job, warp_line, WARP_LINES, COLUMNS, shared + first * COLUMNS, from->lines->l + first);
}

/* What is done with tile number `in` of a block, which lies in slot `own`. */
GD_DEVICE void use(outputs o[CHUNKS], products s, uint32_t in, uint32_t own, const key_stream *from,
                   unsigned char *weights, float *kept, uint32_t start, span sees)
{
    const uint32_t keys = from->key_tiles();

    if (in < keys) {
        multiply_keys(s, from, in, own, kept);
        if (in == keys - 1) {
            weigh(weights, s, from->lines, from->p, start);
            __syncwarp();
        }
    } else {
        const uint32_t end = visible(sees.end, start, 0).end;

        if (in == keys)
            multiply_values(o[0], weights, from->tile(own), from->lines, start, end);
        else
            multiply_values(o[1], weights, from->tile(own), from->lines, start, end);
    }
}

/* Lines first .. first + 63 of the job. */
GD_DEVICE void attend(uint32_t first, key_stream *from, unsigned char *weights, float *kept, float *o_shared)
{
    const attention_job *job = from->job;
    const uint32_t warp_line = first + threadIdx.x / 32 * WARP_LINES;
    const span sees = lines_see(job, warp_line, WARP_LINES, from->p->window);
    outputs o[CHUNKS];
    products s;

    UNROLL_FOR(uint32_t i = 0; i < CHUNKS * OWN * PART; i++)
        o[i / (OWN * PART)][i / PART % OWN][i % PART] = 0.0f;
    from->begin(first);
    NO_UNROLL
    for (uint32_t start = job->lowest; start < job->end; start += KEYS) {
        NO_UNROLL
        for (uint32_t in = 0; in < from->key_tiles() + from->value_tiles(); in++) {
            const uint32_t own = from->next();

            if (in == 0)
                from->look_ahead(start);
            if (overlaps(sees, start))
                use(o, s, in, own, from, weights, kept, start, sees);
        }
    }
    from->end();
    put(from, warp_line, o_shared, o);
}

extern "C" __global__ void __launch_bounds__(THREADS) gd_attention_exact(gd_cuda_attention p)
{
    extern __shared__ __align__(128) unsigned char shared[];
    __shared__ attention_job job;
    __shared__ attention_lines lines;
    unsigned char *slots = shared + PLACE_BYTES, *weights = slots + SLOTS * TILE_BYTES;
    unsigned char *kept = weights + WEIGHTS * TILE_BYTES;
    unsigned char *queries = kept + (p.head_dim > BLOCK * COLS ? GD_CUDA_ATTENTION_KEPT : 0) * TILE_BYTES;
    key_stream from = { &p, &job, &lines, slots, queries, (uint64_t(*)[KEYS])shared };

    static_assert(LINES * COLUMNS * 4 <= SLOTS * TILE_BYTES, "the output fits where tiles were");
    if (!take_job(&p, &job))
        return;
    NO_UNROLL
    for (uint32_t first = 0; first < job.lines; first += LINES) {
        attend(first, &from, weights, (float *)kept, (float *)slots);
        __syncthreads();
    }
}
