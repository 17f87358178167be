/* notes.c - notices that a user should see although nothing failed. */
#include "base/notes.h"

#include "base/error.h"
#include "base/mem.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define NOTES_MAX 64

gd_status gd_notes_add(gd_notes *notes, gd_error *err, const char *format, ...)
{
    gd_error printable = { 0 };
    char text[sizeof printable.text];
    va_list args;
    char *copy;

    if (notes->count == NOTES_MAX)
        return GD_OK;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    gd_fail(&printable, GD_EFORMAT, "%s", text); /* only to make hostile names printable */
    if (!gd_grow((void **)&notes->text, &notes->room, notes->count + 1, sizeof *notes->text))
        return gd_fail_memory(err, (notes->count + 1) * sizeof *notes->text);
    copy = gd_strdup(printable.text);
    if (!copy)
        return gd_fail_memory(err, strlen(printable.text) + 1);
    notes->text[notes->count++] = copy;
    return GD_OK;
}

static bool has(const gd_notes *notes, const char *text)
{
    for (size_t i = 0; i < notes->count; i++)
        if (!strcmp(notes->text[i], text))
            return true;
    return false;
}

gd_status gd_notes_collect(gd_notes *notes, gd_status rc, gd_error *err)
{
    const gd_error found = notes && rc && err ? *err : (gd_error){ 0 };

    if (!rc || rc == GD_ENOMEM || !notes)
        return rc;
    *err = (gd_error){ 0 }; /* of several failures, an error keeps the first */
    return has(notes, found.text) ? GD_OK : gd_notes_add(notes, err, "%s", found.text);
}

void gd_notes_free(gd_notes *notes)
{
    for (size_t i = 0; i < notes->count; i++)
        gd_free(notes->text[i]);
    gd_free(notes->text);
    *notes = (gd_notes){ 0 };
}
