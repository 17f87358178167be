/* proto.h - reads the fields of a message of Protocol Buffers, in which a tokenizer.model is written. */
#ifndef GD_TEXT_PROTO_H
#define GD_TEXT_PROTO_H

#include "guerdon.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A message, and how far it is read. */
typedef struct gd_proto {
    const unsigned char *data; /* of the whole file, so that errors give positions in it */
    size_t at, end;
    const char *path;
} gd_proto;

typedef enum gd_wire { GD_WIRE_NUMBER = 0, GD_WIRE_8 = 1, GD_WIRE_BYTES = 2, GD_WIRE_4 = 5 } gd_wire;

typedef struct gd_proto_field {
    uint64_t number;
    gd_wire wire;
    uint64_t value; /* of a GD_WIRE_NUMBER */
    size_t at, len; /* of GD_WIRE_BYTES */
} gd_proto_field;

/* The next field; *more is false at the end of the message. */
gd_status gd_proto_next(gd_proto *message, gd_proto_field *field, bool *more, gd_error *err);

#endif
