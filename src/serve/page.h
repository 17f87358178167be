/* page.h - the page at /, on which a person pastes a prompt and answers: made of page.html by page.sh. */
#ifndef GD_SERVE_PAGE_H
#define GD_SERVE_PAGE_H

#include <stddef.h>

extern const unsigned char sv_page[]; /* [sv_page_size] HTML, UTF-8 */
extern const size_t sv_page_size;

/* For the header Content-Security-Policy: the page's own script and style run, requests go to its own server, and
 * nothing else is loaded. */
extern const char sv_page_policy[];

#endif
