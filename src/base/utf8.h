/* utf8.h - reading UTF-8 that may be malformed. */
#ifndef GD_BASE_UTF8_H
#define GD_BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* Bytes of the well-formed character at p (1 to 4), or 0 if there is none: overlong forms, surrogates and
 * values above U+10FFFF are refused, as in RFC 3629. */
size_t gd_utf8_valid_len(const unsigned char *p, size_t left);

/* Decodes the well-formed character at p; *len becomes its number of bytes. Only for text that was checked. */
uint32_t gd_utf8_decode(const unsigned char *p, size_t *len);

/* Writes c at p (room for 4 bytes) and returns the number of bytes written. */
size_t gd_utf8_encode(uint32_t c, unsigned char *p);

/* The offset of the first byte that is not well-formed, or len. */
size_t gd_utf8_check(const void *text, size_t len);

#endif
