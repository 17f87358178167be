/* write.h - writes all of it: a call of the system may write only a part, or be interrupted. */
#ifndef GD_BASE_WRITE_H
#define GD_BASE_WRITE_H

#include <stddef.h>

/* Returns 0, or the errno of the call that failed; ENOSPC for one that wrote nothing. */
int gd_write_all(int fd, const void *data, size_t len);

#endif
