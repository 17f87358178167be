/* sysmem.h - how much memory this process has and may have. */
#ifndef GD_BASE_SYSMEM_H
#define GD_BASE_SYSMEM_H

#include <stddef.h>

/* Bytes of this process that are in memory now, pages of mapped files among them; 0 when the system doesn't say. */
size_t gd_memory_resident(void);

/* Bytes that it may take beyond that without swapping: what the machine has free, or less where a control group (a
 * container, a systemd slice) sets a limit. SIZE_MAX when the system doesn't say. */
size_t gd_memory_available(void);

#endif
