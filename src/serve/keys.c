/* keys.c - the keys that clients may send. */
#include "serve/keys.h"

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/sha256.h"

#include <string.h>

enum { FILE_LIMIT = 64 << 10, LEAST = 8, MOST = 4096 };

/* A key without its digest would be compared in a time that depends on how far it is right. */
static void digest_of(unsigned char digest[SV_DIGEST], const char *key, size_t len)
{
    char hex[GD_SHA256_DIGITS + 1];

    gd_sha256(key, len, hex);
    memcpy(digest, hex, SV_DIGEST); /* half of the digits: 128 bits */
}

static bool is_printable(const char *key, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (key[i] <= ' ' || key[i] > '~')
            return false;
    return true;
}

static gd_status add_key(sv_keys *keys, const char *key, size_t len, const char *path, size_t line, gd_error *err)
{
    if (len < LEAST || len > MOST || !is_printable(key, len))
        return gd_fail(err, GD_EFORMAT, "%s:%zu: a key of %d to %d printable characters without blanks is expected",
                       path, line, LEAST, MOST);
    if (keys->count == SV_KEYS_MAX)
        return gd_fail(err, GD_EFORMAT, "%s:%zu: at most %d keys are accepted", path, line, SV_KEYS_MAX);
    digest_of(keys->digest[keys->count++], key, len);
    return GD_OK;
}

gd_status sv_keys_read(sv_keys *keys, const char *path, gd_error *err)
{
    char *data;
    size_t len, line = 1;
    gd_status rc = gd_file_read(&data, &len, path, FILE_LIMIT, err);

    if (rc)
        return rc;
    for (char *at = data; !rc && at < data + len; line++) {
        char *end = memchr(at, '\n', (size_t)(data + len - at));
        size_t key;

        if (!end)
            end = data + len;
        key = (size_t)(end - at) - (end > at && end[-1] == '\r');
        if (key && *at != '#')
            rc = add_key(keys, at, key, path, line, err);
        at = end + 1;
    }
    if (!rc && !keys->count)
        rc = gd_fail(err, GD_EFORMAT, "%s: the file has no key", path);
    explicit_bzero(data, len);
    gd_free(data);
    return rc;
}

bool sv_keys_allow(const sv_keys *keys, const char *authorization)
{
    static const char bearer[] = "Bearer ";
    unsigned char digest[SV_DIGEST];
    unsigned found = 0;

    if (!keys->count)
        return true;
    if (!authorization || strncasecmp(authorization, bearer, sizeof bearer - 1) != 0)
        return false;
    authorization += sizeof bearer - 1;
    digest_of(digest, authorization, strlen(authorization));
    for (size_t k = 0; k < keys->count; k++) {
        unsigned differ = 0;

        for (size_t i = 0; i < SV_DIGEST; i++)
            differ |= (unsigned)(digest[i] ^ keys->digest[k][i]);
        found |= differ == 0;
    }
    return found != 0;
}
