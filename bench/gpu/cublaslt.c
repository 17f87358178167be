/* cublaslt.c - declares as much of cuBLASLt as one product needs, and times the algorithms that it suggests. */
#include "bench/gpu/cublaslt.h"

#include "base/mem.h"
#include "bench/gpu/rate.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

/* Of cublasLt.h, under names of ours. */
enum { TYPE_F32 = 0, TYPE_BF16 = 14, COMPUTE_F32 = 68, TRANSPOSED = 1, FIRST_TRANSPOSED = 3, WORKSPACE_BYTES = 1 };
struct algorithm {
    uint64_t data[8];
};
struct suggestion {
    struct algorithm algorithm;
    size_t workspace;
    int status;
    float waves;
    int reserved[4];
};

enum { MOST_TRIED = 16, WORKSPACE = 64 << 20 };

/* X(name, symbol, arguments): each returns 0, or a cublasStatus_t. */
#define FUNCTIONS(X)                                                                                                \
    X(create, cublasLtCreate, (void **handle))                                                                      \
    X(destroy, cublasLtDestroy, (void *handle))                                                                     \
    X(desc_create, cublasLtMatmulDescCreate, (void **desc, int compute, int scale))                                 \
    X(desc_destroy, cublasLtMatmulDescDestroy, (void *desc))                                                        \
    X(desc_set, cublasLtMatmulDescSetAttribute, (void *desc, int attribute, const void *value, size_t bytes))       \
    X(layout_create, cublasLtMatrixLayoutCreate,                                                                    \
      (void **layout, int type, uint64_t rows, uint64_t cols, int64_t stride))                                      \
    X(layout_destroy, cublasLtMatrixLayoutDestroy, (void *layout))                                                  \
    X(preference_create, cublasLtMatmulPreferenceCreate, (void **preference))                                       \
    X(preference_destroy, cublasLtMatmulPreferenceDestroy, (void *preference))                                      \
    X(preference_set, cublasLtMatmulPreferenceSetAttribute,                                                         \
      (void *preference, int attribute, const void *value, size_t bytes))                                           \
    X(suggest, cublasLtMatmulAlgoGetHeuristic,                                                                      \
      (void *handle, void *desc, void *a, void *b, void *c, void *d, void *preference, int wanted,                  \
       struct suggestion *to, int *found))                                                                          \
    X(matmul, cublasLtMatmul,                                                                                       \
      (void *handle, void *desc, const void *alpha, const void *a, void *a_layout, const void *b, void *b_layout,   \
       const void *beta, const void *c, void *c_layout, void *d, void *d_layout, const struct algorithm *algorithm, \
       void *workspace, size_t bytes, gd_cu_stream stream))

struct cublaslt {
    gd_device *device;
    void *library, *handle, *desc, *preference;
    gd_cu_address workspace;
#define MEMBER(name, symbol, arguments) int(*name) arguments;
    FUNCTIONS(MEMBER)
#undef MEMBER
};

static bool find(void *library, void *function, const char *symbol)
{
    void *at = dlsym(library, symbol);

    memcpy(function, &at, sizeof at);
    return at != NULL;
}

static bool find_all(cublaslt *lt)
{
    bool found = true;

#define FIND(name, symbol, arguments) found = find(lt->library, &lt->name, #symbol) && found;
    FUNCTIONS(FIND)
#undef FIND
    return found;
}

static void *load(void)
{
    const char *path = getenv("GD_CUBLASLT");
    void *library = path && *path ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;

    if (!library)
        library = dlopen("libcublasLt.so.13", RTLD_NOW | RTLD_LOCAL);
    return library ? library : dlopen("libcublasLt.so.12", RTLD_NOW | RTLD_LOCAL);
}

static bool prepare(cublaslt *lt)
{
    const int32_t transposed = TRANSPOSED;
    const uint64_t bytes = WORKSPACE;
    gd_error err;

    return !lt->create(&lt->handle) && !lt->desc_create(&lt->desc, COMPUTE_F32, TYPE_F32) &&
           !lt->desc_set(lt->desc, FIRST_TRANSPOSED, &transposed, sizeof transposed) &&
           !lt->preference_create(&lt->preference) &&
           !lt->preference_set(lt->preference, WORKSPACE_BYTES, &bytes, sizeof bytes) &&
           !gd_cuda_alloc(lt->device, &lt->workspace, WORKSPACE, &err);
}

cublaslt *cublaslt_open(gd_device *device, const char **why)
{
    cublaslt *lt = gd_alloc_zero(1, sizeof *lt);

    *why = "not measured: there is no libcublasLt.so.13 or .12 here";
    if (!lt)
        return NULL;
    lt->device = device;
    lt->library = load();
    if (lt->library && find_all(lt)) {
        *why = "not measured: libcublasLt refuses to start";
        if (prepare(lt))
            return lt;
    }
    cublaslt_close(lt);
    return NULL;
}

void cublaslt_close(cublaslt *lt)
{
    if (!lt)
        return;
    if (lt->preference)
        (void)lt->preference_destroy(lt->preference);
    if (lt->desc)
        (void)lt->desc_destroy(lt->desc);
    if (lt->handle)
        (void)lt->destroy(lt->handle);
    gd_cuda_free(lt->device, lt->workspace);
    if (lt->library)
        (void)dlclose(lt->library);
    gd_free(lt);
}

/* A product with one of its algorithms. */
struct work {
    cublaslt *lt;
    const cublaslt_product *product;
    void *x, *w, *y; /* layouts */
    const struct algorithm *algorithm;
};

/* Its matrices are column by column: it computes y^T = w x^T. */
static bool multiply(void *context)
{
    static const float one = 1.0f, zero = 0.0f;
    const struct work *work = context;
    const cublaslt_product *p = work->product;
    cublaslt *lt = work->lt;
    void *y = (void *)(uintptr_t)p->y;

    return !lt->matmul(lt->handle, lt->desc, &one, (const void *)(uintptr_t)p->w, work->w,
                       (const void *)(uintptr_t)p->x, work->x, &zero, y, work->y, y, work->y, work->algorithm,
                       (void *)(uintptr_t)lt->workspace, WORKSPACE, lt->device->compute);
}

static double fastest(struct work *work, bool small, int *tried)
{
    cublaslt *lt = work->lt;
    struct suggestion suggestions[MOST_TRIED];
    const struct algorithm *chosen = NULL;
    double best = 0;

    memset(suggestions, 0, sizeof suggestions);
    if (lt->suggest(lt->handle, lt->desc, work->w, work->x, work->y, work->y, lt->preference, MOST_TRIED, suggestions,
                    tried))
        *tried = 0;
    for (int i = 0; i < *tried; i++) {
        double seconds;

        work->algorithm = &suggestions[i].algorithm;
        seconds = suggestions[i].status ? 0 : rate_seconds_roughly(lt->device, multiply, work, small);
        if (seconds > 0 && (!chosen || seconds < best)) {
            chosen = work->algorithm;
            best = seconds;
        }
    }
    work->algorithm = chosen;
    return chosen ? rate_seconds(lt->device, multiply, work, small) : 0;
}

double cublaslt_seconds(cublaslt *lt, const cublaslt_product *product, bool small, int *tried)
{
    struct work work = { .lt = lt, .product = product };
    const uint64_t m = product->m, n = product->n, k = product->k;
    double seconds = 0;

    *tried = 0;
    if (!lt->layout_create(&work.w, TYPE_BF16, k, n, (int64_t)k) &&
        !lt->layout_create(&work.x, TYPE_BF16, k, m, (int64_t)k) &&
        !lt->layout_create(&work.y, TYPE_BF16, n, m, (int64_t)n))
        seconds = fastest(&work, small, tried);
    if (work.w)
        (void)lt->layout_destroy(work.w);
    if (work.x)
        (void)lt->layout_destroy(work.x);
    if (work.y)
        (void)lt->layout_destroy(work.y);
    return seconds;
}
