/* fpenv.h - the floating-point environment of the contract: round to nearest even, denormals flushed to zero on
 * input and output. gd_fpenv_whole() is that of IEEE 754, with denormals, for computing weights rather than scores.
 * Both return what gd_fpenv_leave() restores. */
#ifndef GD_BASE_FPENV_H
#define GD_BASE_FPENV_H

#include <stdint.h>

#if defined(__SSE2__)
#include <immintrin.h>
static inline uint64_t gd_fpenv_enter(void)
{
    const unsigned old = _mm_getcsr();

    _mm_setcsr(0x1F80u | 0x8000u | 0x0040u); /* all exceptions masked, FTZ, DAZ, nearest */
    return old;
}
static inline uint64_t gd_fpenv_whole(void)
{
    const unsigned old = _mm_getcsr();

    _mm_setcsr(0x1F80u);
    return old;
}
static inline void gd_fpenv_leave(uint64_t old) { _mm_setcsr((unsigned)old); }
#elif defined(__aarch64__)
static inline uint64_t gd_fpenv_enter(void)
{
    uint64_t old;

    __asm__ volatile("mrs %0, fpcr" : "=r"(old));
    __asm__ volatile("msr fpcr, %0" : : "r"((uint64_t)1 << 24)); /* FZ, nearest */
    return old;
}
static inline uint64_t gd_fpenv_whole(void)
{
    uint64_t old;

    __asm__ volatile("mrs %0, fpcr" : "=r"(old));
    __asm__ volatile("msr fpcr, %0" : : "r"((uint64_t)0));
    return old;
}
static inline void gd_fpenv_leave(uint64_t old) { __asm__ volatile("msr fpcr, %0" : : "r"(old)); }
#else
/* A processor without such a mode (RISC-V, say) keeps denormals. Plain C still runs there, and gives the same bits as
 * long as no number in a sum is below 2^-126. */
#include <fenv.h>
static inline uint64_t gd_fpenv_enter(void)
{
    const int old = fegetround();

    fesetround(FE_TONEAREST);
    return (uint64_t)old;
}
static inline uint64_t gd_fpenv_whole(void) { return gd_fpenv_enter(); }
static inline void gd_fpenv_leave(uint64_t old) { fesetround((int)old); }
#endif

#endif
