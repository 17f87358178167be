/* machine.h - a description of the machine. */
#ifndef GD_BENCH_MACHINE_H
#define GD_BENCH_MACHINE_H

#include "base/result.h"

/* {"cpu","flags",...}: as far as the system reports it. */
void gd_machine_put(gd_result *out, json_t *into);

/* Bytes of the largest cache that a core can use; 32 MiB if unknown. */
size_t gd_machine_cache(void);

/* The most memory of this process, in bytes, mapped files included, since gd_machine_peak_reset(), or since its start
 * if the system cannot reset it (that function then returns false); 0: unknown. */
bool gd_machine_peak_reset(void);
size_t gd_machine_peak(void);

#endif
