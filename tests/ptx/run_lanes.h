/* run_lanes.h - the operations of ptx_ops.def, each a loop over 32 lanes. */
#include "quant-free/bf16.h"

#include <string.h>

#if defined(__clang__)
#define EACH_LANE _Pragma("clang loop vectorize(assume_safety)") for (unsigned l = 0; l < PTX_LANES; l++)
#else
#define EACH_LANE _Pragma("GCC ivdep") for (unsigned l = 0; l < PTX_LANES; l++)
#endif

#define INLINE static inline __attribute__((always_inline))

enum { CANONICAL_NAN = 0x7FFFFFFF };

INLINE float float_of(uint32_t bits)
{
    float f;

    memcpy(&f, &bits, sizeof f);
    return f;
}

INLINE uint32_t bits_of(float f)
{
    uint32_t bits;

    memcpy(&bits, &f, sizeof bits);
    return bits;
}

INLINE double double_of(uint64_t bits)
{
    double f;

    memcpy(&f, &bits, sizeof f);
    return f;
}

INLINE uint64_t bits_of_double(double f)
{
    uint64_t bits;

    memcpy(&bits, &f, sizeof bits);
    return bits;
}

INLINE uint32_t flushed(uint32_t bits) { return bits & 0x7F800000u ? bits : bits & 0x80000000u; }

/* ---- how each type lies in a row ---- */
#define ROW_u16 uint32_t
#define ROW_s16 uint32_t
#define ROW_u32 uint32_t
#define ROW_s32 uint32_t
#define ROW_f32 uint32_t
#define ROW_z32 uint32_t
#define ROW_u64 uint64_t
#define ROW_s64 uint64_t
#define ROW_f64 uint64_t
#define C_u16 uint16_t
#define C_s16 int16_t
#define C_u32 uint32_t
#define C_s32 int32_t
#define C_f32 float
#define C_z32 float
#define C_u64 uint64_t
#define C_s64 int64_t
#define C_f64 double
#define GET_u16(x) (uint16_t)(x)
#define GET_s16(x) (int16_t)(x)
#define GET_u32(x) (x)
#define GET_s32(x) (int32_t)(x)
#define GET_f32(x) float_of(x)
#define GET_z32(x) float_of(flushed(x))
#define GET_u64(x) (x)
#define GET_s64(x) (int64_t)(x)
#define GET_f64(x) double_of(x)
#define PUT_u16(v) (uint16_t)(v)
#define PUT_s16(v) (uint16_t)(v)
#define PUT_u32(v) (uint32_t)(v)
#define PUT_s32(v) (uint32_t)(v)
#define PUT_f32(v) canonical(v)
#define PUT_z32(v) canonical(v)
#define PUT_u64(v) (uint64_t)(v)
#define PUT_s64(v) (uint64_t)(v)
#define PUT_f64(v) bits_of_double(v)

INLINE uint32_t canonical(float f) { return f != f ? CANONICAL_NAN : bits_of(f); }

/* ---- what the values of ptx_ops.def call ---- */
INLINE float lesser(float a, float b)
{
    if (a != a || b != b)
        return a != a ? b : a;
    if (a == b)
        return float_of(bits_of(a) | bits_of(b)); /* -0 is below +0 */
    return a < b ? a : b;
}

INLINE float greater(float a, float b)
{
    if (a != a || b != b)
        return a != a ? b : a;
    if (a == b)
        return float_of(bits_of(a) & bits_of(b));
    return a > b ? a : b;
}

INLINE int32_t to_s32(float f)
{
    if (f != f)
        return 0;
    return f >= 0x1p31f ? INT32_MAX : f <= -0x1p31f ? INT32_MIN : (int32_t)f;
}

INLINE uint32_t to_u32(float f)
{
    if (!(f > 0))
        return 0;
    return f >= 0x1p32f ? UINT32_MAX : (uint32_t)f;
}

INLINE uint16_t half_of(float f) { return f != f ? 0x7FFF : gd_f16_from_f32(f); }
INLINE uint16_t bf16_of(float f) { return f != f ? 0x7FFF : gd_bf16_from_f32(f); }

INLINE uint32_t highest(uint32_t a) { return a ? 31 - (uint32_t)__builtin_clz(a) : UINT32_MAX; }

INLINE uint32_t reversed(uint32_t a)
{
    a = (a >> 1 & 0x55555555u) | (a & 0x55555555u) << 1;
    a = (a >> 2 & 0x33333333u) | (a & 0x33333333u) << 2;
    a = (a >> 4 & 0x0F0F0F0Fu) | (a & 0x0F0F0F0Fu) << 4;
    return __builtin_bswap32(a);
}

/* Bits from `position` on; those past bit 31 are zero, or the sign. */
INLINE uint32_t field_of(uint32_t a, uint32_t position, uint32_t length, bool is_signed)
{
    const uint64_t wide = is_signed && a >> 31 ? a | 0xFFFFFFFF00000000ull : a;
    const uint32_t top = position + length - 1 < 31 ? position + length - 1 : 31;
    const uint32_t fill = is_signed && length && a >> top & 1 ? UINT32_MAX : 0;
    uint32_t field = position < 32 ? (uint32_t)(wide >> position) : fill;

    if (length == 0)
        return 0;
    if (length >= 32)
        return position < 32 ? (uint32_t)(wide >> position) : fill;
    field &= (1u << length) - 1;
    return field | (fill & ~((1u << length) - 1));
}

INLINE uint64_t wide_field_of(uint64_t a, uint32_t position, uint32_t length)
{
    a = position < 64 ? a >> position : 0;
    return length < 64 ? a & ((1ull << length) - 1) : a;
}

INLINE uint32_t inserted(uint32_t field, uint32_t into, uint32_t position, uint32_t length)
{
    const uint64_t ones = (length < 32 ? 1ull << length : 1ull << 32) - 1;
    const uint32_t mask = position < 32 ? (uint32_t)(ones << position) : 0;

    return (into & ~mask) | (position < 32 ? field << position & mask : 0);
}

INLINE uint64_t wide_inserted(uint64_t field, uint64_t into, uint32_t position, uint32_t length)
{
    const uint64_t ones = length < 64 ? (1ull << length) - 1 : UINT64_MAX;
    const uint64_t mask = position < 64 ? ones << position : 0;

    return (into & ~mask) | (position < 64 ? field << position & mask : 0);
}

/* Four bytes, each chosen from the eight of b and a. */
INLINE uint32_t permuted(uint32_t a, uint32_t b, uint32_t choice)
{
    const uint64_t bytes = (uint64_t)b << 32 | a;
    uint32_t out = 0;

    for (unsigned i = 0; i < 4; i++) {
        const uint32_t c = choice >> 4 * i & 15;
        const uint32_t byte = (uint32_t)(bytes >> 8 * (c & 7)) & 0xFF;

        out |= (c & 8 ? (byte >> 7) * 0xFFu : byte) << 8 * i;
    }
    return out;
}

INLINE uint64_t high_product(uint64_t a, uint64_t b)
{
    const uint64_t al = (uint32_t)a, ah = a >> 32, bl = (uint32_t)b, bh = b >> 32;
    const uint64_t mid = ah * bl + (al * bl >> 32), low = al * bh + (uint32_t)mid;

    return ah * bh + (mid >> 32) + (low >> 32);
}

/* ---- rows ---- */
INLINE uint32_t *row32(ptx_warp *w, uint32_t row) { return (uint32_t *)(void *)(w->file + row); }
INLINE uint64_t *row64(ptx_warp *w, uint32_t row) { return (uint64_t *)(void *)(w->file + row); }

#define ROW(T, row) ((ROW_##T *)(void *)(w->file + (row)))

/* All lanes at once, or those of `lanes` alone. */
#define RUN(D, load, value)            \
    if (lanes == PTX_ALL) {            \
        EACH_LANE                      \
        {                              \
            load;                      \
            d[l] = PUT_##D(value);     \
        }                              \
    } else {                           \
        EACH_LANE                      \
        {                              \
            load;                      \
            if (lanes >> l & 1)        \
                d[l] = PUT_##D(value); \
        }                              \
    }                                  \
    return PTX_NEXT;

#define OP1(name, text, D, A, value)                                          \
    static ptx_step run_##name(ptx_warp *w, const ptx_op *op, uint32_t lanes) \
    {                                                                         \
        const ROW_##A *ra = ROW(A, op->a);                                    \
        ROW_##D *d = ROW(D, op->d);                                           \
                                                                              \
        RUN(D, const C_##A a = GET_##A(ra[l]), value)                         \
    }
#define OP2(name, text, D, A, B, value)                                               \
    static ptx_step run_##name(ptx_warp *w, const ptx_op *op, uint32_t lanes)         \
    {                                                                                 \
        const ROW_##A *ra = ROW(A, op->a);                                            \
        const ROW_##B *rb = ROW(B, op->b);                                            \
        ROW_##D *d = ROW(D, op->d);                                                   \
                                                                                      \
        RUN(D, const C_##A a = GET_##A(ra[l]); const C_##B b = GET_##B(rb[l]), value) \
    }
#define OP3(name, text, D, A, B, C, value)                                                                            \
    static ptx_step run_##name(ptx_warp *w, const ptx_op *op, uint32_t lanes)                                         \
    {                                                                                                                 \
        const ROW_##A *ra = ROW(A, op->a);                                                                            \
        const ROW_##B *rb = ROW(B, op->b);                                                                            \
        const ROW_##C *rc = ROW(C, op->c);                                                                            \
        ROW_##D *d = ROW(D, op->d);                                                                                   \
                                                                                                                      \
        RUN(D, const C_##A a = GET_##A(ra[l]); const C_##B b = GET_##B(rb[l]); const C_##C c = GET_##C(rc[l]), value) \
    }

INLINE void set_predicate(ptx_warp *w, uint32_t p, uint32_t value, uint32_t lanes)
{
    w->predicate[p] = (w->predicate[p] & ~lanes) | (value & lanes);
}

static ptx_step compared(ptx_warp *w, const ptx_op *op, uint32_t lanes, uint32_t truth)
{
    const ptx_compare *more = op->more;

    if (more) {
        const uint32_t other = w->predicate[more->other] ^ more->flip, no = ~truth;

        truth = more->join == PTX_AND   ? truth & other
                : more->join == PTX_OR  ? truth | other
                : more->join == PTX_XOR ? truth ^ other
                                        : truth;
        set_predicate(w, more->q,
                      more->join == PTX_AND   ? no & other
                      : more->join == PTX_OR  ? no | other
                      : more->join == PTX_XOR ? no ^ other
                                              : no,
                      lanes);
    }
    set_predicate(w, op->d, truth, lanes);
    return PTX_NEXT;
}

#define CMP(name, text, A, value)                                             \
    static ptx_step run_##name(ptx_warp *w, const ptx_op *op, uint32_t lanes) \
    {                                                                         \
        const ROW_##A *ra = ROW(A, op->a), *rb = ROW(A, op->b);               \
        uint32_t truth = 0;                                                   \
                                                                              \
        for (unsigned l = 0; l < PTX_LANES; l++) {                            \
            const C_##A a = GET_##A(ra[l]), b = GET_##A(rb[l]);               \
                                                                              \
            truth |= (uint32_t)(value) << l;                                  \
        }                                                                     \
        return compared(w, op, lanes, truth);                                 \
    }
#define SPECIAL(name)
#include "tests/ptx/ptx_ops.def"
#undef OP1
#undef OP2
#undef OP3
#undef CMP
#undef SPECIAL
