/* fake_backend.c - a backend that logs its calls. */
#include "tests/engine/fake_inside.h"

#include "tests/check.h"

#include "base/error.h"
#include "base/mem.h"

#include <sched.h>

struct gd_device {
    gd_pool *pool;
};

fake_state fake;

void fake_reset(void)
{
    gd_buf_free(&fake.log);
    fake = (fake_state){ .heights = { .step = 2, .most = 4 },
                         .memory_free = (size_t)1 << 40,
                         .begins = true,
                         .status = GD_EDEVICE };
}

const char *fake_log(void)
{
    static char text[32768];

    (void)snprintf(text, sizeof text, "%s", fake.log.len ? gd_buf_cstr(&fake.log) : "");
    gd_buf_clear(&fake.log);
    return text;
}

/* True when this call is the one that fails. */
bool fake_fails(const char *function)
{
    return fake.fails && !strcmp(fake.fails, function) && fake.calls++ == fake.fails_after;
}

static gd_status may_fail(const char *function, gd_error *err)
{
    return fake_fails(function) ? gd_fail(err, fake.status, "the fake device failed in %s", function) : GD_OK;
}

/* ---- the device ---- */

static gd_status fake_available(gd_dtype operand, gd_error *err)
{
    return operand == GD_F32 ? GD_OK : gd_fail(err, GD_EUNSUPPORTED, "the fake device computes with F32 alone");
}

static const char *fake_isa(size_t index) { return index ? NULL : "fake"; }

static gd_status fake_open(gd_device **out, const gd_device_options *options, gd_error *err)
{
    *out = NULL;
    gd_buf_str(&fake.log, "open\n");
    if (may_fail("open", err))
        return fake.status;
    *out = gd_alloc_zero(1, sizeof **out);
    if (!*out)
        return gd_fail_memory(err, sizeof **out);
    fake.limits = (gd_limits){ 0 };
    fake.live++;
    return gd_pool_open(&(*out)->pool, options->threads, err);
}

static void fake_close(gd_device *device)
{
    if (!device)
        return;
    gd_buf_str(&fake.log, "close\n");
    gd_pool_close(device->pool);
    gd_free(device);
    fake.live--;
}

static const char *fake_name(const gd_device *device)
{
    (void)device;
    return "fake";
}

static gd_heights fake_heights(const gd_device *device)
{
    (void)device;
    return fake.heights;
}

static size_t fake_memory_free(const gd_device *device)
{
    (void)device;
    return fake.memory_free;
}

static gd_status fake_prepare(gd_device *device, const gd_limits *limits, gd_error *err)
{
    (void)device;
    gd_buf_str(&fake.log, "prepare\n");
    fake.limits = (gd_limits){ 0 }; /* after a failure, nothing is reserved */
    if (may_fail("prepare", err))
        return fake.status;
    fake.limits = *limits;
    return GD_OK;
}

static size_t fake_scratch_bytes(const gd_device *device, const gd_limits *limits)
{
    (void)device;
    return fake.scratch_bytes * limits->max_position;
}

static gd_status fake_finish(gd_device *device, gd_error *err)
{
    const bool broken = fake.broken;

    (void)device;
    gd_buf_str(&fake.log, "finish\n");
    fake.pending = 0;
    fake.broken = false;
    if (broken)
        return gd_fail(err, fake.status, "the fake device failed in %s", fake.fails);
    return may_fail("finish", err);
}

static void fake_spread(gd_device *device, size_t count, gd_task *task, void *context)
{
    gd_pool_run(device->pool, count, task, context);
}

/* ---- its memory ---- */

/* The live buffers: an engine has three. AFTER bytes after each must stay unchanged. */
static struct {
    void *data;
    size_t bytes;
} buffers[8];
enum { AFTER = 4096 };

/* The buffer's index in the table; for NULL, that of a free entry. */
static size_t find_buffer(const void *data)
{
    size_t i = 0;

    while (i < sizeof buffers / sizeof buffers[0] - 1 && buffers[i].data != data)
        i++;
    assert_ptr_equal(buffers[i].data, data);
    return i;
}

static gd_status fake_buffer_alloc(gd_device *device, void **out, size_t bytes, gd_error *err)
{
    const size_t i = find_buffer(NULL);

    (void)device;
    *out = NULL;
    gd_buf_str(&fake.log, "buffer_alloc\n");
    if (may_fail("buffer_alloc", err))
        return fake.status;
    *out = gd_alloc_aligned(bytes + AFTER);
    if (!*out)
        return gd_fail_memory(err, bytes);
    memset(*out, 0xFF, bytes + AFTER);
    buffers[i].data = *out;
    buffers[i].bytes = bytes;
    fake.live++;
    fake.buffers += bytes;
    return GD_OK;
}

static void fake_buffer_free(gd_device *device, void *buffer)
{
    const size_t i = find_buffer(buffer);

    (void)device;
    gd_buf_str(&fake.log, "buffer_free\n");
    assert_int_equal(fake.pending, 0);
    for (size_t b = 0; b < AFTER; b++)
        assert_int_equal(((unsigned char *)buffer)[buffers[i].bytes + b], 0xFF);
    gd_free(buffer);
    buffers[i].data = NULL;
    fake.live--;
    fake.buffers -= buffers[i].bytes;
}

static gd_status fake_upload(gd_device *device, void *buffer, const void *host, size_t bytes, gd_error *err)
{
    (void)device, (void)err;
    memcpy(buffer, host, bytes);
    return GD_OK;
}

static gd_status fake_download(gd_device *device, void *host, const void *buffer, size_t bytes, gd_error *err)
{
    (void)device;
    gd_buf_printf(&fake.log, "download %zu\n", bytes / sizeof(float));
    if (may_fail("download", err))
        return fake.status;
    memcpy(host, buffer, bytes);
    return GD_OK;
}

static gd_status fake_rows_make(gd_device *device, gd_device_rows **out, const gd_batch_rows *rows, gd_error *err)
{
    (void)device;
    *out = NULL;
    gd_buf_printf(&fake.log, "rows_make %zu rows, %zu segments, %zu pooled\n", rows->rows, rows->segment_count,
                  rows->pooled_count);
    assert_true(rows->positions <= fake.limits.max_position);
    assert_non_null(rows->rope_cos);
    assert_non_null(rows->rope_sin);
    if (may_fail("rows_make", err))
        return fake.status;
    *out = gd_alloc(1, sizeof **out);
    if (!*out)
        return gd_fail_memory(err, sizeof **out);
    (*out)->host = *rows;
    fake.live++;
    return GD_OK;
}

static void fake_rows_free(gd_device *device, gd_device_rows *rows)
{
    (void)device;
    assert_int_equal(fake.pending, 0); /* operations under way read them */
    if (!rows)
        return;
    gd_buf_str(&fake.log, "rows_free\n");
    gd_free(rows);
    fake.live--;
}

/* ---- weights: a matrix has a piece for each row ---- */

/* Adds the weight to the last line if that has the same verb, else begins a line. */
static void note_weight(const char *what, const gd_view *view)
{
    size_t line = fake.log.len;

    while (line > 0 && (line == fake.log.len || fake.log.data[line - 1] != '\n'))
        line--;
    if (fake.log.len - line > strlen(what) && !memcmp(fake.log.data + line, what, strlen(what)))
        fake.log.len--; /* the end of that line */
    else
        gd_buf_str(&fake.log, what);
    gd_buf_printf(&fake.log, " %s\n", view->name);
}

static size_t fake_weight_bytes(const gd_device *device, gd_weight_role role, const gd_view *view)
{
    (void)device;
    if (role != GD_WEIGHT_MATRIX)
        return 0;
    return fake.weight_bytes ? fake.weight_bytes : view->bytes;
}

/* No piece is filled twice, even once the weight is ready. */
static void check_filled(const gd_weight *weight)
{
    for (size_t i = 0; i < weight->pieces; i++)
        if (weight->filled[i] > 1 || (weight->ready && weight->filled[i] == 0))
            fail_msg("%s: piece %zu of %zu was filled %u times", weight->view->name, i, weight->pieces,
                     weight->filled[i]);
}

static void fake_weight_free(gd_device *device, gd_weight *weight)
{
    (void)device;
    if (!weight)
        return;
    note_weight("free", weight->view);
    check_filled(weight);
    fake.weights -= weight->bytes;
    gd_free(weight->values);
    gd_free(weight->filled);
    gd_free(weight);
    fake.live--;
}

static gd_status new_weight(gd_weight **out, gd_weight_role role, const gd_view *view, size_t bytes, gd_error *err)
{
    *out = gd_alloc_zero(1, sizeof **out);
    if (!*out)
        return gd_fail_memory(err, sizeof **out);
    **out = (gd_weight){ .role = role, .view = view, .bytes = bytes };
    fake.live++;
    fake.weights += bytes;
    if (fake.weights > fake.weights_most)
        fake.weights_most = fake.weights;
    return GD_OK;
}

static gd_status fake_weight_make(gd_device *device, gd_weight **out, gd_weight_role role, const gd_view *view,
                                  gd_error *err)
{
    const size_t pieces = role == GD_WEIGHT_MATRIX ? view->shape[0] : 0;

    *out = NULL;
    note_weight("make", view);
    if (may_fail("weight_make", err) || new_weight(out, role, view, fake_weight_bytes(device, role, view), err))
        return err->status;
    if (role == GD_WEIGHT_TABLE)
        return GD_OK;
    (*out)->values = gd_alloc_aligned(view->bytes);
    (*out)->filled = gd_alloc_zero(pieces, sizeof *(*out)->filled);
    if (!(*out)->values || !(*out)->filled) {
        fake_weight_free(device, *out);
        *out = NULL;
        return gd_fail_memory(err, view->bytes);
    }
    (*out)->pieces = pieces;
    if (role == GD_WEIGHT_VECTOR)
        memcpy((*out)->values, view->data, view->bytes);
    else
        memset((*out)->values, 0xFF, view->bytes);
    return GD_OK;
}

static size_t fake_weight_pieces(const gd_weight *weight) { return weight->pieces; }

static void fake_weight_fill(gd_weight *weight, size_t piece)
{
    const size_t bytes = weight->view->bytes / weight->pieces;

    (void)sched_yield(); /* time for a caller that doesn't wait to find the piece unfilled */
    memcpy((char *)weight->values + piece * bytes, (const char *)weight->view->data + piece * bytes, bytes);
    atomic_fetch_add(&weight->filled[piece], 1);
}

static gd_status fake_weight_wait(gd_device *device, gd_weight *weight, gd_error *err)
{
    (void)device;
    note_weight("wait", weight->view);
    weight->ready = true;
    check_filled(weight);
    if (weight->values)
        assert_memory_equal(weight->values, weight->view->data, weight->view->bytes);
    return may_fail("weight_wait", err);
}

static gd_status fake_weight_borrow(gd_device *device, gd_weight **out, const gd_view *view, gd_error *err)
{
    (void)device;
    *out = NULL;
    note_weight("borrow", view);
    return may_fail("weight_borrow", err) ? fake.status : new_weight(out, GD_WEIGHT_MATRIX, view, 0, err);
}

const gd_backend fake_backend = {
    .contract = GD_BACKEND_CONTRACT,
    .name = "fake",
    .about = "logs its calls",
    .available = fake_available,
    .isa = fake_isa,
    .open = fake_open,
    .close = fake_close,
    .describe = fake_name,
    .matmul = fake_name,
    .heights = fake_heights,
    .memory_free = fake_memory_free,
    .buffer_alloc = fake_buffer_alloc,
    .buffer_free = fake_buffer_free,
    .upload = fake_upload,
    .download = fake_download,
    .rows_make = fake_rows_make,
    .rows_free = fake_rows_free,
    .weight_bytes = fake_weight_bytes,
    .weight_make = fake_weight_make,
    .weight_pieces = fake_weight_pieces,
    .weight_fill = fake_weight_fill,
    .weight_wait = fake_weight_wait,
    .weight_borrow = fake_weight_borrow,
    .weight_free = fake_weight_free,
    .spread = fake_spread,
    .prepare = fake_prepare,
    .scratch_bytes = fake_scratch_bytes,
    .finish = fake_finish,
    .linears = fake_linears,
    .gated_linears = fake_gated_linears,
    .run = { [GD_OP_embedding] = fake_embedding,
             [GD_OP_rms_norm] = fake_rms_norm,
             [GD_OP_linear] = fake_linear,
             [GD_OP_attention] = fake_attention,
             [GD_OP_gated] = fake_gated,
             [GD_OP_add] = fake_add,
             [GD_OP_last_row] = fake_last_row,
             [GD_OP_head] = fake_head },
};
