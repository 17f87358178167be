/* fpenv.h - the floating-point environment of the contract: round to nearest even, denormals flushed to zero on
 * input and output. */
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
static inline void gd_fpenv_leave(uint64_t old) { _mm_setcsr((unsigned)old); }
#elif defined(__aarch64__)
static inline uint64_t gd_fpenv_enter(void)
{
    uint64_t old;

    __asm__ volatile("mrs %0, fpcr" : "=r"(old));
    __asm__ volatile("msr fpcr, %0" : : "r"((uint64_t)1 << 24)); /* FZ, nearest */
    return old;
}
static inline void gd_fpenv_leave(uint64_t old) { __asm__ volatile("msr fpcr, %0" : : "r"(old)); }
#else
#error "fpenv.h: how does this processor flush denormals to zero?"
#endif

#endif
