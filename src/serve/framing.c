/* framing.c - heads that leave it open where they end, or their body. */
#include "serve/framing.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

struct framing {
    unsigned hosts, lengths, encodings;
    const char *encoding;
    const char *fault;
};

static const char length_name[] = MHD_HTTP_HEADER_CONTENT_LENGTH;
static const char encoding_name[] = MHD_HTTP_HEADER_TRANSFER_ENCODING;

/* What RFC 9110 calls a token. */
static bool is_name(const char *name)
{
    static const char others[] = "!#$%&'*+-.^_`|~";

    for (const char *p = name; *p; p++)
        if (!isalnum((unsigned char)*p) && !strchr(others, *p))
            return false;
    return *name != '\0';
}

static bool has_control(const char *value)
{
    for (const char *p = value; *p; p++)
        if (((unsigned char)*p < ' ' && *p != '\t') || *p == '\x7f')
            return true;
    return false;
}

/* Of a header that goes on in a second line, libmicrohttpd adds that line to the name. */
static bool begins_with(const char *name, const char *beginning, size_t len)
{
    return !strncasecmp(name, beginning, len) && name[len];
}

static const char *header_fault(const char *name, const char *value)
{
    if (!is_name(name))
        return "the name of a header has a blank or another character that names don't have";
    if (has_control(value))
        return "the value of a header has a control character";
    if (begins_with(name, length_name, sizeof length_name - 1) ||
        begins_with(name, encoding_name, sizeof encoding_name - 1))
        return "the header Content-Length or Transfer-Encoding is expected to end with its line, and its name with a "
               "colon";
    return NULL;
}

static enum MHD_Result look_at(void *context, enum MHD_ValueKind kind, const char *name, const char *value)
{
    struct framing *f = context;

    (void)kind;
    f->hosts += !strcasecmp(name, MHD_HTTP_HEADER_HOST);
    if (!strcasecmp(name, length_name)) {
        f->lengths++;
    } else if (!strcasecmp(name, encoding_name)) {
        f->encodings++;
        f->encoding = value;
    }
    f->fault = header_fault(name, value ? value : "");
    return f->fault ? MHD_NO : MHD_YES;
}

const char *sv_framing_fault(struct MHD_Connection *connection, const char *version, bool *has_end)
{
    struct framing f = { 0 };

    (void)MHD_get_connection_values(connection, MHD_HEADER_KIND, look_at, &f);
    *has_end = f.lengths || f.encodings;
    if (f.fault)
        return f.fault;
    if (f.hosts > 1)
        return "the request has several Host headers, but one is expected";
    if (f.lengths > 1)
        return "the request has several Content-Length headers, but one is expected";
    if (f.encodings > 1)
        return "the request has several Transfer-Encoding headers, but one is expected";
    if (f.lengths && f.encodings)
        return "the request has both Content-Length and Transfer-Encoding, but only one of them is expected";
    if (f.encodings && (!f.encoding || strcasecmp(f.encoding, "chunked") != 0))
        return "the Transfer-Encoding is not one that is understood; chunked is";
    if (f.encodings && !strcmp(version, MHD_HTTP_VERSION_1_0))
        return "HTTP/1.0 has no Transfer-Encoding, but the request has one";
    return NULL;
}
