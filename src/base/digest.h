/* digest.h - a number that tells whether bytes are the same as before: fast, and not meant against an adversary. */
#ifndef GD_BASE_DIGEST_H
#define GD_BASE_DIGEST_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Continues a digest with another piece.  Where one piece ends and the next begins counts, too.  Every step is a
 * bijection of the state and of the word: two inputs that differ in one word never have the same digest. */
static inline uint64_t gd_digest(uint64_t digest, const void *data, size_t len)
{
    const unsigned char *p = data;

    digest ^= len;
    for (size_t left = len; left; p += left < 8 ? left : 8, left -= left < 8 ? left : 8) {
        uint64_t word = 0;

        memcpy(&word, p, left < 8 ? left : 8);
        digest = (digest ^ word) * 0x9e3779b97f4a7c15u;
        digest ^= digest >> 32;
    }
    return digest;
}

#endif
