/* keys.h - the keys that clients may send. */
#ifndef GD_SERVE_KEYS_H
#define GD_SERVE_KEYS_H

#include "guerdon.h"

#include <stdbool.h>

enum { SV_KEYS_MAX = 64, SV_DIGEST = 32 };

/* Only their digests are kept. All zero: none is asked for. */
typedef struct sv_keys {
    size_t count;
    unsigned char digest[SV_KEYS_MAX][SV_DIGEST];
} sv_keys;

/* Reads a file with a key on each line: at least 8 printable characters; empty lines and those that begin with # are
 * passed over. */
gd_status sv_keys_read(sv_keys *keys, const char *path, gd_error *err);

/* Whether the value of a header Authorization, which may be NULL, is "Bearer" and one of the keys.  The time that it
 * takes says nothing of the keys. */
bool sv_keys_allow(const sv_keys *keys, const char *authorization);

#endif
