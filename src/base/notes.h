/* notes.h - notices that a user should see although nothing failed: "pytorch_model.bin is ignored". They are
 * collected when files are opened; `guerdon inspect` shows them. */
#ifndef GD_BASE_NOTES_H
#define GD_BASE_NOTES_H

#include "guerdon.h"

#include <stddef.h>

/* All zero is an empty list. */
typedef struct gd_notes {
    char **text; /* each on one line */
    size_t count, room;
} gd_notes;

/* Adds a notice, made printable as errors are. At most 64 are kept, so that a hostile file cannot fill the screen. */
gd_status gd_notes_add(gd_notes *notes, gd_error *err, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* For whoever goes on after a failure: adds its sentence, once, and returns GD_OK; only a lack of memory stays a
 * failure. With NULL for `notes`, returns rc. */
gd_status gd_notes_collect(gd_notes *notes, gd_status rc, gd_error *err);

void gd_notes_free(gd_notes *notes);

#endif
