/* codec.h - compression formats, recognised by a file's first bytes (input) or by the end of its name (output).
 *
 * A packed, that is compressed, file is a sequence of members (gzip) or frames (zstd), here all called members: each is
 * complete in itself, and together they unpack to one text. */
#ifndef GD_DATA_CODEC_H
#define GD_DATA_CODEC_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes to read and room to write; a codec advances both past what it used. */
typedef struct gd_codec_io {
    const unsigned char *in;
    size_t in_left;
    unsigned char *out;
    size_t out_left;
} gd_codec_io;

/* The result of unpacking. */
typedef enum gd_unpacked {
    GD_UNPACKED_INSIDE,  /* inside a member: more input is needed */
    GD_UNPACKED_BETWEEN, /* between members: the file may end here */
    GD_UNPACKED_ALIEN,   /* the bytes after the last member are not another one */
    GD_UNPACKED_DAMAGED,
    GD_UNPACKED_REFUSED, /* well-formed, but needs too much memory, or a dictionary */
    GD_UNPACKED_NO_MEMORY
} gd_unpacked;

typedef enum gd_packed {
    GD_PACKED_ALL,  /* all of the input was taken, and all output so far written */
    GD_PACKED_MORE, /* call again, with a fresh output buffer */
    GD_PACKED_NO_MEMORY
} gd_packed;

typedef struct gd_codec {
    const char *name;                                   /* in messages */
    const char *suffix;                                 /* of a path to write to */
    bool (*begins)(const unsigned char *p, size_t len); /* whether a file may begin with these bytes */

    /* NULL if out of memory. */
    void *(*unpack_open)(void);
    /* Takes what it can, at most to the end of a member; *fault describes the fault, if any. */
    gd_unpacked (*unpack)(void *state, gd_codec_io *io, const char **fault);
    void (*unpack_close)(void *state);

    void *(*pack_open)(void);
    /* Takes the input; with `end`, also ends the member, so that the next byte begins another one.  The same bytes
     * in the same portions always give the same member, whatever was packed before. */
    gd_packed (*pack)(void *state, gd_codec_io *io, bool end);
    void (*pack_close)(void *state);
} gd_codec;

extern const gd_codec gd_codec_gzip, gd_codec_zstd;

/* Finds the codec by a file's first bytes (all of it, if it has fewer than 4), or by the end of a path; NULL: none. */
const gd_codec *gd_codec_by_magic(const unsigned char *p, size_t len);
const gd_codec *gd_codec_by_suffix(const char *path);

#endif
