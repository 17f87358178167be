/* error.h - failing with a sentence. */
#ifndef GD_BASE_ERROR_H
#define GD_BASE_ERROR_H

#include "guerdon.h"

/* Records the first failure in *err (NULL is fine) and returns `status`, so that a caller can write
 * `return gd_fail(err, GD_EFORMAT, "%s: ...", path)`.  A second call does not write over the first: the line
 * that finds a fault knows most about it.  Control characters and broken UTF-8 in the sentence are replaced,
 * since names in it come from hostile files. */
gd_status gd_fail(gd_error *err, gd_status status, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The one sentence for a failed allocation. */
gd_status gd_fail_memory(gd_error *err, size_t bytes);

#endif
