/* message.c - messages for people: errors, numbers, a guess at what was mistyped. */
#include "cli/cli.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

void cli_print(FILE *stream, const char *text)
{
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        /* C0, DEL, and C1 in UTF-8: control characters, which a terminal would obey */
        if (*p == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0) {
            (void)putc('?', stream);
            p++;
        } else {
            (void)putc(*p < 0x20 || *p == 0x7f ? '?' : *p, stream);
        }
    }
}

void cli_say(const char *format, ...)
{
    char text[2048];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    (void)fputs("guerdon: ", stderr);
    cli_print(stderr, text);
    (void)putc('\n', stderr);
}

const char *cli_number(char *buffer, unsigned long long value)
{
    char *p = buffer + CLI_NUMBER_ROOM - 1;

    *p = '\0';
    for (int digits = 0; digits == 0 || value; digits++, value /= 10) {
        if (digits && digits % 3 == 0)
            *--p = ',';
        *--p = (char)('0' + value % 10);
    }
    return p;
}

const char *cli_time(char *buffer, double seconds)
{
    const unsigned long s = seconds < 3.6e8 ? (unsigned long)(seconds + 0.5) : 360000000;

    if (s >= 3600)
        (void)snprintf(buffer, CLI_NUMBER_ROOM, "%lu:%02lu:%02lu", s / 3600, s / 60 % 60, s % 60);
    else
        (void)snprintf(buffer, CLI_NUMBER_ROOM, "%lu:%02lu", s / 60, s % 60);
    return buffer;
}

/* Whether standard output is a pipe that nobody reads any more. */
static int is_reader_gone(void)
{
    struct pollfd out = { .fd = STDOUT_FILENO };

    return poll(&out, 1, 0) > 0 && (out.revents & POLLERR);
}

int cli_fail(gd_status rc, const gd_error *err)
{
    if (rc == GD_OK)
        return CLI_OK;
    if (rc == GD_EIO && !strncmp(err->text, "standard output:", 16) && is_reader_gone())
        return CLI_PIPE;
    /* An interrupt may have shown up as some other failure. */
    cli_say("%s", rc == GD_EINTERRUPTED && err->status != GD_EINTERRUPTED ? "interrupted" : err->text);
    switch (rc) {
    case GD_EINTERRUPTED: return CLI_INTERRUPTED;
    case GD_EITEM: return CLI_ITEMS;
    case GD_EUSAGE: return CLI_USAGE;
    case GD_ENOMEM: return CLI_RESOURCE;
    default: return CLI_UNUSABLE;
    }
}

int cli_no_memory(void)
{
    cli_say("out of memory");
    return CLI_RESOURCE;
}

int cli_finish_output(void)
{
    errno = 0;
    if (!fflush(stdout) && !ferror(stdout))
        return CLI_OK;
    if (is_reader_gone())
        return CLI_PIPE;
    cli_say("standard output: %s", errno ? strerror(errno) : "not everything could be written");
    return CLI_UNUSABLE;
}

/* The edit distance between two words; words too long for a flag are far from everything. */
static size_t distance(const char *a, const char *b)
{
    enum { MOST = 32 };
    const size_t rows = strlen(a), columns = strlen(b);
    size_t last[MOST + 1];

    if (rows > MOST || columns > MOST)
        return MOST;
    for (size_t j = 0; j <= columns; j++)
        last[j] = j;
    for (size_t i = 1; i <= rows; i++) {
        size_t corner = last[0];

        last[0] = i;
        for (size_t j = 1; j <= columns; j++) {
            const size_t replaced = corner + (a[i - 1] != b[j - 1]);
            const size_t moved = (last[j] < last[j - 1] ? last[j] : last[j - 1]) + 1;

            corner = last[j];
            last[j] = replaced < moved ? replaced : moved;
        }
    }
    return last[columns];
}

const char *cli_closest(const char *typed, const char *(*next)(const void *context, size_t index), const void *context)
{
    const size_t len = strlen(typed);
    const char *word, *best = NULL;
    size_t least = len / 3 + 2; /* one typo in a short word, a few in a long one */

    for (size_t i = 0; (word = next(context, i)) != NULL; i++) {
        /* the beginning of a flag counts as one typo */
        const size_t d = len >= 3 && !strncmp(word, typed, len) ? 1 : distance(typed, word);

        if (d < least) {
            least = d;
            best = word;
        }
    }
    return best;
}
