/* nfc.h - Unicode normalization form C, as in the reference (Unicode 9). */
#ifndef GD_TEXT_NFC_H
#define GD_TEXT_NFC_H

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

/* Buffers that are kept from one text to the next. */
typedef struct gd_nfc {
    gd_buf out;
    uint32_t *marks; /* combining class << 24 | code point */
    uint32_t *sorted;
    size_t marks_room, sorted_room;
} gd_nfc;

void gd_nfc_free(gd_nfc *nfc);

/* Normalizes well-formed UTF-8. *out is `text` itself if nothing changes, else it is in nfc->out until the next call.
 * False without memory. classes: gd_classes_make(). */
bool gd_nfc_run(gd_nfc *nfc, const uint8_t *classes, const char *text, size_t len, const char **out, size_t *out_len);

#endif
