/* codec.h - the ways of packing a file, each of them told by its first bytes (in) or by the end of its name (out).
 *
 * A packed file is a row of members (gzip) or frames (zstd), here all called members: each is whole in itself, and
 * together they read as one text. */
#ifndef GD_DATA_CODEC_H
#define GD_DATA_CODEC_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes to read and room to write; what was used is taken off the front. */
typedef struct gd_codec_io {
    const unsigned char *in;
    size_t in_left;
    unsigned char *out;
    size_t out_left;
} gd_codec_io;

/* What unpacking came to. */
typedef enum gd_unpacked {
    GD_UNPACKED_INSIDE,  /* inside a member: more must come */
    GD_UNPACKED_BETWEEN, /* a member ended just now, or none has begun since: the file may end here */
    GD_UNPACKED_ALIEN,   /* what follows the last member begins no other one */
    GD_UNPACKED_DAMAGED,
    GD_UNPACKED_REFUSED, /* well-formed, but asks for too much */
    GD_UNPACKED_NO_MEMORY
} gd_unpacked;

typedef enum gd_packed {
    GD_PACKED_ALL,  /* the input was taken, and what came of it written */
    GD_PACKED_MORE, /* go on, with a fresh output buffer */
    GD_PACKED_NO_MEMORY
} gd_packed;

typedef struct gd_codec {
    const char *name;                                   /* in sentences */
    const char *suffix;                                 /* of a path to write to */
    bool (*begins)(const unsigned char *p, size_t len); /* whether a file with these first bytes is of its kind */

    /* NULL without memory. */
    void *(*unpack_open)(void);
    /* Takes what it can, at most to the end of a member; *fault says what is wrong when something is. */
    gd_unpacked (*unpack)(void *state, gd_codec_io *io, const char **fault);
    void (*unpack_close)(void *state);

    void *(*pack_open)(void);
    /* Takes the input; with `end`, ends the member as well, and the next byte begins another one.  The same bytes
     * in the same portions give the same member, whatever was packed before. */
    gd_packed (*pack)(void *state, gd_codec_io *io, bool end);
    void (*pack_close)(void *state);
} gd_codec;

extern const gd_codec gd_codec_gzip, gd_codec_zstd;

/* By a file's first bytes (all of it, if it has fewer than 4), or by the end of a path; NULL: it isn't packed. */
const gd_codec *gd_codec_by_magic(const unsigned char *p, size_t len);
const gd_codec *gd_codec_by_suffix(const char *path);

#endif
