/* unpack.h - reads a compressed output that may have been cut off anywhere. */
#ifndef GD_TESTS_FAULTS_UNPACK_H
#define GD_TESTS_FAULTS_UNPACK_H

#include <stdbool.h>
#include <stddef.h>

bool fault_is_packed(const char *name);

/* The bytes as far as they can be unpacked, which are those of the members one after another; freed by the caller. */
char *fault_unpack(const char *name, const char *bytes, size_t len, size_t *unpacked);

#endif
