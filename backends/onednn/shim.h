/* shim.h - where oneDNN 2 and oneDNN 3 differ in C: memory descriptors, and how a matmul is described. */
#ifndef GD_ONEDNN_SHIM_H
#define GD_ONEDNN_SHIM_H

#include <oneapi/dnnl/dnnl.h>

#include <stdbool.h>
#include <stddef.h>

/* A descriptor that we made, and one that belongs to another object. */
typedef dnnl_memory_desc_t gd_dnnl_md;
#if GD_ONEDNN_API >= 3
typedef const_dnnl_memory_desc_t gd_dnnl_md_ref;
static inline gd_dnnl_md_ref gd_dnnl_ref(const gd_dnnl_md *md) { return *md; }
static inline void gd_dnnl_drop(gd_dnnl_md *md) { dnnl_memory_desc_destroy(*md); }
#else
typedef const dnnl_memory_desc_t *gd_dnnl_md_ref;
static inline gd_dnnl_md_ref gd_dnnl_ref(const gd_dnnl_md *md) { return md; }
static inline void gd_dnnl_drop(gd_dnnl_md *md) { (void)md; }
#endif

/* A matrix in a layout that oneDNN chooses. */
static inline bool gd_dnnl_any(gd_dnnl_md *md, size_t rows, size_t cols, dnnl_data_type_t type)
{
    const dnnl_dims_t dims = { (dnnl_dim_t)rows, (dnnl_dim_t)cols };

#if GD_ONEDNN_API >= 3
    return dnnl_memory_desc_create_with_tag(md, 2, dims, type, dnnl_format_tag_any) == dnnl_success;
#else
    return dnnl_memory_desc_init_by_tag(md, 2, dims, type, dnnl_format_tag_any) == dnnl_success;
#endif
}

/* A matrix with these distances between neighbours. */
static inline bool gd_dnnl_strided(gd_dnnl_md *md, size_t rows, size_t cols, dnnl_data_type_t type, size_t row_stride,
                                   size_t col_stride)
{
    const dnnl_dims_t dims = { (dnnl_dim_t)rows, (dnnl_dim_t)cols };
    const dnnl_dims_t strides = { (dnnl_dim_t)row_stride, (dnnl_dim_t)col_stride };

#if GD_ONEDNN_API >= 3
    return dnnl_memory_desc_create_with_strides(md, 2, dims, type, strides) == dnnl_success;
#else
    return dnnl_memory_desc_init_by_strides(md, 2, dims, type, strides) == dnnl_success;
#endif
}

/* dst = src . weights */
static inline bool gd_dnnl_matmul(dnnl_primitive_desc_t *pd, dnnl_engine_t engine, const gd_dnnl_md *src,
                                  const gd_dnnl_md *weights, const gd_dnnl_md *dst, const_dnnl_primitive_attr_t attr)
{
#if GD_ONEDNN_API >= 3
    return dnnl_matmul_primitive_desc_create(pd, engine, *src, *weights, NULL, *dst, attr) == dnnl_success;
#else
    dnnl_matmul_desc_t desc;

    return dnnl_matmul_desc_init(&desc, src, weights, NULL, dst) == dnnl_success &&
           dnnl_primitive_desc_create(pd, &desc, attr, engine, NULL) == dnnl_success;
#endif
}

#endif
