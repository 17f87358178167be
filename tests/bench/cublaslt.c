/* cublaslt.c - a stand-in for NVIDIA's cuBLASLt, for bench_gpu: it computes nothing, but refuses whatever isn't a
 * product of bf16 matrices of 64 or 96 columns, line by line. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#define EXPORT __attribute__((visibility("default")))

enum { OK = 0, INVALID = 7, UNSUPPORTED = 15, SUGGESTED = 3 };

struct layout {
    int type;
    uint64_t rows, cols;
    int64_t stride;
};
struct suggestion {
    uint64_t data[8];
    size_t workspace;
    int status;
    float waves;
    int reserved[4];
};

static int transposed, limited;
static char object;

/* A function of the library, under its own name. */
#define LIBRARY(symbol, parameters, ...) \
    EXPORT int symbol parameters;        \
    int symbol parameters { __VA_ARGS__ }

LIBRARY(cublasLtCreate, (void **handle), {
    *handle = &object;
    return OK;
})

LIBRARY(cublasLtDestroy, (void *handle), { return handle == &object ? OK : INVALID; })

LIBRARY(cublasLtMatmulDescCreate, (void **desc, int compute, int scale), {
    *desc = &transposed;
    return compute == 68 && scale == 0 ? OK : INVALID; /* CUBLAS_COMPUTE_32F, CUDA_R_32F */
})

LIBRARY(cublasLtMatmulDescDestroy, (void *desc), { return desc == &transposed ? OK : INVALID; })

LIBRARY(cublasLtMatmulDescSetAttribute, (void *desc, int attribute, const void *value, size_t bytes), {
    transposed = attribute == 3 && bytes == 4 && *(const int32_t *)value == 1; /* the first operand */
    return desc == &transposed && transposed ? OK : INVALID;
})

LIBRARY(cublasLtMatrixLayoutCreate, (void **out, int type, uint64_t rows, uint64_t cols, int64_t stride), {
    struct layout *made = malloc(sizeof *made);

    *out = made;
    if (!made || type != 14 || stride != (int64_t)rows) /* CUDA_R_16BF */
        return INVALID;
    *made = (struct layout){ type, rows, cols, stride };
    return OK;
})

LIBRARY(cublasLtMatrixLayoutDestroy, (void *of), {
    free(of);
    return OK;
})

LIBRARY(cublasLtMatmulPreferenceCreate, (void **preference), {
    *preference = &limited;
    return OK;
})

LIBRARY(cublasLtMatmulPreferenceDestroy, (void *preference), { return preference == &limited ? OK : INVALID; })

LIBRARY(cublasLtMatmulPreferenceSetAttribute, (void *preference, int attribute, const void *value, size_t bytes), {
    limited = attribute == 1 && bytes == 8 && *(const uint64_t *)value > 0;
    return preference == &limited && limited ? OK : INVALID;
})

/* y^T [n, m] = w^T [k, n]^T x^T [k, m] */
static int fits(const struct layout *w, const struct layout *x, const struct layout *y)
{
    return w->rows == x->rows && (w->rows == 64 || w->rows == 96) && y->rows == w->cols && y->cols == x->cols;
}

LIBRARY(cublasLtMatmulAlgoGetHeuristic,
        (void *handle, void *desc, void *a, void *b, void *c, void *d, void *preference, int wanted,
         struct suggestion *to, int *found),
        {
            if (handle != &object || desc != &transposed || preference != &limited || c != d || wanted < SUGGESTED ||
                !fits(a, b, d))
                return INVALID;
            for (int i = 0; i < SUGGESTED; i++)
                to[i] = (struct suggestion){ .data = { (uint64_t)i }, .status = i == 0 ? UNSUPPORTED : OK };
            *found = SUGGESTED;
            return OK;
        })

/* The second of those suggested works. */
LIBRARY(cublasLtMatmul,
        (void *handle, void *desc, const void *alpha, const void *a, void *a_layout, const void *b, void *b_layout,
         const void *beta, const void *c, void *c_layout, void *d, void *d_layout, const struct suggestion *algorithm,
         void *workspace, size_t bytes, void *stream),
        {
            const int given = handle == &object && desc == &transposed && a && b && c == d && d &&
                              c_layout == d_layout && workspace && bytes && stream && *(const float *)alpha == 1.0f &&
                              *(const float *)beta == 0.0f;

            return given && fits(a_layout, b_layout, d_layout) && algorithm->data[0] == 1 ? OK : UNSUPPORTED;
        })
