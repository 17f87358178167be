/* framing.c - heads that leave it open where their body ends. */
#include "serve/framing.h"

#include <string.h>
#include <strings.h>

struct framing {
    unsigned lengths, encodings;
    const char *encoding;
};

static enum MHD_Result look_at(void *context, enum MHD_ValueKind kind, const char *name, const char *value)
{
    struct framing *f = context;

    (void)kind;
    if (!strcasecmp(name, MHD_HTTP_HEADER_CONTENT_LENGTH)) {
        f->lengths++;
    } else if (!strcasecmp(name, MHD_HTTP_HEADER_TRANSFER_ENCODING)) {
        f->encodings++;
        f->encoding = value;
    }
    return MHD_YES;
}

const char *sv_framing_fault(struct MHD_Connection *connection)
{
    struct framing f = { 0, 0, NULL };

    (void)MHD_get_connection_values(connection, MHD_HEADER_KIND, look_at, &f);
    if (f.lengths > 1)
        return "the request has several Content-Length headers, but one is expected";
    if (f.encodings > 1)
        return "the request has several Transfer-Encoding headers, but one is expected";
    if (f.lengths && f.encodings)
        return "the request has both Content-Length and Transfer-Encoding, but only one of them is expected";
    if (f.encodings && (!f.encoding || strcasecmp(f.encoding, "chunked") != 0))
        return "the Transfer-Encoding is not one that is understood; chunked is";
    return NULL;
}
