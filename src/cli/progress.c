/* progress.c - the progress bar on standard error. */
#include "cli/progress.h"

#include "cli/cli.h"

#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define CELLS 20
#define REDRAW_SECONDS 0.1

static double now(void)
{
    struct timespec t = { 0, 0 };

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

void cli_progress_start(cli_progress *bar)
{
    bar->start = now();
    bar->last = bar->start - REDRAW_SECONDS;
}

static void draw_time(double seconds)
{
    char room[CLI_NUMBER_ROOM];

    fprintf(stderr, "%s left", cli_time(room, seconds));
}

/* Clears the line, and draws a bar of so many cells if `part` is known (not negative). */
static void begin_bar(cli_progress *bar, double part, int cells)
{
    bar->drawn = 1;
    (void)fputs("\r\x1b[K", stderr);
    if (part < 0)
        return;
    if (cells > 0)
        (void)putc('[', stderr);
    for (int i = 0; i < cells; i++)
        (void)putc(i < (int)(part * cells) ? '=' : ' ', stderr);
    fprintf(stderr, "%s%3d%%  ", cells > 0 ? "] " : "", (int)(part * 100));
}

static void begin_line(cli_progress *bar, double part) { begin_bar(bar, part, CELLS); }

void cli_progress_step(cli_progress *bar, const char *what, double done, double expected)
{
    const double t = now(), part = expected <= 0 ? -1 : done < expected ? done / expected : 1;

    if (!bar->shown || t - bar->last < REDRAW_SECONDS)
        return;
    bar->last = t;
    begin_line(bar, part);
    if (part >= 0) {
        draw_time(expected > done ? expected - done : 0);
        (void)fputs("  ", stderr);
    }
    (void)fputs(what, stderr);
    (void)fflush(stderr);
}

void cli_progress_bytes(cli_progress *bar, const char *what, uint64_t done, uint64_t total)
{
    const double elapsed = now() - bar->start;

    cli_progress_step(bar, what, elapsed, done ? elapsed * (double)total / (double)done : 0);
}

void cli_progress_draw(cli_progress *bar, uint64_t items, uint64_t bytes, uint64_t bytes_total, uint64_t tokens)
{
    const double t = now(), elapsed = t - bar->start;
    const double part = bytes_total && bytes < bytes_total ? (double)bytes / (double)bytes_total : 1;
    char number[2][CLI_NUMBER_ROOM];

    if (!bar->shown || t - bar->last < REDRAW_SECONDS)
        return;
    bar->last = t;
    begin_line(bar, bytes_total ? part : -1);
    fprintf(stderr, "%s items", cli_number(number[0], items));
    if (!bar->rateless)
        fprintf(stderr, "  %s tokens/s",
                cli_number(number[1], elapsed > 0 ? (unsigned long long)((double)tokens / elapsed) : 0));
    if (bytes_total && bytes) {
        (void)fputs("  ", stderr);
        draw_time(elapsed * (1 - part) / part);
    }
    (void)fflush(stderr);
}

/* The width of the terminal. */
static int columns(void)
{
    struct winsize size = { 0 };

    return !ioctl(STDERR_FILENO, TIOCGWINSZ, &size) && size.ws_col ? size.ws_col : 80;
}

/* Appends to a line. */
static void append(char text[160], const char *format, ...) __attribute__((format(printf, 2, 3)));
static void append(char text[160], const char *format, ...)
{
    const size_t len = strlen(text);
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text + len, 160 - len, format, args);
    va_end(args);
}

static void describe_step(char text[160], const gd_train_report *step)
{
    char number[2][CLI_NUMBER_ROOM], time[CLI_NUMBER_ROOM];

    text[0] = '\0';
    append(text, "%s/%s", cli_number(number[0], step->step), cli_number(number[1], step->steps));
    if (step->to_score) {
        append(text, "  evaluating: %s/%s texts", cli_number(number[0], step->scored),
               cli_number(number[1], step->to_score));
        return;
    }
    if (step->step)
        append(text, "  loss %.4f  accuracy %.3f", step->loss, step->accuracy);
    if (step->pairs_per_second > 0)
        append(text, "  %.*f pairs/s", step->pairs_per_second < 10 ? 2 : 0, step->pairs_per_second);
    if (isfinite(step->seconds_left))
        append(text, "  %s left", cli_time(time, step->seconds_left));
}

/* For a file, which is read later. */
static void print_step(cli_progress *bar, const gd_train_report *step)
{
    enum { LINES = 20 };
    const bool due = step->step == 1 || step->step * LINES / step->steps > bar->told * LINES / step->steps;
    char text[160];

    if (step->note || step->to_score || step->step == bar->told || step->step == step->steps || !due)
        return;
    bar->told = step->step;
    describe_step(text, step);
    fprintf(stderr, "%s\n", text);
}

/* The bar gets what the rest leaves of the line, which must not wrap. */
void cli_progress_train(cli_progress *bar, const gd_train_report *step)
{
    const double t = now();
    char text[160];
    int cells;

    if (!bar->shown && bar->summary && step->steps)
        print_step(bar, step);
    if (!bar->shown || !step->steps || t - bar->last < REDRAW_SECONDS)
        return;
    bar->last = t;
    describe_step(text, step);
    cells = (columns() - (int)strlen(text) - 10) / 4 * 4; /* the same for texts of about the same length */
    begin_bar(bar, (double)step->step / (double)step->steps, cells < 4 ? 0 : cells < CELLS ? cells : CELLS);
    (void)fputs(text, stderr);
    (void)fflush(stderr);
}

void cli_progress_clear(cli_progress *bar)
{
    if (bar->drawn)
        (void)fputs("\r\x1b[K", stderr);
    bar->drawn = 0;
    bar->last = 0; /* to be drawn again at once */
}

static void show_count(const char *what, uint64_t count)
{
    char number[CLI_NUMBER_ROOM];

    if (count)
        fprintf(stderr, ", %s %s", cli_number(number, count), what);
}

void cli_progress_summary(const cli_progress *bar, const char *done, const gd_summary *summary)
{
    const double seconds = now() - bar->start;
    const double rate = seconds > 0 ? (double)summary->tokens / seconds : 0;
    char number[CLI_NUMBER_ROOM];

    if (!bar->summary)
        return;
    fprintf(stderr, "%s %s item%s", done, cli_number(number, summary->items), summary->items == 1 ? "" : "s");
    show_count("failed", summary->failed);
    show_count("left out", summary->dropped);
    show_count("cut", summary->truncated);
    fprintf(stderr, ": %s token%s", cli_number(number, summary->tokens), summary->tokens == 1 ? "" : "s");
    if (summary->rows)
        fprintf(stderr, ", %s saved by sharing",
                cli_number(number, summary->tokens > summary->rows ? summary->tokens - summary->rows : 0));
    fprintf(stderr, ", %.1f s", seconds);
    if (!bar->rateless)
        fprintf(stderr, ", %s tokens/s", cli_number(number, (unsigned long long)rate));
    (void)putc('\n', stderr);
}
