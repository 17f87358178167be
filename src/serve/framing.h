/* framing.h - where a request's body ends. */
#ifndef GD_SERVE_FRAMING_H
#define GD_SERVE_FRAMING_H

#include <microhttpd.h>
#include <stdbool.h>

/* What is wrong with what a head says of its body's end, in a sentence; NULL: nothing.  A proxy in front of the server
 * might find another end than libmicrohttpd does, and take what one client has sent for another one's request: so
 * whatever two readers may understand differently is refused, and the connection with it.  `has_end`: whether the head
 * says where a body ends, in whatever way; else it has none. */
const char *sv_framing_fault(struct MHD_Connection *connection, const char *version, bool *has_end);

#endif
