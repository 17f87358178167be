/* linear.c - linears on the card: an adapter's first product, then everything else in one kernel. */
#include "backends/cuda/ops.h"
#include "backends/cuda/weight.h"

#include <string.h>

/* Columns of a tile's outputs. */
static size_t tile_cols(gd_cuda_kernel tile, const gd_cuda_linear *argument)
{
    return gd_cuda_kernels[tile].weights / (argument->of[1].w.data ? 2 : 1);
}

/* Large tiles read less, small ones waste less of few lines or columns: the small one if it has them all.  Both give
 * the same bits; fp32 operands have one. */
static gd_cuda_kernel pick(const gd_device *device, const gd_cuda_linear *argument)
{
    const bool tensor = device->arithmetic != GD_EXACT;
    const gd_cuda_kernel small = tensor ? GD_KERNEL_linear_tensor_64x64 : GD_KERNEL_linear_exact_32x64;
    const gd_cuda_kernel large = tensor ? GD_KERNEL_linear_tensor_128x128 : GD_KERNEL_linear_exact_128x128;

    if (!tensor && device->operand == GD_F32)
        return GD_KERNEL_linear_exact_f32_32x64;
    if (argument->lines <= gd_cuda_kernels[small].lines || argument->out_cols <= tile_cols(small, argument))
        return small;
    return large;
}

static void start(gd_device *device, gd_cuda_linear *argument)
{
    const gd_cuda_kernel kernel = pick(device, argument);
    const gd_cuda_kernel_info *info = &gd_cuda_kernels[kernel];

    gd_cuda_start(device, kernel, gd_cuda_linear_blocks(argument, info->lines, info->weights), argument);
}

/* ---- the input, with lines that begin at multiples of 16 bytes ---- */

static bool is_aligned(const gd_tensor *x)
{
    const size_t size = gd_dtype_size(x->dtype);

    return (uintptr_t)x->data % 16 == 0 && x->stride * size % 16 == 0 && x->cols * size % 16 == 0;
}

static void pad(gd_device *device, gd_tensor *x)
{
    gd_cuda_copy argument = { .x = x->data,
                              .x_stride = x->stride,
                              .x_type = gd_cuda_type(x->dtype),
                              .lines = (uint32_t)x->rows };

    x->data = (void *)(uintptr_t)device->scratch.padded;
    x->stride = gd_cuda_stride(x->cols, x->dtype);
    argument.out = gd_cuda_out(x);
    gd_cuda_start(device, GD_KERNEL_copy, x->rows, &argument);
}

/* Whether a kernel that writes `out` would change what its other blocks read. */
static bool overlaps(const gd_tensor *x, const gd_tensor *out)
{
    const uintptr_t first = (uintptr_t)x->data, other = (uintptr_t)out->data;
    const size_t bytes = x->rows * x->stride * gd_dtype_size(x->dtype);
    const size_t other_bytes = out->rows * out->stride * gd_dtype_size(out->dtype);

    return first < other + other_bytes && other < first + bytes;
}

/* The argument without its weights and output. */
static gd_cuda_linear begin(gd_device *device, const gd_call *call, const gd_tensor *out)
{
    gd_tensor x = call->in[0];

    if (!is_aligned(&x) || overlaps(&x, out))
        pad(device, &x);
    return (gd_cuda_linear){ .x = x.data, .x_stride = x.stride, .lines = (uint32_t)x.rows, .in = (uint32_t)x.cols };
}

/* ---- the adapter ---- */

static uint32_t rank_of(const gd_call *call) { return call->lora.a ? (uint32_t)call->lora.a->out : 0; }

/* low = bf16(A x), for linear number `which` of a call. */
static void lower(gd_device *device, const gd_cuda_linear *input, const gd_call *call, unsigned which,
                  gd_cuda_weights *to)
{
    const size_t rank = rank_of(call), stride = gd_cuda_stride(rank, device->operand);
    const gd_tensor low = { (void *)(uintptr_t)device->scratch.low[which], device->operand, input->lines, rank,
                            stride };
    gd_cuda_linear argument = *input;

    if (stride != rank)
        (void)gd_cuda_failed(device,
                             device->driver->fill(device->scratch.low[which], 0,
                                                  input->lines * stride * gd_dtype_size(device->operand),
                                                  device->compute),
                             "an adapter was applied");
    argument.of[0] = (gd_cuda_weights){ .w = gd_cuda_matrix_of(call->lora.a) };
    argument.out_cols = (uint32_t)rank;
    argument.out = gd_cuda_out(&low);
    start(device, &argument);
    to->b = gd_cuda_matrix_of(call->lora.b);
    to->low = low.data;
    to->low_stride = stride;
    to->rank = (uint32_t)rank;
    to->scale = call->lora.scale;
}

/* The weights of a call, with its adapter unless that is too large to be computed with them. */
static gd_cuda_weights weights_of(gd_device *device, const gd_cuda_linear *input, const gd_call *call, unsigned which)
{
    gd_cuda_weights weights = { .w = gd_cuda_matrix_of(call->w[0]), .bias = gd_cuda_vector_of(call->w[1]) };

    if (rank_of(call) && rank_of(call) <= GD_CUDA_FUSED_RANK)
        lower(device, input, call, which, &weights);
    return weights;
}

/* y = before + scale * B low, in a kernel of its own. */
static void add_large(gd_device *device, const gd_cuda_linear *input, const gd_call *call)
{
    gd_cuda_weights adapter = { 0 };
    gd_cuda_linear argument;

    lower(device, input, call, 0, &adapter);
    argument = (gd_cuda_linear){ .x = adapter.low,
                                 .x_stride = adapter.low_stride,
                                 .lines = input->lines,
                                 .in = adapter.rank,
                                 .out_cols = (uint32_t)call->out.cols,
                                 .of = { { .w = adapter.b } },
                                 .before = (const float *)(uintptr_t)device->scratch.before,
                                 .before_stride = call->out.cols,
                                 .scale = adapter.scale,
                                 .out = gd_cuda_out(&call->out) };
    start(device, &argument);
}

/* ---- the operations ---- */

void gd_cuda_linear_op(gd_device *device, const gd_call *call)
{
    const bool large = rank_of(call) > GD_CUDA_FUSED_RANK;
    const gd_tensor before = { (void *)(uintptr_t)device->scratch.before, GD_F32, call->out.rows, call->out.cols,
                               call->out.cols };
    const gd_cuda_linear input = begin(device, call, &call->out);
    gd_cuda_linear argument = input;

    argument.of[0] = weights_of(device, &input, call, 0);
    argument.out_cols = (uint32_t)call->out.cols;
    argument.out = gd_cuda_out(large ? &before : &call->out);
    start(device, &argument);
    if (large)
        add_large(device, &input, call);
}

/* fma(1, y, x) is x + y. */
void gd_cuda_linear_add(gd_device *device, const gd_call *linear, const gd_call *add)
{
    gd_cuda_linear argument;

    if (rank_of(linear) > GD_CUDA_FUSED_RANK) {
        gd_cuda_linear_op(device, linear);
        gd_cuda_add_op(device, add);
        return;
    }
    argument = begin(device, linear, &add->out);
    argument.of[0] = weights_of(device, &argument, linear, 0);
    argument.out_cols = (uint32_t)add->out.cols;
    argument.before = add->in[0].data;
    argument.before_stride = add->in[0].stride;
    argument.scale = 1.0f;
    argument.out = gd_cuda_out(&add->out);
    start(device, &argument);
}

void gd_cuda_gated_linears(gd_device *device, const gd_call *linears, const gd_call *gated)
{
    gd_cuda_linear input, argument;

    if (rank_of(&linears[0]) > GD_CUDA_FUSED_RANK || rank_of(&linears[1]) > GD_CUDA_FUSED_RANK) {
        gd_cuda_linear_op(device, &linears[0]);
        gd_cuda_linear_op(device, &linears[1]);
        gd_cuda_gated_op(device, gated);
        return;
    }
    input = begin(device, linears, &gated->out);
    argument = input;
    for (unsigned i = 0; i < 2; i++)
        argument.of[i] = weights_of(device, &input, &linears[i], i);
    argument.out_cols = (uint32_t)gated->out.cols;
    argument.act = gd_cuda_act(gated->params.act);
    argument.out = gd_cuda_out(&gated->out);
    start(device, &argument);
}

/* ---- scratch space ---- */

static size_t padded_bytes(const gd_device *device, const gd_limits *limits)
{
    return limits->tile_rows * gd_cuda_stride(limits->max_in, device->operand) * gd_dtype_size(device->operand);
}

static size_t low_bytes(const gd_device *device, const gd_limits *limits)
{
    return limits->tile_rows * gd_cuda_stride(limits->max_rank, device->operand) * gd_dtype_size(device->operand);
}

static size_t before_bytes(const gd_limits *limits)
{
    return limits->max_rank > GD_CUDA_FUSED_RANK ? limits->tile_rows * limits->max_out * sizeof(float) : 0;
}

/* Rows of a table come in fp32 at most. */
static size_t table_bytes(const gd_limits *limits) { return limits->tile_rows * limits->max_in * sizeof(float); }

size_t gd_cuda_scratch_bytes(const gd_device *device, const gd_limits *limits)
{
    return padded_bytes(device, limits) + 2 * low_bytes(device, limits) + before_bytes(limits) + table_bytes(limits);
}

void gd_cuda_release_scratch(gd_device *device)
{
    gd_cuda_free(device, device->scratch.padded);
    gd_cuda_free(device, device->scratch.low[0]);
    gd_cuda_free(device, device->scratch.low[1]);
    gd_cuda_free(device, device->scratch.before);
    gd_cuda_free(device, device->scratch.table_rows);
    memset(&device->scratch, 0, sizeof device->scratch);
}

static gd_status reserve(gd_device *device, gd_cu_address *to, size_t bytes, gd_error *err)
{
    return bytes ? gd_cuda_alloc(device, to, bytes, err) : GD_OK;
}

gd_status gd_cuda_prepare(gd_device *device, const gd_limits *limits, gd_error *err)
{
    struct gd_cuda_scratch *scratch = &device->scratch;
    gd_status rc = gd_cuda_enter(device, err);

    if (rc)
        return rc;
    gd_cuda_release_scratch(device);
    rc = reserve(device, &scratch->padded, padded_bytes(device, limits), err);
    for (unsigned i = 0; !rc && i < 2; i++)
        rc = reserve(device, &scratch->low[i], low_bytes(device, limits), err);
    if (!rc)
        rc = reserve(device, &scratch->before, before_bytes(limits), err);
    if (!rc)
        rc = reserve(device, &scratch->table_rows, table_bytes(limits), err);
    if (!rc)
        device->limits = *limits;
    return rc;
}
