/* transpose.h - eight registers of eight floats, transposed. For the lanes of AVX2 and AVX-512. */
#ifndef GD_CPU_TRANSPOSE_H
#define GD_CPU_TRANSPOSE_H

#include <immintrin.h>
#include <stddef.h>

/* out[i * stride + j] = rows[j][i]: pairs of rows are interleaved, then pairs of pairs, then halves. */
static inline void transpose_store(const __m256 rows[8], float *out, size_t stride)
{
    __m256 two[8], four[8];

    for (size_t i = 0; i < 8; i += 2) {
        two[i] = _mm256_unpacklo_ps(rows[i], rows[i + 1]);
        two[i + 1] = _mm256_unpackhi_ps(rows[i], rows[i + 1]);
    }
    for (size_t i = 0; i < 8; i += 4) {
        four[i] = _mm256_shuffle_ps(two[i], two[i + 2], 0x44);
        four[i + 1] = _mm256_shuffle_ps(two[i], two[i + 2], 0xEE);
        four[i + 2] = _mm256_shuffle_ps(two[i + 1], two[i + 3], 0x44);
        four[i + 3] = _mm256_shuffle_ps(two[i + 1], two[i + 3], 0xEE);
    }
    for (size_t i = 0; i < 4; i++) {
        _mm256_storeu_ps(out + i * stride, _mm256_permute2f128_ps(four[i], four[i + 4], 0x20));
        _mm256_storeu_ps(out + (i + 4) * stride, _mm256_permute2f128_ps(four[i], four[i + 4], 0x31));
    }
}

#endif
