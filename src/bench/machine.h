/* machine.h - what the figures were measured on. */
#ifndef GD_BENCH_MACHINE_H
#define GD_BENCH_MACHINE_H

#include "base/result.h"

/* {"cpu","flags",...}: as far as the system tells. */
void gd_machine_put(gd_result *out, json_t *into);

/* Bytes of the largest cache that a core reaches; 32 MiB when nobody knows. */
size_t gd_machine_cache(void);

/* Bytes of this process in memory, mapped files included: the most since gd_machine_peak_reset(), or since its start
 * where the system can't set it back (then that returns false); 0: not known. */
bool gd_machine_peak_reset(void);
size_t gd_machine_peak(void);

#endif
