/* tensor_range.h - the exponents with which the fast products of tensor cores work (tensor_impl.h). */
#ifndef GD_CPU_TENSOR_RANGE_H
#define GD_CPU_TENSOR_RANGE_H

enum {
    NONE = -2048, /* the exponent of zero: sums of two stay below NONE / 2, and in 16 bits */
    LEAST = -75   /* of tops, for which 2^(bits - top) * x does not overflow */
};

#endif
