/* sysmem.h - how much memory this process uses and may use. */
#ifndef GD_BASE_SYSMEM_H
#define GD_BASE_SYSMEM_H

#include <stddef.h>

/* Bytes of this process that are in memory now, including pages of mapped files; 0 if unknown. */
size_t gd_memory_resident(void);

/* Bytes that it may use beyond that without swapping: what is free on the machine, or less if a control group (a
 * container, a systemd slice) sets a limit. SIZE_MAX if unknown. */
size_t gd_memory_available(void);

#endif
