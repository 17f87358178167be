/* error.h - failing with an error message. */
#ifndef GD_BASE_ERROR_H
#define GD_BASE_ERROR_H

#include "guerdon.h"

/* Records the first failure in *err (NULL is fine) and returns `status`, so that a caller can write
 * `return gd_fail(err, GD_EFORMAT, "%s: ...", path)`.  A second call does not overwrite the first: the line that
 * finds a fault knows most about it.  Control characters and malformed UTF-8 in the message are replaced, since
 * the names in it may come from hostile files. */
gd_status gd_fail(gd_error *err, gd_status status, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Replaces these in a sentence that is made elsewhere, such as half a character where it was cut. */
void gd_printable(char *text);

/* The message for a failed allocation. */
gd_status gd_fail_memory(gd_error *err, size_t bytes);

#endif
