/* codec.c - finds the compression format of a file. */
#include "data/codec.h"

#include <string.h>

static const gd_codec *const all[] = { &gd_codec_gzip, &gd_codec_zstd };

const gd_codec *gd_codec_by_magic(const unsigned char *p, size_t len)
{
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (all[i]->begins(p, len))
            return all[i];
    return NULL;
}

const gd_codec *gd_codec_by_suffix(const char *path)
{
    const size_t len = strlen(path);

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        const size_t n = strlen(all[i]->suffix);

        if (len >= n && strcmp(path + len - n, all[i]->suffix) == 0)
            return all[i];
    }
    return NULL;
}
