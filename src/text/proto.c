/* proto.c - reads the fields of a message of Protocol Buffers. */
#include "text/proto.h"

#include "base/error.h"

static gd_status fail_at(const gd_proto *message, size_t at, const char *why, gd_error *err)
{
    return gd_fail(err, GD_EFORMAT, "%s: not a model of SentencePiece: at byte %zu, %s", message->path, at, why);
}

/* Seven bits a byte, the lowest first. */
static gd_status read_number(gd_proto *message, uint64_t *value, gd_error *err)
{
    const size_t start = message->at;

    *value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        unsigned char byte;

        if (message->at == message->end)
            return fail_at(message, start, "a number is cut", err);
        byte = message->data[message->at++];
        *value |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80)
            return GD_OK;
    }
    return fail_at(message, start, "a number is too long", err);
}

gd_status gd_proto_next(gd_proto *message, gd_proto_field *field, bool *more, gd_error *err)
{
    const size_t start = message->at;
    uint64_t tag = 0, len = 0;
    gd_status rc;

    *more = start < message->end;
    if (!*more)
        return GD_OK;
    rc = read_number(message, &tag, err);
    if (rc)
        return rc;
    *field = (gd_proto_field){ .number = tag >> 3, .wire = (gd_wire)(tag & 7) };
    switch (tag & 7) {
    case GD_WIRE_NUMBER: return read_number(message, &field->value, err);
    case GD_WIRE_8: len = 8; break;
    case GD_WIRE_4: len = 4; break;
    case GD_WIRE_BYTES: rc = read_number(message, &len, err); break;
    default: return fail_at(message, start, "a field has a type that is not known", err);
    }
    if (!rc && len > message->end - message->at)
        rc = fail_at(message, start, "a field is cut", err);
    if (rc)
        return rc;
    field->at = message->at;
    field->len = (size_t)len;
    message->at += (size_t)len;
    return GD_OK;
}
