/* matrix.c - oneDNN's matmul, on one thread, always for the same shapes. */
#include "backends/onednn/matrix.h"

#include "base/error.h"
#include "base/mem.h"

#include <math.h>
#include <stdint.h>

/* oneDNN's usual build runs on OpenMP. We bring our own threads, so each call gets one; the setting is per calling
 * thread, and is restored. Weak: other builds of oneDNN come without OpenMP. */
__attribute__((weak)) void omp_set_num_threads(int threads);
__attribute__((weak)) int omp_get_max_threads(void);

static int one_thread(void)
{
    const int before = omp_get_max_threads ? omp_get_max_threads() : 1;

    if (omp_set_num_threads)
        omp_set_num_threads(1);
    return before;
}

static void threads_back(int before)
{
    if (omp_set_num_threads)
        omp_set_num_threads(before);
}

static dnnl_data_type_t type_of(gd_dtype t) { return t == GD_F32 ? dnnl_f32 : dnnl_bf16; }

/* ---- one primitive: [tile, in] x [in, cols] ---- */

struct primitive {
    dnnl_primitive_t run;
    dnnl_primitive_desc_t desc; /* owns the three layouts below */
    gd_dnnl_md_ref src, weights, dst, scratch;
    size_t weight_bytes; /* of a chunk of cols outputs */
};

static void primitive_close(struct primitive *p)
{
    if (p->run)
        dnnl_primitive_destroy(p->run);
    if (p->desc)
        dnnl_primitive_desc_destroy(p->desc);
}

/* False when oneDNN has no such matmul for this CPU, or no memory. */
static bool primitive_open(struct primitive *p, dnnl_engine_t engine, const_dnnl_primitive_attr_t attr,
                           gd_dtype operand, size_t tile, size_t in, size_t cols)
{
    const dnnl_data_type_t type = type_of(operand);
    const int before = one_thread();
    gd_dnnl_md src = { 0 }, weights = { 0 }, dst = { 0 };
    bool ok;

    *p = (struct primitive){ 0 };
    ok = gd_dnnl_strided(&src, tile, in, type, in, 1) && gd_dnnl_any(&weights, in, cols, type) &&
         gd_dnnl_strided(&dst, tile, cols, dnnl_f32, GD_DERIVED_COLS, 1) &&
         gd_dnnl_matmul(&p->desc, engine, &src, &weights, &dst, attr) &&
         dnnl_primitive_create(&p->run, p->desc) == dnnl_success;
    gd_dnnl_drop(&src);
    gd_dnnl_drop(&weights);
    gd_dnnl_drop(&dst);
    threads_back(before);
    if (!ok) {
        primitive_close(p);
        *p = (struct primitive){ 0 };
        return false;
    }
    p->src = dnnl_primitive_desc_query_md(p->desc, dnnl_query_src_md, 0);
    p->weights = dnnl_primitive_desc_query_md(p->desc, dnnl_query_weights_md, 0);
    p->dst = dnnl_primitive_desc_query_md(p->desc, dnnl_query_dst_md, 0);
    p->scratch = dnnl_primitive_desc_query_md(p->desc, dnnl_query_scratchpad_md, 0);
    p->weight_bytes = dnnl_memory_desc_get_size(p->weights);
    return true;
}

static size_t scratch_bytes(const struct primitive *p)
{
    const size_t bytes = p->scratch ? dnnl_memory_desc_get_size(p->scratch) : 0;

    return (bytes + 63) & ~(size_t)63;
}

/* ---- the device's state ---- */

bool gd_onednn_can(gd_dtype operand)
{
    struct primitive p;
    dnnl_engine_t engine;
    bool can;

    if (operand == GD_F16 || dnnl_engine_create(&engine, dnnl_cpu, 0) != dnnl_success)
        return false;
    can = primitive_open(&p, engine, NULL, operand, GD_DERIVED_ROWS, GD_DERIVED_ROWS, GD_DERIVED_COLS);
    primitive_close(&p);
    dnnl_engine_destroy(engine);
    return can;
}

void gd_onednn_state_close(gd_onednn *state)
{
    if (!state)
        return;
    for (unsigned i = 0; state->streams && i < state->threads; i++)
        if (state->streams[i])
            dnnl_stream_destroy(state->streams[i]);
    if (state->attr)
        dnnl_primitive_attr_destroy(state->attr);
    if (state->engine)
        dnnl_engine_destroy(state->engine);
    gd_free(state->streams);
    gd_free(state->scratch);
    gd_free(state);
}

gd_status gd_onednn_state_open(gd_onednn **out, unsigned threads, gd_error *err)
{
    gd_onednn *state = gd_alloc_zero(1, sizeof *state);
    bool ok;

    *out = NULL;
    if (!state)
        return gd_fail_memory(err, sizeof *state);
    state->threads = threads;
    state->streams = gd_alloc_zero(threads, sizeof *state->streams);
    ok = state->streams && dnnl_engine_create(&state->engine, dnnl_cpu, 0) == dnnl_success &&
         dnnl_primitive_attr_create(&state->attr) == dnnl_success &&
         dnnl_primitive_attr_set_scratchpad_mode(state->attr, dnnl_scratchpad_mode_user) == dnnl_success;
    for (unsigned i = 0; ok && i < threads; i++)
        ok = dnnl_stream_create(&state->streams[i], state->engine, dnnl_stream_default_flags) == dnnl_success;
    if (!ok) {
        gd_onednn_state_close(state);
        return gd_fail(err, GD_ENOMEM, "oneDNN cannot create an engine with %u streams", threads);
    }
    *out = state;
    return GD_OK;
}

/* Workers' scratch space grows with the matrices that are loaded. */
static gd_status need_scratch(gd_onednn *state, size_t bytes, gd_error *err)
{
    char *more;

    if (bytes <= state->scratch_bytes)
        return GD_OK;
    more = gd_alloc_aligned(bytes * state->threads);
    if (!more)
        return gd_fail_memory(err, bytes * state->threads);
    gd_free(state->scratch);
    state->scratch = more;
    state->scratch_bytes = bytes;
    return GD_OK;
}

/* ---- a matrix: chunks of 256 outputs, the last one smaller ---- */

struct gd_onednn_matrix {
    struct primitive full, last; /* either may be absent */
    size_t fulls;                /* chunks of 256 */
    char *weights;               /* the chunks, each in the layout of its primitive */
};

void gd_onednn_matrix_free(gd_onednn_matrix *m)
{
    if (!m)
        return;
    primitive_close(&m->full);
    primitive_close(&m->last);
    gd_large_free(m->weights);
    gd_free(m);
}

static size_t chunk_bytes(const struct primitive *p) { return (p->weight_bytes + 63) & ~(size_t)63; }

static char *chunk_at(const gd_onednn_matrix *m, size_t chunk)
{
    return m->weights + (chunk < m->fulls ? chunk : m->fulls) * chunk_bytes(&m->full);
}

/* Copies a chunk from rows of outputs into the primitive's layout. */
static bool reorder(const gd_onednn *state, const struct primitive *p, const gd_weight *w, size_t first, size_t cols,
                    char *to)
{
    const char *rows = (const char *)w->packed + first * w->in * gd_dtype_size(w->operand);
    const int before = one_thread();
    dnnl_primitive_desc_t desc = NULL;
    dnnl_primitive_t run = NULL;
    dnnl_memory_t src = NULL, dst = NULL;
    gd_dnnl_md plain = { 0 };
    bool ok;

    ok = gd_dnnl_strided(&plain, w->in, cols, type_of(w->operand), 1, w->in) &&
         dnnl_memory_create(&src, gd_dnnl_ref(&plain), state->engine, (void *)(uintptr_t)rows) == dnnl_success &&
         dnnl_memory_create(&dst, p->weights, state->engine, to) == dnnl_success &&
         dnnl_reorder_primitive_desc_create(&desc, gd_dnnl_ref(&plain), state->engine, p->weights, state->engine,
                                            NULL) == dnnl_success &&
         dnnl_primitive_create(&run, desc) == dnnl_success;
    if (ok) {
        const dnnl_exec_arg_t args[] = { { DNNL_ARG_FROM, src }, { DNNL_ARG_TO, dst } };

        ok = dnnl_primitive_execute(run, state->streams[0], 2, args) == dnnl_success &&
             dnnl_stream_wait(state->streams[0]) == dnnl_success;
    }
    if (run)
        dnnl_primitive_destroy(run);
    if (desc)
        dnnl_primitive_desc_destroy(desc);
    if (src)
        dnnl_memory_destroy(src);
    if (dst)
        dnnl_memory_destroy(dst);
    gd_dnnl_drop(&plain);
    threads_back(before);
    return ok;
}

static gd_status fill(const gd_onednn *state, gd_onednn_matrix *m, const gd_weight *w, gd_error *err)
{
    const size_t bytes = m->fulls * chunk_bytes(&m->full) + chunk_bytes(&m->last);

    m->weights = gd_large_alloc(bytes);
    if (!m->weights)
        return gd_fail_memory(err, bytes);
    for (size_t first = 0; first < w->out; first += GD_DERIVED_COLS) {
        const size_t chunk = first / GD_DERIVED_COLS;
        const bool full = chunk < m->fulls;

        if (!reorder(state, full ? &m->full : &m->last, w, first, full ? GD_DERIVED_COLS : w->out - first,
                     chunk_at(m, chunk)))
            return gd_fail(err, GD_ENOMEM, "oneDNN cannot reorder a matrix of %zu x %zu", w->out, w->in);
    }
    return GD_OK;
}

gd_status gd_onednn_matrix_make(gd_onednn *state, gd_weight *w, gd_error *err)
{
    gd_onednn_matrix *m = gd_alloc_zero(1, sizeof *m);
    const size_t rest = w->out % GD_DERIVED_COLS, tile = state->derived.tile;
    gd_status rc = GD_OK;
    bool ok;

    if (!m)
        return gd_fail_memory(err, sizeof *m);
    m->fulls = w->out / GD_DERIVED_COLS;
    ok = !m->fulls || primitive_open(&m->full, state->engine, state->attr, w->operand, tile, w->in, GD_DERIVED_COLS);
    ok = ok && (!rest || primitive_open(&m->last, state->engine, state->attr, w->operand, tile, w->in, rest));
    if (!ok)
        rc = gd_fail(err, GD_EUNSUPPORTED, "oneDNN has no matmul for a matrix of %zu x %zu", w->out, w->in);
    if (!rc)
        rc = need_scratch(state, scratch_bytes(&m->full), err);
    if (!rc)
        rc = need_scratch(state, scratch_bytes(&m->last), err);
    if (!rc)
        rc = fill(state, m, w, err);
    if (rc) {
        gd_onednn_matrix_free(m);
        return rc;
    }
    gd_large_free(w->packed);
    w->packed = NULL;
    w->vendor = m;
    return GD_OK;
}

/* Cannot fail: the primitive exists and the memory is ours; oneDNN allocates only the few bytes of its handles. */
void gd_onednn_matrix_product(const gd_onednn *state, const gd_onednn_matrix *m, unsigned worker, size_t first,
                              const void *x, float *y)
{
    const size_t chunk = first / GD_DERIVED_COLS;
    const struct primitive *p = chunk < m->fulls ? &m->full : &m->last;
    char *scratch = state->scratch ? state->scratch + worker * state->scratch_bytes : NULL;
    const struct {
        int arg;
        gd_dnnl_md_ref md;
        void *data;
    } parts[] = {
        { DNNL_ARG_SRC, p->src, (void *)(uintptr_t)x },
        { DNNL_ARG_WEIGHTS, p->weights, chunk_at(m, chunk) },
        { DNNL_ARG_DST, p->dst, y },
        { DNNL_ARG_SCRATCHPAD, p->scratch, scratch },
    };
    const int count = scratch_bytes(p) ? 4 : 3, before = one_thread();
    dnnl_exec_arg_t args[4];
    bool ok = true;

    for (int i = 0; i < count; i++) {
        args[i] = (dnnl_exec_arg_t){ parts[i].arg, NULL };
        ok = ok && dnnl_memory_create(&args[i].memory, parts[i].md, state->engine, parts[i].data) == dnnl_success;
    }
    ok = ok && dnnl_primitive_execute(p->run, state->streams[worker], count, args) == dnnl_success &&
         dnnl_stream_wait(state->streams[worker]) == dnnl_success;
    for (int i = 0; i < count; i++)
        if (args[i].memory)
            dnnl_memory_destroy(args[i].memory);
    threads_back(before);
    for (size_t i = 0; !ok && i < state->derived.tile * GD_DERIVED_COLS; i++)
        y[i] = NAN; /* an operation cannot fail: give a score that cannot be mistaken for a real one */
}
