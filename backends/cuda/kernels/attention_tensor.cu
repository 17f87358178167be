/* attention_tensor.cu - attention over the trie by tensor cores (doc/arithmetic.md, sections 3T and 6).
 *
 * A warp has 16 lines.  Its logits of a block, 16 x 64, are eight accumulators of 16 x 8: a thread holds columns 2t and
 * 2t + 1 of each, of the lines g and g + 8 (tensor_core.cuh).  These are also the places that the next product's first
 * operand has, so that weights need no shared memory; and the lanes of section 4's sum: l and l + 8 lie in one thread.
 * A block computes 128 columns of the output; larger heads have a block for each 128. */
#include "backends/cuda/kernels/attention_logit.cuh"
#include "backends/cuda/kernels/attention_out.cuh"
#include "backends/cuda/kernels/attention_stream.cuh"
#include "backends/cuda/kernels/tensor_core.cuh"

enum { SLOTS = 3, THREADS = 128, PART = 128, WARP_LINES = 16, CHUNK = 64, CHUNKS = PART / CHUNK };
enum { STEP = 16, STEPS = CHUNK / STEP, COLUMNS = 8, ACCUMULATORS = CHUNK / COLUMNS };
enum { BLOCK = 128 / CHUNK }; /* in tiles: that of section 3T */

typedef stream<uint16_t, SLOTS, PART, THREADS> key_stream;

/* Sixteen lines by 64 keys or columns: of each accumulator, two of each of the thread's lines. */
typedef float products[ACCUMULATORS][4];

GD_DEVICE void set(products s, float value)
{
    UNROLL_FOR(uint32_t i = 0; i < ACCUMULATORS * 4; i++)
        s[i / 4][i % 4] = value;
}

/* s += queries . keys over the elements of one tile; beyond the head's both are zero, and change nothing. */
GD_DEVICE void add_products(products s, const unsigned char *queries, const unsigned char *keys)
{
    const uint32_t lane = threadIdx.x % 32, line = threadIdx.x / 32 * WARP_LINES + lane % 16;
    const uint32_t key = lane % 8 + lane / 16 * 8;

    UNROLL_FOR(uint32_t step = 0; step < STEPS; step++) {
        uint32_t q[4];

        gd_load_matrices(q, gd_shared(queries + place_of(line, step * 2 + lane / 16)));
        UNROLL_FOR(uint32_t j = 0; j < ACCUMULATORS; j += 2) {
            uint32_t k[4];

            gd_load_matrices(k, gd_shared(keys + place_of(j * COLUMNS + key, step * 2 + lane / 8 % 2)));
            gd_step(s[j], q, k[0], k[1]);
            gd_step(s[j + 1], q, k[2], k[3]);
        }
    }
}

/* Each thread keeps its part of a sum for later. */
GD_DEVICE void keep(float *kept, const products s)
{
    UNROLL_FOR(uint32_t i = 0; i < ACCUMULATORS * 4; i++)
        kept[i * THREADS + threadIdx.x] = s[i / 4][i % 4];
}

GD_DEVICE void add_kept(const float *kept, products s)
{
    UNROLL_FOR(uint32_t i = 0; i < ACCUMULATORS * 4; i++)
        s[i / 4][i % 4] = __fadd_rn(kept[i * THREADS + threadIdx.x], s[i / 4][i % 4]);
}

/* s += queries . keys over tile number `chunk` of the head.  The sums of section 3T's blocks are added when each of
 * them is complete. */
GD_DEVICE void multiply_keys(products s, const key_stream *from, uint32_t chunk, uint32_t own, float *kept)
{
    const uint32_t after = chunk + 1;
    const bool is_last = after == from->key_tiles();

    if (chunk % BLOCK == 0)
        set(s, 0.0f);
    add_products(s, from->queries_of(chunk, own), from->tile(own));
    if (chunk >= BLOCK && (is_last || after % BLOCK == 0))
        add_kept(kept, s);
    if (!is_last && after % BLOCK == 0)
        keep(kept, s);
}

/* Over the four threads that share a line. */
GD_DEVICE float line_max(float x)
{
    x = fmaxf(x, __shfl_xor_sync(0xFFFFFFFFu, x, 2));
    return fmaxf(x, __shfl_xor_sync(0xFFFFFFFFu, x, 1));
}

/* The first `count` accumulators become the last ones.  Loops over registers stay short: each turn has the first ones,
 * and after all turns everything is back in its place. */
template <int count> GD_DEVICE void rotate(products s)
{
    float first[count][4];

    UNROLL_FOR(uint32_t i = 0; i < count * 4; i++)
        first[i / 4][i % 4] = s[i / 4][i % 4];
    UNROLL_FOR(uint32_t i = 0; i < (ACCUMULATORS - count) * 4; i++)
        s[i / 4][i % 4] = s[i / 4 + count][i % 4];
    UNROLL_FOR(uint32_t i = 0; i < count * 4; i++)
        s[ACCUMULATORS - count + i / 4][i % 4] = first[i / 4][i % 4];
}

GD_DEVICE void cap(products s, float softcap)
{
    NO_UNROLL
    for (uint32_t j = 0; j < ACCUMULATORS; j++) {
        NO_UNROLL
        for (uint32_t i = 0; i < 4; i++) {
            const float x = capped(s[0][0], softcap);

            UNROLL_FOR(uint32_t k = 0; k < 3; k++)
                s[0][k] = s[0][k + 1];
            s[0][3] = x;
        }
        rotate<1>(s);
    }
}

/* Products become logits, as far as the thread's two lines see them; m becomes the largest, if it is larger. */
GD_DEVICE void find_logits(products s, float m[2], const span seen[2])
{
    NO_UNROLL
    for (uint32_t key = threadIdx.x % 4 * 2; key < KEYS; key += STEP) {
        UNROLL_FOR(uint32_t i = 0; i < 8; i++) {
            const uint32_t line = i / 2 % 2;
            float *x = &s[i / 4][i % 4];

            *x = is_in(seen[line], key + i / 4 * COLUMNS + i % 2) ? *x : hidden();
            m[line] = fmaxf(m[line], *x);
        }
        rotate<2>(s);
    }
}

/* The first of the thread's two lines; the other one is eight further. */
GD_DEVICE uint32_t own_line(void) { return threadIdx.x / 32 * WARP_LINES + threadIdx.x % 32 / 4; }

/* Brings the maximum of the thread's lines up to date.  That of a line that sees nothing may still be minus infinity:
 * with 0 instead, all its weights become zero. */
GD_DEVICE void find_maximum(products s, float m[2], attention_lines *lines, uint32_t start, const gd_cuda_attention *p)
{
    const uint32_t first = own_line();
    const span seen[2] = { visible(lines->after[first], start, p->window),
                           visible(lines->after[first + 8], start, p->window) };

    UNROLL_FOR(uint32_t i = 0; i < ACCUMULATORS * 4; i++)
        s[i / 4][i % 4] = __fmul_rn(s[i / 4][i % 4], p->scale);
    if (p->softcap != 0.0f)
        cap(s, p->softcap);
    UNROLL_FOR(uint32_t i = 0; i < 2; i++)
        m[i] = lines->m[first + 8 * i];
    find_logits(s, m, seen);
    UNROLL_FOR(uint32_t i = 0; i < 2; i++) {
        const uint32_t line = first + 8 * i;

        m[i] = line_max(m[i]);
        if (threadIdx.x % 4 == 0) {
            lines->c[line] = sees_any(seen[i]) ? gd_exp_falling(__fsub_rn(lines->m[line], m[i])) : -1.0f;
            lines->m[line] = m[i];
        }
        m[i] = sees_any(seen[i]) ? m[i] : 0.0f;
    }
}

/* Section 4 over the 64 places, when each lane has its sum: this thread's are 2t, 2t + 1, 2t + 8 and 2t + 9. */
GD_DEVICE float line_sum(float lane[4])
{
    UNROLL_FOR(uint32_t i = 0; i < 2; i++) {
        lane[i] = __fadd_rn(lane[i], lane[i + 2]);
        lane[i] = __fadd_rn(lane[i], __shfl_xor_sync(0xFFFFFFFFu, lane[i], 2));
        lane[i] = __fadd_rn(lane[i], __shfl_xor_sync(0xFFFFFFFFu, lane[i], 1));
    }
    return __fadd_rn(lane[0], lane[1]);
}

/* Logits become weights, and those the first operands of the steps over the block's keys: two words of one of them take
 * the place of each accumulator's first two logits.  The sums of the thread's lines are brought up to date. */
GD_DEVICE void weigh(products s, const float m[2], attention_lines *lines)
{
    float lane[2][4] = { { 0.0f, 0.0f, 0.0f, 0.0f }, { 0.0f, 0.0f, 0.0f, 0.0f } }; /* the present accumulator's first */

    NO_UNROLL
    for (uint32_t j = 0; j < ACCUMULATORS; j++) {
        UNROLL_FOR(uint32_t i = 0; i < 2; i++) {
            float e[2];

            UNROLL_FOR(uint32_t k = 0; k < 2; k++) {
                const float sum = lane[i][k];

                e[k] = gd_exp_falling(__fsub_rn(s[0][2 * i + k], m[i]));
                lane[i][k] = lane[i][k + 2];
                lane[i][k + 2] = __fadd_rn(sum, e[k]);
            }
            s[0][i] = gd_float(gd_bf16_pair(e[0], e[1]));
        }
        rotate<1>(s);
    }
    UNROLL_FOR(uint32_t i = 0; i < 2; i++) {
        const uint32_t line = own_line() + 8 * i;
        const float sum = line_sum(lane[i]);

        if (threadIdx.x % 4 == 0)
            lines->l[line] = __fmaf_rn(lines->l[line], fabsf(lines->c[line]), sum);
    }
}

/* o = fma(o, c, weights . values) for 16 columns.  A line that sees nothing keeps its o. */
GD_DEVICE void add_values(float o[2][4], const products weights, const unsigned char *values, uint32_t piece,
                          const float c[2])
{
    const uint32_t lane = threadIdx.x % 32;
    float sum[2][4] = { { 0.0f, 0.0f, 0.0f, 0.0f }, { 0.0f, 0.0f, 0.0f, 0.0f } };

    UNROLL_FOR(uint32_t step = 0; step < STEPS; step++) {
        uint32_t w[4], v[4];

        UNROLL_FOR(uint32_t i = 0; i < 4; i++)
            w[i] = gd_bits(weights[2 * step + i / 2][i % 2]);
        gd_load_transposed(v, gd_shared(values + place_of(step * STEP + lane % 16, piece + lane / 16)));
        gd_step(sum[0], w, v[0], v[1]);
        gd_step(sum[1], w, v[2], v[3]);
    }
    UNROLL_FOR(uint32_t i = 0; i < 8; i++) {
        const uint32_t line = i / 2 % 2;

        if (!(c[line] < 0.0f))
            o[i / 4][i % 4] = __fmaf_rn(o[i / 4][i % 4], c[line], sum[i / 4][i % 4]);
    }
}

GD_DEVICE void multiply_values(products o, const products weights, const unsigned char *values,
                               const attention_lines *lines)
{
    const float c[2] = { lines->c[own_line()], lines->c[own_line() + 8] };

    UNROLL_FOR(uint32_t i = 0; i < ACCUMULATORS; i += 2)
        add_values(o + i, weights, values, i, c);
}

/* The output of the warp's lines, by way of shared memory that nobody else uses. */
GD_DEVICE void put(const gd_cuda_attention *p, const attention_job *job, const attention_lines *lines,
                   uint32_t warp_line, float *shared, const products o[CHUNKS])
{
    const uint32_t g = threadIdx.x % 32 / 4, t = threadIdx.x % 4, first = threadIdx.x / 32 * WARP_LINES;
    float *to = shared + first * PART;

    UNROLL_FOR(uint32_t i = 0; i < PART / COLUMNS; i++)
        UNROLL_FOR(uint32_t j = 0; j < 4; j++)
            to[(g + j / 2 * 8) * PART + i * COLUMNS + 2 * t + j % 2] = o[i / ACCUMULATORS][i % ACCUMULATORS][j];
    __syncwarp();
    put_lines(p, job, warp_line, WARP_LINES, PART, to, lines->l + first);
}

/* What is done with tile number `in` of a block, which lies in slot `own`. */
GD_DEVICE void use(products o[CHUNKS], products s, uint32_t in, uint32_t own, const key_stream *from, float *kept,
                   uint32_t start)
{
    const uint32_t keys = from->key_tiles();

    if (in < keys) {
        multiply_keys(s, from, in, own, kept);
        if (in == keys - 1) {
            float m[2];

            find_maximum(s, m, from->lines, start, from->p);
            weigh(s, m, from->lines);
        }
    } else if (in == keys) {
        multiply_values(o[0], s, from->tile(own), from->lines);
    } else {
        multiply_values(o[1], s, from->tile(own), from->lines);
    }
}

/* Lines first .. first + 63 of the job. */
GD_DEVICE void attend(uint32_t first, key_stream *from, float *kept, float *o_shared)
{
    const attention_job *job = from->job;
    const uint32_t warp_line = first + threadIdx.x / 32 * WARP_LINES;
    const span sees = lines_see(job, warp_line, WARP_LINES, from->p->window);
    products s, o[CHUNKS];

    UNROLL_FOR(uint32_t chunk = 0; chunk < CHUNKS; chunk++)
        set(o[chunk], 0.0f);
    from->begin(first);
    NO_UNROLL
    for (uint32_t start = job->lowest; start < job->end; start += KEYS) {
        NO_UNROLL
        for (uint32_t in = 0; in < from->key_tiles() + from->value_tiles(); in++) {
            const uint32_t own = from->next();

            if (in == 0)
                from->look_ahead(start);
            if (overlaps(sees, start))
                use(o, s, in, own, from, kept, start);
        }
    }
    from->end();
    put(from->p, job, from->lines, warp_line, o_shared, o);
}

extern "C" __global__ void __launch_bounds__(THREADS, 2) gd_attention_tensor(gd_cuda_attention p)
{
    extern __shared__ __align__(128) unsigned char shared[];
    __shared__ attention_job job;
    __shared__ attention_lines lines;
    unsigned char *slots = shared + PLACE_BYTES, *kept = slots + SLOTS * TILE_BYTES;
    unsigned char *queries = kept + (p.head_dim > BLOCK * CHUNK ? GD_CUDA_ATTENTION_KEPT : 0) * TILE_BYTES;
    key_stream from = { &p, &job, &lines, slots, queries, (uint64_t(*)[KEYS])shared };

    static_assert(THREADS == LINES / WARP_LINES * 32, "a warp for 16 lines");
    static_assert(LINES * PART * 4 <= (SLOTS + 1) * TILE_BYTES, "the output fits where tiles were");
    if (!take_job(&p, &job))
        return;
    NO_UNROLL
    for (uint32_t first = 0; first < job.lines; first += LINES) {
        attend(first, &from, (float *)kept, (float *)slots);
        __syncthreads();
    }
}
