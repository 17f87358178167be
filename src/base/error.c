/* error.c - failing with an error message. */
#include "base/error.h"

#include "base/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Names in a message come from files: no line break, escape sequence or partial character may reach a terminal. */
void gd_printable(char *text)
{
    size_t len = strlen(text);

    for (size_t i = 0; i < len;) {
        const size_t n = gd_utf8_valid_len((const unsigned char *)text + i, len - i);
        const unsigned char c = (unsigned char)text[i];

        if (n == 0 || c < 0x20 || c == 0x7f)
            text[i] = '?';
        i += n ? n : 1;
    }
}

gd_status gd_fail(gd_error *err, gd_status status, const char *format, ...)
{
    va_list args;

    if (!err || err->status != GD_OK)
        return status;
    err->status = status;
    va_start(args, format);
    (void)vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    gd_printable(err->text);
    return status;
}

gd_status gd_fail_memory(gd_error *err, size_t bytes)
{
    return gd_fail(err, GD_ENOMEM, "out of memory: cannot allocate %zu bytes", bytes);
}
