/* sha256.h - the SHA-256 of a text (FIPS 180-4): to recognise a published text without including it. */
#ifndef GD_BASE_SHA256_H
#define GD_BASE_SHA256_H

#include <stddef.h>

#define GD_SHA256_DIGITS 64

/* 64 lower-case hexadecimal digits and a NUL, as `sha256sum` prints them. */
void gd_sha256(const void *data, size_t len, char hex[GD_SHA256_DIGITS + 1]);

#endif
